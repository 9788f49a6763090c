//! Secrets and whom they belong to: what is not ours is never overwritten, and read only where its owner has said so.

use k8s_openapi::api::core::v1::Secret as KubeSecret;

use super::{Finding, Reason};
use crate::{
    api::{ADOPT_ANNOTATION, DeletionPolicy, MANAGED_BY_LABEL, MANAGED_BY_VALUE, READABLE_LABEL, READABLE_VALUE},
    controller::{
        marks,
        source::{Kind, ObjectKey},
    },
};

/// What stands at the name of a Secret that is to be generated.
#[derive(Debug, Clone, Copy)]
pub enum Standing<'a> {
    /// Nothing that we know of.
    Free,
    /// A Secret of somebody else.
    Foreign,
    /// A Secret of somebody else, who lets this object take it over.
    Adoptable(&'a KubeSecret),
    /// The Secret that we made for this object.
    Ours(&'a KubeSecret),
}

/// What stands there for `owner`: `seen` is the Secret as it is watched, `refused` says that a create met a Secret that is not
/// watched.
pub fn standing<'a>(owner: &ObjectKey, seen: Option<&'a KubeSecret>, refused: bool) -> Standing<'a> {
    match seen {
        Some(secret) if marks::owner(secret).as_ref() == Some(owner) => Standing::Ours(secret),
        Some(secret) if is_adoptable(owner, secret) => Standing::Adoptable(secret),
        Some(_) => Standing::Foreign,
        None if refused => Standing::Foreign,
        None => Standing::Free,
    }
}

/// Only a client takes a Secret over, never one that belongs to another object of ours, nor one that can't be written.
fn is_adoptable(owner: &ObjectKey, secret: &KubeSecret) -> bool {
    owner.kind == Kind::OidcClient
        && marks::owner(secret).is_none()
        && marks::may_adopt(secret, owner)
        && marks::is_readable(secret)
        && secret.immutable != Some(true)
        && !has_controller(secret)
}

/// Kubernetes lets an object have one controller only.
fn has_controller(secret: &KubeSecret) -> bool {
    let references = secret.metadata.owner_references.as_deref().unwrap_or_default();
    references.iter().any(|reference| reference.controller == Some(true))
}

/// The finding where somebody else's Secret is in the way.
pub fn foreign(owner: &ObjectKey, field: &str, name: &str) -> Finding {
    let adopt = match owner.kind {
        Kind::OidcClient => format!(
            ", or let it be taken over, with the annotation {ADOPT_ANNOTATION}: {} and the label {READABLE_LABEL}: \"true\" \
             (one that is immutable, or that another controller owns, can't be)",
            marks::owner_value(owner)
        ),
        _ => String::new(),
    };
    let message =
        format!("a Secret {name} that is not ours is in the way: rename one of the two, or delete the Secret{adopt}");
    Finding::new(Reason::SecretNotOwned, field, message)
}

/// The finding where the Secret of a key is there without the labels by which it is seen: only the memory of processes has the key then.
pub fn hidden(name: &str, kid: &str) -> Finding {
    let message = format!(
        "the Secret {name} lacks the labels {MANAGED_BY_LABEL}: {MANAGED_BY_VALUE} and {READABLE_LABEL}: \"{READABLE_VALUE}\" and is not \
         read, and with the next restart its key {kid} is lost: give them back to it, or delete it, and it is written again"
    );
    Finding::new(Reason::SecretNotOwned, "", message)
}

/// Whether the Secret's ownerReference is as the policy and the owner's `uid` ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// It is.
    Right,
    /// It must be written anew.
    Wrong,
    /// It goes with an earlier object of the same name, which was deleted: its content went with that.
    Former,
}

