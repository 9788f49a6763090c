use super::{
    super::{Artifact, Change, IdHash, Kind},
    Engine, after, artifact, assert_conflict, consume, now, remove, remove_unused, require, resucceed, schedule, token,
};

const ALL: [(Kind, &str); 8] = [
    (Kind::RefreshToken, "unused"),
    (Kind::RefreshToken, "used"),
    (Kind::RefreshToken, "spare"),
    (Kind::RefreshToken, "new"),
    (Kind::AccessToken, "access"),
    (Kind::Grant, "g"),
    (Kind::Session, "s"),
    (Kind::RefreshToken, "of session"),
];

async fn everything(engine: &Engine) -> Vec<Option<Artifact>> {
    let mut all = vec![];
    for (kind, id) in ALL {
        all.push(engine.find(kind, id).await);
    }
    all
}

async fn furnish(engine: &Engine) {
    engine
        .given([
            token("unused").grant("g"),
            token("used").used(Some("first")).grant("g").session("s"),
            token("spare"),
            artifact(Kind::AccessToken, "access").grant("g").expires_at(after(5)),
            artifact(Kind::Grant, "g").session("s"),
            artifact(Kind::Session, "s"),
            token("of session").session("s"),
        ])
        .await;
}

/// One of each, so that all can be done one after the other.
fn one_of_each() -> Vec<Change> {
    vec![
        Change::Insert(token("new").grant("g").session("s").build()),
        Change::Put(token("spare").payload("replaced").grant("g").session("s").build()),
        consume("unused", Some("new")),
        resucceed("used", "first", "second"),
        resucceed("used", "second", "third"),
        require("spare", Some("replaced")),
        schedule("spare", after(1)),
        remove_unused("spare"),
        Change::Put(token("spare").payload("back").expires_at(after(5)).build()),
        Change::Remove { kind: Kind::AccessToken, id: IdHash::of("access") },
        remove("missing"),
        Change::RemoveGrant(IdHash::of("g")),
        Change::RemoveSession(IdHash::of("s")),
    ]
}

pub(super) async fn a_conflict_anywhere_leaves_everything_as_it_was(engine: Engine) {
    furnish(&engine).await;
    let before = everything(&engine).await;
    let conflicts = || {
        [
            Change::Insert(artifact(Kind::Session, "other").build()),
            consume("missing", None),
            resucceed("missing", "first", "second"),
            remove_unused("missing"),
        ]
    };
    engine.given([artifact(Kind::Session, "other")]).await;
    for conflict in conflicts() {
        for done_before in 0..=one_of_each().len() {
            let mut changes = one_of_each();
            changes.insert(done_before, conflict.clone());
            assert_conflict(engine.commit(changes).await);
            assert_eq!(everything(&engine).await, before, "{conflict:?} after {done_before} changes");
        }
    }
    // And without the conflict all of it happens.
    engine.commit(one_of_each()).await.unwrap();
    let left = everything(&engine).await.into_iter().flatten().map(|artifact| artifact.payload);
    assert_eq!(left.collect::<Vec<_>>(), [b"back"]);
}

pub(super) async fn a_conflict_takes_back_nothing_of_its_neighbours(engine: Engine) {
    // All at once, so that an engine that groups commits groups these.
    let engine = std::sync::Arc::new(engine);
    let commits = (0..60).map(|n| {
        let engine = engine.clone();
        tokio::spawn(async move {
            let insert = Change::Insert(token(&format!("token {n}")).build());
            let changes = if n % 3 == 0 { vec![insert, consume("missing", None)] } else { vec![insert] };
            engine.commit(changes).await.is_ok()
        })
    });
    let outcomes = futures::future::try_join_all(commits.collect::<Vec<_>>()).await.unwrap();
    for (n, done) in outcomes.into_iter().enumerate() {
        assert_eq!(done, n % 3 != 0, "{n}");
        assert_eq!(engine.find(Kind::RefreshToken, &format!("token {n}")).await.is_some(), done, "{n}");
    }
}

pub(super) async fn later_changes_see_earlier_ones(engine: Engine) {
    let insert = |id| Change::Insert(token(id).grant("g").build());
    engine.commit([insert("a"), consume("a", Some("b")), resucceed("a", "b", "c")]).await.unwrap();
    let used = engine.find(Kind::RefreshToken, "a").await.unwrap().consumed.unwrap();
    assert_eq!((used.at, used.successor), (now(), Some(IdHash::of("c"))));
    assert_conflict(engine.commit([insert("b"), insert("b")]).await);
    assert_conflict(engine.commit([insert("b"), remove("b"), consume("b", None)]).await);
    assert_conflict(engine.commit([insert("b"), consume("b", None), remove_unused("b")]).await);
    engine.commit([remove("a"), insert("a")]).await.unwrap();
    assert_eq!(engine.find(Kind::RefreshToken, "a").await.unwrap().consumed, None);
    engine.commit([insert("b"), Change::RemoveGrant(IdHash::of("g")), insert("c")]).await.unwrap();
    assert_eq!(engine.tokens_left(&["a", "b", "c"]).await, ["c"]);
}

pub(super) async fn nothing_to_do_is_done(engine: Engine) {
    engine.commit([]).await.unwrap();
}
