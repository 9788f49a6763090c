//! `make bench`: how near the provider comes to a bare server that does nothing but the cryptography of the same request.
//!
//! The server stands alone on one core, the load comes from the other over 16 keep-alive connections. Each figure of Realmkeeper
//! stands beside that of its limit, measured in the same run on the same machine, so that the ratio means something
//! where the figures alone do not.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout, clippy::disallowed_methods)]

#[allow(dead_code)]
#[path = "../../tests/support/agent.rs"]
mod agent;
mod bare;
mod client;
mod manifests;
mod process;
mod scenario;
mod sign_in;
mod start_up;
mod table;

use std::{env, os::unix::process::CommandExt, process::Command};

const SERVER_CORE: &str = "0";
const LOAD_CORE: &str = "1";

fn main() {
    let arguments: Vec<String> = env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("bare") => bare::run(&arguments[2], &arguments[3]),
        Some("drive") => drive(arguments.get(2).filter(|argument| !argument.starts_with('-')).cloned()),
        _ => pin(&arguments),
    }
}

/// Starts over on the core that the load comes from.
fn pin(arguments: &[String]) {
    let only = arguments.iter().skip(1).find(|argument| !argument.starts_with('-'));
    let error = Command::new("taskset").args(["-c", LOAD_CORE, &arguments[0], "drive"]).args(only).exec();
    panic!("taskset (Debian's util-linux) is needed to pin the load to a core: {error}");
}

fn drive(only: Option<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let rows = scenario::measure(only.as_deref()).await;
        table::print(&rows);
        if only.is_none() {
            start_up::print().await;
        }
    });
}
