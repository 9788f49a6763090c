use std::time::Duration;

use jiff::Timestamp;

use super::{
    super::{Counter, IdHash, Kind},
    Engine, after, now, token,
};

const WINDOW: Duration = Duration::from_secs(300);

async fn count(engine: &Engine, key: &str, at: Timestamp) -> Counter {
    let counted = engine.store.count("identity/staff", &IdHash::of(key), WINDOW, at).await.unwrap();
    // Who looks sees what who counted has seen.
    assert_eq!(engine.store.counter(&IdHash::of(key), at).await.unwrap(), Some(counted));
    counted
}

pub(super) async fn a_counter_counts_up_and_keeps_its_window(engine: Engine) {
    assert_eq!(engine.store.counter(&IdHash::of("ada"), now()).await.unwrap(), None);
    for (n, at) in [(1, 0), (2, 100), (3, 299)] {
        assert_eq!(count(&engine, "ada", after(at)).await, Counter { count: n, expires_at: after(300) });
    }
}

pub(super) async fn a_counter_starts_anew_at_the_end_of_its_window(engine: Engine) {
    count(&engine, "ada", now()).await;
    count(&engine, "ada", after(299)).await;
    assert_eq!(engine.store.counter(&IdHash::of("ada"), after(300)).await.unwrap(), None);
    assert_eq!(count(&engine, "ada", after(300)).await, Counter { count: 1, expires_at: after(600) });
    assert_eq!(count(&engine, "ada", after(599)).await, Counter { count: 2, expires_at: after(600) });
    assert_eq!(engine.store.sweep(after(599), 9).await.unwrap(), 0, "its former end counts no more");
}

pub(super) async fn counters_are_apart_by_key_and_from_artifacts(engine: Engine) {
    count(&engine, "ada", now()).await;
    assert_eq!(count(&engine, "bob", now()).await.count, 1);
    engine.given([token("ada")]).await;
    engine.store.reset(&IdHash::of("ada")).await.unwrap();
    assert!(engine.find(Kind::RefreshToken, "ada").await.is_some());
    assert_eq!(count(&engine, "bob", now()).await.count, 2);
}

pub(super) async fn a_reset_forgets(engine: Engine) {
    count(&engine, "ada", now()).await;
    count(&engine, "ada", now()).await;
    engine.store.reset(&IdHash::of("ada")).await.unwrap();
    assert_eq!(engine.store.counter(&IdHash::of("ada"), now()).await.unwrap(), None);
    engine.store.reset(&IdHash::of("ada")).await.unwrap();
    assert_eq!(count(&engine, "ada", after(10)).await, Counter { count: 1, expires_at: after(310) });
    assert_eq!(engine.store.sweep(after(300), 9).await.unwrap(), 0, "nothing of the former is left");
}

pub(super) async fn a_window_without_end_is_no_error(engine: Engine) {
    let counter = engine.store.count("r", &IdHash::of("k"), Duration::MAX, now()).await.unwrap();
    assert_eq!(counter.count, 1);
    assert_eq!(engine.store.count("r", &IdHash::of("k"), Duration::MAX, after(1)).await.unwrap().count, 2);
    // No window at all: it is over at once.
    engine.store.count("r", &IdHash::of("l"), Duration::ZERO, now()).await.unwrap();
    assert_eq!(engine.store.counter(&IdHash::of("l"), now()).await.unwrap(), None);
    assert_eq!(engine.store.count("r", &IdHash::of("l"), Duration::ZERO, now()).await.unwrap().count, 1);
}
