use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::super::{Event, Kind, Object, ObjectKey};
use super::{Directory, layout, run};

const START: Timestamp = Timestamp::UNIX_EPOCH;

fn realm(name: &str, spec: &str) -> String {
    format!("apiVersion: realmkeeper.dev/v1alpha1\nkind: Realm\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n")
}

fn write(directory: &Path, file: &str, text: &str) {
    let path = directory.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A directory, and one that has had its first look at it.
fn seen(files: &[(&str, &str)]) -> (TempDir, Directory) {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in files {
        write(folder.path(), file, text);
    }
    let mut directory = Directory::new(folder.path());
    directory.scan(START);
    (folder, directory)
}

#[test]
fn since_when_an_object_is_there_is_known_after_a_restart() {
    let (folder, mut directory) = seen(&[]);
    let at = |seconds: i64| START + SignedDuration::from_secs(seconds);
    let created = |events: &[Event]| match events {
        [.., Event::Applied(object)] => object.meta().creation_timestamp.clone().map(|time| time.0),
        other => panic!("{other:?}"),
    };
    write(folder.path(), "staff.yaml", &realm("staff", ""));
    assert_eq!(created(&directory.scan(at(5)).events), Some(at(5)));
    write(folder.path(), "staff.yaml", &realm("staff", "displayName: Staff"));
    assert_eq!(created(&directory.scan(at(9)).events), Some(at(5)));
    let status = layout::status(folder.path(), &ObjectKey::new(Kind::Realm, "default", "staff")).unwrap();
    let kept =
        "{apiVersion: x, kind: Realm, metadata: {name: staff, creationTimestamp: '1970-01-01T00:00:05Z'}, status: {}}";
    write(folder.path(), status.strip_prefix(folder.path()).unwrap().to_str().unwrap(), kept);
    let events = Directory::new(folder.path()).scan(at(20)).events;
    let realms = events.into_iter().find_map(|event| match event {
        Event::Replaced { kind: Kind::Realm, objects, .. } => Some(objects),
        _ => None,
    });
    let realm = realms.unwrap().pop().unwrap();
    assert_eq!(realm.meta().creation_timestamp.as_ref().map(|time| time.0), Some(at(5)));
}

/// Two looks, the second after the grace; the events as words.
fn look(directory: &mut Directory) -> Vec<String> {
    let mut events = directory.scan(START).events;
    events.extend(directory.scan(START + SignedDuration::from_secs(1)).events);
    words(&events)
}

fn words(events: &[Event]) -> Vec<String> {
    let say = |event: &Event| match event {
        Event::Applied(object) => vec![format!("applied {}", object.key())],
        Event::Deleted(key) => vec![format!("deleted {key}")],
        Event::Malformed(malformed) => malformed
            .problems
            .iter()
            .map(|p| format!("malformed {} {}: {}", malformed.key, p.field, p.message))
            .collect(),
        Event::Replaced { kind, objects, malformed } => {
            let names: Vec<_> = objects.iter().map(|object| object.meta().name.clone().unwrap()).collect();
            vec![format!("{kind} {names:?} {}", malformed.len())]
        }
        Event::Synced(kind) => vec![format!("synced {kind}")],
    };
    events.iter().flat_map(say).collect()
}

#[test]
fn the_first_look_lists_every_kind_and_the_namespaces_that_are_named() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "sub/a.yml", &realm("staff", ""));
    write(
        folder.path(),
        "b.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: x, namespace: one, labels: {realmkeeper.dev/readable: \"true\"}}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: unseen}\n",
    );
    write(folder.path(), ".git/c.yaml", &realm("hidden", ""));
    write(
        folder.path(),
        ".realmkeeper/status/Realm/default/staff.yaml",
        "status: {observedGeneration: 4, issuer: x}\n",
    );
    write(
        folder.path(),
        ".realmkeeper/secrets/two/x2.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: x2, namespace: two, labels: {realmkeeper.dev/readable: \"true\"}}\n",
    );
    let events = Directory::new(folder.path()).scan(START).events;
    assert_eq!(
        words(&events),
        [
            "Namespace [\"default\", \"one\", \"two\"] 0",
            "Secret [\"x\", \"x2\"] 0",
            "Realm [\"staff\"] 0",
            "SigningKey [] 0",
            "Group [] 0",
            "User [] 0",
            "OidcClient [] 0",
        ]
    );
    let Event::Replaced { objects, .. } = &events[2] else { panic!() };
    let Object::Realm(realm) = &objects[0] else { panic!() };
    assert_eq!(realm.metadata.generation, Some(4));
    assert_eq!(realm.status.as_ref().unwrap().issuer.as_deref(), Some("x"));
}

