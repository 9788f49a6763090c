use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    claimed::Rank,
    dependencies::Target,
    spec::{ClientSecretSpec, GroupSpec, KeySource, OidcClientSpec, RealmSpec, SigningKeySpec, UserSpec},
};
use crate::{
    api::{self, RECONCILE_ANNOTATION, RECONCILE_DISABLED, ROTATE_ANNOTATION},
    controller::{
        marks,
        plan::StatusPatch,
        source::{FieldProblem, Kind, Malformed, ObjectKey},
    },
    realm::{ObjectName, registration::Registration},
};

/// What is known of one object of ours: its parsed spec, or what is wrong with it, and the status that it has.
#[derive(Debug)]
pub struct Record<R: Resource> {
    /// What its metadata say.
    pub meta: Meta,
    /// The last good spec; none where it was never good.
    pub spec: Option<Arc<R::Spec>>,
    /// What is wrong with it as it stands now: then `spec`, if there is one, is that of an earlier version. It is served on until
    /// the object is mended or this process ends, because an outage is worse than a delay; a restarted process has nothing to
    /// serve.
    pub problems: Vec<FieldProblem>,
    /// The status on the object.
    pub status: Option<R::Status>,
    /// What the status was before we wrote it, until the source has said ours: an event that was on its way meanwhile says one of
    /// these, and is late.
    superseded: Vec<Option<R::Status>>,
}

/// The part of the metadata that matters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meta {
    /// Absent where there is no cluster.
    pub uid: Option<String>,
    /// Grows with each change of the spec.
    pub generation: Option<i64>,
    /// Who is older; the epoch where it is absent.
    pub created: Timestamp,
    /// Its labels, for the selectors of Groups.
    pub labels: BTreeMap<String, String>,
    /// `realmkeeper.dev/reconcile: disabled`: nothing is written for it.
    pub is_frozen: bool,
    /// `realmkeeper.dev/rotate`.
    pub rotate: Option<String>,
    /// How it was registered, where it registered itself.
    pub registration: Option<Registration>,
    /// `metadata.resourceVersion`.
    pub resource_version: Option<u64>,
}

impl Meta {
    fn of(meta: &ObjectMeta) -> Self {
        let annotation = |name: &str| meta.annotations.as_ref().and_then(|all| all.get(name));
        Self {
            uid: meta.uid.clone(),
            generation: meta.generation,
            created: meta.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0),
            labels: meta.labels.clone().unwrap_or_default(),
            is_frozen: annotation(RECONCILE_ANNOTATION).is_some_and(|value| value == RECONCILE_DISABLED),
            rotate: annotation(ROTATE_ANNOTATION).cloned(),
            registration: marks::registration(meta),
            resource_version: resource_version(meta),
        }
    }

    /// True where nothing but the status and what we don't read can differ.
    fn same_but_for_status(&self, other: &Self) -> bool {
        let known = self.generation.is_some() && self.resource_version.is_some();
        known && Self { resource_version: other.resource_version, ..self.clone() } == *other
    }
}

/// Versions of one object can be compared as numbers.
fn resource_version(meta: &ObjectMeta) -> Option<u64> {
    meta.resource_version.as_ref()?.parse().ok()
}

/// True where `new` is an earlier version of the object `old`: a watch that is late after our own write.
pub fn is_older(new: &ObjectMeta, old: &ObjectMeta) -> bool {
    new.uid.is_some() && new.uid == old.uid && resource_version(new) < resource_version(old)
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing: the event was late.
    None,
    /// Its status at the most.
    Status,
    /// Its spec or its metadata.
    Spec,
}

/// A kind of ours.
pub trait Resource: Sized + 'static {
    /// Its spec, parsed.
    type Spec: for<'a> TryFrom<&'a Self, Error = Vec<FieldProblem>>;
    /// Its status.
    type Status: Serialize + DeserializeOwned + PartialEq + Clone + Default;
    /// Which kind.
    const KIND: Kind;

    /// The status on the object.
    fn status(&self) -> Option<&Self::Status>;
    /// The conditions of a status.
    fn conditions(status: &Self::Status) -> &[Condition];
    /// The metadata.
    fn meta(&self) -> &ObjectMeta;
    /// What it depends on.
    fn targets(name: &ObjectName, spec: &Self::Spec) -> Vec<Target>;
}

/// The records of a kind.
pub type Records<R> = BTreeMap<ObjectName, Record<R>>;

/// Takes in an object as it stands.
pub fn put<R: Resource>(records: &mut Records<R>, name: &ObjectName, object: &R) -> Change {
    let meta = Meta::of(object.meta());
    let old = records.get_mut(name);
    if let Some(old) = old {
        let same_object = meta.uid.is_some() && meta.uid == old.meta.uid;
        if same_object && meta.resource_version < old.meta.resource_version {
            return Change::None;
        }
        match meta.uid == old.meta.uid {
            true => old.said_status(object.status()),
            false => (old.status, old.superseded) = (object.status().cloned(), Vec::new()),
        }
        if meta.same_but_for_status(&old.meta) {
            old.meta = meta;
            return Change::Status;
        }
        let replaced = !same_object && meta.uid.is_some() && old.meta.uid.is_some();
        let spec = R::Spec::try_from(object);
        old.meta = meta;
        match spec {
            Ok(spec) => (old.spec, old.problems) = (Some(Arc::new(spec)), Vec::new()),
            Err(problems) => {
                old.problems = problems;
                // Another object of this name has no good past.
                old.spec.take_if(|_| replaced);
            }
        }
        return Change::Spec;
    }
    let (spec, problems) = match R::Spec::try_from(object) {
        Ok(spec) => (Some(Arc::new(spec)), Vec::new()),
        Err(problems) => (None, problems),
    };
    let status = object.status().cloned();
    records.insert(name.clone(), Record { meta, spec, problems, status, superseded: Vec::new() });
    Change::Spec
}

