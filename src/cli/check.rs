use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;

use crate::controller::{
    Options,
    review::{Scope, review},
};

/// The options of `realmkeeper check`.
#[derive(Debug, Args)]
pub(super) struct CheckOptions {
    /// The directory of manifests, or one file
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The directory is a part of what goes to a cluster: what it refers to and doesn't hold is no problem
    #[arg(long, env = "REALMKEEPER_PARTIAL")]
    partial: bool,
}

/// Where the default issuers of Realms are taken to stand: it matters only to tell whether two Realms claim one.
const PUBLIC_URL: &str = "http://localhost:8080";

/// Validates the manifests below a directory.
pub(super) fn run(options: &CheckOptions) -> anyhow::Result<ExitCode> {
    let directory = &options.directory;
    if !directory.exists() {
        bail!("there is no {}", directory.display());
    }
    let scope = if options.partial { Scope::Part } else { Scope::Whole };
    let review = review(directory, scope, Options::new(PUBLIC_URL, false)?);
    if review.files == 0 && review.problems.is_empty() {
        bail!("there is no *.yaml and no *.yml file below {}", directory.display());
    }
    let mut out = io::stdout().lock();
    let write = |out: &mut io::StdoutLock<'_>| {
        for problem in &review.problems {
            writeln!(out, "{problem}")?;
        }
        if review.problems.is_empty() {
            let objects = counted(review.objects, "object", "objects");
            write!(out, "{objects} in {}: no problems", counted(review.files, "file", "files"))?;
            if review.others > 0 {
                write!(out, " ({} of other kinds passed over)", review.others)?;
            }
            writeln!(out)?;
        }
        out.flush()
    };
    write(&mut out).context("cannot write to standard output")?;
    if review.problems.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("realmkeeper: {}", counted(review.problems.len(), "problem", "problems"));
    Ok(ExitCode::FAILURE)
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
