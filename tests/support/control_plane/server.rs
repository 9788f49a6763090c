use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use realmkeeper::jose::{Algorithm, PrivateKey};

use super::{
    binaries,
    pki::Ca,
    process::{Process, free_port, work_folder},
};

const ADMIN_TOKEN: &str = "admin-token-of-a-test";
const READY_WITHIN: Duration = Duration::from_secs(60);

/// What a control plane has beside etcd and kube-apiserver, which listen on loopback.
#[derive(Default)]
pub struct Options {
    /// Files with CRDs that stand before kube-controller-manager starts (its garbage collector finds later ones half a minute late).
    pub crds: Vec<PathBuf>,
    /// Run kube-controller-manager with the garbage collector and the namespace and ServiceAccount controllers.
    pub controller_manager: bool,
    /// The text of an `AuthenticationConfiguration`.
    pub authentication: Option<String>,
    /// The text of an audit `Policy`; what it asks for is in `audit.log` of [`ControlPlane::folder`], a JSON object a line.
    pub audit: Option<String>,
}

/// A running control plane; ends when dropped.
pub struct ControlPlane {
    // Dropped in this order.
    _controller_manager: Option<Process>,
    api_server: Process,
    _etcd: Process,
    url: String,
    ca: Ca,
    service_account_key: String,
    folder: tempfile::TempDir,
}

impl ControlPlane {
    /// Starts one and waits until it is ready. A port that somebody else took first costs another try.
    pub async fn start(options: Options) -> Self {
        let folder = work_folder("control-plane");
        let ca = Ca::new("test control plane");
        let service_account_key = write_files(folder.path(), &ca, &options);
        let (etcd, api_server, url) = start_servers(folder.path(), &options).await;
        fs::write(folder.path().join("admin.kubeconfig"), kubeconfig(&url, ca.pem(), ADMIN_TOKEN, "default")).unwrap();
        let mut plane =
            Self { _controller_manager: None, api_server, _etcd: etcd, url, ca, service_account_key, folder };
        for file in &options.crds {
            super::kubectl(&plane, &["apply", "--server-side", "-f", file.to_str().unwrap()]);
        }
        if !options.crds.is_empty() {
            super::kubectl(&plane, &["wait", "--for=condition=Established", "--timeout=20s", "crd", "--all"]);
        }
        if options.controller_manager {
            plane._controller_manager = Some(start_controller_manager(plane.folder.path()));
        }
        plane
    }

    /// A client that may do everything.
    pub async fn admin(&self) -> Client {
        self.client(ADMIN_TOKEN).await
    }

    /// A client with this bearer token.
    pub async fn client(&self, token: &str) -> Client {
        let yaml = kubeconfig(&self.url, self.ca.pem(), token, "default");
        let config = Kubeconfig::from_yaml(&yaml).unwrap();
        let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap();
        Client::try_from(config).unwrap()
    }

    /// Writes a kubeconfig with this bearer token and default namespace and returns its path.
    pub fn write_kubeconfig(&self, name: &str, token: &str, namespace: &str) -> PathBuf {
        let path = self.folder.path().join(format!("{name}.kubeconfig"));
        fs::write(&path, kubeconfig(&self.url, self.ca.pem(), token, namespace)).unwrap();
        path
    }

    /// The kubeconfig of the administrator.
    pub fn admin_kubeconfig(&self) -> PathBuf {
        self.folder.path().join("admin.kubeconfig")
    }

    /// Where logs and files of this control plane are; gone with it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `https://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The CA of the API server.
    pub fn ca(&self) -> &Ca {
        &self.ca
    }

    /// The private key (RS256, PEM) that signs ServiceAccount tokens: for tokens that the API server itself would never give.
    pub fn service_account_key(&self) -> &str {
        &self.service_account_key
    }

