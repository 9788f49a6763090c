use std::collections::BTreeMap;

use k8s_openapi::{
    ByteString,
    api::core::v1::Secret as KubeSecret,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};

use super::super::source::{Kind, ObjectKey};
use crate::{api::DeletionPolicy, realm::ObjectName, secret::Secret};

/// A Secret to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretWrite {
    /// Namespace and name.
    pub name: ObjectName,
    /// The object that wants it; a failure is reported for it.
    pub subject: ObjectKey,
    /// How it is written.
    pub mode: SecretMode,
    /// `type`, which Kubernetes never lets change.
    pub type_: String,
    /// `immutable: true`: the API server refuses every later change of the data.
    pub immutable: bool,
    /// All labels that are ours to set.
    pub labels: BTreeMap<String, String>,
    /// All annotations that are ours to set.
    pub annotations: BTreeMap<String, String>,
    /// The entries.
    pub data: BTreeMap<String, Secret>,
    /// The ownerReference; none: the Secret outlives its owner.
    pub owner: Option<Owner>,
}

/// How a Secret is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretMode {
    /// By `create`, so that nothing that is there is overwritten. Where one of this name is there already (409 AlreadyExists), its
    /// metadata decide: with the labels `app.kubernetes.io/managed-by: realmkeeper` and `realmkeeper.dev/readable: "true"` another
    /// replica was first, which is no error; without one of them it is foreign, or will never be seen by our watch, and is
    /// reported as such ([`super::super::apply::ApplyOutcome::foreign`]).
    Create,
    /// By forced server-side apply over one that is known to be ours, as it was seen: the API server refuses it (409) where the Secret
    /// was deleted, replaced or changed meanwhile, and the next plan knows better. So a replica that was paused and believes
    /// that it still leads can't undo what its successor wrote.
    Apply {
        /// The `uid` of the Secret that is meant; none where there is no cluster.
        uid: Option<String>,
        /// The `resourceVersion` that was seen; none where there is no cluster.
        resource_version: Option<String>,
    },
}

impl SecretMode {
    /// Over this Secret and no other version of it.
    pub fn over(secret: &KubeSecret) -> Self {
        let (uid, resource_version) = (secret.metadata.uid.clone(), secret.metadata.resource_version.clone());
        Self::Apply { uid, resource_version }
    }
}

/// Whom a Secret goes with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Its kind.
    pub kind: Kind,
    /// Its name, in the Secret's namespace.
    pub name: String,
    /// Its `uid`; none where there is no cluster.
    pub uid: Option<String>,
}

impl Owner {
    /// The owner that a policy asks for.
    pub fn by(policy: DeletionPolicy, key: &ObjectKey, uid: Option<String>) -> Option<Self> {
        let owner = || Self { kind: key.kind, name: key.name.name.to_string(), uid };
        (policy == DeletionPolicy::Delete).then(owner)
    }

    /// As `metadata.ownerReferences` has it: `controller: true`, not blocking the owner's deletion. Without a `uid` the field is
    /// empty, which only a directory accepts.
    pub fn reference(&self) -> OwnerReference {
        OwnerReference {
            api_version: self.kind.api_version().to_owned(),
            kind: self.kind.as_str().to_owned(),
            name: self.name.clone(),
            uid: self.uid.clone().unwrap_or_default(),
            controller: Some(true),
            block_owner_deletion: Some(false),
        }
    }
}

impl SecretWrite {
    /// The Secret as a key.
    pub fn key(&self) -> ObjectKey {
        ObjectKey { kind: Kind::Secret, name: self.name.clone() }
    }

    /// The manifest, for `create` or as a server-side apply patch. It holds the secret bytes and its `Debug` would print them: send
    /// it, and log nothing of it.
    pub fn manifest(&self) -> KubeSecret {
        let (uid, resource_version) = match &self.mode {
            SecretMode::Create => (None, None),
            SecretMode::Apply { uid, resource_version } => (uid.clone(), resource_version.clone()),
        };
        KubeSecret {
            metadata: ObjectMeta {
                name: Some(self.name.name.to_string()),
                namespace: Some(self.name.namespace.to_string()),
                uid,
                resource_version,
                labels: Some(self.labels.clone()),
                annotations: Some(self.annotations.clone()),
                owner_references: self.owner.as_ref().map(|owner| vec![owner.reference()]),
                ..ObjectMeta::default()
            },
            type_: Some(self.type_.clone()),
            immutable: self.immutable.then_some(true),
            data: Some(
                self.data.iter().map(|(name, value)| (name.clone(), ByteString(value.expose().to_vec()))).collect(),
            ),
            ..KubeSecret::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_entry_and_the_manifest_has_them_all() {
        let write = SecretWrite {
            name: ObjectName::new("monitoring", "grafana-oidc"),
            subject: ObjectKey::new(Kind::OidcClient, "monitoring", "grafana"),
            mode: SecretMode::Apply { uid: Some("u1".into()), resource_version: Some("7".into()) },
            type_: "servicebinding.io/oauth2".into(),
            immutable: false,
            labels: BTreeMap::from([("a".into(), "b".into())]),
            annotations: BTreeMap::new(),
            data: BTreeMap::from([("client-secret".into(), Secret::new("hunter2"))]),
            owner: Some(Owner { kind: Kind::OidcClient, name: "grafana".into(), uid: Some("u2".into()) }),
        };
        assert!(!format!("{write:?}").contains("hunter2"));
        let manifest = serde_json::to_value(write.manifest()).unwrap();
        assert_eq!(
            manifest,
            serde_json::json!({
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {
                    "name": "grafana-oidc", "namespace": "monitoring", "uid": "u1", "resourceVersion": "7", "labels": {"a": "b"}, "annotations": {},
                    "ownerReferences": [{
                        "apiVersion": "realmkeeper.dev/v1alpha1", "kind": "OidcClient", "name": "grafana", "uid": "u2",
                        "controller": true, "blockOwnerDeletion": false,
                    }],
                },
                "type": "servicebinding.io/oauth2",
                "data": {"client-secret": "aHVudGVyMg=="},
            })
        );
    }
}
