use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use k8s_openapi::{
    api::core::v1::{Namespace, Secret as KubeSecret},
    apimachinery::pkg::apis::meta::v1::Condition,
};

use super::{
    dependencies::{Dependencies, Target},
    record::{self, Change, Records, Resource},
};
use crate::{
    api,
    controller::{
        checks::Reason,
        marks,
        plan::StatusPatch,
        source::{Event, Kind, Malformed, Object, ObjectKey},
    },
    realm::ObjectName,
};

/// Labels of an object.
pub type Labels = BTreeMap<String, String>;

/// The label that the API server gives every namespace.
const NAMESPACE_NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// The objects as the source has them, and who depends on whom.
#[derive(Debug)]
pub struct World {
    /// Realms.
    pub realms: Records<api::Realm>,
    /// SigningKeys.
    pub signing_keys: Records<api::SigningKey>,
    /// Groups.
    pub groups: Records<api::Group>,
    /// Users.
    pub users: Records<api::User>,
    /// OidcClients.
    pub clients: Records<api::OidcClient>,
    /// Secrets with our label; what else comes is kept too, and never read.
    pub secrets: Secrets,
    /// Key Secrets that were deleted while their SigningKey is there: the keys are still in this process, and only there.
    lost: Secrets,
    namespaces: BTreeMap<Arc<str>, Labels>,
    dependencies: Dependencies,
    /// The Secrets that were generated for an object, by its key.
    owned: BTreeMap<ObjectKey, BTreeSet<ObjectName>>,
    unsynced: BTreeSet<Kind>,
}

/// What an event touched.
#[derive(Debug, Default)]
pub struct Touched {
    /// To be judged anew.
    pub dirty: BTreeSet<ObjectKey>,
    /// To be planned anew, its verdict stands.
    pub unplanned: BTreeSet<ObjectKey>,
    /// Users that came, went, or changed their Realm.
    pub moved_users: Vec<(ObjectName, ObjectName)>,
    /// Objects that were there and are gone.
    pub deleted: Vec<ObjectKey>,
    /// Objects that are there.
    pub present: Vec<ObjectKey>,
}

/// Secrets by name. `Debug` prints how many there are.
#[derive(Default)]
pub struct Secrets(BTreeMap<ObjectName, Arc<KubeSecret>>);

impl Secrets {
    /// The Secret of this name.
    pub fn get(&self, name: &ObjectName) -> Option<&KubeSecret> {
        self.0.get(name).map(Arc::as_ref)
    }

    /// The Secret of this name in the namespace.
    pub fn at(&self, namespace: &Arc<str>, name: &str) -> Option<&KubeSecret> {
        self.get(&ObjectName::new(namespace.clone(), name))
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} Secrets", self.0.len())
    }
}

impl Default for World {
    fn default() -> Self {
        Self {
            realms: Records::new(),
            signing_keys: Records::new(),
            groups: Records::new(),
            users: Records::new(),
            clients: Records::new(),
            secrets: Secrets::default(),
            lost: Secrets::default(),
            namespaces: BTreeMap::new(),
            dependencies: Dependencies::default(),
            owned: BTreeMap::new(),
            unsynced: Kind::ALL.into(),
        }
    }
}

impl World {
    /// True once every kind has been seen whole.
    pub fn is_synced(&self) -> bool {
        self.unsynced.is_empty()
    }

