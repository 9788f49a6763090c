use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use jiff::Timestamp;

use super::{Map, ObjectName, Realm};

/// The published realms: one writer replaces the snapshot, readers take it without a lock.
#[derive(Debug, Default)]
pub struct Registry {
    snapshot: ArcSwap<Snapshot>,
}

/// All realms at one moment.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    realms: Map<ObjectName, Arc<Realm>>,
    /// Authority (`Host` header in lower case) to path to realm.
    hosts: Map<Arc<str>, Map<Arc<str>, Arc<Realm>>>,
    synced: bool,
}

impl Registry {
    /// The current snapshot; cheap, to be held for one request at the most.
    pub fn load(&self) -> Guard<Arc<Snapshot>> {
        self.snapshot.load()
    }

    /// Replaces the snapshot by a changed copy. There is one writer: the controller's index.
    pub fn update(&self, change: impl FnOnce(&mut Snapshot)) {
        let mut next = Snapshot::clone(&self.snapshot.load());
        change(&mut next);
        self.snapshot.store(Arc::new(next));
    }
}

impl Snapshot {
    /// The realm whose issuer has this authority and the longest path that is a prefix of `path` in whole segments, and the rest of
    /// the path (empty or with a leading slash).
    pub fn find<'p>(&self, authority: &str, path: &'p str) -> Option<(&Arc<Realm>, &'p str)> {
        let paths = self.lookup_host(authority)?;
        let mut end = path.len();
        loop {
            let (prefix, rest) = path.split_at_checked(end)?;
            if let Some(realm) = paths.get(prefix) {
                return Some((realm, rest));
            }
            end = prefix.rfind('/')?;
        }
    }

    fn lookup_host(&self, authority: &str) -> Option<&Map<Arc<str>, Arc<Realm>>> {
        match self.hosts.get(authority) {
            Some(paths) => Some(paths),
            None => self.hosts.get(normal_authority(authority).as_str()),
        }
    }

    /// The realm of this resource.
    pub fn realm(&self, name: &ObjectName) -> Option<&Arc<Realm>> {
        self.realms.get(name)
    }

    /// Every realm, in no order.
    pub fn realms(&self) -> impl Iterator<Item = &Arc<Realm>> {
        self.realms.values()
    }

    /// Adds a realm or replaces the one of the same name; the caller has made sure that no other has its issuer.
    pub fn insert(&mut self, realm: Arc<Realm>) {
        if self.realms.get(&realm.name).is_some_and(|old| old.issuer != realm.issuer) {
            self.remove(&realm.name.clone());
        }
        let authority: Arc<str> = realm.issuer.authority().into();
        let paths = self.hosts.get(&authority).cloned().unwrap_or_default();
        self.hosts.insert_mut(authority, paths.insert(realm.issuer.path().into(), realm.clone()));
        self.realms.insert_mut(realm.name.clone(), realm);
    }

    /// Takes a realm out; it is no longer served.
    pub fn remove(&mut self, name: &ObjectName) {
        let Some(old) = self.realms.get(name).cloned() else { return };
        self.realms.remove_mut(name);
        let Some(paths) = self.hosts.get(old.issuer.authority()) else { return };
        if paths.get(old.issuer.path()).is_none_or(|realm| realm.name != old.name) {
            return;
        }
        let paths = paths.remove(old.issuer.path());
        if paths.is_empty() {
            self.hosts.remove_mut(old.issuer.authority());
        } else {
            self.hosts.insert_mut(old.issuer.authority().into(), paths);
        }
    }

    /// Says that the first full view of all resources has been applied.
    pub fn set_synced(&mut self) {
        self.synced = true;
    }

    /// True once the first full view of all resources has been applied.
    pub fn is_synced(&self) -> bool {
        self.synced
    }

    /// Accepted realms that have no key to sign with yet, by name.
    pub fn without_key(&self, now: Timestamp) -> Vec<ObjectName> {
        let mut names: Vec<_> = self
            .realms
            .values()
            .filter(|realm| realm.keyring.algorithms(now).is_empty())
            .map(|realm| realm.name.clone())
            .collect();
        names.sort();
        names
    }
}

/// Lower case, and without a port that is a scheme's default.
fn normal_authority(authority: &str) -> String {
    let lower = authority.to_ascii_lowercase();
    match lower.strip_suffix(":443").or_else(|| lower.strip_suffix(":80")) {
        Some(host) => host.to_owned(),
        None => lower,
    }
}
