//! A system in which nothing changes writes nothing. What was written is not guessed from the outside: the API server's audit log
//! has every request of ours that could change anything, refused ones included.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use k8s_openapi::api::{core::v1 as core, events::v1 as events};
use kube::{
    Api, Client, ResourceExt,
    api::{DynamicObject, ListParams},
    core::ApiResource,
};
use serde_json::{Value, json};

use crate::{
    control_plane::{ControlPlane, Options, apply, kubectl, objects::kustomize, process::free_port},
    harness::{Cluster, OperatorOptions, SOON, WRITES_OF_OURS, repository},
};

const KINDS: [&str; 5] = ["Realm", "OidcClient", "User", "Group", "SigningKey"];
const REALMS: usize = 15;
/// Of them all, with the two default keys of each Realm.
const OBJECTS: usize = 500;

/// The requests of ours so far that could change something but the Lease, as `VERB RESOURCE NAMESPACE/NAME CODE`.
fn writes(plane: &ControlPlane) -> Vec<String> {
    let log = std::fs::read_to_string(plane.folder().join("audit.log")).unwrap_or_default();
    let requests = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    requests
        .filter(|request| request["objectRef"]["resource"] != "leases")
        .map(|request| {
            let target = &request["objectRef"];
            let resource = format!("{}/{}", text(&target["resource"]), text(&target["subresource"]));
            let name = format!("{}/{}", text(&target["namespace"]), text(&target["name"]));
            format!("{} {resource} {name} {}", text(&request["verb"]), request["responseStatus"]["code"])
        })
        .collect()
}

/// Renewals of the Lease: the audit log works, and the leader lives.
fn renewals(plane: &ControlPlane) -> usize {
    let log = std::fs::read_to_string(plane.folder().join("audit.log")).unwrap_or_default();
    log.lines().filter(|line| line.contains(r#""resource":"leases""#)).count()
}

/// Waits until for so long nothing was written, and gives how much was until then.
async fn until_quiet(plane: &ControlPlane, pause: Duration, limit: Duration) -> usize {
    let start = Instant::now();
    let (mut last, mut since) = (writes(plane).len(), Instant::now());
    while since.elapsed() < pause {
        assert!(
            start.elapsed() < limit,
            "it does not settle: {:#?}",
            writes(plane).iter().rev().take(20).collect::<Vec<_>>()
        );
        tokio::time::sleep(Duration::from_millis(250)).await;
        let now = writes(plane).len();
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
    last
}

fn child(kind: &str, name: String, realm: usize, mut spec: Value) -> Value {
    spec["realmRef"] = json!({"name": format!("realm-{realm}")});
    json!({"apiVersion": "realmkeeper.dev/v1alpha1", "kind": kind, "metadata": {"name": name, "namespace": "many"}, "spec": spec})
}

fn secret(name: &str, labels: Value, entries: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "many", "labels": labels}, "stringData": entries})
}

