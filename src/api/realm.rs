use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{
    Cidr, ClaimName, Expression, FetchedUri, HostName, HostPattern, Issuer, Line, ResourcePattern, ScopeToken, cel,
    cel_at,
};
use super::{
    ClientRegistration, Duration, DurationOrZero, GrantType, KeyAlgorithm, KeyState, Namespaces, ResponseType,
    SecretRef, SigningAlgorithm,
};

/// An OpenID Provider of its own: an issuer with its keys, its people, its clients and its rules. `spec: {}` is complete.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "realmkeeper.dev",
    version = "v1alpha1",
    kind = "Realm",
    plural = "realms",
    shortname = "rlm",
    category = "realmkeeper",
    namespaced,
    status = "RealmStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "A Realm is an OpenID Provider of its own: an issuer with its keys, its people, its clients and its rules. `spec: {}` is complete.",
    validation = ("self.metadata.name.size() <= 63", "the name of a Realm must have at most 63 characters"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Issuer", type_ = "string", json_path = ".status.issuer"),
    printcolumn(name = "Clients", type_ = "integer", json_path = ".status.attached.oidcClients"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", priority = 1, json_path = r#".status.conditions[?(@.type=="Ready")].message"#)
)]
#[serde(rename_all = "camelCase", default)]
#[schemars(
    inline,
    extend("x-kubernetes-validations" = cel_at(&[
        (
            ".issuer",
            "!has(oldSelf.issuer) || (has(self.issuer) && self.issuer == oldSelf.issuer)",
            "issuer can't be changed once it is set, because tokens and relying parties name it: make another Realm",
        ),
        (
            ".pairwiseSaltSecretRef",
            "!has(self.subjectType) || self.subjectType != 'pairwise' || has(self.pairwiseSaltSecretRef)",
            "subjectType pairwise needs pairwiseSaltSecretRef",
        ),
    ]))
)]
pub struct RealmSpec {
    /// The issuer identifier (OpenID Connect Discovery section 3), and the URL below which the endpoints stand: https, or
    /// http on a loopback address, without query and fragment. It can't be changed once it is set. Default: the
    /// provider's public URL followed by `/realms/` and the Realm's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Issuer>")]
    pub issuer: Option<String>,
    /// The name that people see when they sign in. Default: the Realm's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Line>")]
    pub display_name: Option<String>,
    /// How long tokens live, and of which kind access tokens are. A client may override it.
    pub tokens: Tokens,
    /// How long people stay signed in.
    pub sessions: Sessions,
    /// Whether every client sees the same `sub` for a person (`public`, the default), or each its own (`pairwise`; OpenID
    /// Connect Core section 8).
    pub subject_type: SubjectType,
    /// The Secret with the salt of pairwise subjects (entry `salt`, 32 bytes or more), for this Realm and for clients with a subjectType of
    /// their own. Another salt is another `sub` for everybody, everywhere: keep it as you keep the people themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pairwise_salt_secret_ref: Option<SecretRef>,
    /// Which keys sign.
    pub signing: Signing,
    /// Whether every client must use PKCE with S256 (`Required`, the default), or only public clients, and confidential
    /// ones may use `nonce` in its place (`PublicClients`), or nobody (`Optional`).
    pub pkce: Pkce,
    /// Whom the JWTs by which clients authenticate may be meant for. Default IssuerOrTokenEndpoint.
    pub assertion_audience: AssertionAudience,
    /// Where the provider may fetch from when a client names a URI.
    pub outbound: Outbound,
    /// How people sign in.
    pub login: Login,
    /// Whose addresses lead to this Realm (OpenID Connect Discovery section 2).
    pub web_finger: WebFinger,
    /// Scopes beside openid, profile, email, address, phone, offline_access and groups.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub scopes: Vec<CustomScope>,
    /// Claims that are computed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub claims: Vec<CustomClaim>,
    /// Claims that somebody else vouches for (OpenID Connect Core section 5.6.2).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub claim_sources: Vec<ClaimSource>,
    /// What may attach to this Realm, and what it may ask for.
    pub allowed: Allowed,
    /// Who may register clients by themselves, and which. Default: nobody.
    pub registration: ClientRegistration,
}

