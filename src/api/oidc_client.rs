use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{ClientId, Line, ObjectName, RedirectUri, ResourceUri, ScopeToken, cel_at};
use super::{
    AccessTokenFormat, Credentials, Duration, DurationOrZero, RealmRef, RefreshTokenRotation, SigningAlgorithm,
};

/// A relying party. Its fields carry the names of the OAuth client metadata registry (RFC 7591) in camelCase.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "realmkeeper.dev",
    version = "v1alpha1",
    kind = "OidcClient",
    plural = "oidcclients",
    shortname = "oidcc",
    category = "realmkeeper",
    namespaced,
    status = "OidcClientStatus",
    derive = "PartialEq",
    selectable = ".spec.realmRef.name",
    doc = "An OidcClient is a relying party of a Realm. Its fields carry the names of the OAuth client metadata registry (RFC 7591) in camelCase.",
    validation = ("self.metadata.name.size() <= 240", "the name of an OidcClient must have at most 240 characters, because its Secret is named after it"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Realm", type_ = "string", json_path = ".spec.realmRef.name"),
    printcolumn(name = "Client-ID", type_ = "string", json_path = ".status.clientId"),
    printcolumn(name = "Secret", type_ = "string", priority = 1, json_path = ".status.binding.name"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", priority = 1, json_path = r#".status.conditions[?(@.type=="Ready")].message"#)
)]
#[serde(rename_all = "camelCase")]
#[schemars(inline, extend("x-kubernetes-validations" = cel_at(RULES)))]
pub struct OidcClientSpec {
    /// The Realm of the client. It can't be changed.
    pub realm_ref: RealmRef,
    /// The client identifier; unique in the Realm. It can't be changed, added or removed later. Default: the object's name
    /// in the Realm's own namespace, NAMESPACE.NAME in others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ClientId>")]
    pub client_id: Option<String>,
    /// The name that people see on the pages. Default: the client identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Line>")]
    pub client_name: Option<String>,
    /// Where people are sent back to, compared exactly (the port of a loopback address is free, RFC 8252 section 7.3).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<RedirectUri>", length(max = 64), extend("x-kubernetes-list-type" = "set"))]
    pub redirect_uris: Vec<String>,
    /// Where people may be sent after they have signed out (OpenID Connect RP-Initiated Logout section 3).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<RedirectUri>", length(max = 64), extend("x-kubernetes-list-type" = "set"))]
    pub post_logout_redirect_uris: Vec<String>,
    /// What the client may present at the token endpoint. Default: authorization_code and refresh_token where there are
    /// redirectUris, else client_credentials.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "set"))]
    pub grant_types: Vec<GrantType>,
    /// What the client may ask for at the authorization endpoint. Default: code where it may use authorization_code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "set"))]
    pub response_types: Vec<ResponseType>,
    /// The scopes that it may ask for. Default: openid, profile, email and offline_access where people sign in to it, none
    /// otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<ScopeToken>", length(max = 128), extend("x-kubernetes-list-type" = "set"))]
    pub scopes: Vec<String>,
    /// The resource servers that it may ask tokens for (RFC 8707).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<ResourceUri>", length(max = 64), extend("x-kubernetes-list-type" = "set"))]
    pub audiences: Vec<String>,
    /// How the client says who it is. Default: client_secret_basic where it has a secret, else private_key_jwt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_method: Option<TokenEndpointAuthMethod>,
    /// What the client proves it with. Default: a generated secret in the Secret NAME-oidc.
    #[serde(default)]
    pub credentials: Credentials,
    /// The algorithm of its ID tokens. Default: the Realm's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token_signed_response_alg: Option<SigningAlgorithm>,
    /// What differs from the Realm's `tokens`.
    #[serde(default)]
    pub tokens: ClientTokens,
    /// Who may sign in to it. Default: every user of the Realm.
    #[serde(default)]
    pub access: Access,
    /// Whether people are asked before the client learns about them. Default Skip: whoever may write this object vouches
    /// for the client.
    #[serde(default)]
    pub consent: Consent,
}

