//! What earlier releases have left in clusters still works: `tests/upgrade/README.md`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1 as core;
use kube::{
    Api, Client, ResourceExt,
    api::{DynamicObject, ListParams, Patch, PatchParams, PostParams},
    core::ApiResource,
};
use reqwest::header;
use serde_json::{Value, json};

use crate::{
    control_plane::{
        ControlPlane, Options, apply, kubectl,
        objects::{kubectl_output, kustomize},
        wait::eventually,
    },
    harness::{Cluster, Operator, OperatorOptions, SOON, http, repository},
    suite::relying_party::peek,
};

/// Where the provider of the frozen cluster was reached.
const PUBLIC_URL: &str = "https://id.example.com";

const KINDS: [&str; 5] = ["realms", "signingkeys", "groups", "users", "oidcclients"];

/// Makes a release's folder; run by hand, see the README.
#[tokio::test]
#[ignore = "writes tests/upgrade/$REALMKEEPER_FREEZE"]
async fn freezes_what_this_release_leaves_behind() {
    let release = std::env::var("REALMKEEPER_FREEZE").expect("REALMKEEPER_FREEZE names the release, such as v0.1.0");
    let folder = repository("tests/upgrade").join(&release);
    assert!(!folder.exists(), "{} is there: a release is frozen once", folder.display());

    let cluster = Cluster::start().await;
    let options = OperatorOptions { public_url: Some(PUBLIC_URL.into()), ..OperatorOptions::default() };
    let operator = cluster.operator("frozen", options).await;
    let manifests = fs::read_to_string(repository("tests/upgrade/manifests.yaml")).unwrap();
    apply(&cluster.plane, &manifests);
    until_all_ready(&cluster);
    // What follows from becoming Ready (counts in the Realms' statuses) is written too.
    tokio::time::sleep(Duration::from_secs(3)).await;
    until_all_ready(&cluster);
    drop(operator);

    let mut written = vec![json!({"frozenAt": Timestamp::now().to_string()})];
    written.extend(items(&cluster, &["secrets", "--selector", "app.kubernetes.io/managed-by=realmkeeper"]));
    for kind in KINDS {
        written.extend(items(&cluster, &[kind]));
    }
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("manifests.yaml"), manifests).unwrap();
    fs::write(folder.join("crds.yaml"), documents(&repository("crds"))).unwrap();
    let written: Vec<_> = written.iter().map(|object| serde_saphyr::to_string(object).unwrap()).collect();
    fs::write(folder.join("written.yaml"), written.join("---\n")).unwrap();
}

/// `kubectl wait` for all that there is, in every namespace.
fn until_all_ready(cluster: &Cluster) {
    for kind in KINDS {
        let arguments = ["wait", "--all-namespaces", "--all", "--for=condition=Ready", "--timeout=60s", kind];
        kubectl(&cluster.plane, &arguments);
    }
}

/// What there is in the namespaces of the manifests, without what only that one API server could say.
fn items(cluster: &Cluster, what: &[&str]) -> Vec<Value> {
    let arguments = [&["get", "--all-namespaces", "--show-managed-fields", "-o", "json"], what].concat();
    let list: Value = serde_json::from_str(&kubectl(&cluster.plane, &arguments)).unwrap();
    let mut items = list["items"].as_array().unwrap().clone();
    items.retain(|item| item["metadata"]["namespace"] != "realmkeeper-system");
    for item in &mut items {
        let is_secret = item["kind"] == "Secret";
        let metadata = item["metadata"].as_object_mut().unwrap();
        metadata.remove("resourceVersion");
        let managers = metadata.remove("managedFields").unwrap();
        if is_secret {
            // Whether it was created or applied decides what a later apply may take away.
            let names = |entry: &Value| json!({"manager": entry["manager"], "operation": entry["operation"]});
            metadata.insert("managedFields".into(), managers.as_array().unwrap().iter().map(names).collect());
        }
    }
    items
}

/// The files of a folder as one stream of YAML.
fn documents(folder: &Path) -> String {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let texts: BTreeMap<_, _> = files.iter().map(|file| (file.clone(), fs::read_to_string(file).unwrap())).collect();
    texts.into_values().collect::<Vec<_>>().join("---\n")
}

