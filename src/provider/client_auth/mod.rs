//! Client authentication (RFC 6749 section 2.3, RFC 7521 section 4.2, OpenID Connect Core section 9): one file a method. Whatever is
//! wrong with a credential, the answer is the same; the log says which it was.

mod assertion;
mod client_assertion;
mod client_secret_basic;
mod client_secret_jwt;
mod client_secret_post;
mod jwks_uri;
mod none;
mod presented;
mod private_key_jwt;
mod refusal;
mod secret;
mod service_account;
#[cfg(test)]
mod tests;
mod unverified;

use std::sync::Arc;

use axum::http::HeaderMap;

pub use self::jwks_uri::JwksCache;
pub(crate) use self::{
    client_secret_jwt::verify as verify_code, private_key_jwt::verify as verify_signature, unverified::Unverified,
};
use self::{presented::Presented, refusal::Refusal};
use super::{Call, OAuthError, Params, register};
use crate::{realm::Client, telemetry::request::set_client};

/// A client that has shown who it is.
#[derive(Debug)]
pub(crate) struct Authenticated {
    /// The client.
    pub(crate) client: Arc<Client>,
    /// How it did.
    pub(crate) by: Method,
}

/// How a client has authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// It has not: a public client has only said its name.
    None,
    /// With a secret, in the header or in the body.
    Secret,
    /// With a JWT that it authenticated with its secret.
    ClientSecretJwt,
    /// With a JWT that it signed with its own key.
    PrivateKeyJwt,
    /// With the projected token of a ServiceAccount.
    ServiceAccount,
}

impl Authenticated {
    /// True where it has proven who it is, not only said so.
    pub(crate) fn is_confidential(&self) -> bool {
        self.by != Method::None
    }
}

/// Finds out which client asks.
///
/// # Errors
/// `invalid_request` where the request contradicts itself, `invalid_client` for everything else that is wrong, and what
/// the store says.
pub(crate) async fn authenticate(
    call: &Call,
    headers: &HeaderMap,
    params: &Params,
) -> Result<Authenticated, OAuthError> {
    let authenticated = match verify(call, headers, params).await {
        Ok(authenticated) => authenticated,
        Err(refusal) => return Err(refusal.into_error()),
    };
    set_client(&authenticated.client.id);
    register::note_use(call, &authenticated.client);
    Ok(authenticated)
}

async fn verify(call: &Call, headers: &HeaderMap, params: &Params) -> Result<Authenticated, Refusal> {
    match Presented::of(headers, params)? {
        Presented::Name(client_id) => none::verify(&call.realm, client_id),
        Presented::Secret { method, client_id, secret } => {
            secret::verify(&call.realm, method, &client_id, secret.as_bytes(), call.now)
        }
        Presented::Assertion { client_id, assertion } => {
            let trust = call.provider.cluster.load();
            let issuer = assertion::issuer(assertion)?;
            match trust.filter(|cluster| *cluster.issuer == *issuer) {
                Some(cluster) => service_account::verify(call, &cluster, client_id, assertion),
                // Boxed, so that the many requests without one stay small.
                None => Box::pin(client_assertion::verify(call, client_id, assertion)).await,
            }
        }
    }
}
