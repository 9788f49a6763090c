//! One file a grant.

mod authorization_code;
mod client_credentials;
mod pkce;
mod refresh_token;

use std::sync::Arc;

pub(super) use self::{
    authorization_code::exchange as authorization_code, client_credentials::exchange as client_credentials,
    refresh_token::exchange as refresh_token,
};
use super::{TokenResponse, target};
use crate::{
    provider::{
        Call, ErrorCode, OAuthError, Params,
        tokens::{self, Companions, Grant, Holder, Spaced},
    },
    realm::{Client, User},
    store::Change,
};

/// `invalid_grant`.
fn invalid_grant(description: &'static str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidGrant, description)
}

/// The person of an authorization, where they may still sign in to the client.
fn person<'a>(call: &'a Call, client: &Client, grant: &Grant) -> Result<&'a Arc<User>, OAuthError> {
    let authorization = grant.authorization();
    let user = call.realm.user(&authorization.subject).filter(|user| client.admits(user));
    let user = user.ok_or_else(|| invalid_grant("the user is gone, is disabled, or may not sign in to this client"))?;
    if grant.is_of_another_password(user) {
        return Err(invalid_grant("the user's password has been changed: the person must sign in again"));
    }
    match authorization.is_shown_as(&call.realm.subject_for(client, user)) {
        true => Ok(user),
        false => Err(invalid_grant("the client knows the user by another sub now: the person must sign in again")),
    }
}

/// The access token of a person, and the ID token where `openid` is among the scopes; the changes that store them.
async fn personal_tokens(
    call: &Call,
    client: &Client,
    grant: &Grant,
    scopes: &[&str],
    nonce: Option<&str>,
    params: &Params,
) -> Result<(TokenResponse, Option<Change>), OAuthError> {
    let user = person(call, client, grant)?;
    let audience = target::audience(client, &grant.authorization().resources, params)?;
    let access = tokens::mint_access_token(call, client, Holder::Person(user, grant), scopes, &audience)?;
    let mut response = TokenResponse::new(access.token, access.expires_in, Spaced(scopes).to_string());
    if scopes.contains(&"openid") {
        let person = (&**user, grant.authorization());
        let with = Companions::of_token_endpoint(&response.access_token, nonce);
        response.id_token = Some(tokens::mint_id_token(call, client, person, scopes, with).await?);
    }
    Ok((response, access.artifact.map(Change::Insert)))
}

/// The authorised scopes that the client may still have.
fn granted_scopes<'a>(client: &Client, grant: &'a Grant) -> Vec<&'a str> {
    let granted = grant.authorization().scopes.iter().map(String::as_str);
    granted.filter(|scope| client.scopes.iter().any(|own| **own == **scope)).collect()
}
