use super::{
    super::{Change, IdHash, Kind},
    Engine, artifact, assert_conflict, consume, token,
};

fn of(id: &str) -> IdHash {
    IdHash::of(id)
}

pub(super) async fn remove_grant_takes_all_of_one_grant_and_nothing_else(engine: Engine) {
    // Enough to be spread over whatever parts an engine has.
    let mine = (0..50).map(|n| token(&format!("mine {n}")).grant("g").session("s"));
    engine.given(mine).await;
    for kind in Kind::ALL {
        engine.given([artifact(kind, "member").grant("g")]).await;
    }
    engine.given([artifact(Kind::Grant, "g").session("s"), token("used").grant("g").used(None)]).await;
    engine.given([token("other grant").grant("h"), token("none"), artifact(Kind::Session, "g")]).await;
    engine.given([artifact(Kind::Session, "s"), token("session alone").session("s"), token("g")]).await;
    engine.commit([Change::RemoveGrant(of("g"))]).await.unwrap();
    for n in 0..50 {
        assert_eq!(engine.find(Kind::RefreshToken, &format!("mine {n}")).await, None);
    }
    for kind in Kind::ALL {
        assert_eq!(engine.find(kind, "member").await, None);
    }
    assert_eq!(engine.find(Kind::Grant, "g").await, None);
    let left = engine.tokens_left(&["used", "other grant", "none", "session alone", "g"]).await;
    assert_eq!(left, ["other grant", "none", "session alone", "g"]);
    assert!(engine.find(Kind::Session, "s").await.is_some());
    assert!(engine.find(Kind::Session, "g").await.is_some(), "the same id, but no grant");
}

pub(super) async fn remove_session_takes_all_of_one_session_and_nothing_else(engine: Engine) {
    let mine = (0..50).map(|n| token(&format!("mine {n}")).session("s").grant("g"));
    engine.given(mine).await;
    engine.given([artifact(Kind::Session, "s"), artifact(Kind::Grant, "g").session("s")]).await;
    engine.given([token("other").session("t"), token("offline").grant("g"), artifact(Kind::Grant, "s")]).await;
    engine.commit([Change::RemoveSession(of("s"))]).await.unwrap();
    for n in 0..50 {
        assert_eq!(engine.find(Kind::RefreshToken, &format!("mine {n}")).await, None);
    }
    assert_eq!(engine.find(Kind::Session, "s").await, None);
    assert_eq!(engine.find(Kind::Grant, "g").await, None);
    assert_eq!(engine.tokens_left(&["other", "offline"]).await, ["other", "offline"]);
    assert!(engine.find(Kind::Grant, "s").await.is_some(), "the same id, but no session");
}

pub(super) async fn what_has_changed_its_grant_or_session_goes_with_the_new_one(engine: Engine) {
    engine.given([token("t").grant("old").session("old")]).await;
    engine.given([token("t").grant("new").session("new")]).await;
    engine.commit([Change::RemoveGrant(of("old")), Change::RemoveSession(of("old"))]).await.unwrap();
    assert_eq!(engine.tokens_left(&["t"]).await, ["t"]);
    engine.commit([Change::RemoveGrant(of("new"))]).await.unwrap();
    assert!(engine.tokens_left(&["t"]).await.is_empty());
}

pub(super) async fn what_a_conflict_has_brought_back_can_be_removed_again(engine: Engine) {
    engine.given([token("a").grant("g"), token("b").session("s")]).await;
    let removals = || [Change::RemoveGrant(of("g")), Change::RemoveSession(of("s"))];
    assert_conflict(engine.commit(removals().into_iter().chain([consume("missing", None)])).await);
    assert_eq!(engine.tokens_left(&["a", "b"]).await, ["a", "b"]);
    engine.commit(removals()).await.unwrap();
    assert!(engine.tokens_left(&["a", "b"]).await.is_empty());
}

pub(super) async fn a_grant_that_is_not_there_is_no_conflict(engine: Engine) {
    engine.commit([Change::RemoveGrant(of("g")), Change::RemoveSession(of("s"))]).await.unwrap();
}
