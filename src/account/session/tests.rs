use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};

use super::{Begun, Session};
use crate::{
    account::logout_delivery::LogoutDelivery,
    provider::testing::{RealmBuilder, START, client, realm, user},
    realm::Realm,
    store::{Artifact, Change, IdHash, Kind, MemoryStore, Store, StoreError},
};

fn now() -> Timestamp {
    Timestamp::from_second(START).unwrap()
}

fn told(id: &str) -> crate::provider::testing::ClientBuilder {
    client(id)
        .with(|client| client.logout.backchannel_uri = Some(format!("https://{}.example/logout", client.id).into()))
}

fn staff() -> RealmBuilder {
    realm().user(user("ada")).user(user("bob")).client(told("app")).client(told("other")).client(client("quiet"))
}

async fn sign_in(store: &MemoryStore, realm: &Realm, username: &str, before: Option<&Session>) -> Begun {
    let user = realm.user_by_name(username).unwrap();
    Session::sign_in(store, realm, &super::SignIn::of(user), before, now()).await.unwrap()
}

async fn used(store: &MemoryStore, realm: &Realm, session: &Session, client: &str) -> Result<Session, StoreError> {
    session.used_for(store, realm, realm.client(client).unwrap(), Vec::new(), now()).await
}

/// The clients that are to be told, and of whom.
async fn deliveries(store: &MemoryStore) -> Vec<(String, String, String)> {
    let due = store.due(Kind::LogoutDelivery, now(), 100).await.unwrap();
    let read = |artifact: &Artifact| LogoutDelivery::read(artifact).unwrap();
    let mut told: Vec<_> =
        due.iter().map(read).map(|delivery| (delivery.client_id, delivery.subject, delivery.sid)).collect();
    told.sort();
    told
}

fn token_of(session: &Session, id: &str) -> Artifact {
    Artifact {
        kind: Kind::RefreshToken,
        id: IdHash::of(id),
        realm: "identity/staff".into(),
        grant: None,
        session: Some(session.sid_hash()),
        subject: None,
        payload: Vec::new(),
        expires_at: now() + Duration::from_secs(600),
        consumed: None,
    }
}

#[tokio::test]
async fn two_tabs_that_use_a_session_for_two_clients_at_once_leave_both_in_it() {
    let ids: Vec<_> = (0..40).map(|n| format!("app-{n}")).collect();
    let realm = Arc::new(ids.iter().fold(staff(), |realm, id| realm.client(told(id))).build());
    let store = Arc::new(MemoryStore::new());
    let session = sign_in(&store, &realm, "ada", None).await.session;
    let tabs = ids.iter().map(|id| used(&store, &realm, &session, id));
    for tab in futures::future::join_all(tabs).await {
        tab.unwrap();
    }
    // Every tab has read the session as it was at first; and none has lost another's client.
    session.end(&*store, &realm, now()).await.unwrap();
    assert_eq!(deliveries(&store).await.len(), 40);
}

#[tokio::test]
async fn ending_a_session_and_what_its_clients_will_be_told_is_one_commit() {
    let (realm, store) = (staff().build(), MemoryStore::new());
    let begun = sign_in(&store, &realm, "ada", None).await;
    for client in ["app", "quiet", "app"] {
        used(&store, &realm, &begun.session, client).await.unwrap();
    }
    let changes = vec![Change::Insert(token_of(&begun.session, "token"))];
    store.commit(changes, now()).await.unwrap();
    // As it was read at first: it has been used since.
    let ended = begun.session.end(&store, &realm, now()).await.unwrap();
    let names: Vec<_> = ended.clients.iter().map(|client| client.id.as_str()).collect();
    assert_eq!(names, ["app", "quiet"]);
    assert!(Session::find(&store, &realm, &begun.cookie, now()).await.unwrap().is_none());
    assert!(store.find(Kind::RefreshToken, &IdHash::of("token"), now()).await.unwrap().is_none());
    let sid = begun.session.sid().to_owned();
    let expected = [("app".to_owned(), "sub-ada".to_owned(), sid)];
    assert_eq!(deliveries(&store).await, expected, "who is in it and wants to know");
    // The second of two tabs that sign out finds it done.
    begun.session.end(&store, &realm, now()).await.unwrap();
    assert_eq!(deliveries(&store).await, expected);
}

#[tokio::test]
async fn who_uses_an_ended_session_gets_nothing() {
    let (realm, store) = (staff().build(), MemoryStore::new());
    let session = sign_in(&store, &realm, "ada", None).await.session;
    let session = used(&store, &realm, &session, "app").await.unwrap();
    session.end(&store, &realm, now()).await.unwrap();
    for client in ["app", "other"] {
        let more = vec![Change::Insert(token_of(&session, client))];
        let used = session.used_for(&store, &realm, realm.client(client).unwrap(), more, now()).await;
        assert!(matches!(used, Err(StoreError::Conflict)), "{client}");
        assert!(store.find(Kind::RefreshToken, &IdHash::of(client), now()).await.unwrap().is_none(), "{client}");
    }
}

