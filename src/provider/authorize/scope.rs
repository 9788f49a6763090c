//! RFC 6749 section 3.3 and OpenID Connect Core sections 3.1.2.1, 5.4 and 11, `scope`:
//!
//! - It is required, as that section of the RFC allows: there is no set of scopes that would be right to take for granted.
//! - A scope that the realm does not know is passed over ("SHOULD be ignored", OpenID Connect); the token response tells what was
//!   granted. One that the realm knows and the client may not ask for is an error, so that a mistake in a manifest shows.
//! - An ID token of the authorization endpoint needs `openid`; other response types without it are plain OAuth.
//! - `offline_access` is for clients that may have refresh tokens, and for response types with a code; others asked in vain. The consent that it needs is given on the
//!   consent page, or by the platform for clients with `consent: Skip`.

use std::sync::Arc;

use crate::{
    provider::{ErrorCode, OAuthError, Params},
    realm::{Client, GrantType, Realm, ResponseType},
};

pub(super) fn check(
    realm: &Realm,
    client: &Client,
    params: &Params,
    response_type: ResponseType,
) -> Result<Vec<Arc<str>>, OAuthError> {
    let refuse = |description: String| Err(OAuthError::new(ErrorCode::InvalidScope, description));
    let Some(asked) = params.get("scope") else { return refuse("the parameter scope is missing".into()) };
    let mut granted: Vec<Arc<str>> = Vec::new();
    for name in asked.split(' ').filter(|name| !name.is_empty()) {
        let Some(scope) = realm.settings.scope(name) else { continue };
        if !client.scopes.contains(&scope.name) {
            return refuse(format!("the client may not ask for the scope {name}"));
        }
        let has_refresh = client.may_use(GrantType::RefreshToken) && response_type.has_code();
        let is_vain = name == "offline_access" && !has_refresh;
        if !is_vain && !granted.contains(&scope.name) {
            granted.push(scope.name.clone());
        }
    }
    if granted.is_empty() {
        return refuse("none of the scopes is known in this realm".into());
    }
    if response_type.has_id_token() && !granted.iter().any(|scope| &**scope == "openid") {
        return refuse("a response_type with id_token needs the scope openid".into());
    }
    Ok(granted)
}
