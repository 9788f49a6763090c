//! The checks of a logout request (RP-Initiated Logout 1.0 sections 2 and 3), in their order.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    provider::{
        ErrorCode, OAuthError, Params,
        id_token_hint::{self, Hint},
    },
    realm::{Client, Realm},
};

/// A logout request that is right as far as it goes.
#[derive(Debug)]
pub(super) struct LogoutRequest {
    /// The client that asks, where it says who it is.
    pub(super) client: Option<Arc<Client>>,
    pub(super) hint: Option<Hint>,
    /// Who is to be signed out, in the client's words.
    pub(super) logout_hint: Option<String>,
    /// Where the person may be sent afterwards: registered by that client, with `state` in its query.
    pub(super) redirect: Option<Redirect>,
}

/// The way back.
#[derive(Debug)]
pub(super) struct Redirect {
    pub(super) uri: String,
    pub(super) state: Option<String>,
}

pub(super) fn check(realm: &Realm, params: &Params, now: Timestamp) -> Result<LogoutRequest, OAuthError> {
    // A hint too old to be verified counts as none: the person is asked.
    let hint = match params.get("id_token_hint") {
        Some(token) => id_token_hint::verify(realm, token, params.get("client_id"), now)?.ours(),
        None => None,
    };
    let client = client(realm, params, hint.as_ref())?;
    let redirect = redirect(params, client.as_deref())?;
    Ok(LogoutRequest { client, hint, logout_hint: params.get("logout_hint").map(str::to_owned), redirect })
}

/// Section 2: `client_id` says who asks, and where the hint does too, they must agree.
fn client(realm: &Realm, params: &Params, hint: Option<&Hint>) -> Result<Option<Arc<Client>>, OAuthError> {
    let refuse = |description: &'static str| Err(OAuthError::new(ErrorCode::InvalidRequest, description));
    let Some(id) = params.get("client_id") else {
        // The client may be gone: the person can sign out all the same, and is sent nowhere.
        return Ok(hint.and_then(|hint| hint.audience.iter().find_map(|id| realm.client(id))).cloned());
    };
    if hint.is_some_and(|hint| !hint.audience.iter().any(|audience| audience == id)) {
        return refuse("client_id is not the client that the id_token_hint was issued to");
    }
    match realm.client(id) {
        Some(client) => Ok(Some(client.clone())),
        None => refuse("client_id is of no client in this realm"),
    }
}

/// Sections 2 and 3: only to a URI that the client has registered, compared exactly; with no client, nowhere.
fn redirect(params: &Params, client: Option<&Client>) -> Result<Option<Redirect>, OAuthError> {
    let refuse = |description: &'static str| Err(OAuthError::new(ErrorCode::InvalidRequest, description));
    let Some(uri) = params.get("post_logout_redirect_uri") else { return Ok(None) };
    let Some(client) = client else {
        return refuse("post_logout_redirect_uri needs an id_token_hint or a client_id: they say whose it is");
    };
    if !client.post_logout_redirect_uris.iter().any(|registered| registered.is_exactly(uri)) {
        return refuse("post_logout_redirect_uri is not one that is registered for this client");
    }
    Ok(Some(Redirect { uri: uri.to_owned(), state: params.get("state").map(str::to_owned) }))
}
