use std::{
    collections::HashSet,
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{
    provider::Clock,
    realm::{ObjectName, Realm, Registry},
};

/// Tells of each realm once it is served: its issuer, which is all that a client needs to know.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) enum Announce {
    /// On standard output, for the person who has started the process.
    Printed,
    /// In the log.
    Logged,
}

const EVERY: Duration = Duration::from_millis(50);

impl Announce {
    pub(super) async fn run(self, registry: Arc<Registry>, clock: Clock, stop: CancellationToken) {
        let mut told = HashSet::new();
        let mut seen = None;
        while stop.run_until_cancelled(sleep(EVERY)).await.is_some() {
            let snapshot = registry.load();
            // Looked at again as long as a realm lacks a key: that can come with time alone.
            if seen.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, &snapshot)) || !snapshot.is_synced() {
                continue;
            }
            let now = clock();
            let (ready, waiting): (Vec<_>, Vec<_>) =
                snapshot.realms().partition(|realm| !realm.keyring.algorithms(now).is_empty());
            seen = waiting.is_empty().then(|| snapshot.clone());
            let mut fresh: Vec<_> = ready.into_iter().filter(|realm| told.insert(key(realm))).collect();
            fresh.sort_by(|a, b| a.name.cmp(&b.name));
            fresh.into_iter().for_each(|realm| self.tell(realm));
        }
    }

    fn tell(self, realm: &Realm) {
        match self {
            // Nobody may be reading.
            Self::Printed => drop(writeln!(io::stdout().lock(), "realm {} is served: {}", realm.name, realm.issuer)),
            Self::Logged => tracing::info!(realm = %realm.name, issuer = %realm.issuer, "the realm is served"),
        }
    }
}

fn key(realm: &Realm) -> (ObjectName, Arc<str>) {
    (realm.name.clone(), realm.issuer.shared())
}
