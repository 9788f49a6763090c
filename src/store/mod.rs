//! What changes at run time: sessions, codes, refresh tokens, counters. One small model for all of it, so that a new engine is
//! one file. Every engine passes the same suite.

mod memory;
mod open;
mod postgres;
mod sqlite;
#[cfg(test)]
mod suite;
mod sweeper;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_lc_rs::digest;
use jiff::Timestamp;

pub use memory::MemoryStore;
pub use open::{Location, LocationError, OpenError};
pub use postgres::{PostgresLocation, PostgresStore, SchemaError};
pub use sqlite::SqliteStore;
pub use sweeper::run_sweeper;

/// How many sign-ins under way ([`Kind::Interaction`]) an engine holds unless it is told otherwise. They are the one thing that a
/// stranger makes without proving anything, so they have a bound: one more is refused with [`StoreError::Unavailable`].
pub const MAX_INTERACTIONS: usize = 100_000;

/// SHA-256 of what the holder presents: tokens and codes are never stored as they are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdHash([u8; 32]);

impl IdHash {
    /// The hash of a token, code or identifier.
    pub fn of(presented: impl AsRef<[u8]>) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, presented.as_ref()).as_ref());
        Self(bytes)
    }

    /// A hash as an engine stored it.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for IdHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Enough to tell two apart in a log.
        self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What an artifact is. The number is what engines store: never reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// An authorization code.
    AuthorizationCode = 1,
    /// A refresh token.
    RefreshToken = 2,
    /// An opaque access token.
    AccessToken = 3,
    /// An authorization: what the tokens of one family come from. Gone: all of them are refused.
    Grant = 4,
    /// An SSO session.
    Session = 5,
    /// A sign-in under way.
    Interaction = 6,
    /// What a person has agreed to, for one client.
    Consent = 7,
    /// A token revoked before its end (by `jti`).
    Revoked = 8,
    /// A client assertion that was used (by issuer and `jti`).
    Assertion = 9,
    /// A client that is to be told, behind the person's back, that a session has ended.
    LogoutDelivery = 10,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::AuthorizationCode,
        Self::RefreshToken,
        Self::AccessToken,
        Self::Grant,
        Self::Session,
        Self::Interaction,
        Self::Consent,
        Self::Revoked,
        Self::Assertion,
        Self::LogoutDelivery,
    ];

    /// The kind of a stored number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == number)
    }
}

/// One piece of runtime state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// What it is.
    pub kind: Kind,
    /// Under what it is found; unique among its kind.
    pub id: IdHash,
    /// `namespace/name` of its Realm.
    pub realm: Arc<str>,
    /// The authorization that it comes from: revoked together.
    pub grant: Option<IdHash>,
    /// The session that it comes from: ended together.
    pub session: Option<IdHash>,
    /// `sub` of the user whose it is: found by [`Store::owned`].
    pub subject: Option<Arc<str>>,
    /// Its owner's own JSON; holds no token and no code.
    pub payload: Vec<u8>,
    /// Never found from then on, whether or not the sweep has passed.
    pub expires_at: Timestamp,
    /// Set once: it has been used.
    pub consumed: Option<Consumed>,
}

/// That and how an artifact was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consumed {
    /// When.
    pub at: Timestamp,
    /// What replaced it (of the same kind).
    pub successor: Option<IdHash>,
}

/// One change of a [`Store::commit`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Adds an artifact; a conflict where one of its kind and id is there and has not expired at `now`. An interaction that is one
    /// too many is [`StoreError::Unavailable`] ([`MAX_INTERACTIONS`]).
    Insert(Artifact),
    /// Adds or replaces an artifact, used or not; the same bound. What replaces another is not due at any time.
    Put(Artifact),
    /// Changes nothing; a conflict unless the artifact is there, unexpired and unused, and has this very payload where one is given: what
    /// was read is what is being changed.
    Require {
        /// Its kind.
        kind: Kind,
        /// Its id.
        id: IdHash,
        /// Its payload, byte for byte; none: any.
        payload: Option<Vec<u8>>,
    },
    /// Says when [`Store::due`] gives an artifact; a conflict unless it is there, unexpired and unused. Said again, the later word counts.
    Schedule {
        /// Its kind.
        kind: Kind,
        /// Its id.
        id: IdHash,
        /// From when on.
        due: Timestamp,
    },
    /// Marks an artifact as used; a conflict unless it is there, unexpired and unused.
    Consume {
        /// Its kind.
        kind: Kind,
        /// Its id.
        id: IdHash,
        /// What replaces it.
        successor: Option<IdHash>,
    },
    /// Gives a used artifact another successor and keeps when it was used; a conflict unless it is there, unexpired, and `from` is its
    /// successor now.
    Resucceed {
        /// Its kind.
        kind: Kind,
        /// Its id.
        id: IdHash,
        /// The successor that it must have.
        from: IdHash,
        /// The successor that it gets.
        to: IdHash,
    },
    /// Takes out an artifact that must be there, unexpired and unused; else a conflict.
    RemoveUnused {
        /// Its kind.
        kind: Kind,
        /// Its id.
        id: IdHash,
    },
    /// Takes out an artifact if it is there.
    Remove {
        /// Its kind.
        kind: Kind,
        /// Its id.
        id: IdHash,
    },
    /// Takes out every artifact whose `grant` is this: an authorization and all that comes from it (a [`Kind::Grant`] carries its own id
    /// there).
    RemoveGrant(IdHash),
    /// Takes out every artifact whose `session` is this, the hash of a `sid`; the [`Kind::Session`] itself carries it too (its id is the
    /// hash of the cookie).
    RemoveSession(IdHash),
}

