//! Private keys as other tools write them, in PEM or as a JWK, turned into the one form that we keep: PKCS #8. What is wrong with one
//! is said in a sentence that holds no part of it.

mod error;
mod jwk;
mod pem;
#[cfg(test)]
mod tests;

use std::fmt;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa,
    signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair},
};

pub use error::ImportError;

use super::{Algorithm, KeyAlgorithm, KeyManagement, PrivateKey, private_key::pem_of};
use crate::secret::Secret;

/// Longer keys are refused before anything is decoded: 64 KiB, which has room for a chain of certificates before the key.
pub const MAX_LENGTH: usize = 64 * 1024;

/// A private key that somebody else made, of any type that an algorithm of ours has a use for, complete and consistent.
#[derive(Debug)]
pub struct ImportedKey {
    kind: KeyKind,
    der: Secret,
    stated: Stated,
}

/// The type of a key, as far as an algorithm asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA, with so many bits.
    Rsa(usize),
    /// The NIST curve P-256.
    P256,
    /// The NIST curve P-384.
    P384,
    /// The NIST curve P-521.
    P521,
    /// Ed25519.
    Ed25519,
}

/// What a JWK says that it is for.
#[derive(Debug, Default)]
struct Stated {
    alg: Option<StatedAlgorithm>,
    usage: Option<&'static str>,
    operations: Option<Vec<&'static str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StatedAlgorithm {
    Known(KeyAlgorithm),
    Unknown,
}

impl ImportedKey {
    /// Reads the one private key of a PEM text: PKCS #8 (`PRIVATE KEY`), SEC 1 (`EC PRIVATE KEY`) or PKCS #1 (`RSA PRIVATE KEY`).
    /// Certificates, parameters and text around it are passed over.
    ///
    /// # Errors
    /// [`ImportError`] for what holds no key, more than one, one that is encrypted, or one of a type, curve or size (RSA needs
    /// 2048 to 8192 bits) that nothing here has a use for.
    pub fn from_pem(text: &[u8]) -> Result<Self, ImportError> {
        bounded(text).and_then(pem::read)
    }

    /// Reads a JWK (RFC 7517) with a private key: EC (RFC 7518 section 6.2.2), RSA with its CRT parameters (section 6.3.2) or
    /// Ed25519 (RFC 8037 section 2).
    ///
    /// # Errors
    /// [`ImportError`] for what is no JWK, no private key, incomplete, inconsistent, or of a type, curve or size as above.
    pub fn from_jwk(text: &[u8]) -> Result<Self, ImportError> {
        bounded(text).and_then(jwk::read)
    }

    /// The key's type.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// True where a key that is given twice is the same.
    pub fn is_same(&self, other: &Self) -> bool {
        self.der == other.der
    }

    /// The key in PEM form (PKCS #8), for `algorithm`.
    ///
    /// # Errors
    /// [`ImportError::Unfit`] where the key is of another type, or [`ImportError::Contradiction`] where its own `alg`, `use` or
    /// `key_ops` say that it is for something else.
    pub fn pem_for(&self, algorithm: KeyAlgorithm) -> Result<Secret, ImportError> {
        if !self.kind.fits(algorithm) {
            return Err(ImportError::Unfit { kind: self.kind, algorithm });
        }
        self.stated.check(algorithm)?;
        Ok(pem_of(&self.der))
    }
}

fn bounded(text: &[u8]) -> Result<&[u8], ImportError> {
    if text.len() > MAX_LENGTH { Err(ImportError::TooLong) } else { Ok(text) }
}

impl Stated {
    fn check(&self, algorithm: KeyAlgorithm) -> Result<(), ImportError> {
        let contradiction =
            |member, found: Option<&'static str>| Err(ImportError::Contradiction { member, found, algorithm });
        match self.alg {
            Some(StatedAlgorithm::Known(other)) if other != algorithm => {
                return contradiction("alg", Some(other.resource_name()));
            }
            Some(StatedAlgorithm::Unknown) => return contradiction("alg", None),
            _ => {}
        }
        if let Some(usage) = self.usage.filter(|usage| *usage != algorithm.usage()) {
            return contradiction("use", Some(usage).filter(|usage| !usage.is_empty()));
        }
        let needed: &[&str] = match algorithm {
            KeyAlgorithm::Sign(_) => &["sign"],
            KeyAlgorithm::Encrypt(KeyManagement::RsaOaep | KeyManagement::RsaOaep256) => &["unwrapKey", "decrypt"],
            KeyAlgorithm::Encrypt(_) => &["deriveKey", "deriveBits"],
        };
        match &self.operations {
            Some(operations) if !operations.iter().any(|operation| needed.contains(operation)) => {
                contradiction("key_ops", None)
            }
            _ => Ok(()),
        }
    }
}

impl KeyKind {
    /// True where keys of this type are those of `algorithm`.
    pub fn fits(self, algorithm: KeyAlgorithm) -> bool {
        let sibling = algorithm.sibling();
        match self {
            Self::Rsa(_) => sibling.is_rsa(),
            Self::P256 => sibling == Algorithm::Es256,
            Self::P384 => sibling == Algorithm::Es384,
            Self::P521 => sibling == Algorithm::Es512,
            Self::Ed25519 => sibling == Algorithm::Ed25519,
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa(bits) => write!(f, "an RSA key of {bits} bits"),
            Self::P256 => f.write_str("a P-256 key"),
            Self::P384 => f.write_str("a P-384 key"),
            Self::P521 => f.write_str("a P-521 key"),
            Self::Ed25519 => f.write_str("an Ed25519 key"),
        }
    }
}

/// The curves, with what reads their keys.
const CURVES: [(KeyKind, &EcdsaSigningAlgorithm); 3] = [
    (KeyKind::P256, &signature::ECDSA_P256_SHA256_FIXED_SIGNING),
    (KeyKind::P384, &signature::ECDSA_P384_SHA384_FIXED_SIGNING),
    (KeyKind::P521, &signature::ECDSA_P521_SHA512_FIXED_SIGNING),
];

fn of_rsa(pair: &rsa::KeyPair) -> Result<ImportedKey, ImportError> {
    use aws_lc_rs::signature::KeyPair;
    let modulus = pair.public_key().modulus();
    let bytes = modulus.big_endian_without_leading_zero();
    let zeros = bytes.first().map_or(0, |first| first.leading_zeros() as usize);
    let bits = (bytes.len() * 8).saturating_sub(zeros);
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| ImportError::Library)?;
    Ok(imported(KeyKind::Rsa(bits), der.as_ref()))
}

fn of_curve(kind: KeyKind, pair: &EcdsaKeyPair) -> Result<ImportedKey, ImportError> {
    let der = pair.to_pkcs8v1().map_err(|_| ImportError::Library)?;
    Ok(imported(kind, der.as_ref()))
}

fn of_ed25519(pair: &Ed25519KeyPair) -> Result<ImportedKey, ImportError> {
    let der = pair.to_pkcs8v1().map_err(|_| ImportError::Library)?;
    Ok(imported(KeyKind::Ed25519, der.as_ref()))
}

fn imported(kind: KeyKind, der: &[u8]) -> ImportedKey {
    ImportedKey { kind, der: Secret::new(der), stated: Stated::default() }
}

impl ImportedKey {
    /// The key, ready to sign.
    ///
    /// # Errors
    /// [`super::Error::KeyMismatch`] where it is of another type.
    pub fn signing(&self, algorithm: Algorithm) -> Result<PrivateKey, super::Error> {
        PrivateKey::from_der(algorithm, self.der.expose())
    }
}
