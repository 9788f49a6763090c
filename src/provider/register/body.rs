//! The body of a request: one JSON object (RFC 7591 section 3.1).

use axum::{
    body::Body,
    http::{HeaderMap, header},
};
use serde_json::{Map, Value};

use crate::provider::{ErrorCode, OAuthError, params};

/// The members as they were sent.
pub(super) type Document = Map<String, Value>;

pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Document, OAuthError> {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let text = params::read(body).await?;
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(OAuthError::new(ErrorCode::InvalidRequest, "the body must be application/json"));
    }
    match serde_json::from_slice(&text) {
        Ok(Value::Object(document)) => Ok(document),
        _ => Err(OAuthError::new(ErrorCode::InvalidClientMetadata, "the body must be one JSON object")),
    }
}
