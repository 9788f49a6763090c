//! A real PostgreSQL for the tests, from the system's package: in a temporary folder, on loopback, as a user of its own. It ends with
//! the value that started it, and with the process of the tests.
#![allow(clippy::disallowed_methods, dead_code, reason = "tests wait for it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark uses it too"
)]

use std::{
    fs::{self, File},
    io::Write,
    net::TcpListener,
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// The password of the user `ada`; the others need none.
pub const PASSWORD: &str = "h@nter:2/%";

/// A server that runs, or is stopped for a while.
pub struct Postgres {
    folder: TempDir,
    port: u16,
    programs: PathBuf,
    child: Option<Child>,
    durable: bool,
}

/// The one for a test program's cases that only want a database. (It is never dropped: the kernel ends it.)
pub fn shared() -> &'static Postgres {
    static SHARED: LazyLock<Postgres> = LazyLock::new(Postgres::start);
    &SHARED
}

type Request = (Command, mpsc::Sender<std::io::Result<Child>>);

/// The kernel sends a child its parent-death signal when the *thread* that made it ends, so one thread that never ends makes all.
static KEEPER: LazyLock<mpsc::Sender<Request>> = LazyLock::new(|| {
    let (requests, inbox) = mpsc::channel::<Request>();
    thread::spawn(move || {
        for (mut command, reply) in inbox {
            let _ = reply.send(command.spawn());
        }
    });
    requests
});

/// The one that may do everything, the one whose transactions are serializable, the one with a password.
const USERS: &str = "
CREATE ROLE suite SUPERUSER LOGIN;
CREATE ROLE careful SUPERUSER LOGIN;
ALTER ROLE careful SET default_transaction_isolation = 'serializable';
CREATE ROLE ada LOGIN PASSWORD 'h@nter:2/%';
CREATE DATABASE realmkeeper OWNER ada;
";

const ACCESS: &str = "
host all ada all scram-sha-256
host all all all trust
local all all trust
";

impl Postgres {
    /// Makes a fresh cluster and starts it; returns when it answers. It never waits for the disk.
    pub fn start() -> Self {
        Self::make_and_start(false)
    }

    /// One that waits for the disk at each commit, as it does in earnest.
    pub fn start_durable() -> Self {
        Self::make_and_start(true)
    }

    fn make_and_start(durable: bool) -> Self {
        sweep();
        let prefix = format!("realmkeeper-postgres-{}-", std::process::id());
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir().unwrap();
        let mut server = Self { folder, port: 0, programs: programs(), child: None, durable };
        if let Some((user, group)) = account() {
            chown(server.folder.path(), Some(user), Some(group)).unwrap();
        }
        server.make();
        for attempt in 1.. {
            server.port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
            match server.run() {
                Ok(()) => break,
                // Somebody else took the port in between.
                Err(log) if attempt < 5 && log.contains("in use") => {}
                Err(log) => panic!("PostgreSQL does not start:\n{log}"),
            }
        }
        server
    }

    fn make(&mut self) {
        let mut initdb = self.program("initdb");
        initdb.args(["--no-sync", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "-D"]);
        let output = initdb.arg(self.data()).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        fs::write(self.data().join("pg_hba.conf"), ACCESS).unwrap();
        // Without a server, and so without a second start.
        let mut single = self.program("postgres");
        single.args(["--single", "-j", "-c", "fsync=off", "-D"]).arg(self.data()).arg("postgres");
        let mut single = single.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // With -j an empty line after the semicolon ends a command.
        let commands = USERS.trim().replace(";\n", ";\n\n") + "\n\n";
        single.stdin.take().unwrap().write_all(commands.as_bytes()).unwrap();
        assert!(single.wait().unwrap().success());
    }

