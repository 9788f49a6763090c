//! More than one replica: all serve, one writes.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{
    control_plane::{
        Namespace,
        wait::{eventually, throughout},
    },
    harness::{Cluster, Operator, SOON, http, two_replicas},
};

fn robot(name: &str) -> String {
    let spec = json!({"realmRef": {"name": "staff"}, "grantTypes": ["client_credentials"]});
    json!({"apiVersion": "realmkeeper.dev/v1alpha1", "kind": "OidcClient", "metadata": {"name": name}, "spec": spec})
        .to_string()
}

async fn staff(cluster: &Cluster) -> Namespace {
    let namespace = Namespace::create(&cluster.plane, "replicas", json!({})).await;
    namespace.apply(
        &json!({"apiVersion": "realmkeeper.dev/v1alpha1", "kind": "Realm", "metadata": {"name": "staff"}, "spec": {}})
            .to_string(),
    );
    namespace.apply(&robot("robot"));
    namespace.wait_for("Ready", &["realm/staff", "oidcclient/robot"], SOON);
    namespace
}

/// A client as this replica sees it: by the public URL's host, at the replica's own address.
#[derive(Clone)]
struct Robot {
    id: String,
    secret: String,
}

impl Robot {
    async fn of(namespace: &Namespace, name: &str) -> Self {
        let mut entries = namespace.secret(&format!("{name}-oidc"), SOON).await;
        Self { id: entries.remove("client-id").unwrap(), secret: entries.remove("client-secret").unwrap() }
    }

    async fn token(&self, replica: &str, public_url: &str) -> Result<(), String> {
        let request = http()
            .post(format!("{replica}/realms/staff/token"))
            .header("host", public_url.trim_start_matches("http://"))
            .basic_auth(&self.id, Some(&self.secret))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials");
        let answer = request.send().await.map_err(|error| error.to_string())?;
        answer.status().is_success().then_some(()).ok_or(answer.status().to_string())
    }

    /// Waits until the replica knows this client.
    async fn until_served(&self, replica: &Operator) {
        eventually("a token", SOON, || self.token(&replica.address, &replica.url)).await;
    }
}

#[tokio::test]
async fn when_the_leader_is_killed_the_other_takes_over_and_both_serve_all_the_time() {
    let (cluster, mut first, second) = two_replicas().await;
    let namespace = staff(&cluster).await;
    let robot_of = Robot::of(&namespace, "robot").await;
    robot_of.until_served(&first).await;
    robot_of.until_served(&second).await;
    assert!(first.is_ready().await && second.is_ready().await, "a replica without the Lease is ready too");

    first.process.kill();
    let killed = Instant::now();
    let (address, url, steady) = (second.address.clone(), second.url.clone(), robot_of.clone());
    let serving = tokio::spawn(async move {
        throughout("the other serves", Duration::from_secs(25), || steady.token(&address, &url)).await;
    });
    namespace.apply(&robot("late"));
    namespace.secret("late-oidc", Duration::from_secs(30)).await;
    assert!(killed.elapsed() < Duration::from_secs(20), "{:?}", killed.elapsed());
    namespace.wait_for("Ready", &["oidcclient/late"], SOON);
    assert_eq!(cluster.lease_holder().await, "second");
    Robot::of(&namespace, "late").await.until_served(&second).await;
    serving.await.unwrap();
}

/// SIGTERM: not ready, drained, the Lease given back; the other writes at once.
#[tokio::test]
async fn a_leader_that_is_asked_to_stop_gives_the_lease_back() {
    let (cluster, mut first, second) = two_replicas().await;
    let namespace = staff(&cluster).await;
    let robot_of = Robot::of(&namespace, "robot").await;
    robot_of.until_served(&first).await;
    first.process.signal("TERM");
    eventually("it is not ready", SOON, || async { (!first.is_ready().await).then_some(()).ok_or("ready") }).await;
    let asked = Instant::now();
    let status = first.process.wait(SOON).await;
    assert!(status.success(), "{status}: {}", first.process.log_tail());
    cluster.until_leader("second", Duration::from_secs(5)).await;
    assert!(asked.elapsed() < Duration::from_secs(14), "nobody waited for the Lease's end: {:?}", asked.elapsed());
    namespace.apply(&robot("late"));
    namespace.wait_for("Ready", &["oidcclient/late"], SOON);
    Robot::of(&namespace, "late").await.until_served(&second).await;
}

/// A leader that was stopped and wakes after another took over finds that out before it writes anything; meanwhile the API
/// server's own silence stops nobody from being served.
#[tokio::test]
async fn a_leader_that_slept_writes_nothing_when_it_wakes() {
    let (cluster, first, second) = two_replicas().await;
    let namespace = staff(&cluster).await;
    let robot_of = Robot::of(&namespace, "robot").await;
    robot_of.until_served(&second).await;
    first.process.signal("STOP");
    cluster.until_leader("second", Duration::from_secs(25)).await;
    namespace.apply(&robot("late"));
    namespace.wait_for("Ready", &["oidcclient/late"], SOON);
    let before = namespace.get("OidcClient", "late").await.unwrap();
    first.process.signal("CONT");
    throughout("one leader", Duration::from_secs(8), || async {
        let holder = cluster.lease_holder().await;
        (holder == "second").then_some(()).ok_or(holder)
    })
    .await;
    let after = namespace.get("OidcClient", "late").await.unwrap();
    assert_eq!(before["metadata"]["resourceVersion"], after["metadata"]["resourceVersion"]);
    assert!(first.process.log().contains("no longer writes"), "{}", first.process.log_tail());
    // It follows on, and serves what came while it slept.
    Robot::of(&namespace, "late").await.until_served(&first).await;

    cluster.plane.freeze();
    throughout("served without the API server", Duration::from_secs(5), || {
        robot_of.token(&second.address, &second.url)
    })
    .await;
    assert!(second.is_ready().await);
    cluster.plane.thaw();
    namespace.apply(&robot("later"));
    namespace.wait_for("Ready", &["oidcclient/later"], Duration::from_secs(40));
}
