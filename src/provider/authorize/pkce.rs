//! RFC 7636 section 4.3 and RFC 9700 section 2.1.1: `code_challenge` with the method S256, and no other (`plain`, which is also what a
//! missing method means, protects against nobody who can read the request). Every client must use it; where the realm relaxes that for
//! confidential clients, one that doesn't must send a `nonce` in an OpenID request instead. A response type without a code has nothing to
//! prove later.

use crate::{
    provider::{ErrorCode, OAuthError, Params},
    realm::{Client, Pkce, Realm, ResponseType},
};

/// Base64url of a SHA-256 hash.
const CHALLENGE_LENGTH: usize = 43;

pub(super) fn check(
    realm: &Realm,
    client: &Client,
    params: &Params,
    response_type: ResponseType,
) -> Result<Option<String>, OAuthError> {
    if !response_type.has_code() {
        return Ok(None);
    }
    let refuse = |description: &'static str| Err(OAuthError::new(ErrorCode::InvalidRequest, description));
    match (params.get("code_challenge"), params.get("code_challenge_method")) {
        (Some(challenge), Some("S256")) if is_s256(challenge) => Ok(Some(challenge.to_owned())),
        (Some(_), Some("S256")) => refuse("code_challenge must be 43 characters of base64url (RFC 7636 section 4.2)"),
        (Some(_), _) => refuse("code_challenge_method must be S256"),
        (None, Some(_)) => refuse("the parameter code_challenge is missing"),
        (None, None)
            if realm.settings.pkce == Pkce::Required
                || realm.settings.pkce == Pkce::PublicClients && client.is_public() =>
        {
            refuse("PKCE is required: send code_challenge and code_challenge_method=S256 (RFC 7636)")
        }
        (None, None) if realm.settings.pkce == Pkce::Optional => Ok(None),
        (None, None) if !relies_on_nonce(params) => {
            refuse("PKCE is required of a request without nonce: send code_challenge and code_challenge_method=S256")
        }
        (None, None) => Ok(None),
    }
}

fn is_s256(challenge: &str) -> bool {
    challenge.len() == CHALLENGE_LENGTH && challenge.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

/// A nonce protects only who gets an ID token to find it in.
fn relies_on_nonce(params: &Params) -> bool {
    let is_openid = params.get("scope").is_some_and(|scope| scope.split(' ').any(|scope| scope == "openid"));
    is_openid && params.get("nonce").is_some()
}
