//! The API server as a source: one watch a kind, paged, resumed after every interruption, each on its own pace. A kind that can't be
//! listed yet (its CRD is missing, RBAC does not allow it) is said in the log and waited for; until then nothing is synced.

mod lenient;

use std::time::Duration;

use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::{
    Api, Client, Resource,
    core::PartialObjectMeta,
    runtime::watcher::{self, Config, Error, watcher},
};
use serde::de::DeserializeOwned;
use tokio::{sync::mpsc, task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{Event, Kind, Malformed, Object, ObjectKey};
use crate::api::{Group, OidcClient, READABLE_LABEL, READABLE_VALUE, Realm, SigningKey, User};

pub use lenient::Lenient;

/// Objects a page of a list.
const PAGE_SIZE: u32 = 500;
/// A watch that failed is tried again this soon, then twice as late each time.
const FIRST_RETRY: Duration = Duration::from_millis(500);
/// And at least this often: a CRD that somebody has just installed should not be waited for much longer.
const LAST_RETRY: Duration = Duration::from_secs(10);

/// Watches every kind of [`Kind::ALL`] and sends what it sees to `events`, until `stop` or until nobody listens. Secrets are watched
/// by label only, of Namespaces only the metadata.
pub async fn watch(client: Client, events: mpsc::Sender<Event>, stop: CancellationToken) {
    let mut watches = JoinSet::new();
    let by_label = config().labels(&format!("{READABLE_LABEL}={READABLE_VALUE}"));
    let namespaces = Api::<PartialObjectMeta<Namespace>>::all(client.clone());
    let namespaces = watcher(namespaces, config()).map(|event| event.map(only_metadata));
    watches.spawn(forward(Kind::Namespace, namespaces, events.clone()));
    watches.spawn(forward(Kind::Secret, all::<Secret>(&client, by_label), events.clone()));
    watches.spawn(forward(Kind::Realm, all::<Realm>(&client, config()), events.clone()));
    watches.spawn(forward(Kind::SigningKey, all::<SigningKey>(&client, config()), events.clone()));
    watches.spawn(forward(Kind::Group, all::<Group>(&client, config()), events.clone()));
    watches.spawn(forward(Kind::User, all::<User>(&client, config()), events.clone()));
    watches.spawn(forward(Kind::OidcClient, all::<OidcClient>(&client, config()), events));
    // Each watch ends only when nobody listens; dropping the set ends them all.
    tokio::select! {
        () = stop.cancelled() => {}
        _ = watches.join_next() => {}
    }
}

fn config() -> Config {
    Config::default().page_size(PAGE_SIZE)
}

fn all<K>(client: &Client, config: Config) -> impl Stream<Item = watcher::Result<watcher::Event<Lenient<K>>>> + use<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Send + 'static,
{
    watcher(Api::<Lenient<K>>::all(client.clone()), config)
}

/// A Namespace of which nothing but the metadata was asked for.
fn only_metadata(event: watcher::Event<PartialObjectMeta<Namespace>>) -> watcher::Event<Lenient<Namespace>> {
    use watcher::Event as E;
    let namespace = |mut partial: PartialObjectMeta<Namespace>| {
        partial.metadata.managed_fields = None;
        Lenient::from(Namespace { metadata: partial.metadata, ..Namespace::default() })
    };
    match event {
        E::Apply(partial) => E::Apply(namespace(partial)),
        E::Delete(partial) => E::Delete(namespace(partial)),
        E::Init => E::Init,
        E::InitApply(partial) => E::InitApply(namespace(partial)),
        E::InitDone => E::InitDone,
    }
}

/// Sends what a watch says; a list is kept together until it is whole. Returns when nobody listens.
async fn forward<K>(
    kind: Kind,
    watch: impl Stream<Item = watcher::Result<watcher::Event<Lenient<K>>>> + Send,
    events: mpsc::Sender<Event>,
) where
    K: Resource<DynamicType = ()>,
    Object: From<K>,
{
    let mut watch = std::pin::pin!(watch);
    let mut list = List::default();
    let mut retry = FIRST_RETRY;
    while let Some(said) = watch.next().await {
        let event = match said {
            Ok(said) => {
                retry = FIRST_RETRY;
                list.take(kind, said)
            }
            Err(error) => {
                report(kind, &error);
                sleep(retry).await;
                retry = (retry * 2).min(LAST_RETRY);
                None
            }
        };
        if let Some(event) = event
            && events.send(event).await.is_err()
        {
            return;
        }
    }
}

/// A list under way.
#[derive(Default)]
struct List {
    objects: Vec<Object>,
    malformed: Vec<Malformed>,
}

impl List {
    /// What follows from one thing that the watch said.
    fn take<K>(&mut self, kind: Kind, said: watcher::Event<Lenient<K>>) -> Option<Event>
    where
        K: Resource<DynamicType = ()>,
        Object: From<K>,
    {
        match said {
            watcher::Event::Init => *self = Self::default(),
            watcher::Event::InitApply(object) => match object.read(kind) {
                Ok(object) => self.objects.push(object),
                Err(malformed) => self.malformed.push(*malformed),
            },
            watcher::Event::InitDone => {
                let Self { objects, malformed } = std::mem::take(self);
                return Some(Event::Replaced { kind, objects, malformed });
            }
            watcher::Event::Apply(object) => return Some(object.event(kind)),
            watcher::Event::Delete(object) => return Some(Event::Deleted(ObjectKey::of(kind, object.meta()))),
        }
        None
    }
}

/// Says why a kind is not seen, in words that lead to what must be done.
fn report(kind: Kind, error: &Error) {
    let status = match error {
        Error::InitialListFailed(kube::Error::Api(status)) | Error::WatchStartFailed(kube::Error::Api(status)) => {
            Some(status)
        }
        Error::WatchError(status) => Some(status),
        _ => None,
    };
    match status.map(|status| status.code) {
        Some(404) if kind.is_ours() => tracing::warn!(
            kind = kind.as_str(),
            "the CRD {}.realmkeeper.dev is not installed; waiting for it (`realmkeeper crds | kubectl apply --server-side -f -`)",
            kind.plural()
        ),
        Some(401 | 403) => {
            tracing::warn!(kind = kind.as_str(), %error, "{} can't be listed and watched; waiting", kind.plural())
        }
        // What was seen last is too old to go on from; the list that follows is the remedy.
        Some(410) => tracing::debug!(kind = kind.as_str(), "the watch is too far behind and lists again"),
        _ => tracing::warn!(kind = kind.as_str(), %error, "the watch was interrupted and goes on"),
    }
}