/// What a release has left.
struct Frozen {
    folder: PathBuf,
    at: Timestamp,
    written: Vec<Value>,
}

impl Frozen {
    fn all() -> Vec<Self> {
        let entries = fs::read_dir(repository("tests/upgrade")).unwrap().map(|entry| entry.unwrap().path());
        let mut folders: Vec<_> = entries.filter(|path| path.is_dir()).collect();
        folders.sort();
        folders.into_iter().map(Self::read).collect()
    }

    fn read(folder: PathBuf) -> Self {
        let text = fs::read_to_string(folder.join("written.yaml")).unwrap();
        let mut written: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
        let at = written.remove(0)["frozenAt"].as_str().unwrap().parse().unwrap();
        Self { folder, at, written }
    }

    fn manifests(&self) -> String {
        fs::read_to_string(self.folder.join("manifests.yaml")).unwrap()
    }

    fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.written.iter().filter(move |object| object["kind"] == kind)
    }

    /// The same as if the cluster had been left an hour ago.
    fn lately(mut self) -> Self {
        let shift = Timestamp::now().duration_since(self.at) - SignedDuration::from_hours(1);
        for object in &mut self.written {
            shift_times(&mut object["metadata"]["annotations"], shift);
            shift_times(&mut object["status"], shift);
        }
        self
    }

    /// Puts back what the operator had written, for the objects of the same names that have other uids here.
    async fn restore(&self, client: &Client) {
        for secret in self.of_kind("Secret") {
            restore_object(client, secret).await;
        }
        for kind in ["Realm", "SigningKey", "Group", "User", "OidcClient"] {
            for object in self.of_kind(kind) {
                let api = api(client, object);
                if api.get_opt(name(object)).await.unwrap().is_none() {
                    restore_object(client, object).await;
                }
                let patch = json!({"apiVersion": object["apiVersion"], "kind": kind, "status": object["status"]});
                api.patch_status(name(object), &ours(), &Patch::Apply(patch)).await.unwrap();
            }
        }
    }
}

fn ours() -> PatchParams {
    PatchParams::apply("realmkeeper").force()
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}

