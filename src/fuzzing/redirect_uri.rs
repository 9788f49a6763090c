use std::net::IpAddr;

use axum::http::HeaderValue;
use url::{Host, Url};

use crate::{provider::fuzzing::location, realm::RedirectUri};

/// A redirect URI that is registered, a line end, and the one of a request (RFC 9700 section 2.1, RFC 8252 section 7.3). What is accepted is
/// the same text, or leads a browser to the same place but for the port of a loopback address.
pub(super) fn run(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let (registered, requested) = text.split_once('\n').unwrap_or((text, text));
    let Ok(uri) = RedirectUri::parse(registered) else { return false };
    let own = Url::parse(registered).expect("what is registered is a URL");
    assert!(uri.matches(registered) && uri.as_str() == registered);
    assert!(own.fragment().is_none() && own.username().is_empty() && own.password().is_none());
    if own.scheme() == "http" {
        assert!(is_loopback(&own), "plain HTTP leaves the machine");
    }
    uri.shares_origin_with(requested);
    if !uri.matches(requested) {
        return false;
    }
    let target = location(requested);
    HeaderValue::try_from(&*target).expect("a browser can be sent there");
    let reached = Url::parse(&target).expect("what a browser is sent to is a URL");
    let place = |url: &Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.path().to_owned());
    let sent = Url::parse(&location(registered)).expect("so is this");
    assert_eq!(place(&reached), place(&sent));
    assert_eq!(reached.query(), sent.query());
    assert!(reached.fragment().is_none() && reached.username().is_empty() && reached.password().is_none());
    if requested != registered {
        assert!(own.scheme() == "http" && matches!(own.host(), Some(Host::Ipv4(_) | Host::Ipv6(_))), "not by its port");
    }
    assert_eq!(uri.shares_origin_with(requested), own.origin().is_tuple(), "another origin");
    true
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}
