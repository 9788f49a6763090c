use std::sync::Arc;

use super::{granted_scopes, invalid_grant, person, personal_tokens, pkce};
use crate::{
    provider::{
        Call, CodePayload, ErrorCode, OAuthError, Params,
        token::response::TokenResponse,
        tokens::{self, Grant},
    },
    realm::Client,
    store::{Change, IdHash, Kind, StoreError},
};

/// `grant_type=authorization_code` (RFC 6749 section 4.1.3, OpenID Connect Core section 3.1.3.1): a code is good for one exchange, by the client that
/// it was issued to.
pub(in crate::provider::token) async fn exchange(
    call: &Call,
    client: &Arc<Client>,
    params: &Params,
) -> Result<TokenResponse, OAuthError> {
    let Some(code) = params.get("code") else {
        return Err(OAuthError::new(ErrorCode::InvalidRequest, "code is missing"));
    };
    let id = IdHash::of(code);
    let found = call.find(Kind::AuthorizationCode, &id).await?;
    let artifact = found.ok_or_else(|| invalid_grant("the code is unknown, has expired or was revoked"))?;
    let payload: CodePayload =
        serde_json::from_slice(&artifact.payload).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    check_binding(client, &payload, params)?;
    if artifact.consumed.is_some() {
        return Err(replayed(call, &payload.grant_id).await?);
    }
    let (nonce, has_grant) = (payload.authorization.nonce.clone(), payload.has_grant);
    let grant = Grant::of(payload, client, call);
    let (response, mut changes) = redeem(call, client, &grant, nonce.as_deref(), id, params).await?;
    if has_grant {
        // That of the access token that came with the code. Gone: everything of this authorization has been revoked.
        changes.insert(0, Change::RemoveUnused { kind: Kind::Grant, id: grant.id() });
    }
    match call.commit(changes).await {
        Ok(()) => Ok(response),
        // Somebody has redeemed it, or revoked it, since we looked.
        Err(StoreError::Conflict) => Err(replayed(call, &grant.payload.grant_id).await?),
        Err(error) => Err(error.into()),
    }
}

/// Only the one who could redeem the code gets further: a thief who has nothing but the code can't even revoke the owner's tokens with
/// it.
fn check_binding(client: &Client, payload: &CodePayload, params: &Params) -> Result<(), OAuthError> {
    if !payload.authorization.is_of(client) {
        return Err(invalid_grant("the code was issued to another client"));
    }
    match params.get("redirect_uri") {
        Some(uri) if uri != payload.redirect_uri => {
            return Err(invalid_grant("redirect_uri is another than in the authorization request"));
        }
        None if payload.redirect_uri_given => {
            return Err(invalid_grant("redirect_uri is missing: it was in the authorization request"));
        }
        _ => {}
    }
    pkce::verify(payload.code_challenge.as_deref(), params.get("code_verifier"))
}

/// A code that comes twice has been stolen, by the first or by the second who brought it: nothing that came of it is good any longer
/// (RFC 6749 section 4.1.2, RFC 9700 section 2.1.1).
async fn replayed(call: &Call, grant_id: &str) -> Result<OAuthError, StoreError> {
    call.commit(vec![Change::RemoveGrant(IdHash::of(grant_id))]).await?;
    tracing::warn!("an authorization code was used twice; its tokens are revoked");
    Ok(invalid_grant("the code has been used before; its tokens are revoked"))
}

/// The tokens, and what makes them good: the code is used up, and the grant is there, in one step.
async fn redeem(
    call: &Call,
    client: &Client,
    grant: &Grant,
    nonce: Option<&str>,
    code: IdHash,
    params: &Params,
) -> Result<(TokenResponse, Vec<Change>), OAuthError> {
    person(call, client, grant)?;
    let scopes = granted_scopes(client, grant);
    let (mut response, stored) = personal_tokens(call, client, grant, &scopes, nonce, params).await?;
    let mut changes = vec![
        Change::Consume { kind: Kind::AuthorizationCode, id: code, successor: None },
        Change::Insert(grant.artifact(call)?),
    ];
    changes.extend(stored);
    if let Some((token, artifact)) = tokens::mint_refresh_token(call, client, grant)? {
        response.refresh_token = Some(token);
        changes.push(Change::Insert(artifact));
    }
    Ok((response, changes))
}