/// How long tokens live, and of which kind access tokens are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct Tokens {
    /// The life of an ID token. Default 10m.
    pub id_token: Duration,
    /// The life of an access token. Default 10m.
    pub access_token: Duration,
    /// The life of an authorization code. Default 60s.
    pub authorization_code: Duration,
    /// The kind of access tokens. Default jwt.
    pub access_token_format: AccessTokenFormat,
    /// The life of refresh tokens.
    pub refresh_token: RefreshTokenPolicy,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            id_token: Duration::from_mins(10),
            access_token: Duration::from_mins(10),
            authorization_code: Duration::from_secs(60),
            access_token_format: AccessTokenFormat::Jwt,
            refresh_token: RefreshTokenPolicy::default(),
        }
    }
}

/// The kind of access tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum AccessTokenFormat {
    /// A JWT that resource servers check by themselves (RFC 9068).
    #[default]
    Jwt,
    /// A handle that resource servers have introspected (RFC 7662).
    Opaque,
}

/// The life of refresh tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct RefreshTokenPolicy {
    /// How long a grant can be refreshed, counted from the sign-in. Default 30d.
    pub lifetime: Duration,
    /// How long a refresh token may lie unused. Default 7d.
    pub idle: Duration,
    /// Whose refresh tokens are replaced at each use. Default PublicClients.
    pub rotation: RefreshTokenRotation,
    /// For how long the token that was just replaced gives the same answer again, for a client whose response got lost.
    /// Default 0s: its use is a reuse, and revokes the grant.
    pub reuse_interval: DurationOrZero,
}

impl Default for RefreshTokenPolicy {
    fn default() -> Self {
        Self {
            lifetime: Duration::from_days(30),
            idle: Duration::from_days(7),
            rotation: RefreshTokenRotation::PublicClients,
            reuse_interval: DurationOrZero::ZERO,
        }
    }
}

/// Whose refresh tokens are replaced at each use (RFC 9700 section 2.2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum RefreshTokenRotation {
    /// Those of public clients, which can't prove who they are.
    #[default]
    PublicClients,
    /// Those of all clients.
    Always,
}

/// How long people stay signed in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct Sessions {
    /// How long a session may lie unused. Default 8h.
    pub idle: Duration,
    /// How long a session lasts at most. Default 24h.
    pub absolute: Duration,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { idle: Duration::from_hours(8), absolute: Duration::from_hours(24) }
    }
}

/// Who sees which `sub` (OpenID Connect Core section 8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum SubjectType {
    /// Every client the same.
    #[default]
    Public,
    /// Each sector its own.
    Pairwise,
}

/// Which keys sign.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct Signing {
    /// The algorithm of tokens whose client asks for none in particular. Default ES256.
    pub default_algorithm: SigningAlgorithm,
    /// Whether a Realm without SigningKeys for ES256 and RS256 gets them. Default Create.
    pub default_keys: DefaultKeys,
}

/// Whether a Realm without SigningKeys for ES256 and RS256 gets them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum DefaultKeys {
    /// The SigningKeys `REALM-es256` and `REALM-rs256` are created, owned by the Realm.
    #[default]
    Create,
    /// Nothing is created.
    None,
}

/// Who must use PKCE with S256 (RFC 7636).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Pkce {
    /// Every client.
    #[default]
    Required,
    /// Public clients; a confidential one may use `nonce` in its place (RFC 9700 section 2.1.1).
    PublicClients,
    /// Nobody must: clients that are older than PKCE work as OpenID Connect Core has it, and their codes are as safe as that makes
    /// them.
    Optional,
}

/// Whom the JWTs by which clients authenticate may be meant for (`aud`; RFC 7523 section 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum AssertionAudience {
    /// The issuer, or the URL of the token endpoint, as OpenID Connect Core section 9 has it.
    #[default]
    IssuerOrTokenEndpoint,
    /// The issuer, and nobody else: an assertion can't be made to be meant for another server as well.
    Issuer,
}

/// Where the provider may fetch from when a client names a URI.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct Outbound {
    /// Private networks that fetches of jwks_uri, request_uri, sector_identifier_uri and logout URIs may reach. Public
    /// addresses are open, every other address is closed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Cidr>", length(max = 32), extend("x-kubernetes-list-type" = "set"))]
    pub allowed_networks: Vec<String>,
}

