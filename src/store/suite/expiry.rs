use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{
    super::{Change, IdHash, Kind},
    Engine, after, artifact, now, token,
};

pub(super) async fn nothing_is_found_from_its_end_on_though_no_sweep_has_passed(engine: Engine) {
    let microsecond = SignedDuration::from_micros(1);
    engine.given([token("t").expires_at(after(10)), token("used").used(Some("next")).expires_at(after(10))]).await;
    for id in ["t", "used"] {
        assert!(engine.find_at(Kind::RefreshToken, id, after(10) - microsecond).await.is_some());
        assert_eq!(engine.find_at(Kind::RefreshToken, id, after(10)).await, None);
        assert_eq!(engine.find_at(Kind::RefreshToken, id, after(1_000_000)).await, None);
        assert!(engine.find(Kind::RefreshToken, id).await.is_some(), "to look does not delete");
    }
    // What was over before it came is never found either.
    engine.commit([Change::Insert(token("late").expires_at(now()).build())]).await.unwrap();
    assert_eq!(engine.find(Kind::RefreshToken, "late").await, None);
}

pub(super) async fn a_sweep_deletes_no_more_than_its_limit_and_says_how_many(engine: Engine) {
    engine.given((0..25).map(|n| token(&format!("old {n}")).grant("g").expires_at(after(n % 5)))).await;
    assert_eq!(engine.store.sweep(after(10), 0).await.unwrap(), 0);
    let mut swept = vec![];
    for _ in 0..4 {
        swept.push(engine.store.sweep(after(10), 10).await.unwrap());
    }
    assert_eq!(swept, [10, 10, 5, 0]);
    for n in 0..25 {
        // Before their end: they are gone, not only hidden.
        assert_eq!(engine.find_at(Kind::RefreshToken, &format!("old {n}"), after(-1)).await, None);
    }
}

pub(super) async fn a_sweep_leaves_what_is_alive(engine: Engine) {
    engine.given([token("ends now").expires_at(after(10)), token("lives").expires_at(after(11))]).await;
    engine.given([artifact(Kind::Session, "lives").expires_at(after(11))]).await;
    assert_eq!(engine.store.sweep(after(9), usize::MAX).await.unwrap(), 0);
    assert_eq!(engine.store.sweep(after(10), usize::MAX).await.unwrap(), 1);
    assert_eq!(engine.tokens_left(&["ends now", "lives"]).await, ["lives"]);
    assert!(engine.find(Kind::Session, "lives").await.is_some());
}

pub(super) async fn a_sweep_takes_counters_too(engine: Engine) {
    let window = Duration::from_secs(10);
    for n in 0..5 {
        engine.store.count("r", &IdHash::of(format!("{n}")), window, after(n * 5)).await.unwrap();
    }
    engine.given([token("t").expires_at(after(1))]).await;
    assert_eq!(engine.store.sweep(after(20), 2).await.unwrap(), 2);
    assert_eq!(engine.store.sweep(after(20), 10).await.unwrap(), 2);
    for n in 0..5 {
        let counter = engine.store.counter(&IdHash::of(format!("{n}")), now()).await.unwrap();
        assert_eq!(counter.is_some(), n > 2, "{n}");
    }
}

pub(super) async fn the_ends_of_time_are_times_too(engine: Engine) {
    engine.given([token("for ever").expires_at(Timestamp::MAX), token("never").expires_at(Timestamp::MIN)]).await;
    let found = engine.find_at(Kind::RefreshToken, "for ever", after(0)).await.unwrap();
    assert!(found.expires_at > Timestamp::MAX - SignedDuration::from_micros(1));
    assert_eq!(engine.store.sweep(now(), 9).await.unwrap(), 1);
    assert_eq!(engine.tokens_left(&["never", "for ever"]).await, ["for ever"]);
    assert_eq!(engine.find_at(Kind::RefreshToken, "for ever", Timestamp::MAX).await, None);
}
