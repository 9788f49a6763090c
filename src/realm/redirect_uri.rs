use std::fmt;

use url::{Host, Url};

/// A registered redirect URI: compared as a string (RFC 9700 section 2.1), except that the port of a loopback address is free
/// (RFC 8252 section 7.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectUri {
    text: String,
    host: Option<String>,
    loopback: Option<Loopback>,
}

/// The text before the port, and from the path on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Loopback {
    before: String,
    after: String,
}

/// Why a text can't be registered as a redirect URI.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct InvalidRedirectUri(pub &'static str);

impl RedirectUri {
    /// Parses a redirect URI to register: absolute, no fragment (RFC 6749 section 3.1.2), no wildcard; `https`, `http` for loopback
    /// (RFC 8252 section 7.3), or a private-use scheme with a dot in it (section 7.1).
    ///
    /// # Errors
    /// A sentence that says what to mend.
    pub fn parse(text: &str) -> Result<Self, InvalidRedirectUri> {
        let url = Url::parse(text).map_err(|_| InvalidRedirectUri("it must be an absolute URI"))?;
        if text.contains('#') {
            return Err(InvalidRedirectUri("it must have no fragment"));
        }
        if text.contains('*') {
            return Err(InvalidRedirectUri("wildcards are not supported: list each URI"));
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(InvalidRedirectUri("it must hold no white space"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidRedirectUri("it must have no user information"));
        }
        let loopback = match (url.scheme(), url.host()) {
            ("https", Some(_)) => None,
            ("http", Some(host)) => match is_loopback(&host) {
                Some(port_free) => port_free.then(|| split(text)).flatten(),
                None => return Err(InvalidRedirectUri("http is for loopback addresses only: use https")),
            },
            ("http" | "https", None) => return Err(InvalidRedirectUri("it must have a host")),
            (scheme, _) if scheme.contains('.') => None,
            _ => {
                return Err(InvalidRedirectUri(
                    "a private-use scheme must contain a dot, as in com.example.app:/callback",
                ));
            }
        };
        Ok(Self { text: text.to_owned(), host: url.host_str().map(str::to_owned), loopback })
    }

    /// True where a request's `redirect_uri` is this one.
    pub fn matches(&self, requested: &str) -> bool {
        if self.text == requested {
            return true;
        }
        match (&self.loopback, split(requested)) {
            (Some(registered), Some(asked)) => *registered == asked,
            _ => false,
        }
    }

    /// True where a request's `post_logout_redirect_uri` is this one, to the letter (RP-Initiated Logout section 3): no port is free there.
    pub fn is_exactly(&self, requested: &str) -> bool {
        self.text == requested
    }

    /// True where `uri` has the scheme, host and port of this one; the port of a loopback address is free.
    pub fn shares_origin_with(&self, uri: &str) -> bool {
        let (Ok(own), Ok(other)) = (Url::parse(&self.text), Url::parse(uri)) else { return false };
        let is_same_but_port = own.scheme() == other.scheme() && own.host() == other.host();
        own.origin().is_tuple() && (own.origin() == other.origin() || (self.loopback.is_some() && is_same_but_port))
    }

    /// As it was registered.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host in lower case, for the Realm's list of allowed hosts; none for private-use schemes without one.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// None: not loopback. Some(true): a loopback address, its port is free; Some(false): `localhost`, whose port is as registered
/// (RFC 8252 section 8.3 advises against the name).
fn is_loopback(host: &Host<&str>) -> Option<bool> {
    match host {
        Host::Domain(name) => (*name == "localhost" || name.ends_with(".localhost")).then_some(false),
        Host::Ipv4(address) => address.is_loopback().then_some(true),
        Host::Ipv6(address) => address.is_loopback().then_some(true),
    }
}

/// Splits `http://ADDRESS[:PORT]REST` of a loopback address around its port.
fn split(text: &str) -> Option<Loopback> {
    let rest = text.strip_prefix("http://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, after) = rest.split_at(end);
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if is_port(port) => host,
        _ => authority,
    };
    let address = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    let loopback = address.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    loopback.then(|| Loopback { before: host.to_owned(), after: after.to_owned() })
}

fn is_port(text: &str) -> bool {
    text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::RedirectUri;

    #[test]
    fn matching_is_exact_but_for_the_port_of_a_loopback_address() {
        for (registered, requested, want) in [
            ("https://a.example/cb", "https://a.example/cb", true),
            ("https://a.example/cb", "https://a.example/cb/", false),
            ("https://a.example/cb", "https://a.example/cb?x=1", false),
            ("https://a.example/cb", "https://a.example:443/cb", false),
            ("https://a.example/cb", "https://a.example/CB", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:49152/cb", true),
            ("http://127.0.0.1:8000/cb", "http://127.0.0.1:9/cb", true),
            ("http://127.0.0.1/cb", "http://127.0.0.1:65535/cb", true),
            ("http://127.0.0.1/cb", "http://127.0.0.1:65536/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:+80/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:49152/other", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:1@evil.example/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1.evil.example/cb", false),
            ("http://127.0.0.1/cb", "http://[::1]:7/cb", false),
            ("http://[::1]/cb", "http://[::1]:7/cb", true),
            ("http://localhost:3000/cb", "http://localhost:3001/cb", false),
            ("com.example.app:/cb", "com.example.app:/cb", true),
        ] {
            assert_eq!(RedirectUri::parse(registered).unwrap().matches(requested), want, "{registered} {requested}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port_and_a_private_use_uri_has_none() {
        for (registered, uri, want) in [
            ("https://a.example/cb", "https://a.example/out?x=1", true),
            ("https://a.example/cb", "https://A.example:443/out", true),
            ("https://a.example/cb", "https://a.example:8443/out", false),
            ("https://a.example/cb", "http://a.example/out", false),
            ("https://a.example/cb", "https://b.a.example/out", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:7000/out", true),
            ("http://127.0.0.1/cb", "http://127.0.0.2:7000/out", false),
            ("http://localhost:3000/cb", "http://localhost:3001/out", false),
            ("com.example.app:/cb", "com.example.app:/out", false),
            ("https://a.example/cb", "out", false),
        ] {
            assert_eq!(RedirectUri::parse(registered).unwrap().shares_origin_with(uri), want, "{registered} {uri}");
        }
    }

    #[test]
    fn what_must_not_be_registered_is_refused() {
        for text in [
            "/cb",
            "https://a/#f",
            "https://*.a/cb",
            "http://a.example/cb",
            "javascript:alert(1)",
            "app:/cb",
            "data:text/html,x",
            "https://u:p@a/",
        ] {
            assert!(RedirectUri::parse(text).is_err(), "{text}");
        }
    }
}