#[test]
fn only_what_has_changed_is_said() {
    let (folder, mut directory) = seen(&[("a.yaml", &realm("staff", "")), ("b.yaml", &realm("guests", ""))]);
    assert_eq!(look(&mut directory), Vec::<String>::new());
    write(folder.path(), "a.yaml", &realm("staff", "displayName: Staff"));
    let events = directory.scan(START).events;
    assert_eq!(words(&events), ["applied Realm/default/staff"]);
    let Event::Applied(object) = &events[0] else { panic!() };
    assert_eq!(object.meta().generation, Some(2), "a new spec is a new generation");
    fs::remove_file(folder.path().join("b.yaml")).unwrap();
    assert_eq!(look(&mut directory), ["deleted Realm/default/guests"]);
}

#[test]
fn a_file_that_is_gone_for_a_moment_is_not_deleted() {
    let (folder, mut directory) = seen(&[("a.yaml", &realm("staff", ""))]);
    write(folder.path(), "a.yaml", "");
    let scan = directory.scan(START);
    assert!(scan.again && scan.events.is_empty());
    write(folder.path(), "a.yaml", &realm("staff", ""));
    assert_eq!(look(&mut directory), Vec::<String>::new());
}

#[test]
fn a_directory_that_is_gone_says_nothing_of_its_objects() {
    let (folder, mut directory) = seen(&[("sub/a.yaml", &realm("staff", ""))]);
    let away = folder.path().with_extension("away");
    fs::rename(folder.path(), &away).unwrap();
    assert_eq!(look(&mut directory), Vec::<String>::new());
    fs::rename(&away, folder.path()).unwrap();
    assert_eq!(look(&mut directory), Vec::<String>::new());
}

#[test]
fn an_object_of_a_file_that_was_broken_from_the_start_is_reported_and_not_served() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.yaml", &format!("{}---\n[", realm("staff", "")));
    let events = Directory::new(folder.path()).scan(START).events;
    let Event::Replaced { objects, malformed, .. } = &events[2] else { panic!() };
    assert!(objects.is_empty());
    assert_eq!(
        (malformed[0].key.to_string(), malformed[0].meta.name.as_deref()),
        ("Realm/default/staff".into(), Some("staff"))
    );
    assert!(malformed[0].problems[0].message.contains("(a.yaml:"));
}

#[test]
fn a_broken_file_keeps_its_last_good_objects_and_is_reported_with_its_line() {
    let both = format!("{}---\n{}", realm("staff", ""), realm("guests", ""));
    let (folder, mut directory) = seen(&[("a.yaml", &both)]);
    write(folder.path(), "a.yaml", &both.replace("name: guests}", "name: guests"));
    let said = look(&mut directory);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said.iter().all(|word| word.starts_with("malformed Realm/default/") && word.contains("(a.yaml:")),
        "{said:?}"
    );
    assert_eq!(look(&mut directory), Vec::<String>::new(), "it is said once");
    write(folder.path(), "a.yaml", &both);
    let events = directory.scan(START).events;
    assert_eq!(words(&events), ["applied Realm/default/guests", "applied Realm/default/staff"]);
    let Event::Applied(mended) = &events[0] else { panic!() };
    assert_eq!(mended.meta().generation, Some(3), "what was bad in between was a generation too");
}

#[test]
fn an_invalid_object_is_reported_and_its_neighbours_are_served() {
    let (folder, mut directory) = seen(&[("a.yaml", &realm("staff", ""))]);
    write(folder.path(), "a.yaml", &format!("{}---\n{}", realm("staff", "issuer: ftp://x"), realm("guests", "")));
    let scan = directory.scan(START);
    assert!(
        scan.problems[0].to_string().starts_with("a.yaml:4: Realm/staff: spec.issuer: must be https://"),
        "{:?}",
        scan.problems
    );
    let said = words(&scan.events);
    assert_eq!(said[0], "applied Realm/default/guests");
    assert!(
        said[1].starts_with("malformed Realm/default/staff spec.issuer: must be https://")
            && said[1].ends_with("(a.yaml:4)")
    );
}

#[test]
fn what_may_not_change_is_refused_against_what_was_there() {
    let (folder, mut directory) = seen(&[("a.yaml", &realm("staff", "issuer: \"https://a.example\""))]);
    write(folder.path(), "a.yaml", &realm("staff", "issuer: \"https://b.example\""));
    assert!(look(&mut directory)[0].starts_with("malformed Realm/default/staff spec.issuer: issuer can't be changed"));
}

