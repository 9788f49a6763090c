//! The keys of a SigningKey, as its Secrets have them: one immutable Secret a generation, also where the keys come from a Secret of
//! somebody else. That one is overwritten when it is renewed; what it held must verify, and sign, a while longer.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret as KubeSecret;

use super::{
    checks::{
        Finding, Reason,
        key_lifecycle::{self, Times},
        ownership,
        requests::Answers,
        rotation::Generation,
    },
    index::{
        spec::{KeySource, SigningKeySpec},
        world::World,
    },
    marks,
    source::ObjectKey,
};
use crate::{
    jose::{self, Jwk, KeyAlgorithm, PrivateKey, Signer, import::ImportedKey, jwe::DecryptionKey},
    realm::{Key, MAX_JWKS_AGE, ObjectName, Recipient},
    secret::Secret,
};

/// The entry of a generated Secret that holds the private key: PEM, PKCS #8.
pub const KEY_ENTRY: &str = "private-key.pem";
/// The entry of a referenced Secret that holds a JWK.
const JWK_ENTRY: &str = "private-key.jwk";
/// Where a referenced Secret may have its key: as kubernetes.io/tls and cert-manager have it, as we write it, or as a JWK.
const REFERENCED_ENTRIES: [&str; 3] = ["tls.key", KEY_ENTRY, JWK_ENTRY];
/// What the JWK Set promised for keys whose Secret does not say: version 0.1 had this `max-age`.
const FIRST_PROMISE: SignedDuration = SignedDuration::from_mins(5);

/// What the Secrets of a SigningKey hold.
#[derive(Debug, Default)]
pub struct Ring {
    /// Keys that could be read, newest first, revoked ones included.
    pub keys: Vec<Generation>,
    /// The highest N of a Secret `NAME-N`, readable or not; a number is never given twice.
    pub highest: u32,
    /// What could not be read.
    pub findings: Vec<Finding>,
    /// A key that stands where keys are taken from, and not yet in a Secret of the ring.
    pub import: Option<Import>,
}

/// A key to be taken over from a referenced Secret.
#[derive(Debug, Clone)]
pub struct Import {
    /// The Secret that holds it.
    pub from: Arc<str>,
    /// Its RFC 7638 thumbprint.
    pub kid: Arc<str>,
    /// The key in PEM form (PKCS #8), whatever it is written in there.
    pub pem: Secret,
}

impl Ring {
    /// The N of the next Secret.
    pub fn next_number(&self) -> u32 {
        self.highest.saturating_add(1)
    }

    /// For how long the JWK Set may be cached because of this ring; none: it has no keys.
    pub fn max_age(&self, spec: &SigningKeySpec) -> Option<Duration> {
        let promise = self.keys.first()?.promise.min(spec.pre_publish);
        Some(promise.unsigned_abs().min(MAX_JWKS_AGE))
    }
}

/// The longest `max-age` that the JWK Set has while a key is the newest that was made under this spec.
pub fn promise(spec: &SigningKeySpec) -> SignedDuration {
    let max = SignedDuration::try_from(MAX_JWKS_AGE).unwrap_or(SignedDuration::MAX);
    spec.pre_publish.min(max)
}

/// The Secret of one generation, `NAME-N`.
pub fn secret_name(owner: &ObjectKey, number: u32) -> ObjectName {
    ObjectName::new(owner.name.namespace.clone(), format!("{}-{number}", owner.name.name))
}

/// A key of a ring, for what the ring is for.
#[derive(Debug)]
pub enum RingKey {
    /// It signs.
    Signing(Key),
    /// It decrypts.
    Decrypting(Recipient),
}

impl RingKey {
    /// Its public half.
    pub fn jwk(&self) -> &Jwk {
        match self {
            Self::Signing(key) => key.signer.jwk(),
            Self::Decrypting(recipient) => recipient.key.jwk(),
        }
    }

    fn end(&mut self, times: Times) {
        match self {
            Self::Signing(key) => key.removed_at = times.removed_at,
            Self::Decrypting(recipient) => {
                recipient.retired_at = times.retired_at;
                recipient.removed_at = times.removed_at;
            }
        }
    }
}

/// A generation and its key.
struct Loaded {
    generation: Generation,
    key: RingKey,
}

