//! What a plan does to a real API server, under the rights that `deploy/` grants.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use k8s_openapi::api::{core::v1 as core, events::v1 as events};
use kube::{Api, Client, ResourceExt, api::ListParams};
use realmkeeper::{
    api::{DeletionPolicy, KeyAlgorithm, KeySource, KeyUse, RealmRef, SigningKey, SigningKeySpec},
    controller::{
        apply::{
            Applier, ApplyOutcome,
            kubernetes::KubernetesApplier,
            lease::{Election, Leadership},
        },
        plan::{
            EventRecord, EventType, Owner, Plan, ResourceCreate, SecretDeletion, SecretMode, SecretWrite, StatusPatch,
        },
        source::{Event, Kind, Object, ObjectKey},
    },
    realm::ObjectName,
    secret::Secret,
};
use serde_json::{Value, json};

use crate::{
    control_plane::{Namespace, objects, wait::eventually},
    harness::{SOON, SYSTEM, quiet_cluster},
};

struct Writer {
    namespace: Namespace,
    applier: KubernetesApplier,
}

/// A writer with the operator's rights, in a namespace with the Realm `staff`.
async fn writer() -> Writer {
    writer_with(Leadership::alone()).await
}

async fn writer_with(leadership: Leadership) -> Writer {
    let plane = &quiet_cluster().plane;
    let namespace = Namespace::create(plane, "writes", json!({})).await;
    namespace.apply("{apiVersion: realmkeeper.dev/v1alpha1, kind: Realm, metadata: {name: staff}, spec: {}}");
    let token = objects::token(&plane.admin().await, SYSTEM, "realmkeeper", "").await;
    let client: Client = plane.client(&token).await;
    let applier = KubernetesApplier::new(client, leadership, "writer", Arc::new(Timestamp::now));
    Writer { namespace, applier }
}

impl Writer {
    fn key(&self, kind: Kind, name: &str) -> ObjectKey {
        ObjectKey::new(kind, &*self.namespace.name, name)
    }

    async fn uid(&self, name: &str) -> String {
        self.namespace.get("Realm", name).await.unwrap()["metadata"]["uid"].as_str().unwrap().to_owned()
    }

    fn secret(&self, name: &str, mode: SecretMode, value: &str) -> SecretWrite {
        SecretWrite {
            name: ObjectName::new(&*self.namespace.name, name),
            subject: self.key(Kind::Realm, "staff"),
            mode,
            type_: "servicebinding.io/oauth2".into(),
            immutable: false,
            labels: BTreeMap::from([
                ("app.kubernetes.io/managed-by".into(), "realmkeeper".into()),
                ("realmkeeper.dev/readable".into(), "true".into()),
            ]),
            annotations: BTreeMap::from([("realmkeeper.dev/a".into(), "b".into())]),
            data: BTreeMap::from([("value".into(), Secret::new(value))]),
            owner: None,
        }
    }

    async fn write(&self, write: SecretWrite) -> ApplyOutcome {
        self.applier.apply(Plan { secrets: vec![write], ..Plan::default() }).await
    }

    /// A status for the Realm of this name, as it was when it looked like `seen` (null: nothing is known of it).
    fn patch(&self, name: &str, seen: &Value, status: Value) -> StatusPatch {
        let text = |field: &str| seen["metadata"][field].as_str().map(str::to_owned);
        StatusPatch {
            key: self.key(Kind::Realm, name),
            uid: text("uid"),
            resource_version: text("resourceVersion").map(|version| version.parse().unwrap()),
            status,
            created: Timestamp::UNIX_EPOCH,
        }
    }

    async fn status(&self, name: &str, seen: &Value, status: Value) -> ApplyOutcome {
        let patch = self.patch(name, seen, status);
        self.applier.apply(Plan { statuses: vec![patch], ..Plan::default() }).await
    }

    async fn staff(&self) -> Value {
        self.namespace.get("Realm", "staff").await.unwrap()
    }

    fn secrets(&self) -> Api<core::Secret> {
        Api::namespaced(self.namespace.client.clone(), &self.namespace.name)
    }
}

fn is_quiet(outcome: &ApplyOutcome) -> bool {
    outcome.failed.is_empty() && outcome.foreign.is_empty() && !outcome.lost_lease
}

