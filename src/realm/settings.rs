use std::{sync::Arc, time::Duration};

use ipnet::IpNet;

use super::{
    ClaimSources, GrantType, ResponseType, Scope, SubjectType, claims::ClaimRules, registration::RegistrationPolicy,
};
use crate::jose::Algorithm;

/// A Realm's spec, parsed; shared by every published value of the realm until the spec changes.
#[derive(Debug)]
pub struct Settings {
    /// What people read on the pages.
    pub display_name: Arc<str>,
    /// Lifetimes and formats; a client may have its own ([`super::Client::tokens`]).
    pub tokens: Arc<TokenPolicy>,
    /// SSO sessions.
    pub sessions: SessionPolicy,
    /// What ID tokens and access tokens are signed with where the client does not say.
    pub default_algorithm: Algorithm,
    /// Who must use PKCE.
    pub pkce: Pkce,
    /// Who sees which `sub`, where a client does not say.
    pub subject_type: SubjectType,
    /// Whom the assertions of clients may be meant for.
    pub assertion_audience: AssertionAudience,
    /// Sign-in with a password.
    pub login: LoginPolicy,
    /// Domains, in lower case, whose addresses WebFinger leads to this realm (OpenID Connect Discovery section 2).
    pub web_finger_domains: Vec<Arc<str>>,
    /// Standard and custom scopes that the realm knows, in the order of metadata.
    pub scopes: Vec<Scope>,
    /// CEL claims.
    pub claims: ClaimRules,
    /// Who else vouches for claims.
    pub claim_sources: ClaimSources,
    /// Grant types that the realm allows at all, in the order of metadata.
    pub grant_types: Vec<GrantType>,
    /// Response types that the realm allows at all.
    pub response_types: Vec<ResponseType>,
    /// Scopes that the realm allows its clients; none: all that it knows.
    pub allowed_scopes: Vec<Arc<str>>,
    /// Private networks that fetches by URI may reach.
    pub allowed_networks: Vec<IpNet>,
    /// What others may register; none: nobody may.
    pub registration: Option<Arc<RegistrationPolicy>>,
}

impl Settings {
    /// True where somebody may be answered by this response type: it is allowed, and so are the grants that belong to it.
    pub fn supports(&self, response_type: ResponseType) -> bool {
        self.response_types.contains(&response_type) && response_type.is_granted(&self.grant_types)
    }

    /// True where some client may have the scope.
    pub fn allows_scope(&self, name: &str) -> bool {
        self.allowed_scopes.is_empty() || self.allowed_scopes.iter().any(|allowed| **allowed == *name)
    }

    /// The scope of this name.
    pub fn scope(&self, name: &str) -> Option<&Scope> {
        self.scopes.iter().find(|scope| &*scope.name == name)
    }
}

/// Lifetimes and formats of what is minted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenPolicy {
    /// Lifetime of ID tokens.
    pub id_token: Duration,
    /// Lifetime of access tokens.
    pub access_token: Duration,
    /// Lifetime of authorization codes.
    pub authorization_code: Duration,
    /// RFC 9068 JWT or opaque.
    pub access_token_format: AccessTokenFormat,
    /// Refresh tokens.
    pub refresh_token: RefreshPolicy,
}

/// The form of an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessTokenFormat {
    /// A signed JWT (RFC 9068): checked without asking us.
    Jwt,
    /// A random string: checked by introspection only.
    Opaque,
}

/// How refresh tokens live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshPolicy {
    /// The whole family ends this long after the authorization.
    pub lifetime: Duration,
    /// A token not used for this long ends.
    pub idle: Duration,
    /// Whose tokens are replaced at each use.
    pub rotation: RefreshRotation,
    /// For this long a used token is accepted once more as a retry, where its successor has not been used; zero turns it off.
    pub reuse_interval: Duration,
}

/// Whose refresh tokens are replaced at each use (RFC 9700 section 4.14.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshRotation {
    /// Those of public clients, as the standard asks.
    PublicClients,
    /// Everyone's.
    Always,
    /// Nobody's: then public clients must not have the grant.
    Never,
}

/// How long an SSO session lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPolicy {
    /// It ends when not used for this long.
    pub idle: Duration,
    /// It ends this long after sign-in at the latest.
    pub absolute: Duration,
}

/// Who must use PKCE (RFC 7636) with S256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pkce {
    /// Every code flow.
    Required,
    /// Public clients; confidential ones may rely on `nonce` instead (RFC 9700 section 2.1.1).
    PublicClients,
    /// Nobody.
    Optional,
}

/// Whom the assertion of a client may be meant for (`aud`; RFC 7523 section 3, OpenID Connect Core section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssertionAudience {
    /// The issuer, or the URL of the token endpoint.
    IssuerOrTokenEndpoint,
    /// The issuer.
    Issuer,
}

/// Sign-in with a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginPolicy {
    /// False hides and refuses the password form.
    pub passwords: bool,
    /// True where people may change their own.
    pub password_change: bool,
    /// When repeated failures lock a user or an address out.
    pub lockout: Lockout,
}

/// Repeated failures within `window` lock out for `duration`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lockout {
    /// Failures until the lock falls.
    pub max_failures: u32,
    /// Failures are counted over this time.
    pub window: Duration,
    /// The lock lasts this long.
    pub duration: Duration,
}
