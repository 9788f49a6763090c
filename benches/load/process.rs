//! Servers in processes of their own, pinned to their core, and what the kernel says of them.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::SERVER_CORE;

/// A running server; killed when dropped.
pub struct Server {
    child: Child,
    pub address: String,
    /// From its start until it answered ready.
    pub start_up: Duration,
}

impl Server {
    /// The bare server, with the keys of the realms of a folder.
    pub fn bare(folder: &Path) -> Self {
        let address = free_address();
        let itself = std::env::current_exe().unwrap();
        let server = Self::spawn(
            Command::new("taskset").args(["-c", SERVER_CORE]).arg(itself).args(["bare", &address]).arg(folder),
            &address,
        );
        server.wait(|| TcpStream::connect(&server.address).is_ok());
        server
    }

    /// The provider over a folder of manifests.
    pub fn realmkeeper(folder: &Path, store: &str) -> Self {
        let (address, management) = (free_address(), free_address());
        let mut command = Command::new("taskset");
        command.args(["-c", SERVER_CORE, env!("CARGO_BIN_EXE_realmkeeper"), "serve"]).arg(folder);
        command.args(["--listen", &address, "--management-listen", &management, "--store", store]);
        command.arg("--public-url").arg(format!("http://{address}"));
        let mut server = Self::spawn(&mut command, &address);
        server.start_up = server.wait(|| is_ready(&management));
        server
    }

    fn spawn(command: &mut Command, address: &str) -> Self {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("taskset starts the server");
        Self { child, address: address.to_owned(), start_up: Duration::ZERO }
    }

    fn wait(&self, ready: impl Fn() -> bool) -> Duration {
        let begin = Instant::now();
        while !ready() {
            assert!(begin.elapsed() < Duration::from_secs(60), "the server did not become ready");
            thread::sleep(Duration::from_millis(1));
        }
        begin.elapsed()
    }

    /// CPU time of all its threads so far, from the scheduler's own account in nanoseconds.
    pub fn cpu(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let of_task = |task: fs::DirEntry| {
            let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            text.split_whitespace().next().and_then(|spent| spent.parse().ok()).unwrap_or(0)
        };
        Duration::from_nanos(tasks.flatten().map(of_task).sum())
    }

    /// Resident memory in MiB.
    pub fn memory(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches("kB").trim().parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_ready(management: &str) -> bool {
    use std::io::{Read, Write};
    let Ok(mut stream) = TcpStream::connect(management) else { return false };
    let request = format!("GET /readyz HTTP/1.1\r\nhost: {management}\r\nconnection: close\r\n\r\n");
    let mut answer = [0; 12];
    stream.write_all(request.as_bytes()).is_ok() && stream.read_exact(&mut answer).is_ok() && answer.ends_with(b"200")
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}
