use super::{
    super::{Change, Consumed, IdHash, Kind},
    Engine, after, artifact, assert_conflict, consume, now, remove, remove_unused, require, resucceed, token,
};

pub(super) async fn what_is_inserted_is_found_as_it_was(engine: Engine) {
    let full = token("full").grant("g").session("s").used(Some("next")).payload([0, 255, 1]).build();
    let plain = token("plain").payload([]).build();
    let used = token("used").used(None).build();
    let large = token("large").payload(vec![b'x'; 1 << 20]).build();
    for written in [full, plain, used, large] {
        engine.commit([Change::Insert(written.clone())]).await.unwrap();
        let read = engine.store.find(written.kind, &written.id, now()).await.unwrap();
        assert_eq!(read, Some(written));
    }
    assert_eq!(engine.find(Kind::RefreshToken, "other").await, None);
}

pub(super) async fn an_insert_conflicts_with_what_is_there_used_or_not(engine: Engine) {
    let [unused, used] = [token("unused").build(), token("used").used(None).build()];
    engine.commit([Change::Insert(unused.clone()), Change::Insert(used.clone())]).await.unwrap();
    for id in ["unused", "used"] {
        assert_conflict(engine.commit([Change::Insert(token(id).payload("another").build())]).await);
    }
    assert_eq!(engine.find(Kind::RefreshToken, "unused").await, Some(unused));
    assert_eq!(engine.find(Kind::RefreshToken, "used").await, Some(used));
}

pub(super) async fn an_insert_replaces_what_has_expired(engine: Engine) {
    engine.given([token("t").grant("g").session("s").used(Some("next")).expires_at(after(10))]).await;
    let new = || token("t").payload("new").build();
    assert_conflict(engine.commit_at([Change::Insert(new())], after(9)).await);
    engine.commit_at([Change::Insert(new())], after(10)).await.unwrap();
    assert_eq!(engine.find_at(Kind::RefreshToken, "t", after(10)).await, Some(new()));
    // What it replaced has left no trace: neither its owners nor its end reach the new one.
    let owners = [Change::RemoveGrant(IdHash::of("g")), Change::RemoveSession(IdHash::of("s"))];
    engine.commit_at(owners, after(10)).await.unwrap();
    assert_eq!(engine.store.sweep(after(10), 9).await.unwrap(), 0);
    assert_eq!(engine.find_at(Kind::RefreshToken, "t", after(10)).await, Some(new()));
}

pub(super) async fn one_id_stands_under_several_kinds(engine: Engine) {
    for kind in Kind::ALL {
        engine.commit([Change::Insert(artifact(kind, "same").payload(format!("{kind:?}")).build())]).await.unwrap();
    }
    engine.commit([remove("same")]).await.unwrap();
    for kind in Kind::ALL {
        let found = engine.find(kind, "same").await.map(|found| (found.kind, found.payload));
        let expected = (kind != Kind::RefreshToken).then(|| (kind, format!("{kind:?}").into_bytes()));
        assert_eq!(found, expected);
    }
}

pub(super) async fn a_put_adds_and_replaces(engine: Engine) {
    let old = token("t").grant("g").session("s").used(Some("next")).build();
    engine.commit([Change::Put(old.clone())]).await.unwrap();
    assert_eq!(engine.find(Kind::RefreshToken, "t").await, Some(old));
    let new = token("t").payload("new").expires_at(after(90)).build();
    engine.commit([Change::Put(new.clone())]).await.unwrap();
    assert_eq!(engine.find(Kind::RefreshToken, "t").await, Some(new.clone()));
    assert_eq!(engine.store.sweep(after(60), 9).await.unwrap(), 0, "its former end counts no more");
    assert_eq!(engine.find_at(Kind::RefreshToken, "t", after(89)).await, Some(new));
}

pub(super) async fn consume_marks_what_is_unused_once(engine: Engine) {
    for (id, successor) in [("a", Some("next")), ("b", None)] {
        engine.given([token(id)]).await;
        engine.commit_at([consume(id, successor)], after(5)).await.unwrap();
        let found = engine.find_at(Kind::RefreshToken, id, after(5)).await.unwrap();
        let consumed = Consumed { at: after(5), successor: successor.map(IdHash::of) };
        assert_eq!(found, crate::store::Artifact { consumed: Some(consumed), ..token(id).build() });
        assert_conflict(engine.commit_at([consume(id, Some("another"))], after(6)).await);
        assert_eq!(engine.find_at(Kind::RefreshToken, id, after(6)).await, Some(found));
    }
}