const RULES: &[(&str, &str, &str)] = &[
    (
        ".realmRef",
        "self.realmRef == oldSelf.realmRef",
        "realmRef can't be changed: delete the object and make it anew in the other Realm",
    ),
    (
        ".clientId",
        "has(self.clientId) == has(oldSelf.clientId) && (!has(self.clientId) || self.clientId == oldSelf.clientId)",
        "clientId can't be changed, because relying parties are configured with it: make another OidcClient",
    ),
    (
        ".redirectUris",
        "!has(self.grantTypes) || !('authorization_code' in self.grantTypes) \
         || (has(self.redirectUris) && size(self.redirectUris) > 0)",
        "the grant type authorization_code needs at least one of redirectUris",
    ),
    (
        ".grantTypes",
        "!has(self.grantTypes) || !('refresh_token' in self.grantTypes) || 'authorization_code' in self.grantTypes",
        "the grant type refresh_token needs authorization_code beside it",
    ),
    (
        ".responseTypes",
        "!has(self.responseTypes) || !('code' in self.responseTypes) \
         || (has(self.grantTypes) && size(self.grantTypes) > 0 ? 'authorization_code' in self.grantTypes \
         : has(self.redirectUris) && size(self.redirectUris) > 0)",
        "the response type code needs the grant type authorization_code",
    ),
    (
        ".tokenEndpointAuthMethod",
        "!has(self.tokenEndpointAuthMethod) || self.tokenEndpointAuthMethod != 'none' \
         || (has(self.grantTypes) && size(self.grantTypes) > 0 ? !('client_credentials' in self.grantTypes) \
         : has(self.redirectUris) && size(self.redirectUris) > 0)",
        "a public client (tokenEndpointAuthMethod none) can't use the grant type client_credentials",
    ),
    (
        ".tokenEndpointAuthMethod",
        "!has(self.tokenEndpointAuthMethod) || self.tokenEndpointAuthMethod != 'none' || !has(self.credentials) \
         || (!has(self.credentials.serviceAccounts) && !has(self.credentials.jwks) && !has(self.credentials.jwksUri) \
         && (!has(self.credentials.secret) || !has(self.credentials.secret.source) \
         || self.credentials.secret.source == 'Generate'))",
        "a public client (tokenEndpointAuthMethod none) has no credentials: leave out serviceAccounts, jwks, jwksUri and a referenced secret",
    ),
    (
        ".tokenEndpointAuthMethod",
        "!has(self.tokenEndpointAuthMethod) || self.tokenEndpointAuthMethod != 'private_key_jwt' || (has(self.credentials) \
         && (has(self.credentials.serviceAccounts) || has(self.credentials.jwks) || has(self.credentials.jwksUri)))",
        "tokenEndpointAuthMethod private_key_jwt needs credentials.jwks, credentials.jwksUri or credentials.serviceAccounts",
    ),
    (
        ".tokenEndpointAuthMethod",
        "!has(self.tokenEndpointAuthMethod) || !self.tokenEndpointAuthMethod.startsWith('client_secret_') \
         || !has(self.credentials) || has(self.credentials.secret) || (!has(self.credentials.serviceAccounts) \
         && !has(self.credentials.jwks) && !has(self.credentials.jwksUri))",
        "tokenEndpointAuthMethod says client secret, but credentials holds only keys: give credentials.secret too, or leave the method out",
    ),
];

impl OidcClientSpec {
    /// The grant types in force: those that are given, or the default for what the client is.
    pub fn grant_types(&self) -> &[GrantType] {
        match (self.grant_types.as_slice(), self.redirect_uris.is_empty()) {
            ([], false) => &[GrantType::AuthorizationCode, GrantType::RefreshToken],
            ([], true) => &[GrantType::ClientCredentials],
            (given, _) => given,
        }
    }

    /// The response types in force.
    pub fn response_types(&self) -> &[ResponseType] {
        match self.response_types.as_slice() {
            [] if self.grant_types().contains(&GrantType::AuthorizationCode) => &[ResponseType::Code],
            given => given,
        }
    }