    /// The labels of a namespace; one that we have not seen has at least its name, as the API server gives it.
    pub fn labels(&self, namespace: &str) -> Cow<'_, Labels> {
        match self.namespaces.get(namespace) {
            Some(labels) => Cow::Borrowed(labels),
            None => Cow::Owned(Labels::from([(NAMESPACE_NAME_LABEL.to_owned(), namespace.to_owned())])),
        }
    }

    /// The objects of a kind that name this Realm, in order of their names.
    pub fn children(&self, realm: &ObjectName, kind: Kind) -> Vec<ObjectName> {
        let realm = Target::Object(ObjectKey { kind: Kind::Realm, name: realm.clone() });
        self.dependencies.dependents_of(&realm, kind).map(|key| key.name.clone()).collect()
    }

    /// Who depends on something.
    pub fn dependents(&self, target: &Target) -> impl Iterator<Item = &ObjectKey> {
        self.dependencies.dependents(target)
    }

    /// The Secrets that were generated for an object, in order of their names.
    pub fn owned(&self, owner: &ObjectKey) -> impl Iterator<Item = (&ObjectName, &KubeSecret)> {
        let names = self.owned.get(owner).into_iter().flatten();
        names.filter_map(|name| Some((name, self.secrets.get(name)?)))
    }

    /// The Secrets of a SigningKey that were deleted and that this process still has, in order of their names.
    pub fn lost(&self, owner: &ObjectKey) -> impl Iterator<Item = (&ObjectName, &KubeSecret)> {
        let is_owned = |secret: &KubeSecret| marks::owner(secret).is_some_and(|found| found == *owner);
        let all = self.lost.0.iter().map(|(name, secret)| (name, secret.as_ref()));
        all.filter(move |(_, secret)| is_owned(secret))
    }

    /// Forgets those of the Secrets that were deleted whose time is over, as `is_over` says of the SigningKey and the Secret.
    pub fn forget_lost(&mut self, is_over: impl Fn(&ObjectName, &str) -> bool) {
        self.lost.0.retain(|name, secret| marks::owner(secret).is_none_or(|owner| !is_over(&owner.name, &name.name)));
    }

    /// Whether the object is there, readable or not.
    pub fn contains(&self, key: &ObjectKey) -> bool {
        match key.kind {
            Kind::Namespace => self.namespaces.contains_key(&key.name.name),
            Kind::Secret => self.secrets.get(&key.name).is_some(),
            Kind::Realm => self.realms.contains_key(&key.name),
            Kind::SigningKey => self.signing_keys.contains_key(&key.name),
            Kind::Group => self.groups.contains_key(&key.name),
            Kind::User => self.users.contains_key(&key.name),
            Kind::OidcClient => self.clients.contains_key(&key.name),
        }
    }

    /// Whether the status of an object says this of the spec as it stands.
    pub fn was_told(&self, key: &ObjectKey, reason: Reason) -> bool {
        fn told<R: Resource>(records: &Records<R>, name: &ObjectName, reason: Reason) -> bool {
            records.get(name).is_some_and(|record| {
                let conditions = record.status.as_ref().map(R::conditions).unwrap_or_default();
                let says = |condition: &Condition| condition.reason == reason.as_str();
                let is_current = |condition: &Condition| condition.observed_generation == record.meta.generation;
                conditions.iter().any(|condition| says(condition) && is_current(condition))
            })
        }
        match key.kind {
            Kind::Namespace | Kind::Secret => false,
            Kind::Realm => told(&self.realms, &key.name, reason),
            Kind::SigningKey => told(&self.signing_keys, &key.name, reason),
            Kind::Group => told(&self.groups, &key.name, reason),
            Kind::User => told(&self.users, &key.name, reason),
            Kind::OidcClient => told(&self.clients, &key.name, reason),
        }
    }

    /// Every object of ours.
    pub fn keys(&self) -> impl Iterator<Item = ObjectKey> {
        fn of<R: Resource>(records: &Records<R>) -> impl Iterator<Item = ObjectKey> {
            records.keys().map(|name| ObjectKey { kind: R::KIND, name: name.clone() })
        }
        of(&self.realms)
            .chain(of(&self.signing_keys))
            .chain(of(&self.groups))
            .chain(of(&self.users))
            .chain(of(&self.clients))
    }

    /// Takes an event in.
    pub fn apply(&mut self, event: Event, touched: &mut Touched) {
        match event {
            Event::Applied(object) => self.applied(object, touched),
            Event::Deleted(key) => self.deleted(&key, touched),
            Event::Malformed(malformed) => self.malformed(malformed, touched),
            Event::Replaced { kind, objects, malformed } => self.replaced(kind, objects, malformed, touched),
            Event::Synced(kind) => {
                self.unsynced.remove(&kind);
            }
        }
    }

    /// A status was written: it is known before the source says so.
    pub fn wrote_status(&mut self, patch: &StatusPatch) {
        match patch.key.kind {
            Kind::Namespace | Kind::Secret => {}
            Kind::Realm => record::set_status(&mut self.realms, patch),
            Kind::SigningKey => record::set_status(&mut self.signing_keys, patch),
            Kind::Group => record::set_status(&mut self.groups, patch),
            Kind::User => record::set_status(&mut self.users, patch),
            Kind::OidcClient => record::set_status(&mut self.clients, patch),
        }
    }

    fn replaced(&mut self, kind: Kind, objects: Vec<Object>, malformed: Vec<Malformed>, touched: &mut Touched) {
        let listed: BTreeSet<_> =
            objects.iter().map(Object::key).chain(malformed.iter().map(|object| object.key.clone())).collect();
        let gone: Vec<_> = self.keys_of(kind).into_iter().filter(|key| !listed.contains(key)).collect();
        for key in &gone {
            self.deleted(key, touched);
        }
        for object in objects {
            self.applied(object, touched);
        }
        for object in malformed {
            self.malformed(object, touched);
        }
        self.unsynced.remove(&kind);
    }

    fn keys_of(&self, kind: Kind) -> Vec<ObjectKey> {
        let key = |name: &ObjectName| ObjectKey { kind, name: name.clone() };
        match kind {
            Kind::Namespace => self.namespaces.keys().map(|name| ObjectKey::new(kind, "", name.clone())).collect(),
            Kind::Secret => self.secrets.0.keys().map(key).collect(),
            Kind::Realm => self.realms.keys().map(key).collect(),
            Kind::SigningKey => self.signing_keys.keys().map(key).collect(),
            Kind::Group => self.groups.keys().map(key).collect(),
            Kind::User => self.users.keys().map(key).collect(),
            Kind::OidcClient => self.clients.keys().map(key).collect(),
        }
    }

    fn applied(&mut self, object: Object, touched: &mut Touched) {
        let key = object.key();
        // To delete an object is to stop serving it, also where somebody's finalizer holds it.
        if key.kind.is_ours() && object.meta().deletion_timestamp.is_some() {
            return self.deleted(&key, touched);
        }
        let old_realm = self.user_realm(&key);
        let change = match &object {
            Object::Namespace(namespace) => return self.namespace(&key, namespace, touched),
            Object::Secret(secret) => return self.secret(key, secret, touched),
            Object::Realm(object) => record::put(&mut self.realms, &key.name, &**object),
            Object::SigningKey(object) => record::put(&mut self.signing_keys, &key.name, &**object),
            Object::Group(object) => record::put(&mut self.groups, &key.name, &**object),
            Object::User(object) => record::put(&mut self.users, &key.name, &**object),
            Object::OidcClient(object) => record::put(&mut self.clients, &key.name, &**object),
        };
        self.changed(key, change, old_realm, touched);
    }

    fn malformed(&mut self, malformed: Malformed, touched: &mut Touched) {
        let key = malformed.key.clone();
        let old_realm = self.user_realm(&key);
        let change = match key.kind {
            Kind::Namespace | Kind::Secret => Change::None,
            Kind::Realm => record::put_malformed(&mut self.realms, malformed),
            Kind::SigningKey => record::put_malformed(&mut self.signing_keys, malformed),
            Kind::Group => record::put_malformed(&mut self.groups, malformed),
            Kind::User => record::put_malformed(&mut self.users, malformed),
            Kind::OidcClient => record::put_malformed(&mut self.clients, malformed),
        };
        self.changed(key, change, old_realm, touched);
    }

    fn deleted(&mut self, key: &ObjectKey, touched: &mut Touched) {
        let old_realm = self.user_realm(key);
        let was_there = match key.kind {
            Kind::Namespace => self.namespaces.remove(&key.name.name).is_some(),
            Kind::Secret => self.secret_lost(&key.name, touched),
            Kind::Realm => self.realms.remove(&key.name).is_some(),
            Kind::SigningKey => self.ring_deleted(key),
            Kind::Group => self.groups.remove(&key.name).is_some(),
            Kind::User => self.users.remove(&key.name).is_some(),
            Kind::OidcClient => self.clients.remove(&key.name).is_some(),
        };
        if !was_there {
            return;
        }
        if key.kind.is_ours() {
            self.changed(key.clone(), Change::Spec, old_realm, touched);
            touched.deleted.push(key.clone());
        } else {
            self.touch_dependents(key, touched);
        }
    }

    fn changed(&mut self, key: ObjectKey, change: Change, old_realm: Option<ObjectName>, touched: &mut Touched) {
        match change {
            Change::None => return,
            Change::Status => {
                touched.unplanned.insert(key);
                return;
            }
            Change::Spec => {}
        }
        match self.targets(&key) {
            Some(targets) => self.dependencies.set(&key, targets),
            None => self.dependencies.remove(&key),
        }
        let realm = self.user_realm(&key);
        if realm != old_realm {
            let moved = [old_realm, realm].into_iter().flatten();
            touched.moved_users.extend(moved.map(|realm| (realm, key.name.clone())));
        }
        touched.present.push(key.clone());
        touched.dirty.insert(key);
    }

    fn user_realm(&self, key: &ObjectKey) -> Option<ObjectName> {
        if key.kind != Kind::User {
            return None;
        }
        self.users.get(&key.name)?.spec.as_ref().map(|spec| spec.realm.clone())
    }

    fn targets(&self, key: &ObjectKey) -> Option<Vec<Target>> {
        fn of<R: Resource>(records: &Records<R>, name: &ObjectName) -> Option<Vec<Target>> {
            records.get(name)?.spec.as_ref().map(|spec| R::targets(name, spec))
        }
        match key.kind {
            Kind::Namespace | Kind::Secret => None,
            Kind::Realm => of(&self.realms, &key.name),
            Kind::SigningKey => of(&self.signing_keys, &key.name),
            Kind::Group => of(&self.groups, &key.name),
            Kind::User => of(&self.users, &key.name),
            Kind::OidcClient => of(&self.clients, &key.name),
        }
    }

    fn touch_dependents(&self, key: &ObjectKey, touched: &mut Touched) {
        touched.dirty.extend(self.dependencies.dependents(&Target::Object(key.clone())).cloned());
    }

    fn namespace(&mut self, key: &ObjectKey, namespace: &Namespace, touched: &mut Touched) {
        let name = &key.name.name;
        let mut labels = namespace.metadata.labels.clone().unwrap_or_default();
        labels.entry(NAMESPACE_NAME_LABEL.to_owned()).or_insert_with(|| name.to_string());
        if *self.labels(name) != labels {
            self.touch_dependents(key, touched);
        }
        self.namespaces.insert(name.clone(), labels);
    }

    fn secret(&mut self, key: ObjectKey, secret: &Arc<KubeSecret>, touched: &mut Touched) {
        if self.secrets.get(&key.name).is_some_and(|old| record::is_older(&secret.metadata, &old.metadata)) {
            return;
        }
        self.secret_deleted(&key.name, touched);
        let lost = self.lost.get(&key.name);
        if lost.is_some_and(|lost| marks::owner(lost) == marks::owner(secret)) {
            self.lost.0.remove(&key.name);
        }
        if let Some(owner) = marks::owner(secret) {
            self.owned.entry(owner.clone()).or_default().insert(key.name.clone());
            touched.dirty.insert(owner);
        }
        self.touch_dependents(&key, touched);
        self.secrets.0.insert(key.name, secret.clone());
    }

    /// The Secrets of a SigningKey that is gone are not missed.
    fn ring_deleted(&mut self, ring: &ObjectKey) -> bool {
        self.lost.0.retain(|_, secret| marks::owner(secret).is_none_or(|owner| owner != *ring));
        self.signing_keys.remove(&ring.name).is_some()
    }

    fn secret_lost(&mut self, name: &ObjectName, touched: &mut Touched) -> bool {
        let old = self.secrets.0.get(name).cloned();
        if let Some(old) = old
            && let Some(owner) = marks::owner(&old)
            && owner.kind == Kind::SigningKey
            && self.signing_keys.contains_key(&owner.name)
        {
            self.lost.0.insert(name.clone(), old);
        }
        self.secret_deleted(name, touched)
    }

    fn secret_deleted(&mut self, name: &ObjectName, touched: &mut Touched) -> bool {
        let Some(old) = self.secrets.0.remove(name) else { return false };
        let Some(owner) = marks::owner(&old) else { return true };
        if let Some(names) = self.owned.get_mut(&owner) {
            names.remove(name);
            if names.is_empty() {
                self.owned.remove(&owner);
            }
        }
        touched.dirty.insert(owner);
        true
    }
}
