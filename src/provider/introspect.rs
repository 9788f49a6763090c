//! Token introspection (RFC 7662).

use axum::{
    body::Body,
    http::{HeaderValue, Request, Response, header},
};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    Call, ErrorCode, OAuthError, Params,
    client_auth::{self, Authenticated},
    tokens::{
        ActiveToken, Audience, ClaimRequest, Grant, Owner, Purpose, active_access_token, active_refresh_token, claims,
    },
};

/// What is said of a token (section 2.2): of one that is not active, nothing more than that.
#[derive(Debug, Default, Serialize)]
struct Introspection {
    active: bool,
    #[serde(flatten)]
    token: Option<Description>,
}

#[derive(Debug, Serialize)]
struct Description {
    iss: String,
    sub: String,
    client_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<Audience<'static>>,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    amr: Vec<String>,
    #[serde(flatten)]
    released: Map<String, Value>,
}

/// Answers a protected resource, or a client that asks about a token of its own.
pub(crate) async fn handle(call: &Call, request: Request<Body>) -> Response<Body> {
    match answer(call, request).await {
        Ok(introspection) => respond(&introspection),
        Err(error) => error.into_response(),
    }
}

async fn answer(call: &Call, request: Request<Body>) -> Result<Introspection, OAuthError> {
    let (parts, body) = request.into_parts();
    let params = Params::from_body(&parts.headers, body).await?;
    let asks = client_auth::authenticate(call, &parts.headers, &params).await?;
    if !asks.is_confidential() {
        // Section 2.1: otherwise anybody could try tokens out.
        return Err(OAuthError::new(ErrorCode::InvalidClient, "a client without credentials may not introspect"));
    }
    let Some(token) = params.get("token") else {
        return Err(OAuthError::new(ErrorCode::InvalidRequest, "token is missing"));
    };
    // `token_type_hint` would only save a look-up, and may be ignored (section 2.1).
    let described = match active_access_token(call, token).await? {
        Some(active) => may_ask(&asks, &active.owner, Some(&active.audience)).then(|| describe(call, active)),
        None => match active_refresh_token(call, token).await? {
            Some((grant, owner, expires_at)) => {
                may_ask(&asks, &owner, None).then(|| describe_refresh(call, &grant, &owner, expires_at.as_second()))
            }
            None => None,
        },
    };
    Ok(Introspection { active: described.is_some(), token: described })
}

/// A token is shown to the client that it was issued to, and to the resource servers that it is for: clients whose `client_id` is in
/// its audience. To everybody else it is not active (section 4).
fn may_ask(asks: &Authenticated, owner: &Owner, audience: Option<&Audience<'_>>) -> bool {
    asks.client.id == owner.client.id || audience.is_some_and(|audience| audience.contains(asks.client.id.as_str()))
}

fn describe(call: &Call, active: ActiveToken) -> Description {
    let ActiveToken { owner, grant, scopes, audience, issued_at, expires_at, jti } = active;
    let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
    let authorization = grant.as_ref().map(Grant::authorization);
    let person = owner.user.as_deref().zip(authorization);
    // What a JWT of the same token would hold, so that resource servers may have either.
    let request = ClaimRequest { realm: &call.realm, client: &owner.client, person, scopes: &scopes };
    Description {
        iss: call.realm.issuer.to_string(),
        sub: subject(call, &owner),
        client_id: owner.client.id.to_string(),
        username: username(&owner),
        scope: scopes.join(" "),
        token_type: Some("Bearer"),
        aud: Some(audience),
        exp: expires_at,
        iat: Some(issued_at),
        jti,
        auth_time: authorization.map(|authorization| authorization.auth_time),
        acr: authorization.and_then(|authorization| authorization.acr.clone()),
        amr: authorization.map(|authorization| authorization.amr.clone()).unwrap_or_default(),
        released: claims(&request, Purpose::Access),
    }
}

fn describe_refresh(call: &Call, grant: &Grant, owner: &Owner, expires_at: i64) -> Description {
    let authorization = grant.authorization();
    Description {
        iss: call.realm.issuer.to_string(),
        sub: subject(call, owner),
        client_id: owner.client.id.to_string(),
        username: username(owner),
        scope: authorization.scopes.join(" "),
        token_type: None,
        aud: None,
        exp: expires_at,
        iat: None,
        jti: None,
        auth_time: Some(authorization.auth_time),
        acr: None,
        amr: Vec::new(),
        released: Map::new(),
    }
}

/// As in the token itself: whoever asks sees the `sub` of the client that has it.
fn subject(call: &Call, owner: &Owner) -> String {
    match &owner.user {
        Some(user) => call.realm.subject_for(&owner.client, user).into_owned(),
        None => owner.client.id.to_string(),
    }
}

/// A client that may not know the person by a common `sub` does not get a common name instead (OpenID Connect Core section 8).
fn username(owner: &Owner) -> Option<String> {
    let user = owner.user.as_ref().filter(|_| !owner.client.subject.is_pairwise())?;
    Some(user.username.to_string())
}

fn respond(introspection: &Introspection) -> Response<Body> {
    let Ok(body) = serde_json::to_vec(introspection) else {
        return OAuthError::new(ErrorCode::ServerError, "the answer could not be written").into_response();
    };
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests;
