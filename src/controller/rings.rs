//! The keys of a SigningKey, as its Secrets have them.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret as KubeSecret;

use super::{
    checks::{Finding, Reason, key_lifecycle::Times, ownership, rotation::Generation},
    index::{
        spec::{KeySource, SigningKeySpec},
        state::RingKey,
        world::World,
    },
    marks,
    source::ObjectKey,
};
use crate::{
    jose::{self, PrivateKey, Signer},
    realm::{Key, ObjectName},
    secret::Secret,
};

/// The entry of a generated Secret that holds the private key: PEM, PKCS #8.
pub const KEY_ENTRY: &str = "private-key.pem";
/// Where a referenced Secret may have it: as cert-manager writes it, or as we do. A JWK is not read yet.
const REFERENCED_ENTRIES: [&str; 2] = ["tls.key", KEY_ENTRY];

/// What the Secrets of a SigningKey hold.
#[derive(Debug, Default)]
pub struct Ring {
    /// Keys that could be read, newest first.
    pub keys: Vec<RingKey>,
    /// Every generation of a generated ring.
    pub generations: Vec<Generation>,
    /// What could not be read.
    pub findings: Vec<Finding>,
}

impl Ring {
    /// The N of the next Secret.
    pub fn next_number(&self) -> u32 {
        self.generations.iter().map(|generation| generation.number).max().unwrap_or(0).saturating_add(1)
    }
}

/// The Secret of one generation, `NAME-N`.
pub fn secret_name(owner: &ObjectKey, number: u32) -> ObjectName {
    ObjectName::new(owner.name.namespace.clone(), format!("{}-{number}", owner.name.name))
}

/// Reads the ring; revoked keys are in it and not among the keys to be used.
pub fn load(world: &World, owner: &ObjectKey, spec: &SigningKeySpec) -> (Ring, Vec<Key>) {
    let mut ring = Ring::default();
    let mut keys = Vec::new();
    match &spec.source {
        KeySource::Secret(name) => match referenced(world, owner, spec, name) {
            Ok(key) => ring.add(key, name, spec, &mut keys),
            Err(finding) => ring.findings.push(finding),
        },
        KeySource::Generate => generated(world, owner, spec, &mut ring, &mut keys),
    }
    ring.keys.sort_by(|a, b| b.times.active_from.cmp(&a.times.active_from).then_with(|| a.kid.cmp(&b.kid)));
    (ring, keys)
}

impl Ring {
    fn add(&mut self, key: Key, secret: &Arc<str>, spec: &SigningKeySpec, keys: &mut Vec<Key>) {
        let kid: Arc<str> = key.signer.jwk().kid.as_str().into();
        let is_revoked = spec.revoked.contains(&kid);
        let times = Times { published_at: key.published_at, active_from: key.active_from, removed_at: key.removed_at };
        self.keys.push(RingKey { kid, secret: secret.clone(), times, is_revoked });
        if !is_revoked {
            keys.push(key);
        }
    }
}

fn generated(world: &World, owner: &ObjectKey, spec: &SigningKeySpec, ring: &mut Ring, keys: &mut Vec<Key>) {
    for (name, secret) in world.owned(owner) {
        let Some(number) = number_of(owner, name) else { continue };
        let before = keys.len();
        match read_generated(secret, name, spec) {
            Ok(key) => ring.add(key, &name.name, spec, keys),
            Err(finding) => ring.findings.push(finding),
        }
        ring.generations.push(Generation { number, is_usable: keys.len() > before });
    }
}

fn number_of(owner: &ObjectKey, secret: &ObjectName) -> Option<u32> {
    let number: u32 = secret.name.strip_prefix(&*owner.name.name)?.strip_prefix('-')?.parse().ok()?;
    (secret_name(owner, number) == *secret).then_some(number)
}

fn read_generated(secret: &KubeSecret, name: &ObjectName, spec: &SigningKeySpec) -> Result<Key, Finding> {
    let time = |annotation: &str| {
        marks::time(secret, annotation).ok_or_else(|| {
            invalid("", format!("the annotation {annotation} of the Secret {} is no time (RFC 3339)", name.name))
        })
    };
    let (published_at, active_from) = (time(marks::PUBLISHED_AT)?, time(marks::ACTIVE_FROM)?);
    let (_, pem) = ownership::read(Some(secret), &name.name, &[KEY_ENTRY], "")?;
    key(spec, pem, published_at, active_from).map_err(|error| invalid("", format!("the Secret {}: {error}", name.name)))
}

/// A referenced key signs from the Secret's creation on, as far as anybody knows.
fn referenced(world: &World, owner: &ObjectKey, spec: &SigningKeySpec, name: &str) -> Result<Key, Finding> {
    const FIELD: &str = "spec.source.secretRef";
    let seen = world.secrets.at(&owner.name.namespace, name);
    let (entry, pem) = ownership::read(seen, name, &REFERENCED_ENTRIES, FIELD)?;
    let created = seen.and_then(|secret| secret.metadata.creation_timestamp.as_ref());
    let since = created.map_or(Timestamp::UNIX_EPOCH, |time| time.0);
    key(spec, pem, since, since)
        .map_err(|error| invalid(FIELD, format!("the entry {entry} of the Secret {name}: {error}")))
}

fn invalid(field: &str, message: String) -> Finding {
    Finding::new(Reason::SecretInvalid, field, message)
}

fn key(spec: &SigningKeySpec, pem: &[u8], published_at: Timestamp, active_from: Timestamp) -> Result<Key, jose::Error> {
    let private = PrivateKey::from_pem(spec.algorithm, &Secret::new(pem))?;
    let public = private.public_key()?;
    Ok(Key { signer: Signer::new(private), public, published_at, active_from, removed_at: None })
}
