//! RFC 6749 section 3.1: no parameter more than once. `resource` may repeat (RFC 8707 section 2).

use crate::provider::{ErrorCode, OAuthError, Params};

/// True for a parameter that may stand there more than once.
pub(super) fn may_repeat(name: &str) -> bool {
    name == "resource"
}

pub(super) fn check(params: &Params) -> Result<(), OAuthError> {
    match params.repeated(may_repeat) {
        Some(name) => {
            let name: String = name.chars().take(64).collect();
            Err(OAuthError::new(ErrorCode::InvalidRequest, format!("the parameter {name} is given more than once")))
        }
        None => Ok(()),
    }
}

/// The same for those that decide where an error goes: with two of them, none can be trusted.
pub(super) fn check_target(params: &Params) -> Result<(), OAuthError> {
    let decides = |name: &str| matches!(name, "client_id" | "redirect_uri");
    match params.repeated(|name| !decides(name)) {
        Some(_) => {
            Err(OAuthError::new(ErrorCode::InvalidRequest, "client_id and redirect_uri may be given only once each"))
        }
        None => Ok(()),
    }
}
