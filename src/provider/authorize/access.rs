//! The OidcClient's `access.groups`: who may sign in to it. Everybody else gets `access_denied` (RFC 6749 section 4.1.2.1).

use crate::{
    provider::{ErrorCode, OAuthError},
    realm::{Client, User},
};

pub(super) fn check(client: &Client, user: &User) -> Result<(), OAuthError> {
    match client.admits(user) {
        true => Ok(()),
        false => {
            Err(OAuthError::new(ErrorCode::AccessDenied, "the user is in no group that may sign in to this client"))
        }
    }
}