pub(super) async fn consume_conflicts_with_what_is_missing_or_expired(engine: Engine) {
    assert_conflict(engine.commit([consume("missing", None)]).await);
    engine.given([token("t"), artifact(Kind::AuthorizationCode, "code")]).await;
    assert_conflict(engine.commit([consume("code", None)]).await);
    assert_conflict(engine.commit_at([consume("t", None)], after(60)).await);
    assert_eq!(engine.find(Kind::RefreshToken, "t").await, Some(token("t").build()));
    engine.commit_at([consume("t", None)], after(59)).await.unwrap();
}

pub(super) async fn resucceed_moves_the_successor_and_keeps_the_time(engine: Engine) {
    engine.given([token("t").used(Some("first"))]).await;
    engine.commit_at([resucceed("t", "first", "second")], after(5)).await.unwrap();
    let expected = token("t").used(Some("second")).build();
    assert_eq!(engine.find(Kind::RefreshToken, "t").await, Some(expected));
    assert_conflict(engine.commit([resucceed("t", "first", "third")]).await);
    engine.commit([resucceed("t", "second", "third")]).await.unwrap();
}

pub(super) async fn resucceed_conflicts_unless_from_is_the_successor(engine: Engine) {
    engine.given([token("unused"), token("alone").used(None), token("t").used(Some("first"))]).await;
    for (id, from) in [("missing", "first"), ("unused", "first"), ("alone", "first"), ("t", "other"), ("t", "t")] {
        assert_conflict(engine.commit([resucceed(id, from, "second")]).await);
    }
    assert_conflict(engine.commit_at([resucceed("t", "first", "second")], after(60)).await);
    assert_eq!(engine.find(Kind::RefreshToken, "t").await, Some(token("t").used(Some("first")).build()));
    assert_eq!(engine.find(Kind::RefreshToken, "unused").await, Some(token("unused").build()));
}

pub(super) async fn require_holds_for_what_is_unused_and_as_it_was_read(engine: Engine) {
    engine.given([token("t").payload("as it was"), token("used").used(None)]).await;
    let before = engine.find(Kind::RefreshToken, "t").await;
    engine.commit([require("t", None), require("t", Some("as it was"))]).await.unwrap();
    assert_eq!(engine.find(Kind::RefreshToken, "t").await, before, "it changes nothing");
    for (id, payload) in [("t", Some("as it is")), ("t", Some("")), ("missing", None), ("used", None)] {
        assert_conflict(engine.commit([remove("t"), require(id, payload)]).await);
    }
    assert_conflict(engine.commit_at([require("t", None)], after(60)).await);
    assert_eq!(engine.find(Kind::RefreshToken, "t").await, before);
}

pub(super) async fn remove_unused_takes_out_what_is_unused(engine: Engine) {
    engine.given([token("t"), token("other")]).await;
    engine.commit([remove_unused("t")]).await.unwrap();
    assert_eq!(engine.tokens_left(&["t", "other"]).await, ["other"]);
    assert_conflict(engine.commit([remove_unused("t")]).await);
}

pub(super) async fn remove_unused_conflicts_with_what_is_missing_used_or_expired(engine: Engine) {
    engine.given([token("used").used(None), token("t")]).await;
    assert_conflict(engine.commit([remove_unused("missing")]).await);
    assert_conflict(engine.commit([remove_unused("used")]).await);
    assert_conflict(engine.commit_at([remove_unused("t")], after(60)).await);
    assert_eq!(engine.tokens_left(&["used", "t"]).await, ["used", "t"]);
}

pub(super) async fn remove_takes_out_anything_and_never_conflicts(engine: Engine) {
    engine.given([token("used").used(None), token("t"), token("other")]).await;
    engine.commit([remove("used"), remove("t"), remove("missing"), remove("t")]).await.unwrap();
    assert_eq!(engine.tokens_left(&["used", "t", "other"]).await, ["other"]);
}
