//! What is SQLite's own; what every engine must do stands in the suite.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, sync::Arc, time::Duration};

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::store::{
    MAX_INTERACTIONS,
    suite::{after, artifact, now, token},
};

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    (folder, path)
}

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, MAX_INTERACTIONS).unwrap()
}

fn refusal(path: &Path) -> String {
    SqliteStore::open(path, MAX_INTERACTIONS).unwrap_err().to_string()
}

#[tokio::test]
async fn a_file_that_is_opened_again_has_kept_everything() {
    let (_folder, path) = folder();
    let kept = token("t").grant("g").session("s").subject("ada").used(Some("next")).payload([0, 255]).build();
    let store = open(&path);
    store.commit(vec![Change::Insert(kept.clone())], now()).await.unwrap();
    let key = IdHash::of("ada");
    let counter = store.count("r", &key, Duration::from_secs(60), now()).await.unwrap();
    store.close().await.unwrap();
    let store = open(&path);
    assert_eq!(store.find(kept.kind, &kept.id, now()).await.unwrap(), Some(kept));
    assert_eq!(store.counter(&key, now()).await.unwrap(), Some(counter));
}

#[tokio::test]
async fn closing_moves_everything_into_the_one_file_and_lets_it_go() {
    let (folder, path) = folder();
    let store = open(&path);
    store.commit(vec![Change::Insert(token("t").build())], now()).await.unwrap();
    store.close().await.unwrap();
    let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["state.db", "state.db-lock"]);
    let copy = folder.path().join("copy.db");
    fs::copy(&path, &copy).unwrap();
    assert!(open(&copy).find(Kind::RefreshToken, &IdHash::of("t"), now()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_store_that_is_dropped_lets_the_file_go_and_has_lost_nothing() {
    let (_folder, path) = folder();
    let store = open(&path);
    store.commit(vec![Change::Insert(token("t").build())], now()).await.unwrap();
    drop(store);
    // Its threads end on their own.
    let mut again = SqliteStore::open(&path, MAX_INTERACTIONS);
    for _ in 0..500 {
        if again.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        again = SqliteStore::open(&path, MAX_INTERACTIONS);
    }
    assert!(again.unwrap().find(Kind::RefreshToken, &IdHash::of("t"), now()).await.unwrap().is_some());
}

#[tokio::test]
async fn what_was_asked_before_closing_is_done() {
    let (_folder, path) = folder();
    let store = Arc::new(open(&path));
    // Polled once, so that all are in the queue when `close` is.
    let commits = (0..100).map(|n| store.commit(vec![Change::Insert(token(&format!("{n}")).build())], now()));
    let (committed, closed) = tokio::join!(futures::future::try_join_all(commits), store.close());
    committed.unwrap();
    closed.unwrap();
    let store = open(&path);
    for n in 0..100 {
        let id = IdHash::of(format!("{n}"));
        assert!(store.find(Kind::RefreshToken, &id, now()).await.unwrap().is_some(), "{n}");
    }
}

#[tokio::test]
async fn a_second_opening_is_refused_and_told_who_has_it() {
    let (folder, path) = folder();
    let store = open(&path);
    let expected = format!("in use by process {}", std::process::id());
    assert!(refusal(&path).contains(&expected), "{}", refusal(&path));
    // By another name it is the same file.
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(refusal(&link).contains(&expected), "{}", refusal(&link));
    store.close().await.unwrap();
    open(&link).close().await.unwrap();
}

#[tokio::test]
async fn the_file_and_its_companions_are_for_their_owner_alone() {
    let (folder, path) = folder();
    let folder = folder.path().join("made");
    let store = open(&folder.join("state.db"));
    store.commit(vec![Change::Insert(token("t").build())], now()).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 4, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    // One that was open to others is closed to them.
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    open(&path).close().await.unwrap();
    assert_eq!(mode(&path), 0o600);
}

#[tokio::test]
async fn every_commit_waits_for_the_disk() {
    let (_folder, path) = folder();
    let connection = Claim::new(&path).unwrap().writer().unwrap();
    let pragma =
        |name| connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0)).unwrap();
    assert_eq!(pragma("synchronous"), rusqlite::types::Value::Integer(2));
    assert_eq!(pragma("journal_mode"), rusqlite::types::Value::Text("wal".into()));
}

