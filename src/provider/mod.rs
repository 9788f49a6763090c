//! The OpenID Provider. A request walks: listener -> realm by issuer -> endpoint's steps -> client authentication -> grant ->
//! tokens -> response. The clock is read once a request, in [`Provider::handle`].

mod account;
mod authorization;
mod authorize;
mod cache;
mod call;
mod claims_request;
mod client_auth;
#[cfg(test)]
mod conformance;
mod consent;
mod cookies;
mod csrf;
mod decrypt;
mod discovery;
mod endpoint;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod guard;
mod id_token_hint;
mod introspect;
mod login;
mod logout;
mod outbound;
mod pages;
mod params;
mod register;
/// A request gone through to find out why it would be refused.
pub mod rehearsal;
mod request_id;
mod revoke;
/// The listener.
pub mod server;
mod session;
mod sign_out;
mod steps;
#[cfg(any(test, fuzzing))]
pub(crate) mod testing;
mod token;
mod tokens;
mod under_way;
mod userinfo;
mod visit;
mod webfinger;

use std::{fmt, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{Method, Request, Response, StatusCode, header},
};
use futures::FutureExt;
use jiff::Timestamp;
use tokio::sync::Notify;

pub use authorization::{Authorization, CodePayload};
pub use call::{Call, Peer};
pub use claims_request::{ClaimWish, ClaimsRequest};
pub use client_auth::JwksCache;
pub use endpoint::Endpoint;
pub use error::{ErrorCode, OAuthError};
pub use params::{InvalidParams, MAX_FORM_LENGTH, Params};
pub use steps::{Passage, Step};
pub use tokens::Inactive;

use self::{
    cache::{Outcome, RealmCache, RealmCaches},
    endpoint::Sharing,
    outbound::Outbound,
    request_id::{RequestId, X_REQUEST_ID},
};
use crate::{
    account::PasswordPool,
    realm::{PasswordWriter, Realm, Registry, registration::ClientRegistrar, workload::ClusterTrust},
    store::Store,
    telemetry::{Latency, Metrics, request::RequestContext},
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
    /// Where passwords are checked.
    pub passwords: PasswordPool,
    /// Where new passwords of people go; none: nobody changes theirs here.
    pub password_writer: Option<Arc<dyn PasswordWriter>>,
    /// The keys behind the `jwks_uri` of clients.
    pub client_keys: JwksCache,
    /// Who keeps the clients that register themselves; none: nobody can.
    pub registrar: Option<Arc<dyn ClientRegistrar>>,
    pub(crate) registrations: register::Lookups,
    pub(crate) request_objects: authorize::RequestObjects,
    /// The way to URIs that others have chosen.
    pub(crate) outbound: Arc<Outbound>,
    /// Where `now` comes from.
    pub clock: Clock,
    pub(crate) caches: RealmCaches,
    /// Told when a session has ended and clients may have to be told of it.
    pub(crate) logout_due: Notify,
    durations: [Latency; Endpoint::ALL.len()],
}

/// Reads the time; tests give their own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

impl Provider {
    /// A provider that has answered nothing yet, with a password pool that fits this machine.
    pub fn new(
        registry: Arc<Registry>,
        store: Arc<dyn Store>,
        cluster: Arc<ClusterTrust>,
        metrics: Arc<Metrics>,
        clock: Clock,
    ) -> Self {
        let durations = Endpoint::ALL.map(|endpoint| metrics.request_duration(endpoint.name()));
        let outbound = Arc::new(Outbound::default());
        let client_keys = JwksCache::new(outbound.clone());
        let (passwords, caches, logout_due) = (PasswordPool::default(), RealmCaches::default(), Notify::new());
        Self {
            registry,
            store,
            cluster,
            metrics,
            passwords,
            password_writer: None,
            client_keys,
            request_objects: authorize::RequestObjects::default(),
            outbound,
            registrar: None,
            registrations: register::Lookups::default(),
            clock,
            caches,
            logout_due,
            durations,
        }
    }

    /// Answers one request. Never panics, whatever a handler does.
    pub async fn handle(self: &Arc<Self>, peer: Peer, request: Request<Body>) -> Response<Body> {
        let now = (self.clock)();
        let id = RequestId::of(request.headers());
        let mut response = match self.route(&request) {
            Ok((realm, endpoint)) => {
                let cache = self.caches.of(&realm, &self.registry, &self.metrics);
                let context = RequestContext::new(id.to_header(), cache.realm.clone(), endpoint.name());
                let call = Call { provider: self.clone(), realm, endpoint, peer, now };
                context.scope(self.answer(call, &cache, request)).await
            }
            Err(response) => {
                self.metrics.unrouted();
                *response
            }
        };
        response.headers_mut().insert(X_REQUEST_ID, id.to_header());
        response
    }

    async fn answer(&self, call: Call, cache: &RealmCache, mut request: Request<Body>) -> Response<Body> {
        let cross_origin = request.headers().contains_key(header::ORIGIN);
        let is_head = request.method() == Method::HEAD;
        let mut response = match guard::before(call.endpoint, &request) {
            Some(response) => response,
            None => {
                if is_head {
                    *request.method_mut() = Method::GET;
                }
                AssertUnwindSafe(dispatch(&call, request)).catch_unwind().await.unwrap_or_else(|_| after_panic(&call))
            }
        };
        guard::after(call.endpoint, &call.realm, cross_origin, &mut response);
        self.record(&call, cache, &response);
        if is_head { guard::without_body(response) } else { response }
    }

