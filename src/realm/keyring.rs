use std::time::Duration;

use jiff::Timestamp;

use crate::jose::{Algorithm, Jwk, KeyAlgorithm, KeyManagement, PublicKey, Signer, jwe::DecryptionKey};

/// One generation of a SigningKey and its times.
#[derive(Debug)]
pub struct Key {
    /// The private half.
    pub signer: Signer,
    /// The public half.
    pub public: PublicKey,
    /// In the JWKS of every replica from then on.
    pub published_at: Timestamp,
    /// Signs from then on, until a later key of the same algorithm does.
    pub active_from: Timestamp,
    /// Out of the JWKS and never accepted from then on; none: not planned yet.
    pub removed_at: Option<Timestamp>,
}

impl Key {
    /// From the moment that it is known: a replica whose clock is slow publishes it no later than the others.
    fn is_published(&self, now: Timestamp) -> bool {
        self.removed_at.is_none_or(|end| now < end)
    }
}

/// One generation of a SigningKey whose keys decrypt, and its times. Where a signature key is published early and used late, a key to
/// encrypt for is published late: only when every replica has it, since the answer to it may come to any of them.
#[derive(Debug)]
pub struct Recipient {
    /// The private key.
    pub key: DecryptionKey,
    /// In the JWKS from then on; it decrypts as soon as it is known.
    pub published_at: Timestamp,
    /// The one to encrypt for from then on, until a later key of the same algorithm is.
    pub active_from: Timestamp,
    /// Out of the JWKS from then on, so that nobody encrypts for it any more; none: there is no later one.
    pub retired_at: Option<Timestamp>,
    /// Decrypts no more from then on; none: not planned yet.
    pub removed_at: Option<Timestamp>,
}

impl Recipient {
    fn is_published(&self, now: Timestamp) -> bool {
        self.published_at <= now && self.retired_at.is_none_or(|end| now < end) && self.decrypts(now)
    }

    fn decrypts(&self, now: Timestamp) -> bool {
        self.removed_at.is_none_or(|end| now < end)
    }
}

/// A cache may keep the JWK Set no longer than this, however long keys are published before they sign: a person who shortens
/// that should not wait long before it is in force.
pub const MAX_JWKS_AGE: Duration = Duration::from_secs(60);

/// The keys of a realm. Which one signs is computed from their times, so every replica switches at the same instant.
#[derive(Debug)]
pub struct Keyring {
    keys: Vec<Key>,
    recipients: Vec<Recipient>,
    max_age: Duration,
}

impl Default for Keyring {
    fn default() -> Self {
        Self::new(Vec::new(), MAX_JWKS_AGE)
    }
}

impl Keyring {
    /// Revoked keys are left out by the caller; the rest in any order. `max_age` is how long a cache may keep the JWK Set: no longer
    /// than any new key is published before it signs. It is bounded by [`MAX_JWKS_AGE`].
    pub fn new(mut keys: Vec<Key>, max_age: Duration) -> Self {
        keys.sort_by(|a, b| {
            b.active_from.cmp(&a.active_from).then_with(|| a.signer.jwk().kid.cmp(&b.signer.jwk().kid))
        });
        Self { keys, recipients: Vec::new(), max_age: max_age.min(MAX_JWKS_AGE) }
    }

    /// With these keys that decrypt, in any order; revoked ones are left out by the caller. They never sign and never verify.
    #[must_use]
    pub fn with_recipients(mut self, mut recipients: Vec<Recipient>) -> Self {
        let order = |recipient: &Recipient| (std::cmp::Reverse(recipient.active_from), recipient.key.jwk().kid.clone());
        recipients.sort_by_cached_key(order);
        self.recipients = recipients;
        self
    }

    /// The key that signs with `algorithm` now: the one that became active last. Where none is active yet, since the one before was
    /// revoked, it is the one that becomes active first: an outage would be worse.
    pub fn signer(&self, algorithm: Algorithm, now: Timestamp) -> Option<&Signer> {
        let mut next = None;
        for key in self.keys.iter().filter(|key| key.signer.algorithm() == algorithm && key.is_published(now)) {
            if key.active_from <= now {
                return Some(&key.signer);
            }
            next = Some(&key.signer);
        }
        next
    }

    /// For how long a cache may keep the JWK Set without ever meeting a token of a key that is not in it.
    pub fn max_age(&self) -> Duration {
        self.max_age
    }

    /// The published key of this `kid`, to verify a token of ours.
    pub fn verifier(&self, kid: &str, now: Timestamp) -> Option<&PublicKey> {
        self.keys.iter().find(|key| key.signer.jwk().kid == kid && key.is_published(now)).map(|key| &key.public)
    }

    /// The key of this `kid`, to decrypt what is encrypted for the provider.
    pub fn decrypter(&self, kid: &str, now: Timestamp) -> Option<&DecryptionKey> {
        self.recipients.iter().filter(|key| key.decrypts(now)).map(|key| &key.key).find(|key| key.jwk().kid == kid)
    }