#[tokio::test]
async fn a_secret_is_created_once_and_belongs_to_its_owner() {
    let writer = writer().await;
    let uid = writer.uid("staff").await;
    let mut write = writer.secret("made", SecretMode::Create, "first");
    write.owner = Some(Owner { kind: Kind::Realm, name: "staff".into(), uid: Some(uid.clone()) });
    let outcome = writer.write(write.clone()).await;
    let [Event::Applied(Object::Secret(made))] = outcome.observed.as_slice() else { panic!("{outcome:?}") };
    assert!(made.metadata.managed_fields.is_none());
    let owner = &writer.secrets().get("made").await.unwrap().owner_references()[0].clone();
    assert_eq!((&owner.uid, owner.controller, owner.block_owner_deletion), (&uid, Some(true), Some(false)));

    // Another replica was first: no error, and nothing is written.
    write.data = BTreeMap::from([("value".into(), Secret::new("second"))]);
    let outcome = writer.write(write).await;
    assert!(is_quiet(&outcome) && outcome.observed.is_empty(), "{outcome:?}");
    assert_eq!(writer.namespace.secret("made", SOON).await["value"], "first");
}

#[tokio::test]
async fn a_foreign_secret_is_reported_and_left_alone() {
    let writer = writer().await;
    writer.namespace.kubectl(&["create", "secret", "generic", "theirs", "--from-literal=value=theirs"]);
    let outcome = writer.write(writer.secret("theirs", SecretMode::Create, "ours")).await;
    assert_eq!(outcome.foreign.len(), 1, "{outcome:?}");
    assert_eq!(outcome.foreign[0].subject, writer.key(Kind::Realm, "staff"));
    assert_eq!(writer.namespace.secret("theirs", SOON).await["value"], "theirs");

    let name = ObjectName::new(&*writer.namespace.name, "theirs");
    let deletion = SecretDeletion {
        name,
        subject: writer.key(Kind::Realm, "staff"),
        uid: None,
        resource_version: None,
        credential: None,
    };
    let outcome = writer.applier.apply(Plan { deletions: vec![deletion], ..Plan::default() }).await;
    assert!(is_quiet(&outcome));
    assert_eq!(writer.namespace.secret("theirs", SOON).await["value"], "theirs", "nor is it deleted");
}

/// Server-side apply takes away what is no longer in the plan, and hits the Secret that was meant or none.
#[tokio::test]
async fn an_applied_secret_is_what_the_plan_says_and_only_the_one_that_was_meant() {
    let writer = writer().await;
    writer.write(writer.secret("kept", SecretMode::Create, "first")).await;
    let uid = writer.secrets().get("kept").await.unwrap().uid();
    let mut write = writer.secret("kept", SecretMode::Apply { uid: uid.clone(), resource_version: None }, "second");
    write.data = BTreeMap::from([("other".into(), Secret::new("x")), ("value".into(), Secret::new("second"))]);
    assert!(matches!(writer.write(write.clone()).await.observed.as_slice(), [Event::Applied(_)]));
    assert_eq!(writer.namespace.secret("kept", SOON).await.len(), 2);
    write.data.remove("other");
    writer.write(write.clone()).await;
    let entries = writer.namespace.secret("kept", SOON).await;
    assert_eq!(entries, BTreeMap::from([("value".into(), "second".into())]));

    for uid in [Some("00000000-0000-0000-0000-000000000000".to_owned()), uid] {
        write.mode = SecretMode::Apply { uid, resource_version: None };
        write.data = BTreeMap::from([("value".into(), Secret::new("third"))]);
        if writer.secrets().get_opt("kept").await.unwrap().is_some() {
            let outcome = writer.write(write.clone()).await;
            assert!(is_quiet(&outcome) && outcome.observed.is_empty(), "{outcome:?}");
            assert_eq!(writer.namespace.secret("kept", SOON).await["value"], "second", "another uid");
            writer.secrets().delete("kept", &Default::default()).await.unwrap();
        } else {
            assert!(is_quiet(&writer.write(write.clone()).await));
            assert!(writer.secrets().get_opt("kept").await.unwrap().is_none(), "it is not made anew");
        }
    }
}