    /// Counts and logs how a request ended.
    fn record(&self, call: &Call, cache: &RealmCache, response: &Response<Body>) {
        let took = Duration::try_from((self.clock)().duration_since(call.now)).unwrap_or_default();
        if let Some(histogram) = self.durations.get(call.endpoint as usize) {
            histogram.observe(took);
        }
        let status = response.status();
        let error = response.extensions().get::<OAuthError>();
        let outcome = match error {
            Some(error) => Outcome::Error(error.code),
            None if status.is_server_error() => Outcome::Error(ErrorCode::ServerError),
            None if status.is_client_error() => Outcome::Refused,
            None => Outcome::Ok,
        };
        cache.count(&self.metrics, call.endpoint, outcome);
        let (status, micros, outcome) = (status.as_u16(), took.as_micros(), outcome.as_str());
        let reason = error.map(|error| &*error.description);
        match status {
            500.. => tracing::error!(status, micros, outcome, reason, "failed"),
            400.. => tracing::info!(status, micros, outcome, reason, "refused"),
            // An error that went to the client by redirect.
            _ if error.is_some() => tracing::info!(status, micros, outcome, reason, "refused"),
            _ => tracing::debug!(status, micros, outcome, reason, "answered"),
        }
    }

    /// The realm by host and longest path, and the endpoint by the rest.
    fn route(&self, request: &Request<Body>) -> Result<(Arc<Realm>, Endpoint), Box<Response<Body>>> {
        let snapshot = self.registry.load();
        // Until every resource has been seen nobody can say that a realm is not there.
        let not_found = || Box::new(if snapshot.is_synced() { nothing_here() } else { starting() });
        let authority = authority(request).ok_or_else(|| {
            Box::new(plain(StatusCode::BAD_REQUEST, "the request must name one host (RFC 9112 section 3.2)"))
        })?;
        let path = request.uri().path();
        // Before the issuers, one of which may stand at the root of the host.
        if path == Endpoint::WebFinger.path() {
            let found = webfinger::find(&snapshot, request.uri().query())?;
            let missing = || Box::new(if snapshot.is_synced() { webfinger::nobody() } else { starting() });
            return found.map(|realm| (realm.clone(), Endpoint::WebFinger)).ok_or_else(missing);
        }
        let (realm, endpoint) = match path.strip_prefix(Endpoint::AuthorizationServerMetadata.path()) {
            // RFC 8414 section 3.1: the well-known part stands before the issuer's path.
            Some(issuer_path) => {
                let (realm, rest) = snapshot.find(authority, issuer_path).ok_or_else(not_found)?;
                (realm, rest.is_empty().then_some(Endpoint::AuthorizationServerMetadata))
            }
            None => {
                let (realm, rest) = snapshot.find(authority, path).ok_or_else(not_found)?;
                // WebFinger stands at the root only.
                (realm, Endpoint::of(rest).filter(|endpoint| *endpoint != Endpoint::WebFinger))
            }
        };
        let endpoint = endpoint.filter(|endpoint| endpoint.is_served(&realm.settings)).ok_or_else(not_found)?;
        Ok((realm.clone(), endpoint))
    }
}

/// Whom the request is for: of the target where it says so (HTTP/2, a proxy's absolute form), else the one `Host`.
fn authority(request: &Request<Body>) -> Option<&str> {
    if let Some(authority) = request.uri().authority() {
        return Some(authority.as_str());
    }
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    hosts.next().is_none().then_some(host)
}

/// Each endpoint's own module answers; the methods are those of [`Endpoint::allows`]. The future of a request is as large as that of
/// the largest endpoint, and is moved about: those that wait for a person's clicks are boxed.
async fn dispatch(call: &Call, request: Request<Body>) -> Response<Body> {
    match call.endpoint {
        Endpoint::Discovery | Endpoint::AuthorizationServerMetadata | Endpoint::Jwks => {
            discovery::handle(call, &request)
        }
        Endpoint::WebFinger => webfinger::handle(call, &request),
        Endpoint::Authorize => Box::pin(authorize::handle(call, request)).await,
        Endpoint::Token => token::handle(call, request).await,
        Endpoint::Userinfo => Box::pin(userinfo::handle(call, request)).await,
        Endpoint::Introspect => Box::pin(introspect::handle(call, request)).await,
        Endpoint::Revoke => Box::pin(revoke::handle(call, request)).await,
        Endpoint::Logout => Box::pin(logout::handle(call, request)).await,
        Endpoint::Login => Box::pin(login::handle(call, request)).await,
        Endpoint::Account => Box::pin(account::handle(call, request)).await,
        Endpoint::Consent => Box::pin(consent::handle(call, request)).await,
        Endpoint::Register => Box::pin(register::handle(call, request)).await,
        Endpoint::Session => session::handle(call),
    }
}

/// The message of a panic may hold anything, so it is not sent; the hook of [`crate::telemetry`] has logged its place.
fn after_panic(call: &Call) -> Response<Body> {
    match call.endpoint.sharing() {
        Sharing::SameOrigin => plain(StatusCode::INTERNAL_SERVER_ERROR, "something went wrong here, please try again"),
        Sharing::AnyOrigin => OAuthError::new(ErrorCode::ServerError, "something went wrong here").into_response(),
    }
}

fn nothing_here() -> Response<Body> {
    plain(StatusCode::NOT_FOUND, "no realm or endpoint here")
}

fn starting() -> Response<Body> {
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, "starting: the resources have not all been read yet");
    response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
    response
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

#[cfg(test)]
mod tests;
