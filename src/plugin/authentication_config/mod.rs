mod document;

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

pub use self::document::{AuthenticationConfiguration, Extra, Prefix, Trust};
use super::{
    Plugin, PluginError, certificates,
    names::RealmArgument,
    realms::{self, ClientChoice},
};

/// The options of `authentication-config`.
#[derive(Args, Clone, Debug)]
pub struct AuthenticationConfigOptions {
    /// The Realm to trust
    #[arg(value_name = "REALM")]
    pub realm: RealmArgument,
    /// Whose ID tokens are taken.
    #[command(flatten)]
    pub client: ClientChoice,
    /// Another audience whose tokens are taken; may be given more than once
    #[arg(long, value_name = "AUDIENCE")]
    pub audience: Vec<String>,
    /// The file with the CA's certificates (PEM), where the realm's certificate is not one that the API server's system trusts
    #[arg(long, value_name = "FILE")]
    pub certificate_authority: Option<PathBuf>,
    /// The claim that becomes the username; with email, the address must be verified
    #[arg(long, value_name = "CLAIM", default_value = "email", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub username_claim: String,
    /// What stands before the username, so that nobody is taken for a user of another origin [default: the Realm's name and a
    /// colon]
    #[arg(long, value_name = "PREFIX")]
    pub username_prefix: Option<Prefix>,
    /// The claim that holds the groups; empty for none
    #[arg(long, value_name = "CLAIM", default_value = "groups")]
    pub groups_claim: String,
    /// What stands before each group [default: the Realm's name and a colon]
    #[arg(long, value_name = "PREFIX")]
    pub groups_prefix: Option<Prefix>,
    /// The claim that becomes the uid; empty for none
    #[arg(long, value_name = "CLAIM", default_value = "sub")]
    pub uid_claim: String,
    /// An extra attribute: KEY is a domain and a path, EXPRESSION is CEL over claims, such as
    /// example.com/department=claims.department; may be given more than once
    #[arg(long, value_name = "KEY=EXPRESSION")]
    pub extra: Vec<Extra>,
}

/// Prints the file.
pub(super) async fn run(options: AuthenticationConfigOptions, plugin: &mut Plugin) -> Result<ExitCode, PluginError> {
    let connection = plugin.connect().await?;
    let RealmArgument(realm) = &options.realm;
    let issuer = realms::issuer(&connection, realm).await?;
    let (client_id, _) = realms::client(&connection, realm, &options.client).await?;
    let certificate_authority = options.certificate_authority.as_deref();
    let certificate_authority =
        certificate_authority.map(|file| certificates::read("--certificate-authority", file)).transpose()?;
    if !issuer.starts_with("https://") {
        return Err(PluginError::Refused(format!(
            "kube-apiserver takes issuers with https only, and Realm {realm} has {issuer}: serve it with TLS (--tls-cert, or a \
             proxy before it) and set --public-url or the Realm's spec.issuer"
        )));
    }
    let prefix = Prefix::of_realm(realm);
    let trust = Trust {
        issuer,
        client_id,
        audiences: options.audience,
        certificate_authority,
        username_claim: options.username_claim,
        username_prefix: options.username_prefix.unwrap_or_else(|| prefix.clone()),
        groups_claim: Some(options.groups_claim).filter(|claim| !claim.is_empty()),
        groups_prefix: options.groups_prefix.unwrap_or(prefix),
        uid_claim: Some(options.uid_claim).filter(|claim| !claim.is_empty()),
        extra: options.extra,
    };
    plugin.console.document(&AuthenticationConfiguration::trusting(trust))?;
    Ok(ExitCode::SUCCESS)
}
