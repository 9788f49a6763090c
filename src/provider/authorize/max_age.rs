//! OpenID Connect Core section 3.1.2.1, `max_age`: seconds since the person last signed in, at the most.

use crate::provider::{ErrorCode, OAuthError, Params};

pub(super) fn check(params: &Params) -> Result<Option<u32>, OAuthError> {
    let Some(text) = params.get("max_age") else { return Ok(None) };
    match text.bytes().all(|byte| byte.is_ascii_digit()) {
        // What does not fit is longer than any session lives.
        true => Ok(Some(text.parse().unwrap_or(u32::MAX))),
        false => Err(OAuthError::new(ErrorCode::InvalidRequest, "max_age must be a number of seconds, zero or more")),
    }
}
