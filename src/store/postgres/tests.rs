//! What is PostgreSQL's own; what every engine must do stands in the suite.

mod outage;
mod rows;
mod schema;
mod secrets;

use futures::future::join_all;
use tokio_postgres::NoTls;

use super::*;
use crate::store::{
    MAX_INTERACTIONS,
    suite::{
        after, artifact, now,
        server::{self, Postgres},
        token,
    },
};

async fn open(url: &str) -> PostgresStore {
    PostgresStore::open(url.parse().unwrap(), MAX_INTERACTIONS).await.unwrap()
}

/// A client of our own on the same schema, with which a test does what the engine does not.
async fn client(url: &str) -> tokio_postgres::Client {
    let location: PostgresLocation = url.parse().unwrap();
    let (client, connection) = location.config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&format!("SET search_path = \"{}\"", location.schema)).await.unwrap();
    client
}

#[track_caller]
fn assert_unavailable<T: fmt::Debug>(outcome: Result<T, StoreError>) -> String {
    match outcome {
        Err(StoreError::Unavailable(text)) => text,
        other => panic!("the store is to be unavailable, not {other:?}"),
    }
}

fn consume(id: &str) -> Change {
    Change::Consume { kind: Kind::RefreshToken, id: IdHash::of(id), successor: None }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_waits_for_a_connection_a_while_and_too_many_are_refused_at_once() {
    let url = server::shared().url("suite").replace("pool_max=6", "pool_max=1");
    let store = open(&url).await;
    let taken = store.pool.get().await.unwrap();
    let id = IdHash::of("t");
    let start = tokio::time::Instant::now();
    let all = join_all((0..100).map(|_| store.find(Kind::RefreshToken, &id, now()))).await;
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    for outcome in all {
        assert!(assert_unavailable(outcome).contains("busy"));
    }
    let (found, ()) = tokio::join!(store.find(Kind::RefreshToken, &id, now()), async { drop(taken) });
    assert_eq!(found.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_goes_away_leaves_no_transaction_open() {
    let url = server::shared().url("suite").replace("pool_max=6", "pool_max=1");
    let store = open(&url).await;
    for n in 0..50 {
        let insert = |half: &str| Change::Insert(token(&format!("{half} {n}")).build());
        let commit = store.commit(vec![insert("a"), insert("b")], now());
        // Polled once, then dropped: all of it is on its way by then.
        tokio::select! { biased; _ = commit => {}, () = std::future::ready(()) => {} }
    }
    store.commit(vec![Change::Insert(token("last").build())], now()).await.unwrap();
    for n in 0..50 {
        let [a, b] = ["a", "b"].map(|half| IdHash::of(format!("{half} {n}")));
        let (a, b) = (store.find(Kind::RefreshToken, &a, now()).await, store.find(Kind::RefreshToken, &b, now()).await);
        assert_eq!(a.unwrap().is_some(), b.unwrap().is_some(), "{n}");
    }
    assert!(store.find(Kind::RefreshToken, &IdHash::of("last"), now()).await.unwrap().is_some());
}

/// What the first statement of a removal can't see, for the time when it was asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_that_waits_for_a_rotation_takes_what_came_of_it() {
    for removal in [Change::RemoveGrant(IdHash::of("g")), Change::RemoveSession(IdHash::of("g"))] {
        let url = server::shared().url("suite");
        let store = Arc::new(open(&url).await);
        store.commit(vec![Change::Insert(token("old").grant("g").session("g").build())], now()).await.unwrap();
        let rival = client(&url).await;
        rival.batch_execute("BEGIN; UPDATE artifact SET consumed_at = 1").await.unwrap();
        let mut removing = tokio::spawn({
            let store = store.clone();
            async move { store.commit(vec![removal], now()).await }
        });
        tokio::time::timeout(Duration::from_millis(300), &mut removing).await.expect_err("it waits for the rotation");
        let rotate = "INSERT INTO artifact (id, kind, realm, grant_id, session_id, payload, expires_at)
            SELECT decode(repeat('11', 32), 'hex'), kind, realm, grant_id, session_id, payload, expires_at FROM artifact";
        rival.batch_execute(&format!("{rotate}; COMMIT")).await.unwrap();
        removing.await.unwrap().unwrap();
        let left = rival.query_one("SELECT count(*) FROM artifact", &[]).await.unwrap();
        assert_eq!(left.get::<_, i64>(0), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_takes_too_long_is_given_up_and_the_connection_serves_on() {
    let url = server::shared().url("suite").replace("pool_max=6", "pool_max=1");
    let store = open(&url).await;
    store.commit(vec![Change::Insert(token("t").build())], now()).await.unwrap();
    let rival = client(&url).await;
    rival.batch_execute("BEGIN; UPDATE artifact SET consumed_at = 1").await.unwrap();
    let start = tokio::time::Instant::now();
    let text = assert_unavailable(store.commit(vec![consume("t"), Change::Insert(token("u").build())], now()).await);
    assert!(text.contains("57014") && start.elapsed() < Duration::from_secs(7), "{text} {:?}", start.elapsed());
    rival.batch_execute("ROLLBACK").await.unwrap();
    store.commit(vec![consume("t"), Change::Insert(token("u").build())], now()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_replicas_that_redeem_a_code_at_once_one_wins_a_thousand_times() {
    let url = server::shared().url("suite");
    let replicas = [open(&url).await, open(&url).await];
    for round in 0..40 {
        let codes: Vec<_> = (0..25).map(|n| format!("{round} {n}")).collect();
        let all = codes.iter().map(|code| Change::Insert(token(code).build())).collect();
        replicas[0].commit(all, now()).await.unwrap();
        let races = codes.iter().map(async |code| {
            let redeem = |replica: usize| {
                let tokens = Change::Insert(artifact(Kind::Grant, &format!("{code} {replica}")).grant(code).build());
                replicas[replica].commit(vec![consume(code), tokens], now())
            };
            let (first, second) = tokio::join!(redeem(0), redeem(1));
            assert!(
                matches!((&first, &second), (Ok(()), Err(StoreError::Conflict)) | (Err(StoreError::Conflict), Ok(()))),
                "{code}: {first:?} {second:?}"
            );
            // The second use ends what came of the first, on whichever it was.
            replicas[usize::from(first.is_ok())]
                .commit(vec![Change::RemoveGrant(IdHash::of(code))], now())
                .await
                .unwrap();
        });
        join_all(races).await;
    }
    let left = client(&url).await.query_one("SELECT count(*) FROM artifact WHERE kind = 4", &[]).await.unwrap();
    assert_eq!(left.get::<_, i64>(0), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn replicas_that_sweep_at_once_share_the_work() {
    let url = server::shared().url("suite");
    let replicas = [open(&url).await, open(&url).await, open(&url).await];
    let old = (0..900).map(|n| Change::Insert(token(&format!("{n}")).expires_at(after(n % 7)).build()));
    replicas[0].commit(old.collect(), now()).await.unwrap();
    let sweeps = replicas.iter().map(async |store| {
        let mut swept = 0;
        loop {
            match store.sweep(after(10), 50).await.unwrap() {
                0 => return swept,
                some => swept += some,
            }
        }
    });
    let swept: usize = join_all(sweeps).await.into_iter().sum();
    // What one of them had in hand when the last one looked was deleted all the same.
    assert_eq!(swept, 900);
    let left = client(&url).await.query_one("SELECT count(*) FROM artifact", &[]).await.unwrap();
    assert_eq!(left.get::<_, i64>(0), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_keep_the_bound_on_interactions_together() {
    let url = server::shared().url("suite");
    let bounded = async || PostgresStore::open(url.parse().unwrap(), 100).await.unwrap();
    let replicas = [bounded().await, bounded().await];
    let (mut admitted, mut refused) = (0, 0);
    for n in 0..200 {
        let insert = Change::Insert(artifact(Kind::Interaction, &format!("{n}")).build());
        match replicas[n % 2].commit(vec![insert], now()).await {
            Ok(()) => admitted += 1,
            Err(StoreError::Unavailable(_)) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((admitted, refused), (100, 100));
}