    /// Stops the API server without ending it: connections stay, nothing is answered.
    pub fn freeze(&self) {
        self.api_server.signal("STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.api_server.signal("CONT");
    }

    /// The API server's log, for a test that has something to explain.
    pub fn api_server_log(&self) -> String {
        self.api_server.log_tail()
    }
}

/// Certificates, tokens and keys; returns the ServiceAccount key.
fn write_files(folder: &Path, ca: &Ca, options: &Options) -> String {
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    let (certificate, key) = ca.server(&["127.0.0.1", "localhost", "kubernetes.default.svc"]);
    write("ca.pem", ca.pem());
    write("server.pem", &certificate);
    write("server.key", &key);
    write("tokens.csv", &format!("{ADMIN_TOKEN},admin,admin,system:masters\n"));
    let secret = PrivateKey::generate_pem(Algorithm::Rs256).unwrap();
    let pem = secret.expose_str().unwrap().to_owned();
    write("service-account.key", &pem);
    write("authentication.yaml", options.authentication.as_deref().unwrap_or_default());
    write("audit.yaml", options.audit.as_deref().unwrap_or_default());
    pem
}

async fn start_servers(folder: &Path, options: &Options) -> (Process, Process, String) {
    for _ in 0..3 {
        let (etcd_port, peer_port, api_port) = (free_port(), free_port(), free_port());
        let mut etcd = start_etcd(folder, etcd_port, peer_port);
        let mut api_server = start_api_server(folder, etcd_port, api_port, options);
        let url = format!("https://127.0.0.1:{api_port}");
        if is_ready(&url, &mut etcd, &mut api_server).await {
            return (etcd, api_server, url);
        }
        eprintln!("trying again with other ports; kube-apiserver said:\n{}", api_server.log_tail());
    }
    panic!("the control plane did not start in three tries");
}

fn start_etcd(folder: &Path, port: u16, peer_port: u16) -> Process {
    let data = tempfile::Builder::new().prefix("etcd-").tempdir_in(folder).unwrap().keep();
    Process::start(&binaries::find("etcd"), folder, "etcd", |command| {
        command.arg("--data-dir").arg(data).args([
            "--unsafe-no-fsync",
            "--log-level=warn",
            &format!("--listen-client-urls=http://127.0.0.1:{port}"),
            &format!("--advertise-client-urls=http://127.0.0.1:{port}"),
            &format!("--listen-peer-urls=http://127.0.0.1:{peer_port}"),
            &format!("--initial-advertise-peer-urls=http://127.0.0.1:{peer_port}"),
            &format!("--initial-cluster=default=http://127.0.0.1:{peer_port}"),
        ]);
    })
}

fn start_api_server(folder: &Path, etcd_port: u16, port: u16, options: &Options) -> Process {
    Process::start(&binaries::find("kube-apiserver"), folder, "kube-apiserver", |command| {
        command.current_dir(folder).args([
            &format!("--etcd-servers=http://127.0.0.1:{etcd_port}"),
            &format!("--secure-port={port}"),
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            "--tls-cert-file=server.pem",
            "--tls-private-key-file=server.key",
            "--token-auth-file=tokens.csv",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            "--service-account-signing-key-file=service-account.key",
            "--service-account-key-file=service-account.key",
            "--profiling=false",
            "--cert-dir=certificates",
        ]);
        if options.authentication.is_some() {
            command.arg("--authentication-config=authentication.yaml");
        }
        if options.audit.is_some() {
            // Each line is written before the request is answered.
            command.args(["--audit-policy-file=audit.yaml", "--audit-log-path=audit.log", "--audit-log-mode=blocking"]);
        }
    })
}

fn start_controller_manager(folder: &Path) -> Process {
    Process::start(&binaries::find("kube-controller-manager"), folder, "kube-controller-manager", |command| {
        command.current_dir(folder).args([
            "--kubeconfig=admin.kubeconfig",
            "--authentication-kubeconfig=admin.kubeconfig",
            "--authorization-kubeconfig=admin.kubeconfig",
            "--controllers=garbage-collector-controller,namespace-controller,serviceaccount-controller",
            "--leader-elect=false",
            "--secure-port=0",
            "--profiling=false",
        ]);
    })
}

/// False when one of the two has ended: most likely its port was taken.
async fn is_ready(url: &str, etcd: &mut Process, api_server: &mut Process) -> bool {
    let http = reqwest::Client::builder().danger_accept_invalid_certs(true).build().unwrap();
    let start = Instant::now();
    loop {
        if etcd.has_ended() || api_server.has_ended() {
            return false;
        }
        let answer = http.get(format!("{url}/readyz")).bearer_auth(ADMIN_TOKEN).send().await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return true;
        }
        assert!(start.elapsed() < READY_WITHIN, "kube-apiserver is not ready:\n{}", api_server.log_tail());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn kubeconfig(url: &str, ca: &str, token: &str, namespace: &str) -> String {
    let kubeconfig = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": url, "certificate-authority-data": base64(ca)}}],
        "users": [{"name": "test", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": namespace}}],
        "current-context": "test",
    });
    serde_json::to_string_pretty(&kubeconfig).unwrap()
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}
