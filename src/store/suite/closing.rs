use std::time::Duration;

use super::{
    super::{Change, IdHash, Kind, Owned, StoreError},
    Engine, now, token,
};

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(outcome: Result<T, StoreError>) {
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
}

pub(super) async fn a_closed_engine_refuses_everything_and_closes_again(engine: Engine) {
    engine.given([token("t")]).await;
    let id = IdHash::of("t");
    engine.store.close().await.unwrap();
    assert_refused(engine.commit([Change::Insert(token("u").build())]).await);
    assert_refused(engine.store.find(Kind::RefreshToken, &id, now()).await);
    let (realm, subject) = ("identity/staff".into(), "ada".into());
    let owned = Owned { realm, subject, kind: Kind::RefreshToken, after: None, limit: 1 };
    assert_refused(engine.store.owned(owned, now()).await);
    assert_refused(engine.store.due(Kind::RefreshToken, now(), 1).await);
    assert_refused(engine.store.count("r", &id, Duration::from_secs(1), now()).await);
    assert_refused(engine.store.counter(&id, now()).await);
    assert_refused(engine.store.reset(&id).await);
    assert_refused(engine.store.sweep(now(), 1).await);
    engine.store.close().await.unwrap();
}
