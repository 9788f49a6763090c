use std::fmt;

use aws_lc_rs::{
    agreement::{self, ECDH_P256},
    rsa::{OaepPrivateDecryptingKey, PrivateDecryptingKey},
};
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject};

use crate::{
    jose::{Error, Jwk, KeyAlgorithm, KeyManagement, PrivateKey},
    secret::Secret,
};

/// A private key to decrypt with, parsed once and bound to one algorithm.
pub struct DecryptionKey {
    pub(super) algorithm: KeyManagement,
    pub(super) pair: Pair,
    jwk: Jwk,
}

pub(super) enum Pair {
    Rsa(OaepPrivateDecryptingKey),
    Ecdh(agreement::PrivateKey),
}

impl DecryptionKey {
    /// Parses PEM (PKCS #8), as [`KeyAlgorithm::generate_pem`] makes it.
    ///
    /// # Errors
    /// [`Error::PrivateKey`] for what is no key, [`Error::KeyMismatch`] for a key of another type or curve (ECDH takes P-256) or an RSA
    /// key of fewer than 2048 bits.
    pub fn from_pem(algorithm: KeyManagement, pem: &Secret) -> Result<Self, Error> {
        let sibling = KeyAlgorithm::Encrypt(algorithm).sibling();
        let material = PrivateKey::from_pem(sibling, pem)?.material();
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.expose())
            .map_err(|_| Error::PrivateKey("no private key in PEM form found"))?;
        let der = der.secret_pkcs8_der();
        let unusable = Error::PrivateKey("it can't decrypt");
        let pair = if algorithm.is_rsa() {
            let key = PrivateDecryptingKey::from_pkcs8(der).map_err(|_| unusable.clone())?;
            Pair::Rsa(OaepPrivateDecryptingKey::new(key).map_err(|_| unusable)?)
        } else {
            Pair::Ecdh(agreement::PrivateKey::from_private_key_der(&ECDH_P256, der).map_err(|_| unusable)?)
        };
        Ok(Self { algorithm, pair, jwk: Jwk::for_encryption(algorithm, material) })
    }

    /// The one algorithm that this key decrypts with; a JWE's `alg` must be its name.
    pub fn algorithm(&self) -> KeyManagement {
        self.algorithm
    }

    /// The public key as it is published.
    pub fn jwk(&self) -> &Jwk {
        &self.jwk
    }
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DecryptionKey({}, ***)", self.algorithm)
    }
}
