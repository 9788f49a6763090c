use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, OnceLock},
};

use arc_swap::{ArcSwap, ArcSwapOption};

use super::{Endpoint, ErrorCode, discovery::Documents};
use crate::{
    realm::{ObjectName, Realm, Registry},
    telemetry::{Counter, Metrics},
};

/// What the provider keeps for each realm beside the published value: nothing here is needed to answer rightly.
#[derive(Default)]
pub(crate) struct RealmCaches(ArcSwap<HashMap<ObjectName, Arc<RealmCache>>>);

/// Counters that were looked up once, and documents that were written once.
pub(crate) struct RealmCache {
    /// `namespace/name`.
    pub(crate) realm: Arc<str>,
    counters: [[OnceLock<Counter>; OUTCOMES]; Endpoint::ALL.len()],
    pub(crate) documents: ArcSwapOption<Documents>,
}

/// How a request ended, as its metric says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was answered as asked, a redirect and a 304 included.
    Ok,
    /// It was refused before it came to a protocol error: 404, 405.
    Refused,
    /// It was answered with this code.
    Error(ErrorCode),
}

const OUTCOMES: usize = 2 + ErrorCode::ALL.len();

impl Outcome {
    fn all() -> impl Iterator<Item = Self> {
        [Self::Ok, Self::Refused].into_iter().chain(ErrorCode::ALL.into_iter().map(Self::Error))
    }

    fn index(self) -> usize {
        match self {
            Self::Ok => 0,
            Self::Refused => 1,
            Self::Error(code) => 2 + code as usize,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Error(code) => code.as_str(),
        }
    }
}

impl RealmCaches {
    /// The realm's cache, made at its first request.
    pub(crate) fn of(&self, realm: &Realm, registry: &Registry, metrics: &Metrics) -> Arc<RealmCache> {
        if let Some(cache) = self.0.load().get(&realm.name) {
            return cache.clone();
        }
        let fresh = Arc::new(RealmCache::new(&realm.name));
        let snapshot = registry.load();
        // A new realm is the moment to forget those that are gone.
        let is_gone = |name: &ObjectName| *name != realm.name && snapshot.realm(name).is_none();
        let before = self.0.rcu(|caches| {
            let mut caches = HashMap::clone(caches);
            caches.retain(|name, _| !is_gone(name));
            caches.entry(realm.name.clone()).or_insert_with(|| fresh.clone());
            caches
        });
        before.iter().filter(|(name, _)| is_gone(name)).for_each(|(_, cache)| cache.forget(metrics));
        self.0.load().get(&realm.name).cloned().unwrap_or(fresh)
    }
}

impl RealmCache {
    fn new(name: &ObjectName) -> Self {
        Self {
            realm: name.to_string().into(),
            counters: std::array::from_fn(|_| std::array::from_fn(|_| OnceLock::new())),
            documents: ArcSwapOption::empty(),
        }
    }

    /// Counts a request; the labels are looked up the first time only.
    pub(crate) fn count(&self, metrics: &Metrics, endpoint: Endpoint, outcome: Outcome) {
        let make = || metrics.request_counter(&self.realm, endpoint.name(), outcome.as_str());
        match self.counters.get(endpoint as usize).and_then(|outcomes| outcomes.get(outcome.index())) {
            Some(cell) => cell.get_or_init(make).inc(),
            None => make().inc(),
        };
    }

    fn forget(&self, metrics: &Metrics) {
        for endpoint in Endpoint::ALL {
            for outcome in Outcome::all() {
                metrics.forget_request_counter(&self.realm, endpoint.name(), outcome.as_str());
            }
        }
    }
}

impl fmt::Debug for RealmCaches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.load().keys()).finish()
    }
}
