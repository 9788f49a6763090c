//! The API server as a source, under the rights that `deploy/` grants.

use std::collections::HashMap;

use k8s_openapi::api::core::v1 as core;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use realmkeeper::controller::source::{Event, Kind, ObjectKey, kubernetes};
use serde_json::json;
use tokio::{sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    control_plane::{Namespace, objects},
    harness::{SOON, SYSTEM, quiet_cluster},
};

/// What a source has said so far, applied.
struct View {
    events: mpsc::Receiver<Event>,
    objects: HashMap<ObjectKey, String>,
    synced: Vec<Kind>,
}

impl View {
    async fn open() -> Self {
        let plane = &quiet_cluster().plane;
        let token = objects::token(&plane.admin().await, SYSTEM, "realmkeeper", "").await;
        let (sender, events) = mpsc::channel(16);
        tokio::spawn(kubernetes::watch(plane.client(&token).await, sender, CancellationToken::new()));
        Self { events, objects: HashMap::new(), synced: Vec::new() }
    }

    /// Applies events until `done`.
    async fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        while !done(self) {
            let event = timeout(SOON, self.events.recv()).await;
            match event.unwrap_or_else(|_| panic!("{what}: not seen")).unwrap() {
                Event::Applied(object) => {
                    assert!(object.meta().managed_fields.is_none());
                    self.objects.insert(object.key(), object.meta().uid.clone().unwrap());
                }
                Event::Deleted(key) => drop(self.objects.remove(&key)),
                Event::Malformed(malformed) => panic!("{malformed:?}"),
                Event::Replaced { kind, objects, malformed } => {
                    assert!(malformed.is_empty());
                    self.objects.retain(|key, _| key.kind != kind);
                    let keyed = |object: &realmkeeper::controller::source::Object| (object.key(), String::new());
                    self.objects.extend(objects.iter().map(keyed));
                    self.synced.push(kind);
                }
                Event::Synced(kind) => self.synced.push(kind),
            }
        }
    }

    fn has(&self, kind: Kind, namespace: &Namespace, name: &str) -> bool {
        self.objects.contains_key(&ObjectKey::new(kind, &*namespace.name, name))
    }
}

#[tokio::test]
async fn every_kind_is_listed_once_and_then_followed() {
    let namespace = Namespace::create(&quiet_cluster().plane, "watch", json!({})).await;
    namespace.apply("{apiVersion: realmkeeper.dev/v1alpha1, kind: Realm, metadata: {name: before}, spec: {}}");
    let mut view = View::open().await;
    view.until("all kinds", |view| Kind::ALL.iter().all(|kind| view.synced.contains(kind))).await;
    assert!(view.has(Kind::Realm, &namespace, "before"));
    assert!(view.objects.contains_key(&ObjectKey::new(Kind::Namespace, "", &*namespace.name)));
    namespace.apply("{apiVersion: realmkeeper.dev/v1alpha1, kind: Realm, metadata: {name: after}, spec: {}}");
    view.until("the new Realm", |view| view.has(Kind::Realm, &namespace, "after")).await;
    namespace.kubectl(&["delete", "realm", "before"]);
    view.until("the end of the old one", |view| !view.has(Kind::Realm, &namespace, "before")).await;
}

/// A Secret without the label is never sent to us; one that loses it is gone.
#[tokio::test]
async fn only_secrets_with_the_label_are_seen() {
    let namespace = Namespace::create(&quiet_cluster().plane, "watch", json!({})).await;
    namespace.kubectl(&["create", "secret", "generic", "hidden", "--from-literal=a=b"]);
    let mut view = View::open().await;
    view.until("all kinds", |view| Kind::ALL.iter().all(|kind| view.synced.contains(kind))).await;
    namespace.kubectl(&["create", "secret", "generic", "shown", "--from-literal=a=b"]);
    namespace.kubectl(&["label", "secret", "shown", "realmkeeper.dev/readable=true"]);
    view.until("the labelled Secret", |view| view.has(Kind::Secret, &namespace, "shown")).await;
    assert!(!view.has(Kind::Secret, &namespace, "hidden"));
    namespace.kubectl(&["label", "secret", "shown", "realmkeeper.dev/readable-"]);
    view.until("the Secret without its label", |view| !view.has(Kind::Secret, &namespace, "shown")).await;
}

/// Labels of namespaces are followed; nothing else of a Namespace is asked for.
#[tokio::test]
async fn a_namespace_is_followed_by_its_metadata() {
    let namespace = Namespace::create(&quiet_cluster().plane, "watch", json!({"team": "a"})).await;
    let plane = &quiet_cluster().plane;
    let (sender, mut events) = mpsc::channel(16);
    tokio::spawn(kubernetes::watch(plane.admin().await, sender, CancellationToken::new()));
    let key = ObjectKey::new(Kind::Namespace, "", &*namespace.name);
    let mut patched = false;
    loop {
        let event = timeout(SOON, events.recv()).await.unwrap().unwrap();
        let seen = match event {
            Event::Replaced { kind: Kind::Namespace, objects, .. } => {
                objects.into_iter().find(|object| object.key() == key)
            }
            Event::Applied(object) if object.key() == key => Some(object),
            _ => None,
        };
        let Some(seen) = seen else { continue };
        if seen.meta().labels.as_ref().unwrap()["team"] == "b" {
            break;
        }
        if !patched {
            let namespaces: Api<core::Namespace> = Api::all(namespace.client.clone());
            let label = Patch::Merge(json!({"metadata": {"labels": {"team": "b"}}}));
            namespaces.patch(&namespace.name, &PatchParams::default(), &label).await.unwrap();
            patched = true;
        }
    }
}
