use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{NamespaceName, ObjectName};

/// The Realm that an object belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct RealmRef {
    /// The name of the Realm.
    #[schemars(with = "ObjectName")]
    pub name: String,
    /// The namespace of the Realm; the object's own where it is left out. A Realm of another namespace must allow this
    /// one in `spec.allowed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<NamespaceName>")]
    pub namespace: Option<String>,
}

impl RealmRef {
    /// The Realm's namespace, for an object that stands in `own`.
    pub fn namespace_or<'a>(&'a self, own: &'a str) -> &'a str {
        self.namespace.as_deref().unwrap_or(own)
    }
}

/// A Secret in the object's own namespace. It is read only where it carries the label `realmkeeper.dev/readable: "true"`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct SecretRef {
    /// The name of the Secret.
    #[schemars(with = "ObjectName")]
    pub name: String,
}

/// What becomes of generated Secrets when their object is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum DeletionPolicy {
    /// They go with it, by ownerReference.
    Delete,
    /// They stay, without an owner.
    Retain,
}