/// Compares the ownerReference with what it should be.
pub fn ownership(secret: &KubeSecret, owner: &ObjectKey, uid: Option<&str>, policy: DeletionPolicy) -> Ownership {
    let references = secret.metadata.owner_references.as_deref().unwrap_or_default();
    let found = references
        .iter()
        .find(|reference| reference.kind == owner.kind.as_str() && *reference.name == *owner.name.name);
    match (found, policy) {
        (Some(reference), _) if uid.is_some_and(|uid| !reference.uid.is_empty() && reference.uid != uid) => {
            Ownership::Former
        }
        (Some(_), DeletionPolicy::Delete) | (None, DeletionPolicy::Retain) => Ownership::Right,
        (Some(_), DeletionPolicy::Retain) | (None, DeletionPolicy::Delete) => Ownership::Wrong,
    }
}

/// The content of the first of `entries` that is there, without the line break at its end that a file brings along.
///
/// # Errors
/// A finding that names the Secret and never shows its content: it is missing, not labelled, lacks the entries, or is empty.
pub fn read<'a>(
    seen: Option<&'a KubeSecret>,
    name: &str,
    entries: &[&'static str],
    field: &str,
) -> Result<(&'static str, &'a [u8]), Finding> {
    let secret = readable(seen, name, field)?;
    let found = entries.iter().find_map(|entry| Some((*entry, marks::entry(secret, entry)?)));
    let (entry, bytes) = found.ok_or_else(|| missing(name, &entries.join(" or "), field))?;
    Ok((entry, content(bytes, name, entry, field)?))
}

/// As [`read`], of all of `entries` that are there: one at least, in that order.
///
/// # Errors
/// As [`read`].
pub fn read_all<'a>(
    seen: Option<&'a KubeSecret>,
    name: &str,
    entries: &[&'static str],
    field: &str,
) -> Result<Vec<(&'static str, &'a [u8])>, Finding> {
    let secret = readable(seen, name, field)?;
    let found = entries.iter().filter_map(|entry| Some((*entry, marks::entry(secret, entry)?)));
    let found: Vec<_> =
        found.map(|(entry, bytes)| Ok((entry, content(bytes, name, entry, field)?))).collect::<Result<_, Finding>>()?;
    if found.is_empty() { Err(missing(name, &entries.join(" or "), field)) } else { Ok(found) }
}

/// As [`read`], of one entry whose name stands in a resource.
///
/// # Errors
/// As [`read`].
pub fn read_entry<'a>(seen: Option<&'a KubeSecret>, name: &str, entry: &str, field: &str) -> Result<&'a [u8], Finding> {
    let secret = readable(seen, name, field)?;
    let bytes = marks::entry(secret, entry).ok_or_else(|| missing(name, entry, field))?;
    content(bytes, name, entry, field)
}

/// The Secret, where its owner has labelled it.
///
/// # Errors
/// [`Reason::SecretNotFound`] or [`Reason::SecretNotReadable`].
pub fn readable<'a>(seen: Option<&'a KubeSecret>, name: &str, field: &str) -> Result<&'a KubeSecret, Finding> {
    match seen {
        None => {
            let message =
                format!("there is no Secret {name} with the label {READABLE_LABEL}: \"true\" in this namespace");
            Err(Finding::new(Reason::SecretNotFound, field, message))
        }
        Some(secret) if !marks::is_readable(secret) => {
            let message = format!("the Secret {name} lacks the label {READABLE_LABEL}: \"true\" and is not read");
            Err(Finding::new(Reason::SecretNotReadable, field, message))
        }
        Some(secret) => Ok(secret),
    }
}

fn missing(name: &str, entries: &str, field: &str) -> Finding {
    Finding::new(Reason::SecretEntryMissing, field, format!("the Secret {name} has no entry {entries}"))
}

/// A value without the line break at its end that a file brings along.
pub fn line(bytes: &[u8]) -> &[u8] {
    bytes.strip_suffix(b"\n").map(|line| line.strip_suffix(b"\r").unwrap_or(line)).unwrap_or(bytes)
}

