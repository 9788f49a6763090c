//! The UserInfo endpoint (OpenID Connect Core section 5.3) and how a bearer token is presented to it (RFC 6750).

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, Request, Response, header},
};
use serde_json::{Map, Value};

use super::{
    Call, ErrorCode, OAuthError, Params,
    tokens::{ClaimRequest, Purpose, active_access_token, claims, encrypt, protect},
};
use crate::{
    realm::{Client, Protection},
    telemetry::request::set_client,
};

/// Answers with the claims that the access token's scopes release, and those that were asked for one by one.
pub(crate) async fn handle(call: &Call, request: Request<Body>) -> Response<Body> {
    let answer = match token(request).await {
        Ok(Some(token)) => answer(call, &token).await,
        Ok(None) => return challenge(call, None),
        Err(error) => Err(error),
    };
    match answer {
        Ok(Answer { content_type, body }) => {
            let mut response = Response::new(Body::from(body));
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(error) => challenge(call, Some(error)),
    }
}

/// The claims as they go out.
struct Answer {
    content_type: &'static str,
    body: String,
}

/// JSON, or a JWT where the client has registered so (section 5.3.2). What is signed says who has made it and for whom; what is only
/// encrypted is the same JSON. The algorithm `none` asks for no signature, and nobody gains by a JWT without one: that is JSON too.
async fn protected(call: &Call, client: &Client, mut claims: Map<String, Value>) -> Result<Answer, OAuthError> {
    let jwt = |body| Answer { content_type: "application/jwt", body };
    let Protection { signing, encryption } = client.userinfo.always_signed();
    if signing.is_some() {
        claims.insert("iss".to_owned(), Value::from(call.realm.issuer.as_str()));
        claims.insert("aud".to_owned(), Value::from(client.id.as_str()));
        let protection = Protection { signing, encryption };
        return Ok(jwt(protect(call, client, protection, "JWT", &claims).await?));
    }
    let json = Value::Object(claims).to_string();
    match encryption {
        Some(encryption) => Ok(jwt(encrypt(call, client, encryption, None, json.as_bytes()).await?)),
        None => Ok(Answer { content_type: "application/json", body: json }),
    }
}

async fn answer(call: &Call, token: &str) -> Result<Answer, OAuthError> {
    let invalid = |why: &'static str| OAuthError::new(ErrorCode::InvalidToken, why);
    let active = active_access_token(call, token).await?;
    let active = active.ok_or_else(|| invalid("the access token is unknown, has expired or was revoked"))?;
    let (Some(user), Some(grant)) = (&active.owner.user, &active.grant) else {
        return Err(invalid("the access token is the client's own: there is no person behind it"));
    };
    let scopes: Vec<&str> = active.scopes.iter().map(String::as_str).collect();
    if !scopes.contains(&"openid") {
        return Err(OAuthError::new(ErrorCode::InsufficientScope, "the access token lacks the scope openid"));
    }
    set_client(&active.owner.client.id);
    let person = Some((&**user, grant.authorization()));
    let request = ClaimRequest { realm: &call.realm, client: &active.owner.client, person, scopes: &scopes };
    let mut claims = claims(&request, Purpose::UserInfo);
    claims.insert("sub".to_owned(), Value::from(&*call.realm.subject_for(&active.owner.client, user)));
    protected(call, &active.owner.client, claims).await
}

/// The token, from the header or from the form of a POST, and only one of them (RFC 6750 section 2); not from the query, where it
/// would end up in logs. None where there is no token at all.
async fn token(request: Request<Body>) -> Result<Option<String>, OAuthError> {
    let invalid = |why: &'static str| Err(OAuthError::new(ErrorCode::InvalidRequest, why));
    let (parts, body) = request.into_parts();
    let from_header = bearer(&parts.headers)?;
    let from_form = match parts.method == Method::POST && is_form(&parts.headers) {
        true => Params::from_body(&parts.headers, body).await?.get("access_token").map(str::to_owned),
        false => None,
    };
    match (from_header, from_form) {
        (Some(_), Some(_)) => invalid("the access token is given in more than one way"),
        (Some(token), None) | (None, Some(token)) => Ok(Some(token)),
        (None, None) => Ok(None),
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// RFC 6750 section 2.1. Another scheme is no token.
pub(super) fn bearer(headers: &HeaderMap) -> Result<Option<String>, OAuthError> {
    let invalid = |why: &'static str| OAuthError::new(ErrorCode::InvalidRequest, why);
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = all.next() else { return Ok(None) };
    if all.next().is_some() {
        return Err(invalid("there is more than one Authorization header"));
    }
    let text = value.to_str().map_err(|_| invalid("the Authorization header is not ASCII"))?;
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    let token = token.trim();
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    match token {
        "" => Err(invalid("the Authorization header holds no bearer token")),
        token if token.bytes().all(is_token) => Ok(Some(token.to_owned())),
        // A token that is malformed is an invalid one (section 3.1).
        _ => Err(OAuthError::new(ErrorCode::InvalidToken, "the access token is malformed")),
    }
}

/// The answer of RFC 6750 section 3; without an error where nothing was presented (section 3.1).
fn challenge(call: &Call, error: Option<OAuthError>) -> Response<Body> {
    let mut challenge = format!("Bearer realm=\"{}\"", call.realm.issuer);
    let response = match error {
        None => super::plain(axum::http::StatusCode::UNAUTHORIZED, "an access token is needed"),
        Some(error) => {
            let code = error.code;
            if !matches!(code, ErrorCode::InvalidRequest | ErrorCode::InvalidToken | ErrorCode::InsufficientScope) {
                return error.into_response();
            }
            // The description holds no character that would need quoting.
            challenge.push_str(&format!(", error=\"{}\", error_description=\"{}\"", code.as_str(), error.description));
            if code == ErrorCode::InsufficientScope {
                challenge.push_str(", scope=\"openid\"");
            }
            error.into_response()
        }
    };
    let mut response = response;
    if let Ok(value) = HeaderValue::from_str(&challenge) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

#[cfg(test)]
mod tests;
