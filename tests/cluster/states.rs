//! An object of every kind in every state, as the operator leaves it in a real API server.

use std::time::Duration;

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::{
    conformance::by,
    control_plane::Namespace,
    harness::{shared_cluster, shared_operator},
    suite::served::{Served, secret},
};

pub const KINDS: [&str; 5] = ["Realm", "OidcClient", "User", "Group", "SigningKey"];

/// A namespace with them all.
pub struct States {
    pub namespace: Namespace,
    pub served: Served,
}

impl States {
    /// Waits until each is in its state.
    pub async fn create(prefix: &str) -> Self {
        let namespace = Namespace::create(&shared_cluster().plane, prefix, json!({})).await;
        let served = by(shared_operator(), &namespace);
        let states = Self { served, namespace };
        states.served.apply([secret("login", &[("password", "analytical-engine")]), secret("empty", &[])]).await;
        states.served.apply(states.objects()).await;
        for kind in KINDS {
            for (state, ready) in [("ready", "True"), ("frozen", "True"), ("waits", "Unknown"), ("fails", "False")] {
                states.served.until_condition(kind, &states.name(kind, state), "Ready", ready).await;
            }
            states.annotate(kind, &states.name(kind, "frozen"), json!("disabled")).await;
        }
        states
    }

    /// What the object of this kind in this state is called.
    pub fn name(&self, kind: &str, state: &str) -> String {
        match (kind, state) {
            ("Realm", "ready") => self.served.realm.clone(),
            ("Realm", state) => format!("{}-{state}", self.served.realm),
            (_, state) => state.to_owned(),
        }
    }

    pub async fn get(&self, kind: &str, state: &str) -> Value {
        self.namespace.get(kind, &self.name(kind, state)).await.unwrap()
    }

    /// Sets `realmkeeper.dev/reconcile`, or takes it away.
    pub async fn annotate(&self, kind: &str, name: &str, reconcile: Value) {
        let patch = json!({"metadata": {"annotations": {"realmkeeper.dev/reconcile": reconcile}}});
        let api = self.namespace.dynamic(kind);
        api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    fn objects(&self) -> Vec<Value> {
        let issuer = format!("{}/realms/{}", self.served.public_url, self.served.realm);
        let realm = |state: &str, spec: Value| {
            let mut realm = self.served.realm(spec);
            realm["metadata"]["name"] = json!(self.name("Realm", state));
            realm
        };
        let robot = |spec: Value| {
            let mut all = json!({"grantTypes": ["client_credentials"]});
            all.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
            all
        };
        let referenced = |name: &str| json!({"credentials": {"secret": {"name": name, "source": "Reference"}}});
        let person = |secret: &str| json!({"passwordSecretRef": {"name": secret}});
        let members = |members: Value| json!({"members": members});
        // Of two rings of one algorithm the younger would wait to take over.
        let ring = |algorithm: &str| json!({"algorithm": algorithm});
        let brought = |secret: &str| json!({"algorithm": "ES384", "source": {"secretRef": {"name": secret}}});
        let children = [
            ("OidcClient", "ready", robot(json!({}))),
            ("OidcClient", "frozen", robot(json!({}))),
            ("OidcClient", "waits", robot(referenced("missing"))),
            ("OidcClient", "fails", robot(json!({"scopes": ["never-heard-of"]}))),
            ("User", "ready", person("login")),
            ("User", "frozen", person("login")),
            ("User", "waits", person("missing")),
            ("User", "fails", person("empty")),
            ("Group", "ready", members(json!({"users": ["ready"]}))),
            ("Group", "frozen", members(json!({}))),
            ("Group", "waits", members(json!({"users": ["nobody"]}))),
            ("Group", "fails", members(json!({"groups": ["fails"]}))),
            ("SigningKey", "ready", ring("Ed25519")),
            ("SigningKey", "frozen", ring("ES512")),
            ("SigningKey", "waits", brought("missing")),
            ("SigningKey", "fails", brought("empty")),
        ];
        let mut all = vec![
            realm("ready", json!({})),
            realm("frozen", json!({})),
            realm("waits", json!({"signing": {"defaultKeys": "None"}})),
            realm("fails", json!({"issuer": issuer})),
        ];
        all.extend(children.map(|(kind, state, spec)| self.served.child(kind, state, spec)));
        all
    }
}

/// A condition of an object.
pub fn condition<'o>(object: &'o Value, type_: &str) -> Option<&'o Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == type_)
}

pub const SOON: Duration = Duration::from_secs(20);
