//! Requests to URIs that somebody else has chosen: `jwks_uri`, `request_uri`, `sector_identifier_uri`, `backchannel_logout_uri`. They reach
//! the public Internet and what the realm's owner has listed, and nothing else: otherwise whoever may write an OidcClient could knock at
//! every door of the cluster. Whatever is on the other side, it costs no more than the limits say:
//!
//! | limit | |
//! |---|---|
//! | scheme | https; http only to loopback addresses that `outbound.allowedNetworks` lists |
//! | address | looked up once, checked, and the connection goes to what was checked |
//! | time | [`WAIT`] for a place, then [`TIMEOUT`] from the question for the address to the last byte |
//! | length | the caller's, of the body; nothing is decompressed |
//! | redirects | none is followed |
//! | at once | [`AT_ONCE`], of them [`AT_ONCE_PER_HOST`] for one realm to one host |
//! | after a failure | the URI is not asked again for [`PAUSE`] |

mod address;
mod failures;
mod freshness;
mod places;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::http::{HeaderMap, StatusCode, header};
use futures::FutureExt;
use http_body_util::BodyExt;
use jiff::Timestamp;
use reqwest::Method;
use tokio::time::timeout;
use url::{Host, Url};

use self::{
    address::is_public,
    failures::Failures,
    places::{Place, Places},
};
use crate::realm::Realm;

/// From the question for the address to the last byte.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A request waits so long for its turn.
const WAIT: Duration = Duration::from_secs(2);
/// So many requests are under way at once.
const AT_ONCE: usize = 64;
/// So many of them are those of one realm to one host, so that a slow one stays its own trouble.
const AT_ONCE_PER_HOST: usize = 8;
/// A GET that failed is answered with that failure for so long.
const PAUSE: Duration = Duration::from_secs(10);
/// Of the answer to a POST no more is read than this, and none of it is kept.
const MAX_UNREAD: usize = 16 * 1024;
const USER_AGENT: &str = concat!("realmkeeper/", env!("CARGO_PKG_VERSION"));

/// Why nothing came of a request; shows no content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    #[error("the URI must be https without user information")]
    Uri,
    #[error("the host has no address")]
    NoAddress,
    #[error("the host's address is private, and not in the realm's outbound.allowedNetworks")]
    Private,
    #[error("too many requests are under way")]
    Busy,
    #[error("it took longer than {TIMEOUT:?}")]
    Timeout,
    #[error("the request failed: {0}")]
    Request(Arc<str>),
    #[error("the answer has the status {0}")]
    Status(u16),
    #[error("the answer is too long")]
    TooLong,
    #[error("the answer is {0}")]
    Content(&'static str),
}

impl Error {
    /// True where the other side has been asked and it would cost something to ask again.
    fn is_theirs(&self) -> bool {
        !matches!(self, Self::Uri | Self::Private | Self::Busy)
    }
}

/// A document to be fetched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Get<'a> {
    pub(crate) uri: &'a str,
    /// The value of the header `Accept`.
    pub(crate) accept: &'static str,
    /// In bytes.
    pub(crate) max_length: usize,
}

/// A document that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) body: Vec<u8>,
    /// `Content-Type` as it came, where it came as text.
    pub(crate) content_type: Option<String>,
    /// For how long its headers let it be kept from now on (RFC 9111 section 4.2); none: they don't say. Not bounded.
    pub(crate) fresh_for: Option<Duration>,
}

/// The way out, one a process.
pub(crate) struct Outbound {
    places: Places,
    failures: Failures,
    resolve: Resolve,
}

/// Where names are looked up; tests have their own.
type Resolve = Arc<dyn Fn(&str) -> Option<Vec<IpAddr>> + Send + Sync>;

impl Default for Outbound {
    fn default() -> Self {
        Self::resolving(Arc::new(system_resolve))
    }
}

impl Outbound {
    fn resolving(resolve: Resolve) -> Self {
        Self { places: Places::new(AT_ONCE, AT_ONCE_PER_HOST), failures: Failures::default(), resolve }
    }

    /// Fetches a document by GET; any status but 200 is an error. It is kept nowhere: only the caller knows for how long it is good.
    ///
    /// # Errors
    /// [`Error`]; for [`PAUSE`] after one of the other side's, the same again without asking.
    pub(crate) async fn get(&self, realm: &Realm, get: Get<'_>, now: Timestamp) -> Result<Document, Error> {
        self.failures.check(realm, get.uri, now)?;
        // Boxed as what it is, so that who awaits it at the end of a long way does not carry an HTTP client's types along.
        let result = self.fetch(realm, get, now).boxed().await;
        if let Err(error) = &result
            && error.is_theirs()
        {
            self.failures.note(realm, get.uri, error.clone(), now);
        }
        result
    }

