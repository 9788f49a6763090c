//! What Argo CD and Flux make of our statuses: the Lua of `deploy/gitops/argocd` in Argo CD's own interpreter, and kstatus itself.

use std::{
    collections::BTreeMap,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::{
    control_plane::{
        Namespace,
        objects::{apply_dry_run, kustomize},
    },
    go_peers::go_peer,
    harness::{quiet_cluster, repository},
    states::{KINDS, States},
};

/// Asks one of the programs of `tests/peers`.
fn ask(peer: &str, question: &Value) -> Vec<Value> {
    let mut command = Command::new(go_peer(peer));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let text = question.to_string();
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{peer}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn run_lua(script: &str, object: &Value) -> Value {
    let [answer] = ask("argocd", &json!([{"script": script, "obj": object}])).try_into().unwrap();
    assert!(answer["error"].is_null(), "{answer}");
    answer["value"].clone()
}

/// The data of the ConfigMap.
fn argocd_cm() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(repository("deploy/gitops/argocd/argocd-cm.yaml")).unwrap();
    let map: Value = serde_saphyr::from_str(&text).unwrap();
    serde_json::from_value(map["data"].clone()).unwrap()
}

/// The health of an object of ours, and its message, as Argo CD sees it.
fn health(object: &Value) -> (String, String) {
    let key = format!("resource.customizations.health.realmkeeper.dev_{}", object["kind"].as_str().unwrap());
    let answer = run_lua(&argocd_cm()[&key], object);
    let text = |field: &str| answer[field].as_str().unwrap().to_owned();
    (text("status"), text("message"))
}

/// The status of an object as kstatus has it.
fn kstatus(object: &Value) -> String {
    let [answer] = ask("kstatus", &json!([object])).try_into().unwrap();
    answer["status"].as_str().unwrap().to_owned()
}

/// Each kind in each state, read back from the API server.
#[tokio::test]
async fn argo_cd_and_flux_read_every_state_of_every_kind_rightly() {
    let states = States::create("gitops").await;
    for kind in KINDS {
        for (state, argo, flux) in [
            ("ready", "Healthy", "Current"),
            ("waits", "Progressing", "InProgress"),
            ("fails", "Degraded", "Failed"),
            ("frozen", "Suspended", "Current"),
        ] {
            let object = states.get(kind, state).await;
            let (status, message) = health(&object);
            assert_eq!((&*status, &*kstatus(&object)), (argo, flux), "{object:#}");
            let ready = object["status"]["conditions"][0].clone();
            assert_eq!(ready["type"], "Ready");
            assert!(message.contains(ready["message"].as_str().unwrap()), "{message}\n{ready}");
            if state == "fails" || state == "waits" {
                assert!(message.starts_with(ready["reason"].as_str().unwrap()), "the reason is told too: {message}");
            }
        }
        let mut object = states.get(kind, "ready").await;
        // Changed, and not seen yet.
        let generation = object["metadata"]["generation"].as_i64().unwrap();
        object["metadata"]["generation"] = json!(generation + 1);
        assert_eq!((&*health(&object).0, &*kstatus(&object)), ("Progressing", "InProgress"), "{kind}");
        object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        assert_eq!((&*health(&object).0, &*kstatus(&object)), ("Progressing", "Terminating"), "{kind}");
        // As it was before definitions said the first status.
        let mut object = states.get(kind, "ready").await;
        object.as_object_mut().unwrap().remove("status");
        assert_eq!(health(&object).0, "Progressing", "{kind}");
    }
    states.namespace.delete().await;
}

/// Flux would go on at once, if the API server did not say itself that an object waits.
#[tokio::test]
async fn what_no_operator_has_seen_is_ready_to_nobody() {
    let namespace = Namespace::create(&quiet_cluster().plane, "unseen", json!({})).await;
    for kind in KINDS {
        let spec = match kind {
            "Realm" => json!({}),
            "SigningKey" => json!({"realmRef": {"name": "staff"}, "algorithm": "ES256"}),
            _ => json!({"realmRef": {"name": "staff"}}),
        };
        let object =
            json!({"apiVersion": "realmkeeper.dev/v1alpha1", "kind": kind, "metadata": {"name": "new"}, "spec": spec});
        namespace.apply(&object.to_string());
        let object = namespace.get(kind, "new").await.unwrap();
        let (status, message) = health(&object);
        assert_eq!((&*status, &*message), ("Progressing", "waiting for the operator"));
        assert_eq!(kstatus(&object), "InProgress", "{object:#}");
    }
}

/// The scripts use nothing that Argo CD does not have, and the rotation is offered where there is something to rotate.
#[tokio::test]
async fn argo_cd_offers_a_rotation_where_something_was_generated_here() {
    let states = States::create("actions").await;
    let data = argocd_cm();
    for (kind, state, is_offered) in [
        ("OidcClient", "ready", true),
        ("OidcClient", "frozen", false),
        ("OidcClient", "waits", false),
        ("SigningKey", "ready", true),
        ("SigningKey", "frozen", false),
        ("SigningKey", "waits", false),
    ] {
        let actions: Value =
            serde_saphyr::from_str(&data[&format!("resource.customizations.actions.realmkeeper.dev_{kind}")]).unwrap();
        let object = states.get(kind, state).await;
        let offered = run_lua(actions["discovery.lua"].as_str().unwrap(), &object);
        assert_eq!(offered["rotate"]["disabled"], json!(!is_offered), "{kind} {state}");
        let [definition] = actions["definitions"].as_array().unwrap().as_slice() else { panic!("{actions}") };
        assert_eq!(definition["name"], "rotate");
        let changed = run_lua(definition["action.lua"].as_str().unwrap(), &object);
        let asked = changed["metadata"]["annotations"]["realmkeeper.dev/rotate"].as_str().unwrap();
        asked.parse::<jiff::Timestamp>().unwrap();
        let mut expected = object["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
        expected.insert("realmkeeper.dev/rotate".into(), asked.into());
        assert_eq!(changed["metadata"]["annotations"], Value::Object(expected));
        assert_eq!(changed["spec"]["realmRef"], object["spec"]["realmRef"]);
    }
    states.namespace.delete().await;
}

/// Every kind has its check, and the keys that are there already stay, whichever way they are added.
#[test]
fn the_customizations_are_added_to_what_argo_cd_has() {
    let data = argocd_cm();
    let folder = crate::control_plane::process::work_folder("argocd");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let source = |name: &str| std::fs::read_to_string(repository("deploy/gitops/argocd").join(name)).unwrap();
    std::fs::create_dir(folder.path().join("argocd")).unwrap();
    for name in ["argocd-cm.yaml", "kustomization.yaml"] {
        write(&Path::new("argocd").join(name).to_string_lossy(), &source(name));
    }
    write("kustomization.yaml", "{resources: [cm.yaml], components: [argocd]}");
    write(
        "cm.yaml",
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: argocd-cm, namespace: argocd}, data: {url: here}}",
    );
    let built: Value = serde_saphyr::from_str(&kustomize(folder.path())).unwrap();
    assert_eq!(built["data"]["url"], "here");
    for kind in KINDS {
        let key = format!("resource.customizations.health.realmkeeper.dev_{kind}");
        assert_eq!(built["data"][&key], json!(data[&key]));
    }
    assert_eq!(built["data"].as_object().unwrap().len(), data.len() + 1);
}

#[tokio::test]
async fn the_api_server_takes_the_customizations() {
    let namespace = "{apiVersion: v1, kind: Namespace, metadata: {name: argocd}}";
    crate::control_plane::apply(&quiet_cluster().plane, namespace);
    let text = std::fs::read_to_string(repository("deploy/gitops/argocd/argocd-cm.yaml")).unwrap();
    apply_dry_run(&quiet_cluster().plane, &text);
}
