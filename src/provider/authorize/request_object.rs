//! OpenID Connect Core sections 3.1.2.6 and 6: request objects are not supported, and each is
//! refused with its own code rather than passed over, because a client that sends one relies on it.

use crate::provider::{ErrorCode, OAuthError, Params};

pub(super) fn check(params: &Params) -> Result<(), OAuthError> {
    let refuse = |code, description: &'static str| Err(OAuthError::new(code, description));
    if params.get("request").is_some() {
        return refuse(ErrorCode::RequestNotSupported, "request objects are not supported: send plain parameters");
    }
    if params.get("request_uri").is_some() {
        return refuse(ErrorCode::RequestUriNotSupported, "request_uri is not supported: send plain parameters");
    }
    Ok(())
}
