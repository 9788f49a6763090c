use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

/// The options of `realmkeeper check`.
#[derive(Debug, Args)]
pub(super) struct CheckOptions {
    /// The directory of manifests, or one file
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// Validates the manifests below a directory.
pub(super) fn run(options: &CheckOptions) -> anyhow::Result<ExitCode> {
    anyhow::bail!("checking {} is not wired yet", options.directory.display())
}
