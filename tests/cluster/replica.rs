//! The controller in this process, against the API server, for one namespace: what a process can't be made to do at a given moment, a
//! test's own applier can.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use kube::Client;
use realmkeeper::{
    controller::{
        Controller,
        apply::{Applier, ApplyOutcome, kubernetes::KubernetesApplier, lease::Leadership},
        index::Options,
        plan::Plan,
        source::{Event, Kind, Malformed, Object, ObjectKey, kubernetes},
    },
    realm::Registry,
    telemetry::Metrics,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{
    control_plane::{ControlPlane, Namespace, objects},
    harness::SYSTEM,
};

/// A client with the operator's rights.
pub async fn operators_client(plane: &ControlPlane) -> Client {
    let token = objects::token(&plane.admin().await, SYSTEM, "realmkeeper", "").await;
    plane.client(&token).await
}

/// One that believes that it may write.
pub fn applier(client: &Client) -> KubernetesApplier {
    KubernetesApplier::new(client.clone(), Leadership::alone(), "replica", Arc::new(Timestamp::now))
}

/// What a source says of this namespace, as if there were no other.
pub fn watch_namespace(client: &Client, namespace: &Namespace) -> (JoinSet<()>, mpsc::Receiver<Event>) {
    let (sender, mut all) = mpsc::channel(64);
    let (ours, events) = mpsc::channel(64);
    let mut tasks = JoinSet::new();
    tasks.spawn(kubernetes::watch(client.clone(), sender, CancellationToken::new()));
    let name = namespace.name.clone();
    tasks.spawn(async move {
        while let Some(event) = all.recv().await {
            if let Some(event) = within(event, &name)
                && ours.send(event).await.is_err()
            {
                return;
            }
        }
    });
    (tasks, events)
}

fn within(event: Event, namespace: &str) -> Option<Event> {
    let is_ours = |key: &ObjectKey| match key.kind {
        Kind::Namespace => &*key.name.name == namespace,
        _ => &*key.name.namespace == namespace,
    };
    match event {
        Event::Applied(object) => is_ours(&object.key()).then_some(Event::Applied(object)),
        Event::Deleted(key) => is_ours(&key).then_some(Event::Deleted(key)),
        Event::Malformed(malformed) => is_ours(&malformed.key).then_some(Event::Malformed(malformed)),
        Event::Replaced { kind, mut objects, mut malformed } => {
            objects.retain(|object: &Object| is_ours(&object.key()));
            malformed.retain(|malformed: &Malformed| is_ours(&malformed.key));
            Some(Event::Replaced { kind, objects, malformed })
        }
        Event::Synced(kind) => Some(Event::Synced(kind)),
    }
}

/// A controller that runs; ends with this value, wherever it is.
pub struct Replica {
    _tasks: JoinSet<()>,
}

impl Replica {
    /// Starts one that holds the lease, and knows nothing.
    pub fn start(client: &Client, namespace: &Namespace, applier: Arc<dyn Applier>) -> Self {
        let (mut tasks, events) = watch_namespace(client, namespace);
        let (registry, metrics): (Arc<Registry>, Arc<Metrics>) = Default::default();
        let options = Options::new("http://localhost:8080", false).unwrap();
        let (lease, held) = watch::channel(true);
        let controller = Controller::new(options, registry, applier, held, Arc::new(Timestamp::now), metrics);
        tasks.spawn(async move {
            let _lease = lease;
            drop(controller.run(events, CancellationToken::new()).await);
        });
        Self { _tasks: tasks }
    }
}

/// Makes so many writes of its own plans, and none after.
pub struct Mortal {
    inner: KubernetesApplier,
    left: Mutex<usize>,
    died: CancellationToken,
}

impl Mortal {
    /// The death is told by the token.
    pub fn new(inner: KubernetesApplier, effects: usize, died: CancellationToken) -> Self {
        Self { inner, left: Mutex::new(effects), died }
    }

    fn left(&self) -> usize {
        *self.left.lock().unwrap()
    }
}

#[async_trait]
impl Applier for Mortal {
    async fn apply(&self, plan: Plan) -> ApplyOutcome {
        let mut outcome = ApplyOutcome::default();
        for effect in plan.effects() {
            if self.left() == 0 {
                self.died.cancel();
                // It never comes back: the process is gone.
                std::future::pending::<()>().await;
            }
            let one = self.inner.apply(effect).await;
            *self.left.lock().unwrap() -= 1;
            outcome.observed.extend(one.observed);
            outcome.foreign.extend(one.foreign);
            outcome.failed.extend(one.failed);
        }
        outcome
    }
}
