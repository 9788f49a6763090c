use crate::{
    provider::{
        Call, ErrorCode, OAuthError, Params,
        client_auth::Authenticated,
        token::{response::TokenResponse, scope, target},
        tokens::{self, Holder, Spaced},
    },
    realm::{Client, is_standard_scope},
    store::Change,
};

/// `grant_type=client_credentials` (RFC 6749 section 4.4): for confidential clients only, and without a refresh token (section
/// 4.4.3). With JWT access tokens it touches no store.
pub(in crate::provider::token) async fn exchange(
    call: &Call,
    authenticated: &Authenticated,
    params: &Params,
) -> Result<TokenResponse, OAuthError> {
    if !authenticated.is_confidential() {
        return Err(OAuthError::new(ErrorCode::UnauthorizedClient, "a public client has no credentials of its own"));
    }
    let client = &authenticated.client;
    let scopes = scopes(client, params)?;
    let audience = target::audience(client, &[], params)?;
    let access = tokens::mint_access_token(call, client, Holder::Client, &scopes, &audience)?;
    if let Some(artifact) = access.artifact {
        call.commit(vec![Change::Insert(artifact)]).await?;
    }
    Ok(TokenResponse::new(access.token, access.expires_in, Spaced(&scopes).to_string()))
}

/// Those asked for; where none is, all those of the client that are not about a person (RFC 6749 section 3.3 has us say which).
fn scopes<'a>(client: &'a Client, params: &'a Params) -> Result<Vec<&'a str>, OAuthError> {
    let own = client.scopes.iter().map(|scope| &**scope);
    let Some(requested) = scope::requested(params)? else {
        return Ok(own.filter(|scope| !is_standard_scope(scope)).collect());
    };
    for scope in &requested {
        if matches!(*scope, "openid" | "offline_access") {
            return Err(scope::refused(
                scope,
                "is for people: client_credentials gives no ID token and no refresh token",
            ));
        }
        if !client.scopes.iter().any(|own| **own == **scope) {
            return Err(scope::refused(scope, "is not one that the client may ask for"));
        }
    }
    Ok(requested)
}
