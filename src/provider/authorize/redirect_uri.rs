//! RFC 6749 section 3.1.2.3 and RFC 9700 section 2.1: `redirect_uri` must be one of those registered, compared as a string (the port of
//! a loopback address is free, RFC 8252 section 7.3). OpenID Connect Core sections 3.1.2.1 and 3.2.2.1 require it; a plain OAuth request for
//! a code may leave it out where the client has registered only one. That none of them is `http` but on a loopback address (section
//! 3.2.2.1) was seen to when it was registered.

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
    let has_word =
        |name, want: &[&str]| params.get(name).is_some_and(|text| text.split(' ').any(|word| want.contains(&word)));
    let is_required = has_word("scope", &["openid"]) || has_word("response_type", &["id_token", "token"]);
    match (params.get("redirect_uri"), client.redirect_uris.as_slice()) {
        (Some(asked), registered) if registered.iter().any(|uri| uri.matches(asked)) => {
            Ok(RedirectTarget { uri: asked.to_owned(), given: true })
        }
        (Some(_), _) => {
            refuse("redirect_uri is not one that is registered for this client (they are compared exactly)")
        }
        (None, [only]) if !is_required => Ok(RedirectTarget { uri: only.as_str().to_owned(), given: false }),
        (None, _) => refuse("the parameter redirect_uri is missing"),
    }
}
