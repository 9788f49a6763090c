use std::{collections::BTreeSet, sync::Arc};

use jiff::SignedDuration;

use super::{Problems, algorithm, realm_name};
use crate::{
    api,
    controller::{checks::key_lifecycle::seconds, source::FieldProblem},
    jose::Algorithm,
    realm::ObjectName,
};

/// A SigningKey's spec.
#[derive(Debug)]
pub struct SigningKeySpec {
    /// Its Realm.
    pub realm: ObjectName,
    /// What its keys sign with.
    pub algorithm: Algorithm,
    /// Where its keys come from.
    pub source: KeySource,
    /// How long a key signs; none: until something else asks for a new one.
    pub every: Option<SignedDuration>,
    /// How long a key is published before it signs.
    pub pre_publish: SignedDuration,
    /// How long a key stays published after it has signed its last.
    pub retain: api::Retain,
    /// Keys that are never accepted again.
    pub revoked: BTreeSet<Arc<str>>,
    /// Whether generated Secrets go with the SigningKey.
    pub deletion_policy: api::DeletionPolicy,
}

/// Where keys come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// They are made here, an immutable Secret `NAME-N` each.
    Generate,
    /// From this Secret of the SigningKey's namespace, one key at a time.
    Secret(Arc<str>),
}

impl TryFrom<&api::SigningKey> for SigningKeySpec {
    type Error = Vec<FieldProblem>;

    fn try_from(key: &api::SigningKey) -> Result<Self, Self::Error> {
        let mut problems = Problems::default();
        let spec = &key.spec;
        if spec.use_ == api::KeyUse::Enc {
            problems.push("spec.use", "encryption keys are not supported by this version");
        }
        let rotation = spec.rotation.unwrap_or_default();
        let is_generated = spec.source == api::KeySource::Generate;
        problems.finish(Self {
            every: rotation.period().filter(|_| is_generated).map(seconds),
            pre_publish: seconds(rotation.pre_publish),
            retain: rotation.retain,
            realm: realm_name(&spec.realm_ref, key.metadata.namespace.as_deref()),
            algorithm: algorithm(spec.algorithm),
            source: match &spec.source {
                api::KeySource::Generate => KeySource::Generate,
                api::KeySource::SecretRef(reference) => KeySource::Secret(reference.name.as_str().into()),
            },
            revoked: spec.revoked_kids.iter().map(|kid| kid.as_str().into()).collect(),
            deletion_policy: spec.deletion_policy,
        })
    }
}