    /// The keys that decrypt with `algorithm`, newest first: for a JWE without `kid`.
    pub fn decrypters(&self, algorithm: KeyManagement, now: Timestamp) -> impl Iterator<Item = &DecryptionKey> {
        let keys = self.recipients.iter().filter(move |key| key.decrypts(now)).map(|key| &key.key);
        keys.filter(move |key| key.algorithm() == algorithm)
    }

    /// The key that signs with an algorithm now, or that is to be encrypted for with it: the published one that became active last.
    pub fn active(&self, algorithm: KeyAlgorithm, now: Timestamp) -> Option<&Jwk> {
        match algorithm {
            KeyAlgorithm::Sign(algorithm) => self.signer(algorithm, now).map(Signer::jwk),
            KeyAlgorithm::Encrypt(algorithm) => {
                let is_active = |key: &&Recipient| key.is_published(now) && key.active_from <= now;
                let mut fitting = self.recipients.iter().filter(|key| key.key.algorithm() == algorithm);
                fitting.find(is_active).map(|key| key.key.jwk())
            }
        }
    }

    /// What the JWKS holds now: the keys that sign, then those to encrypt for, each newest first.
    pub fn published(&self, now: Timestamp) -> impl Iterator<Item = &Jwk> {
        let signing = self.keys.iter().filter(move |key| key.is_published(now)).map(|key| key.signer.jwk());
        let recipients = self.recipients.iter().filter(move |key| key.is_published(now)).map(|key| key.key.jwk());
        signing.chain(recipients)
    }

    /// The algorithms that can sign now, in the order of metadata.
    pub fn algorithms(&self, now: Timestamp) -> Vec<Algorithm> {
        Algorithm::ALL.into_iter().filter(|algorithm| self.signer(*algorithm, now).is_some()).collect()
    }

    /// The algorithms that there is a key to encrypt for now, in the order of metadata.
    pub fn recipient_algorithms(&self, now: Timestamp) -> Vec<KeyManagement> {
        let has_key = |algorithm: &KeyManagement| self.active((*algorithm).into(), now).is_some();
        KeyManagement::ALL.into_iter().filter(has_key).collect()
    }

    /// The next instant after `now` at which an answer of this ring changes: a document made from it is stale then.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let signing =
            self.keys.iter().flat_map(|key| [Some(key.published_at), Some(key.active_from), key.removed_at, None]);
        let recipients = self
            .recipients
            .iter()
            .flat_map(|key| [Some(key.published_at), Some(key.active_from), key.retired_at, key.removed_at]);
        signing.chain(recipients).flatten().filter(|at| *at > now).min()
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{Duration, Key, Keyring, MAX_JWKS_AGE};
    use crate::jose::{Algorithm, PrivateKey, Signer};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    fn key(published: i64, active: i64, removed: Option<i64>) -> Key {
        let pem = PrivateKey::generate_pem(Algorithm::Es256).unwrap();
        let private = PrivateKey::from_pem(Algorithm::Es256, &pem).unwrap();
        let public = private.public_key().unwrap();
        Key {
            signer: Signer::new(private),
            public,
            published_at: at(published),
            active_from: at(active),
            removed_at: removed.map(at),
        }
    }

    #[test]
    fn the_key_that_became_active_last_signs_and_both_are_published() {
        let (old, new) = (key(0, 0, Some(100)), key(10, 20, None));
        let kids = [old.signer.jwk().kid.clone(), new.signer.jwk().kid.clone()];
        let ring = Keyring::new(vec![old, new], MAX_JWKS_AGE);
        let signs = |t| ring.signer(Algorithm::Es256, at(t)).map(|s| s.jwk().kid.clone());
        let published = |t| ring.published(at(t)).count();
        assert_eq!(
            (signs(19), published(9), published(10)),
            (Some(kids[0].clone()), 2, 2),
            "published as soon as it is known"
        );
        assert_eq!((signs(20), published(99), published(100)), (Some(kids[1].clone()), 2, 1));
        assert!(ring.verifier(&kids[0], at(99)).is_some() && ring.verifier(&kids[0], at(100)).is_none());
        assert_eq!(ring.next_change(at(10)), Some(at(20)));
        assert!(ring.signer(Algorithm::Rs256, at(20)).is_none());
    }

    #[test]
    fn where_no_key_is_active_yet_the_next_one_signs() {
        let (next, last) = (key(0, 20, None), key(0, 30, None));
        let kid = next.signer.jwk().kid.clone();
        let ring = Keyring::new(vec![last, next], Duration::from_secs(5));
        assert_eq!(ring.signer(Algorithm::Es256, at(10)).map(|signer| signer.jwk().kid.clone()), Some(kid));
        assert_eq!(ring.max_age(), Duration::from_secs(5));
        assert_eq!(Keyring::new(Vec::new(), Duration::MAX).max_age(), MAX_JWKS_AGE);
    }
}
