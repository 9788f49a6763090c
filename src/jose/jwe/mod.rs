//! JWE in compact serialisation (RFC 7516 section 7.1) with the algorithms of RFC 7518 sections 4.3, 4.5, 4.6 and 5. There is one error for
//! all that can be wrong with what a stranger sends, so that nobody learns from it how far they came (RFC 7516 section 11.5).

mod content;
mod decrypt;
mod derive;
mod direct;
mod encrypt;
mod key;
#[cfg(test)]
mod tests;

pub use content::ContentEncryption;
pub use direct::{DirectKey, is_direct};
pub use encrypt::EncryptionKey;
pub use key::DecryptionKey;

/// The JWE can't be decrypted with this key: it is malformed, for another key, or forged. Nobody is told which.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
#[error("the JWE can't be decrypted")]
pub struct DecryptionFailed;
