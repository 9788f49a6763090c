use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Generator, Plan, SecretDeletion, bindings, default_keys, expiry, keys, statuses};
use crate::{
    controller::{
        index::Index,
        source::{Kind, ObjectKey},
    },
    jose,
    realm::ObjectName,
};

/// Making a key takes time (RSA about a tenth of a second); with more than this many in a plan, the rest is left for the next.
const MAX_NEW_KEYS: usize = 8;

/// What is to be written for these objects at `now`. The same index, time and random numbers give the same plan.
pub fn build(index: &Index, objects: BTreeSet<ObjectKey>, now: Timestamp, generator: &mut dyn Generator) -> Plan {
    // Kubernetes keeps times in whole seconds.
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let mut builder = Builder { index, now, generator, plan: Plan::default(), new_keys: 0 };
    for key in objects {
        if let Err(error) = builder.object(&key) {
            tracing::error!(object = %key, %error, "no plan could be made");
            builder.plan.deferred.push(key);
        }
    }
    builder.plan
}

pub(super) struct Builder<'a> {
    pub index: &'a Index,
    pub now: Timestamp,
    pub generator: &'a mut dyn Generator,
    pub plan: Plan,
    new_keys: usize,
}

impl Builder<'_> {
    fn object(&mut self, key: &ObjectKey) -> Result<(), jose::Error> {
        if !self.index.world.contains(key) {
            self.collect_garbage(key);
            return Ok(());
        }
        match key.kind {
            Kind::Namespace | Kind::Secret => Ok(()),
            Kind::Realm => {
                default_keys::plan(self, &key.name);
                statuses::realm(self, &key.name);
                self.wake_with_keys(key, &key.name);
                Ok(())
            }
            Kind::SigningKey => {
                statuses::signing_key(self, &key.name);
                let state = self.index.states.signing_keys.get(&key.name);
                if let Some(realm) = state.and_then(|state| state.realm.as_ref()) {
                    self.wake_with_keys(key, realm);
                }
                keys::plan(self, &key.name)
            }
            Kind::Group => {
                statuses::group(self, &key.name);
                Ok(())
            }
            Kind::User => {
                statuses::user(self, &key.name);
                Ok(())
            }
            Kind::OidcClient if expiry::plan(self, &key.name) => Ok(()),
            Kind::OidcClient => {
                let written = self.plan.secrets.len();
                let bound = bindings::plan(self, &key.name);
                // What comes of the write is in the next plan, a moment later: a status that says only that it is under way would cost
                // as much as the one that says that it is done. A failed one is said at once.
                let is_under_way = self.plan.secrets.len() > written && self.index.failure(key).is_none();
                if !is_under_way {
                    statuses::oidc_client(self, &key.name);
                }
                bound
            }
        }
    }

    /// Where no cluster does: a generated Secret goes with its owner, and so does its status.
    fn collect_garbage(&mut self, owner: &ObjectKey) {
        if !self.index.options.collects_garbage || !self.index.was_deleted(owner) {
            return;
        }
        self.plan.forgotten.push(owner.clone());
        for (name, secret) in self.index.world.owned(owner) {
            if secret.metadata.owner_references.as_ref().is_some_and(|references| !references.is_empty()) {
                self.plan.deletions.push(SecretDeletion::of(name, secret, owner));
            }
        }
    }

    /// Whether the creation of a Secret may be tried: it was not refused, or long enough ago. If not, it is looked at again then.
    pub fn may_create(&mut self, subject: &ObjectKey, secret: &ObjectName) -> bool {
        match self.index.refused_until(secret) {
            Some(until) if until > self.now => {
                self.wake(subject, until);
                false
            }
            _ => true,
        }
    }

    /// The object must be planned again at this time, or earlier; the time has not come yet.
    pub fn wake(&mut self, key: &ObjectKey, at: Timestamp) {
        let earliest = self.plan.wakes.entry(key.clone()).or_insert(at);
        *earliest = at.min(*earliest);
    }

    /// The object must be planned again when a key of the Realm comes, signs or goes.
    fn wake_with_keys(&mut self, key: &ObjectKey, realm: &ObjectName) {
        let next = self.index.realm(realm).and_then(|realm| realm.keyring.next_change(self.now));
        if let Some(next) = next {
            self.wake(key, next);
        }
    }

    /// Whether one more key may be made in this plan.
    pub fn may_make_key(&mut self) -> bool {
        self.new_keys += 1;
        self.new_keys <= MAX_NEW_KEYS
    }
}
