//! The OpenID Provider. A request walks: listener -> realm by issuer -> endpoint's steps -> client authentication -> grant ->
//! tokens -> response. The clock is read once a request, in [`Provider::handle`].

mod authorization;
mod call;
mod error;
mod params;

use std::{fmt, sync::Arc};

use axum::{
    body::Body,
    http::{Method, Request, Response, StatusCode, header},
};
use jiff::Timestamp;

pub use authorization::{Authorization, CodePayload};
pub use call::{Call, Peer};
pub use error::{ErrorCode, OAuthError};
pub use params::{InvalidParams, MAX_FORM_LENGTH, Params};

use crate::{
    realm::{Registry, workload::ClusterTrust},
    store::Store,
    telemetry::Metrics,
};

/// Everything that the endpoints share; one a process.
pub struct Provider {
    /// The published realms.
    pub registry: Arc<Registry>,
    /// Runtime state.
    pub store: Arc<dyn Store>,
    /// The cluster whose ServiceAccounts may authenticate.
    pub cluster: Arc<ClusterTrust>,
    /// Counters and histograms.
    pub metrics: Arc<Metrics>,
    /// Where `now` comes from.
    pub clock: Clock,
}

/// Reads the time; tests give their own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The endpoints below an issuer, by the fixed routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Endpoint {
    Discovery,
    AuthorizationServerMetadata,
    Jwks,
    Authorize,
    Token,
    Userinfo,
    Introspect,
    Revoke,
    Logout,
    Login,
    Consent,
}

impl Endpoint {
    /// The endpoint of what follows the issuer in a request's path.
    pub fn of(rest: &str) -> Option<Self> {
        Some(match rest {
            "/.well-known/openid-configuration" => Self::Discovery,
            "/.well-known/oauth-authorization-server" => Self::AuthorizationServerMetadata,
            "/jwks" => Self::Jwks,
            "/authorize" => Self::Authorize,
            "/token" => Self::Token,
            "/userinfo" => Self::Userinfo,
            "/introspect" => Self::Introspect,
            "/revoke" => Self::Revoke,
            "/logout" => Self::Logout,
            "/login" => Self::Login,
            "/consent" => Self::Consent,
            _ => return None,
        })
    }

    /// The label of its metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::AuthorizationServerMetadata => "oauth-authorization-server",
            Self::Jwks => "jwks",
            Self::Authorize => "authorize",
            Self::Token => "token",
            Self::Userinfo => "userinfo",
            Self::Introspect => "introspect",
            Self::Revoke => "revoke",
            Self::Logout => "logout",
            Self::Login => "login",
            Self::Consent => "consent",
        }
    }
}

impl Provider {
    /// Answers one request.
    pub async fn handle(self: &Arc<Self>, peer: Peer, request: Request<Body>) -> Response<Body> {
        let now = (self.clock)();
        let Some((realm, endpoint)) = self.route(&request) else {
            return plain(StatusCode::NOT_FOUND, "no realm or endpoint here");
        };
        let call = Call { provider: self.clone(), realm, endpoint, peer, now };
        dispatch(&call, request).await
    }

    /// The realm by host and longest path, and the endpoint by the rest.
    fn route(&self, request: &Request<Body>) -> Option<(Arc<crate::realm::Realm>, Endpoint)> {
        let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
        let authority = host.or_else(|| request.uri().authority().map(|authority| authority.as_str()))?;
        let snapshot = self.registry.load();
        let path = request.uri().path();
        if let Some(issuer_path) = path.strip_prefix("/.well-known/oauth-authorization-server") {
            // RFC 8414 section 3.1: the well-known part stands before the issuer's path.
            let (realm, rest) = snapshot.find(authority, issuer_path)?;
            return rest.is_empty().then(|| (realm.clone(), Endpoint::AuthorizationServerMetadata));
        }
        let (realm, rest) = snapshot.find(authority, path)?;
        Some((realm.clone(), Endpoint::of(rest)?))
    }
}

/// Each endpoint's own module answers.
async fn dispatch(call: &Call, request: Request<Body>) -> Response<Body> {
    let method = request.method().clone();
    match (call.endpoint, method) {
        (_, Method::TRACE) => plain(StatusCode::METHOD_NOT_ALLOWED, "method not allowed"),
        _ => plain(StatusCode::NOT_IMPLEMENTED, "not here yet"),
    }
}

/// A short text, never cached.
pub(crate) fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain; charset=utf-8"));
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("store", &self.store).finish_non_exhaustive()
    }
}
