//! Everything that ever stood in the Secrets and SigningKeys of a namespace, as a watch saw it, and what must be true of all of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use futures::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, ResourceExt,
    runtime::watcher::{Config, Event, watcher},
};
use realmkeeper::api::{KeyState, SigningKey};
use tokio::task::JoinSet;

use crate::control_plane::Namespace;

/// A watch of a namespace from some moment on.
pub struct History {
    secrets: Arc<Mutex<Vec<Secret>>>,
    rings: Arc<Mutex<Vec<SigningKey>>>,
    _watches: JoinSet<()>,
}

impl History {
    /// Writes down all that is and comes.
    pub fn record(namespace: &Namespace) -> Self {
        let (secrets, rings) = (Arc::default(), Arc::default());
        let mut watches = JoinSet::new();
        watches.spawn(follow(Api::namespaced(namespace.client.clone(), &namespace.name), Arc::clone(&secrets)));
        watches.spawn(follow(Api::namespaced(namespace.client.clone(), &namespace.name), Arc::clone(&rings)));
        Self { secrets, rings, _watches: watches }
    }

    fn of<'s>(secrets: &'s [Secret], kind: &str) -> BTreeMap<String, Vec<&'s Secret>> {
        let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for secret in secrets {
            if let Some(owner) = annotation(secret, "owner").and_then(|owner| owner.strip_prefix(kind)) {
                all.entry(owner.to_owned()).or_default().push(secret);
            }
        }
        all
    }

    /// Asserts that each key is what it was from its first sight on, that no two of a ring have one number, one time or one cause, that
    /// one signed at each moment, and that at no moment a status said that two do. Returns how many keys each ring had.
    pub fn assert_one_active_key(&self) -> BTreeMap<String, usize> {
        let secrets = self.secrets.lock().unwrap();
        let mut counts = BTreeMap::new();
        for (ring, sights) in Self::of(&secrets, "SigningKey/") {
            let (mut keys, mut times, mut requests) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
            for secret in sights {
                let (name, uid) = (secret.name_any(), secret.uid().unwrap());
                let same = (uid, secret.data.clone(), annotation(secret, "kid").map(str::to_owned));
                let known = keys.entry(name.clone()).or_insert_with(|| same.clone());
                assert!(known.0 == same.0 && known.2 == same.2, "{name} was another before");
                assert!(known.1 == same.1, "{name} holds another key than before");
                let active_from = annotation(secret, "active-from").unwrap().parse::<jiff::Timestamp>().unwrap();
                assert_eq!(times.entry(name.clone()).or_insert(active_from), &active_from, "{name}");
                if let Some(request) = annotation(secret, "rotate-request") {
                    let answer = requests.entry(request.to_owned()).or_insert_with(|| name.clone());
                    assert_eq!(*answer, name, "the request {request} has one answer");
                }
            }
            let number = |name: &str| name.rsplit_once('-').unwrap().1.parse::<u32>().unwrap();
            let mut by_number: Vec<_> = times.iter().map(|(name, time)| (number(name), *time)).collect();
            by_number.sort_unstable();
            assert!(by_number.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1), "{by_number:?}");
            let kids: BTreeSet<_> = keys.values().map(|key| key.2.clone()).collect();
            assert_eq!(kids.len(), keys.len());
            counts.insert(ring, keys.len());
        }
        for ring in self.rings.lock().unwrap().iter() {
            let keys = ring.status.iter().flat_map(|status| &status.keys);
            let active = keys.filter(|key| key.state == KeyState::Active).count();
            let is_new = ring.status.as_ref().is_none_or(|status| status.keys.is_empty());
            assert!(is_new || active == 1, "{} of {}: {:?}", active, ring.name_any(), ring.status);
        }
        counts
    }

    /// Asserts that no client secret ever came back, that each followed upon the one before, and that each answers a request of
    /// its own. Returns how many secrets each client had.
    pub fn assert_one_current_secret(&self) -> BTreeMap<String, usize> {
        let secrets = self.secrets.lock().unwrap();
        let mut counts = BTreeMap::new();
        for (client, sights) in Self::of(&secrets, "OidcClient/") {
            let mut currents: Vec<(String, Option<String>)> = Vec::new();
            for secret in sights {
                let entry = |name: &str| {
                    let bytes = secret.data.as_ref().and_then(|data| data.get(name))?;
                    Some(String::from_utf8(bytes.0.clone()).unwrap())
                };
                let current =
                    (entry("client-secret").unwrap(), annotation(secret, "rotate-request").map(str::to_owned));
                if let Some(last) = currents.last().filter(|last| last.0 != current.0) {
                    assert_eq!(
                        entry("client-secret-previous").as_ref(),
                        Some(&last.0),
                        "{client}: one follows on the other"
                    );
                    assert!(currents.iter().all(|former| former.0 != current.0), "{client}: a former secret came back");
                    assert!(
                        currents.iter().all(|former| former.1 != current.1),
                        "{client}: {:?} was answered twice",
                        current.1
                    );
                }
                if currents.last().is_none_or(|last| last.0 != current.0) {
                    currents.push(current);
                }
            }
            counts.insert(client, currents.len());
        }
        counts
    }
}

fn annotation<'s>(secret: &'s Secret, name: &str) -> Option<&'s str> {
    secret.metadata.annotations.as_ref()?.get(&format!("realmkeeper.dev/{name}")).map(String::as_str)
}

async fn follow<K>(api: Api<K>, seen: Arc<Mutex<Vec<K>>>)
where
    K: kube::Resource + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
{
    let mut events = std::pin::pin!(watcher(api, Config::default()));
    while let Some(event) = events.next().await {
        if let Ok(Event::Apply(object) | Event::InitApply(object)) = event {
            seen.lock().unwrap().push(object);
        }
    }
}
