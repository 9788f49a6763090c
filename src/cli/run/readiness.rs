use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use tokio_util::sync::CancellationToken;

use super::store_watch::StoreWatch;
use crate::{provider::Clock, realm::Registry, telemetry::Readiness};

/// Says whether the process is to be sent requests: once the store has answered, every resource has been read and every accepted realm
/// has a key, until it is told to stop.
///
/// A realm that comes later and has no key yet is told of, but does not take the process away from all the others.
pub(super) struct ReadyWhen {
    registry: Arc<Registry>,
    clock: Clock,
    draining: CancellationToken,
    store: Arc<StoreWatch>,
    was_complete: AtomicBool,
}

impl ReadyWhen {
    pub(super) fn new(
        registry: Arc<Registry>,
        clock: Clock,
        draining: CancellationToken,
        store: Arc<StoreWatch>,
    ) -> Self {
        Self { registry, clock, draining, store, was_complete: AtomicBool::new(false) }
    }

    pub(super) fn look(&self) -> Readiness {
        let mut readiness = Readiness::default();
        if self.draining.is_cancelled() {
            readiness.missing.push("it is stopping".to_owned());
        }
        self.store.look(&mut readiness);
        let snapshot = self.registry.load();
        if !snapshot.is_synced() {
            readiness.missing.push("not all resources have been read yet".to_owned());
            return readiness;
        }
        let without_key = snapshot.without_key((self.clock)());
        if without_key.is_empty() {
            self.was_complete.store(true, Relaxed);
        }
        let lines = without_key.iter().map(|name| format!("the realm {name} has no key to sign with"));
        match self.was_complete.load(Relaxed) {
            true => readiness.notes.extend(lines),
            false => readiness.missing.extend(lines),
        }
        readiness
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;
    use tokio_util::sync::CancellationToken;

    use super::{ReadyWhen, StoreWatch};
    use crate::{
        provider::testing::realm,
        realm::{Keyring, Registry},
        store::MemoryStore,
    };

    #[tokio::test]
    async fn it_is_ready_once_all_is_read_and_each_realm_has_a_key_until_it_stops() {
        let (registry, draining) = (Arc::new(Registry::default()), CancellationToken::new());
        let store = Arc::new(StoreWatch::new(Arc::new(MemoryStore::new())));
        let clock = Arc::new(|| Timestamp::UNIX_EPOCH);
        let ready = ReadyWhen::new(registry.clone(), clock, draining.clone(), store.clone());
        let insert = |realm| registry.update(|snapshot| snapshot.insert(Arc::new(realm)));
        assert_eq!(ready.look().missing, ["the store has not answered yet", "not all resources have been read yet"]);
        store.ask().await;
        assert_eq!(ready.look().missing, ["not all resources have been read yet"]);

        insert(realm().keyring(Keyring::default()).build());
        registry.update(crate::realm::Snapshot::set_synced);
        assert_eq!(ready.look().missing, ["the realm identity/staff has no key to sign with"]);

        insert(realm().build());
        assert_eq!(ready.look(), Default::default());

        insert(realm().named("guests").keyring(Keyring::default()).build());
        let look = ready.look();
        assert!(look.missing.is_empty() && look.notes == ["the realm identity/guests has no key to sign with"]);

        draining.cancel();
        assert_eq!(ready.look().missing, ["it is stopping"]);
    }
}