    /// Sends a form by POST and returns the status of the answer, whatever it is; the rest of it is thrown away.
    ///
    /// # Errors
    /// [`Error`], but neither [`Error::Status`] nor [`Error::TooLong`]. A failure is not remembered: who sends knows when to try again.
    pub(crate) async fn post_form(&self, realm: &Realm, uri: &str, form: &[(&str, &str)]) -> Result<u16, Error> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let send = async |request: reqwest::RequestBuilder| {
            let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
            let response = request.send().await?;
            let status = response.status().as_u16();
            // Read so that the other side may finish; it does not matter how it ends.
            let _ = http_body_util::Limited::new(reqwest::Body::from(response), MAX_UNREAD).collect().await;
            Ok(status)
        };
        self.connect(realm, Method::POST, uri, send).await
    }

    async fn fetch(&self, realm: &Realm, get: Get<'_>, now: Timestamp) -> Result<Document, Error> {
        let read = async |request: reqwest::RequestBuilder| {
            let response = request.header(header::ACCEPT, get.accept).send().await?;
            if response.status() != StatusCode::OK {
                return Err(Error::Status(response.status().as_u16()));
            }
            let content_type = text(response.headers(), &header::CONTENT_TYPE).map(str::to_owned);
            let fresh_for = freshness::of(response.headers(), now);
            let body = http_body_util::Limited::new(reqwest::Body::from(response), get.max_length).collect().await;
            match body {
                Ok(body) => Ok(Document { body: body.to_bytes().to_vec(), content_type, fresh_for }),
                Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(Error::TooLong),
                Err(_) => Err(Error::Content("cut short")),
            }
        };
        self.connect(realm, Method::GET, get.uri, read).await
    }

    /// Takes a place, looks the address up, checks it, and lets `exchange` send the request to it and read the answer.
    async fn connect<T>(
        &self,
        realm: &Realm,
        method: Method,
        uri: &str,
        exchange: impl AsyncFnOnce(reqwest::RequestBuilder) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let target = Target::parse(uri)?;
        let place = self.places.take(&realm.name, target.host());
        let place = Arc::new(timeout(WAIT, place).await.map_err(|_| Error::Busy)?);
        let all = async {
            let addresses = self.addresses(&target, place.clone()).await?;
            target.check(&addresses, realm)?;
            exchange(client(&target, &addresses)?.request(method, target.url.clone())).await
        };
        timeout(TIMEOUT, all).await.map_err(|_| Error::Timeout)?
    }

    /// Where a URL leads: the address that it names, or all those of its host. The thread that asks for them keeps the place, even where
    /// nobody waits for it any more.
    async fn addresses(&self, target: &Target, place: Arc<Place>) -> Result<Vec<SocketAddr>, Error> {
        let port = target.url.port_or_known_default().ok_or(Error::Uri)?;
        let addresses = match target.url.host().ok_or(Error::Uri)? {
            Host::Ipv4(address) => vec![address.into()],
            Host::Ipv6(address) => vec![address.into()],
            Host::Domain(name) => {
                let (resolve, name) = (self.resolve.clone(), name.to_owned());
                let look_up = tokio::task::spawn_blocking(move || {
                    let found = resolve(&name);
                    drop(place);
                    found
                });
                look_up.await.ok().flatten().ok_or(Error::NoAddress)?
            }
        };
        match addresses.is_empty() {
            true => Err(Error::NoAddress),
            false => Ok(addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect()),
        }
    }
}

/// A URI that may be asked at all.
struct Target {
    url: Url,
    is_plain: bool,
}

impl Target {
    fn parse(uri: &str) -> Result<Self, Error> {
        let mut url = Url::parse(uri).map_err(|_| Error::Uri)?;
        let is_plain = match url.scheme() {
            "https" => false,
            "http" => true,
            _ => return Err(Error::Uri),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::Uri);
        }
        // It is never sent (RFC 9110 section 7.1).
        url.set_fragment(None);
        Ok(Self { url, is_plain })
    }

    fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// One address among them that may not be reached is enough: a name that means both is up to something.
    fn check(&self, addresses: &[SocketAddr], realm: &Realm) -> Result<(), Error> {
        let may_reach = |address: IpAddr| {
            let is_listed = realm.settings.allowed_networks.iter().any(|network| network.contains(&address));
            if self.is_plain { is_listed && address.is_loopback() } else { is_listed || is_public(address) }
        };
        match addresses.iter().all(|address| may_reach(address.ip().to_canonical())) {
            true => Ok(()),
            false => Err(if self.is_plain { Error::Uri } else { Error::Private }),
        }
    }
}

/// Goes to these addresses and no others, whatever the name means a moment later.
fn client(target: &Target, addresses: &[SocketAddr]) -> Result<reqwest::Client, Error> {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent(USER_AGENT)
        .resolve_to_addrs(target.host(), addresses)
        .timeout(TIMEOUT)
        .build()?;
    Ok(client)
}

fn system_resolve(name: &str) -> Option<Vec<IpAddr>> {
    let found = std::net::ToSocketAddrs::to_socket_addrs(&(name, 0)).ok()?;
    Some(found.map(|address| address.ip()).collect())
}

fn text<'h>(headers: &'h HeaderMap, name: &header::HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

impl From<reqwest::Error> for Error {
    /// Without the URI, which the caller names where it may be named.
    fn from(error: reqwest::Error) -> Self {
        match error.is_timeout() {
            true => Self::Timeout,
            false => Self::Request(error.without_url().to_string().into()),
        }
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outbound")
    }
}

#[cfg(test)]
mod tests;
