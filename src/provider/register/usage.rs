//! Whether a client is used at all is written down now and then, so that those that are not can be removed.

use std::{sync::Arc, time::Duration};

use crate::{provider::Call, realm::Client};

/// A use is told within this part of the time that a client may lie unused.
const PARTS: u32 = 20;
/// No more often,
const MIN_PAUSE: Duration = Duration::from_secs(1);
/// and no less.
const MAX_PAUSE: Duration = Duration::from_secs(24 * 3600);

/// Notes that a registered client was used. It costs the request nothing: what is to be written is written beside it.
pub(crate) fn note_use(call: &Call, client: &Arc<Client>) {
    let Some(registration) = &client.registration else { return };
    let policy = call.realm.settings.registration.as_ref();
    let Some(unused_after) = policy.and_then(|policy| policy.unused_after) else { return };
    let Some(registrar) = call.provider.registrar.clone() else { return };
    let pause = (unused_after / PARTS).clamp(MIN_PAUSE, MAX_PAUSE);
    if !client.registration_use.is_due(registration.last_used.or(Some(registration.issued_at)), pause, call.now) {
        return;
    }
    let (client, now) = (client.clone(), call.now);
    tokio::spawn(async move {
        if let Err(error) = registrar.note_use(&client.name, now).await {
            tracing::debug!(client = %client.id, %error, "the use of a registered client was not written down");
        }
    });
}
