//! OpenID Connect Core sections 3.1.2.1, 3.2.2.1 and 3.3.2.11, `nonce`: comes back in the ID token as it was sent, and is required where
//! an ID token comes by way of the browser, which anybody could have put there. Bounded, because every ID token of the authorization
//! carries it.

use crate::{
    provider::{ErrorCode, OAuthError, Params},
    realm::ResponseType,
};

const MAX_LENGTH: usize = 1024;

pub(super) fn check(params: &Params, response_type: ResponseType) -> Result<Option<String>, OAuthError> {
    let refuse = |description: &'static str| Err(OAuthError::new(ErrorCode::InvalidRequest, description));
    match params.get("nonce") {
        Some(nonce) if nonce.len() > MAX_LENGTH => refuse("nonce is longer than 1024 bytes"),
        None if response_type.has_id_token() => refuse("a response_type with id_token needs the parameter nonce"),
        nonce => Ok(nonce.map(str::to_owned)),
    }
}
