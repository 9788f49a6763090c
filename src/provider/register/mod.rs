//! Dynamic registration (RFC 7591, OpenID Connect Registration 1.0 section 3) and its management (RFC 7592): clients that come by
//! themselves, are bounded by the realm's policy, and stand from then on beside those that people have written.

mod access;
mod body;
mod complete;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod links;
mod manage;
mod redirect_uris;
mod response;
mod sector;
mod served;
mod statement;
#[cfg(test)]
mod tests;
mod usage;

use std::sync::Arc;

use axum::{
    body::Body,
    http::{Method, Request, Response, StatusCode},
};
use jiff::Timestamp;

pub(crate) use self::{access::Lookups, usage::note_use};
use super::{Call, ErrorCode, OAuthError};
use crate::{
    realm::registration::{
        ClientMetadata, ClientRegistrar, InvalidMetadata, NewClient, Registered, RegistrarError, Registration,
        RegistrationPolicy, TokenHash,
    },
    secret::unguessable,
};

/// Descriptions are cut here.
const MAX_DESCRIPTION: usize = 300;

/// Registers, or lets a client look after itself, by the method.
pub(crate) async fn handle(call: &Call, request: Request<Body>) -> Response<Body> {
    let answer = match *request.method() {
        Method::POST => create(call, request).await,
        Method::PUT => manage::update(call, request).await,
        Method::DELETE => manage::delete(call, request).await,
        _ => manage::read(call, request).await,
    };
    answer.unwrap_or_else(|error| access::challenge(call, error))
}

/// What it takes to register: a policy, and somebody who keeps the clients.
struct Office<'a> {
    policy: &'a RegistrationPolicy,
    registrar: &'a Arc<dyn ClientRegistrar>,
}

impl<'a> Office<'a> {
    fn of(call: &'a Call) -> Result<Self, OAuthError> {
        let closed = || OAuthError::new(ErrorCode::TemporarilyUnavailable, "clients can't be registered here now");
        let policy = call.realm.settings.registration.as_deref().ok_or_else(closed)?;
        let registrar = call.provider.registrar.as_ref().ok_or_else(closed)?;
        Ok(Self { policy, registrar })
    }
}

/// RFC 7591 section 3.1, OpenID Connect Registration section 3.1.
async fn create(call: &Call, request: Request<Body>) -> Result<Response<Body>, OAuthError> {
    let office = Office::of(call)?;
    let (parts, body) = request.into_parts();
    let token = access::initial(call, office.policy, &parts.headers).await?;
    let document = body::read(&parts.headers, body).await?;
    let statement = statement::verify(call, office.policy, &document).await?;
    let metadata = requested(&document, statement.as_ref())?;
    let metadata = complete::complete(call, office.policy, metadata)?;
    sector::check(call, &metadata).await?;
    check_room(call, office.policy)?;
    let use_ = access::take(call, token).await?;
    match keep(call, &office, metadata, statement.map(|statement| statement.text)).await {
        Ok((registered, token)) => {
            tracing::info!(client = %registered.client_id, object = %registered.name, "a client has registered itself");
            response::of(call, StatusCode::CREATED, &registered, &token)
        }
        Err(error) => {
            use_.give_back(call).await;
            Err(error)
        }
    }
}

/// What was asked for, as far as it is understood; what a trusted issuer has stated takes its place (RFC 7591 section 2.3).
fn requested(
    document: &body::Document,
    statement: Option<&statement::Statement>,
) -> Result<ClientMetadata, OAuthError> {
    let mut metadata = ClientMetadata::parse(document)?;
    if let Some(statement) = statement {
        metadata.overlay(ClientMetadata::parse(&statement.claims)?);
    }
    Ok(metadata)
}

/// No more registered clients than the realm has room for.
fn check_room(call: &Call, policy: &RegistrationPolicy) -> Result<(), OAuthError> {
    let registered = call.realm.clients.values().filter(|client| client.registration.is_some()).count();
    if registered < policy.max_clients {
        return Ok(());
    }
    let full =
        OAuthError::new(ErrorCode::TemporarilyUnavailable, "the realm has as many registered clients as it may have");
    Err(OAuthError { status: Some(StatusCode::TOO_MANY_REQUESTS), ..full })
}

/// Has the client kept, and waits until it is served: whoever gets the answer can use it at once.
async fn keep(
    call: &Call,
    office: &Office<'_>,
    metadata: ClientMetadata,
    statement: Option<Arc<str>>,
) -> Result<(Registered, String), OAuthError> {
    let token = unguessable()?;
    let issued_at = Timestamp::from_second(call.now.as_second()).unwrap_or(call.now);
    let registration = Registration {
        access_token: TokenHash::of(token.as_bytes()),
        issued_at,
        secret_expires_at: secret_end(office.policy, &metadata, issued_at),
        last_used: None,
        revision: 1,
        statement,
    };
    let (realm, issuer) = (call.realm.name.clone(), call.realm.issuer.clone());
    let new = NewClient { realm, issuer, metadata, registration, now: call.now };
    let registered = office.registrar.create(new).await?;
    if served::until_served(call, &registered).await {
        return Ok((registered, token));
    }
    // Nobody is told of it, so nobody would ever use it.
    if let Ok(Some(registered)) = office.registrar.read(&registered.name).await {
        let _ = office.registrar.delete(&registered).await;
    }
    Err(OAuthError::new(ErrorCode::TemporarilyUnavailable, "the client could not be served in time, try again"))
}

/// When the secret ends that the client gets now.
fn secret_end(policy: &RegistrationPolicy, metadata: &ClientMetadata, now: Timestamp) -> Option<Timestamp> {
    let lifetime = policy.secret_lifetime.filter(|_| complete::uses_secret(metadata))?;
    Some(now.saturating_add(lifetime).unwrap_or(Timestamp::MAX))
}

impl From<InvalidMetadata> for OAuthError {
    fn from(error: InvalidMetadata) -> Self {
        let code = match error.member.as_str() {
            "redirect_uris" => ErrorCode::InvalidRedirectUri,
            _ => ErrorCode::InvalidClientMetadata,
        };
        // It may repeat what was sent.
        Self::new(code, error.to_string().chars().take(MAX_DESCRIPTION).collect::<String>())
    }
}

impl From<RegistrarError> for OAuthError {
    fn from(error: RegistrarError) -> Self {
        match error {
            RegistrarError::Invalid(invalid) => invalid.into(),
            RegistrarError::Conflict => Self::new(
                ErrorCode::TemporarilyUnavailable,
                "the client was changed by somebody else just now, try again",
            ),
            RegistrarError::Unavailable(why) => {
                // It may speak of what is inside.
                tracing::error!(error = why, "a registered client could not be kept");
                Self::new(ErrorCode::TemporarilyUnavailable, "clients can't be registered now, try again")
            }
        }
    }
}
