use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{FetchedUri, HostPattern, ObjectName, ResourceUri, ScopeToken, Timestamp, cel, cel_at};
use super::{ApplicationType, Duration, GrantType, Jwks, ResponseType, TokenEndpointAuthMethod};

/// Who may register clients by themselves, and which (RFC 7591, RFC 7592, OpenID Connect Registration). All of it is bounded by
/// `allowed.oidcClients` as well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(
    inline,
    extend("x-kubernetes-validations" = cel_at(&[
        (
            ".initialAccessTokens",
            "!has(self.mode) || self.mode != 'InitialAccessToken' \
             || (has(self.initialAccessTokens) && size(self.initialAccessTokens) > 0)",
            "mode InitialAccessToken needs at least one of initialAccessTokens",
        ),
    ]))
)]
pub struct ClientRegistration {
    /// Whether nobody may register clients (`Disabled`, the default), whoever holds an initial access token, or everybody (`Open`).
    pub mode: RegistrationMode,
    /// The tokens that let their holders register clients; with mode Open they are not needed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub initial_access_tokens: Vec<InitialAccessToken>,
    /// With which grant types; empty for all that the Realm allows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "set"))]
    pub grant_types: Vec<GrantType>,
    /// With which response types; empty for all that the Realm allows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "set"))]
    pub response_types: Vec<ResponseType>,
    /// With which scopes; empty for all that the Realm allows. A client that asks for others does not get them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<ScopeToken>", length(max = 128), extend("x-kubernetes-list-type" = "set"))]
    pub scopes: Vec<String>,
    /// With redirect URIs on which hosts (`app.example.com`, or `*.example.com` for every host below it); empty for all that the
    /// Realm allows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<HostPattern>", length(max = 128), extend("x-kubernetes-list-type" = "set"))]
    pub redirect_hosts: Vec<String>,
    /// How registered clients may say who they are; empty for all ways.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "set"))]
    pub token_endpoint_auth_methods: Vec<TokenEndpointAuthMethod>,
    /// What kinds of applications may register; empty for both.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2), extend("x-kubernetes-list-type" = "set"))]
    pub application_types: Vec<ApplicationType>,
    /// Where the home page, logo, policy and terms of service may stand that a client shows people: anywhere (`Any`, the default), or
    /// on the hosts of its redirect URIs (`OfRedirectUris`).
    pub link_hosts: LinkHosts,
    /// How long a client secret is good. A client gets the next one when it updates its registration after half of that time. Default:
    /// for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret_lifetime: Option<Duration>,
    /// A registered client that nobody used for so long is removed. Default: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unused_after: Option<Duration>,
    /// How many registered clients the Realm has at the most. Default 1000.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_clients: u32,
    /// When a registration access token is replaced: at each update (`OnUpdate`, the default), at each read too (`Always`), or `Never`.
    pub rotate_access_tokens: RotateAccessTokens,
    /// Whose software statements are trusted.
    pub software_statements: SoftwareStatements,
}

impl Default for ClientRegistration {
    fn default() -> Self {
        Self {
            mode: RegistrationMode::Disabled,
            initial_access_tokens: Vec::new(),
            grant_types: Vec::new(),
            response_types: Vec::new(),
            scopes: Vec::new(),
            redirect_hosts: Vec::new(),
            token_endpoint_auth_methods: Vec::new(),
            application_types: Vec::new(),
            link_hosts: LinkHosts::Any,
            client_secret_lifetime: None,
            unused_after: None,
            max_clients: 1000,
            rotate_access_tokens: RotateAccessTokens::OnUpdate,
            software_statements: SoftwareStatements::default(),
        }
    }
}

/// Who may register clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum RegistrationMode {
    /// Nobody.
    #[default]
    Disabled,
    /// Whoever holds an initial access token.
    InitialAccessToken,
    /// Everybody.
    Open,
}

/// When a registration access token is replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum RotateAccessTokens {
    /// Never.
    Never,
    /// At each update.
    #[default]
    OnUpdate,
    /// At each read and update.
    Always,
}

/// Where pages may stand that a client shows people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum LinkHosts {
    /// Anywhere.
    #[default]
    Any,
    /// On the hosts of its redirect URIs.
    OfRedirectUris,
}

/// A token that lets its holder register clients.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct InitialAccessToken {
    /// The Secret with the token (entry `token`, 16 characters or more), in the Realm's namespace and with the label
    /// realmkeeper.dev/readable.
    #[schemars(with = "ObjectName")]
    pub name: String,
    /// How many clients may be registered with it. Default: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_uses: Option<u32>,
    /// Until when it is good, such as 2027-01-31T12:00:00Z. Default: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Timestamp>")]
    pub expires_at: Option<String>,
}

/// Software statements (RFC 7591 section 2.3).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(
    inline,
    extend("x-kubernetes-validations" = cel_at(&[
        (
            ".issuers",
            "!has(self.required) || !self.required || (has(self.issuers) && size(self.issuers) > 0)",
            "where software statements are required, somebody's must be trusted: name one of issuers",
        ),
    ]))
)]
pub struct SoftwareStatements {
    /// Whether every client must bring one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// Whose are trusted. Where there is none, software statements are passed over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["issuer"]))]
    pub issuers: Vec<StatementIssuer>,
}

/// Somebody whose software statements are trusted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(
    inline,
    extend("x-kubernetes-validations" = cel(&[(
        "has(self.jwks) != has(self.jwksUri)",
        "a software statement is verified with the keys of jwks or of jwksUri: give one of them",
    )]))
)]
pub struct StatementIssuer {
    /// `iss` of the statements.
    #[schemars(with = "ResourceUri")]
    pub issuer: String,
    /// The public keys that they are signed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Jwks>,
    /// Where those keys are fetched from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<FetchedUri>")]
    pub jwks_uri: Option<String>,
}
