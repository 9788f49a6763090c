//! Who is at the keyboard: passwords, lockout, SSO sessions, sign-ins under way and remembered consent. Knows realms and the
//! store, and neither HTTP nor pages.

/// What a person has agreed to, remembered.
pub mod consent;
/// From where somebody signed in.
pub mod device;
/// Sign-ins under way.
pub mod interaction;
/// When repeated failures lock a name or an address out.
pub mod lockout;
/// What clients are still to be told of sessions that have ended.
pub mod logout_delivery;
mod password;
mod pool;
/// SSO sessions.
pub mod session;

pub use password::{Check, HashError};
pub use pool::{PasswordPool, Place, PoolError, PoolLimits};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    realm::Realm,
    secret::NoEntropy,
    store::{Artifact, IdHash, Kind, Owned, Store, StoreError},
};

/// Why what is kept about a person could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No random numbers.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
}

/// Finds an artifact of this realm and reads its payload: one of another realm is not found, whatever its id.
async fn find<T: DeserializeOwned>(
    store: &dyn Store,
    realm: &Realm,
    kind: Kind,
    id: &IdHash,
    now: jiff::Timestamp,
) -> Result<Option<(T, Artifact)>, StoreError> {
    let Some(artifact) = store.find(kind, id, now).await? else { return Ok(None) };
    if *artifact.realm != *realm.name.to_string() {
        return Ok(None);
    }
    let payload =
        serde_json::from_slice(&artifact.payload).map_err(|error| StoreError::Corrupt(format!("{kind:?}: {error}")))?;
    Ok(Some((payload, artifact)))
}

/// So much is shown, and looked through, of what belongs to one person.
const MOST_OWNED: usize = 10_000;

/// What of this kind belongs to the user, at most [`MOST_OWNED`]; what can't be read is passed over, so that it hides nothing else.
///
/// # Errors
/// The store's.
pub async fn owned<T: DeserializeOwned>(
    store: &dyn Store,
    realm: &Realm,
    kind: Kind,
    subject: &str,
    now: jiff::Timestamp,
) -> Result<Vec<(T, Artifact)>, StoreError> {
    const PAGE: usize = 500;
    let realm: std::sync::Arc<str> = realm.name.to_string().into();
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let owned = Owned { realm: realm.clone(), subject: subject.into(), kind, after, limit: PAGE };
        let page = store.owned(owned, now).await?;
        let is_last = page.len() < PAGE;
        after = page.last().map(|artifact| artifact.id);
        for artifact in page {
            match serde_json::from_slice(&artifact.payload) {
                Ok(payload) => all.push((payload, artifact)),
                Err(error) => tracing::error!(?kind, %error, "the store holds what can't be read"),
            }
        }
        if is_last || all.len() >= MOST_OWNED {
            return Ok(all);
        }
    }
}

/// A payload as it is stored.
fn payload(value: &impl Serialize) -> Vec<u8> {
    // Plain structs of strings and numbers: there is nothing in them that does not serialise.
    serde_json::to_vec(value).unwrap_or_default()
}

/// A length of time as the clock adds it; what is too long for it counts as a century.
pub(crate) fn span(duration: std::time::Duration) -> jiff::SignedDuration {
    const CENTURY: jiff::SignedDuration = jiff::SignedDuration::from_hours(24 * 365 * 100);
    jiff::SignedDuration::try_from(duration).unwrap_or(CENTURY).min(CENTURY)
}
