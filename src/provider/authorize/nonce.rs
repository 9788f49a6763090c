//! OpenID Connect Core section 3.1.2.1, `nonce`: comes back in the ID token as it was sent. Bounded, because every ID token of the
//! authorization carries it.

use crate::provider::{ErrorCode, OAuthError, Params};

const MAX_LENGTH: usize = 1024;

pub(super) fn check(params: &Params) -> Result<Option<String>, OAuthError> {
    match params.get("nonce") {
        Some(nonce) if nonce.len() > MAX_LENGTH => {
            Err(OAuthError::new(ErrorCode::InvalidRequest, "nonce is longer than 1024 bytes"))
        }
        nonce => Ok(nonce.map(str::to_owned)),
    }
}
