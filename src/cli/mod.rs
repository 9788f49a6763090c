use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod check;
mod crds;
mod hash_password;
mod kubectl;
mod operator;
mod options;
mod run;
mod serve;

use crate::plugin;

pub use options::{LogFormat, OperatorOptions, ServeOptions, ServerOptions, StoreArgument, Tls, WorkloadTrust};

/// Kubernetes resources in, a running OpenID Provider out.
///
/// Realmkeeper serves the Realms, OidcClients, Users, Groups and SigningKeys (realmkeeper.dev/v1alpha1) that it finds in a
/// cluster or in a directory. Each Realm is an OpenID Provider of its own.
#[derive(Debug, Parser)]
#[command(
    name = "realmkeeper",
    version,
    arg_required_else_help = true,
    subcommand_required = true,
    after_help = "Every option is an environment variable too, but for those of kubectl: --public-url is REALMKEEPER_PUBLIC_URL.\n\
                  Exit codes: 0 done, 1 failed (the reason stands on standard error), 2 wrong usage."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the resources of a Kubernetes cluster, and write Secrets and statuses back
    ///
    /// Runs inside a cluster with its ServiceAccount, or outside with the current context of the kubeconfig. Every replica
    /// serves; the one that holds the Lease writes.
    Operator(Box<OperatorOptions>),
    /// Serve the resources of a directory, without a cluster
    ///
    /// Every *.yaml and *.yml file below DIR is read, several documents a file, and watched: a saved file is live within a
    /// second. Generated Secrets are written to DIR/.realmkeeper/secrets/NAMESPACE/NAME.yaml (mode 0600), statuses to
    /// DIR/.realmkeeper/status/KIND/NAMESPACE/NAME.yaml.
    Serve(Box<ServeOptions>),
    /// Validate the manifests of a directory, and print every problem
    ///
    /// Checks what the API server would check (schema, CEL rules) and what the operator would (references, tenancy, conflicts, cycles), and prints
    /// every problem as `file:line: kind/name: field: message`. Exit code 1 if there is any.
    Check(check::CheckOptions),
    /// Print the custom resource definitions as YAML
    ///
    /// To install them: realmkeeper crds | kubectl apply --server-side -f -
    Crds(crds::CrdsOptions),
    /// Read a password from standard input, and print its hash for the entry password-hash of a User's Secret
    ///
    /// The hash is a PHC string of argon2id (m=19456, t=2, p=1). One newline at the end is no part of the password.
    ///
    /// Example: printf %s "$PASSWORD" | realmkeeper hash-password
    HashPassword,
    /// What a person does from the shell: `kubectl realmkeeper` by another name
    ///
    /// Where the binary is called kubectl-realmkeeper and stands on the PATH, kubectl finds it as a plugin, and `kubectl realmkeeper
    /// COMMAND` is the same as `realmkeeper kubectl COMMAND`: ln -s realmkeeper kubectl-realmkeeper
    #[command(arg_required_else_help = true, after_help = plugin::arguments::EXIT_CODES)]
    Kubectl(Box<plugin::Arguments>),
}

/// Parses the command line and runs the command: that of kubectl's plugin where the program is called by its name.
pub fn main() -> ExitCode {
    let program = std::env::args_os().next().unwrap_or_default();
    let (name, done) = if plugin::is_called_so(&program) {
        ("kubectl realmkeeper", kubectl::run(plugin::Standalone::parse().arguments))
    } else {
        ("realmkeeper", run(Cli::parse().command))
    };
    done.unwrap_or_else(|error| {
        eprintln!("{name}: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Operator(options) => operator::run(*options),
        Command::Serve(options) => serve::run(*options),
        Command::Check(options) => check::run(&options),
        Command::Crds(options) => crds::run(&options),
        Command::HashPassword => hash_password::run(),
        Command::Kubectl(arguments) => kubectl::run(*arguments),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::{Cli, Command};

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// Every option of every command, by command; those of the plugin follow kubectl's conventions instead.
    fn options() -> Vec<(String, clap::Arg)> {
        let cli = Cli::command();
        let named = |command: &clap::Command| {
            let name = command.get_name().to_owned();
            command.get_opts().cloned().map(move |arg| (name.clone(), arg)).collect::<Vec<_>>()
        };
        cli.get_subcommands().filter(|command| command.get_name() != "kubectl").flat_map(named).collect()
    }

    #[test]
    fn every_option_is_an_environment_variable_of_its_name_and_explains_itself() {
        for (command, option) in options() {
            let long = option.get_long().unwrap();
            let expected = format!("REALMKEEPER_{}", long.replace('-', "_").to_uppercase());
            let env = option.get_env().map(|env| env.to_string_lossy().into_owned());
            assert_eq!(env.as_deref(), Some(&*expected), "{command} --{long}");
            assert!(option.get_help().is_some(), "{command} --{long}");
        }
    }

    #[test]
    fn the_commands_of_the_plugin_are_reached_without_a_link() {
        let line =
            ["realmkeeper", "kubectl", "authentication-config", "staff", "--client-id", "kubectl", "-n", "identity"];
        let Command::Kubectl(arguments) = Cli::try_parse_from(line).unwrap().command else { panic!() };
        assert_eq!(arguments.options.connection.namespace.as_deref(), Some("identity"));
        assert_eq!(Cli::try_parse_from(["realmkeeper", "kubectl", "frobnicate"]).unwrap_err().exit_code(), 2);
    }

    #[test]
    fn the_fixed_options_are_there_for_both_servers() {
        for command in ["operator", "serve"] {
            for long in ["listen", "public-url", "tls-cert", "tls-key", "management-listen", "store", "log-format"] {
                assert!(
                    options().iter().any(|(owner, option)| owner == command && option.get_long() == Some(long)),
                    "{command} --{long}"
                );
            }
        }
    }

    #[test]
    fn a_certificate_needs_its_key() {
        assert!(Cli::try_parse_from(["realmkeeper", "serve", ".", "--tls-cert", "a.pem"]).is_err());
        assert!(
            Cli::try_parse_from(["realmkeeper", "serve", ".", "--tls-cert", "a.pem", "--tls-key", "b.pem"]).is_ok()
        );
    }

    #[test]
    fn the_servers_listen_where_the_design_says() {
        let parse = |arguments: &[&str]| Cli::try_parse_from(arguments).unwrap().command;
        let Command::Serve(serve) = parse(&["realmkeeper", "serve", "x"]) else { panic!() };
        assert_eq!(serve.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(serve.public_url().as_str(), "http://localhost:8080");
        assert_eq!(serve.server.management_listen.to_string(), "127.0.0.1:9090");
        let Command::Operator(operator) = parse(&["realmkeeper", "operator"]) else { panic!() };
        assert_eq!(operator.listen.to_string(), "0.0.0.0:8080");
        assert_eq!(operator.public_url().as_str(), "http://localhost:8080");
    }
}
