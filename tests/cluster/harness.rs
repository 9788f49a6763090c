//! What the tests share: a control plane with `deploy/` applied to it as a person would, and the built operator running under
//! the ServiceAccount that `deploy/` grants, never as administrator.

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Duration,
};

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;

use crate::control_plane::{
    ControlPlane, Options,
    objects::{self, kustomize},
    process::{Process, free_port, work_folder},
    wait::eventually,
};

/// Where `deploy/` puts the operator.
pub const SYSTEM: &str = "realmkeeper-system";
/// How long things may take that should take seconds.
pub const SOON: Duration = Duration::from_secs(20);

/// An audit policy: every request of the operators that is not a read. The stage before the answer would count each twice.
pub const WRITES_OF_OURS: &str = r#"
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - {level: None, verbs: [get, list, watch]}
  - {level: Metadata, users: ["system:serviceaccount:realmkeeper-system:realmkeeper"]}
  - {level: None}
"#;

/// A control plane that Realmkeeper is installed in.
pub struct Cluster {
    pub plane: ControlPlane,
}

/// A running `realmkeeper operator`; ends with this value.
pub struct Operator {
    pub process: Process,
    /// `--public-url`.
    pub url: String,
    /// Where it listens, as a URL: the same unless replicas share a public one.
    pub address: String,
    pub management: String,
}

/// How an operator is started.
#[derive(Clone, Default)]
pub struct OperatorOptions {
    /// More options of the command line.
    pub arguments: Vec<String>,
    /// The URL of all replicas; the replica's own where there is none.
    pub public_url: Option<String>,
    /// True where it can't become ready.
    pub without_readiness: bool,
}

impl Cluster {
    /// A control plane of a test's own.
    pub async fn start() -> Self {
        let cluster = Self::without_crds(true).await;
        objects::apply(&cluster.plane, &kustomize(&repository("deploy")));
        cluster
    }

    /// The same with what a person has forgotten: nothing is installed. With `crds`, they are there.
    pub async fn without_crds(crds: bool) -> Self {
        let kinds = ["groups", "oidcclients", "realms", "signingkeys", "users"];
        let crds = kinds.iter().filter(|_| crds).map(|kind| repository(&format!("crds/{kind}.yaml"))).collect();
        Self { plane: ControlPlane::start(Options { crds, controller_manager: true, ..Options::default() }).await }
    }

    /// Starts an operator under its ServiceAccount and waits until it is ready.
    pub async fn operator(&self, name: &str, options: OperatorOptions) -> Operator {
        for attempt in 1.. {
            match self.try_operator(name, &options).await {
                Ok(operator) => return operator,
                // Somebody else took the port in between.
                Err(log) if attempt < 5 && log.to_lowercase().contains("in use") => {}
                Err(log) => panic!("the operator {name} is not ready:\n{log}"),
            }
        }
        unreachable!()
    }

    async fn try_operator(&self, name: &str, options: &OperatorOptions) -> Result<Operator, String> {
        let token = objects::token(&self.plane.admin().await, SYSTEM, "realmkeeper", "").await;
        let kubeconfig = self.plane.write_kubeconfig(name, &token, SYSTEM);
        let (port, management) = (free_port(), free_port());
        let scheme = if options.arguments.iter().any(|argument| argument == "--tls-cert") { "https" } else { "http" };
        let address = format!("{scheme}://127.0.0.1:{port}");
        let url = options.public_url.clone().unwrap_or_else(|| address.clone());
        let folder = work_folder(name).keep();
        let process = Process::start(Path::new(env!("CARGO_BIN_EXE_realmkeeper")), &folder, name, |command| {
            command.env_clear().env("KUBECONFIG", kubeconfig).env("POD_NAME", name);
            command.args(["operator", "--public-url", &url]);
            command.args(["--listen", &format!("127.0.0.1:{port}")]);
            command.args(["--management-listen", &format!("127.0.0.1:{management}")]);
            command.args(&options.arguments);
        });
        let management = format!("http://127.0.0.1:{management}");
        let mut operator = Operator { process, url, address, management };
        let start = std::time::Instant::now();
        while !options.without_readiness && !operator.is_ready().await {
            if operator.process.has_ended() || start.elapsed() > Duration::from_secs(30) {
                return Err(operator.process.log());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(operator)
    }

    /// Who holds the Lease; empty where nobody does.
    pub async fn lease_holder(&self) -> String {
        let leases: Api<Lease> = Api::namespaced(self.plane.admin().await, SYSTEM);
        let lease = leases.get_opt("realmkeeper").await.unwrap().unwrap_or_default();
        lease.spec.and_then(|spec| spec.holder_identity).unwrap_or_default()
    }

    /// Waits until the Lease is held by `name`.
    pub async fn until_leader(&self, name: &str, limit: Duration) {
        eventually(&format!("{name} holds the Lease"), limit, || async {
            let holder = self.lease_holder().await;
            (holder == name).then_some(()).ok_or(holder)
        })
        .await;
    }
}

impl Operator {
    /// What `/readyz` says.
    pub async fn is_ready(&self) -> bool {
        let answer = reqwest::get(format!("{}/readyz", self.management)).await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }
}

/// The cluster of all tests that need none of their own, with one operator in it. Each test works in namespaces of its own.
pub fn shared_cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| blocking(Cluster::start()))
}

/// The same without any operator: for tests in which nobody else may write.
pub fn quiet_cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| blocking(Cluster::start()))
}

/// The one operator of the shared cluster.
pub fn shared_operator() -> &'static Operator {
    static OPERATOR: OnceLock<Operator> = OnceLock::new();
    OPERATOR.get_or_init(|| blocking(shared_cluster().operator("shared", OperatorOptions::default())))
}

/// Two replicas behind one public URL, in a cluster of their own; the first holds the Lease.
pub async fn two_replicas() -> (Cluster, Operator, Operator) {
    let cluster = Cluster::start().await;
    let options =
        OperatorOptions { public_url: Some(format!("http://127.0.0.1:{}", free_port())), ..Default::default() };
    let first = cluster.operator("first", options.clone()).await;
    cluster.until_leader("first", SOON).await;
    let second = cluster.operator("second", options).await;
    (cluster, first, second)
}

/// A path of this repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Follows no redirects.
pub fn http() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// Runs what all tests share apart from the one that happens to ask first: its runtime ends with it.
pub fn blocking<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let run = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
    std::thread::spawn(run).join().unwrap()
}
