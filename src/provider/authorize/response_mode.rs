//! OAuth 2.0 Multiple Response Type Encoding Practices section 2.1 and Form Post Response Mode: `query` (the default of the code flow)
//! or `form_post`. `fragment` is for flows that put tokens into the front channel, which this realm does not have.

use crate::provider::{ErrorCode, OAuthError, Params};

/// How the answer travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ResponseMode {
    /// In the query of the redirect URI.
    #[default]
    Query,
    /// In the body of a POST to it.
    FormPost,
}

pub(super) fn check(params: &Params) -> Result<ResponseMode, OAuthError> {
    match params.get("response_mode") {
        None | Some("query") => Ok(ResponseMode::Query),
        Some("form_post") => Ok(ResponseMode::FormPost),
        Some(_) => Err(OAuthError::new(ErrorCode::InvalidRequest, "response_mode must be query or form_post")),
    }
}