#[tokio::test]
async fn what_is_no_store_is_refused_with_a_sentence_and_left_untouched() {
    let (folder, path) = folder();
    fs::write(&path, "not a database at all, but long enough to have a header of a hundred bytes. ".repeat(4)).unwrap();
    let before = fs::read(&path).unwrap();
    assert!(refusal(&path).contains("not a database"), "{}", refusal(&path));
    assert_eq!(fs::read(&path).unwrap(), before);

    let foreign = folder.path().join("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    assert!(refusal(&foreign).contains("a database of something else"), "{}", refusal(&foreign));

    let newer = folder.path().join("newer.db");
    open(&newer).close().await.unwrap();
    Connection::open(&newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(refusal(&newer).contains("later version (schema 99; this one knows 3)"), "{}", refusal(&newer));

    let lost = folder.path().join("no/such/folder/state.db");
    assert!(refusal(&lost).contains("finding the file"), "{}", refusal(&lost));
    assert!(refusal(folder.path()).contains("making the file"), "{}", refusal(folder.path()));
}

/// Changes the file behind the engine's back, without the tables' own checks.
fn tamper(path: &Path, sql: &str) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(&format!("PRAGMA ignore_check_constraints = ON; {sql}")).unwrap();
}

#[tokio::test]
async fn a_row_that_makes_no_sense_is_corrupt_and_the_rest_is_served() {
    let (_folder, path) = folder();
    let store = open(&path);
    let id = IdHash::of("t");
    for nonsense in [
        "UPDATE artifact SET grant_id = x'00'",
        "UPDATE artifact SET session_id = x''",
        "UPDATE artifact SET successor = zeroblob(32)",
        "UPDATE artifact SET successor = zeroblob(31), consumed_at = 1",
        "UPDATE artifact SET expires_at = 9223372036854775807",
        "UPDATE artifact SET consumed_at = -9223372036854775808",
        "UPDATE artifact SET realm = CAST(x'ff' AS TEXT)",
    ] {
        let written = [token("t").build(), artifact(Kind::Session, "sound").build()];
        store.commit(written.map(Change::Put).into(), now()).await.unwrap();
        tamper(&path, &format!("{nonsense} WHERE kind = 2"));
        let found = store.find(Kind::RefreshToken, &id, now()).await;
        assert!(matches!(found, Err(StoreError::Corrupt(_))), "{nonsense}: {found:?}");
        assert!(store.find(Kind::Session, &IdHash::of("sound"), now()).await.unwrap().is_some());
    }
    store.count("r", &id, Duration::from_secs(60), now()).await.unwrap();
    tamper(&path, "UPDATE counter SET count = 4294967296, expires_at = 9223372036854775807");
    assert!(matches!(store.counter(&id, now()).await, Err(StoreError::Corrupt(_))));
}

#[tokio::test]
async fn a_damaged_file_is_an_error_and_no_panic() {
    let (_folder, path) = folder();
    let store = open(&path);
    let inserts = (0..500).map(|n| Change::Insert(token(&format!("{n}")).payload(vec![7; 500]).build()));
    store.commit(inserts.collect(), now()).await.unwrap();
    store.close().await.unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[4096..].fill(0xa5);
    fs::write(&path, bytes).unwrap();
    // Its first page is whole, so it opens; what stands in the others is noticed when it is wanted.
    let store = open(&path);
    let found = store.find(Kind::RefreshToken, &IdHash::of("1"), now()).await;
    assert!(matches!(found, Err(StoreError::Corrupt(_))), "{found:?}");
    let committed = store.commit(vec![Change::Put(token("1").build())], now()).await;
    assert!(matches!(committed, Err(StoreError::Corrupt(_) | StoreError::Unavailable(_))), "{committed:?}");
}

#[tokio::test]
async fn a_counter_stops_at_its_greatest_number() {
    let (_folder, path) = folder();
    let store = open(&path);
    let key = IdHash::of("k");
    store.count("r", &key, Duration::from_secs(60), now()).await.unwrap();
    tamper(&path, "UPDATE counter SET count = 4294967294");
    for _ in 0..2 {
        assert_eq!(store.count("r", &key, Duration::from_secs(60), now()).await.unwrap().count, u32::MAX);
    }
}

/// A store whose writer begins when it is told, on a connection as the test wants it.
fn idle(path: &Path, prepare: impl FnOnce(&Connection)) -> (SqliteStore, impl FnOnce()) {
    let claim = Arc::new(Claim::new(path).unwrap());
    let mut connection = claim.writer().unwrap();
    schema::migrate(&mut connection, path).unwrap();
    prepare(&connection);
    let (jobs, receiver) = mpsc::channel(QUEUE);
    let readers = vec![start_reader(&claim).unwrap()];
    let store = SqliteStore { path: path.into(), jobs, readers, next_reader: AtomicUsize::new(0) };
    let writer = Writer { connection, jobs: receiver, interactions: Interactions::new(9), claim: claim.clone() };
    (store, move || start(&claim, "store-writer", move || writer.run()).unwrap())
}

/// One fails while it is written and takes the transaction with it, one lets the transaction fail at its very end.
const TRAPS: &str = "
CREATE TABLE parent (id INTEGER PRIMARY KEY);
CREATE TABLE child (parent REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);
CREATE TRIGGER now BEFORE INSERT ON artifact WHEN NEW.realm = 'now' BEGIN SELECT RAISE(ROLLBACK, 'trapped'); END;
CREATE TRIGGER later BEFORE INSERT ON artifact WHEN NEW.realm = 'later' BEGIN INSERT INTO child VALUES (1); END;";

#[tokio::test]
async fn a_transaction_that_fails_is_acknowledged_to_nobody_and_the_next_one_works() {
    for trap in ["now", "later"] {
        let (_folder, path) = folder();
        let (store, work) = idle(&path, |connection| connection.execute_batch(TRAPS).unwrap());
        // All are in the queue before the writer begins, so they share a transaction; the trap is in its middle.
        let commits = (0..21).map(|n| {
            let mut artifact = token(&format!("{n}")).build();
            artifact.realm = if n == 10 { trap.into() } else { artifact.realm };
            store.commit(vec![Change::Insert(artifact)], now())
        });
        let counts = [IdHash::of("first"), IdHash::of("second")];
        let counted = counts.iter().map(|key| store.count("r", key, Duration::from_secs(60), now()));
        let (committed, counted, ()) =
            futures::join!(futures::future::join_all(commits), futures::future::join_all(counted), async { work() });
        for (n, outcome) in committed.into_iter().enumerate() {
            assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{trap} {n}: {outcome:?}");
            let found = store.find(Kind::RefreshToken, &IdHash::of(format!("{n}")), now()).await.unwrap();
            assert_eq!(found, None, "{trap} {n}");
        }
        for (key, outcome) in counts.iter().zip(counted) {
            assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{trap}: {outcome:?}");
            assert_eq!(store.counter(key, now()).await.unwrap(), None);
        }
        store.commit(vec![Change::Insert(token("0").build())], now()).await.unwrap();
        assert!(store.find(Kind::RefreshToken, &IdHash::of("0"), now()).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_full_disk_refuses_all_of_a_commit_and_room_ends_the_refusal() {
    let (_folder, path) = folder();
    let (store, work) = idle(&path, |connection| connection.execute_batch("PRAGMA max_page_count = 120").unwrap());
    work();

    let large = |id: &str| Change::Insert(token(id).payload(vec![1; 30_000]).expires_at(after(10)).build());
    let mut fitted = 0;
    let refused = loop {
        let pair = ["a", "b"].map(|half| large(&format!("{half}{fitted}")));
        match store.commit(pair.into(), now()).await {
            Ok(()) => fitted += 1,
            Err(error) => break error,
        }
        assert!(fitted < 100);
    };
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    for n in 0..=fitted {
        for half in ["a", "b"] {
            let found = store.find(Kind::RefreshToken, &IdHash::of(format!("{half}{n}")), now()).await.unwrap();
            assert_eq!(found.is_some(), n < fitted, "{half}{n}");
        }
    }
    assert!(fitted > 0);
    assert_eq!(store.sweep(after(10), 100).await.unwrap(), fitted * 2);
    store.commit(vec![large("again")], now()).await.unwrap();
}

#[tokio::test]
async fn a_queue_that_is_full_refuses_at_once() {
    let (_folder, path) = folder();
    let claim = Arc::new(Claim::new(&path).unwrap());
    schema::migrate(&mut claim.writer().unwrap(), &path).unwrap();
    let (jobs, _nobody_works) = mpsc::channel(1);
    let store = SqliteStore { path, jobs, readers: vec![], next_reader: AtomicUsize::new(0) };
    let commit = |id: &str| store.commit(vec![Change::Insert(token(id).build())], now());
    let (waiting, refused) = (commit("a"), commit("b"));
    tokio::select! {
        biased;
        outcome = waiting => panic!("{outcome:?}"),
        outcome = refused => assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}"),
    }
}

#[tokio::test]
async fn a_caller_who_goes_away_changes_nothing_for_the_others() {
    let (_folder, path) = folder();
    let store = open(&path);
    for n in 0..50 {
        let commit = store.commit(vec![Change::Insert(token(&format!("{n}")).build())], now());
        // Polled once, then dropped.
        tokio::select! { biased; _ = commit => {}, () = std::future::ready(()) => {} }
    }
    store.commit(vec![Change::Insert(token("last").build())], now()).await.unwrap();
    assert!(store.find(Kind::RefreshToken, &IdHash::of("last"), now()).await.unwrap().is_some());
}

#[test]
fn it_tells_nothing_of_its_content_when_printed() {
    let (_folder, path) = folder();
    let printed = format!("{:?}", open(&path));
    assert!(printed.starts_with("SqliteStore { path: "), "{printed}");
}

/// A file of the first version of the tables, with one row of each kind that belongs to somebody, and one that makes no sense.
fn of_the_first_version(path: &Path) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(include_str!("0001_initial.sql")).unwrap();
    let ada = r#"{"authorization":{"client_id":"app","subject":"ada"},"grant_id":"g"}"#;
    let session = r#"{"sid":"s","subject":"ada","clients":[]}"#;
    for (kind, id, payload) in [
        (Kind::AuthorizationCode, "code", ada),
        (Kind::Grant, "grant", ada),
        (Kind::Session, "session", session),
        (Kind::RefreshToken, "token", "null"),
        (Kind::Grant, "nonsense", "{"),
        (Kind::Session, "other", r#"{"subject":7}"#),
    ] {
        let insert = "INSERT INTO artifact VALUES (?1, ?2, 'identity/staff', NULL, NULL, ?3, ?4, NULL, NULL)";
        let id = *IdHash::of(id).as_bytes();
        let values = rusqlite::params![kind as u8, id, payload.as_bytes(), after(60).as_microsecond()];
        connection.execute(insert, values).unwrap();
    }
    connection.pragma_update(None, "application_id", 0x524b_5052).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
}

#[tokio::test]
async fn a_file_of_the_first_version_keeps_everything_and_learns_whose_it_is() {
    let (_folder, path) = folder();
    of_the_first_version(&path);
    for _ in 0..2 {
        let store = open(&path);
        for (kind, id, subject) in [
            (Kind::AuthorizationCode, "code", Some("ada")),
            (Kind::Grant, "grant", Some("ada")),
            (Kind::Session, "session", Some("ada")),
            (Kind::RefreshToken, "token", None),
            (Kind::Grant, "nonsense", None),
            (Kind::Session, "other", Some("7")),
        ] {
            let found = store.find(kind, &IdHash::of(id), now()).await.unwrap().unwrap();
            assert_eq!(found.subject.as_deref(), subject, "{id}");
        }
        let (realm, subject) = ("identity/staff".into(), "ada".into());
        let owned = Owned { realm, subject, kind: Kind::Grant, after: None, limit: 9 };
        assert_eq!(store.owned(owned, now()).await.unwrap().len(), 1);
        store.close().await.unwrap();
    }
}
