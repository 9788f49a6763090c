//! The client secret that is in force, as the Secrets have it.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret as KubeSecret;

use super::{
    checks::{Finding, ownership, ownership::Ownership},
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

/// The generated secret of the client `owner`: from the Secret of the name in force or, where the binding was renamed, from the one
/// that it had before; none: a new one is to be made. One that went with an earlier client of the same name is not taken up: whoever
/// deleted that client wanted its secret gone.
pub fn generated(world: &World, owner: &ObjectKey, uid: Option<&str>, binding: &BindingSpec) -> Option<Credential> {
    let read = |secret: &KubeSecret| {
        if ownership::ownership(secret, owner, uid, binding.deletion_policy) == Ownership::Former {
            return None;
        }
        let value = marks::entry(secret, marks::annotation(secret, marks::SECRET_ENTRY)?)?;
        let id = marks::annotation(secret, marks::CREDENTIAL_ID)?;
        let issued_at = marks::time(secret, marks::ISSUED_AT);
        (!value.is_empty()).then(|| Credential { id: id.into(), issued_at, value: Secret::new(value) })
    };
    let (current, others): (Vec<_>, Vec<_>) = world.owned(owner).partition(|(name, _)| *name.name == *binding.name);
    current.into_iter().chain(others).find_map(|(_, secret)| read(secret))
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