fn content<'a>(bytes: &'a [u8], name: &str, entry: &str, field: &str) -> Result<&'a [u8], Finding> {
    let line = line(bytes);
    if line.is_empty() {
        let message = format!("the entry {entry} of the Secret {name} is empty");
        return Err(Finding::new(Reason::SecretInvalid, field, message));
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{KubeSecret, Ownership, Standing, ownership, read, standing};
    use crate::{
        api::DeletionPolicy,
        controller::{
            checks::Reason,
            source::{Kind, ObjectKey},
        },
    };

    fn secret(value: Value) -> KubeSecret {
        serde_json::from_value(value).unwrap()
    }

    fn ours(owner: &str) -> KubeSecret {
        secret(json!({"metadata": {
            "name": "app-oidc", "namespace": "apps",
            "labels": {"app.kubernetes.io/managed-by": "realmkeeper"}, "annotations": {"realmkeeper.dev/owner": owner},
            "ownerReferences": [
                {"apiVersion": "realmkeeper.dev/v1alpha1", "kind": "OidcClient", "name": "app", "uid": "u1"},
            ],
        }}))
    }

    #[test]
    fn only_a_secret_that_was_made_for_the_object_is_ours() {
        let key = ObjectKey::new(Kind::OidcClient, "apps", "app");
        let is_ours = |secret: &KubeSecret| matches!(standing(&key, Some(secret), false), Standing::Ours(_));
        assert!(is_ours(&ours("OidcClient/app")));
        assert!(!is_ours(&ours("OidcClient/other")));
        assert!(!is_ours(&ours("SigningKey/app")));
        let mut unmanaged = ours("OidcClient/app");
        unmanaged.metadata.labels = None;
        assert!(!is_ours(&unmanaged));
        assert!(matches!(standing(&key, None, false), Standing::Free));
        assert!(matches!(standing(&key, None, true), Standing::Foreign));
    }

    #[test]
    fn an_owner_reference_follows_the_policy_and_the_owner() {
        let key = ObjectKey::new(Kind::OidcClient, "apps", "app");
        let owned = ours("OidcClient/app");
        let free = KubeSecret::default();
        for (secret, uid, policy, want) in [
            (&owned, Some("u1"), DeletionPolicy::Delete, Ownership::Right),
            (&owned, None, DeletionPolicy::Delete, Ownership::Right),
            (&owned, Some("u1"), DeletionPolicy::Retain, Ownership::Wrong),
            (&owned, Some("u2"), DeletionPolicy::Delete, Ownership::Former),
            (&free, Some("u1"), DeletionPolicy::Delete, Ownership::Wrong),
            (&free, Some("u1"), DeletionPolicy::Retain, Ownership::Right),
        ] {
            assert_eq!(ownership(secret, &key, uid, policy), want);
        }
    }

    #[test]
    fn a_secret_is_read_only_with_its_label_and_a_line_break_is_no_part_of_it() {
        let with = |labels: Value, data: Value| {
            let mut object = secret(json!({"metadata": {"labels": labels}}));
            object.string_data = None;
            object.data = serde_json::from_value(data).unwrap();
            object
        };
        let label = json!({"realmkeeper.dev/readable": "true"});
        let entries = ["password-hash", "password"];
        let reason = |seen: Option<&KubeSecret>| {
            let read = read(seen, "x", &entries, "f").map_err(|finding| finding.reason);
            read.map(|(entry, bytes)| (entry, bytes.to_vec()))
        };
        let line = json!({"password": "czNjcmV0DQo="});
        assert_eq!(reason(Some(&with(label.clone(), line.clone()))), Ok(("password", b"s3cret".to_vec())));
        assert_eq!(reason(None), Err(Reason::SecretNotFound));
        assert_eq!(reason(Some(&with(json!({}), line))), Err(Reason::SecretNotReadable));
        assert_eq!(reason(Some(&with(label.clone(), json!({"x": ""})))), Err(Reason::SecretEntryMissing));
        assert_eq!(reason(Some(&with(label, json!({"password": "Cg=="})))), Err(Reason::SecretInvalid));
    }
}
