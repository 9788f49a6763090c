use std::path::PathBuf;

use clap::Args;

use super::{Want, provider::Wish};
use crate::{plugin::names::RealmArgument, realm::Issuer};

/// Where docs/workloads.md mounts the projected token.
const PROJECTED: &str = "/var/run/identity/token";

/// The options of `kubectl realmkeeper token`.
#[derive(Args, Clone, Debug)]
pub struct TokenOptions {
    /// The issuer of the realm
    #[arg(long, value_name = "URL", value_parser = Issuer::parse, required_unless_present = "realm")]
    pub issuer: Option<Issuer>,
    /// The Realm, whose issuer is looked up in its status
    ///
    /// Not for an exec plugin: its kubeconfig would ask the plugin for a token to find out whom to ask for a token.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["issuer", "exec_credential"])]
    pub realm: Option<RealmArgument>,
    /// The client identifier [default: kubectl; for a workload that of its ServiceAccount]
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// The scopes to ask for, separated by blanks [default: openid email; none for a workload]
    #[arg(long, value_name = "SCOPES")]
    pub scope: Option<String>,
    /// The resource server that the access token is for (RFC 8707); may be given more than once
    #[arg(long, visible_alias = "audience", value_name = "URI")]
    pub resource: Vec<String>,
    /// More certificate authorities to trust (PEM), beside those of this machine
    #[arg(long, value_name = "FILE")]
    pub certificate_authority: Option<PathBuf>,
    /// Print the ID token instead of the access token
    #[arg(long, conflicts_with_all = ["exec_credential", "workload", "service_account_token_file"])]
    pub id_token: bool,
    /// Print an ExecCredential (client.authentication.k8s.io/v1), as kubectl asks its plugins for
    ///
    /// It holds the ID token, which is what kube-apiserver wants; for a workload, which has none, the access token.
    #[arg(long)]
    pub exec_credential: bool,
    /// The port of 127.0.0.1 at which the answer of the sign-in is received [default: any that is free]
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    pub listen_port: u16,
    /// Print the address to sign in at, and open no browser
    #[arg(long)]
    pub no_browser: bool,
    /// How many seconds a person may take to sign in
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub login_timeout: u64,
    /// Authenticate by this pod's projected ServiceAccount token instead of a person
    #[arg(long)]
    pub workload: bool,
    /// The file of the projected token [default: /var/run/identity/token, with --workload]
    #[arg(long, value_name = "FILE")]
    pub service_account_token_file: Option<PathBuf>,
    /// Neither read nor write the cache
    #[arg(long)]
    pub no_cache: bool,
    /// Revoke the refresh token at the provider and forget what is cached
    #[arg(long, conflicts_with_all = ["id_token", "exec_credential", "no_cache"])]
    pub logout: bool,
}

impl TokenOptions {
    /// The file of the projected token; none: a person signs in.
    pub fn service_account_token(&self) -> Option<PathBuf> {
        let file = self.service_account_token_file.clone();
        file.or_else(|| self.workload.then(|| PathBuf::from(PROJECTED)))
    }

    fn is_workload(&self) -> bool {
        self.workload || self.service_account_token_file.is_some()
    }

    /// Which token is printed.
    pub fn want(&self) -> Want {
        if self.id_token || (self.exec_credential && !self.is_workload()) { Want::Id } else { Want::Access }
    }

    /// Who asks, and for what.
    pub fn wish(&self) -> Wish {
        let is_workload = self.is_workload();
        let (client_id, scope) = if is_workload { (None, "") } else { (Some("kubectl"), "openid email") };
        Wish {
            client_id: self.client_id.clone().or(client_id.map(str::to_owned)),
            scope: self.scope.clone().unwrap_or_else(|| scope.to_owned()),
            resources: self.resource.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{TokenOptions, Want};

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        options: TokenOptions,
    }

    fn parse(line: &str) -> Result<TokenOptions, clap::Error> {
        let words = ["token"].into_iter().chain(line.split_whitespace());
        Line::try_parse_from(words).map(|line| line.options)
    }

    #[test]
    fn a_person_and_a_workload_have_their_own_defaults() {
        let person = parse("--issuer https://id.example/staff/").unwrap();
        assert_eq!(person.issuer.as_ref().unwrap().as_str(), "https://id.example/staff");
        let wish = person.wish();
        assert_eq!((wish.client_id.as_deref(), wish.scope.as_str()), (Some("kubectl"), "openid email"));
        assert_eq!((person.service_account_token(), person.want()), (None, Want::Access));
        let workload =
            parse("--issuer https://id.example --workload --audience https://a --resource https://b").unwrap();
        let wish = workload.wish();
        assert_eq!((wish.client_id, wish.scope.as_str(), wish.resources.len()), (None, "", 2));
        assert_eq!(workload.service_account_token().unwrap().to_str(), Some("/var/run/identity/token"));
    }

    #[test]
    fn kube_apiserver_gets_the_id_token_and_of_a_workload_the_only_token_that_there_is() {
        let want = |line: &str| parse(&format!("--issuer https://id.example {line}")).unwrap().want();
        assert_eq!(want("--id-token"), Want::Id);
        assert_eq!(want("--exec-credential"), Want::Id);
        assert_eq!(want("--exec-credential --workload"), Want::Access);
        assert_eq!(want("--exec-credential --service-account-token-file x"), Want::Access);
    }

    #[test]
    fn what_contradicts_itself_is_wrong_usage() {
        for line in [
            "",
            "--issuer ftp://x",
            "--issuer http://id.example",
            "--issuer https://a --realm staff",
            "--realm staff --exec-credential",
            "--issuer https://a --id-token --exec-credential",
            "--issuer https://a --id-token --workload",
            "--issuer https://a --logout --no-cache",
            "--issuer https://a --login-timeout 0",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
