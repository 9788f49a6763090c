use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::future::try_join_all;
use tokio::sync::Barrier;

use super::{
    super::{Change, IdHash, Kind, StoreError},
    Engine, artifact, consume, now, resucceed, token,
};

const TASKS: usize = 64;

/// All tasks commit at the same moment; gives the numbers of those that succeed. Nothing but a conflict may stop the others.
async fn race(engine: &Arc<Engine>, changes: impl Fn(usize) -> Vec<Change>) -> Vec<usize> {
    let barrier = Arc::new(Barrier::new(TASKS));
    let racers = (0..TASKS).map(|n| {
        let (engine, barrier, changes) = (engine.clone(), barrier.clone(), changes(n));
        tokio::spawn(async move {
            barrier.wait().await;
            match engine.commit(changes).await {
                Ok(()) => Some(n),
                Err(StoreError::Conflict) => None,
                Err(error) => panic!("{error:?}"),
            }
        })
    });
    try_join_all(racers.collect::<Vec<_>>()).await.unwrap().into_iter().flatten().collect()
}

pub(super) async fn of_many_who_redeem_a_code_one_wins(engine: Engine) {
    let engine = Arc::new(engine);
    engine.given([artifact(Kind::AuthorizationCode, "code")]).await;
    let redeem = Change::Consume { kind: Kind::AuthorizationCode, id: IdHash::of("code"), successor: None };
    let winners = race(&engine, |_| vec![redeem.clone()]).await;
    assert_eq!(winners.len(), 1);
    assert!(engine.find(Kind::AuthorizationCode, "code").await.unwrap().consumed.is_some());
}

pub(super) async fn of_many_who_rotate_a_token_one_wins_and_its_successor_is_there(engine: Engine) {
    let engine = Arc::new(engine);
    let mut current = "first".to_owned();
    engine.given([token("first").grant("g")]).await;
    for round in 0..8 {
        let next = |n: usize| format!("token {round} {n}");
        let winners = race(&engine, |n| {
            let insert = Change::Insert(token(&next(n)).grant("g").build());
            // Either order: the one that fails takes the other back.
            let consume = consume(&current, Some(&next(n)));
            if n % 2 == 0 { vec![consume, insert] } else { vec![insert, consume] }
        })
        .await;
        assert_eq!(winners.len(), 1);
        let used = engine.find(Kind::RefreshToken, &current).await.unwrap().consumed.unwrap();
        assert_eq!(used.successor, Some(IdHash::of(next(winners[0]))));
        for n in 0..TASKS {
            assert_eq!(engine.find(Kind::RefreshToken, &next(n)).await.is_some(), n == winners[0]);
        }
        current = next(winners[0]);
    }
}

pub(super) async fn of_many_who_move_a_successor_one_wins(engine: Engine) {
    let engine = Arc::new(engine);
    engine.given([token("t").used(Some("lost"))]).await;
    let next = |n: usize| format!("token {n}");
    let winners =
        race(&engine, |n| vec![Change::Insert(token(&next(n)).build()), resucceed("t", "lost", &next(n))]).await;
    assert_eq!(winners.len(), 1);
    let used = engine.find(Kind::RefreshToken, "t").await.unwrap().consumed.unwrap();
    assert_eq!(used.successor, Some(IdHash::of(next(winners[0]))));
    for n in 0..TASKS {
        assert_eq!(engine.find(Kind::RefreshToken, &next(n)).await.is_some(), n == winners[0]);
    }
}

pub(super) async fn of_many_who_insert_one_id_one_wins(engine: Engine) {
    let engine = Arc::new(engine);
    let winners =
        race(&engine, |n| vec![Change::Insert(artifact(Kind::Assertion, "jti").payload(n.to_string()).build())]).await;
    assert_eq!(winners.len(), 1);
    let found = engine.find(Kind::Assertion, "jti").await.unwrap();
    assert_eq!(found.payload, winners[0].to_string().into_bytes());
}