#[test]
fn an_object_that_stands_twice_counts_once() {
    let (folder, mut directory) = seen(&[("a.yaml", &realm("staff", "displayName: A"))]);
    write(folder.path(), "b.yaml", &realm("staff", "displayName: B"));
    let scan = directory.scan(START);
    assert_eq!(words(&scan.events), Vec::<String>::new());
    assert_eq!(
        scan.problems[0].to_string(),
        "b.yaml:3: Realm/staff: metadata.name: the object stands already in a.yaml:1, which is the one that counts"
    );
}

#[test]
fn a_status_that_was_written_comes_back_with_its_object() {
    let (folder, mut directory) = seen(&[("a.yaml", &realm("staff", ""))]);
    let key = super::super::ObjectKey::new(Kind::Realm, "default", "staff");
    let path = layout::status(folder.path(), &key).unwrap();
    assert_eq!(path, folder.path().join(".realmkeeper/status/Realm/default/staff.yaml"));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "status: {issuer: http://x}\n").unwrap();
    let events = directory.scan(START).events;
    let Event::Applied(Object::Realm(realm)) = &events[0] else { panic!("{events:?}") };
    assert_eq!(realm.status.as_ref().unwrap().issuer.as_deref(), Some("http://x"));
    assert_eq!(realm.metadata.generation, Some(1), "a status is no new generation");
}

#[test]
fn a_name_that_leads_out_of_the_folder_has_no_status() {
    for (namespace, name) in [("default", "../../../x"), ("..", "x"), ("a/b", "x"), ("", "x")] {
        let key = super::super::ObjectKey::new(Kind::Realm, namespace, name);
        assert_eq!(layout::status(Path::new("/d"), &key), None, "{namespace} {name}");
    }
}

#[test]
fn the_store_beside_the_manifests_is_no_reason_to_look() {
    let event = |paths: &[&str]| {
        let event = notify::Event::new(notify::EventKind::Modify(notify::event::ModifyKind::Any));
        paths.iter().fold(event, |event, path| event.add_path(path.into()))
    };
    assert!(super::is_noise(&event(&["/d/.realmkeeper/store.sqlite-wal"])));
    assert!(super::is_noise(&notify::Event::new(notify::EventKind::Access(notify::event::AccessKind::Any))));
    for paths in [
        &["/d/a.yaml"][..],
        &["/d/store.sqlite-wal"],
        &["/d/.realmkeeper/status"],
        &["/d/.realmkeeper/secrets/a/.1-2.new", "/d/.realmkeeper/secrets/a/b.yaml"],
        &[],
    ] {
        assert!(!super::is_noise(&event(paths)), "{paths:?}");
    }
}

#[tokio::test]
async fn a_saved_file_is_live_within_a_second() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.yaml", &realm("staff", ""));
    let (sender, mut events) = mpsc::channel(64);
    let stop = CancellationToken::new();
    let clock: Arc<dyn Fn() -> Timestamp + Send + Sync> = {
        #[allow(clippy::disallowed_methods, reason = "the rim of a test")]
        let begin = Instant::now();
        Arc::new(move || START + SignedDuration::try_from(begin.elapsed()).unwrap())
    };
    let running = tokio::spawn(run(folder.path().to_owned(), sender, clock, stop.clone()));
    for _ in Kind::ALL {
        assert!(matches!(events.recv().await, Some(Event::Replaced { .. })));
    }
    // As an editor saves: a new file takes the place of the old one.
    write(folder.path(), ".a.yaml.new", &realm("staff", "displayName: Staff"));
    fs::rename(folder.path().join(".a.yaml.new"), folder.path().join("a.yaml")).unwrap();
    let next = async |events: &mut mpsc::Receiver<Event>| {
        let event = tokio::time::timeout(Duration::from_secs(1), events.recv()).await.expect("within a second");
        words(&[event.unwrap()]).remove(0)
    };
    assert_eq!(next(&mut events).await, "applied Realm/default/staff");
    write(folder.path(), "new/b.yaml", &realm("guests", ""));
    assert_eq!(next(&mut events).await, "applied Realm/default/guests");
    fs::remove_dir_all(folder.path().join("new")).unwrap();
    assert_eq!(next(&mut events).await, "deleted Realm/default/guests");
    stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_an_error() {
    let (sender, _events) = mpsc::channel(1);
    let gone = run("/nowhere/at/all".into(), sender, Arc::new(|| START), CancellationToken::new()).await;
    assert_eq!(gone.unwrap_err().to_string(), "/nowhere/at/all is not a directory that can be read");
}
