use crate::provider::{ErrorCode, OAuthError, Params};

/// The scopes of the parameter `scope` (RFC 6749 section 3.3), each once, in order; none where it is not there.
///
/// # Errors
/// `invalid_scope` where one is malformed.
pub(super) fn requested(params: &Params) -> Result<Option<Vec<&str>>, OAuthError> {
    let Some(text) = params.get("scope") else { return Ok(None) };
    let mut scopes = Vec::new();
    for scope in text.split(' ').filter(|scope| !scope.is_empty()) {
        if !scope.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)) {
            return Err(OAuthError::new(ErrorCode::InvalidScope, "a scope holds a character that none may hold"));
        }
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    Ok(Some(scopes))
}

/// `invalid_scope`, naming the scope: it is well-formed, and the client's own.
pub(super) fn refused(scope: &str, why: &str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidScope, format!("the scope {scope:.64} {why}"))
}
