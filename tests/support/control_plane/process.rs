use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{LazyLock, mpsc},
    time::Duration,
};

/// A program that lives no longer than this value, and no longer than the test process.
pub struct Process {
    child: Child,
    name: String,
    log: PathBuf,
}

type Request = (Command, mpsc::Sender<std::io::Result<Child>>);

/// The kernel sends a child its parent-death signal when the *thread* that made it ends, so one thread that never ends makes all.
static KEEPER: LazyLock<mpsc::Sender<Request>> = LazyLock::new(|| {
    let (requests, inbox) = mpsc::channel::<Request>();
    std::thread::spawn(move || {
        for (mut command, reply) in inbox {
            let _ = reply.send(command.spawn());
        }
    });
    requests
});

impl Process {
    /// Starts a program; what it prints goes to `NAME.log` in `folder`.
    pub fn start(program: &Path, folder: &Path, name: &str, configure: impl FnOnce(&mut Command)) -> Self {
        let log = folder.join(format!("{name}.log"));
        let output = File::options().create(true).append(true).open(&log).unwrap();
        let mut command = mortal(program);
        configure(&mut command);
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let (reply, answer) = mpsc::channel();
        KEEPER.send((command, reply)).unwrap();
        let child = answer.recv().unwrap().unwrap_or_else(|error| panic!("starting {name}: {error}"));
        Self { child, name: name.to_owned(), log }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Panics with the end of its log if it has ended.
    pub fn assert_running(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("{} ended ({status}):\n{}", self.name, self.log_tail());
        }
    }

    /// True once it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Everything that it has printed so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The last lines that it has printed.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// Sends a signal such as `TERM`, `STOP` or `CONT`.
    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([&format!("-{signal}"), &self.id().to_string()]).status().unwrap();
        assert!(status.success(), "kill -{signal} {}", self.name);
    }

    /// Ends it at once (SIGKILL).
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until it has ended.
    pub async fn wait(&mut self, limit: Duration) -> ExitStatus {
        let start = std::time::Instant::now();
        loop {
            match self.child.try_wait().unwrap() {
                Some(status) => return status,
                None if start.elapsed() > limit => {
                    panic!("{} has not ended within {limit:?}:\n{}", self.name, self.log_tail())
                }
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- the end of {}\n{}", self.log.display(), self.log_tail());
        }
    }
}

/// The program under `setpriv`, so that the kernel ends it with us; elsewhere than on Linux only `Drop` does.
fn mortal(program: &Path) -> Command {
    if cfg!(target_os = "linux") {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(program);
        command
    } else {
        Command::new(program)
    }
}

/// A free port on loopback: free at this moment, so whoever takes it tries again with another if it lost the race.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// A folder below the build's own for one control plane or one process; those of runs that are over are removed.
pub fn work_folder(name: &str) -> tempfile::TempDir {
    static SWEPT: LazyLock<()> = LazyLock::new(|| {
        for entry in std::fs::read_dir(env!("CARGO_TARGET_TMPDIR")).unwrap().flatten() {
            let file_name = entry.file_name().to_string_lossy().into_owned();
            let owner = file_name.strip_prefix("run-").and_then(|rest| rest.split('-').next()).map(str::to_owned);
            if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
    });
    LazyLock::force(&SWEPT);
    let prefix = format!("run-{}-{name}-", std::process::id());
    tempfile::Builder::new().prefix(&prefix).tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}
