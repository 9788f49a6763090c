use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::api::{crd_yaml, crds};

/// The options of `realmkeeper crds`.
#[derive(Debug, Args)]
pub(super) struct CrdsOptions {
    /// Write each definition to its own file in this directory, instead of printing them all
    #[arg(long, env = "REALMKEEPER_OUTPUT", value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Prints the definitions of all custom resources, or writes each to `PLURAL.yaml`.
pub(super) fn run(options: &CrdsOptions) -> anyhow::Result<ExitCode> {
    for crd in crds() {
        let yaml = crd_yaml(&crd)?;
        match &options.output {
            None => write!(io::stdout().lock(), "---\n{yaml}").context("cannot write to standard output")?,
            Some(directory) => {
                let file = directory.join(format!("{}.yaml", crd.spec.names.plural));
                fs::write(&file, yaml).with_context(|| format!("cannot write {}", file.display()))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
