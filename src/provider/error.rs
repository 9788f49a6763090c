use std::borrow::Cow;

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};

use super::InvalidParams;
use crate::{jose, secret::NoEntropy, store::StoreError};

/// An error code of the standards; the variant's doc names the one that defines it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// RFC 6749 section 4.1.2.1 and 5.2.
    InvalidRequest,
    /// RFC 6749 section 5.2.
    InvalidClient,
    /// RFC 6749 section 5.2.
    InvalidGrant,
    /// RFC 6749 section 4.1.2.1 and 5.2.
    UnauthorizedClient,
    /// RFC 6749 section 5.2.
    UnsupportedGrantType,
    /// RFC 6749 section 4.1.2.1.
    UnsupportedResponseType,
    /// RFC 6749 section 4.1.2.1 and 5.2.
    InvalidScope,
    /// RFC 6749 section 4.1.2.1.
    AccessDenied,
    /// RFC 6749 section 4.1.2.1.
    ServerError,
    /// RFC 6749 section 4.1.2.1; as an HTTP answer 503 with Retry-After.
    TemporarilyUnavailable,
    /// RFC 6750 section 3.1.
    InvalidToken,
    /// RFC 6750 section 3.1.
    InsufficientScope,
    /// RFC 7009 section 2.2.1.
    UnsupportedTokenType,
    /// RFC 8707 section 2.
    InvalidTarget,
    /// RFC 7591 section 3.2.2; elsewhere: what the client has registered can't be done, since its keys don't fit.
    InvalidClientMetadata,
    /// OpenID Connect Core section 3.1.2.6.
    LoginRequired,
    /// OpenID Connect Core section 3.1.2.6.
    ConsentRequired,
    /// OpenID Connect Core section 3.1.2.6.
    InteractionRequired,
    /// OpenID Connect Core section 3.1.2.6.
    AccountSelectionRequired,
    /// OpenID Connect Core section 3.1.2.6.
    InvalidRequestUri,
    /// OpenID Connect Core section 3.1.2.6.
    InvalidRequestObject,
    /// OpenID Connect Core section 3.1.2.6.
    RegistrationNotSupported,
    /// OpenID Connect Core Error Code `unmet_authentication_requirements` section 1.
    UnmetAuthenticationRequirements,
    /// RFC 7591 section 3.2.2.
    InvalidRedirectUri,
    /// RFC 7591 section 3.2.2.
    InvalidSoftwareStatement,
    /// RFC 7591 section 3.2.2.
    UnapprovedSoftwareStatement,
}

impl ErrorCode {
    /// All of them, in order of declaration.
    pub const ALL: [Self; 26] = [
        Self::InvalidRequest,
        Self::InvalidClient,
        Self::InvalidGrant,
        Self::UnauthorizedClient,
        Self::UnsupportedGrantType,
        Self::UnsupportedResponseType,
        Self::InvalidScope,
        Self::AccessDenied,
        Self::ServerError,
        Self::TemporarilyUnavailable,
        Self::InvalidToken,
        Self::InsufficientScope,
        Self::UnsupportedTokenType,
        Self::InvalidTarget,
        Self::InvalidClientMetadata,
        Self::LoginRequired,
        Self::ConsentRequired,
        Self::InteractionRequired,
        Self::AccountSelectionRequired,
        Self::InvalidRequestUri,
        Self::InvalidRequestObject,
        Self::RegistrationNotSupported,
        Self::UnmetAuthenticationRequirements,
        Self::InvalidRedirectUri,
        Self::InvalidSoftwareStatement,
        Self::UnapprovedSoftwareStatement,
    ];

    /// The code as it is sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::AccessDenied => "access_denied",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::UnsupportedTokenType => "unsupported_token_type",
            Self::InvalidTarget => "invalid_target",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::InteractionRequired => "interaction_required",
            Self::AccountSelectionRequired => "account_selection_required",
            Self::InvalidRequestUri => "invalid_request_uri",
            Self::InvalidRequestObject => "invalid_request_object",
            Self::RegistrationNotSupported => "registration_not_supported",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::InvalidSoftwareStatement => "invalid_software_statement",
            Self::UnapprovedSoftwareStatement => "unapproved_software_statement",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::InvalidClient | Self::InvalidToken => StatusCode::UNAUTHORIZED,
            Self::InsufficientScope => StatusCode::FORBIDDEN,
            Self::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// A protocol error: the code for the program, the description for the developer who reads it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {description}", code.as_str())]
pub struct OAuthError {
    /// The code.
    pub code: ErrorCode,
    /// What was wrong, in which parameter, what to do; no secret, no control character, no `"` and no `\` (RFC 6749 section 5.2).
    pub description: Cow<'static, str>,
    /// Another status than the code's own: 413 for a body that is too long, say.
    pub status: Option<StatusCode>,
}

impl OAuthError {
    /// An error; characters that RFC 6749 section 5.2 bars from `error_description` are replaced.
    pub fn new(code: ErrorCode, description: impl Into<Cow<'static, str>>) -> Self {
        let description = description.into();
        let fits = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
        let description = match description.chars().all(fits) {
            true => description,
            false => description.chars().map(|c| if fits(c) { c } else { '\'' }).collect::<String>().into(),
        };
        Self { code, description, status: None }
    }

    /// The JSON answer of RFC 6749 section 5.2. `invalid_client` carries a challenge for Basic, as that section asks of clients that used
    /// the header.
    pub fn into_response(self) -> Response<Body> {
        let body = serde_json::json!({"error": self.code.as_str(), "error_description": self.description});
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status.unwrap_or_else(|| self.code.status());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
        if self.code == ErrorCode::InvalidClient {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"token endpoint\", charset=\"UTF-8\""),
            );
        }
        if self.code == ErrorCode::TemporarilyUnavailable {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<InvalidParams> for OAuthError {
    fn from(error: InvalidParams) -> Self {
        let status = match error {
            InvalidParams::TooLong => Some(StatusCode::PAYLOAD_TOO_LARGE),
            InvalidParams::Body => Some(StatusCode::REQUEST_TIMEOUT),
            _ => None,
        };
        Self { status, ..Self::new(ErrorCode::InvalidRequest, error.to_string()) }
    }
}

impl From<StoreError> for OAuthError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => Self::new(ErrorCode::InvalidGrant, "it has been used by somebody else just now"),
            StoreError::Unavailable(_) => {
                Self::new(ErrorCode::TemporarilyUnavailable, "the store is unavailable, try again")
            }
            StoreError::Corrupt(_) => Self::new(ErrorCode::ServerError, "the store could not be read"),
        }
    }
}

impl From<NoEntropy> for OAuthError {
    fn from(error: NoEntropy) -> Self {
        jose::Error::from(error).into()
    }
}

impl From<jose::Error> for OAuthError {
    /// Keys that do not sign and randomness that does not come: ours to mend, whoever asked.
    fn from(error: jose::Error) -> Self {
        Self::new(ErrorCode::ServerError, error.to_string())
    }
}
