//! What was registered is served a moment later, when the controller has seen it. An answer waits for that.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{
    provider::Call,
    realm::{Client, registration::Registered},
};

/// A controller that takes longer is not well.
const LIMIT: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Waits until this replica serves the client as it is registered now, and others in all likelihood; false where it takes too long.
pub(super) async fn until_served(call: &Call, registered: &Registered) -> bool {
    let is_current = |client: Option<&Client>| {
        let registration = client.and_then(|client| client.registration.as_ref());
        registration.is_some_and(|seen| seen.revision >= registered.registration.revision)
    };
    until(call, registered, is_current).await
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
