//! The client information response (RFC 7591 section 3.2.1, RFC 7592 section 3, OpenID Connect Registration section 3.2).

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use form_urlencoded::byte_serialize;

use crate::{
    provider::{Call, Endpoint, ErrorCode, OAuthError},
    realm::registration::Registered,
};

/// Everything that is registered, with what was given to it: `token` is its registration access token from now on.
pub(super) fn of(
    call: &Call,
    status: StatusCode,
    registered: &Registered,
    token: &str,
) -> Result<Response<Body>, OAuthError> {
    let mut document = registered.metadata.clone().into_map();
    let registration = &registered.registration;
    let mut put = |name: &str, value: serde_json::Value| document.insert(name.to_owned(), value);
    put("client_id", registered.client_id.as_str().into());
    put("client_id_issued_at", registration.issued_at.as_second().into());
    if let Some(secret) = registered.secret.as_ref().and_then(|secret| secret.expose_str()) {
        put("client_secret", secret.into());
        // Zero: it does not.
        put("client_secret_expires_at", registration.secret_expires_at.map_or(0, |end| end.as_second()).into());
    }
    put("registration_access_token", token.into());
    put("registration_client_uri", management_uri(call, registered.client_id.as_str()).into());
    if let Some(statement) = &registration.statement {
        put("software_statement", (**statement).into());
    }
    let body =
        serde_json::to_vec(&document).map_err(|error| OAuthError::new(ErrorCode::ServerError, error.to_string()))?;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    Ok(response)
}

fn management_uri(call: &Call, client_id: &str) -> String {
    let client_id: String = byte_serialize(client_id.as_bytes()).collect();
    format!("{}?client_id={client_id}", call.realm.issuer.endpoint(Endpoint::Register.path()))
}