/// Whose addresses lead to a Realm (OpenID Connect Discovery section 2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct WebFinger {
    /// Domains of which every address (`acct:ada@example.com`, `https://example.com/ada`) belongs to a person of this Realm: who asks
    /// for one at `/.well-known/webfinger` is told the Realm's issuer, whether or not there is such a person. Of two Realms with the same
    /// domain the one whose issuer stands on that very host is meant, or neither. Default: none; URLs below the issuer lead to it
    /// anyway.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<HostName>", length(max = 64), extend("x-kubernetes-list-type" = "set"))]
    pub domains: Vec<String>,
}

/// How people sign in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct Login {
    /// Whether people sign in with passwords. Default Enabled.
    pub passwords: Switch,
    /// Whether people may change their password on their own page. It is written to the Secret of the User. Default Disabled.
    pub password_change: Switch,
    /// What stops the guessing of passwords.
    pub lockout: Lockout,
}

impl Default for Login {
    fn default() -> Self {
        Self { passwords: Switch::Enabled, password_change: Switch::Disabled, lockout: Lockout::default() }
    }
}

/// Enabled or Disabled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Switch {
    /// On.
    #[default]
    Enabled,
    /// Off.
    Disabled,
}

/// What stops the guessing of passwords.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct Lockout {
    /// So many failures within the window lock the account for the address. Default 10.
    #[schemars(range(min = 1, max = 1000))]
    pub max_failures: u32,
    /// The window. Default 5m.
    pub window: Duration,
    /// How long the lock holds. Default 15m.
    pub duration: Duration,
}

impl Default for Lockout {
    fn default() -> Self {
        Self { max_failures: 10, window: Duration::from_mins(5), duration: Duration::from_mins(15) }
    }
}

/// A scope beside the standard ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(
    inline,
    extend("x-kubernetes-validations" = cel(&[(
        "!(self.name in ['openid', 'profile', 'email', 'address', 'phone', 'offline_access', 'groups'])",
        "openid, profile, email, address, phone, offline_access and groups are there already",
    )]))
)]
pub struct CustomScope {
    /// The scope token.
    #[schemars(with = "ScopeToken")]
    pub name: String,
    /// What people read on the consent page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Line>")]
    pub description: Option<String>,
    /// The claims that the scope gives: standard ones, and those of `spec.claims`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<ClaimName>", length(max = 64), extend("x-kubernetes-list-type" = "set"))]
    pub claims: Vec<String>,
}

/// A claim that is computed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(
    inline,
    extend("x-kubernetes-validations" = cel(&[(
        concat!(
            "!(self.name in ['iss', 'sub', 'aud', 'exp', 'iat', 'nbf', 'jti', 'nonce', 'auth_time', 'acr', 'amr', 'azp',",
            " 'at_hash', 'c_hash', 's_hash', 'sid', 'client_id', 'scope', 'cnf', 'act', 'may_act', 'events', 'active',",
            " 'token_type', '_claim_names', '_claim_sources'])",
        ),
        "this claim belongs to the protocol and can't be computed",
    )]))
)]
pub struct CustomClaim {
    /// The name of the claim.
    #[schemars(with = "ClaimName")]
    pub name: String,
    /// A CEL expression over `user`, `client` and `request`; the claim is left out where it fails or gives null.
    #[schemars(with = "Expression")]
    pub expression: String,
}

/// Somebody else who vouches for claims, a Claims Provider (OpenID Connect Core section 5.6.2). Tokens and UserInfo name it in
/// `_claim_names` and `_claim_sources`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(
    inline,
    extend("x-kubernetes-validations" = cel(&[(
        "has(self.aggregated) != has(self.distributed)",
        "claims are either aggregated or distributed: give one of them",
    )]))
)]
pub struct ClaimSource {
    /// Its name in `_claim_sources`.
    #[schemars(with = "ClaimName")]
    pub name: String,
    /// The claims that it vouches for. As others they are given by a scope that lists them.
    #[schemars(with = "Vec<ClaimName>", length(min = 1, max = 64), extend("x-kubernetes-list-type" = "set"))]
    pub claims: Vec<String>,
    /// It has signed them: the JWT is given to the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregated: Option<AggregatedClaims>,
    /// It has them: the client is told where to fetch them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distributed: Option<DistributedClaims>,
}

