use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use crate::{
    controller::source::{Kind, ObjectKey},
    realm::ObjectName,
};

/// What an object may depend on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// Another object, whether it is there or not.
    Object(ObjectKey),
    /// Whatever Group has this name in the Realm.
    Group(ObjectName, Arc<str>),
}

/// Who must be looked at again when something changes.
#[derive(Debug, Default)]
pub struct Dependencies {
    forward: HashMap<ObjectKey, Vec<Target>>,
    backward: HashMap<Target, BTreeSet<ObjectKey>>,
}

impl Dependencies {
    /// Replaces what `key` depends on.
    pub fn set(&mut self, key: &ObjectKey, targets: Vec<Target>) {
        self.remove(key);
        for target in &targets {
            self.backward.entry(target.clone()).or_default().insert(key.clone());
        }
        if !targets.is_empty() {
            self.forward.insert(key.clone(), targets);
        }
    }

    /// Forgets what `key` depends on, not who depends on it.
    pub fn remove(&mut self, key: &ObjectKey) {
        for target in self.forward.remove(key).unwrap_or_default() {
            if let Some(dependents) = self.backward.get_mut(&target) {
                dependents.remove(key);
                if dependents.is_empty() {
                    self.backward.remove(&target);
                }
            }
        }
    }

    /// Who of one kind depends on it, in order of their names.
    pub fn dependents_of(&self, target: &Target, kind: Kind) -> impl Iterator<Item = &ObjectKey> {
        // Keys are ordered by kind first: those of other kinds, which may be many, are not looked at.
        let first = ObjectKey::new(kind, "", "");
        let from_there = self.backward.get(target).into_iter().flat_map(move |keys| keys.range(first.clone()..));
        from_there.take_while(move |key| key.kind == kind)
    }

    /// Who depends on it, in order.
    pub fn dependents(&self, target: &Target) -> impl Iterator<Item = &ObjectKey> {
        self.backward.get(target).into_iter().flatten()
    }
}
