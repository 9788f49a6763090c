use axum::http::Method;

use crate::realm::Settings;

/// The endpoints below an issuer, by the fixed routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Endpoint {
    Discovery,
    AuthorizationServerMetadata,
    Jwks,
    WebFinger,
    Authorize,
    Token,
    Userinfo,
    Introspect,
    Revoke,
    Logout,
    Login,
    Consent,
    Account,
    Register,
    Session,
}

/// Which pages of other origins may read an endpoint's answers by script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// None: the endpoint is for navigation, and its cookies are its authority.
    SameOrigin,
    /// All: the document is public, or the endpoint takes no cookie and answers only to the credential in the request itself.
    AnyOrigin,
}

impl Endpoint {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Discovery,
        Self::AuthorizationServerMetadata,
        Self::Jwks,
        Self::WebFinger,
        Self::Authorize,
        Self::Token,
        Self::Userinfo,
        Self::Introspect,
        Self::Revoke,
        Self::Logout,
        Self::Login,
        Self::Consent,
        Self::Account,
        Self::Register,
        Self::Session,
    ];

    /// The endpoint of what follows the issuer in a request's path.
    pub fn of(rest: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|endpoint| endpoint.path() == rest)
    }

    /// What follows the issuer in its URL.
    pub fn path(self) -> &'static str {
        match self {
            Self::Discovery => "/.well-known/openid-configuration",
            Self::AuthorizationServerMetadata => "/.well-known/oauth-authorization-server",
            Self::Jwks => "/jwks",
            // At the root of the host, below no issuer (RFC 7033 section 4).
            Self::WebFinger => super::webfinger::PATH,
            Self::Authorize => "/authorize",
            Self::Token => "/token",
            Self::Userinfo => "/userinfo",
            Self::Introspect => "/introspect",
            Self::Revoke => "/revoke",
            Self::Logout => "/logout",
            Self::Login => "/login",
            Self::Consent => "/consent",
            Self::Account => "/account",
            Self::Register => "/register",
            Self::Session => "/session",
        }
    }

    /// The label of its metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::AuthorizationServerMetadata => "oauth-authorization-server",
            Self::Jwks => "jwks",
            Self::WebFinger => "webfinger",
            Self::Authorize => "authorize",
            Self::Token => "token",
            Self::Userinfo => "userinfo",
            Self::Introspect => "introspect",
            Self::Revoke => "revoke",
            Self::Logout => "logout",
            Self::Login => "login",
            Self::Consent => "consent",
            Self::Account => "account",
            Self::Register => "register",
            Self::Session => "session",
        }
    }

    /// True where a realm of these settings serves it; metadata lists it then and only then.
    pub fn is_served(self, settings: &Settings) -> bool {
        match self {
            // Nobody signs in to a realm without a response type.
            Self::Authorize
            | Self::Userinfo
            | Self::Logout
            | Self::Login
            | Self::Consent
            | Self::Account
            | Self::Session => settings.response_types.iter().any(|response_type| settings.supports(*response_type)),
            Self::Register => settings.registration.is_some(),
            Self::Discovery
            | Self::AuthorizationServerMetadata
            | Self::Jwks
            | Self::WebFinger
            | Self::Token
            | Self::Introspect
            | Self::Revoke => true,
        }
    }

    /// The methods that reach its handler; HEAD comes as GET, and OPTIONS is answered for it.
    pub(crate) fn allows(self, method: &Method) -> bool {
        match *method {
            Method::GET => !matches!(self, Self::Token | Self::Introspect | Self::Revoke),
            Method::POST => !self.is_document() && self != Self::Session,
            Method::PUT | Method::DELETE => self == Self::Register,
            _ => false,
        }
    }

    /// True for the public documents, which caches may keep.
    pub(crate) fn is_document(self) -> bool {
        matches!(self, Self::Discovery | Self::AuthorizationServerMetadata | Self::Jwks | Self::WebFinger)
    }

    /// True where any site may show it in a frame; it has nothing on it to click.
    pub(crate) fn is_for_frames(self) -> bool {
        self == Self::Session
    }

    /// The value of `Allow` (RFC 9110 section 10.2.1).
    pub(crate) fn allow(self) -> &'static str {
        match (self.allows(&Method::GET), self.allows(&Method::POST)) {
            (true, true) if self.allows(&Method::PUT) => "GET, HEAD, POST, PUT, DELETE, OPTIONS",
            (true, true) => "GET, HEAD, POST, OPTIONS",
            (true, false) => "GET, HEAD, OPTIONS",
            _ => "POST, OPTIONS",
        }
    }

    /// Who may read its answers by script.
    pub(crate) fn sharing(self) -> Sharing {
        match self {
            Self::Authorize | Self::Logout | Self::Login | Self::Consent | Self::Account | Self::Session => {
                Sharing::SameOrigin
            }
            _ => Sharing::AnyOrigin,
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::Endpoint;

    #[test]
    fn an_endpoint_is_found_by_its_whole_path_only() {
        for endpoint in Endpoint::ALL {
            assert_eq!(Endpoint::of(endpoint.path()), Some(endpoint));
            assert_eq!(Endpoint::of(&format!("{}/", endpoint.path())), None);
        }
        assert_eq!(Endpoint::of(""), None);
    }

    #[test]
    fn credentials_are_only_taken_by_post() {
        for endpoint in [Endpoint::Token, Endpoint::Introspect, Endpoint::Revoke] {
            assert!(!endpoint.allows(&Method::GET) && endpoint.allows(&Method::POST));
            assert_eq!(endpoint.allow(), "POST, OPTIONS");
        }
        assert!(!Endpoint::Authorize.allows(&Method::TRACE));
    }
}