/// Claims in a JWT of somebody else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct AggregatedClaims {
    /// A CEL expression over `user`, `client` and `request` that gives the JWT, such as `user.attributes.clearance[0]`. It can't be taken
    /// apart: a client gets it that gets all of `claims`.
    #[schemars(with = "Expression")]
    pub jwt_expression: String,
}

/// Claims that the client fetches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(
    inline,
    extend("x-kubernetes-validations" = cel(&[(
        "!(has(self.accessTokenExpression) && has(self.accessTokenSecretRef))",
        "the access token is computed or stands in a Secret: give one of accessTokenExpression and accessTokenSecretRef, or neither",
    )]))
)]
pub struct DistributedClaims {
    /// Where the client fetches them, as a JWT.
    #[schemars(with = "FetchedUri")]
    pub endpoint: String,
    /// A CEL expression over `user`, `client` and `request` that gives the access token of the person there. Where it gives none, this
    /// source is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Expression>")]
    pub access_token_expression: Option<String>,
    /// The Secret with the one access token for everybody (entry `token`), in the Realm's namespace and with the label
    /// realmkeeper.dev/readable. Clients get to see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token_secret_ref: Option<SecretRef>,
}

/// What may attach to a Realm, and what it may ask for: the Realm's half of a handshake of which the other half is
/// `realmRef`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct Allowed {
    /// Clients.
    pub oidc_clients: AllowedClients,
    /// Users.
    pub users: AllowedChildren,
    /// Groups.
    pub groups: AllowedChildren,
}

/// Which clients may attach, and what they may ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct AllowedClients {
    /// From which namespaces. Default: the Realm's own.
    pub namespaces: Namespaces,
    /// With which grant types. Default: authorization_code, refresh_token, client_credentials.
    // Empty means none, which is not the default: server-side apply takes the last item of a set away with the field itself.
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub grant_types: Vec<GrantType>,
    /// With which response types. Default: code.
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub response_types: Vec<ResponseType>,
    /// With which scopes; empty for all of the Realm.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<ScopeToken>", length(max = 128), extend("x-kubernetes-list-type" = "set"))]
    pub scopes: Vec<String>,
    /// With redirect URIs on which hosts (`app.example.com`, or `*.example.com` for every host below it); empty for all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<HostPattern>", length(max = 128), extend("x-kubernetes-list-type" = "set"))]
    pub redirect_hosts: Vec<String>,
    /// For which resource servers they may ask tokens (`https://api.example.com`, or `https://api.example.com/*` for all that
    /// begins with what stands before the `*`); empty for all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<ResourcePattern>", length(max = 128), extend("x-kubernetes-list-type" = "set"))]
    pub audiences: Vec<String>,
    /// Which client identifiers a client of another namespace may have. Default Prefixed.
    pub client_ids: ClientIds,
}

impl Default for AllowedClients {
    fn default() -> Self {
        Self {
            namespaces: Namespaces::Same,
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::ClientCredentials],
            response_types: vec![ResponseType::Code],
            scopes: Vec::new(),
            redirect_hosts: Vec::new(),
            audiences: Vec::new(),
            client_ids: ClientIds::Prefixed,
        }
    }
}

/// Which client identifiers a client of another namespace may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum ClientIds {
    /// Those that begin with its namespace and a dot; `NAMESPACE.NAME` by default.
    #[default]
    Prefixed,
    /// Any that is free.
    Any,
}

/// Which objects of a kind may attach.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct AllowedChildren {
    /// From which namespaces. Default: the Realm's own.
    pub namespaces: Namespaces,
}

/// What the operator says of a Realm.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct RealmStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The issuer in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The keys that stand in the JWKS.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub keys: Vec<RealmKey>,
    /// How many objects are attached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attached: Option<Attached>,
    /// Ready, Accepted, ResolvedRefs, Programmed; Reconciling and Stalled only while they are true.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// A key that stands in the JWKS, or that still decrypts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct RealmKey {
    /// The RFC 7638 thumbprint.
    pub kid: String,
    /// The algorithm.
    pub alg: KeyAlgorithm,
    /// Where it stands in its life.
    pub state: KeyState,
}

/// How many objects are attached to a Realm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct Attached {
    /// Clients.
    pub oidc_clients: u32,
    /// Users.
    pub users: u32,
    /// Groups.
    pub groups: u32,
}
