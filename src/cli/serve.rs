use std::process::ExitCode;

use super::ServeOptions;

/// Serves a directory.
pub(super) fn run(options: ServeOptions) -> anyhow::Result<ExitCode> {
    let _ = options;
    anyhow::bail!("serving a directory is not wired yet")
}
