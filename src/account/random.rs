use aws_lc_rs::rand;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// The machine has no random numbers to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no random numbers to be had")]
pub struct NoEntropy;

/// 256 random bits as 43 characters of base64url: nobody guesses them (RFC 9700 and RFC 6749 section 10.10 ask for 128 or more).
///
/// # Errors
/// [`NoEntropy`].
pub fn unguessable() -> Result<String, NoEntropy> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| NoEntropy)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_two_are_alike_and_each_has_256_bits() {
        let many: std::collections::HashSet<_> = (0..1_000).map(|_| super::unguessable().unwrap()).collect();
        assert_eq!(many.len(), 1_000);
        assert!(many.iter().all(|text| text.len() == 43));
    }
}
