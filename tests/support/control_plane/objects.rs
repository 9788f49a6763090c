use std::{
    future::Future,
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1 as core,
};
use kube::{
    Api, Client, ResourceExt,
    api::{DynamicObject, PostParams},
    discovery::ApiResource,
};
use serde_json::{Value, json};

use super::{ControlPlane, binaries, wait::eventually};

/// A namespace of one test's own; its name starts with the test's.
#[derive(Clone)]
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// The administrator's client.
    pub client: Client,
    kubeconfig: std::path::PathBuf,
}

impl Namespace {
    /// Creates one with these labels, and the `default` ServiceAccount where no controller does.
    pub async fn create(plane: &ControlPlane, prefix: &str, labels: Value) -> Self {
        let client = plane.admin().await;
        let namespace: core::Namespace =
            serde_json::from_value(json!({"metadata": {"generateName": format!("{prefix}-"), "labels": labels}}))
                .unwrap();
        let created = Api::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
        Self { name: created.name_any(), client, kubeconfig: plane.admin_kubeconfig() }
    }

    /// Applies YAML documents in this namespace as `kubectl apply` does.
    ///
    /// # Panics
    /// With what kubectl said, where it did not work.
    pub fn apply(&self, yaml: &str) {
        let output = kubectl_apply(&self.kubeconfig, &["--namespace", &self.name], yaml);
        assert!(output.status.success(), "kubectl apply: {}", text(&output.stderr));
    }

    /// Asserts that the API server takes this object of ours, without keeping it.
    pub async fn accepts(&self, object: &Value) {
        if let Err(error) = self.try_create(object, true).await {
            panic!("must be accepted: {object:#}\nbut: {error}");
        }
    }

    /// Asserts that the API server refuses this object of ours with a message that contains `message`.
    pub async fn rejects(&self, object: &Value, message: &str) {
        refused(self.try_create(object, true).await.map(drop), message, object);
    }

    /// Asserts that the API server takes `before`, and refuses to turn it into `after` with a message that contains `message`.
    pub async fn rejects_change(&self, before: &Value, after: &Value, message: &str) {
        let api = self.dynamic(before["kind"].as_str().unwrap());
        let kept = self.try_create(before, false).await.unwrap_or_else(|error| panic!("{before:#}: {error}"));
        let mut next = parse(after);
        next.metadata = kept.metadata.clone();
        let params = PostParams { dry_run: true, ..PostParams::default() };
        refused(api.replace(&kept.name_any(), &params, &next).await.map(drop), message, after);
        api.delete(&kept.name_any(), &Default::default()).await.unwrap();
    }

    async fn try_create(&self, object: &Value, dry_run: bool) -> kube::Result<DynamicObject> {
        let api = self.dynamic(object["kind"].as_str().unwrap());
        let mut parsed = parse(object);
        if parsed.metadata.name.is_none() {
            parsed.metadata.generate_name = Some("case-".into());
        }
        api.create(&PostParams { dry_run, ..PostParams::default() }, &parsed).await
    }

