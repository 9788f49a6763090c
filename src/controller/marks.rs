//! The labels and annotations that generated Secrets carry, beside those in [`crate::api`]. They are the operator's memory: a
//! restarted process and every replica read the same answers from them.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{api::core::v1::Secret as KubeSecret, apimachinery::pkg::apis::meta::v1::ObjectMeta};

use super::source::ObjectKey;
use crate::{
    api::{
        ADOPT_ANNOTATION, DurationOrZero, MANAGED_BY_LABEL, MANAGED_BY_VALUE, READABLE_LABEL, READABLE_VALUE,
        REGISTERED_LABEL, REGISTERED_VALUE,
    },
    realm::registration::{Registration, TokenHash},
};

/// Whom a generated Secret belongs to, as `KIND/NAME`; the namespace is its own. A Secret that outlives its owner
/// (`deletionPolicy: Retain`) has no ownerReference, and is found again by this.
pub const OWNER: &str = "realmkeeper.dev/owner";
/// Tells one client secret from the next; says nothing of its value.
pub const CREDENTIAL_ID: &str = "realmkeeper.dev/credential-id";
/// When the client secret was made (RFC 3339).
pub const ISSUED_AT: &str = "realmkeeper.dev/issued-at";
/// The entry that holds the client secret, so that it is found when entries are named anew.
pub const SECRET_ENTRY: &str = "realmkeeper.dev/secret-entry";
/// Tells the former client secret from others.
pub const PREVIOUS_ID: &str = "realmkeeper.dev/previous-id";
/// Until when the former client secret is accepted (RFC 3339).
pub const PREVIOUS_UNTIL: &str = "realmkeeper.dev/previous-valid-until";
/// The entry that holds the former client secret.
pub const PREVIOUS_ENTRY: &str = "realmkeeper.dev/previous-entry";
/// A hash of the names of all that was written (never of a value): when it differs, something must be taken away again.
pub const LAYOUT: &str = "realmkeeper.dev/layout";
/// From when a key stands in the JWKS (RFC 3339).
pub const PUBLISHED_AT: &str = "realmkeeper.dev/published-at";
/// From when a key signs (RFC 3339).
pub const ACTIVE_FROM: &str = "realmkeeper.dev/active-from";
/// The longest `max-age` that the JWK Set may have promised while a key was the newest (a duration).
pub const PROMISE: &str = "realmkeeper.dev/max-age";
/// The longest lifetime of any token that a key can have signed (a duration): it only grows.
pub const LONGEST_TOKEN: &str = "realmkeeper.dev/longest-token";
/// The value of `realmkeeper.dev/rotate` that a key or a client secret is the answer to.
pub const ROTATE_REQUEST: &str = "realmkeeper.dev/rotate-request";
/// When that value was answered (RFC 3339).
pub const ANSWERED_AT: &str = "realmkeeper.dev/rotate-answered-at";
/// Hashes of the values that were answered before that one, the last one first.
pub const FORMER_REQUESTS: &str = "realmkeeper.dev/former-rotate-requests";
/// The referenced Secret that a key was taken over from.
pub const TAKEN_FROM: &str = "realmkeeper.dev/taken-from";
/// When a key was revoked (RFC 3339): it stays so, whatever becomes of the list of revoked ones.
pub const REVOKED_AT: &str = "realmkeeper.dev/revoked-at";
/// When a key Secret that somebody had deleted was written again (RFC 3339).
pub const RESTORED_AT: &str = "realmkeeper.dev/restored-at";
/// Since when another Secret, or none, is the binding of the client in place of this one, which stays (`deletionPolicy: Retain`): what it
/// holds is the past, and never comes back (RFC 3339).
pub const SUPERSEDED_AT: &str = "realmkeeper.dev/superseded-at";
/// The thumbprint of a key, for people.
pub const KEY_ID: &str = "realmkeeper.dev/kid";

/// SHA-256 of the registration access token of a client that registered itself, as base64url.
pub const REGISTRATION_TOKEN: &str = "realmkeeper.dev/registration-access-token-sha256";
/// When a client registered itself (RFC 3339).
pub const REGISTRATION_ISSUED_AT: &str = "realmkeeper.dev/registration-issued-at";
/// Until when the secret of a client that registered itself is good (RFC 3339).
pub const REGISTRATION_SECRET_UNTIL: &str = "realmkeeper.dev/registration-secret-valid-until";
/// When a client that registered itself was used last, told now and then (RFC 3339).
pub const REGISTRATION_LAST_USED: &str = "realmkeeper.dev/registration-last-used";
/// A number that grows with each change that a client makes to itself.
pub const REGISTRATION_REVISION: &str = "realmkeeper.dev/registration-revision";
/// The software statement of a client that registered itself.
pub const REGISTRATION_STATEMENT: &str = "realmkeeper.dev/registration-software-statement";

