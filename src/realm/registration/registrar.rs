use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use subtle::ConstantTimeEq;

use super::{ClientMetadata, InvalidMetadata};
use crate::{
    realm::{ClientId, Issuer, ObjectName},
    secret::Secret,
};

/// SHA-256 of a token of 256 random bits, as base64url: all that is kept of it.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenHash(Arc<str>);

impl TokenHash {
    /// Of a token.
    pub fn of(token: &[u8]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, token)).into())
    }

    /// As it was kept.
    pub fn kept(text: &str) -> Self {
        Self(text.into())
    }

    /// As it is kept.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True where this is the hash of the token.
    pub fn matches(&self, token: &[u8]) -> bool {
        Self::of(token).0.as_bytes().ct_eq(self.0.as_bytes()).into()
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash")
    }
}

/// What is kept of a registration beside the metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The registration access token.
    pub access_token: TokenHash,
    /// `client_id_issued_at`.
    pub issued_at: Timestamp,
    /// `client_secret_expires_at`; none: never.
    pub secret_expires_at: Option<Timestamp>,
    /// When it was used last, as far as that was written down.
    pub last_used: Option<Timestamp>,
    /// Grows with each change by way of the protocol.
    pub revision: u64,
    /// The software statement that it was made with, as it was received.
    pub statement: Option<Arc<str>>,
}

/// When a registered client was used last, and when that was written down last, in whole seconds; clones share it.
#[derive(Debug, Clone, Default)]
pub struct RegistrationUse(Arc<AtomicI64>);

impl RegistrationUse {
    /// True where the use at `now` is to be written down: nothing was by this process for `pause`. Whoever is told so does it; others
    /// are told no meanwhile.
    pub fn is_due(&self, written: Option<Timestamp>, pause: Duration, now: Timestamp) -> bool {
        let known = self.0.load(Ordering::Relaxed);
        let last = written.map_or(0, Timestamp::as_second).max(known);
        let is_due = now.as_second().saturating_sub(last) >= i64::try_from(pause.as_secs()).unwrap_or(i64::MAX);
        is_due && self.0.compare_exchange(known, now.as_second(), Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// A client to register.
#[derive(Debug, Clone)]
pub struct NewClient {
    /// The Realm: the client will stand in its namespace.
    pub realm: ObjectName,
    /// The realm's issuer, which stands beside the client's secret.
    pub issuer: Issuer,
    /// What was asked for, complete: nothing is filled in.
    pub metadata: ClientMetadata,
    /// What is kept beside it.
    pub registration: Registration,
    /// The time of the request.
    pub now: Timestamp,
}

/// How a registered client becomes another.
#[derive(Debug, Clone)]
pub struct Update {
    /// The realm's issuer.
    pub issuer: Issuer,
    /// In place of what it has; none: that stays.
    pub metadata: Option<ClientMetadata>,
    /// In place of what is kept.
    pub registration: Registration,
    /// True where it gets another secret; the one that it has is accepted for a while.
    pub renews_secret: bool,
    /// The time of the request.
    pub now: Timestamp,
}

/// A registered client as it stands.
#[derive(Debug, Clone)]
pub struct Registered {
    /// The resource.
    pub name: ObjectName,
    /// Its Realm.
    pub realm: ObjectName,
    /// `client_id`.
    pub client_id: ClientId,
    /// All that is registered, defaults included.
    pub metadata: ClientMetadata,
    /// What is kept beside it.
    pub registration: Registration,
    /// Its secret, where it has one.
    pub secret: Option<Secret>,
    /// Which version this is: a change of another one is refused.
    pub version: String,
}

/// Why a client was not registered, changed or removed.
#[derive(Debug, thiserror::Error)]
pub enum RegistrarError {
    /// The resource would not be valid.
    #[error(transparent)]
    Invalid(#[from] InvalidMetadata),
    /// It has changed since it was read, or is gone.
    #[error("somebody else was first")]
    Conflict,
    /// Where clients are kept can't be reached, or refuses.
    #[error("clients can't be registered now: {0}")]
    Unavailable(String),
}

/// Keeps registered clients, each as an OidcClient resource with its Secret.
///
/// A client that is created stands under a fresh name; every later change names the version that it is made of, so that no change is
/// lost, whichever replica makes it.
#[async_trait]
pub trait ClientRegistrar: fmt::Debug + Send + Sync {
    /// Registers a client. Its secret, where it has one, is made here.
    ///
    /// # Errors
    /// [`RegistrarError`].
    async fn create(&self, new: NewClient) -> Result<Registered, RegistrarError>;

    /// The registered client of this name as it stands now, whatever this replica has seen so far; none where there is none, or where it
    /// was not registered dynamically.
    ///
    /// # Errors
    /// [`RegistrarError::Unavailable`].
    async fn read(&self, client: &ObjectName) -> Result<Option<Registered>, RegistrarError>;

    /// Changes a client that was read.
    ///
    /// # Errors
    /// [`RegistrarError`].
    async fn update(&self, client: &Registered, update: Update) -> Result<Registered, RegistrarError>;

    /// Removes a client that was read, and its secret with it.
    ///
    /// # Errors
    /// [`RegistrarError`].
    async fn delete(&self, client: &Registered) -> Result<(), RegistrarError>;

    /// Writes down when a client was used last.
    ///
    /// # Errors
    /// [`RegistrarError`].
    async fn note_use(&self, client: &ObjectName, at: Timestamp) -> Result<(), RegistrarError>;

    /// So long after a change other replicas have seen it too, in all likelihood.
    fn spread(&self) -> Duration;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::{RegistrationUse, TokenHash};

    #[test]
    fn a_hash_matches_its_token_and_shows_nothing() {
        let hash = TokenHash::of(b"token");
        assert!(hash.matches(b"token") && !hash.matches(b"tokem") && !hash.matches(b""));
        assert!(TokenHash::kept(hash.as_str()).matches(b"token"));
        assert!(!format!("{hash:?}").contains(hash.as_str()));
    }

    #[test]
    fn a_use_is_written_down_once_in_a_while() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let (uses, pause) = (RegistrationUse::default(), Duration::from_secs(10));
        assert!(!uses.is_due(Some(at(100)), pause, at(109)));
        assert!(uses.is_due(Some(at(100)), pause, at(110)));
        assert!(!uses.is_due(Some(at(100)), pause, at(111)), "it is being written down");
        assert!(uses.is_due(Some(at(100)), pause, at(120)));
        assert!(uses.clone().is_due(None, pause, at(130)));
        assert!(!uses.is_due(None, pause, at(131)));
    }
}