/// Either the removal comes second and takes the new one too, or it comes first and there is nothing to rotate.
pub(super) async fn what_is_rotated_while_its_grant_or_session_is_removed_does_not_outlive_it(engine: Engine) {
    let engine = Arc::new(engine);
    for round in 0..30 {
        let [old, new, owner] = ["old", "new", "owner"].map(|name| format!("{name} {round}"));
        engine.given([token(&old).grant(&owner).session(&owner)]).await;
        let removal = match round % 2 {
            0 => Change::RemoveGrant(IdHash::of(&owner)),
            _ => Change::RemoveSession(IdHash::of(&owner)),
        };
        let winners = race(&engine, |n| match n {
            // Not the first to start, so that it meets the others.
            5 => vec![removal.clone()],
            n => vec![
                consume(&old, Some(&format!("{new} {n}"))),
                Change::Insert(token(&format!("{new} {n}")).grant(&owner).session(&owner).build()),
            ],
        })
        .await;
        assert!(winners.contains(&5) && winners.len() <= 2, "{winners:?}");
        for n in 0..TASKS {
            assert_eq!(engine.find(Kind::RefreshToken, &format!("{new} {n}")).await, None, "{round}: {winners:?}");
        }
    }
}

pub(super) async fn counts_are_never_lost(engine: Engine) {
    let engine = Arc::new(engine);
    let counting = (0..TASKS).map(|_| {
        let engine = engine.clone();
        tokio::spawn(async move {
            engine.store.count("r", &IdHash::of("ada"), Duration::from_secs(300), now()).await.unwrap().count
        })
    });
    let mut counts = try_join_all(counting.collect::<Vec<_>>()).await.unwrap();
    counts.sort_unstable();
    assert_eq!(counts, (1..=64).collect::<Vec<_>>());
}

pub(super) async fn a_reader_never_sees_half_a_commit(engine: Engine) {
    let engine = Arc::new(engine);
    engine.given([token("a").payload("0"), token("b").payload("0")]).await;
    let stop = Arc::new(AtomicBool::new(false));
    let readers = (0..4).map(|_| {
        let (engine, stop) = (engine.clone(), stop.clone());
        tokio::spawn(async move {
            let number = async |id| -> u32 {
                let payload = engine.find(Kind::RefreshToken, id).await.unwrap().payload;
                String::from_utf8(payload).unwrap().parse().unwrap()
            };
            let mut last = 0;
            while !stop.load(Ordering::Relaxed) {
                // Both are written together, so who has seen one at a number sees the other at that or a later one.
                let (a, b) = (number("a").await, number("b").await);
                assert!(last <= a && a <= b, "{last} {a} {b}");
                last = b;
                tokio::task::yield_now().await;
            }
        })
    });
    let readers = readers.collect::<Vec<_>>();
    for n in 1..=200 {
        let n = n.to_string();
        let put = |id| Change::Put(token(id).payload(n.as_str()).build());
        engine.commit([put("a"), put("b")]).await.unwrap();
        let read = engine.find(Kind::RefreshToken, "b").await.unwrap();
        assert_eq!(read.payload, n.as_bytes(), "what was acknowledged is seen at once");
    }
    stop.store(true, Ordering::Relaxed);
    try_join_all(readers).await.unwrap();
}

pub(super) async fn commits_over_the_same_artifacts_in_any_order_all_end(engine: Engine) {
    let engine = Arc::new(engine);
    let tasks = (0..16_usize).map(|task| {
        let engine = engine.clone();
        tokio::spawn(async move {
            for round in 0..20 {
                let put = |n: usize| Change::Put(token(&format!("{}", (task * 7 + round * 3 + n * 5) % 16)).build());
                let mut changes = (0..16).map(put).collect::<Vec<_>>();
                changes.extend((task % 4 == 0).then_some(Change::RemoveGrant(IdHash::of("g"))));
                engine.commit(changes).await.unwrap();
            }
        })
    });
    let all = try_join_all(tasks.collect::<Vec<_>>());
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("nobody waits for ever").unwrap();
}
