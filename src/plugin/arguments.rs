use clap::{Args, Parser, Subcommand};

use super::{
    authentication_config::AuthenticationConfigOptions,
    connection::ConnectionOptions,
    explain::ExplainOptions,
    kubeconfig::KubeconfigOptions,
    output::{ColorChoice, Format},
    rotate::RotateOptions,
    status::StatusOptions,
    token::TokenOptions,
};

/// The command line of the binary under the name `kubectl-realmkeeper`.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl realmkeeper",
    bin_name = "kubectl realmkeeper",
    version,
    about = "See and steer Realmkeeper's resources from the shell",
    arg_required_else_help = true,
    subcommand_required = true,
    after_help = EXIT_CODES
)]
pub struct Standalone {
    /// The rest of it.
    #[command(flatten)]
    pub arguments: Arguments,
}

/// How a command ends.
pub const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed (the reason stands on standard error), 2 wrong usage.";

/// The argument tree, whichever name it is reached under.
#[derive(Debug, Args)]
pub struct Arguments {
    /// What all commands have.
    #[command(flatten)]
    pub options: CommonOptions,
    /// What is to be done.
    #[command(subcommand)]
    pub command: Command,
}

/// What all commands have.
#[derive(Args, Clone, Debug)]
pub struct CommonOptions {
    /// Which cluster, and as whom.
    #[command(flatten)]
    pub connection: ConnectionOptions,
    /// What is printed: text for people, json and yaml with stable names for programs
    #[arg(
        long,
        short,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value = "text",
        help_heading = "Output"
    )]
    pub output: Format,
    /// Whether the text has colours; auto: on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value = "auto", help_heading = "Output")]
    pub color: ColorChoice,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show a realm as a tree, and what is wrong with it first
    ///
    /// Shown are its keys with their times, its clients (of all namespaces), users and groups, and every condition that is not as it
    /// should be. What you may not see is said, and the rest is shown. No Secret is read.
    Status(StatusOptions),
    /// Ask for a new signing key or client secret now, and watch it come
    ///
    /// Sets the annotation realmkeeper.dev/rotate to a new value, and shows each step as the operator takes it: for a SigningKey
    /// until the new key signs, for an OidcClient until the new secret is the current one. Former ones stay good for as long as the
    /// resource says.
    Rotate(RotateOptions),
    /// Print a kubeconfig whose user signs in to a realm
    ///
    /// The user's credentials come from `kubectl-realmkeeper token`, so the file holds no secret and can be given to everybody. The
    /// cluster is that of the context in use. Whether the cluster lets people in is for kube-apiserver: see authentication-config.
    Kubeconfig(Box<KubeconfigOptions>),
    /// Print the file by which kube-apiserver trusts a realm
    ///
    /// It is the AuthenticationConfiguration (apiserver.config.k8s.io/v1) for kube-apiserver's option --authentication-config. The
    /// issuer is that of the Realm's status.
    AuthenticationConfig(Box<AuthenticationConfigOptions>),
    /// Say why a request, a client or a token would be refused, and what to change
    ///
    /// Takes the URL of an authorization request as it stands in the browser, an oidcclient/NAME, or an access token, and goes through
    /// the provider's own steps with the resources as they are now. No Secret is read, nothing is written, and no token is printed.
    Explain(Box<ExplainOptions>),
    /// Print a token of a realm
    ///
    /// A person signs in with the browser; a pod authenticates by its projected ServiceAccount token (--workload). Tokens are kept in
    /// ${XDG_CACHE_HOME:-~/.cache}/kubectl-realmkeeper and refreshed. With --exec-credential it is a credential plugin for kubeconfig.
    /// With -o json or yaml the whole answer of the provider is printed, the refresh token too.
    Token(Box<TokenOptions>),
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::Standalone;
    use crate::plugin::output::Format;

    #[test]
    fn the_command_line_is_consistent_and_explains_itself() {
        Standalone::command().debug_assert();
        let root = Standalone::command();
        for command in root.get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in root.get_arguments().chain(command.get_arguments()) {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
        }
    }

    #[test]
    fn common_options_stand_before_and_after_the_command() {
        let before = ["x", "-n", "a", "-o", "json", "authentication-config", "staff", "--client-id", "kubectl"];
        let after = ["x", "authentication-config", "staff", "--client-id", "kubectl", "-n", "a", "-o", "json"];
        for line in [before, after] {
            let options = Standalone::try_parse_from(line).unwrap().arguments.options;
            assert_eq!((options.connection.namespace.as_deref(), options.output), (Some("a"), Format::Json));
        }
    }

    #[test]
    fn wrong_usage_is_told_from_failure() {
        for line in [&["x", "frobnicate"][..], &["x", "-o", "xml", "status"], &["x", "authentication-config"], &["x"]] {
            assert_eq!(Standalone::try_parse_from(line).unwrap_err().exit_code(), 2, "{line:?}");
        }
    }
}
