use axum::{
    body::Body,
    http::{HeaderValue, Response, header},
};
use serde::Serialize;

use crate::provider::{ErrorCode, OAuthError};

/// A successful answer (RFC 6749 section 5.1, OpenID Connect Core section 3.1.3.3).
#[derive(Debug, Serialize)]
pub(super) struct TokenResponse {
    pub(super) access_token: String,
    token_type: &'static str,
    pub(super) expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id_token: Option<String>,
    /// Left out where there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) scope: String,
}

impl TokenResponse {
    pub(super) fn new(access_token: String, expires_in: u64, scope: String) -> Self {
        Self { access_token, token_type: "Bearer", expires_in, refresh_token: None, id_token: None, scope }
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let Ok(body) = serde_json::to_vec(&self) else {
            return OAuthError::new(ErrorCode::ServerError, "the answer could not be written").into_response();
        };
        let mut response = Response::new(Body::from(body));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
        response
    }
}