/// What is asked of [`Store::owned`]: one kind of what belongs to one user of one realm, a page at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// `namespace/name` of the Realm.
    pub realm: Arc<str>,
    /// `sub` of the user.
    pub subject: Arc<str>,
    /// The kind.
    pub kind: Kind,
    /// Only ids above this one: the last of the page before.
    pub after: Option<IdHash>,
    /// At most so many.
    pub limit: usize,
}

/// A counter over a window (failed sign-ins).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    /// How often it was counted in its window.
    pub count: u32,
    /// The window's end; the counter starts anew then.
    pub expires_at: Timestamp,
}

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A change's condition did not hold; nothing was changed.
    #[error("somebody else was first")]
    Conflict,
    /// The engine can't be reached, is overloaded, full or closed: answer 503 with Retry-After. What was asked was most likely not
    /// done, but after a failure of the disk or the network it may have been.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// What was read is not what was written.
    #[error("the store holds what it should not: {0}")]
    Corrupt(String),
}

/// Runtime state. Every method may be called from any number of tasks and, but for `memory` and SQLite, replicas at once. What one
/// call has acknowledged, each later one sees. A call that is dropped before it returns may still be carried out.
///
/// Times are kept to the microsecond at least; what lies below may be dropped. Something has expired when `expires_at <= now`.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync {
    /// Applies all changes or none, in order; when it returns `Ok`, they are as durable as the engine is (SQLite: on disk).
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where a change's condition does not hold, [`StoreError::Unavailable`].
    async fn commit(&self, changes: Vec<Change>, now: Timestamp) -> Result<(), StoreError>;

    /// The artifact, used or not; none once it has expired.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn find(&self, kind: Kind, id: &IdHash, now: Timestamp) -> Result<Option<Artifact>, StoreError>;

    /// What belongs to a user, used or not, without what has expired; in the order of the ids. A page that is shorter than its limit is
    /// the last one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn owned(&self, owned: Owned, now: Timestamp) -> Result<Vec<Artifact>, StoreError>;

    /// The artifacts of `kind` that are due at `now` ([`Change::Schedule`]), unexpired and unused, those first that have been due the
    /// longest: at most `limit`. They stay due until they are scheduled anew, replaced or taken out.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    async fn due(&self, kind: Kind, now: Timestamp, limit: usize) -> Result<Vec<Artifact>, StoreError>;

    /// Counts one more under `key` and returns the new count; a counter that has expired starts anew and ends `window` from now. To
    /// count again does not move the window's end.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn count(&self, realm: &str, key: &IdHash, window: Duration, now: Timestamp) -> Result<Counter, StoreError>;

    /// The counter without counting; none where there is none or it has expired.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn counter(&self, key: &IdHash, now: Timestamp) -> Result<Option<Counter>, StoreError>;

    /// Forgets a counter (a sign-in succeeded).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn reset(&self, key: &IdHash) -> Result<(), StoreError>;

    /// Deletes at most `limit` artifacts and counters that have expired; returns how many, so that the caller goes on while it is
    /// `limit`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError>;

    /// Asks whether the engine answers. One that needs nobody else may leave it at this.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Lets go of files and connections once everything asked before is done (SQLite: all is moved into the one file). Every call
    /// afterwards is [`StoreError::Unavailable`], but for another `close`, which does nothing. An engine that is dropped instead loses
    /// nothing that it has acknowledged. An engine that holds nothing may leave it at this.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: everything acknowledged is kept all the same.
    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// When a counter's window ends that begins now; a window without end is cut at the last time that can be told.
fn window_end(now: Timestamp, window: Duration) -> Timestamp {
    now.saturating_add(window).unwrap_or(Timestamp::MAX)
}

/// That and how an artifact was used, of what an engine kept: the time in microseconds, and what replaced it.
fn consumed(
    (kind, id): (Kind, IdHash),
    at: Option<i64>,
    successor: Option<IdHash>,
) -> Result<Option<Consumed>, StoreError> {
    match (at, successor) {
        (None, None) => Ok(None),
        (Some(at), successor) => Ok(Some(Consumed { at: time(at)?, successor })),
        (None, Some(_)) => Err(StoreError::Corrupt(format!("{kind:?} {id:?} has a successor but is unused"))),
    }
}

/// A time that an engine kept as microseconds.
fn time(microseconds: i64) -> Result<Timestamp, StoreError> {
    let no_time = || StoreError::Corrupt("a time that is none".into());
    // Not `from_microsecond`, which refuses the last second of all, `Timestamp::MAX` among it.
    let (second, below) = (microseconds.div_euclid(1_000_000), microseconds.rem_euclid(1_000_000));
    let nanosecond = i32::try_from(below * 1_000).map_err(|_| no_time())?;
    Timestamp::new(second, nanosecond).map_err(|_| no_time())
}
