//! `kubectl realmkeeper`: what a person does from the shell.
//!
//! A command reads resources as any user of the API server does, with that user's own rights; it is no part of the operator, and
//! nothing here runs in a cluster. The arguments are parsed in [`arguments`], each command has a file or a folder of its own, and
//! what they share is the [`connection`], the [`output`] and the [`names`] that people type.

/// The argument tree, with kubectl's conventions.
pub mod arguments;
/// The file by which kube-apiserver trusts a realm.
pub mod authentication_config;
/// Certificates of PEM files.
mod certificates;
/// The API server, as the kubeconfig says.
pub mod connection;
mod error;
/// Why a request, a client or a token would be refused.
pub mod explain;
/// A kubeconfig whose user signs in to a realm.
pub mod kubeconfig;
/// What people type for an object: `oidcclient/grafana`, `skey/staff-es256`.
pub mod names;
/// What a command prints: lines and trees for people, documents for programs.
pub mod output;
/// What commands ask of Realms and OidcClients.
pub mod realms;
/// Asks for a new key or secret, and watches it come.
pub mod rotate;
/// Objects, as far as this program can read them.
pub mod seen;
/// What stands, as a tree, and what is wrong with it.
pub mod status;
/// A token for a person or a workload.
pub mod token;

use std::{process::ExitCode, sync::Arc};

use jiff::Timestamp;

use self::{
    arguments::Command,
    connection::{Connection, ConnectionOptions},
    output::Console,
};
pub use self::{
    arguments::{Arguments, Standalone},
    error::PluginError,
};

/// The names of the file under which the binary is this plugin: kubectl finds it by the first.
pub const NAME: &str = "kubectl-realmkeeper";

/// Tells the time; the process has one, and tests stop it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What every command is given.
pub struct Plugin {
    /// How the API server is reached: see [`Plugin::connect`].
    pub connection: ConnectionOptions,
    /// Where it prints.
    pub console: Console,
    /// What time it is.
    pub clock: Clock,
}

impl Plugin {
    /// A client of the API server, for a command that needs one: `token` must work without.
    ///
    /// # Errors
    /// A sentence for whoever typed the command.
    pub async fn connect(&self) -> Result<Connection, PluginError> {
        Ok(Connection::open(&self.connection).await?)
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

/// True where the program was called by the plugin's name, whatever its folder; `.exe` is no part of the name.
pub fn is_called_so(program: &std::ffi::OsStr) -> bool {
    std::path::Path::new(program).file_stem().is_some_and(|name| name == NAME)
}

/// Runs a command. The exit code is 0, but where an option of the command asks for another one.
///
/// # Errors
/// A sentence that says what to do: for standard error, with exit code 1.
pub async fn run(arguments: Arguments, clock: Clock) -> Result<ExitCode, PluginError> {
    let console = Console::standard(arguments.options.output, arguments.options.color);
    let mut plugin = Plugin { connection: arguments.options.connection, console, clock };
    let done = match arguments.command {
        Command::Rotate(options) => rotate::run(options, &mut plugin).await,
        Command::Status(options) => status::run(options, &mut plugin).await,
        Command::Kubeconfig(options) => kubeconfig::run(*options, &mut plugin).await,
        Command::AuthenticationConfig(options) => authentication_config::run(*options, &mut plugin).await,
        Command::Explain(options) => explain::run(*options, &mut plugin).await,
        Command::Token(options) => token::run(*options, &mut plugin).await,
    };
    match done {
        // Whoever reads has had enough: `… | head`.
        Err(PluginError::Write(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::is_called_so;

    #[test]
    fn the_name_of_the_file_makes_it_the_plugin() {
        for name in ["kubectl-realmkeeper", "/usr/local/bin/kubectl-realmkeeper", "./kubectl-realmkeeper.exe"] {
            assert!(is_called_so(OsStr::new(name)), "{name}");
        }
        for name in ["realmkeeper", "kubectl", "/opt/kubectl-realmkeeper/realmkeeper", "", "/", "kubectl-realmkeeper2"]
        {
            assert!(!is_called_so(OsStr::new(name)), "{name}");
        }
    }
}