#[tokio::test]
async fn a_conflict_of_what_is_written_with_it_is_told_and_not_tried_for_ever() {
    let (realm, store) = (staff().build(), MemoryStore::new());
    let session = sign_in(&store, &realm, "ada", None).await.session;
    store.commit(vec![Change::Insert(token_of(&session, "taken"))], now()).await.unwrap();
    let more = vec![Change::Insert(token_of(&session, "taken"))];
    let used = session.used_for(&store, &realm, realm.client("app").unwrap(), more, now()).await;
    assert!(matches!(used, Err(StoreError::Conflict)));
}

#[tokio::test]
async fn who_signs_in_again_goes_on_with_the_session_and_its_clients() {
    let (realm, store) = (staff().build(), MemoryStore::new());
    let first = sign_in(&store, &realm, "ada", None).await;
    // Another tab uses the session while the password is typed.
    used(&store, &realm, &first.session, "app").await.unwrap();
    let second = sign_in(&store, &realm, "ada", Some(&first.session)).await;
    assert_eq!(first.session.sid(), second.session.sid());
    assert_eq!(first.session.browser_state(), second.session.browser_state());
    assert_eq!(second.session.clients().collect::<Vec<_>>(), ["app"]);
    assert!(Session::find(&store, &realm, &first.cookie, now()).await.unwrap().is_none(), "under a new cookie only");
    assert!(deliveries(&store).await.is_empty());
}

#[tokio::test]
async fn who_signs_in_as_somebody_else_ends_the_session_before_and_its_clients_are_told() {
    let (realm, store) = (staff().build(), MemoryStore::new());
    let first = sign_in(&store, &realm, "ada", None).await;
    used(&store, &realm, &first.session, "app").await.unwrap();
    let second = sign_in(&store, &realm, "bob", Some(&first.session)).await;
    assert_ne!(first.session.sid(), second.session.sid());
    assert_ne!(first.session.browser_state(), second.session.browser_state());
    assert_eq!(second.session.clients().count(), 0);
    let sid = first.session.sid().to_owned();
    assert_eq!(deliveries(&store).await, [("app".to_owned(), "sub-ada".to_owned(), sid)]);
    assert!(Session::find(&store, &realm, &second.cookie, now()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_session_whose_user_is_disabled_ends_when_it_is_met_and_its_clients_are_told() {
    let (realm, store) = (staff().build(), MemoryStore::new());
    let begun = sign_in(&store, &realm, "ada", None).await;
    used(&store, &realm, &begun.session, "app").await.unwrap();
    let disabled = crate::provider::testing::realm().user(user("ada").disabled()).client(told("app")).build();
    assert!(Session::find(&store, &disabled, &begun.cookie, now()).await.unwrap().is_none());
    assert_eq!(deliveries(&store).await.len(), 1);
    assert!(Session::find(&store, &realm, &begun.cookie, now()).await.unwrap().is_none(), "it is over for good");
}

#[tokio::test]
async fn a_session_that_has_expired_tells_nobody() {
    let (realm, store) = (staff().build(), MemoryStore::new());
    let begun = sign_in(&store, &realm, "ada", None).await;
    used(&store, &realm, &begun.session, "app").await.unwrap();
    let tightened = staff().settings(|settings| settings.sessions.absolute = Duration::from_secs(60)).build();
    let later = now() + SignedDuration::from_secs(60);
    assert!(Session::find(&store, &tightened, &begun.cookie, later).await.unwrap().is_none());
    assert!(store.due(Kind::LogoutDelivery, later, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_client_that_was_deleted_and_made_anew_is_not_told_of_what_it_never_saw() {
    let (realm, store) = (staff().build(), MemoryStore::new());
    let session = sign_in(&store, &realm, "ada", None).await.session;
    used(&store, &realm, &session, "app").await.unwrap();
    let anew = crate::provider::testing::realm().user(user("ada")).client(told("app").anew()).build();
    session.end(&store, &anew, now()).await.unwrap();
    assert!(deliveries(&store).await.is_empty());
}

#[test]
fn a_state_of_an_earlier_version_is_read() {
    let payload = serde_json::json!({
        "sid": "s", "subject": "sub-ada", "authenticated_at": "2026-01-01T00:00:00Z", "amr": ["pwd"],
        "created_at": "2026-01-01T00:00:00Z", "last_seen": "2026-01-01T00:00:00Z", "clients": ["app"],
    });
    let payload = payload.to_string().into_bytes();
    let id = IdHash::of("cookie");
    let artifact = Artifact { kind: Kind::Session, id, payload, ..token_of(&session_of("s"), "x") };
    assert_eq!(Session::read(artifact).unwrap().sid(), "s");
    let broken = Artifact { kind: Kind::Session, payload: b"{}".to_vec(), ..token_of(&session_of("s"), "x") };
    assert!(matches!(Session::read(broken), Err(StoreError::Corrupt(_))));
}

fn session_of(username: &str) -> Session {
    let realm = realm().user(user(username)).build();
    Session::begin(&realm, &super::SignIn::of(realm.user_by_name(username).unwrap()), None, now()).unwrap().session
}
