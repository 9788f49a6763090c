//! The same writes by a client that does nothing else.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use k8s_openapi::api::{core::v1::Secret, events::v1::Event};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams},
    core::ObjectMeta,
};
use realmkeeper::api::OidcClient;
use serde_json::{Value, json};

use super::{
    control_plane::{Namespace, objects},
    harness::{Cluster, SYSTEM},
};

/// As many as the operator has under way at once.
const CONCURRENCY: usize = 8;

/// What the operator wrote, to be written again.
pub struct Written {
    secrets: Vec<Secret>,
    statuses: Vec<(String, Value)>,
    events: Vec<Event>,
}

/// What it took.
pub struct Limit {
    pub secrets: Duration,
    pub statuses: Duration,
    pub events: Duration,
}

impl Limit {
    pub fn total(&self) -> Duration {
        self.secrets + self.statuses + self.events
    }
}

impl Written {
    /// Of this namespace.
    pub async fn read(namespace: &Namespace) -> Self {
        let (client, name) = (namespace.client.clone(), &*namespace.name);
        let all = ListParams::default();
        let ours = all.clone().labels("app.kubernetes.io/managed-by=realmkeeper");
        let mut secrets = Api::<Secret>::namespaced(client.clone(), name).list(&ours).await.unwrap().items;
        secrets.retain(|secret| secret.name_any().ends_with("-oidc"));
        let clients = Api::<OidcClient>::namespaced(client.clone(), name).list(&all).await.unwrap().items;
        let statuses = clients.iter().map(|client| (client.name_any(), json!(client.status))).collect();
        let mut events = Api::<Event>::namespaced(client, name).list(&all).await.unwrap().items;
        events.retain(|event| event.regarding.as_ref().is_some_and(|it| it.kind.as_deref() == Some("OidcClient")));
        Self { secrets, statuses, events }
    }
}

/// Writes it in a namespace that has the clients.
pub async fn write(cluster: &Cluster, namespace: &Namespace, written: &Written) -> Limit {
    let token = objects::token(&cluster.plane.admin().await, SYSTEM, "realmkeeper", "").await;
    let client = cluster.plane.client(&token).await;
    let name = &*namespace.name;
    let secrets = Api::<Secret>::namespaced(client.clone(), name);
    let secrets = timed(&written.secrets, async |secret: &Secret| {
        let secret = Secret { metadata: fresh(&secret.metadata, name), ..secret.clone() };
        secrets.create(&PostParams::default(), &secret).await.map(drop)
    });
    let secrets = secrets.await;
    let statuses = timed(&written.statuses, async |status| write_status(&client, name, status).await).await;
    let events = Api::<Event>::namespaced(client.clone(), name);
    let events = timed(&written.events, async |event: &Event| {
        let mut event = Event { metadata: fresh(&event.metadata, name), ..event.clone() };
        event.regarding.iter_mut().for_each(|regarding| regarding.namespace = Some(name.to_owned()));
        events.create(&PostParams::default(), &event).await.map(drop)
    });
    Limit { secrets, statuses, events: events.await }
}

async fn write_status(client: &Client, namespace: &str, (name, status): &(String, Value)) -> kube::Result<()> {
    let body = json!({
        "apiVersion": "realmkeeper.dev/v1alpha1",
        "kind": "OidcClient",
        "metadata": {"name": name},
        "status": status,
    });
    let api = Api::<OidcClient>::namespaced(client.clone(), namespace);
    api.patch_status(name, &PatchParams::apply("realmkeeper").force(), &Patch::Apply(&body)).await.map(drop)
}

/// What a writer may say of it, elsewhere.
fn fresh(metadata: &ObjectMeta, namespace: &str) -> ObjectMeta {
    ObjectMeta {
        name: metadata.name.clone(),
        namespace: Some(namespace.to_owned()),
        labels: metadata.labels.clone(),
        annotations: metadata.annotations.clone(),
        ..ObjectMeta::default()
    }
}

async fn timed<T>(items: &[T], write: impl AsyncFn(&T) -> kube::Result<()>) -> Duration {
    let (begin, write) = (Instant::now(), &write);
    let writes = stream::iter(items).map(|item| async move { write(item).await.unwrap() });
    writes.buffer_unordered(CONCURRENCY).for_each(|()| async {}).await;
    begin.elapsed()
}