/// Objects of every kind: most are well, some wait for what is not there, some are in error.
fn objects() -> Vec<Value> {
    let readable = json!({"realmkeeper.dev/readable": "true"});
    let mut all = vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "many"}}),
        secret("login", readable.clone(), json!({"password": "analytical-engine"})),
        secret("given", readable, json!({"client-secret": "0123456789abcdef0123456789abcdef"})),
        // In the way of a client's Secret, and watched by nobody.
        secret("client-7-oidc", json!({}), json!({"theirs": "x"})),
        // Cut off from its Realm, which is in another namespace and allows only its own.
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "elsewhere"}}),
        json!({"apiVersion": "realmkeeper.dev/v1alpha1", "kind": "OidcClient", "metadata": {"name": "stranger", "namespace": "elsewhere"},
            "spec": {"realmRef": {"name": "realm-0", "namespace": "many"}}}),
    ];
    for realm in 0..REALMS {
        // Two of one issuer: the second is in error.
        let spec = if realm < 2 { json!({"issuer": "https://id.example.com/shared"}) } else { json!({}) };
        all.push(json!({"apiVersion": "realmkeeper.dev/v1alpha1", "kind": "Realm",
            "metadata": {"name": format!("realm-{realm}"), "namespace": "many"}, "spec": spec}));
    }
    for at in 0..20 {
        // A ring of its own algorithm in its Realm signs at once; the last two have nothing to sign with.
        let algorithm = if at < REALMS { "Ed25519" } else { "ES512" };
        let spec = match at {
            18.. => json!({"algorithm": algorithm, "source": {"secretRef": {"name": "late"}}}),
            _ => json!({"algorithm": algorithm, "rotation": {"every": "30d"}}),
        };
        all.push(child("SigningKey", format!("key-{at}"), at % REALMS, spec));
    }
    for at in 0..150 {
        let mut spec = json!({"passwordSecretRef": {"name": if at % 10 == 0 { "missing" } else { "login" }}});
        if at % 25 == 0 {
            spec["username"] = json!("wanted-by-several");
        }
        // `REALMS` is a Realm that there is none of.
        let realm = if at % 20 == 0 { REALMS } else { at % REALMS };
        all.push(child("User", format!("user-{at}"), realm, spec));
    }
    for at in 0..60 {
        let members = match at % 10 {
            0 => json!({"users": ["nobody"]}),
            1 => json!({"groups": [format!("group-{at}")]}),
            _ => json!({"users": [format!("user-{at}")], "selector": {"matchLabels": {"team": "a"}}}),
        };
        all.push(child("Group", format!("group-{at}"), at % REALMS, json!({"members": members})));
    }
    let left = OBJECTS - 2 * (REALMS - 1) - all.iter().filter(|object| object["spec"].is_object()).count();
    for at in 0..left {
        let spec = match at % 12 {
            0 => {
                json!({"grantTypes": ["client_credentials"], "credentials": {"secret": {"name": "given", "source": "Reference"}}})
            }
            1 => {
                json!({"grantTypes": ["client_credentials"], "credentials": {"secret": {"name": "late", "source": "Reference"}}})
            }
            2 => json!({"scopes": ["never-heard-of"], "grantTypes": ["client_credentials"]}),
            3 => json!({"redirectUris": ["https://app.example.com/"], "access": {"groups": ["nowhere"]}}),
            4 => {
                json!({"grantTypes": ["client_credentials"], "credentials": {"secret": {"keyStyle": "Env", "rotation": {"every": "90d"}}}})
            }
            5 => json!({"redirectUris": ["http://127.0.0.1/"], "tokenEndpointAuthMethod": "none"}),
            _ => json!({"redirectUris": ["https://app.example.com/"]}),
        };
        all.push(child("OidcClient", format!("client-{at}"), at % REALMS, spec));
    }
    all
}

/// The version of everything that we could have written, events included.
async fn versions(client: &Client) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut take = |kind: &str, namespace: Option<String>, name: String, version: Option<String>| {
        all.insert(format!("{kind} {}/{name}", namespace.unwrap_or_default()), version.unwrap());
    };
    let everything = ListParams::default();
    for kind in KINDS {
        for object in of_kind(client, kind).list(&everything).await.unwrap() {
            take(kind, object.namespace(), object.name_any(), object.resource_version());
        }
    }
    for secret in Api::<core::Secret>::all(client.clone()).list(&everything).await.unwrap() {
        take("Secret", secret.namespace(), secret.name_any(), secret.resource_version());
    }
    for event in Api::<events::Event>::all(client.clone()).list(&everything).await.unwrap() {
        take("Event", event.namespace(), event.name_any(), event.resource_version());
    }
    all
}

fn of_kind(client: &Client, kind: &str) -> Api<DynamicObject> {
    let resource = ApiResource {
        group: "realmkeeper.dev".into(),
        version: "v1alpha1".into(),
        api_version: "realmkeeper.dev/v1alpha1".into(),
        kind: kind.into(),
        plural: format!("{}s", kind.to_lowercase()),
    };
    Api::all_with(client.clone(), &resource)
}

