use std::fmt;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::{self, KeySize},
    signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};

use super::{Algorithm, Error, KeyMaterial, PublicKey};
use crate::secret::Secret;

/// A private signature key, parsed once and bound to one algorithm.
pub struct PrivateKey {
    algorithm: Algorithm,
    pair: Pair,
}

enum Pair {
    Rsa(Box<rsa::KeyPair>),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl PrivateKey {
    /// Makes a key and returns it as PEM (PKCS #8, `PRIVATE KEY`), the form in which a Secret holds it. RSA keys have
    /// 2048 bits.
    ///
    /// # Errors
    /// [`Error::Crypto`] where the library has no entropy.
    pub fn generate_pem(algorithm: Algorithm) -> Result<Secret, Error> {
        let rng = SystemRandom::new();
        let der = match ecdsa_algorithm(algorithm) {
            Some(ecdsa) => Secret::new(EcdsaKeyPair::generate_pkcs8(ecdsa, &rng).map_err(|_| Error::Crypto)?.as_ref()),
            None if algorithm == Algorithm::Ed25519 => {
                Secret::new(Ed25519KeyPair::generate_pkcs8v1(&rng).map_err(|_| Error::Crypto)?.as_ref())
            }
            None => {
                let pair = rsa::KeyPair::generate(KeySize::Rsa2048).map_err(|_| Error::Crypto)?;
                let der: Pkcs8V1Der = pair.as_der().map_err(|_| Error::Crypto)?;
                Secret::new(der.as_ref())
            }
        };
        Ok(pem_of(&der))
    }

    /// Parses PEM: PKCS #8 (`PRIVATE KEY`), SEC 1 (`EC PRIVATE KEY`) or PKCS #1 (`RSA PRIVATE KEY`).
    ///
    /// # Errors
    /// [`Error::PrivateKey`] for what is no key, [`Error::KeyMismatch`] for a key of another type, curve or size (RSA needs
    /// 2048 bits) than `algorithm` needs.
    pub fn from_pem(algorithm: Algorithm, pem: &Secret) -> Result<Self, Error> {
        let der = PrivateKeyDer::from_pem_slice(pem.expose())
            .map_err(|_| Error::PrivateKey("no private key in PEM form found"))?;
        Self::from_der(algorithm, der.secret_der())
    }

    /// Parses DER of the same forms as [`Self::from_pem`].
    ///
    /// # Errors
    /// As [`Self::from_pem`].
    pub fn from_der(algorithm: Algorithm, der: &[u8]) -> Result<Self, Error> {
        let mismatch = |_| Error::KeyMismatch(algorithm);
        let pair = match ecdsa_algorithm(algorithm) {
            Some(ecdsa) => Pair::Ecdsa(EcdsaKeyPair::from_private_key_der(ecdsa, der).map_err(mismatch)?),
            None if algorithm == Algorithm::Ed25519 => {
                Pair::Ed25519(Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(mismatch)?)
            }
            None => {
                let pair = rsa::KeyPair::from_pkcs8(der).or_else(|_| rsa::KeyPair::from_der(der)).map_err(mismatch)?;
                Pair::Rsa(Box::new(pair))
            }
        };
        Ok(Self { algorithm, pair })
    }

    /// The algorithm that this key signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public half as JWK parameters.
    pub fn material(&self) -> KeyMaterial {
        match &self.pair {
            Pair::Rsa(pair) => KeyMaterial::Rsa {
                e: URL_SAFE_NO_PAD.encode(pair.public_key().exponent().big_endian_without_leading_zero()),
                n: URL_SAFE_NO_PAD.encode(pair.public_key().modulus().big_endian_without_leading_zero()),
            },
            Pair::Ecdsa(pair) => {
                // An uncompressed point: 0x04, then both coordinates in the field's full width (SEC 1 section 2.3.3).
                let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
                let (x, y) = point.split_at(point.len() / 2);
                KeyMaterial::Ec {
                    crv: curve(self.algorithm),
                    x: URL_SAFE_NO_PAD.encode(x),
                    y: URL_SAFE_NO_PAD.encode(y),
                }
            }
            Pair::Ed25519(pair) => {
                KeyMaterial::Okp { crv: "Ed25519", x: URL_SAFE_NO_PAD.encode(pair.public_key().as_ref()) }
            }
        }
    }

    /// The public half, ready to verify.
    ///
    /// # Errors
    /// [`Error::PublicKey`] never happens for a key that was parsed; the signature is that of [`PublicKey::new`].
    pub fn public_key(&self) -> Result<PublicKey, Error> {
        PublicKey::new(self.algorithm, &self.material())
    }

    /// Signs `message` and hands the raw JWS signature (RFC 7518 section 3) to `use_signature`.
    ///
    /// # Errors
    /// [`Error::Crypto`] where the library fails.
    pub fn sign<T>(&self, message: &[u8], use_signature: impl FnOnce(&[u8]) -> T) -> Result<T, Error> {
        let rng = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut buffer = [0u8; 1024];
                let out = buffer.get_mut(..pair.public_modulus_len()).ok_or(Error::Crypto)?;
                pair.sign(rsa_padding(self.algorithm), &rng, message, out).map_err(|_| Error::Crypto)?;
                Ok(use_signature(out))
            }
            Pair::Ecdsa(pair) => Ok(use_signature(pair.sign(&rng, message).map_err(|_| Error::Crypto)?.as_ref())),
            Pair::Ed25519(pair) => Ok(use_signature(pair.try_sign(message).map_err(|_| Error::Crypto)?.as_ref())),
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({}, ***)", self.algorithm)
    }
}

