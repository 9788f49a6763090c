//! What was registered is served a moment later, when the controller has seen it. An answer waits for that.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use crate::{
    provider::Call,
    realm::{Client, registration::Registered},
    secret::Secret,
};

/// A controller that takes longer is not well.
const LIMIT: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Waits until this replica serves the client as it is registered now, and others in all likelihood; false where it takes too long.
pub(super) async fn until_served(call: &Call, registered: &Registered) -> bool {
    let holds = |client: Option<&Client>| client.is_some_and(|client| is_current(client, registered, call.now));
    until(call, registered, holds).await
}

/// The client and its secret are two resources, and either may be seen first: a client whose secret is not the one of the answer could not
/// use it yet, and the one before would still be good.
fn is_current(client: &Client, registered: &Registered, now: Timestamp) -> bool {
    let Registered { registration, secret, .. } = registered;
    let is_seen = client.registration.as_ref().is_some_and(|seen| seen.revision >= registration.revision);
    let has_ended = registration.secret_expires_at.is_some_and(|end| end <= now);
    let known = &client.authentication.secrets;
    let is_known = |secret: &Secret| known.iter().any(|known| known.matches(secret.expose(), now));
    is_seen && (has_ended || secret.as_ref().is_none_or(is_known))
}

/// Waits until this replica serves the client no longer, and others in all likelihood.
pub(super) async fn until_gone(call: &Call, registered: &Registered) -> bool {
    until(call, registered, |client| client.is_none()).await
}

async fn until(call: &Call, registered: &Registered, holds: impl Fn(Option<&Client>) -> bool) -> bool {
    let end = Instant::now() + LIMIT;
    loop {
        let snapshot = call.provider.registry.load();
        let realm = snapshot.realm(&call.realm.name);
        let client = realm.and_then(|realm| realm.client(&registered.client_id));
        if holds(client.map(|client| &**client).filter(|client| client.name == registered.name)) {
            break;
        }
        if Instant::now() >= end {
            return false;
        }
        sleep(LOOK_AGAIN).await;
    }
    if let Some(registrar) = &call.provider.registrar {
        sleep(registrar.spread()).await;
    }
    true
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::is_current;
    use crate::{
        provider::testing::{client, realm, secret_of},
        realm::registration::{ClientMetadata, Registered, Registration, TokenHash},
        secret::Secret,
    };

    #[test]
    fn rfc7592_2_2_a_client_is_served_as_registered_once_its_secret_is_too() {
        let now = Timestamp::UNIX_EPOCH;
        let registration = |revision, end: Option<i64>| Registration {
            access_token: TokenHash::of(b"token"),
            issued_at: now,
            secret_expires_at: end.map(|seconds| now + SignedDuration::from_secs(seconds)),
            last_used: None,
            revision,
            statement: None,
        };
        let served = client("app").with(|client| client.registration = Some(registration(2, None).into())).0;
        let holds = |revision, end, secret: Option<&str>| {
            let registered = Registered {
                name: served.name.clone(),
                realm: realm().serve().realm().name.clone(),
                client_id: served.id.clone(),
                metadata: ClientMetadata::default(),
                registration: registration(revision, end),
                secret: secret.map(|secret| Secret::new(secret.as_bytes())),
                version: "2".into(),
            };
            is_current(&served, &registered, now)
        };
        assert!(holds(2, None, Some(&secret_of("app"))) && holds(1, Some(60), Some(&secret_of("app"))));
        assert!(holds(2, None, None), "it has none");
        assert!(!holds(3, None, Some(&secret_of("app"))), "an earlier state of the client");
        assert!(!holds(2, Some(60), Some("the next one")), "the secret before it");
        assert!(holds(2, Some(0), Some("one that has ended")), "nobody waits for what is good for nothing");
    }
}
