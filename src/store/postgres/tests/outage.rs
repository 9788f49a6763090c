//! The database goes away and comes back.

use super::*;

/// Asks until it answers; gives how long that took.
async fn healed(store: &PostgresStore) -> Duration {
    let start = tokio::time::Instant::now();
    while let Err(error) = store.ping().await {
        assert!(start.elapsed() < Duration::from_secs(20), "it does not heal: {error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    start.elapsed()
}

/// Everything that a store is asked is refused, and soon.
async fn assert_down(store: &PostgresStore) {
    let id = IdHash::of("t");
    for _ in 0..3 {
        let start = tokio::time::Instant::now();
        assert_unavailable(store.find(Kind::RefreshToken, &id, now()).await);
        assert_unavailable(store.commit(vec![consume("t")], now()).await);
        assert_unavailable(store.commit(vec![consume("t"), consume("u")], now()).await);
        assert_unavailable(store.count("r", &id, Duration::from_secs(1), now()).await);
        assert_unavailable(store.sweep(now(), 1).await);
        assert_unavailable(store.ping().await);
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_hangs_or_is_not_there_yet_is_unavailable_and_everything_heals_by_itself() {
    let mut server = tokio::task::spawn_blocking(Postgres::start).await.unwrap();
    let url = server.url("suite");
    server.stop();

    // Not there at the start.
    let store = open(&url).await;
    assert_down(&store).await;
    server.start_again();
    healed(&store).await;
    let insert = |id: &str| Change::Insert(token(id).build());
    store.commit(vec![insert("t"), insert("u")], now()).await.unwrap();

    // Stopped while it works: whoever is in the middle of something is told, and what was acknowledged is there afterwards.
    let fill = async |round: usize| {
        let mut acknowledged = 0;
        while store.commit(vec![insert(&format!("a {round} {acknowledged}"))], now()).await.is_ok() {
            acknowledged += 1;
        }
        acknowledged
    };
    for round in 0..2 {
        let (acknowledged, server_again) = tokio::join!(fill(round), async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let mut server = server;
            tokio::task::spawn_blocking(move || {
                server.stop();
                server
            })
            .await
            .unwrap()
        });
        server = server_again;
        assert!(acknowledged > 0);
        assert_down(&store).await;
        server.start_again();
        healed(&store).await;
        for n in 0..acknowledged {
            let id = IdHash::of(format!("a {round} {n}"));
            assert!(store.find(Kind::RefreshToken, &id, now()).await.unwrap().is_some(), "{round} {n}");
        }
    }

    // It hangs: an answer is waited for so long, and no longer.
    server.freeze(true);
    let start = tokio::time::Instant::now();
    assert_unavailable(store.commit(vec![insert("late")], now()).await);
    assert!(start.elapsed() < Duration::from_secs(9), "{:?}", start.elapsed());
    server.freeze(false);
    healed(&store).await;
    store.commit(vec![consume("t"), consume("u")], now()).await.unwrap();
    store.close().await.unwrap();
}