/// Reads the ring; revoked keys are in it and not among the keys to be used. `longest_token` is the longest lifetime of a token of
/// the Realm now.
pub fn load(
    world: &World,
    owner: &ObjectKey,
    spec: &SigningKeySpec,
    longest_token: SignedDuration,
) -> (Ring, Vec<RingKey>) {
    let mut ring = Ring::default();
    let mut loaded = Vec::new();
    let present = world.owned(owner).map(|(name, secret)| (name, secret, false));
    let lost = world.lost(owner).map(|(name, secret)| (name, secret, true));
    for (name, secret, is_lost) in present.chain(lost) {
        let Some(number) = number_of(owner, name) else { continue };
        ring.highest = ring.highest.max(number);
        match read(secret, name, spec, number) {
            Ok(mut one) => {
                one.generation.is_lost = is_lost;
                loaded.push(one);
            }
            Err(finding) => ring.findings.push(finding),
        }
    }
    if let KeySource::Secret(name) = &spec.source {
        import(world, owner, spec, name, &mut ring, &mut loaded);
    }
    arrange(&mut loaded, spec, spec.longest_use(longest_token));
    let mut keys = Vec::new();
    for one in loaded {
        if !one.generation.is_revoked {
            keys.push(one.key);
        }
        ring.keys.push(one.generation);
    }
    (ring, keys)
}

/// Puts the newest first, one of each key, and gives each the times that its successor decides about.
fn arrange(loaded: &mut Vec<Loaded>, spec: &SigningKeySpec, longest_token: SignedDuration) {
    // A revoked one that was still to come is older than the one that was made in its place, and that signs already.
    let usable = loaded.iter().map(|one| &one.generation).filter(|generation| !generation.is_revoked);
    let usable: Vec<_> = usable.map(|generation| (generation.number, generation.times.active_from)).collect();
    loaded.sort_by_cached_key(|Loaded { generation, .. }| {
        let Generation { number, times, is_revoked, .. } = generation;
        let in_its_place = usable.iter().filter(|(other, _)| *is_revoked && other > number).map(|(_, at)| *at);
        std::cmp::Reverse((in_its_place.fold(times.active_from, Timestamp::min), *number))
    });
    let mut kids = BTreeSet::new();
    loaded.retain(|one| kids.insert(one.generation.kid.clone()));
    let mut successor = None;
    for Loaded { generation, key } in loaded {
        let longest = generation.longest_token.max(longest_token);
        generation.times.retired_at = successor;
        let skew = generation.tolerance(spec.pre_publish);
        generation.times.removed_at = successor.map(|at| key_lifecycle::removal(at, spec.retain, longest, skew));
        key.end(generation.times);
        if !generation.is_revoked {
            successor = Some(generation.times.active_from);
        }
    }
}

fn number_of(owner: &ObjectKey, secret: &ObjectName) -> Option<u32> {
    let number: u32 = secret.name.strip_prefix(&*owner.name.name)?.strip_prefix('-')?.parse().ok()?;
    (secret_name(owner, number) == *secret).then_some(number)
}

fn read(secret: &KubeSecret, name: &ObjectName, spec: &SigningKeySpec, number: u32) -> Result<Loaded, Finding> {
    let time = |annotation: &str| {
        marks::time(secret, annotation).ok_or_else(|| {
            invalid("", format!("the annotation {annotation} of the Secret {} is no time (RFC 3339)", name.name))
        })
    };
    let times = times(time(marks::PUBLISHED_AT)?, time(marks::ACTIVE_FROM)?);
    let (_, pem) = ownership::read(Some(secret), &name.name, &[KEY_ENTRY], "")?;
    let key = key(spec, &Secret::new(pem), times)
        .map_err(|error| invalid("", format!("the Secret {}: {error}", name.name)))?;
    let mut generation = generation(&key, &name.name, times, spec);
    generation.number = Some(number);
    generation.promise = marks::duration(secret, marks::PROMISE).unwrap_or(FIRST_PROMISE);
    generation.longest_token = marks::duration(secret, marks::LONGEST_TOKEN).unwrap_or(SignedDuration::ZERO);
    generation.answers = Answers::of(secret);
    generation.is_taken = marks::annotation(secret, marks::TAKEN_FROM).is_some();
    generation.is_revoked |= marks::annotation(secret, marks::REVOKED_AT).is_some();
    generation.restored_at = marks::time(secret, marks::RESTORED_AT);
    Ok(Loaded { generation, key })
}