/// Takes in an object that could not be read.
pub fn put_malformed<R: Resource>(records: &mut Records<R>, malformed: Malformed) -> Change {
    let meta = Meta::of(&malformed.meta);
    let status = malformed.status.and_then(|status| serde_json::from_value(status).ok());
    let problems = malformed.problems;
    match records.get_mut(&malformed.key.name) {
        None => {
            let record = Record { meta, spec: None, problems, status, superseded: Vec::new() };
            records.insert(malformed.key.name, record);
        }
        Some(old) => {
            if meta.uid != old.meta.uid {
                old.spec = None;
            }
            // Without a status of its own, the one that we wrote is the best that we know.
            old.status = status.or(old.status.take());
            (old.meta, old.problems) = (meta, problems);
        }
    }
    Change::Spec
}

/// More of our own writes than this are not under way at once.
const MAX_SUPERSEDED: usize = 8;

/// The object has this status now, if it is still the same object.
pub fn set_status<R: Resource>(records: &mut Records<R>, patch: &StatusPatch) {
    if let Some(record) = records.get_mut(&patch.key.name).filter(|record| record.meta.uid == patch.uid) {
        if record.superseded.len() >= MAX_SUPERSEDED {
            record.superseded.remove(0);
        }
        let written = serde_json::from_value(patch.status.clone()).ok();
        record.superseded.push(std::mem::replace(&mut record.status, written));
    }
}

fn secret(name: &ObjectName, secret: &str) -> Target {
    Target::Object(ObjectKey::new(Kind::Secret, name.namespace.clone(), secret))
}

/// A child depends on its Realm and, where that stands elsewhere, on the labels of its own namespace; they can matter at home too,
/// where the Realm has a selector.
fn child(name: &ObjectName, realm: &ObjectName) -> Vec<Target> {
    vec![
        Target::Object(ObjectKey { kind: Kind::Realm, name: realm.clone() }),
        Target::Object(ObjectKey::new(Kind::Namespace, "", name.namespace.clone())),
    ]
}

macro_rules! resource {
    ($kind:ident, $spec:ty, $status:ty, |$name:ident, $parsed:ident| $targets:expr) => {
        impl Resource for api::$kind {
            type Spec = $spec;
            type Status = $status;
            const KIND: Kind = Kind::$kind;

            fn status(&self) -> Option<&$status> {
                self.status.as_ref()
            }

            fn conditions(status: &$status) -> &[Condition] {
                &status.conditions
            }

            fn meta(&self) -> &ObjectMeta {
                &self.metadata
            }

            fn targets($name: &ObjectName, $parsed: &$spec) -> Vec<Target> {
                $targets
            }
        }
    };
}

resource!(Realm, RealmSpec, api::RealmStatus, |name, spec| {
    let tokens = spec.initial_access_tokens.iter().map(|token| &token.name);
    let sources = spec.claim_source_secrets.iter().map(|source| &source.secret);
    spec.salt_secret.iter().chain(tokens).chain(sources).map(|reference| secret(name, reference)).collect()
});

resource!(SigningKey, SigningKeySpec, api::SigningKeyStatus, |name, spec| {
    let mut targets = child(name, &spec.realm);
    if let KeySource::Secret(reference) = &spec.source {
        targets.push(secret(name, reference));
    }
    targets
});

// Members are looked up where the whole membership of a Realm is computed.
resource!(Group, GroupSpec, api::GroupStatus, |name, spec| child(name, &spec.realm));

resource!(User, UserSpec, api::UserStatus, |name, spec| {
    let password = spec.password_secret.as_ref().map(|reference| secret(name, reference));
    child(name, &spec.realm).into_iter().chain(password).collect()
});

resource!(OidcClient, OidcClientSpec, api::OidcClientStatus, |name, spec| {
    let stands_in = match &spec.secret {
        ClientSecretSpec::None => None,
        ClientSecretSpec::Binding(binding) => Some(secret(name, &binding.name)),
        ClientSecretSpec::Reference { name: reference, .. } => Some(secret(name, reference)),
    };
    let groups = spec.access_groups.iter().map(|group| Target::Group(spec.realm.clone(), group.clone()));
    child(name, &spec.realm).into_iter().chain(stands_in).chain(groups).collect()
});

impl<R: Resource> Record<R> {
    /// Takes in the status that the source says, unless it is one that we have replaced since.
    fn said_status(&mut self, said: Option<&R::Status>) {
        let is_late = self.status.as_ref() != said && self.superseded.iter().any(|old| old.as_ref() == said);
        if !is_late {
            self.status = said.cloned();
            self.superseded.clear();
        }
    }

    /// Where it stands among those that claim the same name.
    pub fn rank(&self, name: &ObjectName) -> Rank {
        Rank { created: self.meta.created, name: name.clone() }
    }
}
