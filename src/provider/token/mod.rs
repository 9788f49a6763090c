//! The token endpoint (RFC 6749 section 3.2, OpenID Connect Core section 3.1.3).

mod grants;
mod response;
mod scope;
mod target;
#[cfg(test)]
mod tests;

use axum::{
    body::Body,
    http::{Request, Response},
};

use self::response::TokenResponse;
pub(crate) use self::target::default_audience;
use super::{
    Call, ErrorCode, OAuthError, Params,
    client_auth::{self, Authenticated},
};
use crate::realm::GrantType;

/// Answers a token request.
pub(crate) async fn handle(call: &Call, request: Request<Body>) -> Response<Body> {
    match answer(call, request).await {
        Ok(tokens) => tokens.into_response(),
        Err(error) => error.into_response(),
    }
}

/// The steps: parameters, client, grant type, grant.
async fn answer(call: &Call, request: Request<Body>) -> Result<TokenResponse, OAuthError> {
    let (parts, body) = request.into_parts();
    let params = Params::from_body_repeating(&parts.headers, body, target::may_repeat).await?;
    let authenticated = client_auth::authenticate(call, &parts.headers, &params).await?;
    match grant_type(call, &authenticated, &params)? {
        GrantType::AuthorizationCode => {
            Box::pin(grants::authorization_code(call, &authenticated.client, &params)).await
        }
        GrantType::RefreshToken => Box::pin(grants::refresh_token(call, &authenticated.client, &params)).await,
        GrantType::ClientCredentials => grants::client_credentials(call, &authenticated, &params).await,
        // Refused by `grant_type`.
        GrantType::Implicit => Err(not_at_the_token_endpoint()),
    }
}

/// The implicit grant is a matter between the client and the authorization endpoint (RFC 6749 section 4.2).
fn not_at_the_token_endpoint() -> OAuthError {
    OAuthError::new(ErrorCode::UnsupportedGrantType, "the implicit grant has no business at the token endpoint")
}

/// The grant type, where the realm allows it and the client is registered for it.
fn grant_type(call: &Call, authenticated: &Authenticated, params: &Params) -> Result<GrantType, OAuthError> {
    let error = |code, description: &'static str| Err(OAuthError::new(code, description));
    let Some(name) = params.get("grant_type") else {
        return error(ErrorCode::InvalidRequest, "grant_type is missing");
    };
    match name.parse::<GrantType>() {
        Ok(GrantType::Implicit) => Err(not_at_the_token_endpoint()),
        Ok(grant) if !call.realm.settings.grant_types.contains(&grant) => {
            error(ErrorCode::UnsupportedGrantType, "the realm does not allow this grant type")
        }
        Ok(grant) if !authenticated.client.may_use(grant) => {
            error(ErrorCode::UnauthorizedClient, "the client is not registered for this grant type")
        }
        Ok(grant) => Ok(grant),
        Err(problem) => error(ErrorCode::UnsupportedGrantType, problem),
    }
}