    fn run(&mut self) -> Result<(), String> {
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.data());
        let port = self.port.to_string();
        let sockets = self.folder.path().display().to_string();
        for (name, value) in [
            ("port", &*port),
            ("listen_addresses", "127.0.0.1"),
            ("unix_socket_directories", &*sockets),
            ("fsync", if self.durable { "on" } else { "off" }),
            ("full_page_writes", if self.durable { "on" } else { "off" }),
            ("max_connections", "300"),
            ("shared_buffers", "64MB"),
            ("max_wal_size", "256MB"),
            ("autovacuum_naptime", "10s"),
        ] {
            command.args(["-c", &format!("{name}={value}")]);
        }
        let log = File::options().create(true).append(true).open(self.log_file()).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let (reply, answer) = mpsc::channel();
        KEEPER.send((command, reply)).unwrap();
        let mut child = answer.recv().unwrap().unwrap();
        let start = Instant::now();
        // The server writes `ready` here once it takes connections.
        let pid_file = self.data().join("postmaster.pid");
        let is_ready = || {
            fs::read_to_string(&pid_file)
                .is_ok_and(|text| text.lines().nth(7).is_some_and(|line| line.trim() == "ready"))
        };
        while !is_ready() {
            if child.try_wait().unwrap().is_some() || start.elapsed() > Duration::from_secs(60) {
                return Err(self.log());
            }
            thread::sleep(Duration::from_millis(10));
        }
        self.child = Some(child);
        Ok(())
    }

    /// Stops it at once, as a crash would: connections break, nothing is written down.
    pub fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        signal(&child, "QUIT");
        assert!(ended(&mut child).is_some(), "PostgreSQL does not stop:\n{}", self.log());
        let _ = fs::remove_file(self.data().join("postmaster.pid"));
    }

    /// Starts it again where it was.
    pub fn start_again(&mut self) {
        self.run().unwrap_or_else(|log| panic!("PostgreSQL does not start again:\n{log}"));
    }

    /// Lets it hang, or go on: its processes are stopped where they are.
    pub fn freeze(&self, frozen: bool) {
        let postmaster = self.child.as_ref().unwrap().id();
        let name = if frozen { "STOP" } else { "CONT" };
        for process in std::iter::once(postmaster).chain(children(postmaster)) {
            let _ = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status();
        }
    }

    /// Where `user` finds a schema that nobody has used yet.
    pub fn url(&self, user: &str) -> String {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let schema = format!("of_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        format!("{}?schema={schema}&pool_max=6&sslmode=disable", self.base(user))
    }

    /// The URL without parameters.
    pub fn base(&self, user: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/realmkeeper", self.port)
    }

    /// The server's port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it has printed.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Runs a program of the package on the database, as the user `suite`; gives what it prints.
    pub fn client(&self, name: &str, arguments: &[&str]) -> String {
        let mut command = self.program(name);
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "suite"]).args(arguments);
        let output = command.arg("realmkeeper").stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// A setting that takes effect now, such as `ssl = on`.
    pub fn set(&self, lines: &str) {
        let file = self.data().join("postgresql.conf");
        File::options().append(true).open(&file).unwrap().write_all(format!("\n{lines}\n").as_bytes()).unwrap();
        signal(self.child.as_ref().unwrap(), "HUP");
    }

    /// Writes a file that only the server reads, and gives its path.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        if let Some((user, group)) = account() {
            chown(&path, Some(user), Some(group)).unwrap();
        }
        path
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    /// A program of the package, as its own user where we are root (it refuses to run as root), and ended with us.
    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        if !cfg!(target_os = "linux") {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        if let Some((user, group)) = account() {
            command.args([format!("--reuid={user}"), format!("--regid={group}")]).arg("--clear-groups");
        }
        command.args(["--pdeathsig", "QUIT"]).arg(program);
        command.current_dir(self.folder.path());
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            signal(&child, "QUIT");
            if ended(&mut child).is_none() {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
        if thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            eprintln!("--- the end of PostgreSQL's log\n{}", lines[lines.len().saturating_sub(20)..].join("\n"));
        }
    }
}

fn signal(child: &Child, name: &str) {
    let _ = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
}

fn ended(child: &mut Child) -> Option<ExitStatus> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(20) {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(10));
    }
    None
}

fn children(of: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{of}/task/{of}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|id| id.parse().ok()).collect()
}

/// Where the programs are: Debian keeps them out of PATH.
fn programs() -> PathBuf {
    let version = |path: &Path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path());
    let newest = debian.filter(|path| path.join("bin/initdb").exists()).max_by_key(|path| version(path));
    let on_path = || std::env::split_paths(&std::env::var_os("PATH")?).find(|folder| folder.join("initdb").exists());
    newest.map(|path| path.join("bin")).or_else(on_path).unwrap_or_else(|| {
        panic!(
            "PostgreSQL is missing: run scripts/setup, or install the package `postgresql` (so called on Debian); the tests start \
             its programs initdb and postgres themselves"
        )
    })
}

/// Whom the server runs as where we are root.
fn account() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").map_or(1, |me| me.uid()) != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let of = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut numbers = line.split(':').skip(2).map_while(|field| field.parse().ok());
        Some((numbers.next()?, numbers.next()?))
    };
    Some(of("postgres").or_else(|| of("nobody")).expect("a user that is not root"))
}

/// Removes what runs that are over have left.
fn sweep() {
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner =
            name.strip_prefix("realmkeeper-postgres-").and_then(|rest| rest.split('-').next()).map(str::to_owned);
        if owner.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
