use std::fmt;

use aws_lc_rs::rand;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The machine has no random numbers to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no random numbers to be had")]
pub struct NoEntropy;

/// 256 random bits as 43 characters of base64url, which nobody guesses: codes, tokens, cookies, client secrets (RFC 9700 and RFC
/// 6749 section 10.10 ask for 128 or more).
///
/// # Errors
/// [`NoEntropy`].
pub fn unguessable() -> Result<String, NoEntropy> {
    random::<32>()
}

/// `N` random bytes as base64url: identifiers that are no credential take fewer than [`unguessable`].
///
/// # Errors
/// [`NoEntropy`].
pub fn random<const N: usize>() -> Result<String, NoEntropy> {
    let mut bytes = Zeroizing::new([0; N]);
    rand::fill(bytes.as_mut_slice()).map_err(|_| NoEntropy)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes.as_slice()))
}

/// Secret bytes: `Debug` prints `***`, the memory is wiped on drop, equality takes the same time whatever the content
/// (the length is not hidden).
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes ownership, so that no copy stays behind.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The bytes themselves: for cryptography and for writing to a Secret, never for a log or an error.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The same as text, where it is UTF-8.
    pub fn expose_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// True for no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Secret, unguessable};

    #[test]
    fn no_two_are_alike_and_each_has_256_bits() {
        let many: HashSet<_> = (0..1_000).map(|_| unguessable().unwrap()).collect();
        assert_eq!(many.len(), 1_000);
        assert!(many.iter().all(|text| text.len() == 43));
    }

    #[test]
    fn debug_never_shows_the_content() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "***");
    }
}
