use jiff::Timestamp;

use super::{
    super::{Change, IdHash, Kind},
    Engine, after, artifact, assert_conflict, consume, now, remove, remove_unused, require, schedule, token,
};

impl Engine {
    /// The payloads of the tokens that are due.
    async fn due(&self, at: Timestamp, limit: usize) -> Vec<String> {
        let due = self.store.due(Kind::RefreshToken, at, limit).await.unwrap();
        due.into_iter().map(|artifact| String::from_utf8(artifact.payload).unwrap()).collect()
    }
}

pub(super) async fn what_is_scheduled_is_due_from_then_on_the_longest_due_first(engine: Engine) {
    engine.given(["never", "third", "first", "second"].map(|id| token(id).payload(id))).await;
    engine
        .commit([schedule("third", after(30)), schedule("first", after(10)), schedule("second", after(20))])
        .await
        .unwrap();
    assert_eq!(engine.due(after(9), 9).await, [""; 0]);
    assert_eq!(engine.due(after(10), 9).await, ["first"]);
    assert_eq!(engine.due(after(40), 9).await, ["first", "second", "third"]);
    assert_eq!(engine.due(after(40), 2).await, ["first", "second"], "no more than asked for");
    assert_eq!(engine.due(after(40), 0).await, [""; 0]);
    let whole = engine.store.due(Kind::RefreshToken, after(10), 1).await.unwrap();
    assert_eq!(whole, [token("first").payload("first").build()]);
}

pub(super) async fn what_is_not_there_can_not_be_scheduled(engine: Engine) {
    engine.given([token("used").used(None), token("t")]).await;
    assert_conflict(engine.commit([schedule("missing", after(1))]).await);
    assert_conflict(engine.commit([schedule("used", after(1))]).await);
    assert_conflict(engine.commit_at([schedule("t", after(1))], after(60)).await);
    assert_eq!(engine.due(after(59), 9).await, [""; 0]);
}

pub(super) async fn what_is_scheduled_anew_used_replaced_or_over_is_due_no_more(engine: Engine) {
    let ids = ["anew", "used", "replaced", "removed", "session", "over"];
    engine.given(ids.map(|id| token(id).payload(id).session(id))).await;
    engine.given([token("over").payload("over").expires_at(after(20))]).await;
    engine.commit(ids.map(|id| schedule(id, after(10)))).await.unwrap();
    assert_eq!(engine.due(after(10), 9).await.len(), 6);
    engine
        .commit([
            schedule("anew", after(30)),
            consume("used", None),
            Change::Put(token("replaced").build()),
            remove("removed"),
            Change::RemoveSession(IdHash::of("session")),
        ])
        .await
        .unwrap();
    assert_eq!(engine.due(after(19), 9).await, ["over"]);
    assert_eq!(engine.due(after(20), 9).await, [""; 0]);
    assert_eq!(engine.due(after(30), 9).await, ["anew"]);
    assert_eq!(engine.store.sweep(after(20), 9).await.unwrap(), 1);
    assert_eq!(engine.due(after(30), 9).await, ["anew"]);
}

pub(super) async fn a_conflict_leaves_what_was_due_as_it_was(engine: Engine) {
    engine.given(["t", "u"].map(|id| token(id).payload(id))).await;
    engine.commit([schedule("t", after(10))]).await.unwrap();
    let changes = [
        schedule("t", after(20)),
        schedule("u", after(5)),
        Change::Put(token("t").payload("t").build()),
        schedule("t", after(2)),
        remove_unused("missing"),
    ];
    assert_conflict(engine.commit(changes).await);
    assert_eq!(engine.due(after(9), 9).await, [""; 0]);
    assert_eq!(engine.due(after(10), 9).await, ["t"]);
}

pub(super) async fn kinds_are_due_apart(engine: Engine) {
    let kinds = [Kind::LogoutDelivery, Kind::Session, Kind::RefreshToken];
    engine.given(kinds.map(|kind| artifact(kind, "same"))).await;
    let schedule = |kind| Change::Schedule { kind, id: IdHash::of("same"), due: now() };
    engine.commit(kinds.map(schedule)).await.unwrap();
    for kind in kinds {
        assert_eq!(engine.store.due(kind, now(), 9).await.unwrap(), [artifact(kind, "same").build()]);
    }
    assert_eq!(engine.store.due(Kind::Grant, now(), 9).await.unwrap(), []);
}

/// As deliveries are claimed: whoever changes what was read has it, and it is due again later.
pub(super) async fn of_many_who_claim_what_is_due_one_wins(engine: Engine) {
    engine.given([token("t").payload("0")]).await;
    engine.commit([schedule("t", now())]).await.unwrap();
    let claim = |n: usize| {
        let next = token("t").payload(format!("claimed by {n}")).build();
        engine.commit([require("t", Some("0")), Change::Put(next), schedule("t", after(10))])
    };
    let claims = futures::future::join_all((0..50).map(claim)).await;
    assert_eq!(claims.iter().filter(|claim| claim.is_ok()).count(), 1);
    assert_eq!(engine.due(after(9), 9).await, [""; 0]);
    assert_eq!(engine.due(after(10), 9).await.len(), 1);
}