    /// The authentication method in force.
    pub fn auth_method(&self) -> TokenEndpointAuthMethod {
        self.token_endpoint_auth_method.unwrap_or(if self.credentials.secret.is_none() && self.credentials.has_keys() {
            TokenEndpointAuthMethod::PrivateKeyJwt
        } else {
            TokenEndpointAuthMethod::ClientSecretBasic
        })
    }

    /// Whether the client has a secret, generated or referenced.
    pub fn has_secret(&self) -> bool {
        self.auth_method() != TokenEndpointAuthMethod::None
            && (self.credentials.secret.is_some() || !self.credentials.has_keys())
    }
}

/// A grant type, by its registered name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum GrantType {
    /// RFC 6749 section 4.1.
    AuthorizationCode,
    /// RFC 6749 section 6.
    RefreshToken,
    /// RFC 6749 section 4.4.
    ClientCredentials,
}

/// A response type, by its registered name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ResponseType {
    /// RFC 6749 section 4.1.1.
    Code,
}

/// How a client says who it is at the token endpoint, by its registered name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum TokenEndpointAuthMethod {
    /// A public client, which can't prove it.
    None,
    /// The secret in the Authorization header (RFC 6749 section 2.3.1).
    ClientSecretBasic,
    /// The secret in the form (RFC 6749 section 2.3.1).
    ClientSecretPost,
    /// A JWT that the client or its platform has signed (RFC 7523): with a key of jwks or jwksUri, or the projected token
    /// of one of serviceAccounts.
    PrivateKeyJwt,
}

/// What differs from the Realm's tokens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct ClientTokens {
    /// The kind of access tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token_format: Option<AccessTokenFormat>,
    /// The life of an access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token: Option<Duration>,
    /// The life of an ID token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<Duration>,
    /// The life of refresh tokens.
    pub refresh_token: ClientRefreshTokens,
}

/// What differs from the Realm's refresh tokens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct ClientRefreshTokens {
    /// How long a grant can be refreshed, counted from the sign-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<Duration>,
    /// How long a refresh token may lie unused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle: Option<Duration>,
    /// Whether this client's refresh tokens are replaced at each use: Always, or PublicClients for only if it is public.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation: Option<RefreshTokenRotation>,
    /// For how long the token that was just replaced gives the same answer again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reuse_interval: Option<DurationOrZero>,
}

/// Who may sign in to a client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct Access {
    /// Names of groups of the Realm, whose members may; empty for every user of the Realm.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<ObjectName>", length(max = 128), extend("x-kubernetes-list-type" = "set"))]
    pub groups: Vec<String>,
}

/// Whether people are asked before a client learns about them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Consent {
    /// They are not asked.
    #[default]
    Skip,
    /// They are asked once for each set of scopes.
    Ask,
}

/// What the operator says of an OidcClient.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct OidcClientStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The client identifier in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The Secret to bind to (Service Binding for Kubernetes, Provisioned Service).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding: Option<Binding>,
    /// The secrets in force, never their values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<CredentialsStatus>,
    /// The value of the annotation realmkeeper.dev/rotate that was acted upon last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_rotate_request: Option<String>,
    /// Ready, Accepted, ResolvedRefs, Programmed; Reconciling and Stalled only while they are true.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// The Secret to bind to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct Binding {
    /// Its name, in the client's namespace.
    pub name: String,
}

/// The secrets in force, never their values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct CredentialsStatus {
    /// The one to use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<CurrentSecret>,
    /// The former one, while it is still accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousSecret>,
}

/// The secret to use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct CurrentSecret {
    /// Tells it from others; says nothing of its value.
    pub id: String,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<Time>,
    /// When it will be replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotate_after: Option<Time>,
}

/// The former secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct PreviousSecret {
    /// Tells it from others; says nothing of its value.
    pub id: String,
    /// Until when it is accepted.
    pub valid_until: Time,
    /// When somebody used it last, as far as the replica knows that writes this; told again after ten minutes at the earliest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Time>,
}
