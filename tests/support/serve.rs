//! `realmkeeper serve DIR` as a process of its own, on loopback.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::control_plane::process::{Process, free_port, work_folder};

/// A running `serve`, and its directory of manifests; both end with this value.
pub struct Serve {
    /// `--public-url`.
    pub public_url: String,
    /// Where `/readyz` and `/metrics` are.
    pub management: String,
    /// The process; none after [`Self::kill`].
    pub process: Option<Process>,
    folder: Arc<TempDir>,
    options: Vec<String>,
    ports: (u16, u16),
    name: String,
}

impl Serve {
    /// Writes these files into a fresh directory and serves it, with more options if wanted; waits until it is ready.
    pub async fn start(files: &[(&str, &str)], options: &[&str]) -> Self {
        let folder = Arc::new(work_folder("serve"));
        fs::create_dir(folder.path().join("manifests")).unwrap();
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut serve = Self {
            public_url: String::new(),
            management: String::new(),
            process: None,
            folder,
            options,
            ports: (0, 0),
            name: "serve".to_owned(),
        };
        for (name, text) in files {
            serve.write(name, text);
        }
        serve.start_on_free_ports(None).await;
        serve
    }

    /// Another process on the same directory, for the same public URL.
    pub async fn beside(&self, name: &str) -> Self {
        let mut serve = Self {
            public_url: String::new(),
            management: String::new(),
            process: None,
            folder: self.folder.clone(),
            options: self.options.clone(),
            ports: (0, 0),
            name: name.to_owned(),
        };
        serve.start_on_free_ports(Some(&self.public_url)).await;
        serve
    }

    async fn start_on_free_ports(&mut self, public_url: Option<&str>) {
        let serve = self;
        for attempt in 1.. {
            serve.ports = (free_port(), free_port());
            serve.public_url = public_url.map_or_else(|| serve.listening(), str::to_owned);
            serve.management = format!("http://127.0.0.1:{}", serve.ports.1);
            match serve.spawn().await {
                Ok(()) => break,
                // Somebody else took the port in between.
                Err(log) if attempt < 5 && log.to_lowercase().contains("in use") => {
                    fs::remove_file(serve.log_file()).unwrap()
                }
                Err(log) => panic!("`realmkeeper serve` is not ready:\n{log}"),
            }
        }
    }

    /// Where this very process listens.
    pub fn listening(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.0)
    }

    /// Starts the process again, on the same ports and directory.
    pub async fn restart(&mut self) {
        self.kill();
        if let Err(log) = self.spawn().await {
            panic!("`realmkeeper serve` is not ready again:\n{log}");
        }
    }

    /// Ends it at once (SIGKILL).
    pub fn kill(&mut self) {
        self.process = None;
    }

    async fn spawn(&mut self) -> Result<(), String> {
        let program = Path::new(env!("CARGO_BIN_EXE_realmkeeper"));
        let mut process = Process::start(program, self.folder.path(), &self.name, |command| {
            for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("REALMKEEPER_"))
            {
                command.env_remove(name);
            }
            command.arg("serve").arg(self.manifests());
            command.args(["--public-url", &self.public_url]);
            command.args(["--listen", &format!("127.0.0.1:{}", self.ports.0)]);
            command.args(["--management-listen", &format!("127.0.0.1:{}", self.ports.1)]);
            command.args(&self.options);
        });
        let http = reqwest::Client::new();
        let ready = format!("{}/readyz", self.management);
        for _ in 0..6000 {
            if process.has_ended() {
                return Err(process.log());
            }
            if http.get(&ready).send().await.is_ok_and(|answer| answer.status().is_success()) {
                self.process = Some(process);
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Err(process.log())
    }

    /// The directory of manifests.
    pub fn manifests(&self) -> PathBuf {
        self.folder.path().join("manifests")
    }

    /// Saves a file as an editor does: under another name first, then in place.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.manifests().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let draft = path.with_extension("yaml~");
        fs::write(&draft, text).unwrap();
        fs::rename(draft, path).unwrap();
    }

    /// Removes a file.
    pub fn remove(&self, name: &str) {
        fs::remove_file(self.manifests().join(name)).unwrap();
    }

    /// What the process has printed.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join(format!("{}.log", self.name))
    }

    /// A file that the process has written below `.realmkeeper`, parsed.
    pub fn written(&self, path: &str) -> Option<Value> {
        let text = fs::read_to_string(self.manifests().join(".realmkeeper").join(path)).ok()?;
        serde_saphyr::from_str(&text).unwrap()
    }

    /// The metrics as text.
    pub async fn metrics(&self) -> String {
        reqwest::get(format!("{}/metrics", self.management)).await.unwrap().text().await.unwrap()
    }
}

/// Follows no redirects.
pub fn http() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}
