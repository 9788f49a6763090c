//! The client secret that is in force, as the Secrets have it.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret as KubeSecret;

use super::{
    checks::{Finding, ownership, ownership::Ownership, requests::Answers},
    index::{spec::BindingSpec, world::World},
    marks,
    source::ObjectKey,
};
use crate::secret::Secret;

/// A client secret.
#[derive(Debug, Clone)]
pub struct Credential {
    /// Tells it from others; says nothing of its value.
    pub id: Arc<str>,
    /// When it was made, where that is known.
    pub issued_at: Option<Timestamp>,
    /// The value.
    pub value: Secret,
}

/// The former client secret, while it is accepted.
#[derive(Debug, Clone)]
pub struct Previous {
    /// Tells it from others; says nothing of its value.
    pub id: Arc<str>,
    /// Until when it is accepted.
    pub valid_until: Timestamp,
    /// The value.
    pub value: Secret,
}

/// The client secrets that a Secret of ours holds.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The one to use.
    pub current: Credential,
    /// The one before.
    pub previous: Option<Previous>,
    /// The values of `realmkeeper.dev/rotate` that the current one, and those before it, are the answers to.
    pub answers: Answers,
    /// The current one was read from a Secret of somebody else.
    pub is_taken: bool,
}

/// The secrets of the client `owner`: from the Secret of the name in force or, where the binding was renamed, from the one that it had
/// before; none: a new one is to be made. Those that went with an earlier client of the same name are not taken up: whoever
/// deleted that client wanted its secrets gone. Nor are those of a Secret that another has taken the place of.
pub fn kept(world: &World, owner: &ObjectKey, uid: Option<&str>, binding: &BindingSpec) -> Option<Credentials> {
    let read = |secret: &KubeSecret| {
        let is_former = ownership::ownership(secret, owner, uid, binding.deletion_policy) == Ownership::Former
            || marks::annotation(secret, marks::SUPERSEDED_AT).is_some();
        let is_in_force = secret.metadata.name.as_deref() == Some(&*binding.name);
        // An annotation that somebody took away costs nobody the secret.
        let entry = binding.secret_entry().filter(|_| is_in_force);
        if is_former { None } else { read(secret, entry) }
    };
    let (current, others): (Vec<_>, Vec<_>) = world.owned(owner).partition(|(name, _)| *name.name == *binding.name);
    current.into_iter().chain(others).find_map(|(_, secret)| read(secret))
}

fn read(secret: &KubeSecret, entry: Option<&str>) -> Option<Credentials> {
    let value = |entry: &str| marks::entry(secret, entry).filter(|value| !value.is_empty());
    let name = || secret.metadata.name.as_deref().filter(|_| entry.is_some());
    let current = Credential {
        value: Secret::new(value(marks::annotation(secret, marks::SECRET_ENTRY).or(entry)?)?),
        id: marks::annotation(secret, marks::CREDENTIAL_ID).or_else(name)?.into(),
        issued_at: marks::time(secret, marks::ISSUED_AT),
    };
    let previous = || {
        Some(Previous {
            value: Secret::new(value(marks::annotation(secret, marks::PREVIOUS_ENTRY)?)?),
            id: marks::annotation(secret, marks::PREVIOUS_ID)?.into(),
            valid_until: marks::time(secret, marks::PREVIOUS_UNTIL)?,
        })
    };
    Some(Credentials {
        previous: previous(),
        answers: Answers::of(secret),
        is_taken: marks::annotation(secret, marks::TAKEN_FROM).is_some(),
        current,
    })
}

/// The secret that somebody else keeps. Its id is the Secret's name: a hash of the value would help to guess a weak one.
///
/// # Errors
/// A finding where the Secret can't be read.
pub fn referenced(world: &World, owner: &ObjectKey, name: &str, entry: &str) -> Result<Credential, Finding> {
    let seen = world.secrets.at(&owner.name.namespace, name);
    let value = ownership::read_entry(seen, name, entry, "spec.credentials.secret")?;
    let created = seen.and_then(|secret| secret.metadata.creation_timestamp.as_ref());
    Ok(Credential { id: name.into(), issued_at: created.map(|time| time.0), value: Secret::new(value) })
}
