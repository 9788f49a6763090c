use std::fmt;

use super::{Algorithm, Error, PrivateKey};
use crate::secret::Secret;

/// How the content encryption key of a JWE is agreed on or encrypted (RFC 7518 section 4.1). The ECDH ones take P-256 keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum KeyManagement {
    RsaOaep,
    RsaOaep256,
    EcdhEs,
    EcdhEsA128Kw,
    EcdhEsA256Kw,
}

impl KeyManagement {
    /// Every algorithm, in the order in which metadata lists them.
    pub const ALL: [Self; 5] = [Self::EcdhEs, Self::EcdhEsA128Kw, Self::EcdhEsA256Kw, Self::RsaOaep256, Self::RsaOaep];

    /// The value of `alg` in a JWE header and in a JWK.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RsaOaep => "RSA-OAEP",
            Self::RsaOaep256 => "RSA-OAEP-256",
            Self::EcdhEs => "ECDH-ES",
            Self::EcdhEsA128Kw => "ECDH-ES+A128KW",
            Self::EcdhEsA256Kw => "ECDH-ES+A256KW",
        }
    }

    /// True where the keys are RSA keys; the others are P-256 keys.
    pub const fn is_rsa(self) -> bool {
        matches!(self, Self::RsaOaep | Self::RsaOaep256)
    }
}

impl fmt::Display for KeyManagement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The one algorithm that a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyAlgorithm {
    /// It signs.
    Sign(Algorithm),
    /// It decrypts.
    Encrypt(KeyManagement),
}

impl KeyAlgorithm {
    /// Every algorithm: those that sign, then those that encrypt.
    pub fn all() -> impl Iterator<Item = Self> {
        Algorithm::ALL.into_iter().map(Self::Sign).chain(KeyManagement::ALL.into_iter().map(Self::Encrypt))
    }

    /// The name in a resource.
    pub fn resource_name(self) -> &'static str {
        match self {
            Self::Sign(algorithm) => algorithm.resource_name(),
            Self::Encrypt(algorithm) => algorithm.name(),
        }
    }

    /// The value of `alg` in a JWK.
    pub fn jwk_name(self) -> &'static str {
        match self {
            Self::Sign(algorithm) => algorithm.jws_name(),
            Self::Encrypt(algorithm) => algorithm.name(),
        }
    }

    /// The value of `use` in a JWK (RFC 7517 section 4.2).
    pub const fn usage(self) -> &'static str {
        match self {
            Self::Sign(_) => "sig",
            Self::Encrypt(_) => "enc",
        }
    }

    /// A signature algorithm whose keys are of the same type: keys are made and checked alike.
    pub(super) const fn sibling(self) -> Algorithm {
        match self {
            Self::Sign(algorithm) => algorithm,
            Self::Encrypt(algorithm) if algorithm.is_rsa() => Algorithm::Rs256,
            Self::Encrypt(_) => Algorithm::Es256,
        }
    }

    /// Makes a key and returns it as PEM (PKCS #8), as [`PrivateKey::generate_pem`] does.
    ///
    /// # Errors
    /// [`Error::Crypto`] where the library has no entropy.
    pub fn generate_pem(self) -> Result<Secret, Error> {
        PrivateKey::generate_pem(self.sibling())
    }

    /// The RFC 7638 thumbprint of a key in PEM form.
    ///
    /// # Errors
    /// As [`PrivateKey::from_pem`].
    pub fn key_id(self, pem: &Secret) -> Result<String, Error> {
        Ok(PrivateKey::from_pem(self.sibling(), pem)?.material().thumbprint())
    }
}

impl From<Algorithm> for KeyAlgorithm {
    fn from(algorithm: Algorithm) -> Self {
        Self::Sign(algorithm)
    }
}

impl From<KeyManagement> for KeyAlgorithm {
    fn from(algorithm: KeyManagement) -> Self {
        Self::Encrypt(algorithm)
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.resource_name())
    }
}
