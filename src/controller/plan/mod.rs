//! What must be written for the index to come true, as a value: nothing here reads a clock, a random number or a cluster.
//!
//! A plan can be applied in any order, twice, or by halves: each write stands for itself, Secrets are the state, and what was not
//! written is in the next plan again.

mod bindings;
mod build;
mod conditions;
mod default_keys;
mod events;
mod expiry;
mod generate;
mod keys;
mod secret_write;
mod statuses;

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret as KubeSecret;
use serde_json::Value;

use super::{
    marks,
    source::{Kind, ObjectKey},
};
use crate::{api::SigningKey, realm::ObjectName};

pub(super) use bindings::{BINDING_TYPE, Composition};
pub use build::build;
pub use generate::{Generator, SystemGenerator};
pub use secret_write::{Owner, SecretMode, SecretWrite};

/// What to write, and when to look again.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Secrets to create or apply.
    pub secrets: Vec<SecretWrite>,
    /// Generated Secrets that are no longer wanted.
    pub deletions: Vec<SecretDeletion>,
    /// Registered clients that nobody uses any more.
    pub expired: Vec<ClientRemoval>,
    /// SigningKeys to create; one that is there already is no error.
    pub resources: Vec<ResourceCreate>,
    /// Objects that are gone, where no cluster forgets by itself: what was kept of them beside their manifests is to go too.
    pub forgotten: Vec<ObjectKey>,
    /// Statuses that differ from those on the objects.
    pub statuses: Vec<StatusPatch>,
    /// What a person should know, each once.
    pub events: Vec<EventRecord>,
    /// Objects that this plan left out, to be planned again at once.
    pub deferred: Vec<ObjectKey>,
    /// Objects that must be planned again at a time though no event says so; for the others only an event can change anything.
    pub wakes: BTreeMap<ObjectKey, Timestamp>,
}

impl Plan {
    /// True where there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty()
            && self.deletions.is_empty()
            && self.expired.is_empty()
            && self.resources.is_empty()
            && self.forgotten.is_empty()
            && self.statuses.is_empty()
            && self.events.is_empty()
    }

    /// Each write against an API server as a plan of its own, in the order in which they are made.
    pub fn effects(self) -> Vec<Self> {
        let none = Self::default;
        let mut all = Vec::new();
        all.extend(self.secrets.into_iter().map(|write| Self { secrets: vec![write], ..none() }));
        all.extend(self.deletions.into_iter().map(|deletion| Self { deletions: vec![deletion], ..none() }));
        all.extend(self.expired.into_iter().map(|removal| Self { expired: vec![removal], ..none() }));
        all.extend(self.resources.into_iter().map(|create| Self { resources: vec![create], ..none() }));
        all.extend(self.statuses.into_iter().map(|patch| Self { statuses: vec![patch], ..none() }));
        all.extend(self.events.into_iter().map(|event| Self { events: vec![event], ..none() }));
        all
    }
}

/// A generated Secret that is no longer wanted (its binding was renamed, or its owner is gone where nobody collects garbage).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretDeletion {
    /// The Secret.
    pub name: ObjectName,
    /// The object that it belonged to.
    pub subject: ObjectKey,
    /// A precondition of the deletion where it is known: another Secret of this name is left alone.
    pub uid: Option<String>,
    /// Another, where it is known: a Secret that has changed since it was seen is left alone, and the next plan looks at it again.
    pub resource_version: Option<String>,
    /// The same where there is no cluster: one that holds another client secret by now is left alone.
    pub credential: Option<String>,
}

/// A client that registered itself and that nobody uses any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientRemoval {
    /// The OidcClient.
    pub key: ObjectKey,
    /// A precondition of the deletion where it is known: another client of this name is left alone.
    pub uid: Option<String>,
    /// Another: a client that was changed or used since it was seen is left alone, and the next plan looks at it again.
    pub resource_version: Option<u64>,
}

/// A resource to create, never to update.
#[derive(Debug, Clone)]
pub struct ResourceCreate {
    /// The object that wants it.
    pub subject: ObjectKey,
    /// The resource, with its ownerReference; a `uid` of an ownerReference is empty where there is no cluster.
    pub object: Box<SigningKey>,
}

/// A status to write by server-side apply to the subresource `status`, forced: all of it is ours.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusPatch {
    /// The object.
    pub key: ObjectKey,
    /// Where it is known, which object is meant.
    pub uid: Option<String>,
    /// A precondition where it is known: the API server ignores the `uid` of a status, and refuses one of an object that has
    /// changed since, or was made anew under its name. The change itself brings the next plan.
    pub resource_version: Option<u64>,
    /// The whole of `status`. A field that is not in it is taken away.
    pub status: Value,
    /// `metadata.creationTimestamp` as the source said it. Where no API server keeps it, it is kept beside the status: who is older
    /// must be known after a restart too.
    pub created: Timestamp,
}

/// `type` of a Kubernetes event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum EventType {
    Normal,
    Warning,
}

impl EventType {
    /// As it stands in an event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// An event (`events.k8s.io/v1`) for what a person should know. The controller sends one only where something changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// The object that it is about.
    pub regarding: ObjectKey,
    /// Its `uid`, where it has one.
    pub uid: Option<String>,
    /// Normal or Warning.
    pub type_: EventType,
    /// A word in CamelCase, such as `CredentialsCreated`.
    pub reason: &'static str,
    /// A sentence; never a secret. At most 1024 bytes.
    pub note: String,
    /// What was done or refused, a word in CamelCase.
    pub action: &'static str,
}

impl SecretDeletion {
    /// Of this Secret as it was seen.
    pub fn of(name: &ObjectName, secret: &KubeSecret, subject: &ObjectKey) -> Self {
        let (uid, resource_version) = (secret.metadata.uid.clone(), secret.metadata.resource_version.clone());
        let credential = marks::annotation(secret, marks::CREDENTIAL_ID).map(str::to_owned);
        Self { name: name.clone(), subject: subject.clone(), uid, resource_version, credential }
    }

    /// The Secret as a key.
    pub fn key(&self) -> ObjectKey {
        ObjectKey { kind: Kind::Secret, name: self.name.clone() }
    }
}
