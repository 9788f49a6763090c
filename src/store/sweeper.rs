use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Store;

/// Deletes what has expired every `interval`, at most `limit` at a time (1,000 is a good one), until `stop` is cancelled. A round
/// goes on while there is more, with other tasks let in between; a failure is logged and tried again at the next round. Nothing
/// depends on its being on time.
pub async fn run_sweeper(
    store: Arc<dyn Store>,
    clock: impl Fn() -> Timestamp + Send,
    interval: Duration,
    limit: usize,
    stop: CancellationToken,
) {
    // With a limit of none every sweep would look unfinished for ever.
    let limit = limit.max(1);
    let interval = interval.max(Duration::from_millis(1));
    while stop.run_until_cancelled(tokio::time::sleep(interval)).await.is_some() {
        sweep_all(store.as_ref(), &clock, limit, &stop).await;
    }
}

async fn sweep_all(store: &dyn Store, clock: &impl Fn() -> Timestamp, limit: usize, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        match store.sweep(clock(), limit).await {
            Ok(swept) if swept >= limit => tokio::task::yield_now().await,
            Ok(_) => return,
            Err(error) => {
                tracing::warn!(%error, "expired sessions and tokens could not be deleted; it is tried again");
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Change, IdHash, Kind, MemoryStore, suite};

    /// Waits until the sweeper, in its own task, has done what it should.
    async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
        for _ in 0..2_000 {
            if holds().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("not in time: {what}");
    }

    #[tokio::test]
    async fn it_sweeps_all_that_has_expired_in_rounds_of_the_limit_and_stops_when_told() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let now = suite::now();
        let expiring = |id: String, seconds| {
            Change::Insert(suite::artifact(Kind::RefreshToken, &id).expires_at(suite::after(seconds)).build())
        };
        store.commit((0..25).map(|n| expiring(format!("old {n}"), 1)).collect(), now).await.unwrap();
        store.commit(vec![expiring("new".into(), 100)], now).await.unwrap();
        let stop = CancellationToken::new();
        let interval = Duration::from_millis(1);
        let sweeper = tokio::spawn(run_sweeper(store.clone(), || suite::after(50), interval, 10, stop.clone()));
        // Looking from before their end shows what is still there.
        eventually("every expired artifact is gone", async || {
            let mut left = 0;
            for n in 0..25 {
                let id = IdHash::of(format!("old {n}"));
                left += usize::from(store.find(Kind::RefreshToken, &id, now).await.unwrap().is_some());
            }
            left == 0
        })
        .await;
        assert!(store.find(Kind::RefreshToken, &IdHash::of("new"), now).await.unwrap().is_some());
        stop.cancel();
        tokio::time::timeout(Duration::from_secs(10), sweeper).await.expect("it stops").unwrap();
    }

    #[tokio::test]
    async fn it_outlives_a_store_that_fails_and_a_limit_of_none() {
        let store = Arc::new(MemoryStore::new());
        store.close().await.unwrap();
        let stop = CancellationToken::new();
        let sweeper = tokio::spawn(run_sweeper(store, suite::now, Duration::ZERO, 0, stop.clone()));
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!sweeper.is_finished());
        stop.cancel();
        tokio::time::timeout(Duration::from_secs(10), sweeper).await.expect("it stops").unwrap();
    }
}
