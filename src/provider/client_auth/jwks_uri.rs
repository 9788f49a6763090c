use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use jiff::Timestamp;

use super::{Refusal, assertion::Claims};
use crate::{
    jose::{Error, KeyManagement, foreign::ForeignKeys, jwe::EncryptionKey},
    provider::outbound::{self, Get, Outbound},
    realm::{ObjectName, Realm},
};

/// Keys are fetched anew when they are older.
const FRESH: Duration = Duration::from_secs(600);
/// Keys that can't be fetched anew are used until they are this old.
const USABLE: Duration = Duration::from_secs(3600);
/// A URI is asked no more often.
const PAUSE: Duration = Duration::from_secs(10);
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
    /// When the last fetch began; held while one is under way, so that there is one at a time.
    last_attempt: tokio::sync::Mutex<Option<Timestamp>>,
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
    pub(super) async fn verify(
        &self,
        realm: &Realm,
        uri: &Arc<str>,
        token: &str,
        kid: Option<&str>,
        now: Timestamp,
    ) -> Result<Claims, Refusal> {
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
        let mut last_attempt = self.last_attempt.lock().await;
        let is_newer = self.fetched.load().as_ref().is_some_and(|fetched| Some(fetched.at) != seen);
        let is_too_soon = last_attempt.is_some_and(|at| is_within(PAUSE, at, now));
        if is_newer || is_too_soon {
            return Ok(());
        }
        *last_attempt = Some(now);
        let result = fetch(outbound, realm, uri, now).await;
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
