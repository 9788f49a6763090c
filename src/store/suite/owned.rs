use jiff::Timestamp;

use super::{
    super::{Artifact, Change, IdHash, Kind, Owned},
    Builder, Engine, after, artifact, assert_conflict, consume, now, token,
};

fn of(subject: &str) -> Owned {
    let (realm, subject) = ("identity/staff".into(), subject.into());
    Owned { realm, subject, kind: Kind::RefreshToken, after: None, limit: 100 }
}

async fn list(engine: &Engine, owned: Owned, at: Timestamp) -> Vec<Artifact> {
    engine.store.owned(owned, at).await.unwrap()
}

fn sorted(builders: impl IntoIterator<Item = Builder>) -> Vec<Artifact> {
    let mut artifacts: Vec<_> = builders.into_iter().map(Builder::build).collect();
    artifacts.sort_by_key(|artifact| artifact.id);
    artifacts
}

pub(super) async fn what_belongs_to_a_user_is_found_by_kind_and_realm_and_nothing_else(engine: Engine) {
    let mine = || ["a", "b"].map(|id| token(id).subject("ada").grant("g").session("s").payload([0, 255]));
    engine.given(mine()).await;
    engine.given([artifact(Kind::Session, "a").subject("ada"), artifact(Kind::AccessToken, "a").subject("ada")]).await;
    engine.given([token("c").subject("adam"), token("d").subject("ad"), token("e").subject(""), token("f")]).await;
    engine
        .given([token("g").subject("ada").realm("identity/staff2"), token("h").subject("ada").realm("identity")])
        .await;
    assert_eq!(list(&engine, of("ada"), now()).await, sorted(mine()), "each as it was");
    assert_eq!(list(&engine, of("nobody"), now()).await, []);
    let sessions = list(&engine, Owned { kind: Kind::Session, ..of("ada") }, now()).await;
    assert_eq!(sessions, sorted([artifact(Kind::Session, "a").subject("ada")]));
    engine.commit([Change::RemoveGrant(IdHash::of("g"))]).await.unwrap();
    assert_eq!(list(&engine, of("ada"), now()).await, []);
}

pub(super) async fn what_belongs_to_a_user_comes_in_pages_that_miss_nothing(engine: Engine) {
    let mine = || (0..50).map(|n| token(&format!("{n}")).subject("ada"));
    engine.given(mine().chain((50..100).map(|n| token(&format!("{n}")).subject("bob")))).await;
    for limit in [1, 7, 50, 51] {
        let (mut all, mut last) = (Vec::new(), None);
        loop {
            let page = list(&engine, Owned { after: last, limit, ..of("ada") }, now()).await;
            assert!(page.len() <= limit);
            let is_last = page.len() < limit;
            last = page.last().map(|artifact| artifact.id);
            all.extend(page);
            if is_last {
                break;
            }
        }
        assert_eq!(all, sorted(mine()), "{limit}");
    }
    assert_eq!(list(&engine, Owned { limit: 0, ..of("ada") }, now()).await, []);
}

pub(super) async fn what_has_expired_is_used_or_has_changed_hands_is_listed_as_it_is(engine: Engine) {
    engine.given([token("a").subject("ada").expires_at(after(10)), token("b").subject("ada")]).await;
    let ids = async |subject: &str, at| {
        let ids = ["a", "b"].map(|id| (IdHash::of(id), id));
        let name = |artifact: &Artifact| ids.iter().find(|(id, _)| *id == artifact.id).unwrap().1;
        let mut names: Vec<_> = list(&engine, of(subject), at).await.iter().map(name).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(ids("ada", now()).await, ["a", "b"]);
    assert_eq!(ids("ada", after(10)).await, ["b"], "though no sweep has passed");
    engine.commit([consume("b", None)]).await.unwrap();
    assert_eq!(ids("ada", now()).await, ["a", "b"], "used or not");
    let taken = || Change::Put(token("b").subject("bob").build());
    assert_conflict(engine.commit([taken(), consume("missing", None)]).await);
    assert_eq!((ids("ada", now()).await, ids("bob", now()).await), (vec!["a", "b"], vec![]), "taken back");
    engine.commit([taken()]).await.unwrap();
    assert_eq!((ids("ada", now()).await, ids("bob", now()).await), (vec!["a"], vec!["b"]));
    engine.store.sweep(after(60), 100).await.unwrap();
    assert_eq!(ids("ada", now()).await, Vec::<&str>::new());
}
