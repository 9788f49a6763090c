use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    jose::{Algorithm, KeyAlgorithm, KeyManagement, PrivateKey, Signer, jwe::DecryptionKey},
    realm::{Key, Keyring, MAX_JWKS_AGE, Recipient},
};

/// A fresh key.
fn generate(algorithm: Algorithm) -> Signer {
    Signer::new(PrivateKey::from_pem(algorithm, &PrivateKey::generate_pem(algorithm).unwrap()).unwrap())
}

/// ES256 and RS256, active since the epoch. RSA keys are slow to make, so all tests share them.
static KEYRING: LazyLock<Arc<Keyring>> = LazyLock::new(|| {
    let key = |algorithm| {
        let signer = generate(algorithm);
        let public = signer.private_key().public_key().unwrap();
        let epoch = Timestamp::UNIX_EPOCH;
        Key { signer, public, published_at: epoch, active_from: epoch, removed_at: None }
    };
    Arc::new(Keyring::new([Algorithm::Es256, Algorithm::Rs256].map(key).into(), MAX_JWKS_AGE))
});

/// One for every algorithm, those that encrypt too.
static FULL_KEYRING: LazyLock<Arc<Keyring>> = LazyLock::new(|| {
    let epoch = Timestamp::UNIX_EPOCH;
    let key = |algorithm| {
        let signer = generate(algorithm);
        let public = signer.private_key().public_key().unwrap();
        Key { signer, public, published_at: epoch, active_from: epoch, removed_at: None }
    };
    let recipient = |algorithm| Recipient {
        key: decryption_key(algorithm),
        published_at: epoch,
        active_from: epoch,
        retired_at: None,
        removed_at: None,
    };
    let ring = Keyring::new(Algorithm::ALL.map(key).into(), MAX_JWKS_AGE);
    Arc::new(ring.with_recipients(KeyManagement::ALL.map(recipient).into()))
});

static OTHERS: LazyLock<[Signer; 3]> =
    LazyLock::new(|| [Algorithm::Es256, Algorithm::Es256, Algorithm::Rs256].map(generate));

/// The keys of every realm of the tests.
pub(crate) fn keyring() -> Arc<Keyring> {
    KEYRING.clone()
}

/// Keys for every algorithm, for a realm that has them all.
pub(crate) fn full_keyring() -> Arc<Keyring> {
    FULL_KEYRING.clone()
}

/// A fresh key to decrypt with.
pub(crate) fn decryption_key(algorithm: KeyManagement) -> DecryptionKey {
    DecryptionKey::from_pem(algorithm, &KeyAlgorithm::Encrypt(algorithm).generate_pem().unwrap()).unwrap()
}

/// Keys that are not the realm's: 0 and 1 are ES256 (a client's and a stranger's), 2 is RS256 (a cluster's).
pub(crate) fn signer(number: usize) -> &'static Signer {
    &OTHERS[number]
}

/// The JWK Set of [`signer`].
pub(crate) fn signer_jwks(number: usize) -> Value {
    json!({"keys": [signer(number).jwk()]})
}
