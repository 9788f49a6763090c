use jiff::Timestamp;

use super::{
    super::{Change, IdHash, Kind, StoreError},
    Builder, Engine, MAX_INTERACTIONS, after, artifact, now, token,
};

fn interaction(n: usize) -> Builder {
    artifact(Kind::Interaction, &format!("interaction {n}"))
}

/// Inserts until it is refused; gives how many went in.
async fn fill(engine: &Engine, expires_at: Timestamp, at: Timestamp) -> usize {
    for n in 0.. {
        let insert = Change::Insert(interaction(n).expires_at(expires_at).build());
        match engine.commit_at([insert], at).await {
            Ok(()) => assert!(n < MAX_INTERACTIONS, "more than the bound"),
            Err(StoreError::Unavailable(_)) => return n,
            Err(error) => panic!("{error:?}"),
        }
    }
    unreachable!()
}

pub(super) async fn one_interaction_too_many_is_refused_until_some_expire(engine: Engine) {
    let room = fill(&engine, after(10), now()).await;
    // An engine in parts may find one part full early.
    assert!(room > MAX_INTERACTIONS / 8, "{room}");
    engine.given([token("other kinds have no bound")]).await;
    engine.commit([Change::Put(interaction(0).payload("replaced").build())]).await.ok();
    // No sweep has passed.
    let insert = Change::Insert(interaction(room).build());
    engine.commit_at([insert], after(10)).await.unwrap();
    assert!(engine.find_at(Kind::Interaction, &format!("interaction {room}"), after(10)).await.is_some());
}

pub(super) async fn one_interaction_too_many_is_refused_until_some_are_removed(engine: Engine) {
    let room = fill(&engine, after(60), now()).await;
    for n in 0..room {
        let id = IdHash::of(format!("interaction {n}"));
        engine.commit([Change::RemoveUnused { kind: Kind::Interaction, id }]).await.unwrap();
    }
    // Within a second an engine may go by what it has counted before.
    assert_eq!(fill(&engine, after(60), after(1)).await, room);
}

pub(super) async fn a_refused_interaction_takes_its_commit_with_it(engine: Engine) {
    let room = fill(&engine, after(60), now()).await;
    let changes = [Change::Insert(token("t").build()), Change::Insert(interaction(room).build())];
    assert!(matches!(engine.commit(changes).await, Err(StoreError::Unavailable(_))));
    assert!(engine.tokens_left(&["t"]).await.is_empty());
}
