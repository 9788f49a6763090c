use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq;

use super::invalid_grant;
use crate::provider::{ErrorCode, OAuthError};

/// `code_verifier` must be that of the request's `code_challenge`, by S256 (RFC 7636 section 4.6). A verifier where the request had no
/// challenge is refused too: somebody has taken the challenge out (RFC 9700 section 4.8.2).
pub(super) fn verify(challenge: Option<&str>, verifier: Option<&str>) -> Result<(), OAuthError> {
    match (challenge, verifier) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(invalid_grant("there is a code_verifier, but the request had no code_challenge")),
        (Some(_), None) => Err(invalid_grant("code_verifier is missing")),
        (Some(challenge), Some(verifier)) => {
            if !is_well_formed(verifier) {
                let description = "code_verifier must be 43 to 128 letters, digits and - . _ ~";
                return Err(OAuthError::new(ErrorCode::InvalidRequest, description));
            }
            let made = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
            match made.as_bytes().ct_eq(challenge.as_bytes()).into() {
                true => Ok(()),
                false => Err(invalid_grant("code_verifier is not that of the code_challenge")),
            }
        }
    }
}

/// RFC 7636 section 4.1.
fn is_well_formed(verifier: &str) -> bool {
    (43..=128).contains(&verifier.len())
        && verifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}
