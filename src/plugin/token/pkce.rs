use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::secret::{NoEntropy, Secret, unguessable};

/// A proof key (RFC 7636): the verifier stays here until the code is exchanged, its challenge travels with the browser.
#[derive(Debug)]
pub struct Pkce {
    /// `code_verifier`.
    pub verifier: Secret,
    /// `code_challenge`, by S256.
    pub challenge: String,
}

impl Pkce {
    /// A fresh one, of 256 bits.
    ///
    /// # Errors
    /// [`NoEntropy`].
    pub fn new() -> Result<Self, NoEntropy> {
        Ok(Self::of(unguessable()?))
    }

    fn of(verifier: String) -> Self {
        let challenge = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
        Self { verifier: Secret::new(verifier), challenge }
    }
}

#[cfg(test)]
mod tests {
    use super::Pkce;

    #[test]
    fn the_challenge_is_that_of_rfc_7636_appendix_b() {
        let pkce = Pkce::of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into());
        assert_eq!(pkce.challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn a_verifier_is_as_long_as_section_4_1_asks_and_never_shown() {
        let pkce = Pkce::new().unwrap();
        let verifier = pkce.verifier.expose_str().unwrap();
        assert!((43..=128).contains(&verifier.len()));
        assert!(!format!("{pkce:?}").contains(verifier));
        assert_ne!(Pkce::new().unwrap().challenge, pkce.challenge);
    }
}
