//! As [`crate::rivals`], of client secrets: two that believe that they lead, and a leader that dies at each step of a rotation.

use std::sync::Arc;

use futures::{StreamExt, stream};
use realmkeeper::controller::{apply::Applier, plan::Plan};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    control_plane::{Namespace, wait::eventually},
    harness::{SOON, quiet_cluster},
    history::History,
    replica::{Mortal, Replica, applier, operators_client},
    rivals::{ask, planned, secrets, versions},
};

const ROBOT: &str = "robot";
/// Longer than any of these tests.
const LASTING: &str = "1h";

/// A namespace with a Realm and a client that has rotated never.
async fn namespace(overlap: &str) -> Namespace {
    let namespace = Namespace::create(&quiet_cluster().plane, "rival-secrets", json!({})).await;
    let object = |kind: &str, name: &str, spec: Value| {
        json!({"apiVersion": "realmkeeper.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})
            .to_string()
    };
    let robot = json!({
        "realmRef": {"name": "staff"},
        "grantTypes": ["client_credentials"],
        "credentials": {"secret": {"rotation": {"overlap": overlap}}},
    });
    // Without keys of its own, which would be made beside the client's secret.
    let realm = json!({"signing": {"defaultKeys": "None"}});
    let ring = json!({"realmRef": {"name": "staff"}, "algorithm": "ES256"});
    let objects =
        [object("Realm", "staff", realm), object("SigningKey", "ring", ring), object("OidcClient", ROBOT, robot)];
    namespace.apply(&objects.join("\n---\n"));
    namespace
}

async fn until_ready(namespace: &Namespace) {
    for (kind, name) in [("Realm", "staff"), ("SigningKey", "ring"), ("OidcClient", ROBOT)] {
        namespace.until_condition(kind, name, "Ready", "True", "Ready").await;
    }
}

/// What stands in the client's Secret, and what is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stand {
    current: String,
    former: Option<String>,
    former_until: Option<String>,
    request: Option<String>,
}

async fn stand(namespace: &Namespace) -> Stand {
    let all = secrets(namespace).await;
    let of_robot: Vec<_> = all.iter().filter(|secret| secret.metadata.name.as_deref() == Some("robot-oidc")).collect();
    let [secret] = of_robot[..] else { panic!("one Secret, not {}", of_robot.len()) };
    let entry = |name: &str| {
        let bytes = secret.data.as_ref()?.get(name)?;
        Some(String::from_utf8(bytes.0.clone()).unwrap())
    };
    let annotation =
        |name: &str| secret.metadata.annotations.as_ref()?.get(&format!("realmkeeper.dev/{name}")).cloned();
    Stand {
        current: entry("client-secret").unwrap(),
        former: entry("client-secret-previous"),
        former_until: annotation("previous-valid-until"),
        request: annotation("rotate-request"),
    }
}

/// Waits until the status says that this request is answered, and (where that is asked) that the overlap is over.
async fn until_rotated(namespace: &Namespace, request: &str, is_over: bool) -> Value {
    namespace
        .until("OidcClient", ROBOT, SOON, |client| {
            let status = &client["status"];
            let previous = &status["credentials"]["previous"];
            (status["lastRotateRequest"] == request && previous.is_null() == is_over).then(|| status.clone())
        })
        .await
}

/// Both have looked before either has written: the window in which no lease helps. What the first has written stands.
#[tokio::test]
async fn of_two_plans_from_one_state_the_first_wins_and_the_second_changes_nothing() {
    let namespace = namespace(LASTING).await;
    let client = operators_client(&quiet_cluster().plane).await;
    let replica = Replica::start(&client, &namespace, Arc::new(applier(&client)));
    until_ready(&namespace).await;
    drop(replica);
    let before = stand(&namespace).await;
    ask(&namespace, ("OidcClient", ROBOT), "both").await;

    let (winner, loser) = (planned(&namespace).await, planned(&namespace).await);
    for plan in [&winner, &loser] {
        let names: Vec<_> = plan.secrets.iter().map(|write| &*write.name.name).collect();
        assert_eq!(names, ["robot-oidc"]);
    }
    let (rival, applier) = (applier(&client), applier(&client));
    let outcome = applier.apply(winner).await;
    assert!(outcome.failed.is_empty() && !outcome.observed.is_empty(), "{outcome:?}");
    let (won, stood) = (stand(&namespace).await, versions(&namespace, ("OidcClient", ROBOT)).await);
    assert_eq!((&won.former, won.request.as_deref()), (&Some(before.current), Some("both")));
    let outcome = rival.apply(Plan { events: Vec::new(), ..loser }).await;
    assert!(outcome.failed.is_empty() && outcome.foreign.is_empty(), "{outcome:?}");
    assert_eq!(stand(&namespace).await, won);
    assert_eq!(versions(&namespace, ("OidcClient", ROBOT)).await, stood);
}

/// Both run on, and race for each rotation and for the end of each overlap.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_lead_make_one_secret_of_each_request() {
    const REQUESTS: usize = 8;
    let namespace = namespace("1s").await;
    let history = History::record(&namespace);
    let client = operators_client(&quiet_cluster().plane).await;
    let _both = [(); 2].map(|()| Replica::start(&client, &namespace, Arc::new(applier(&client))));
    until_ready(&namespace).await;
    for request in 0..REQUESTS {
        let request = request.to_string();
        ask(&namespace, ("OidcClient", ROBOT), &request).await;
        until_rotated(&namespace, &request, true).await;
        let now = stand(&namespace).await;
        assert_eq!((now.former, now.former_until, now.request), (None, None, Some(request)));
    }
    assert_eq!(history.assert_one_current_secret()[ROBOT], REQUESTS + 1);
}

