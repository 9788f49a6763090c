//! RFC 6749 section 3.1.1 and OAuth 2.0 Multiple Response Type Encoding Practices section 3: `response_type` is required, a set of words
//! in any order; the realm must allow it, and the client must have registered it, and the grants that belong to it (RFC 7591 section 2.1).
//! `token` alone is not among them: no ID token says for whom such an access token is (RFC 9700 section 2.1.2).

use crate::{
    provider::{ErrorCode, OAuthError, Params},
    realm::{Client, Realm, ResponseType},
};

pub(super) fn check(realm: &Realm, client: &Client, params: &Params) -> Result<ResponseType, OAuthError> {
    let refuse = |code, description: &'static str| Err(OAuthError::new(code, description));
    let Some(asked) = params.get("response_type") else {
        return refuse(ErrorCode::InvalidRequest, "the parameter response_type is missing");
    };
    let known = ResponseType::of_words(asked).filter(|known| realm.settings.supports(*known));
    let Some(response_type) = known else {
        return refuse(ErrorCode::UnsupportedResponseType, "this realm has no such response_type");
    };
    if !client.response_types.contains(&response_type) {
        return refuse(ErrorCode::UnauthorizedClient, "the client is not registered for this response_type");
    }
    if !response_type.is_granted(&client.grant_types) {
        return refuse(
            ErrorCode::UnauthorizedClient,
            "the client is not registered for the grants of this response_type",
        );
    }
    Ok(response_type)
}
