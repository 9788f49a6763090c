//! RFC 6749 section 4.1.1, `client_id`: required, and of a client of this realm. Nothing is sent to anybody before that.

use std::sync::Arc;

use crate::{
    provider::{ErrorCode, OAuthError, Params},
    realm::{Client, Realm},
};

pub(super) fn check(realm: &Realm, params: &Params) -> Result<Arc<Client>, OAuthError> {
    let id = params
        .get("client_id")
        .ok_or_else(|| OAuthError::new(ErrorCode::InvalidRequest, "the parameter client_id is missing"))?;
    // Not `invalid_client`, which RFC 6749 has for failed client authentication.
    realm
        .client(id)
        .cloned()
        .ok_or_else(|| OAuthError::new(ErrorCode::InvalidRequest, "client_id is of no client in this realm"))
}
