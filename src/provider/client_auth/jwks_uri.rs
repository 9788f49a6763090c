use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use jiff::Timestamp;

use serde::de::DeserializeOwned;

use super::Unverified;
use crate::{
    jose::{Error, KeyManagement, foreign::ForeignKeys, jwe::EncryptionKey},
    provider::outbound::{self, Get, Outbound},
    realm::{ObjectName, Realm},
};

/// Keys are fetched anew when they are older.
const FRESH: Duration = Duration::from_secs(600);
/// Keys that can't be fetched anew are used until they are this old.
const USABLE: Duration = Duration::from_secs(3600);
/// A URI is asked no more often in the long run, and after a failure not before.
const PAUSE: Duration = Duration::from_secs(10);
/// So often it may be asked in a row, so that who has new keys a moment after the first fetch is known at once.
const BURST: usize = 3;
/// A key set may be this long.
const MAX_LENGTH: usize = 256 * 1024;
/// So many URIs are remembered; one more, and all are forgotten and fetched anew.
const MAX_ENTRIES: usize = 4096;

/// The key sets behind the `jwks_uri` of clients. A realm's own sets only: what a realm may reach is its own affair.
pub struct JwksCache {
    entries: Mutex<HashMap<Place, Arc<Entry>>>,
    outbound: Arc<Outbound>,
}

/// A realm and a URI.
type Place = (ObjectName, Arc<str>);

/// The keys of a client can't be had, now or at all.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unreachable(String);

#[derive(Default)]
struct Entry {
    fetched: ArcSwapOption<Fetched>,
    /// Held while a fetch is under way, so that there is one at a time.
    attempts: tokio::sync::Mutex<Attempts>,
}

/// The last fetches.
#[derive(Default)]
struct Attempts {
    /// When they began, the latest first.
    begun: [Option<Timestamp>; BURST],
    has_failed: bool,
}

impl Attempts {
    fn is_too_soon(&self, now: Timestamp) -> bool {
        let is_recent = |at: &Option<Timestamp>, pauses| at.is_some_and(|at| is_within(PAUSE * pauses, at, now));
        let burst = u32::try_from(BURST).unwrap_or(u32::MAX);
        self.begun.last().is_some_and(|at| is_recent(at, burst))
            || self.has_failed && self.begun.first().is_some_and(|at| is_recent(at, 1))
    }

    fn begin(&mut self, now: Timestamp) {
        self.begun.rotate_right(1);
        if let Some(latest) = self.begun.first_mut() {
            *latest = Some(now);
        }
    }
}

struct Fetched {
    keys: ForeignKeys,
    at: Timestamp,
}

impl JwksCache {
    /// An empty one that fetches by this way out.
    pub(crate) fn new(outbound: Arc<Outbound>) -> Self {
        Self { entries: Mutex::default(), outbound }
    }

    /// Verifies a token with the keys of `uri`: those that are there, else, where they are old or do not know the token's `kid`
    /// (OpenID Connect Core section 10.1.1), those that are fetched now.
    pub(super) async fn verify<T: DeserializeOwned>(
        &self,
        realm: &Realm,
        uri: &Arc<str>,
        token: &str,
        kid: Option<&str>,
        now: Timestamp,
    ) -> Result<T, Unverified> {
        let entry = self.entry(realm, uri);
        let known = entry.fetched.load_full();
        if let Some(known) = known.as_ref().filter(|known| known.is_younger_than(FRESH, now)) {
            match known.keys.verify(token) {
                Err(Error::Signature) if !kid.is_some_and(|kid| known.keys.contains(kid)) => {}
                result => return Ok(result?),
            }
        }
        let known = entry.newer(&self.outbound, realm, uri, known, now).await?;
        Ok(known.keys.verify(token)?)
    }

    /// The key of `uri` to encrypt for; those that are there are asked first, as by [`Self::verify`]. None where there is no such key.
    ///
    /// # Errors
    /// [`Unreachable`] where no keys can be had.
    pub(crate) async fn encryption_key(
        &self,
        realm: &Realm,
        uri: &Arc<str>,
        algorithm: KeyManagement,
        now: Timestamp,
    ) -> Result<Option<EncryptionKey>, Unreachable> {
        let entry = self.entry(realm, uri);
        let known = entry.fetched.load_full();
        let fresh = known.as_ref().filter(|known| known.is_younger_than(FRESH, now));
        if let Some(key) = fresh.and_then(|known| known.keys.encryption_key(algorithm)) {
            return Ok(Some(key));
        }
        let known = entry.newer(&self.outbound, realm, uri, known, now).await?;
        Ok(known.keys.encryption_key(algorithm))
    }

    fn entry(&self, realm: &Realm, uri: &Arc<str>) -> Arc<Entry> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MAX_ENTRIES {
            entries.clear();
        }
        entries.entry((realm.name.clone(), uri.clone())).or_default().clone()
    }
}

impl Entry {
    /// The keys that are fetched now; where that fails or has just been done, those that are there, while they are usable.
    async fn newer(
        &self,
        outbound: &Outbound,
        realm: &Realm,
        uri: &str,
        known: Option<Arc<Fetched>>,
        now: Timestamp,
    ) -> Result<Arc<Fetched>, Unreachable> {
        let failure = self.refresh(outbound, realm, uri, known.map(|known| known.at), now).await.err();
        let usable = self.fetched.load_full().filter(|known| known.is_younger_than(USABLE, now));
        usable.ok_or_else(|| match failure {
            Some(failure) => Unreachable(failure.to_string()),
            None => Unreachable("it could not be fetched a moment ago".to_owned()),
        })
    }

    /// Fetches the keys, unless somebody has done so since `seen` or has tried a moment ago.
    async fn refresh(
        &self,
        outbound: &Outbound,
        realm: &Realm,
        uri: &str,
        seen: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), outbound::Error> {
        let mut attempts = self.attempts.lock().await;
        let is_newer = self.fetched.load().as_ref().is_some_and(|fetched| Some(fetched.at) != seen);
        if is_newer || attempts.is_too_soon(now) {
            return Ok(());
        }
        attempts.begin(now);
        let result = fetch(outbound, realm, uri, now).await;
        attempts.has_failed = result.is_err();
        match &result {
            Ok(keys) => self.fetched.store(Some(Arc::new(Fetched { keys: keys.clone(), at: now }))),
            Err(error) => tracing::warn!(uri, %error, "the keys of a client could not be fetched"),
        }
        result.map(drop)
    }
}

async fn fetch(outbound: &Outbound, realm: &Realm, uri: &str, now: Timestamp) -> Result<ForeignKeys, outbound::Error> {
    let get = Get { uri, accept: "application/jwk-set+json, application/json", max_length: MAX_LENGTH };
    let document = outbound.get(realm, get, now).await?;
    ForeignKeys::parse(&document.body).map_err(|_| outbound::Error::Content("not a JWK Set"))
}

impl Fetched {
    fn is_younger_than(&self, age: Duration, now: Timestamp) -> bool {
        is_within(age, self.at, now)
    }
}

/// True where `now` is less than `bound` after `at`; a replay of an older `now` counts as the same moment.
fn is_within(bound: Duration, at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(at) < jiff::SignedDuration::try_from(bound).unwrap_or(jiff::SignedDuration::MAX)
}

impl fmt::Debug for JwksCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwksCache")
    }
}