/// PKCS #8 in PEM form (RFC 7468 section 10).
pub(super) fn pem_of(der: &Secret) -> Secret {
    const LINE: usize = 64;
    let body = zeroize::Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(der.expose()));
    // No more than was asked for: a buffer that grows leaves copies of the key behind.
    let mut pem = String::with_capacity(body.len() + body.len() / LINE + 64);
    pem.push_str("-----BEGIN PRIVATE KEY-----\n");
    for (at, character) in body.chars().enumerate() {
        if at > 0 && at % LINE == 0 {
            pem.push('\n');
        }
        pem.push(character);
    }
    pem.push_str("\n-----END PRIVATE KEY-----\n");
    Secret::new(pem)
}

fn ecdsa_algorithm(algorithm: Algorithm) -> Option<&'static EcdsaSigningAlgorithm> {
    match algorithm {
        Algorithm::Es256 => Some(&signature::ECDSA_P256_SHA256_FIXED_SIGNING),
        Algorithm::Es384 => Some(&signature::ECDSA_P384_SHA384_FIXED_SIGNING),
        Algorithm::Es512 => Some(&signature::ECDSA_P521_SHA512_FIXED_SIGNING),
        _ => None,
    }
}

fn rsa_padding(algorithm: Algorithm) -> &'static dyn signature::RsaEncoding {
    match algorithm {
        Algorithm::Rs384 => &signature::RSA_PKCS1_SHA384,
        Algorithm::Rs512 => &signature::RSA_PKCS1_SHA512,
        Algorithm::Ps256 => &signature::RSA_PSS_SHA256,
        Algorithm::Ps384 => &signature::RSA_PSS_SHA384,
        Algorithm::Ps512 => &signature::RSA_PSS_SHA512,
        _ => &signature::RSA_PKCS1_SHA256,
    }
}

fn curve(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Es384 => "P-384",
        Algorithm::Es512 => "P-521",
        _ => "P-256",
    }
}

#[cfg(test)]
mod tests {
    use super::{Algorithm, PrivateKey};
    use crate::{jose::Error, secret::Secret};

    #[test]
    fn each_algorithm_generates_parses_signs_and_verifies() {
        for algorithm in Algorithm::ALL {
            let pem = PrivateKey::generate_pem(algorithm).unwrap();
            let key = PrivateKey::from_pem(algorithm, &pem).unwrap();
            let public = key.public_key().unwrap();
            let signature = key.sign(b"message", <[u8]>::to_vec).unwrap();
            public.verify(b"message", &signature).unwrap();
            assert_eq!(public.verify(b"massage", &signature), Err(Error::Signature), "{algorithm}");
        }
    }

    #[test]
    fn a_key_of_another_type_is_refused_by_name() {
        let pem = PrivateKey::generate_pem(Algorithm::Es384).unwrap();
        let error = PrivateKey::from_pem(Algorithm::Es256, &pem).unwrap_err();
        assert_eq!(error, Error::KeyMismatch(Algorithm::Es256));
        assert!(matches!(PrivateKey::from_pem(Algorithm::Es256, &Secret::new("x")), Err(Error::PrivateKey(_))));
    }
}
