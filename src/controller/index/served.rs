use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::realm::{Issuer, Keyring, Map, ObjectName, PairwiseSalt, Realm, Registry, Settings};

/// The realms that are served, as they will be published next. Their maps share structure with what is published, so a change costs
/// what it changes.
#[derive(Debug, Default)]
pub struct Served {
    realms: BTreeMap<ObjectName, Realm>,
    touched: BTreeSet<ObjectName>,
}

impl Served {
    /// The realm, if it is served.
    pub fn get(&self, name: &ObjectName) -> Option<&Realm> {
        self.realms.get(name)
    }

    /// Serves a realm from now on, or with other settings; its children stay.
    pub fn put(&mut self, name: &ObjectName, issuer: &Issuer, settings: &Arc<Settings>, salt: Option<&PairwiseSalt>) {
        self.touched.insert(name.clone());
        match self.realms.get_mut(name) {
            Some(realm) => {
                realm.issuer = issuer.clone();
                realm.settings = settings.clone();
                realm.salt = salt.cloned();
            }
            None => {
                let realm = Realm {
                    name: name.clone(),
                    issuer: issuer.clone(),
                    settings: settings.clone(),
                    keyring: Arc::new(Keyring::default()),
                    salt: salt.cloned(),
                    clients: Map::default(),
                    users: Map::default(),
                    usernames: Map::default(),
                    initial_access_tokens: Arc::default(),
                    claim_source_tokens: Arc::default(),
                };
                self.realms.insert(name.clone(), realm);
            }
        }
    }

    /// Serves a realm no longer; its children go with it.
    pub fn remove(&mut self, name: &ObjectName) {
        if self.realms.remove(name).is_some() {
            self.touched.insert(name.clone());
        }
    }

    /// Changes a realm, if it is served.
    pub fn change(&mut self, name: &ObjectName, change: impl FnOnce(&mut Realm)) {
        if let Some(realm) = self.realms.get_mut(name) {
            change(realm);
            self.touched.insert(name.clone());
        }
    }

    /// Publishes what has changed since the last time.
    pub fn publish(&mut self, registry: &Registry) {
        let touched = std::mem::take(&mut self.touched);
        let is_first = !registry.load().is_synced();
        if touched.is_empty() && !is_first {
            return;
        }
        registry.update(|snapshot| {
            // First out, then in: an issuer may go from one realm to another.
            for name in touched.iter().filter(|name| !self.realms.contains_key(name)) {
                snapshot.remove(name);
            }
            for realm in touched.iter().filter_map(|name| self.realms.get(name)) {
                snapshot.insert(Arc::new(realm.clone()));
            }
            snapshot.set_synced();
        });
    }
}
