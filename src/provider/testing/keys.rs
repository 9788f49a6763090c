use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    jose::{Algorithm, PrivateKey, Signer},
    realm::{Key, Keyring, MAX_JWKS_AGE},
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

static OTHERS: LazyLock<[Signer; 3]> =
    LazyLock::new(|| [Algorithm::Es256, Algorithm::Es256, Algorithm::Rs256].map(generate));

/// The keys of every realm of the tests.
pub(crate) fn keyring() -> Arc<Keyring> {
    KEYRING.clone()
}

/// Keys that are not the realm's: 0 and 1 are ES256 (a client's and a stranger's), 2 is RS256 (a cluster's).
pub(crate) fn signer(number: usize) -> &'static Signer {
    &OTHERS[number]
}

/// The JWK Set of [`signer`].
pub(crate) fn signer_jwks(number: usize) -> Value {
    json!({"keys": [signer(number).jwk()]})
}
