use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::{
    EventRecord, EventType,
    conditions::{cut, find},
};
use crate::{
    api,
    controller::{checks::Reason, source::ObjectKey},
};

/// Something good that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    reason: &'static str,
    action: &'static str,
    note: String,
}

/// The credentials of a client stand in their Secret.
pub fn credentials_created(secret: &str) -> News {
    let note = format!("the credentials stand in the Secret {secret}");
    News { reason: "CredentialsCreated", action: "CreateCredentials", note }
}

/// A ring has a new key.
pub fn key_created(key: &api::SigningKeyVersion) -> News {
    let note = format!("the key {} stands in the Secret {}", key.kid, key.secret_name);
    News { reason: "KeyCreated", action: "CreateKey", note }
}

/// What the operator is itself about to do is no news, nor is a Realm that has no key in its first second.
const QUIET: [Reason; 3] = [Reason::CredentialsPending, Reason::KeyPending, Reason::NoActiveKey];

/// What a person should know of a change: the news, and why the object is no longer ready, or for another reason than before. What it
/// was told before stands in the old conditions, so nothing is told twice, by no replica and after no restart.
pub fn of(
    regarding: &ObjectKey,
    uid: Option<&String>,
    old: &[Condition],
    new: &[Condition],
    news: Vec<News>,
) -> Vec<EventRecord> {
    let record = |type_, reason, action, note: String| EventRecord {
        regarding: regarding.clone(),
        uid: uid.cloned(),
        type_,
        reason,
        note: cut(note),
        action,
    };
    let mut events: Vec<_> =
        news.into_iter().map(|news| record(EventType::Normal, news.reason, news.action, news.note)).collect();
    if let Some(ready) = find(new, "Ready")
        && ready.status != "True"
        && find(old, "Ready").is_none_or(|old| old.reason != ready.reason)
        && let Some(reason) = Reason::named(&ready.reason)
        && !QUIET.contains(&reason)
    {
        events.push(record(EventType::Warning, reason.as_str(), "Reconcile", ready.message.clone()));
    }
    events
}
