//! A leader that is stopped in the midst of rotations and wakes when another has gone on: there are never two of what there must be one of.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    control_plane::{
        ControlPlane, Namespace, Options, apply, objects::kustomize, process::free_port, wait::eventually,
    },
    harness::{Cluster, Operator, OperatorOptions, SOON, WRITES_OF_OURS, repository},
    history::History,
};

/// One of each of these algorithms, named after it: so each has a key that signs.
const RINGS: [&str; 4] = ["es256", "es384", "es512", "ed25519"];
const CLIENTS: [&str; 4] = ["client-a", "client-b", "client-c", "client-d"];
/// Pauses, of one leader after the other.
const PAUSES: usize = 2;
/// Each object is asked for a rotation so often.
const PACE: Duration = Duration::from_millis(700);

fn manifests() -> String {
    let object = |kind: &str, name: &str, spec: Value| {
        let manifest =
            json!({"apiVersion": "realmkeeper.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec});
        manifest.to_string()
    };
    let realm = json!({"name": "staff"});
    let mut all = vec![object("Realm", "staff", json!({"signing": {"defaultKeys": "None"}}))];
    let rotation = json!({"prePublish": "1s"});
    all.extend(RINGS.map(|name| {
        let algorithm = if name == "ed25519" { "Ed25519".to_owned() } else { name.to_uppercase() };
        object("SigningKey", name, json!({"realmRef": realm, "algorithm": algorithm, "rotation": rotation}))
    }));
    let credentials = json!({"secret": {"rotation": {"every": "90d", "overlap": "2s"}}});
    all.extend(CLIENTS.map(|name| {
        let spec = json!({"realmRef": realm, "grantTypes": ["client_credentials"], "credentials": credentials});
        object("OidcClient", name, spec)
    }));
    all.join("\n---\n")
}

/// Asks for one rotation after the other, of all objects at once, until it is told to end.
async fn stream_of_requests(namespace: Namespace, end: Arc<AtomicBool>) -> usize {
    let mut number = 0;
    while !end.load(Ordering::Relaxed) {
        number += 1;
        let annotation = json!({"metadata": {"annotations": {"realmkeeper.dev/rotate": number.to_string()}}});
        let patch = Patch::Merge(annotation);
        let asks = RINGS.map(|name| ("SigningKey", name)).into_iter().chain(CLIENTS.map(|name| ("OidcClient", name)));
        let one = |(kind, name): (&'static str, &'static str)| {
            let (api, patch) = (namespace.dynamic(kind), &patch);
            async move { drop(api.patch(name, &PatchParams::default(), patch).await.unwrap()) }
        };
        futures::future::join_all(asks.map(one)).await;
        sleep(PACE).await;
    }
    number
}

/// Successful writes that this replica has made, but for events, which are fenced by nothing and move nothing.
fn writes(plane: &ControlPlane, credential: &str) -> Vec<String> {
    let log = std::fs::read_to_string(plane.folder().join("audit.log")).unwrap();
    let requests = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let is_its = |request: &Value| {
        let by = &request["user"]["extra"]["authentication.kubernetes.io/credential-id"][0];
        by.as_str().is_some_and(|by| by.ends_with(credential))
            && request["responseStatus"]["code"].as_i64().is_some_and(|code| code < 300)
            && request["objectRef"]["resource"] != "events"
    };
    requests.filter(is_its).map(|request| format!("{} {}", request["verb"], request["objectRef"])).collect()
}

/// The `jti` of the token that it was started with.
fn credential(plane: &ControlPlane, operator: &str) -> String {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    let kubeconfig = std::fs::read_to_string(plane.folder().join(format!("{operator}.kubeconfig"))).unwrap();
    let kubeconfig: Value = serde_json::from_str(&kubeconfig).unwrap();
    let token = kubeconfig["users"][0]["user"]["token"].as_str().unwrap();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice::<Value>(&claims).unwrap()["jti"].as_str().unwrap().to_owned()
}

async fn generation(namespace: &Namespace) -> usize {
    let keys = namespace.get("SigningKey", RINGS[0]).await.unwrap()["status"]["keys"].clone();
    keys[0]["secretName"].as_str().unwrap().rsplit_once('-').unwrap().1.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_paused_in_the_midst_of_rotations_undoes_and_doubles_nothing_when_it_wakes() {
    let options = Options { audit: Some(WRITES_OF_OURS.into()), controller_manager: true, ..Options::default() };
    let cluster = Cluster { plane: ControlPlane::start(options).await };
    apply(&cluster.plane, &kustomize(&repository("deploy")));
    let public_url = Some(format!("http://127.0.0.1:{}", free_port()));
    let both = OperatorOptions { public_url, ..Default::default() };
    let first = cluster.operator("first", both.clone()).await;
    cluster.until_leader("first", SOON).await;
    let second = cluster.operator("second", both).await;
    let namespace = Namespace::create(&cluster.plane, "paused", json!({})).await;
    let history = History::record(&namespace);
    namespace.apply(&manifests());
    namespace.wait_for("Ready", &["realm/staff", "signingkey/es256", "oidcclient/client-d"], SOON);

    let end = Arc::new(AtomicBool::new(false));
    let requests = tokio::spawn(stream_of_requests(namespace.clone(), end.clone()));
    let replicas: [(&str, &Operator); 2] = [("first", &first), ("second", &second)];
    for pause in 0..PAUSES {
        let ((leader, leads), (heir, _)) = (replicas[pause % 2], replicas[(pause + 1) % 2]);
        sleep(Duration::from_millis(2500 + 370 * pause as u64)).await;
        leads.process.signal("STOP");
        let before = generation(&namespace).await;
        cluster.until_leader(heir, Duration::from_secs(25)).await;
        eventually("the heir rotates on", SOON, || async {
            let now = generation(&namespace).await;
            (now >= before + 2).then_some(()).ok_or(now)
        })
        .await;
        let written = writes(&cluster.plane, &credential(&cluster.plane, leader));
        assert!(!written.is_empty(), "the audit log knows the replicas apart");
        leads.process.signal("CONT");
        sleep(Duration::from_secs(6)).await;
        let more = writes(&cluster.plane, &credential(&cluster.plane, leader)).split_off(written.len());
        assert_eq!(more, [] as [String; 0], "the paused one wrote when it woke");
        assert_eq!(cluster.lease_holder().await, heir);
    }
    end.store(true, Ordering::Relaxed);
    let asked = requests.await.unwrap();
    let asked = asked.to_string();
    for name in RINGS {
        let is_answered = |object: &Value| (object["status"]["lastRotateRequest"] == *asked).then_some(());
        namespace.until("SigningKey", name, SOON, is_answered).await;
    }
    let keys = history.assert_one_active_key();
    assert!(RINGS.iter().all(|ring| keys[*ring] > 5), "{keys:?} of {asked} requests");
    let secrets = history.assert_one_current_secret();
    assert!(CLIENTS.iter().all(|client| secrets[*client] > 5), "{secrets:?} of {asked} requests");
}
