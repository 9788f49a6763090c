//! The three cookies, all gone when the browser closes. The SSO session, and a secret that ties a sign-in under way to the browser that
//! began it: 256 random bits, `HttpOnly`, `SameSite=Lax`. And the browser state, which says nothing but whether it is still the same
//! session (OpenID Connect Session Management section 3.2): the page at `/session` reads it by script, in frames of other sites, so it is
//! not `HttpOnly`, and `SameSite=None` where browsers take that (with `Secure`); no request is ever believed for its sake.
//!
//! Where the issuer is https they are `Secure` and have the prefix `__Host-`, which binds them to the host and to `Path=/`; so the
//! realm stands in the name. Elsewhere (loopback) they have the issuer's path.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::realm::{Issuer, Realm};

/// Which cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// The SSO session.
    Session,
    /// The browser that began a sign-in.
    Browser,
    /// [`crate::account::session::Session::browser_state`].
    State,
}

/// What a browser has sent of ours.
#[derive(Default)]
pub(crate) struct Cookies {
    pub(crate) session: Option<String>,
    pub(crate) browser: Option<String>,
    pub(crate) state: Option<String>,
}

impl Cookie {
    pub(crate) fn name(self, realm: &Realm) -> String {
        let prefix = if realm.issuer.is_secure() { "__Host-" } else { "" };
        let what = match self {
            Self::Session => "session",
            Self::Browser => "browser",
            Self::State => "state",
        };
        // A namespace has no dot in it, so no two realms share a name.
        format!("{prefix}rk-{what}-{}.{}", realm.name.namespace, realm.name.name)
    }

    /// `Set-Cookie` that gives the browser `value` (RFC 6265 section 4.1).
    pub(crate) fn set(self, realm: &Realm, value: &str) -> Option<HeaderValue> {
        self.header(realm, value, "")
    }

    /// `Set-Cookie` that takes it away.
    pub(crate) fn clear(self, realm: &Realm) -> Option<HeaderValue> {
        self.header(realm, "", "; Max-Age=0")
    }

    fn header(self, realm: &Realm, value: &str, more: &str) -> Option<HeaderValue> {
        let (name, path) = (self.name(realm), path(&realm.issuer));
        let secure = if realm.issuer.is_secure() { "; Secure" } else { "" };
        let reach = match self {
            Self::Session | Self::Browser => "HttpOnly; SameSite=Lax",
            Self::State if realm.issuer.is_secure() => "SameSite=None",
            Self::State => "SameSite=Lax",
        };
        HeaderValue::from_str(&format!("{name}={value}; Path={path}; {reach}{secure}{more}")).ok()
    }
}

impl Cookies {
    /// Reads the realm's cookies; what does not look like ours is passed over.
    pub(crate) fn of(headers: &HeaderMap, realm: &Realm) -> Self {
        Self {
            session: read(headers, &Cookie::Session.name(realm)),
            browser: read(headers, &Cookie::Browser.name(realm)),
            state: read(headers, &Cookie::State.name(realm)),
        }
    }

    /// True where the browser has sent neither of those that come from its own site only: it is new here, blocks cookies, or comes by a POST from another site
    /// (`SameSite=Lax`).
    pub(crate) fn is_empty(&self) -> bool {
        self.session.is_none() && self.browser.is_none()
    }
}

fn path(issuer: &Issuer) -> &str {
    match issuer.path() {
        path if !issuer.is_secure() && !path.is_empty() && !path.contains(';') => path,
        _ => "/",
    }
}

fn read(headers: &HeaderMap, name: &str) -> Option<String> {
    let ours = |text: &str| text.len() == 43 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, value)| *known == name && ours(value))
        .map(|(_, value)| value.to_owned())
}
