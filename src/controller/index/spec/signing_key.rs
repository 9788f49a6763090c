use std::{collections::BTreeSet, sync::Arc};

use jiff::SignedDuration;

use super::{Problems, key_algorithm, realm_name};
use crate::{
    api,
    controller::{
        checks::key_lifecycle::{DECRYPTION_GRACE, seconds},
        source::FieldProblem,
    },
    jose::KeyAlgorithm,
    realm::ObjectName,
};

/// A SigningKey's spec.
#[derive(Debug)]
pub struct SigningKeySpec {
    /// Its Realm.
    pub realm: ObjectName,
    /// What its keys are for.
    pub algorithm: KeyAlgorithm,
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

impl SigningKeySpec {
    /// How long a key is needed after it has retired: as long as the tokens that it signed live, `longest_token` at most; a key that decrypts,
    /// as long as something may still come that is encrypted for it.
    pub fn longest_use(&self, longest_token: SignedDuration) -> SignedDuration {
        match self.algorithm {
            KeyAlgorithm::Sign(_) => longest_token,
            KeyAlgorithm::Encrypt(_) => DECRYPTION_GRACE,
        }
    }
}

impl TryFrom<&api::SigningKey> for SigningKeySpec {
    type Error = Vec<FieldProblem>;

    fn try_from(key: &api::SigningKey) -> Result<Self, Self::Error> {
        let mut problems = Problems::default();
        let spec = &key.spec;
        let algorithm = key_algorithm(spec.algorithm);
        let usage = if spec.use_ == api::KeyUse::Enc { "enc" } else { "sig" };
        if algorithm.usage() != usage {
            problems.push("spec.use", format!("{usage} does not go with {algorithm}"));
        }
        let rotation = spec.rotation.unwrap_or_default();
        let is_generated = spec.source == api::KeySource::Generate;
        problems.finish(Self {
            every: rotation.period().filter(|_| is_generated).map(seconds),
            pre_publish: seconds(rotation.pre_publish),
            retain: rotation.retain,
            realm: realm_name(&spec.realm_ref, key.metadata.namespace.as_deref()),
            algorithm,
            source: match &spec.source {
                api::KeySource::Generate => KeySource::Generate,
                api::KeySource::SecretRef(reference) => KeySource::Secret(reference.name.as_str().into()),
            },
            revoked: spec.revoked_kids.iter().map(|kid| kid.as_str().into()).collect(),
            deletion_policy: spec.deletion_policy,
        })
    }
}
