//! Keys are parsed once, when a realm is built; a signature afterwards costs the signature (RFC 7515, 7516, 7517, 7518, 7638).
//!
//! `aws-lc-rs` does the cryptography; what stands here is the shape of the tokens and of the keys.

mod algorithm;
mod compact;
/// Verification of JWTs that somebody else issued: client assertions, ServiceAccount tokens.
pub mod foreign;
/// Private keys that other tools made: PEM of all forms, and JWK.
pub mod import;
/// Encryption and decryption of JWE.
pub mod jwe;
mod jwk;
mod jws_algorithm;
mod key_algorithm;
mod mac;
mod private_key;
mod public_key;
mod signer;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use compact::{Compact, MAX_COMPACT_LENGTH};
pub use jwk::{Jwk, JwkSet, KeyMaterial};
pub use jws_algorithm::{HmacAlgorithm, JwsAlgorithm};
pub use key_algorithm::{KeyAlgorithm, KeyManagement};
pub use mac::{authenticate_jwt, unsecured_jwt};
pub use private_key::PrivateKey;
pub use public_key::PublicKey;
pub use signer::Signer;

use crate::secret::NoEntropy;

/// What can be wrong with a key or a token; the texts hold no part of either.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum Error {
    /// The bytes are no private key that this build understands.
    #[error("not a usable private key: {0}")]
    PrivateKey(&'static str),
    /// The key is of another type than the algorithm needs.
    #[error("the key does not fit the algorithm {0}")]
    KeyMismatch(Algorithm),
    /// The public key's parameters are malformed.
    #[error("not a usable public key: {0}")]
    PublicKey(&'static str),
    /// The text is not a JWS in compact serialisation (RFC 7515 section 7.1).
    #[error("not a compact JWS: {0}")]
    Malformed(&'static str),
    /// The signature does not verify.
    #[error("the signature does not verify")]
    Signature,
    /// A secret with fewer bytes than its algorithm asks for (RFC 7518 section 3.2).
    #[error("the secret is shorter than the {} bytes that {algorithm} needs", .algorithm.min_key_length())]
    ShortSecret {
        /// The algorithm.
        algorithm: HmacAlgorithm,
    },
    /// The cryptographic library refused to work (out of entropy, for instance).
    #[error("the cryptographic library failed")]
    Crypto,
}

impl From<NoEntropy> for Error {
    fn from(_: NoEntropy) -> Self {
        Self::Crypto
    }
}
