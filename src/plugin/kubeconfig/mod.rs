mod document;
mod suits;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf, absolute},
    process::ExitCode,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use clap::Args;
use kube::config::Kubeconfig;

use self::document::{Cluster, ExecUser, Named};
pub use self::document::{KubeconfigFile, Login};
use super::{
    Plugin, PluginError, certificates,
    connection::ConnectionOptions,
    names::RealmArgument,
    realms::{self, ClientChoice},
};

/// The scopes that kube-apiserver has use for, where it is not known which the client may ask for.
const SCOPES: [&str; 3] = ["openid", "email", "groups"];

/// The options of `kubeconfig`.
#[derive(Args, Clone, Debug)]
pub struct KubeconfigOptions {
    /// The Realm that people sign in to
    #[arg(value_name = "REALM")]
    pub realm: RealmArgument,
    /// The client that kubectl is.
    #[command(flatten)]
    pub client: ClientChoice,
    /// The name of the user and of the context in the file [default: the Realm's name]
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub name: Option<String>,
    /// The scopes to ask for, separated by blanks [default: openid email groups; with --client those of them that it may ask for, and
    /// offline_access]
    #[arg(long, value_name = "SCOPES", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub scope: Option<String>,
    /// The file with more CA certificates to trust at sign-in, on the machine of whoever uses the kubeconfig
    #[arg(long, value_name = "FILE")]
    pub certificate_authority: Option<PathBuf>,
    /// Print the user only, to be merged with a kubeconfig that has the cluster
    #[arg(long)]
    pub user_only: bool,
}

/// Prints the file.
pub(super) async fn run(options: KubeconfigOptions, plugin: &mut Plugin) -> Result<ExitCode, PluginError> {
    let connection = plugin.connect().await?;
    let RealmArgument(realm) = &options.realm;
    let issuer = realms::issuer(&connection, realm).await?;
    let (client_id, client) = realms::client(&connection, realm, &options.client).await?;
    if let Some(client) = &client {
        for doubt in suits::doubts(client) {
            plugin.console.note(doubt);
        }
    }
    let scope = options.scope.clone().unwrap_or_else(|| match &client {
        Some(client) => suits::scopes(client),
        None => SCOPES.join(" "),
    });
    let certificate_authority =
        options.certificate_authority.as_deref().map(|file| reachable(plugin, file)).transpose()?;
    let login = Login { issuer, client_id, scope, certificate_authority };
    let name = options.name.clone().unwrap_or_else(|| realm.clone());
    let user = Named { name: name.clone(), entry: ExecUser::of(&login) };
    let file = if options.user_only {
        KubeconfigFile::of_user(user)
    } else {
        KubeconfigFile::whole(cluster(&plugin.connection).await?, user)
    };
    plugin.console.document(&file)?;
    Ok(ExitCode::SUCCESS)
}

/// The file as it is found from any folder.
fn reachable(plugin: &Plugin, file: &Path) -> Result<String, PluginError> {
    let failed =
        |source| PluginError::File { option: "--certificate-authority", path: file.display().to_string(), source };
    let path = absolute(file).map_err(failed)?;
    if !path.is_file() {
        plugin.console.note(format!("there is no file {} on this machine", path.display()));
    }
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| failed(std::io::Error::new(std::io::ErrorKind::InvalidData, "its path is no Unicode")))
}

/// The cluster that we talk to ourselves, with its certificates in the file; nothing of the credentials.
async fn cluster(options: &ConnectionOptions) -> Result<Named<Cluster>, PluginError> {
    let config = options.config().await?;
    let known = options.read().ok().and_then(|kubeconfig| chosen(&kubeconfig, options));
    let (name, known) = known.unwrap_or_else(|| ("kubernetes".to_owned(), kube::config::Cluster::default()));
    let pem = config.root_cert.as_ref().map(|ders| certificates::encode(ders));
    let entry = Cluster {
        server: config.cluster_url.to_string().trim_end_matches('/').to_owned(),
        certificate_authority_data: pem.map(|pem| STANDARD.encode(pem)),
        insecure_skip_tls_verify: config.accept_invalid_certs,
        tls_server_name: config.tls_server_name,
        proxy_url: known.proxy_url,
    };
    Ok(Named { name, entry })
}

/// The cluster of the context in use, by its name.
fn chosen(kubeconfig: &Kubeconfig, options: &ConnectionOptions) -> Option<(String, kube::config::Cluster)> {
    let context = options.context.as_ref().or(kubeconfig.current_context.as_ref())?;
    let context = kubeconfig.contexts.iter().find(|named| named.name == *context)?.context.as_ref()?;
    let cluster = kubeconfig.clusters.iter().find(|named| named.name == context.cluster)?;
    Some((cluster.name.clone(), cluster.cluster.clone()?))
}
