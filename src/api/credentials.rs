use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{AnnotationValue, FetchedUri, KeyId, KeyPart, LabelValue, ObjectName, SecretEntry, Template, cel};
use super::{DeletionPolicy, Duration};

/// What a client proves who it is with. Empty means a generated secret; where only keys or workloads are given, there is no
/// secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(
    inline,
    extend("x-kubernetes-validations" = cel(&[
        ("!has(self.jwks) || !has(self.jwksUri)", "jwks and jwksUri exclude one another (RFC 7591 section 2)"),
    ]))
)]
pub struct Credentials {
    /// A client secret, and the Secret in which it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<ClientSecret>,
    /// Workloads that authenticate with their projected ServiceAccount token (audience: the issuer), without any secret.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(min = 1, max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub service_accounts: Vec<ServiceAccount>,
    /// The client's public keys (RFC 7517): for private_key_jwt, signed request objects, and what is encrypted for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Jwks>,
    /// Where the client's public keys are fetched from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<FetchedUri>")]
    pub jwks_uri: Option<String>,
}

impl Credentials {
    /// Whether the client can authenticate by a signed assertion: with keys of its own, or as a workload.
    pub fn has_keys(&self) -> bool {
        !self.service_accounts.is_empty() || self.jwks.is_some() || self.jwks_uri.is_some()
    }

    /// The name of the Secret that belongs to the client `client`.
    pub fn secret_name(&self, client: &str) -> String {
        match self.secret.as_ref().and_then(|secret| secret.name.as_ref()) {
            Some(name) => name.clone(),
            None => format!("{client}-oidc"),
        }
    }
}

/// A client secret, and the Secret in which it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(
    inline,
    extend("x-kubernetes-validations" = cel(&[
        (
            "!has(self.source) || self.source != 'Reference' || has(self.name)",
            "source Reference needs the name of the Secret",
        ),
        (
            "!has(self.source) || self.source != 'Reference' || !((has(self.rotation) && has(self.rotation.every)) \
             || has(self.metadata) || has(self.template) || has(self.deletionPolicy))",
            "rotation.every, metadata, template and deletionPolicy are for generated Secrets: a referenced one is never written",
        ),
    ]))
)]
pub struct ClientSecret {
    /// The name of the Secret, in the client's namespace. Default: the client's name followed by -oidc.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ObjectName>")]
    pub name: Option<String>,
    /// Whether the Secret is generated, or one that somebody else writes. Default Generate.
    pub source: SecretSource,
    /// When a new secret takes over, and for how long the former one is accepted beside it. The annotation realmkeeper.dev/rotate
    /// brings a new one at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation: Option<SecretRotation>,
    /// How the entries are named. Default Kebab.
    pub key_style: KeyStyle,
    /// Other names for entries: from the kebab name (client-id, client-secret, issuer, …) to the name that the consumer
    /// wants.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(
        with = "BTreeMap<String, SecretEntry>",
        extend("maxProperties" = 16, "x-kubernetes-validations" = cel(&[(
            "self.all(key, key in ['client-id', 'client-secret', 'client-secret-previous', 'issuer', 'token-endpoint', 'type', 'provider'])",
            "the entries are client-id, client-secret, client-secret-previous, issuer, token-endpoint, type and provider",
        )]))
    )]
    pub keys: BTreeMap<String, String>,
    /// Labels and annotations of the generated Secret.
    pub metadata: SecretMetadata,
    /// More entries of the generated Secret: the name, and a text in which {{ client_id }}, {{ client_secret }},
    /// {{ issuer }} and {{ token_endpoint }} are replaced.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, Template>", extend("maxProperties" = 16))]
    pub template: BTreeMap<String, String>,
    /// What becomes of the generated Secret when the client is deleted. Default Delete.
    pub deletion_policy: DeletionPolicy,
}

