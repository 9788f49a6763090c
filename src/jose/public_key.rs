use aws_lc_rs::{rsa::PublicKeyComponents, signature::ParsedPublicKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{Algorithm, Error, KeyMaterial};

/// A public signature key, parsed once and bound to one algorithm.
#[derive(Debug)]
pub struct PublicKey {
    algorithm: Algorithm,
    key: ParsedPublicKey,
}

impl PublicKey {
    /// Parses JWK parameters for `algorithm`.
    ///
    /// # Errors
    /// [`Error::PublicKey`] where they are malformed or of another key type.
    pub fn new(algorithm: Algorithm, material: &KeyMaterial) -> Result<Self, Error> {
        let decode =
            |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| Error::PublicKey("a parameter is not base64url"));
        let key = match material {
            KeyMaterial::Rsa { e, n } => PublicKeyComponents { n: decode(n)?, e: decode(e)? }
                .to_parsed_public_key(algorithm.rsa_verification().ok_or(Error::KeyMismatch(algorithm))?)
                .map_err(|_| Error::PublicKey("the RSA parameters do not fit the algorithm"))?,
            KeyMaterial::Ec { x, y, .. } => {
                let point = [&[4u8][..], &decode(x)?, &decode(y)?].concat();
                ParsedPublicKey::new(algorithm.verification(), point)
                    .map_err(|_| Error::PublicKey("no point on the algorithm's curve"))?
            }
            KeyMaterial::Okp { x, .. } => ParsedPublicKey::new(algorithm.verification(), decode(x)?)
                .map_err(|_| Error::PublicKey("not an Ed25519 key"))?,
        };
        Ok(Self { algorithm, key })
    }

    /// The one algorithm that this key verifies; a token's `alg` must be its name.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Verifies a raw JWS signature.
    ///
    /// # Errors
    /// [`Error::Signature`] where it is not this key's signature of `message`.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        self.key.verify_sig(message, signature).map_err(|_| Error::Signature)
    }
}