fn api(client: &Client, object: &Value) -> Api<DynamicObject> {
    let (api_version, kind) = (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let resource = ApiResource {
        group: group.into(),
        version: version.into(),
        api_version: api_version.into(),
        kind: kind.into(),
        plural: format!("{}s", kind.to_lowercase()),
    };
    Api::namespaced_with(client.clone(), object["metadata"]["namespace"].as_str().unwrap(), &resource)
}

/// Every text that is a time, later by `shift`.
fn shift_times(value: &mut Value, shift: SignedDuration) {
    match value {
        Value::String(text) => {
            if let Ok(time) = text.parse::<Timestamp>() {
                *text = Timestamp::from_second((time + shift).as_second()).unwrap().to_string();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| shift_times(item, shift)),
        Value::Object(fields) => fields.values_mut().for_each(|field| shift_times(field, shift)),
        _ => {}
    }
}

async fn restore_object(client: &Client, object: &Value) {
    let mut object = object.clone();
    let applied =
        object["metadata"]["managedFields"].as_array().into_iter().flatten().any(|entry| entry["operation"] == "Apply");
    let namespace = object["metadata"]["namespace"].clone();
    for reference in object["metadata"]["ownerReferences"].as_array_mut().into_iter().flatten() {
        let owner = json!({"apiVersion": reference["apiVersion"], "kind": reference["kind"], "metadata": {"namespace": namespace}});
        let owner = api(client, &owner).get(reference["name"].as_str().unwrap()).await.unwrap();
        reference["uid"] = owner.uid().unwrap().into();
    }
    let metadata = object["metadata"].as_object_mut().unwrap();
    for field in ["uid", "creationTimestamp", "generation", "managedFields"] {
        metadata.remove(field);
    }
    let api = api(client, &object);
    if applied {
        api.patch(name(&object), &ours(), &Patch::Apply(&object)).await.unwrap();
    } else {
        let params = PostParams { field_manager: Some("realmkeeper".into()), ..PostParams::default() };
        api.create(&params, &serde_json::from_value(object).unwrap()).await.unwrap();
    }
}

/// The generated Secrets by namespace and name: which they are, in which version, and what they hold.
async fn generated(client: &Client) -> BTreeMap<String, (Option<String>, Option<String>, Value)> {
    let api: Api<core::Secret> = Api::all(client.clone());
    let list = api.list(&ListParams::default().labels("app.kubernetes.io/managed-by=realmkeeper")).await.unwrap();
    let entry = |secret: core::Secret| {
        let called = format!("{}/{}", secret.namespace().unwrap(), secret.name_any());
        (called, (secret.uid(), secret.resource_version(), serde_json::to_value(secret.data).unwrap()))
    };
    list.items.into_iter().map(entry).collect()
}

/// The CRDs, the operator and nothing else are updated; nobody notices.
#[tokio::test]
async fn a_cluster_that_an_earlier_release_has_left_goes_on_as_it_was() {
    let releases = Frozen::all();
    assert!(!releases.is_empty());
    for release in releases {
        eprintln!("from {}", release.folder.display());
        upgrade(release.lately()).await;
    }
}

async fn upgrade(release: Frozen) {
    let crds = vec![release.folder.join("crds.yaml")];
    let plane = ControlPlane::start(Options { crds, controller_manager: true, ..Options::default() }).await;
    let cluster = Cluster { plane };
    let client = cluster.plane.admin().await;
    client_side_apply(&cluster, &release.manifests());
    release.restore(&client).await;
    let before = generated(&client).await;
    let frozen: BTreeSet<_> = release
        .of_kind("Secret")
        .map(|secret| format!("{}/{}", secret["metadata"]["namespace"].as_str().unwrap(), name(secret)))
        .collect();
    assert_eq!(before.keys().cloned().collect::<BTreeSet<_>>(), frozen);

    apply(&cluster.plane, &kustomize(&repository("deploy")));
    kubectl(&cluster.plane, &["wait", "--for=condition=Established", "--timeout=20s", "crd", "--all"]);
    client_side_apply(&cluster, &release.manifests());
    apply(&cluster.plane, &release.manifests());
    let options = OperatorOptions { public_url: Some(PUBLIC_URL.into()), ..OperatorOptions::default() };
    let operator = cluster.operator("present", options).await;
    let provider = Provider(&operator);
    // It has come around to making something new, so it has looked at what was there.
    let late = json!({"apiVersion": "realmkeeper.dev/v1alpha1", "kind": "OidcClient", "metadata": {"name": "late", "namespace": "identity"},
        "spec": {"realmRef": {"name": "plain"}, "grantTypes": ["client_credentials"], "credentials": {"secret": {"name": "late"}}}});
    apply(&cluster.plane, &late.to_string());
    let arguments = ["wait", "-n", "identity", "--for=condition=Ready", "--timeout=30s", "oidcclient/late"];
    kubectl(&cluster.plane, &arguments);
    until_all_ready(&cluster);
    all_are_ready(&cluster);

    for key in release.of_kind("SigningKey") {
        provider.still_has(key).await;
    }
    for secret in release.of_kind("Secret").filter(|secret| secret["type"] == "servicebinding.io/oauth2") {
        provider.still_accepts(secret, &release).await;
    }
    let mut after = generated(&client).await;
    assert!(after.remove("identity/late").is_some());
    // A key that comes from somebody else's Secret is taken over into one of the ring's own.
    let new: Vec<_> = after.keys().filter(|name| !before.contains_key(*name)).cloned().collect();
    for name in new {
        let (_, _, data) = after.remove(&name).unwrap();
        assert!(data.get("private-key.pem").is_some(), "{name} is new");
    }
    for (name, (uid, version, data)) in &before {
        let Some((uid_now, version_now, data_now)) = after.get(name) else { panic!("{name} is lost") };
        // No assert_eq: what it prints would be the Secrets.
        assert!(uid_now == uid && data_now == data, "{name} was made anew");
        let may_learn = data.get("private-key.pem").is_some();
        assert!(may_learn || version_now == version, "{name} was written without need");
    }
}

/// As most people do it; what was applied on the server before is as good.
fn client_side_apply(cluster: &Cluster, yaml: &str) {
    let file = cluster.plane.folder().join("manifests.yaml");
    fs::write(&file, yaml).unwrap();
    let output = kubectl_output(&cluster.plane.admin_kubeconfig(), &["apply", "-f", file.to_str().unwrap()]);
    assert!(output.status.success(), "kubectl apply: {}", String::from_utf8_lossy(&output.stderr));
}

fn all_are_ready(cluster: &Cluster) {
    for kind in KINDS {
        for object in items(cluster, &[kind]) {
            let status = &object["status"];
            let is_ready = |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
            assert!(status["conditions"].as_array().unwrap().iter().any(is_ready), "{object:#}");
            assert_eq!(status["observedGeneration"], object["metadata"]["generation"], "{object:#}");
        }
    }
}

/// The provider at its public URL, which leads nowhere here.
struct Provider<'a>(&'a Operator);

impl Provider<'_> {
    fn ask(&self, method: reqwest::Method, url: &str) -> reqwest::RequestBuilder {
        let (authority, path) = url.trim_start_matches("https://").split_once('/').unwrap();
        http().request(method, format!("{}/{path}", self.0.address)).header(header::HOST, authority)
    }

    /// The key that signed then stands in the JWKS.
    async fn still_has(&self, key: &Value) {
        let jwks = format!("{}/jwks", issuer_of(key["spec"]["realmRef"]["name"].as_str().unwrap()));
        let kid = active_kid(key);
        eventually(&format!("{kid} in {jwks}"), SOON, || async {
            let answer: Value = self.ask(reqwest::Method::GET, &jwks).send().await.unwrap().json().await.unwrap();
            let found = answer["keys"].as_array().into_iter().flatten().any(|found| found["kid"] == kid);
            found.then_some(()).ok_or(answer)
        })
        .await;
    }

    /// The client gets its token by the secret that it had, signed by the key that signed then.
    async fn still_accepts(&self, secret: &Value, release: &Frozen) {
        let entry = |names: &[&str]| {
            let value = names.iter().find_map(|name| secret["data"][name].as_str());
            value.map(|value| String::from_utf8(base64(value)).unwrap())
        };
        let Some(value) = entry(&["client-secret", "CLIENT_SECRET", "OAUTH_CLIENT_SECRET"]) else { return };
        let id = entry(&["client-id", "CLIENT_ID"]).unwrap();
        let endpoint = entry(&["token-endpoint", "TOKEN_ENDPOINT"]).unwrap();
        let by_body = id == "batch";
        let mut form = vec![("grant_type", "client_credentials")];
        if by_body {
            form.extend([("client_id", &*id), ("client_secret", &*value)]);
        }
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut request = self.ask(reqwest::Method::POST, &endpoint).body(form);
        request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if !by_body {
            request = request.basic_auth(&id, Some(&value));
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let answer: Value = answer.json().await.unwrap();
        assert!(status.is_success(), "{id}: {answer}");
        let token = answer["access_token"].as_str().unwrap();
        if token.matches('.').count() == 2 {
            let realm = endpoint.trim_end_matches("/token").rsplit('/').next().unwrap();
            let signs = |key: &&Value| key["spec"]["realmRef"]["name"] == realm && key["spec"]["algorithm"] == "ES256";
            let kid = active_kid(release.of_kind("SigningKey").find(signs).unwrap());
            assert_eq!(header_of(token)["kid"], kid, "{}", peek(token));
        }
    }
}

fn issuer_of(realm: &str) -> String {
    if realm == "staff" { format!("{PUBLIC_URL}/staff") } else { format!("{PUBLIC_URL}/realms/{realm}") }
}

fn active_kid(key: &Value) -> &str {
    let keys = key["status"]["keys"].as_array().unwrap();
    keys.iter().find(|key| key["state"] == "Active").unwrap()["kid"].as_str().unwrap()
}

fn header_of(token: &str) -> Value {
    use base64::Engine;
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice(&header).unwrap()
}

fn base64(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}