/// How a client was registered; none for one that did not register itself. Whatever the annotations lack, the label says that it did:
/// then no token is the right one.
pub fn registration(meta: &ObjectMeta) -> Option<Registration> {
    let is_registered = meta.labels.as_ref()?.get(REGISTERED_LABEL).is_some_and(|value| value == REGISTERED_VALUE);
    let annotation = |name: &str| meta.annotations.as_ref().and_then(|all| all.get(name)).map(String::as_str);
    let time = |name: &str| annotation(name).and_then(|text| text.parse::<Timestamp>().ok());
    let created = || meta.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0);
    is_registered.then(|| Registration {
        access_token: TokenHash::kept(annotation(REGISTRATION_TOKEN).unwrap_or_default()),
        issued_at: time(REGISTRATION_ISSUED_AT).unwrap_or_else(created),
        secret_expires_at: time(REGISTRATION_SECRET_UNTIL),
        last_used: time(REGISTRATION_LAST_USED),
        revision: annotation(REGISTRATION_REVISION).and_then(|text| text.parse().ok()).unwrap_or_default(),
        statement: annotation(REGISTRATION_STATEMENT).map(Into::into),
    })
}

/// The annotations that say how a client was registered.
pub fn set_registration(annotations: &mut BTreeMap<String, String>, registration: &Registration) {
    let time = |at: &Timestamp| at.to_string();
    let values = [
        (REGISTRATION_TOKEN, Some(registration.access_token.as_str().to_owned())),
        (REGISTRATION_ISSUED_AT, Some(time(&registration.issued_at))),
        (REGISTRATION_SECRET_UNTIL, registration.secret_expires_at.as_ref().map(time)),
        (REGISTRATION_LAST_USED, registration.last_used.as_ref().map(time)),
        (REGISTRATION_REVISION, Some(registration.revision.to_string())),
        (REGISTRATION_STATEMENT, registration.statement.as_deref().map(str::to_owned)),
    ];
    for (name, value) in values {
        match value {
            Some(value) => annotations.insert(name.to_owned(), value),
            None => annotations.remove(name),
        };
    }
}

/// The annotation of a Secret.
pub fn annotation<'s>(secret: &'s KubeSecret, name: &str) -> Option<&'s str> {
    secret.metadata.annotations.as_ref()?.get(name).map(String::as_str)
}

/// The annotation of a Secret as a time; none where it is absent or no time.
pub fn time(secret: &KubeSecret, name: &str) -> Option<Timestamp> {
    annotation(secret, name)?.parse().ok()
}

/// The annotation of a Secret as a duration; none where it is absent or no duration.
pub fn duration(secret: &KubeSecret, name: &str) -> Option<SignedDuration> {
    let duration: DurationOrZero = annotation(secret, name)?.parse().ok()?;
    duration.as_std().try_into().ok()
}

/// A duration as an annotation has it.
pub fn duration_value(duration: SignedDuration) -> String {
    DurationOrZero::from_secs(duration.unsigned_abs().as_secs()).to_string()
}

/// A short hash, for what need not be read again: 12 characters of base64url.
pub fn hash(text: &str) -> String {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    URL_SAFE_NO_PAD.encode(hash.as_ref().get(..9).unwrap_or_default())
}

fn has_label(secret: &KubeSecret, name: &str, value: &str) -> bool {
    secret.metadata.labels.as_ref().and_then(|labels| labels.get(name)).is_some_and(|found| found == value)
}

/// True where its owner said that it may be read.
pub fn is_readable(secret: &KubeSecret) -> bool {
    has_label(secret, READABLE_LABEL, READABLE_VALUE)
}

/// True for the labels of a Secret that we made and that our watch sees.
pub fn is_known(labels: &BTreeMap<String, String>) -> bool {
    let has = |name: &str, value: &str| labels.get(name).is_some_and(|found| found == value);
    has(MANAGED_BY_LABEL, MANAGED_BY_VALUE) && has(READABLE_LABEL, READABLE_VALUE)
}

/// The value of [`OWNER`] for an object.
pub fn owner_value(owner: &ObjectKey) -> String {
    format!("{}/{}", owner.kind, owner.name.name)
}

/// The object that a generated Secret belongs to; none for a Secret that is not ours.
pub fn owner(secret: &KubeSecret) -> Option<ObjectKey> {
    if !has_label(secret, MANAGED_BY_LABEL, MANAGED_BY_VALUE) {
        return None;
    }
    let (kind, name) = annotation(secret, OWNER)?.split_once('/')?;
    Some(ObjectKey::new(kind.parse().ok()?, secret.metadata.namespace.as_deref()?, name))
}

/// True where its owner lets this object take it over.
pub fn may_adopt(secret: &KubeSecret, owner: &ObjectKey) -> bool {
    annotation(secret, ADOPT_ANNOTATION).is_some_and(|adopter| adopter == owner_value(owner))
}

/// The entry of a Secret.
pub fn entry<'s>(secret: &'s KubeSecret, name: &str) -> Option<&'s [u8]> {
    secret.data.as_ref()?.get(name).map(|bytes| bytes.0.as_slice())
}
