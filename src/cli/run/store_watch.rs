use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{store::Store, telemetry::Readiness};

/// How often the store is asked whether it answers.
const EVERY: Duration = Duration::from_secs(2);

/// Knows whether the store answers. Until it has once, the process is not ready; later that is only told, since all replicas have the
/// same store, and what needs none is served without it.
pub(super) struct StoreWatch {
    store: Arc<dyn Store>,
    has_answered: AtomicBool,
    trouble: Mutex<Option<String>>,
}

impl StoreWatch {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, has_answered: AtomicBool::new(false), trouble: Mutex::default() }
    }

    /// Asks until `stop`.
    pub(super) async fn run(self: Arc<Self>, stop: CancellationToken) {
        while stop.run_until_cancelled(sleep(EVERY)).await.is_some() {
            self.ask().await;
        }
    }

    /// Asks once.
    pub(super) async fn ask(&self) {
        let answer = self.store.ping().await;
        self.has_answered.fetch_or(answer.is_ok(), Relaxed);
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = answer.err().map(|error| error.to_string());
    }

    pub(super) fn look(&self, readiness: &mut Readiness) {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match self.has_answered.load(Relaxed) {
            true => readiness.notes.extend(trouble),
            false => readiness.missing.push(trouble.unwrap_or_else(|| "the store has not answered yet".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryStore;

    #[tokio::test]
    async fn a_store_must_answer_once_and_is_told_of_later() {
        let store = Arc::new(MemoryStore::new());
        let watch = StoreWatch::new(store.clone());
        let look = || {
            let mut readiness = Readiness::default();
            watch.look(&mut readiness);
            (readiness.missing, readiness.notes)
        };
        assert_eq!(look(), (vec!["the store has not answered yet".to_owned()], vec![]));
        watch.ask().await;
        assert_eq!(look(), (vec![], vec![]));
        store.close().await.unwrap();
        watch.ask().await;
        assert_eq!(look(), (vec![], vec!["the store is unavailable: it is closed".to_owned()]));
    }
}