/// Takes a look at the referenced Secret. Where the ring has no other key, it signs already before it is taken over.
fn import(
    world: &World,
    owner: &ObjectKey,
    spec: &SigningKeySpec,
    name: &Arc<str>,
    ring: &mut Ring,
    loaded: &mut Vec<Loaded>,
) {
    const FIELD: &str = "spec.source.secretRef";
    let (one, pem) = match referenced(world, owner, spec, name, FIELD) {
        Ok(found) => found,
        Err(finding) => return ring.findings.push(finding),
    };
    let kid = one.generation.kid.clone();
    let mut usable: Vec<_> = loaded.iter().map(|one| &one.generation).filter(|other| !other.is_revoked).collect();
    usable.sort_by_key(|other| (other.times.active_from, other.number));
    let is_newest = usable.last().is_some_and(|newest| newest.kid == kid);
    let is_first = usable.is_empty();
    let was_revoked = loaded.iter().any(|known| known.generation.kid == kid && known.generation.is_revoked);
    if one.generation.is_revoked || was_revoked {
        let message = format!("the key {kid} in the Secret {name} is revoked: put another key into the Secret");
        ring.findings.push(invalid(FIELD, message));
    } else if !is_newest {
        ring.import = Some(Import { from: name.clone(), kid, pem });
        if is_first {
            loaded.push(one);
        }
    }
}

/// A referenced key signs from the Secret's creation on, as far as anybody knows.
fn referenced(
    world: &World,
    owner: &ObjectKey,
    spec: &SigningKeySpec,
    name: &Arc<str>,
    field: &str,
) -> Result<(Loaded, Secret), Finding> {
    let seen = world.secrets.at(&owner.name.namespace, name);
    let (entry, pem) =
        referenced_key(&ownership::read_all(seen, name, &REFERENCED_ENTRIES, field)?, spec, name, field)?;
    let created = seen.and_then(|secret| secret.metadata.creation_timestamp.as_ref());
    let since = created.map_or(Timestamp::UNIX_EPOCH, |time| time.0);
    let times = times(since, since);
    let key = key(spec, &pem, times)
        .map_err(|error| invalid(field, format!("the entry {entry} of the Secret {name}: {error}")))?;
    Ok((Loaded { generation: generation(&key, name, times, spec), key }, pem))
}

/// The key of a referenced Secret, for the ring's algorithm. What another entry holds must be the same key: nobody could tell which of
/// two is meant, and whoever renews the one forgets the other.
fn referenced_key(
    entries: &[(&'static str, &[u8])],
    spec: &SigningKeySpec,
    name: &str,
    field: &str,
) -> Result<(&'static str, Secret), Finding> {
    let about = |entry: &str, error| invalid(field, format!("the entry {entry} of the Secret {name} {error}"));
    let mut first: Option<(&'static str, ImportedKey, Secret)> = None;
    for (entry, bytes) in entries {
        let read = if *entry == JWK_ENTRY { ImportedKey::from_jwk(bytes) } else { ImportedKey::from_pem(bytes) };
        let key = read.map_err(|error| about(entry, error))?;
        let pem = key.pem_for(spec.algorithm).map_err(|error| about(entry, error))?;
        match &first {
            None => first = Some((entry, key, pem)),
            Some((_, known, _)) if known.is_same(&key) => {}
            Some((other, ..)) => {
                let message =
                    format!("the entries {other} and {entry} of the Secret {name} hold different keys: one must go");
                return Err(invalid(field, message));
            }
        }
    }
    let (entry, _, pem) = first.ok_or_else(|| invalid(field, format!("the Secret {name} holds no key")))?;
    Ok((entry, pem))
}

fn times(published_at: Timestamp, active_from: Timestamp) -> Times {
    Times { published_at, active_from, retired_at: None, removed_at: None }
}

fn generation(key: &RingKey, secret: &Arc<str>, times: Times, spec: &SigningKeySpec) -> Generation {
    let kid: Arc<str> = key.jwk().kid.as_str().into();
    Generation {
        number: None,
        is_revoked: spec.revoked.contains(&kid),
        kid,
        secret: secret.clone(),
        times,
        is_lost: false,
        is_taken: false,
        restored_at: None,
        promise: promise(spec),
        longest_token: SignedDuration::ZERO,
        answers: Answers::default(),
    }
}

fn invalid(field: &str, message: String) -> Finding {
    Finding::new(Reason::SecretInvalid, field, message)
}

fn key(spec: &SigningKeySpec, pem: &Secret, times: Times) -> Result<RingKey, jose::Error> {
    let Times { published_at, active_from, retired_at, removed_at } = times;
    Ok(match spec.algorithm {
        KeyAlgorithm::Sign(algorithm) => {
            let private = PrivateKey::from_pem(algorithm, pem)?;
            let public = private.public_key()?;
            RingKey::Signing(Key { signer: Signer::new(private), public, published_at, active_from, removed_at })
        }
        KeyAlgorithm::Encrypt(algorithm) => {
            let key = DecryptionKey::from_pem(algorithm, pem)?;
            RingKey::Decrypting(Recipient { key, published_at, active_from, retired_at, removed_at })
        }
    })
}
