//! A client that looks after its own registration (RFC 7592 section 2, OpenID Connect Registration section 4).

use axum::{
    body::Body,
    http::{Request, Response, StatusCode, header, request::Parts},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use subtle::ConstantTimeEq;

use super::{Office, access, body, complete, requested, response, secret_end, sector, served, statement};
use crate::{
    provider::{Call, ErrorCode, OAuthError, Params},
    realm::{
        ObjectName,
        registration::{
            AccessTokenRotation, ClientMetadata, InvalidMetadata, Registered, RegistrarError, Registration, TokenHash,
            Update,
        },
    },
    secret::unguessable,
    telemetry::request::set_client,
};

/// A change that meets another one is made anew so often.
const ATTEMPTS: usize = 5;

/// The answer to whoever has the wrong token, or one for a client that is no more: nobody learns which (RFC 7592 section 2.1).
const UNKNOWN: &str = "the registration access token is not that of this client, or the client is gone";

/// RFC 7592 section 2.1: the registration as it stands.
pub(super) async fn read(call: &Call, request: Request<Body>) -> Result<Response<Body>, OAuthError> {
    let (parts, _) = request.into_parts();
    let office = Office::of(call)?;
    for _ in 0..ATTEMPTS {
        let (registered, token) = authorize(call, &office, &parts).await?;
        if office.policy.rotation != AccessTokenRotation::Always {
            return response::of(call, StatusCode::OK, &registered, &token);
        }
        let token = unguessable()?;
        let registration = next(&registered, Some(&token));
        match change(call, &office, &registered, None, registration, false).await {
            Ok(registered) => return response::of(call, StatusCode::OK, &registered, &token),
            Err(RegistrarError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(RegistrarError::Conflict.into())
}

/// RFC 7592 section 2.2: what is sent takes the place of all that is there.
pub(super) async fn update(call: &Call, request: Request<Body>) -> Result<Response<Body>, OAuthError> {
    let (parts, body) = request.into_parts();
    let office = Office::of(call)?;
    let (mut registered, mut token) = authorize(call, &office, &parts).await?;
    let document = body::read(&parts.headers, body).await?;
    check_own(&document, &registered)?;
    let statement = statement::verify(call, office.policy, &document).await?;
    let metadata = complete::complete(call, office.policy, requested(&document, statement.as_ref())?)?;
    sector::check(call, &metadata).await?;
    let statement = statement.map(|statement| statement.text);
    for _ in 0..ATTEMPTS {
        let fresh = match office.policy.rotation {
            AccessTokenRotation::Never => None,
            AccessTokenRotation::OnUpdate | AccessTokenRotation::Always => Some(unguessable()?),
        };
        let mut registration = next(&registered, fresh.as_deref());
        registration.statement = statement.clone();
        let renews_secret = renew(call, &office, &registered, &metadata, &mut registration);
        match change(call, &office, &registered, Some(metadata.clone()), registration, renews_secret).await {
            Ok(registered) => {
                tracing::info!(client = %registered.client_id, "a client has changed its registration");
                return response::of(call, StatusCode::OK, &registered, fresh.as_deref().unwrap_or(&token));
            }
            // It may have been by the same client, with a newer token.
            Err(RegistrarError::Conflict) => (registered, token) = authorize(call, &office, &parts).await?,
            Err(error) => return Err(error.into()),
        }
    }
    Err(RegistrarError::Conflict.into())
}

/// RFC 7592 section 2.3: with the client go its secret, its token, and all that it was granted.
pub(super) async fn delete(call: &Call, request: Request<Body>) -> Result<Response<Body>, OAuthError> {
    let (parts, _) = request.into_parts();
    let office = Office::of(call)?;
    for _ in 0..ATTEMPTS {
        let (registered, _) = authorize(call, &office, &parts).await?;
        match office.registrar.delete(&registered).await {
            Ok(()) => {
                tracing::info!(client = %registered.client_id, "a client has removed its registration");
                served::until_gone(call, &registered).await;
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::NO_CONTENT;
                let headers = response.headers_mut();
                headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
                headers.insert(header::PRAGMA, header::HeaderValue::from_static("no-cache"));
                return Ok(response);
            }
            Err(RegistrarError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(RegistrarError::Conflict.into())
}

/// The client of the request's URL, as it stands where clients are kept, and the token that is its own.
async fn authorize(call: &Call, office: &Office<'_>, parts: &Parts) -> Result<(Registered, String), OAuthError> {
    let token = access::bearer(&parts.headers)?;
    let refused = || OAuthError::new(ErrorCode::InvalidToken, UNKNOWN);
    let query = Params::parse(parts.uri.query().unwrap_or_default().as_bytes())?;
    let client_id = query.get("client_id").ok_or_else(refused)?;
    let known = call.realm.client(client_id);
    let hash = known.and_then(|client| client.registration.as_ref()).map(|registration| &registration.access_token);
    // Another replica may know more than this one.
    if !hash.is_some_and(|hash| hash.matches(token.as_bytes())) && !call.provider.registrations.may(call.now) {
        return Err(OAuthError::new(
            ErrorCode::TemporarilyUnavailable,
            "too many tokens that are not known, try again",
        ));
    }
    let name = match known {
        Some(client) => client.name.clone(),
        None if is_name(client_id) => ObjectName::new(call.realm.name.namespace.clone(), client_id),
        None => return Err(refused()),
    };
    let found = office.registrar.read(&name).await?.filter(|found| {
        found.realm == call.realm.name
            && found.client_id.as_str() == client_id
            && found.registration.access_token.matches(token.as_bytes())
    });
    let registered = found.ok_or_else(refused)?;
    set_client(&registered.client_id);
    Ok((registered, token))
}

/// What registered clients are called.
fn is_name(client_id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=64).contains(&client_id.len()) && client_id.bytes().all(is_plain)
}

/// What a client says of itself must be so, and what is not its own to say must not be there (RFC 7592 section 2.2).
fn check_own(document: &body::Document, registered: &Registered) -> Result<(), OAuthError> {
    const OURS: [&str; 4] =
        ["registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"];
    let problem = |member: &str, message: &str| Err(InvalidMetadata::new(member, message).into());
    if let Some(member) = OURS.into_iter().find(|member| document.contains_key(*member)) {
        return problem(member, "must not be in an update");
    }
    match document.get("client_id") {
        Some(Value::String(id)) if *id == *registered.client_id.as_str() => {}
        Some(_) => return problem("client_id", "must be that of the client"),
        None => return problem("client_id", "must be in an update"),
    }
    let own = registered.secret.as_ref().map(|secret| secret.expose()).unwrap_or_default();
    match document.get("client_secret") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::String(secret)) if bool::from(secret.as_bytes().ct_eq(own)) && !own.is_empty() => Ok(()),
        Some(_) => problem("client_secret", "must be the one that was issued: a client does not choose its own"),
    }
}

/// What is kept from now on, with another token if there is one.
fn next(registered: &Registered, token: Option<&str>) -> Registration {
    let mut registration = registered.registration.clone();
    registration.revision = registration.revision.saturating_add(1);
    if let Some(token) = token {
        registration.access_token = TokenHash::of(token.as_bytes());
    }
    registration
}

/// A secret of which half of the time is over is replaced, as the standard lets the server do (RFC 7592 section 2.2). True where it is.
fn renew(
    call: &Call,
    office: &Office<'_>,
    registered: &Registered,
    metadata: &ClientMetadata,
    registration: &mut Registration,
) -> bool {
    if !complete::uses_secret(metadata) {
        registration.secret_expires_at = None;
        return false;
    }
    let now = Timestamp::from_second(call.now.as_second()).unwrap_or(call.now);
    let had_secret = registered.secret.is_some();
    let (end, lifetime) = match (registration.secret_expires_at, office.policy.secret_lifetime) {
        (Some(end), Some(lifetime)) => (end, lifetime),
        // It ends, and nobody says any more after what time the next one does.
        (Some(end), None) => {
            registration.secret_expires_at = Some(end).filter(|end| *end > now);
            return end <= now;
        }
        (None, Some(_)) if had_secret => return false,
        (None, _) => {
            registration.secret_expires_at = secret_end(office.policy, metadata, now);
            return false;
        }
    };
    let half = SignedDuration::try_from(lifetime / 2).unwrap_or(SignedDuration::MAX);
    if had_secret && end.duration_since(now) > half {
        return false;
    }
    registration.secret_expires_at = secret_end(office.policy, metadata, now);
    had_secret
}

async fn change(
    call: &Call,
    office: &Office<'_>,
    registered: &Registered,
    metadata: Option<ClientMetadata>,
    registration: Registration,
    renews_secret: bool,
) -> Result<Registered, RegistrarError> {
    let issuer = call.realm.issuer.clone();
    let update = Update { issuer, metadata, registration, renews_secret, now: call.now };
    let changed = office.registrar.update(registered, update).await?;
    // Should it take longer, it is registered all the same.
    served::until_served(call, &changed).await;
    Ok(changed)
}