    /// Runs kubectl in this namespace and returns what it printed.
    ///
    /// # Panics
    /// With what kubectl said, where it did not work.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        run_kubectl(&self.kubeconfig, &[&["--namespace", &self.name], arguments].concat())
    }

    /// `kubectl wait --for=condition=…`, in one call for all these `kind/name`.
    pub fn wait_for(&self, condition: &str, objects: &[&str], limit: Duration) {
        let condition = format!("--for=condition={condition}");
        let limit = format!("--timeout={}s", limit.as_secs());
        let arguments = [&["--namespace", &self.name, "wait", &condition, &limit], objects].concat();
        let output = kubectl_output(&self.kubeconfig, &arguments);
        if !output.status.success() {
            let now =
                kubectl_output(&self.kubeconfig, &["--namespace", &self.name, "get", "realmkeeper", "-o", "yaml"]);
            panic!("kubectl wait {condition} {objects:?}: {}\n{}", text(&output.stderr), text(&now.stdout));
        }
    }

    /// One of our resources as JSON; an error where it is not there.
    pub async fn get(&self, kind: &str, name: &str) -> kube::Result<Value> {
        let object = self.dynamic(kind).get(name).await?;
        Ok(serde_json::to_value(object).unwrap())
    }

    /// The API of one of our kinds in this namespace.
    pub fn dynamic(&self, kind: &str) -> Api<DynamicObject> {
        let plural = format!("{}s", kind.to_lowercase());
        let resource = ApiResource {
            group: "realmkeeper.dev".into(),
            version: "v1alpha1".into(),
            api_version: "realmkeeper.dev/v1alpha1".into(),
            kind: kind.into(),
            plural,
        };
        Api::namespaced_with(self.client.clone(), &self.name, &resource)
    }

    /// Waits until `accept` says `Ok` of the object.
    pub async fn until<T>(&self, kind: &str, name: &str, limit: Duration, accept: impl Fn(&Value) -> Option<T>) -> T {
        eventually(&format!("{kind} {}/{name}", self.name), limit, || async {
            let object = self.get(kind, name).await.map_err(|error| json!(error.to_string()))?;
            accept(&object).ok_or_else(|| object["status"].clone())
        })
        .await
    }

    /// Waits until a condition of the object has this status and reason.
    pub async fn until_condition(&self, kind: &str, name: &str, condition: &str, status: &str, reason: &str) -> Value {
        self.until(kind, name, Duration::from_secs(20), |object| {
            let conditions = object["status"]["conditions"].as_array()?;
            let found = conditions.iter().find(|found| found["type"] == condition)?;
            (found["status"] == status && found["reason"] == reason).then(|| found.clone())
        })
        .await
    }

    /// The decoded entries of a Secret, as soon as it is there.
    pub async fn secret(&self, name: &str, limit: Duration) -> std::collections::BTreeMap<String, String> {
        let secrets: Api<core::Secret> = Api::namespaced(self.client.clone(), &self.name);
        let secret = eventually(&format!("Secret {}/{name}", self.name), limit, || secrets.get(name)).await;
        let entries = secret.data.unwrap_or_default();
        entries.into_iter().map(|(key, value)| (key, String::from_utf8_lossy(&value.0).into_owned())).collect()
    }

    /// Creates a ServiceAccount.
    pub async fn service_account(&self, name: &str) {
        let accounts: Api<core::ServiceAccount> = Api::namespaced(self.client.clone(), &self.name);
        let account = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
        accounts.create(&PostParams::default(), &account).await.unwrap();
    }

    /// A token of a ServiceAccount for this audience (the API server's own where empty), valid for an hour.
    pub async fn token(&self, service_account: &str, audience: &str) -> String {
        token(&self.client, &self.name, service_account, audience).await
    }

    /// Asks for the namespace's end, if it is not under way, and does not wait for it.
    pub async fn delete(&self) {
        let namespaces: Api<core::Namespace> = Api::all(self.client.clone());
        match namespaces.delete(&self.name, &Default::default()).await {
            Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => (),
            other => drop(other.unwrap()),
        }
    }

    /// Waits until the namespace is gone.
    pub async fn until_gone(&self, limit: Duration) {
        let namespaces: Api<core::Namespace> = Api::all(self.client.clone());
        eventually(&format!("the end of namespace {}", self.name), limit, || async {
            match namespaces.get_opt(&self.name).await {
                Ok(None) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    }
}

/// An object of ours, of which the case says kind and spec.
fn parse(object: &Value) -> DynamicObject {
    let mut object = object.clone();
    object["apiVersion"] = "realmkeeper.dev/v1alpha1".into();
    if object["metadata"].is_null() {
        object["metadata"] = json!({});
    }
    serde_json::from_value(object).unwrap()
}

fn refused(result: kube::Result<()>, message: &str, object: &Value) {
    match result {
        Ok(()) => panic!("must be rejected with \"{message}\": {object:#}"),
        Err(kube::Error::Api(status)) => {
            let said = format!("{} {:?}", status.message, status.details);
            assert!(said.contains(message), "must be rejected with \"{message}\": {object:#}\nbut: {said}");
        }
        Err(other) => panic!("{other}"),
    }
}

/// Runs `test` in a namespace of its own and deletes it afterwards, where the test has passed: what a failed test leaves can be looked at.
pub async fn with_temp_namespace<F: Future<Output = ()>>(
    plane: &ControlPlane,
    prefix: &str,
    test: impl FnOnce(Namespace) -> F,
) {
    let namespace = Namespace::create(plane, prefix, json!({})).await;
    test(namespace.clone()).await;
    namespace.delete().await;
}

/// A token by the TokenRequest API.
pub async fn token(client: &Client, namespace: &str, service_account: &str, audience: &str) -> String {
    let accounts: Api<core::ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let audiences = if audience.is_empty() { Vec::new() } else { vec![audience.to_owned()] };
    let spec = TokenRequestSpec { audiences: Some(audiences), expiration_seconds: Some(3600), ..Default::default() };
    let request = TokenRequest { spec: Some(spec), ..Default::default() };
    let answer = accounts.create_token_request(service_account, &PostParams::default(), &request).await.unwrap();
    answer.status.unwrap().token.unwrap()
}

/// Runs kubectl as the administrator and returns what it printed.
///
/// # Panics
/// With what kubectl said, where it did not work.
pub fn kubectl(plane: &ControlPlane, arguments: &[&str]) -> String {
    run_kubectl(&plane.admin_kubeconfig(), arguments)
}

/// Applies YAML documents as they stand.
///
/// # Panics
/// With what kubectl said, where it did not work.
pub fn apply(plane: &ControlPlane, yaml: &str) {
    let output = kubectl_apply(&plane.admin_kubeconfig(), &["--server-side"], yaml);
    assert!(output.status.success(), "kubectl apply: {}", text(&output.stderr));
}

/// The same with `--dry-run=server`.
///
/// # Panics
/// With what kubectl said, where it did not work.
pub fn apply_dry_run(plane: &ControlPlane, yaml: &str) -> String {
    let output = kubectl_apply(&plane.admin_kubeconfig(), &["--server-side", "--dry-run=server"], yaml);
    assert!(output.status.success(), "kubectl apply --dry-run=server: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Runs helm and returns what it printed.
///
/// # Panics
/// With what helm said, where it did not work.
pub fn helm(arguments: &[&str]) -> String {
    let output = Command::new(binaries::find("helm")).args(arguments).output().unwrap();
    assert!(output.status.success(), "helm {arguments:?}: {}\n{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// Runs helm, which must fail, and returns what it said.
///
/// # Panics
/// Where helm is content.
pub fn helm_fails(arguments: &[&str]) -> String {
    let output = Command::new(binaries::find("helm")).args(arguments).output().unwrap();
    assert!(!output.status.success(), "helm {arguments:?} must fail");
    text(&output.stderr)
}

/// Runs kubectl without any cluster (`kustomize`) and returns what it printed.
///
/// # Panics
/// With what kubectl said, where it did not work.
pub fn kustomize(folder: &Path) -> String {
    let output = Command::new(binaries::find("kubectl")).arg("kustomize").arg(folder).output().unwrap();
    assert!(output.status.success(), "kubectl kustomize: {}", text(&output.stderr));
    text(&output.stdout)
}

fn run_kubectl(kubeconfig: &Path, arguments: &[&str]) -> String {
    let output = kubectl_output(kubeconfig, arguments);
    assert!(output.status.success(), "kubectl {arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Runs kubectl with a kubeconfig; how it ended is the caller's to judge.
pub fn kubectl_output(kubeconfig: &Path, arguments: &[&str]) -> Output {
    kubectl_command(kubeconfig).args(arguments).output().unwrap()
}

fn kubectl_apply(kubeconfig: &Path, options: &[&str], yaml: &str) -> Output {
    let mut command = kubectl_command(kubeconfig);
    command.arg("apply").args(options).args(["-f", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A document longer than a pipe's buffer is written while kubectl reads; it says nothing before it has read all.
    child.stdin.take().unwrap().write_all(yaml.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// kubectl with this kubeconfig, and nothing of the machine's own.
pub fn kubectl_command(kubeconfig: &Path) -> Command {
    let mut command = Command::new(binaries::find("kubectl"));
    command
        .env("KUBECONFIG", kubeconfig)
        .env("HOME", kubeconfig.parent().unwrap())
        .env_remove("http_proxy")
        .env_remove("https_proxy");
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
