//! RFC 6749 section 3.1.1: `response_type` is required; the realm must know it and the client must have it, and the grant that belongs
//! to it (RFC 7591 section 2.1).

use crate::{
    provider::{ErrorCode, OAuthError, Params},
    realm::{Client, GrantType, Realm, ResponseType},
};

pub(super) fn check(realm: &Realm, client: &Client, params: &Params) -> Result<(), OAuthError> {
    let refuse = |code, description: &'static str| Err(OAuthError::new(code, description));
    let Some(asked) = params.get("response_type") else {
        return refuse(ErrorCode::InvalidRequest, "the parameter response_type is missing");
    };
    let Some(response_type) = asked
        .parse::<ResponseType>()
        .ok()
        .filter(|known| *known == ResponseType::Code && realm.settings.response_types.contains(known))
    else {
        return refuse(ErrorCode::UnsupportedResponseType, "this realm has no such response_type");
    };
    if !client.response_types.contains(&response_type) {
        return refuse(ErrorCode::UnauthorizedClient, "the client is not registered for this response_type");
    }
    if !client.may_use(GrantType::AuthorizationCode) {
        return refuse(ErrorCode::UnauthorizedClient, "the client is not registered for the grant authorization_code");
    }
    Ok(())
}
