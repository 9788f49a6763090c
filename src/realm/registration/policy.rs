use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use jiff::Timestamp;

use super::TokenHash;
use crate::realm::{AuthMethod, ClientKeys, GrantType, ResponseType};

/// What a realm lets others register. Each list says what is allowed, already bounded by what the realm allows its clients at all.
#[derive(Debug, Clone)]
pub struct RegistrationPolicy {
    /// Who may register.
    pub mode: RegistrationMode,
    /// Grant types.
    pub grant_types: Vec<GrantType>,
    /// Response types.
    pub response_types: Vec<ResponseType>,
    /// Scopes.
    pub scopes: Vec<Arc<str>>,
    /// Hosts of redirect URIs: each list that is not empty must have the host (`a.example`, or `*.a.example` for all below it).
    pub redirect_hosts: Vec<Vec<String>>,
    /// Client authentication methods, the default first.
    pub auth_methods: Vec<AuthMethod>,
    /// Kinds of applications.
    pub application_types: Vec<ApplicationType>,
    /// Where the pages may stand that a client shows people.
    pub link_hosts: LinkHosts,
    /// How long a client secret is good; none: for ever.
    pub secret_lifetime: Option<Duration>,
    /// A client that is not used for so long is removed; none: never.
    pub unused_after: Option<Duration>,
    /// No more registered clients than this.
    pub max_clients: usize,
    /// When a registration access token is replaced.
    pub rotation: AccessTokenRotation,
    /// Software statements.
    pub statements: StatementPolicy,
}

/// Who may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistrationMode {
    /// Whoever holds an initial access token (RFC 7591 section 3).
    InitialAccessToken,
    /// Everybody.
    Open,
}

/// When a registration access token is replaced (RFC 7592 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessTokenRotation {
    /// Never.
    Never,
    /// At each update.
    OnUpdate,
    /// At each read and update.
    Always,
}

/// Where the pages may stand that a client shows people (RFC 7591 section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkHosts {
    /// Anywhere.
    Any,
    /// On the hosts of its redirect URIs.
    OfRedirectUris,
}

/// Software statements (RFC 7591 section 2.3).
#[derive(Debug, Clone, Default)]
pub struct StatementPolicy {
    /// True where nobody registers without one.
    pub required: bool,
    /// Whose are trusted; none: they are passed over.
    pub issuers: Vec<StatementIssuer>,
}

/// Somebody whose software statements are trusted.
#[derive(Debug, Clone)]
pub struct StatementIssuer {
    /// `iss`.
    pub issuer: Arc<str>,
    /// What they are signed with.
    pub keys: ClientKeys,
}

/// A token that lets its holder register clients.
#[derive(Debug, Clone)]
pub struct InitialAccessToken {
    /// The Secret that it stands in.
    pub name: Arc<str>,
    /// The token itself is not kept.
    pub hash: TokenHash,
    /// It is good until then.
    pub expires_at: Option<Timestamp>,
    /// It is good for so many clients.
    pub max_uses: Option<u32>,
}

/// `application_type` (OpenID Connect Registration section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplicationType {
    /// It runs on a server, or in a browser.
    Web,
    /// It runs on the person's own machine.
    Native,
}

impl ApplicationType {
    /// Both, the default first.
    pub const ALL: [Self; 2] = [Self::Web, Self::Native];

    /// The registered name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Native => "native",
        }
    }
}

impl FromStr for ApplicationType {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or("must be web or native")
    }
}

impl fmt::Display for ApplicationType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
