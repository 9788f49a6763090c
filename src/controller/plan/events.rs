use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::{
    EventRecord, EventType,
    conditions::{cut, find},
    statuses::MAX_RING_KEYS,
};
use crate::{
    api::{self, KeyState},
    controller::{
        checks::{Reason, rotation::Generation},
        source::ObjectKey,
    },
};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    reason: &'static str,
    action: &'static str,
    note: String,
}

impl News {
    /// As an event about an object.
    pub fn record(self, regarding: &ObjectKey, uid: Option<&String>, type_: EventType) -> EventRecord {
        let Self { reason, action, note } = self;
        EventRecord { regarding: regarding.clone(), uid: uid.cloned(), type_, reason, note: cut(note), action }
    }
}

/// What became of the secrets of a client since the status was written last.
pub fn of_credentials(old: &api::CredentialsStatus, new: &api::CredentialsStatus, secret: Option<&str>) -> Vec<News> {
    let mut all = Vec::new();
    let id = |status: &api::CredentialsStatus| status.current.as_ref().map(|current| current.id.clone());
    if let Some(secret) = secret.filter(|_| new.current.is_some() && id(old) != id(new)) {
        let former = new.previous.as_ref().filter(|previous| Some(&previous.id) == id(old).as_ref());
        all.push(match former {
            Some(former) => {
                let note = format!(
                    "a new client secret stands in the Secret {secret}; the former one is accepted until {}",
                    former.valid_until.0
                );
                News { reason: "CredentialsRotated", action: "RotateCredentials", note }
            }
            None => {
                let note = format!("the credentials stand in the Secret {secret}");
                News { reason: "CredentialsCreated", action: "CreateCredentials", note }
            }
        });
    }
    let used = |status: &api::CredentialsStatus| {
        status.previous.as_ref().and_then(|previous| Some((previous.id.clone(), previous.last_used.as_ref()?.0)))
    };
    if let Some((_, at)) = used(new).filter(|_| used(new) != used(old)) {
        let note = format!("the former client secret is still in use, at {at}: somebody has not taken up the new one");
        all.push(News { reason: "PreviousSecretUsed", action: "Authenticate", note });
    }
    let is_gone = |previous: &&api::PreviousSecret| new.previous.as_ref().is_none_or(|now| now.id != previous.id);
    if let Some(gone) = old.previous.as_ref().filter(is_gone) {
        let used = match &gone.last_used {
            Some(at) => format!("it was used last at {}, as far as this replica knows", at.0),
            None => "this replica has not seen it used".to_owned(),
        };
        let note = format!("the former client secret is no longer accepted; {used}");
        all.push(News { reason: "PreviousSecretRemoved", action: "RemoveCredentials", note });
    }
    all
}

/// The Secret of a key was deleted, and is written again.
pub fn key_restored(key: &Generation) -> News {
    let note = format!(
        "the Secret {} was deleted and is written again, with the same key {}: to take a key out of use, put its kid into \
         spec.revokedKids",
        key.secret, key.kid
    );
    News { reason: "KeyRestored", action: "RestoreKey", note }
}

/// A key is gone, and not because its time was over.
pub fn key_lost(key: &api::LostKey) -> News {
    let note = format!(
        "the Secret {} of the key {} is gone, and the key with it: what it has signed is refused",
        key.secret_name, key.kid
    );
    News { reason: "KeyLost", action: "LoseKey", note }
}

/// What became of the keys of a ring since the status was written last, with how grave it is; `encrypts` says that its keys are of
/// use `enc`.
pub fn of_keys(
    old: &[api::SigningKeyVersion],
    new: &[api::SigningKeyVersion],
    encrypts: bool,
) -> Vec<(EventType, News)> {
    let news = |reason, action, note| News { reason, action, note };
    let mut all = Vec::new();
    for key in new.get(..horizon(old, new)).unwrap_or(new) {
        let before = old.iter().find(|before| before.kid == key.kid);
        if before.is_none() {
            let note = format!("the key {} stands in the Secret {}", key.kid, key.secret_name);
            all.push((EventType::Normal, news("KeyCreated", "CreateKey", note)));
        }
        let Some(before) = before.filter(|before| before.state != key.state) else { continue };
        match key.state {
            KeyState::Active => {
                let does = if encrypts { "is the one to encrypt for" } else { "signs" };
                let note = format!("the key {} {does} from now on", key.kid);
                all.push((EventType::Normal, news("KeyActivated", "ActivateKey", note)));
            }
            KeyState::Revoked => {
                let what = if encrypts { "is encrypted for it" } else { "it has signed" };
                let note = format!("the key {} is revoked: what {what} is refused from now on", key.kid);
                all.push((EventType::Warning, news("KeyRevoked", "RevokeKey", note)));
            }
            KeyState::Removed if before.state != KeyState::Revoked => {
                let note = if encrypts {
                    format!(
                        "the key {} decrypts no more: what was encrypted for it while it was published has had its time",
                        key.kid
                    )
                } else {
                    format!("the key {} has left the JWKS: the last token that it signed has expired", key.kid)
                };
                all.push((EventType::Normal, news("KeyRemoved", "RemoveKey", note)));
            }
            _ => {}
        }
    }
    all
}

/// A status that is full leaves out the oldest keys: those that come into sight again are no news.
fn horizon(old: &[api::SigningKeyVersion], new: &[api::SigningKeyVersion]) -> usize {
    let is_known = |key: &api::SigningKeyVersion| old.iter().any(|before| before.kid == key.kid);
    let last_known = new.iter().rposition(is_known).map(|at| at + 1);
    if old.len() < MAX_RING_KEYS { new.len() } else { last_known.unwrap_or(new.len()) }
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
    news: Vec<(EventType, News)>,
) -> Vec<EventRecord> {
    let mut events: Vec<_> = news.into_iter().map(|(type_, news)| news.record(regarding, uid, type_)).collect();
    if let Some(ready) = find(new, "Ready")
        && ready.status != "True"
        && find(old, "Ready").is_none_or(|old| old.reason != ready.reason)
        && let Some(reason) = Reason::named(&ready.reason)
        && !QUIET.contains(&reason)
    {
        let news = News { reason: reason.as_str(), action: "Reconcile", note: ready.message.clone() };
        events.push(news.record(regarding, uid, EventType::Warning));
    }
    events
}