/// What a creation wrote goes as well when it is no longer in the plan; what somebody else has added never does.
#[tokio::test]
async fn what_was_created_is_taken_away_by_the_first_plan_without_it_and_what_others_added_stays() {
    let writer = writer().await;
    let mut write = writer.secret("renamed", SecretMode::Create, "first");
    write.data.insert("old-name".into(), Secret::new("hunter2"));
    write.labels.insert("team".into(), "a".into());
    write.owner = Some(Owner { kind: Kind::Realm, name: "staff".into(), uid: Some(writer.uid("staff").await) });
    writer.write(write.clone()).await;
    let theirs = r#"{"metadata":{"labels":{"theirs":"x"}},"stringData":{"theirs":"y"}}"#;
    writer.namespace.kubectl(&["patch", "secret", "renamed", "--patch", theirs]);

    write.data = BTreeMap::from([("value".into(), Secret::new("first")), ("new-name".into(), Secret::new("hunter2"))]);
    write.labels.remove("team");
    write.owner = None;
    let found = writer.secrets().get("renamed").await.unwrap();
    write.mode = SecretMode::over(&found);
    let outcome = writer.write(write.clone()).await;
    let [Event::Applied(Object::Secret(answer))] = outcome.observed.as_slice() else { panic!("{outcome:?}") };
    assert!(answer.metadata.managed_fields.is_none());
    let after = writer.secrets().get("renamed").await.unwrap();
    let names: Vec<_> = after.data.as_ref().unwrap().keys().collect();
    assert_eq!(names, ["new-name", "theirs", "value"]);
    let labels: Vec<_> = after.labels().keys().collect();
    assert_eq!(labels, ["app.kubernetes.io/managed-by", "realmkeeper.dev/readable", "theirs"]);
    assert!(after.owner_references().is_empty(), "{:?}", after.owner_references());
    let ours: Vec<_> = after.managed_fields().iter().filter(|e| e.manager.as_deref() == Some("realmkeeper")).collect();
    assert_eq!(ours.len(), 1, "{ours:?}");
    assert_eq!(ours[0].operation.as_deref(), Some("Apply"));
    assert_eq!((after.uid(), after.type_), (found.uid(), found.type_));

    // Again and again, with nothing left to be moved.
    write.data.remove("new-name");
    write.mode = SecretMode::over(&writer.secrets().get("renamed").await.unwrap());
    writer.write(write).await;
    let entries = writer.namespace.secret("renamed", SOON).await;
    assert_eq!(entries, BTreeMap::from([("theirs".into(), "y".into()), ("value".into(), "first".into())]));
}

/// A replica that was paused wakes with a plan of before: what its successor wrote meanwhile must stand.
#[tokio::test]
async fn a_plan_made_of_an_earlier_version_changes_nothing() {
    let writer = writer().await;
    writer.write(writer.secret("fenced", SecretMode::Create, "first")).await;
    let seen = writer.secrets().get("fenced").await.unwrap();
    let successors = writer.secret("fenced", SecretMode::over(&seen), "of the successor");
    assert!(matches!(writer.write(successors).await.observed.as_slice(), [Event::Applied(_)]));

    let outcome = writer.write(writer.secret("fenced", SecretMode::over(&seen), "of the paused one")).await;
    assert!(is_quiet(&outcome) && outcome.observed.is_empty(), "{outcome:?}");
    let deletion = SecretDeletion::of(
        &ObjectName::new(&*writer.namespace.name, "fenced"),
        &seen,
        &writer.key(Kind::Realm, "staff"),
    );
    let outcome = writer.applier.apply(Plan { deletions: vec![deletion], ..Plan::default() }).await;
    assert!(is_quiet(&outcome) && outcome.observed.is_empty(), "{outcome:?}");
    assert_eq!(writer.namespace.secret("fenced", SOON).await["value"], "of the successor");
}