/// How `Ready` stands, over all objects.
async fn readiness(client: &Client) -> (usize, BTreeSet<String>) {
    let (mut count, mut seen) = (0, BTreeSet::new());
    for kind in KINDS {
        for object in of_kind(client, kind).list(&ListParams::default()).await.unwrap() {
            let status = &object.data["status"];
            let ready = status["conditions"].as_array().and_then(|all| all.iter().find(|one| one["type"] == "Ready"));
            let ready = ready.unwrap_or_else(|| panic!("{kind} {}: {status}", object.name_any()));
            assert_eq!(status["observedGeneration"], json!(object.metadata.generation), "{kind} {}", object.name_any());
            seen.insert(ready["status"].as_str().unwrap().to_owned());
            count += 1;
        }
    }
    (count, seen)
}

#[tokio::test]
async fn a_stable_system_of_500_objects_writes_nothing() {
    let options = Options { audit: Some(WRITES_OF_OURS.into()), controller_manager: true, ..Options::default() };
    let cluster = Cluster { plane: ControlPlane::start(options).await };
    let plane = &cluster.plane;
    apply(plane, &kustomize(&repository("deploy")));
    let both = OperatorOptions { public_url: Some(format!("http://127.0.0.1:{}", free_port())), ..Default::default() };
    let first = cluster.operator("first", both.clone()).await;
    cluster.until_leader("first", SOON).await;
    let second = cluster.operator("second", both.clone()).await;
    let documents: Vec<_> = objects().iter().map(Value::to_string).collect();
    apply(plane, &documents.join("\n---\n"));
    until_quiet(plane, Duration::from_secs(5), Duration::from_secs(180)).await;
    let client = plane.admin().await;
    let (count, seen) = readiness(&client).await;
    assert_eq!(count, OBJECTS);
    assert_eq!(
        seen,
        ["False", "True", "Unknown"].map(str::to_owned).into(),
        "some are well, some wait, some are in error"
    );

    // What concerns nobody here. A Secret of ours may carry more than we have put there.
    kubectl(plane, &["-n", "many", "annotate", "oidcclient", "client-8", "example.com/note=nothing of ours"]);
    kubectl(plane, &["-n", "many", "annotate", "realm", "realm-2", "example.com/note=nothing of ours"]);
    kubectl(plane, &["-n", "many", "label", "user", "user-1", "example.com/floor=3"]);
    kubectl(plane, &["-n", "many", "label", "secret", "client-8-oidc", "backup.example.com/include=yes"]);
    kubectl(plane, &["label", "namespace", "many", "example.com/cost-centre=7"]);
    drop(second);
    let _second = cluster.operator("second", both).await;

    let before = (writes(plane), versions(&client).await, renewals(plane));
    // Longer than anything is repeated by itself: a Secret that is in the way is looked at again every minute.
    tokio::time::sleep(Duration::from_secs(65)).await;
    let written = writes(plane);
    assert_eq!(written[before.0.len()..], [] as [String; 0]);
    assert_eq!(versions(&client).await, before.1);
    assert!(renewals(plane) > before.2 + 5, "the leader lives and the audit log works");
    assert_eq!(cluster.lease_holder().await, "first");

    // Another leader finds nothing to do either: it may try what it can't know to be in vain, and changes nothing.
    drop(first);
    cluster.until_leader("second", Duration::from_secs(30)).await;
    until_quiet(plane, Duration::from_secs(5), Duration::from_secs(30)).await;
    let vain = ["create secrets/ many/client-7-oidc 409"];
    let more: Vec<_> =
        writes(plane).split_off(written.len()).into_iter().filter(|write| !vain.contains(&&**write)).collect();
    assert_eq!(more, [] as [String; 0]);
    assert_eq!(versions(&client).await, before.1);
}
