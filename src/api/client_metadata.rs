//! The values of client metadata, by their registered names (RFC 7591 section 2, OpenID Connect Registration section 2).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{LanguageTag, Line, WebUri};

/// A grant type, by its registered name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum GrantType {
    /// RFC 6749 section 4.1.
    AuthorizationCode,
    /// RFC 6749 section 4.2 and OpenID Connect Core section 3.2: tokens straight from the authorization endpoint.
    Implicit,
    /// RFC 6749 section 6.
    RefreshToken,
    /// RFC 6749 section 4.4.
    ClientCredentials,
}

/// A response type, by its registered name (OAuth 2.0 Multiple Response Type Encoding Practices).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ResponseType {
    /// RFC 6749 section 4.1.1.
    Code,
    /// OpenID Connect Core section 3.2.
    IdToken,
    /// OpenID Connect Core section 3.2, with an access token.
    #[serde(rename = "id_token token")]
    IdTokenToken,
    /// OpenID Connect Core section 3.3.
    #[serde(rename = "code id_token")]
    CodeIdToken,
    /// OpenID Connect Core section 3.3.
    #[serde(rename = "code token")]
    CodeToken,
    /// OpenID Connect Core section 3.3.
    #[serde(rename = "code id_token token")]
    CodeIdTokenToken,
    /// Multiple Response Type Encoding Practices section 4: nothing but whether the request was granted.
    None,
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
    /// A JWT that the client has authenticated with its secret (OpenID Connect Core section 9, RFC 7523).
    ClientSecretJwt,
    /// A JWT that the client or its platform has signed (RFC 7523): with a key of jwks or jwksUri, or the projected token
    /// of one of serviceAccounts.
    PrivateKeyJwt,
}

/// The registered name of an algorithm by which a JWT is signed or authenticated (RFC 7518 section 3.1, RFC 8037, RFC 9864).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(missing_docs)]
pub enum JwsAlgorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    ES512,
    /// Ed25519 by its older name (RFC 8037).
    EdDSA,
    /// Ed25519 by its own name (RFC 9864).
    Ed25519,
    /// By the client's secret.
    HS256,
    /// By the client's secret.
    HS384,
    /// By the client's secret.
    HS512,
    /// Not at all.
    #[serde(rename = "none")]
    None,
}

impl JwsAlgorithm {
    /// True where the client's secret is the key.
    pub fn is_hmac(self) -> bool {
        matches!(self, Self::HS256 | Self::HS384 | Self::HS512)
    }
}

/// The registered name of how the content encryption key of a JWE is agreed on or encrypted (RFC 7518 section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum JweAlgorithm {
    /// For an RSA key.
    #[serde(rename = "RSA-OAEP")]
    RsaOaep,
    /// For an RSA key, with SHA-256.
    #[serde(rename = "RSA-OAEP-256")]
    RsaOaep256,
    /// For an elliptic curve key.
    #[serde(rename = "ECDH-ES")]
    EcdhEs,
    /// For an elliptic curve key, with a wrapped key.
    #[serde(rename = "ECDH-ES+A128KW")]
    EcdhEsA128Kw,
    /// For an elliptic curve key, with a wrapped key.
    #[serde(rename = "ECDH-ES+A256KW")]
    EcdhEsA256Kw,
    /// By the client's secret (OpenID Connect Core section 10.2).
    #[serde(rename = "dir")]
    Dir,
}

/// The registered name of how the content of a JWE is encrypted (RFC 7518 section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[allow(missing_docs)]
pub enum ContentEncryption {
    #[serde(rename = "A128GCM")]
    A128Gcm,
    #[serde(rename = "A256GCM")]
    A256Gcm,
    #[serde(rename = "A128CBC-HS256")]
    A128CbcHs256,
    #[serde(rename = "A256CBC-HS512")]
    A256CbcHs512,
}

/// What kind of application a client is (OpenID Connect Registration section 2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum ApplicationType {
    /// It runs on a server, or in a browser.
    #[default]
    Web,
    /// It runs on the person's own machine (RFC 8252).
    Native,
}

/// What people read about a client, in one language (RFC 7591 section 2.2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct LocalizedMetadata {
    /// The language (BCP 47), such as fr-CA: what stands behind the `#` of a registered name.
    #[schemars(with = "LanguageTag")]
    pub locale: String,
    /// `client_name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Line>")]
    pub client_name: Option<String>,
    /// `client_uri`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<WebUri>")]
    pub client_uri: Option<String>,
    /// `logo_uri`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<WebUri>")]
    pub logo_uri: Option<String>,
    /// `policy_uri`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<WebUri>")]
    pub policy_uri: Option<String>,
    /// `tos_uri`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<WebUri>")]
    pub tos_uri: Option<String>,
}
