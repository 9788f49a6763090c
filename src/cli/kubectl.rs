use std::process::ExitCode;

use anyhow::Context;

use super::run::clock;
use crate::plugin::{self, Arguments};

/// Runs a command of the plugin. One thread is enough: it waits for the network and for people.
pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("can't start")?;
    // An error of the plugin is a whole sentence already: its causes would be said twice.
    let done = runtime.block_on(plugin::run(arguments, clock::system())).map_err(|error| anyhow::anyhow!("{error}"))?;
    // Whatever still waits for standard input must not hold the process.
    runtime.shutdown_background();
    Ok(done)
}