impl Default for ClientSecret {
    fn default() -> Self {
        Self {
            name: None,
            source: SecretSource::Generate,
            rotation: None,
            key_style: KeyStyle::Kebab,
            keys: BTreeMap::new(),
            metadata: SecretMetadata::default(),
            template: BTreeMap::new(),
            deletion_policy: DeletionPolicy::Delete,
        }
    }
}

/// Who writes the Secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum SecretSource {
    /// The operator.
    #[default]
    Generate,
    /// Somebody else: it is waited for, and nothing is invented in its place.
    Reference,
}

/// When a new secret takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct SecretRotation {
    /// How long a generated secret is the current one. Without it only the annotation realmkeeper.dev/rotate brings a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<Duration>,
    /// For how long the former secret is accepted beside the new one. Default 24h. Of a referenced Secret that is edited, the former
    /// value is accepted only where rotation is given.
    pub overlap: Duration,
}

impl Default for SecretRotation {
    fn default() -> Self {
        Self { every: None, overlap: Duration::from_days(1) }
    }
}

/// How the entries of a generated Secret are named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum KeyStyle {
    /// client-id, client-secret, …: for files and service bindings.
    #[default]
    Kebab,
    /// CLIENT_ID, CLIENT_SECRET, …: for envFrom, which skips kebab names.
    Env,
}

/// Labels and annotations of a generated Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct SecretMetadata {
    /// Labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(
        with = "BTreeMap<String, LabelValue>",
        extend("maxProperties" = 32, "x-kubernetes-validations" = cel(&[OURS, (
            "!('app.kubernetes.io/managed-by' in self)",
            "the label app.kubernetes.io/managed-by is the operator's",
        )]))
    )]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(
        with = "BTreeMap<String, AnnotationValue>",
        extend("maxProperties" = 32, "x-kubernetes-validations" = cel(&[OURS]))
    )]
    pub annotations: BTreeMap<String, String>,
}

const OURS: (&str, &str) =
    ("self.all(key, !key.startsWith('realmkeeper.dev/'))", "keys that begin with realmkeeper.dev/ are the operator's");

/// A workload, by its ServiceAccount in the client's namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct ServiceAccount {
    /// The name of the ServiceAccount. `default` is accepted only because it is named here.
    #[schemars(with = "ObjectName")]
    pub name: String,
}

/// Public keys (RFC 7517 section 5).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct Jwks {
    /// The keys.
    #[schemars(length(min = 1, max = 16))]
    pub keys: Vec<Jwk>,
}

/// A public key (RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2). Private members are no part of the schema, so
/// they never reach the cluster's store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(
    inline,
    extend("x-kubernetes-validations" = cel(&[
        (
            "self.kty == 'RSA' ? has(self.n) && has(self.e) : has(self.crv) && has(self.x) && (self.kty == 'OKP' || has(self.y))",
            "an RSA key has n and e, an EC key has crv, x and y, an OKP key has crv and x",
        ),
        ("!has(self.use) || self.use in ['sig', 'enc']", "use must be sig or enc"),
    ]))
)]
pub struct Jwk {
    /// The kind of key.
    pub kty: KeyType,
    /// The key identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<KeyId>")]
    pub kid: Option<String>,
    /// What it is for.
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub use_: Option<String>,
    /// The algorithm that it is meant for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub alg: Option<String>,
    /// The curve of an EC or OKP key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub crv: Option<String>,
    /// The x coordinate of an EC key, or an OKP key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<KeyPart>")]
    pub x: Option<String>,
    /// The y coordinate of an EC key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<KeyPart>")]
    pub y: Option<String>,
    /// The modulus of an RSA key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<KeyPart>")]
    pub n: Option<String>,
    /// The exponent of an RSA key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<KeyPart>")]
    pub e: Option<String>,
}

/// The kind of a public key (RFC 7518 section 6.1, RFC 8037 section 2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum KeyType {
    /// RSA.
    #[default]
    RSA,
    /// Elliptic curve.
    EC,
    /// Edwards curve.
    OKP,
}
