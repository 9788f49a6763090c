use std::process::ExitCode;

use super::OperatorOptions;

/// Serves a cluster.
pub(super) fn run(options: OperatorOptions) -> anyhow::Result<ExitCode> {
    let _ = options;
    anyhow::bail!("the operator is not wired yet")
}
