//! RFC 6749 section 3.1.2.3 and RFC 9700 section 2.1: `redirect_uri` must be one of those registered, compared as a string (the port of
//! a loopback address is free, RFC 8252 section 7.3). OpenID Connect Core section 3.1.2.1 requires it; a plain OAuth request may leave
//! it out where the client has registered only one.

use crate::{
    provider::{ErrorCode, OAuthError, Params},
    realm::Client,
};

/// Where the answer goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RedirectTarget {
    pub(super) uri: String,
    /// The request named it, so the token request must (RFC 6749 section 4.1.3).
    pub(super) given: bool,
}

pub(super) fn check(client: &Client, params: &Params) -> Result<RedirectTarget, OAuthError> {
    let refuse = |description: &'static str| Err(OAuthError::new(ErrorCode::InvalidRequest, description));
    let is_openid = params.get("scope").is_some_and(|scope| scope.split(' ').any(|scope| scope == "openid"));
    match (params.get("redirect_uri"), client.redirect_uris.as_slice()) {
        (Some(asked), registered) if registered.iter().any(|uri| uri.matches(asked)) => {
            Ok(RedirectTarget { uri: asked.to_owned(), given: true })
        }
        (Some(_), _) => {
            refuse("redirect_uri is not one that is registered for this client (they are compared exactly)")
        }
        (None, [only]) if !is_openid => Ok(RedirectTarget { uri: only.as_str().to_owned(), given: false }),
        (None, _) => refuse("the parameter redirect_uri is missing"),
    }
}
