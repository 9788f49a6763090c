use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{
    ClientId, FetchedUri, Line, ObjectName, RedirectUri, RequestUri, ResourceUri, ScopeToken, WebUri, cel_at,
};
use super::{
    AccessTokenFormat, ApplicationType, ContentEncryption, Credentials, Duration, DurationOrZero, GrantType,
    JweAlgorithm, JwsAlgorithm, LocalizedMetadata, OidcClientStatus, RealmRef, RefreshTokenRotation, ResponseType,
    SubjectType, TokenEndpointAuthMethod,
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
    /// The algorithm of the assertions of client_secret_jwt and private_key_jwt. Default: any that fits the method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_signing_alg: Option<JwsAlgorithm>,
    /// Whether it sees the same `sub` as every other client, or one of its sector. Default: the Realm's; pairwise needs the Realm's
    /// pairwiseSaltSecretRef.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_type: Option<SubjectType>,
    /// A JSON array of redirect URIs at an https URL, whose host is the sector of all clients that are named there (OpenID Connect
    /// Core section 8.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<FetchedUri>")]
    pub sector_identifier_uri: Option<String>,
    /// The algorithm of its ID tokens. HS256, HS384 and HS512 use the client's secret; none is for the code flow only. Default: the Realm's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token_signed_response_alg: Option<JwsAlgorithm>,
    /// How the key is encrypted that its ID tokens are encrypted with, for a key of jwks or jwksUri. Default: not encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token_encrypted_response_alg: Option<JweAlgorithm>,
    /// How its ID tokens are encrypted. Default A128CBC-HS256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token_encrypted_response_enc: Option<ContentEncryption>,
    /// The algorithm of UserInfo responses as JWT. Default: plain JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userinfo_signed_response_alg: Option<JwsAlgorithm>,
    /// How the key is encrypted that UserInfo responses are encrypted with. Default: not encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userinfo_encrypted_response_alg: Option<JweAlgorithm>,
    /// How UserInfo responses are encrypted. Default A128CBC-HS256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userinfo_encrypted_response_enc: Option<ContentEncryption>,
    /// The algorithm that its request objects must be signed with; `none` for unsigned ones. Default: any that is supported, also `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_object_signing_alg: Option<JwsAlgorithm>,
    /// How the key is encrypted that its request objects may be encrypted with; others are taken, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_object_encryption_alg: Option<JweAlgorithm>,
    /// How its request objects may be encrypted. Default A128CBC-HS256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_object_encryption_enc: Option<ContentEncryption>,
    /// Whether every authorization request must be a signed request object (RFC 9101 section 10.5).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub require_signed_request_object: bool,
    /// Where its request objects may be fetched from (OpenID Connect Core section 6.2), compared without the fragment. None: nowhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<RequestUri>", length(max = 64), extend("x-kubernetes-list-type" = "set"))]
    pub request_uris: Vec<String>,
    /// Seconds since the person last signed in, at the most, where the request does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 315_360_000))]
    pub default_max_age: Option<u32>,
    /// Whether its ID tokens must carry auth_time. They always do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub require_auth_time: bool,
    /// The authentication context classes that it asks for where the request does not say, the preferred first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Line>", length(max = 16), extend("x-kubernetes-list-type" = "set"))]
    pub default_acr_values: Vec<String>,
    /// Where somebody else may send a person to sign in to it (OpenID Connect Core section 4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<FetchedUri>")]
    pub initiate_login_uri: Option<String>,
    /// What is loaded in a frame when the person signs out (OpenID Connect Front-Channel Logout section 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<FetchedUri>")]
    pub frontchannel_logout_uri: Option<String>,
    /// Whether `iss` and `sid` are sent with it. They always are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub frontchannel_logout_session_required: bool,
    /// Where a logout token is sent when the person signs out (OpenID Connect Back-Channel Logout section 2.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<FetchedUri>")]
    pub backchannel_logout_uri: Option<String>,
    /// Whether the logout token must carry `sid`. It always does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub backchannel_logout_session_required: bool,
    /// What kind of application it is. Default web.
    #[serde(default, skip_serializing_if = "is_default")]
    pub application_type: ApplicationType,
    /// Its home page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<WebUri>")]
    pub client_uri: Option<String>,
    /// Its logo, which people see when they sign in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<WebUri>")]
    pub logo_uri: Option<String>,
    /// What it does with what it learns about people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<WebUri>")]
    pub policy_uri: Option<String>,
    /// Its terms of service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<WebUri>")]
    pub tos_uri: Option<String>,
    /// What people read about it, in other languages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["locale"]))]
    pub localized: Vec<LocalizedMetadata>,
    /// Who is responsible for it: e-mail addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Line>", length(max = 16), extend("x-kubernetes-list-type" = "set"))]
    pub contacts: Vec<String>,
    /// The software that it is an instance of (RFC 7591 section 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Line>")]
    pub software_id: Option<String>,
    /// The version of that software.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Line>")]
    pub software_version: Option<String>,
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

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
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
        "!has(self.responseTypes) || !self.responseTypes.exists(type, type == 'code' || type.startsWith('code ')) \
         || (has(self.grantTypes) && size(self.grantTypes) > 0 ? 'authorization_code' in self.grantTypes \
         : has(self.redirectUris) && size(self.redirectUris) > 0)",
        "a response type with code needs the grant type authorization_code",
    ),
    (
        ".responseTypes",
        "!has(self.responseTypes) || !self.responseTypes.exists(type, type.contains('token')) \
         || (has(self.grantTypes) && 'implicit' in self.grantTypes)",
        "a response type with id_token or token needs the grant type implicit",
    ),
    (
        ".grantTypes",
        "!has(self.grantTypes) || !('implicit' in self.grantTypes) \
         || (has(self.redirectUris) && size(self.redirectUris) > 0)",
        "the grant type implicit needs at least one of redirectUris",
    ),
    (
        ".idTokenSignedResponseAlg",
        "!has(self.idTokenSignedResponseAlg) || self.idTokenSignedResponseAlg != 'none' || !has(self.responseTypes) \
         || !self.responseTypes.exists(type, type.contains('id_token'))",
        "ID tokens without a signature are for the code flow only: no response type may hold id_token (OpenID Connect Core section 2)",
    ),
    (
        ".idTokenEncryptedResponseEnc",
        "!has(self.idTokenEncryptedResponseEnc) || has(self.idTokenEncryptedResponseAlg)",
        "idTokenEncryptedResponseEnc needs idTokenEncryptedResponseAlg beside it",
    ),
    (
        ".userinfoEncryptedResponseEnc",
        "!has(self.userinfoEncryptedResponseEnc) || has(self.userinfoEncryptedResponseAlg)",
        "userinfoEncryptedResponseEnc needs userinfoEncryptedResponseAlg beside it",
    ),
    (
        ".requestObjectEncryptionEnc",
        "!has(self.requestObjectEncryptionEnc) || has(self.requestObjectEncryptionAlg)",
        "requestObjectEncryptionEnc needs requestObjectEncryptionAlg beside it",
    ),
    (
        ".requireSignedRequestObject",
        "!has(self.requireSignedRequestObject) || !self.requireSignedRequestObject \
         || !has(self.requestObjectSigningAlg) || self.requestObjectSigningAlg != 'none'",
        "requestObjectSigningAlg none contradicts requireSignedRequestObject",
    ),
    (
        ".tokenEndpointAuthSigningAlg",
        "!has(self.tokenEndpointAuthSigningAlg) || (self.tokenEndpointAuthSigningAlg != 'none' \
         && has(self.tokenEndpointAuthMethod) \
         && (self.tokenEndpointAuthSigningAlg.startsWith('HS') ? self.tokenEndpointAuthMethod == 'client_secret_jwt' \
         : self.tokenEndpointAuthMethod == 'private_key_jwt'))",
        "tokenEndpointAuthSigningAlg must fit tokenEndpointAuthMethod: HS256, HS384 or HS512 for client_secret_jwt, a signature for private_key_jwt",
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
         || (!has(self.credentials.serviceAccounts) \
         && (!has(self.credentials.secret) || !has(self.credentials.secret.source) \
         || self.credentials.secret.source == 'Generate'))",
        "a public client (tokenEndpointAuthMethod none) has no credentials: leave out serviceAccounts and a referenced secret",
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

    /// Whether the provider must know the client's secret itself, and not only recognise it: to authenticate or encrypt JWTs with it
    /// (OpenID Connect Core sections 10.1 and 10.2).
    pub fn needs_secret_value(&self) -> bool {
        let hmac =
            [self.id_token_signed_response_alg, self.userinfo_signed_response_alg, self.request_object_signing_alg];
        let direct = [
            self.id_token_encrypted_response_alg,
            self.userinfo_encrypted_response_alg,
            self.request_object_encryption_alg,
        ];
        self.auth_method() == TokenEndpointAuthMethod::ClientSecretJwt
            || hmac.into_iter().flatten().any(JwsAlgorithm::is_hmac)
            || direct.contains(&Some(JweAlgorithm::Dir))
    }
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
