//! From the process's start until it is ready, and its memory then.

use std::path::Path;

use super::{manifests, process::Server};

/// Measures the quickstart and 1,000 clients, each the second time, when keys and secrets are there already.
pub async fn print() {
    println!("\n| served | first start ms | second start ms | resident MiB |\n|---|---|---|---|");
    let quickstart = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir("examples/quickstart").unwrap().flatten().filter(|file| file.path().is_file()) {
        std::fs::copy(file.path(), quickstart.path().join(file.file_name())).unwrap();
    }
    row("examples/quickstart", quickstart.path());
    let many = tempfile::tempdir().unwrap();
    manifests::write_clients(many.path(), 1_000);
    row("1,000 clients", many.path());
}

fn row(name: &str, folder: &Path) {
    let first = Server::realmkeeper(folder, "memory").start_up.as_millis();
    let server = Server::realmkeeper(folder, "memory");
    println!("| {name} | {first} | {} | {:.1} |", server.start_up.as_millis(), server.memory());
}
