//! Two that believe that they lead, and a leader that dies at each step: against the real API server, with the controller in this
//! process, so that the moment is the test's to choose.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use realmkeeper::controller::{
    apply::Applier,
    index::{Index, Options},
    plan::{self, Plan, SystemGenerator},
};
use serde_json::{Value, json};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{
    control_plane::{Namespace, wait::eventually},
    harness::{SOON, quiet_cluster},
    history::History,
    replica::{Mortal, Replica, applier, operators_client, watch_namespace},
};

const RING: &str = "ring";

/// A namespace with a Realm of this test's own name, and a ring that has rotated never.
async fn namespace() -> Namespace {
    let namespace = Namespace::create(&quiet_cluster().plane, "rivals", json!({})).await;
    let object = |kind: &str, name: &str, spec: Value| {
        json!({"apiVersion": "realmkeeper.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})
            .to_string()
    };
    let ring = json!({"realmRef": {"name": "staff"}, "algorithm": "ES256", "rotation": {"prePublish": "1s"}});
    let lifetimes = json!({"accessToken": "1s", "idToken": "1s"});
    let realm = json!({"signing": {"defaultKeys": "None"}, "tokens": lifetimes});
    namespace.apply(&[object("Realm", "staff", realm), object("SigningKey", RING, ring)].join("\n---\n"));
    namespace
}

/// By requests of its own: to wait for kubectl would stop the controller, which runs in this process.
async fn until_ready(namespace: &Namespace) {
    for (kind, name) in [("Realm", "staff"), ("SigningKey", RING)] {
        namespace.until_condition(kind, name, "Ready", "True", "Ready").await;
    }
}

/// Asks for a rotation of an object, by kind and name.
pub async fn ask(namespace: &Namespace, (kind, name): (&str, &str), request: &str) {
    let annotation = json!({"metadata": {"annotations": {"realmkeeper.dev/rotate": request}}});
    let api = namespace.dynamic(kind);
    api.patch(name, &PatchParams::default(), &Patch::Merge(annotation)).await.unwrap();
}

/// Waits until the answer to this request signs, and every key before it is gone.
async fn until_rotated(namespace: &Namespace, request: &str) -> Value {
    namespace
        .until("SigningKey", RING, SOON, |ring| {
            let status = &ring["status"];
            let keys = status["keys"].as_array()?;
            let is_over = status["lastRotateRequest"] == request && keys.len() == 1 && keys[0]["state"] == "Active";
            is_over.then(|| status.clone())
        })
        .await
}

/// What an index that has seen all of the namespace would have written now.
pub async fn planned(namespace: &Namespace) -> Plan {
    let client = operators_client(&quiet_cluster().plane).await;
    let (_tasks, mut events) = watch_namespace(&client, namespace);
    let mut index = Index::new(Options::new("http://localhost:8080", false).unwrap());
    while !index.is_synced() {
        index.apply(events.recv().await.unwrap());
    }
    index.evaluate();
    let objects = index.take_unplanned(usize::MAX);
    plan::build(&index, objects, Timestamp::now(), &mut SystemGenerator)
}

/// Every Secret as it stands.
pub async fn secrets(namespace: &Namespace) -> Vec<Secret> {
    let api = Api::<Secret>::namespaced(namespace.client.clone(), &namespace.name);
    api.list(&Default::default()).await.unwrap().items
}

/// Both have looked before either has written: the window in which no lease helps. What the first has written stands.
#[tokio::test]
async fn of_two_plans_from_one_state_the_first_wins_and_the_second_changes_nothing() {
    let namespace = namespace().await;
    let client = operators_client(&quiet_cluster().plane).await;
    let first = Replica::start(&client, &namespace, Arc::new(applier(&client)));
    until_ready(&namespace).await;
    drop(first);
    ask(&namespace, ("SigningKey", RING), "both").await;

    let (winner, loser) = (planned(&namespace).await, planned(&namespace).await);
    let names = |plan: &Plan| plan.secrets.iter().map(|write| write.name.name.to_string()).collect::<Vec<_>>();
    assert_eq!((names(&winner), names(&loser)), (vec!["ring-2".to_owned()], vec!["ring-2".to_owned()]));
    let (rival, applier) = (applier(&client), applier(&client));
    let outcome = applier.apply(winner).await;
    assert!(outcome.failed.is_empty() && !outcome.observed.is_empty(), "{outcome:?}");
    let before = versions(&namespace, ("SigningKey", RING)).await;
    let outcome = rival.apply(Plan { events: Vec::new(), ..loser }).await;
    assert!(outcome.failed.is_empty() && outcome.foreign.is_empty(), "{outcome:?}");
    assert_eq!(versions(&namespace, ("SigningKey", RING)).await, before);
}

/// Every Secret, the Realm and this object, with their versions.
pub async fn versions(namespace: &Namespace, rotated: (&str, &str)) -> BTreeSet<String> {
    let mut all: BTreeSet<_> = secrets(namespace)
        .await
        .into_iter()
        .map(|secret| format!("{} {}", secret.name_any(), secret.resource_version().unwrap()))
        .collect();
    for (kind, name) in [("Realm", "staff"), rotated] {
        let object = namespace.get(kind, name).await.unwrap();
        all.insert(format!("{kind} {}", object["metadata"]["resourceVersion"]));
    }
    all
}

/// Both run on, and race for each rotation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_lead_make_one_key_of_each_request() {
    const REQUESTS: usize = 8;
    let namespace = namespace().await;
    let history = History::record(&namespace);
    let client = operators_client(&quiet_cluster().plane).await;
    let _both = [(); 2].map(|()| Replica::start(&client, &namespace, Arc::new(applier(&client))));
    until_ready(&namespace).await;
    for request in 0..REQUESTS {
        ask(&namespace, ("SigningKey", RING), &request.to_string()).await;
        until_rotated(&namespace, &request.to_string()).await;
    }
    assert_eq!(history.assert_one_active_key()[RING], REQUESTS + 1);
}

/// The leader makes so many writes of a rotation and dies; whoever comes next, with nothing in mind, ends as it would have ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_dies_at_any_step_of_a_rotation_leaves_no_trace_in_how_it_ends() {
    /// More than a rotation has.
    const STEPS: usize = 16;
    let ended = stream::iter(0..STEPS).map(kill_after).buffered(4).collect::<Vec<_>>().await;
    let deaths = ended.iter().filter(|lived| !**lived).count();
    assert!(deaths >= 5 && ended.last() == Some(&true), "some died and the last lived: {ended:?}");
}

