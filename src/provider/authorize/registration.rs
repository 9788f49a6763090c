//! OpenID Connect Core sections 3.1.2.6 and 7.2.1, `registration`: what a client says of itself to a self-issued provider. This is none,
//! and it is refused by its own code rather than passed over, because a client that sends it relies on it.

use crate::provider::{ErrorCode, OAuthError, Params};

pub(super) fn check(params: &Params) -> Result<(), OAuthError> {
    match params.get("registration") {
        Some(_) => {
            let description = "registration is not supported: register an OidcClient";
            Err(OAuthError::new(ErrorCode::RegistrationNotSupported, description))
        }
        None => Ok(()),
    }
}
