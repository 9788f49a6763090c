//! OpenID Connect Core section 3.1.2.1, `max_age`: seconds since the person last signed in, at the most. Where the request says nothing,
//! what the client has registered (`default_max_age`, Registration section 2).

use crate::{
    provider::{ErrorCode, OAuthError, Params},
    realm::Client,
};

pub(super) fn check(client: &Client, params: &Params) -> Result<Option<u32>, OAuthError> {
    let Some(text) = params.get("max_age") else { return Ok(client.defaults.max_age) };
    match text.bytes().all(|byte| byte.is_ascii_digit()) {
        // What does not fit is longer than any session lives.
        true => Ok(Some(text.parse().unwrap_or(u32::MAX))),
        false => Err(OAuthError::new(ErrorCode::InvalidRequest, "max_age must be a number of seconds, zero or more")),
    }
}