/// The leader makes so many writes of a rotation and dies; whoever comes next, with nothing in mind, ends as it would have ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_dies_at_any_step_of_a_rotation_leaves_no_trace_in_how_it_ends() {
    kill_at_each_step(LASTING, 6).await;
}

/// As before, and the overlap ends while it dies.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_dies_at_any_step_until_the_end_of_the_overlap_leaves_no_trace_in_how_it_ends() {
    kill_at_each_step("1s", 9).await;
}

/// With more steps than there are, so that the last leader lives.
async fn kill_at_each_step(overlap: &'static str, steps: usize) {
    let ended = stream::iter(0..steps).map(|step| kill_after(overlap, step)).buffered(4).collect::<Vec<_>>().await;
    let deaths = ended.iter().filter(|lived| !**lived).count();
    assert!(deaths >= 2 && ended.last() == Some(&true), "some died and the last lived: {ended:?}");
}

/// Whether the rotation was over before its leader died.
async fn kill_after(overlap: &'static str, step: usize) -> bool {
    let is_over = overlap != LASTING;
    let namespace = namespace(overlap).await;
    let client = operators_client(&quiet_cluster().plane).await;
    let history = History::record(&namespace);
    let replica = Replica::start(&client, &namespace, Arc::new(applier(&client)));
    until_ready(&namespace).await;
    drop(replica);
    let before = stand(&namespace).await;

    let died = CancellationToken::new();
    let leader = Mortal::new(applier(&client), step, died.clone());
    let leader = Replica::start(&client, &namespace, Arc::new(leader));
    ask(&namespace, ("OidcClient", ROBOT), "one").await;
    let ends = async {
        until_rotated(&namespace, "one", is_over).await;
        // Its last write may be one after the status.
        tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    };
    let lived = tokio::select! {
        () = died.cancelled() => false,
        () = ends => true,
    };
    drop(leader);
    let _successor = Replica::start(&client, &namespace, Arc::new(applier(&client)));
    let status = until_rotated(&namespace, "one", is_over).await;
    let now = eventually("the Secret is as its status says", SOON, || async {
        let now = stand(&namespace).await;
        if now.former.is_none() == is_over { Ok(now) } else { Err(now.former_until) }
    })
    .await;
    assert_ne!(now.current, before.current, "killed after {step} writes");
    assert_eq!(now.request.as_deref(), Some("one"), "killed after {step} writes");
    if !is_over {
        assert_eq!(now.former, Some(before.current), "killed after {step} writes");
        assert_eq!(now.former_until.as_deref(), status["credentials"]["previous"]["validUntil"].as_str());
    }
    assert_eq!(history.assert_one_current_secret()[ROBOT], 2, "killed after {step} writes");
    until_ready(&namespace).await;
    lived
}