/// Whether the rotation was over before its leader died.
async fn kill_after(step: usize) -> bool {
    let namespace = namespace().await;
    let client = operators_client(&quiet_cluster().plane).await;
    let history = History::record(&namespace);
    let before = Replica::start(&client, &namespace, Arc::new(applier(&client)));
    until_ready(&namespace).await;
    drop(before);

    let died = CancellationToken::new();
    let leader = Mortal::new(applier(&client), step, died.clone());
    let leader = Replica::start(&client, &namespace, Arc::new(leader));
    ask(&namespace, ("SigningKey", RING), "one").await;
    let is_over = async {
        until_rotated(&namespace, "one").await;
        // Its last write may be one after the status.
        sleep(Duration::from_millis(1500)).await;
    };
    let lived = tokio::select! {
        () = died.cancelled() => false,
        () = is_over => true,
    };
    drop(leader);
    let _successor = Replica::start(&client, &namespace, Arc::new(applier(&client)));
    let status = until_rotated(&namespace, "one").await;
    assert_eq!(status["keys"][0]["secretName"], "ring-2", "killed after {step} writes");
    assert_eq!(history.assert_one_active_key()[RING], 2, "killed after {step} writes");
    eventually("the former key is disposed of", SOON, || async {
        let left: Vec<_> = secrets(&namespace).await.iter().map(Secret::name_any).collect();
        (left == ["ring-2"]).then_some(()).ok_or(left)
    })
    .await;
    until_ready(&namespace).await;
    lived
}
