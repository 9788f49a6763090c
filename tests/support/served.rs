//! A realm that is served, whichever way: what the suite knows about it.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{agent::Agent, relying_party::RelyingParty};
use crate::control_plane::wait::eventually;

/// Where resources are written, and what comes back: an API server or a directory.
#[async_trait]
pub trait Resources: Send + Sync {
    /// Creates or replaces an object, in the namespace of the test.
    async fn apply(&self, object: &Value);
    /// Deletes an object.
    async fn delete(&self, kind: &str, name: &str);
    /// The status of one of our objects, if it has one.
    async fn status(&self, kind: &str, name: &str) -> Option<Value>;
    /// The decoded entries of a Secret that the controller has written, if it is there.
    async fn secret(&self, name: &str) -> Option<BTreeMap<String, String>>;
}

/// One test's own realm.
pub struct Served {
    /// Where its resources are.
    pub resources: Box<dyn Resources>,
    /// The Realm's name: no other Realm that the same process serves has it.
    pub realm: String,
    /// `--public-url` of the process.
    pub public_url: String,
    /// Reaches the provider (and trusts its certificate); follows no redirects.
    pub http: reqwest::Client,
}

/// How long the controller may take to get a thing done.
pub const SOON: Duration = Duration::from_secs(20);

/// The password of every person here.
pub const PASSWORD: &str = "analytical-engine";

impl Served {
    /// A Realm of this test's name.
    pub fn realm(&self, spec: Value) -> Value {
        object("Realm", &self.realm, spec)
    }

    /// A child of the Realm.
    pub fn child(&self, kind: &str, name: &str, mut spec: Value) -> Value {
        spec["realmRef"] = json!({"name": self.realm});
        object(kind, name, spec)
    }

    /// A client that people sign in to, confidential unless `spec` says otherwise.
    pub fn client(&self, name: &str, spec: Value) -> Value {
        let mut all = json!({
            "redirectUris": ["http://127.0.0.1/callback"],
            "scopes": ["openid", "profile", "email", "groups", "offline_access"],
        });
        all.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        self.child("OidcClient", name, all)
    }

    /// Applies objects in this order.
    pub async fn apply(&self, objects: impl IntoIterator<Item = Value>) {
        for object in objects {
            self.resources.apply(&object).await;
        }
    }

    /// Ada, who can sign in, with her Secret and her group.
    pub async fn apply_ada(&self) {
        let ada = json!({
            "profile": {"name": "Ada Lovelace", "givenName": "Ada", "familyName": "Lovelace"},
            "email": {"address": "ada@example.com", "verified": true},
            "passwordSecretRef": {"name": "ada-login"},
        });
        self.apply([
            self.child("User", "ada", ada),
            secret("ada-login", &[("password", PASSWORD)]),
            self.child("Group", "engineers", json!({"members": {"users": ["ada"]}})),
        ])
        .await;
        self.until_ready("User", "ada").await;
        self.until_ready("Group", "engineers").await;
    }

    /// The Realm with the defaults, and Ada.
    pub async fn apply_realm_with_ada(&self) {
        self.apply([self.realm(json!({}))]).await;
        self.apply_ada().await;
    }

    /// Waits until the object is Ready, and returns its status.
    pub async fn until_ready(&self, kind: &str, name: &str) -> Value {
        self.until_condition(kind, name, "Ready", "True").await
    }

    /// Waits until a condition of the object has this status (and reason, after a slash), and returns the object's status.
    pub async fn until_condition(&self, kind: &str, name: &str, condition: &str, expected: &str) -> Value {
        let (wanted, reason) =
            expected.split_once('/').map_or((expected, None), |(status, reason)| (status, Some(reason)));
        eventually(&format!("{condition}={expected} of {kind} {name}"), SOON, || async {
            let status = self.resources.status(kind, name).await.unwrap_or_default();
            let found = status["conditions"].as_array().into_iter().flatten().find(|found| found["type"] == condition);
            let holds =
                found.is_some_and(|found| found["status"] == wanted && reason.is_none_or(|r| found["reason"] == r));
            if holds { Ok(status) } else { Err(status) }
        })
        .await
    }

    /// Waits for a Secret that the controller writes.
    pub async fn until_secret(&self, name: &str) -> BTreeMap<String, String> {
        eventually(&format!("Secret {name}"), SOON, || async { self.resources.secret(name).await.ok_or("not there") })
            .await
    }

    /// The issuer, as the Realm's status has it.
    pub async fn issuer(&self) -> String {
        self.until_ready("Realm", &self.realm).await["issuer"].as_str().unwrap().to_owned()
    }

    /// The relying party of an OidcClient that has been applied, with the credentials that its Secret holds.
    pub async fn relying_party(&self, name: &str) -> RelyingParty {
        let status = self.until_ready("OidcClient", name).await;
        let client_id = status["clientId"].as_str().unwrap();
        let secret = match status["binding"]["name"].as_str() {
            Some(binding) => self.until_secret(binding).await.get("client-secret").cloned(),
            None => None,
        };
        RelyingParty::discover(self.http.clone(), &self.issuer().await, client_id, secret.as_deref()).await
    }

    /// Applies a client and becomes its relying party.
    pub async fn with_client(&self, name: &str, spec: Value) -> RelyingParty {
        self.apply([self.client(name, spec)]).await;
        self.relying_party(name).await
    }

    /// A person's browser that was never here before.
    pub fn browser(&self) -> Agent {
        Agent::new(self.http.clone())
    }
}

/// An object of ours, without a namespace: it goes into the test's.
pub fn object(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "realmkeeper.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

/// A Secret that may be read.
pub fn secret(name: &str, entries: &[(&str, &str)]) -> Value {
    let entries: BTreeMap<_, _> = entries.iter().copied().collect();
    let metadata = json!({"name": name, "labels": {"realmkeeper.dev/readable": "true"}});
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": entries})
}
