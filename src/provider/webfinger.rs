//! WebFinger (RFC 7033) as OpenID Connect Discovery 1.0 section 2 uses it: which issuer the people of an address have. It stands at the
//! root of a host, whatever the issuers' paths, and says nothing about who exists: every address of a domain gets the same answer.

use axum::{
    body::Body,
    http::{HeaderValue, Request, Response, StatusCode, header},
};
use std::sync::Arc;

use serde_json::{Value, json};
use url::Url;

use super::{Call, plain};
use crate::realm::{Realm, Snapshot};

/// RFC 7033 section 10.1.
pub(super) const PATH: &str = "/.well-known/webfinger";
/// Discovery section 2.
const ISSUER: &str = "http://openid.net/specs/connect/1.0/issuer";
/// A longer resource is none of ours.
const MAX_RESOURCE: usize = 2048;

/// What is asked for (RFC 7033 section 4.1).
struct Query {
    resource: String,
    /// Empty: every relation.
    rels: Vec<String>,
}

/// Whose address it is.
enum Resource {
    /// A URL, which may lie below an issuer.
    Url(Url),
    /// Somebody of this host.
    Address(String),
    /// A URI of another kind.
    Other,
}

/// The realm that the resource of a query belongs to; else the answer: 400 where nothing sensible is asked for, none where it is
/// nobody's.
pub(super) fn find<'s>(
    snapshot: &'s Snapshot,
    query: Option<&str>,
) -> Result<Option<&'s Arc<Realm>>, Box<Response<Body>>> {
    let resource = Query::parse(query).and_then(|query| Resource::parse(&query.resource));
    let Some(resource) = resource else {
        let text = "one parameter resource is needed, a URI (RFC 7033 section 4.1)";
        return Err(Box::new(refusal(StatusCode::BAD_REQUEST, text)));
    };
    Ok(match resource {
        Resource::Url(url) => below_issuer(snapshot, &url).or_else(|| of_domain(snapshot, url.host_str()?)),
        Resource::Address(host) => of_domain(snapshot, &host),
        Resource::Other => None,
    })
}

/// GET: the JSON Resource Descriptor (RFC 7033 section 4.4).
pub(super) fn handle(call: &Call, request: &Request<Body>) -> Response<Body> {
    let Some(query) = Query::parse(request.uri().query()) else { return nobody() };
    // Section 4.3: of the relations that are asked for, those that there are.
    let wanted = query.rels.is_empty() || query.rels.iter().any(|rel| rel == ISSUER);
    let links: Vec<Value> =
        wanted.then(|| json!({"rel": ISSUER, "href": call.realm.issuer.as_str()})).into_iter().collect();
    let mut response = Response::new(Body::from(json!({"subject": query.resource, "links": links}).to_string()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/jrd+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}

/// Section 4.2: nothing is known of the resource.
pub(super) fn nobody() -> Response<Body> {
    refusal(StatusCode::NOT_FOUND, "nothing is known about this resource")
}

/// Readable from everywhere, as section 5 wants it.
fn refusal(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = plain(status, text);
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

impl Query {
    /// None where `resource` is missing, repeated, or too long to be one.
    fn parse(query: Option<&str>) -> Option<Self> {
        // Section 4.1 percent-encodes; a plus sign is one.
        let query = query.unwrap_or_default().replace('+', "%2B");
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).take(64).collect();
        let mut resources = pairs.iter().filter(|(name, _)| name == "resource").map(|(_, value)| value.to_string());
        let resource = resources.next().filter(|resource| !resource.is_empty() && resource.len() <= MAX_RESOURCE)?;
        if resources.next().is_some() {
            return None;
        }
        let rels = pairs.iter().filter(|(name, _)| name == "rel").map(|(_, value)| value.to_string()).collect();
        Some(Self { resource, rels })
    }
}

impl Resource {
    /// None where it is no URI.
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once(':')?;
        match scheme.to_ascii_lowercase().as_str() {
            "https" | "http" => Url::parse(text).ok().filter(Url::has_host).map(Self::Url),
            "acct" => address(rest),
            "mailto" => address(rest.split('?').next().unwrap_or(rest)),
            other => {
                let begins = other.starts_with(|c: char| c.is_ascii_alphabetic());
                let goes_on = other.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
                (begins && goes_on).then_some(Self::Other)
            }
        }
    }
}

/// `USER@HOST`, where the user may hold an at sign of its own; a port says nothing about whose it is.
fn address(text: &str) -> Option<Resource> {
    let (user, host) = text.rsplit_once('@').filter(|(user, host)| !user.is_empty() && !host.is_empty())?;
    // As in a URL, so that case, percent signs and international names come out as they do there.
    let url = Url::parse(&format!("https://{host}")).ok().filter(|url| url.path() == "/" && url.query().is_none());
    let host = url.and_then(|url| url.host_str().map(str::to_owned))?;
    (!user.chars().any(char::is_control)).then_some(Resource::Address(host))
}

/// The issuer that the URL is, or lies below.
fn below_issuer<'s>(snapshot: &'s Snapshot, url: &Url) -> Option<&'s Arc<Realm>> {
    let host = url.host_str()?;
    let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let (realm, _) = snapshot.find(&authority, url.path())?;
    (realm.issuer.is_secure() == (url.scheme() == "https")).then_some(realm)
}

/// The realm that says that the domain is its own. Where several do, none of them can be told to be right, but for the one whose issuer
/// stands there.
fn of_domain<'s>(snapshot: &'s Snapshot, host: &str) -> Option<&'s Arc<Realm>> {
    let claims = |realm: &&Arc<Realm>| realm.settings.web_finger_domains.iter().any(|domain| **domain == *host);
    let claimants: Vec<_> = snapshot.realms().filter(claims).collect();
    if let [only] = claimants.as_slice() {
        return Some(only);
    }
    let stands_there = |realm: &&&Arc<Realm>| {
        let authority = realm.issuer.authority();
        authority == host || authority.strip_prefix(host).is_some_and(|port| port.starts_with(':'))
    };
    let mut there = claimants.iter().filter(stands_there);
    let first = there.next().filter(|_| there.next().is_none());
    if first.is_none() && !claimants.is_empty() {
        let realms: Vec<_> = claimants.iter().map(|realm| realm.name.to_string()).collect();
        tracing::warn!(
            domain = host,
            ?realms,
            "several Realms have this domain in spec.webFinger.domains: none is told"
        );
    }
    first.map(|realm| &**realm)
}

#[cfg(test)]
mod tests;