#[tokio::test]
async fn a_generated_secret_is_deleted_if_it_is_the_one_that_is_meant() {
    let writer = writer().await;
    writer.write(writer.secret("old", SecretMode::Create, "x")).await;
    let uid = writer.secrets().get("old").await.unwrap().uid();
    let delete = async |uid: Option<String>| {
        let name = ObjectName::new(&*writer.namespace.name, "old");
        let deletion = SecretDeletion {
            name,
            subject: writer.key(Kind::Realm, "staff"),
            uid,
            resource_version: None,
            credential: None,
        };
        writer.applier.apply(Plan { deletions: vec![deletion], ..Plan::default() }).await
    };
    let outcome = delete(Some("00000000-0000-0000-0000-000000000000".into())).await;
    assert!(is_quiet(&outcome) && outcome.observed.is_empty());
    assert!(writer.secrets().get_opt("old").await.unwrap().is_some());
    for uid in [uid.clone(), uid, None] {
        let outcome = delete(uid).await;
        assert!(matches!(outcome.observed.as_slice(), [Event::Deleted(_)]), "{outcome:?}");
        assert!(writer.secrets().get_opt("old").await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_status_is_written_whole_under_our_name_and_never_a_spec() {
    let writer = writer().await;
    let condition = json!([{"type": "Ready", "status": "True", "reason": "Ready", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]);
    let first = json!({"conditions": condition, "issuer": "https://a.example", "attached": {"users": 1, "groups": 0, "oidcClients": 0}});
    let outcome = writer.status("staff", &writer.staff().await, first).await;
    let [Event::Applied(Object::Realm(realm))] = outcome.observed.as_slice() else { panic!("{outcome:?}") };
    assert_eq!(realm.status.as_ref().unwrap().issuer.as_deref(), Some("https://a.example"));
    let second = json!({"conditions": condition, "issuer": "https://b.example"});
    writer.status("staff", &writer.staff().await, second.clone()).await;
    let realm = writer.staff().await;
    assert_eq!(realm["status"], second, "what is not in the plan is taken away");
    assert_eq!(realm["metadata"]["generation"], 1);
    let managers = realm["metadata"]["managedFields"].as_array().unwrap();
    let ours = managers.iter().find(|entry| entry["manager"] == "realmkeeper").unwrap();
    assert_eq!((&ours["operation"], &ours["subresource"]), (&json!("Apply"), &json!("status")));
    let refused = writer.status("staff", &Value::Null, json!({"issuer": 5})).await;
    assert_eq!(refused.failed[0].subject, writer.key(Kind::Realm, "staff"));
}

/// A status that was computed from what is no more is not written: not to an object that has changed since, not to another of its
/// name, and nothing is made where there is none. None of it is a failure: the change brings a plan of its own.
#[tokio::test]
async fn a_status_hits_the_object_that_was_looked_at_or_none() {
    let writer = writer().await;
    let (seen, late) = (writer.staff().await, json!({"issuer": "https://late.example"}));
    writer.namespace.kubectl(&["label", "realm", "staff", "changed=yes"]);
    let overtaken = async || {
        let outcome = writer.status("staff", &seen, late.clone()).await;
        assert!(is_quiet(&outcome) && outcome.observed.is_empty(), "{outcome:?}");
    };
    overtaken().await;
    assert_untouched(&writer.staff().await);
    writer.namespace.kubectl(&["delete", "realm", "staff"]);
    overtaken().await;
    assert!(writer.namespace.get("Realm", "staff").await.is_err());
    writer.namespace.apply("{apiVersion: realmkeeper.dev/v1alpha1, kind: Realm, metadata: {name: staff}, spec: {}}");
    overtaken().await;
    assert_untouched(&writer.staff().await);
}

/// The status is the one that the API server itself gives.
fn assert_untouched(object: &Value) {
    let [condition] = object["status"]["conditions"].as_array().unwrap().as_slice() else { panic!("{object}") };
    assert_eq!((&condition["type"], &condition["reason"]), (&json!("Ready"), &json!("Pending")), "{object}");
    assert_eq!(object["status"].as_object().unwrap().len(), 1, "{object}");
}

#[tokio::test]
async fn a_signing_key_is_created_once() {
    let writer = writer().await;
    let spec = SigningKeySpec {
        realm_ref: RealmRef { name: "staff".into(), namespace: None },
        algorithm: KeyAlgorithm::ES256,
        use_: KeyUse::Sig,
        source: KeySource::Generate,
        rotation: None,
        revoked_kids: Vec::new(),
        deletion_policy: DeletionPolicy::Delete,
    };
    let mut key = SigningKey::new("staff-es256", spec);
    key.metadata.namespace = Some(writer.namespace.name.clone());
    let owner = Owner { kind: Kind::Realm, name: "staff".into(), uid: Some(writer.uid("staff").await) };
    key.metadata.owner_references = Some(vec![owner.reference()]);
    for expected in [1, 0] {
        let create = ResourceCreate { subject: writer.key(Kind::Realm, "staff"), object: Box::new(key.clone()) };
        let outcome = writer.applier.apply(Plan { resources: vec![create], ..Plan::default() }).await;
        assert!(is_quiet(&outcome), "{outcome:?}");
        assert_eq!(outcome.observed.len(), expected);
    }
}

#[tokio::test]
async fn an_event_is_seen_on_its_object_and_its_repetition_is_counted() {
    let writer = writer().await;
    for _ in 0..2 {
        let record = EventRecord {
            regarding: writer.key(Kind::Realm, "staff"),
            uid: Some(writer.uid("staff").await),
            type_: EventType::Warning,
            reason: "Conflicted",
            note: "x".repeat(3000),
            action: "Accept",
        };
        let outcome = writer.applier.apply(Plan { events: vec![record], ..Plan::default() }).await;
        assert!(is_quiet(&outcome));
    }
    let api: Api<events::Event> = Api::namespaced(writer.namespace.client.clone(), &writer.namespace.name);
    let list = api.list(&ListParams::default()).await.unwrap().items;
    assert_eq!(list.len(), 1, "{list:?}");
    assert_eq!(list[0].reason.as_deref(), Some("Conflicted"));
    assert_eq!(list[0].reporting_instance.as_deref(), Some("writer"));
    assert_eq!(list[0].series.as_ref().unwrap().count, 2);
}

/// As of two rotations, one soon after the other: each says which secret or key it is about.
#[tokio::test]
async fn an_event_with_another_note_is_no_repetition() {
    let writer = writer().await;
    let uid = writer.uid("staff").await;
    for note in ["the first", "the second", "the first"] {
        let record = EventRecord {
            regarding: writer.key(Kind::Realm, "staff"),
            uid: Some(uid.clone()),
            type_: EventType::Normal,
            reason: "KeyCreated",
            note: note.into(),
            action: "CreateKey",
        };
        let outcome = writer.applier.apply(Plan { events: vec![record], ..Plan::default() }).await;
        assert!(is_quiet(&outcome));
    }
    let api: Api<events::Event> = Api::namespaced(writer.namespace.client.clone(), &writer.namespace.name);
    let list = api.list(&ListParams::default()).await.unwrap().items;
    let counts =
        list.iter().map(|event| (event.note.clone().unwrap(), event.series.as_ref().map(|series| series.count)));
    let counts: std::collections::BTreeMap<_, _> = counts.collect();
    assert_eq!(counts, [("the first".to_owned(), Some(2)), ("the second".to_owned(), None)].into());
}

/// Whoever does not hold the Lease writes nothing at all.
#[tokio::test]
async fn without_the_lease_nothing_is_written() {
    let plane = &quiet_cluster().plane;
    let election = Election::new(plane.admin().await, "default", "nobody".into(), Arc::new(Timestamp::now));
    let writer = writer_with(election.leadership()).await;
    let plan = Plan {
        secrets: vec![writer.secret("unwritten", SecretMode::Create, "x")],
        statuses: vec![writer.patch("staff", &Value::Null, json!({"issuer": "x"}))],
        ..Plan::default()
    };
    let outcome = writer.applier.apply(plan).await;
    assert!(outcome.lost_lease && outcome.observed.is_empty() && outcome.failed.is_empty());
    assert!(writer.secrets().get_opt("unwritten").await.unwrap().is_none());
    assert_untouched(&writer.staff().await);
}

/// In a namespace that goes nothing can be made; that is no failure to try again.
#[tokio::test]
async fn a_namespace_that_goes_is_no_failure() {
    let writer = writer().await;
    // Something in it that does not go, so that the namespace stays in between.
    let held = json!({"metadata": {"name": "held", "finalizers": ["test.example/hold"]}});
    let maps: Api<core::ConfigMap> = Api::namespaced(writer.namespace.client.clone(), &writer.namespace.name);
    maps.create(&Default::default(), &serde_json::from_value(held).unwrap()).await.unwrap();
    writer.namespace.delete().await;
    eventually("the Realm is gone", SOON, || async {
        writer.namespace.get("Realm", "staff").await.is_err().then_some(()).ok_or("there")
    })
    .await;
    let outcome = writer.write(writer.secret("late", SecretMode::Create, "x")).await;
    assert!(is_quiet(&outcome) && outcome.observed.is_empty(), "{outcome:?}");
    let release = kube::api::Patch::Merge(json!({"metadata": {"finalizers": null}}));
    maps.patch("held", &Default::default(), &release).await.unwrap();
    writer.namespace.until_gone(SOON).await;
}
