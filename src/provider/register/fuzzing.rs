#![allow(clippy::expect_used, reason = "a panic is how a fuzz target says what it has found")]

use super::{ClientMetadata, OAuthError, body, complete, requested};
use crate::provider::{Call, Endpoint, testing::TestProvider};

/// The members of a body that is one JSON object, as far as they are understood.
pub(crate) async fn read(body: Vec<u8>) -> Result<ClientMetadata, OAuthError> {
    let mut headers = axum::http::HeaderMap::new();
    headers.insert("content-type", axum::http::HeaderValue::from_static("application/json"));
    requested(&body::read(&headers, body.into()).await?, None)
}

/// Held against the realm's policy.
pub(crate) fn complete(provider: &TestProvider, metadata: ClientMetadata) -> Result<ClientMetadata, OAuthError> {
    let call: Call = provider.call(Endpoint::Register);
    let policy = call.realm.settings.registration.clone().expect("a realm where clients register");
    complete::complete(&call, &policy, metadata)
}
