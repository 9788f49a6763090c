//! The loop itself, with an applier that answers like a cluster.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::{
    controller::{
        Clock, Controller, ControllerError, Options,
        apply::{Applier, ApplyOutcome},
        plan::Plan,
        source::{Event, Kind, ObjectKey},
        testing::{FakeCluster, START, client, realm},
    },
    realm::{ObjectName, Registry},
    telemetry::Metrics,
};

#[derive(Clone)]
struct FakeApplier {
    cluster: Arc<Mutex<FakeCluster>>,
    clock: Clock,
    gate: Arc<Semaphore>,
}

#[async_trait]
impl Applier for FakeApplier {
    async fn apply(&self, plan: Plan) -> ApplyOutcome {
        let _pass = self.gate.acquire().await.unwrap();
        self.cluster.lock().unwrap().perform(plan, (self.clock)())
    }
}

struct Running {
    applier: FakeApplier,
    registry: Arc<Registry>,
    metrics: Arc<Metrics>,
    events: Option<mpsc::Sender<Event>>,
    lease: watch::Sender<bool>,
    stop: CancellationToken,
    task: JoinHandle<Result<(), ControllerError>>,
}

fn start(writes: bool) -> Running {
    let began = Instant::now();
    let clock: Clock = Arc::new(move || {
        let since = SignedDuration::try_from(began.elapsed()).unwrap();
        Timestamp::from_second(START).unwrap() + since
    });
    let applier = FakeApplier { cluster: Arc::default(), clock: clock.clone(), gate: Arc::new(Semaphore::new(1)) };
    let (registry, metrics): (Arc<Registry>, Arc<Metrics>) = Default::default();
    let (events, receiver) = mpsc::channel(16);
    let (lease, held) = watch::channel(writes);
    let stop = CancellationToken::new();
    let options = Options::new("http://localhost:8080", false).unwrap();
    let controller =
        Controller::new(options, registry.clone(), Arc::new(applier.clone()), held, clock, metrics.clone());
    let task = tokio::spawn(controller.run(receiver, stop.clone()));
    Running { applier, registry, metrics, events: Some(events), lease, stop, task }
}

impl Running {
    async fn send(&self, event: Event) {
        self.events.as_ref().unwrap().send(event).await.unwrap();
    }

    async fn put(&self, value: Value) {
        let now = (self.applier.clock)();
        let event = self.applier.cluster.lock().unwrap().put(value, now);
        self.send(event).await;
    }

    async fn synced(&self) {
        for kind in Kind::ALL {
            self.send(Event::Synced(kind)).await;
        }
    }

    fn serves(&self, id: &str) -> bool {
        let snapshot = self.registry.load();
        snapshot.realm(&ObjectName::new("identity", "staff")).is_some_and(|realm| realm.client(id).is_some())
    }

    fn is_ready(&self, kind: Kind, name: &str) -> bool {
        let cluster = self.applier.cluster.lock().unwrap();
        let object = &cluster.objects[&ObjectKey::new(kind, "identity", name)];
        object["status"]["conditions"][0]["status"] == "True"
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        for _ in 0..1000 {
            if is_so(self) {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("it never came to be that {what}");
    }
}

#[tokio::test]
async fn nothing_is_published_or_written_before_every_kind_was_seen_whole() {
    let running = start(true);
    running.put(realm("staff", json!({}))).await;
    for kind in &Kind::ALL[1..] {
        running.send(Event::Synced(*kind)).await;
    }
    sleep(Duration::from_millis(50)).await;
    assert!(!running.registry.load().is_synced() && running.registry.load().realms().next().is_none());
    assert!(running.applier.cluster.lock().unwrap().writes.is_empty());
    running.send(Event::Synced(Kind::ALL[0])).await;
    running.until("the realm is ready", |running| running.is_ready(Kind::Realm, "staff")).await;
    assert!(running.registry.load().is_synced());
    assert!(running.metrics.encode().contains("reconcile_duration_seconds_count{step=\"apply\",outcome=\"Success\"}"));
    running.stop.cancel();
    assert_eq!(running.task.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn a_replica_without_the_lease_serves_and_writes_nothing_until_it_gets_it() {
    let running = start(false);
    running.put(realm("staff", json!({}))).await;
    running.put(client("identity", "keys", json!({"credentials": {"serviceAccounts": [{"name": "a"}]}}))).await;
    running.put(client("identity", "app", json!({}))).await;
    running.synced().await;
    running.until("the client is served", |running| running.serves("keys")).await;
    sleep(Duration::from_millis(50)).await;
    assert!(running.applier.cluster.lock().unwrap().writes.is_empty());
    running.lease.send(true).unwrap();
    running.until("the other client is ready", |running| running.is_ready(Kind::OidcClient, "app")).await;
    assert!(running.serves("app"));
    let written = running.applier.cluster.lock().unwrap().writes.len();
    running.lease.send(false).unwrap();
    running.put(client("identity", "late", json!({}))).await;
    sleep(Duration::from_millis(50)).await;
    assert_eq!(running.applier.cluster.lock().unwrap().writes.len(), written);
}

#[tokio::test]
async fn a_deleted_client_is_out_of_the_registry_while_the_api_server_hangs() {
    let running = start(true);
    running.put(realm("staff", json!({}))).await;
    running.put(client("identity", "app", json!({}))).await;
    running.synced().await;
    running.until("the client is ready", |running| running.is_ready(Kind::OidcClient, "app")).await;
    let hangs = running.applier.gate.clone().acquire_owned().await.unwrap();
    running.put(client("identity", "other", json!({}))).await;
    running.send(Event::Deleted(ObjectKey::new(Kind::OidcClient, "identity", "app"))).await;
    running.until("the client is out", |running| !running.serves("app")).await;
    drop(hangs);
    running.until("the other is ready", |running| running.is_ready(Kind::OidcClient, "other")).await;
}

#[tokio::test]
async fn what_failed_is_tried_again() {
    let running = start(true);
    running.applier.cluster.lock().unwrap().forbidden.push(Kind::Secret);
    running.put(realm("staff", json!({}))).await;
    running.put(client("identity", "app", json!({}))).await;
    running.synced().await;
    let told = |running: &Running| {
        let cluster = running.applier.cluster.lock().unwrap();
        let object = &cluster.objects[&ObjectKey::new(Kind::OidcClient, "identity", "app")];
        object["status"]["conditions"][0]["message"].to_string().contains("the last write failed: forbidden")
    };
    running.until("the failure is told", told).await;
    assert!(!running.serves("app"));
    running.applier.cluster.lock().unwrap().forbidden.clear();
    running.until("the client is ready", |running| running.is_ready(Kind::OidcClient, "app")).await;
    assert!(!told(&running));
}

#[tokio::test]
async fn a_source_that_ends_is_an_error() {
    let mut running = start(true);
    running.synced().await;
    running.events = None;
    assert_eq!(running.task.await.unwrap(), Err(ControllerError::SourceEnded));
}

#[tokio::test]
async fn a_burst_larger_than_a_plan_is_written_to_its_end() {
    let running = start(true);
    running.put(realm("staff", json!({}))).await;
    for number in 0..600 {
        running.put(client("identity", &format!("c{number}"), json!({}))).await;
    }
    running.synced().await;
    let all = |running: &Running| (0..600).all(|number| running.is_ready(Kind::OidcClient, &format!("c{number}")));
    running.until("all are ready", all).await;
}
