//! When which object was seen, by a watch of its own.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Resource, ResourceExt,
    core::PartialObjectMeta,
    runtime::watcher::{Config, Event, watcher},
};
use realmkeeper::api::OidcClient;
use tokio::task::JoinHandle;

use super::control_plane::Namespace;

type Times = Arc<Mutex<BTreeMap<String, Instant>>>;

/// The first sight of each Secret and of each Ready in a namespace.
pub struct Seen {
    secrets: Times,
    ready: Times,
    watches: [JoinHandle<()>; 2],
}

impl Seen {
    /// Watches from now on; returns when both watches stand.
    pub async fn watch(namespace: &Namespace) -> Self {
        let (secrets, ready) = (Times::default(), Times::default());
        let bound = Config::default().labels("app.kubernetes.io/managed-by=realmkeeper");
        let of = |times: &Times| times.clone();
        let (begun, mut begins) = tokio::sync::mpsc::channel(2);
        let api = Api::<PartialObjectMeta<Secret>>::namespaced(namespace.client.clone(), &namespace.name);
        let is_binding = |name: &str| name.ends_with("-oidc");
        let first =
            follow(watcher(api, bound), of(&secrets), begun.clone(), move |secret| is_binding(&secret.name_any()));
        let api = Api::<OidcClient>::namespaced(namespace.client.clone(), &namespace.name);
        let second = follow(watcher(api, Config::default()), of(&ready), begun, is_ready);
        let watches = [tokio::spawn(first), tokio::spawn(second)];
        for _ in &watches {
            begins.recv().await.unwrap();
        }
        Self { secrets, ready, watches }
    }

    /// Waits for so many of both; when the last Secret and the last Ready were seen.
    pub async fn all(self, count: usize, limit: Duration) -> (Instant, Instant) {
        let begin = Instant::now();
        let seen = |times: &Times| times.lock().unwrap().len();
        while seen(&self.secrets) < count || seen(&self.ready) < count {
            let (secrets, ready) = (seen(&self.secrets), seen(&self.ready));
            assert!(begin.elapsed() < limit, "after {limit:?}: {secrets} Secrets, {ready} ready, of {count}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.watches.iter().for_each(JoinHandle::abort);
        let last = |times: &Times| times.lock().unwrap().values().copied().max().unwrap();
        (last(&self.secrets), last(&self.ready))
    }
}

fn is_ready(client: &OidcClient) -> bool {
    let conditions = client.status.iter().flat_map(|status| &status.conditions);
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

async fn follow<K: Resource>(
    events: impl futures::Stream<Item = kube::runtime::watcher::Result<Event<K>>>,
    times: Times,
    begun: tokio::sync::mpsc::Sender<()>,
    counts: impl Fn(&K) -> bool,
) {
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        match event.unwrap() {
            Event::InitDone => drop(begun.send(()).await),
            Event::Apply(object) | Event::InitApply(object) if counts(&object) => {
                times.lock().unwrap().entry(object.name_any()).or_insert_with(Instant::now);
            }
            _ => {}
        }
    }
}
