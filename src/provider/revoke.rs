//! Token revocation (RFC 7009).

use axum::{
    body::Body,
    http::{Request, Response, StatusCode, header},
};
use jiff::Timestamp;

use super::{Call, ErrorCode, OAuthError, Params, client_auth, tokens};
use crate::{
    realm::Client,
    store::{Artifact, Change, IdHash, Kind},
};

/// Revokes a token of the client that asks; a token that is not (any longer) there is as good as revoked (section 2.2).
pub(crate) async fn handle(call: &Call, request: Request<Body>) -> Response<Body> {
    match answer(call, request).await {
        Ok(()) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::OK;
            response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
            response
        }
        Err(error) => error.into_response(),
    }
}

async fn answer(call: &Call, request: Request<Body>) -> Result<(), OAuthError> {
    let (parts, body) = request.into_parts();
    let params = Params::from_body(&parts.headers, body).await?;
    let client = client_auth::authenticate(call, &parts.headers, &params).await?.client;
    let Some(token) = params.get("token") else {
        return Err(OAuthError::new(ErrorCode::InvalidRequest, "token is missing"));
    };
    // `token_type_hint` is a hint (section 2.1): what the token is, it shows itself.
    if let Some(claims) = tokens::own_jwt(call, token) {
        own(&client, &claims.client_id)?;
        let end = Timestamp::from_second(claims.exp).unwrap_or(Timestamp::MAX);
        let marker = call.artifact(Kind::Revoked, IdHash::of(&claims.jti), &(), end)?;
        call.commit(vec![Change::Put(marker)]).await?;
        return Ok(());
    }
    let id = IdHash::of(token);
    if let Some(artifact) = call.find(Kind::RefreshToken, &id).await? {
        return revoke_family(call, &client, &artifact).await;
    }
    if let Some(artifact) = call.find(Kind::AccessToken, &id).await? {
        own(&client, &tokens::opaque_client_id(&artifact)?)?;
        call.commit(vec![Change::Remove { kind: Kind::AccessToken, id }]).await?;
    }
    Ok(())
}

/// With a refresh token, used or not, goes all that comes of the same authorization (section 2.1).
async fn revoke_family(call: &Call, client: &Client, artifact: &Artifact) -> Result<(), OAuthError> {
    let Some(id) = artifact.grant else { return Ok(()) };
    if let Some(grant) = tokens::Grant::find(call, &id).await? {
        own(client, &grant.authorization().client_id)?;
        call.commit(vec![Change::RemoveGrant(id)]).await?;
    }
    Ok(())
}

/// Another client's token is refused, and stays (section 2.1).
fn own(client: &Client, client_id: &str) -> Result<(), OAuthError> {
    match *client.id == *client_id {
        true => Ok(()),
        false => Err(OAuthError::new(ErrorCode::InvalidGrant, "the token was issued to another client")),
    }
}

#[cfg(test)]
mod tests;
