use std::borrow::Cow;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::schema::{KeyId, cel, cel_at, string};
use super::{DeletionPolicy, Duration, KeyAlgorithm, KeyState, RealmRef, SecretRef};

/// A ring of keys of one algorithm, one of which signs at any time. It stands in its Realm's namespace.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "realmkeeper.dev",
    version = "v1alpha1",
    kind = "SigningKey",
    plural = "signingkeys",
    shortname = "skey",
    category = "realmkeeper",
    namespaced,
    status = "SigningKeyStatus",
    derive = "PartialEq",
    selectable = ".spec.realmRef.name",
    doc = "A SigningKey is a ring of keys of one algorithm, one of which signs at any time. It stands in its Realm's namespace.",
    validation = ("self.metadata.name.size() <= 240", "the name of a SigningKey must have at most 240 characters, because its Secrets are named after it"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Realm", type_ = "string", json_path = ".spec.realmRef.name"),
    printcolumn(name = "Algorithm", type_ = "string", json_path = ".spec.algorithm"),
    printcolumn(name = "Next", type_ = "string", json_path = ".status.nextRotation"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", priority = 1, json_path = r#".status.conditions[?(@.type=="Ready")].message"#)
)]
#[serde(rename_all = "camelCase")]
#[schemars(
    inline,
    extend("x-kubernetes-validations" = cel_at(&[
        (".realmRef", "self.realmRef == oldSelf.realmRef", "realmRef can't be changed: delete the object and make it anew for the other Realm"),
        (".algorithm", "self.algorithm == oldSelf.algorithm", "algorithm can't be changed: make a SigningKey of the other algorithm beside this one"),
        (
            ".use",
            "has(self.use) == has(oldSelf.use) && (!has(self.use) || self.use == oldSelf.use)",
            "use can't be changed",
        ),
        (
            ".use",
            "(has(self.use) && self.use == 'enc') == (self.algorithm in ['RSA-OAEP', 'RSA-OAEP-256', 'ECDH-ES', 'ECDH-ES+A128KW', 'ECDH-ES+A256KW'])",
            "use: enc goes with the algorithms RSA-OAEP, RSA-OAEP-256, ECDH-ES, ECDH-ES+A128KW and ECDH-ES+A256KW, and they with nothing else",
        ),
        (
            ".rotation.every",
            "!has(self.rotation) || !has(self.rotation.every) || !has(self.source) || !has(self.source.secretRef)",
            "rotation.every is for generated keys: a referenced Secret is renewed by whoever writes it",
        ),
    ]))
)]
pub struct SigningKeySpec {
    /// The Realm whose tokens it signs. It can't be changed.
    pub realm_ref: RealmRef,
    /// The algorithm. It can't be changed. RSA-OAEP, RSA-OAEP-256, ECDH-ES, ECDH-ES+A128KW and ECDH-ES+A256KW are for encryption
    /// (use: enc); those of ECDH take keys on P-256.
    pub algorithm: KeyAlgorithm,
    /// What the keys are for. Default sig. Keys of use enc never sign: they stand in the JWKS for those who encrypt something for the provider.
    #[serde(default, rename = "use")]
    pub use_: KeyUse,
    /// Where the keys come from. Default: they are generated.
    #[serde(default)]
    pub source: KeySource,
    /// When a new key takes over, and how. The annotation realmkeeper.dev/rotate brings one at any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<KeyRotation>,
    /// Compromised keys: out of the JWKS at once, and never accepted again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<KeyId>", length(max = 64), extend("x-kubernetes-list-type" = "set"))]
    pub revoked_kids: Vec<String>,
    /// What becomes of the generated Secrets when this object is deleted. Default Retain.
    #[serde(default = "retain")]
    pub deletion_policy: DeletionPolicy,
}

const fn retain() -> DeletionPolicy {
    DeletionPolicy::Retain
}

/// What keys are for (RFC 7517 section 4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum KeyUse {
    /// Signatures.
    #[default]
    Sig,
    /// Encryption.
    Enc,
}

/// Where keys come from. On the wire `{generate: {}}` or `{secretRef: {name: …}}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "SourceOnTheWire", into = "SourceOnTheWire")]
#[schemars(inline)]
pub enum KeySource {
    /// They are made here.
    #[default]
    Generate,
    /// They are read from a PEM, JWK or kubernetes.io/tls Secret.
    SecretRef(SecretRef),
}

/// Where keys come from: exactly one of generate and secretRef.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(
    inline,
    extend("x-kubernetes-validations" = cel(&[(
        "has(self.generate) != has(self.secretRef)",
        "exactly one of generate and secretRef must be given",
    )]))
)]
struct SourceOnTheWire {
    /// They are made here, and each stands in an immutable Secret NAME-N.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    generate: Option<Generate>,
    /// They are read from a Secret of this namespace that carries the label realmkeeper.dev/readable: "true". It has the key in
    /// PEM form (PKCS #8, SEC 1 or PKCS #1, without a passphrase) in the entry tls.key (kubernetes.io/tls, cert-manager) or
    /// private-key.pem, or as a JWK with its private members in private-key.jwk. Where more than one of them is there, all must hold
    /// the same key. A JWK's own alg, use and key_ops must agree with this SigningKey; its kid is not kept, since a kid here is
    /// the RFC 7638 thumbprint. RSA keys need 2048 bits or more, and a JWK's p, q, dp, dq and qi.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret_ref: Option<SecretRef>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
struct Generate {}

impl TryFrom<SourceOnTheWire> for KeySource {
    type Error = &'static str;

    fn try_from(wire: SourceOnTheWire) -> Result<Self, Self::Error> {
        match (wire.generate, wire.secret_ref) {
            (Some(Generate {}), None) => Ok(Self::Generate),
            (None, Some(secret)) => Ok(Self::SecretRef(secret)),
            _ => Err("exactly one of generate and secretRef must be given"),
        }
    }
}

impl From<KeySource> for SourceOnTheWire {
    fn from(source: KeySource) -> Self {
        match source {
            KeySource::Generate => Self { generate: Some(Generate {}), secret_ref: None },
            KeySource::SecretRef(secret) => Self { generate: None, secret_ref: Some(secret) },
        }
    }
}

/// When a new key takes over, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct KeyRotation {
    /// How long a generated key signs: a duration (default 30d), or Never. The next key is made early enough to take over in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<Every>,
    /// How long a key stands in the JWKS of every replica before it signs (default 1h): the time that relying parties which cache
    /// the JWKS have to learn of it. To it up to 30 seconds are added, for clocks that differ.
    pub pre_publish: Duration,
    /// How long a key stays in the JWKS after it has signed its last: Auto (the default) for as long as any token that it
    /// signed can live, or a duration, which can make it longer and not shorter. An encryption key leaves the JWKS as soon as the
    /// next one is active; this is how long it still decrypts: Auto is seven minutes, for caches of the JWKS and what is on its way.
    pub retain: Retain,
}

impl Default for KeyRotation {
    fn default() -> Self {
        Self { every: None, pre_publish: Duration::from_hours(1), retain: Retain::Auto }
    }
}

impl KeyRotation {
    /// How long a generated key signs; none: for ever.
    pub fn period(&self) -> Option<Duration> {
        match self.every.unwrap_or_default() {
            Every::Period(period) => Some(period),
            Every::Never => None,
        }
    }
}

/// How long a generated key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// So long.
    Period(Duration),
    /// Until it is revoked, or another one is asked for.
    Never,
}

impl Default for Every {
    fn default() -> Self {
        Self::Period(Duration::from_days(30))
    }
}

/// How long a key stays in the JWKS after it has signed its last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retain {
    /// As long as any token that it signed can live.
    #[default]
    Auto,
    /// So long.
    For(Duration),
}

/// A duration, or a word in its place.
macro_rules! duration_or_word {
    ($name:ident, $word:ident, $duration:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    Self::$word => f.write_str(stringify!($word)),
                    Self::$duration(duration) => duration.fmt(f),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                match &*Cow::<'de, str>::deserialize(deserializer)? {
                    stringify!($word) => Ok(Self::$word),
                    text => text.parse().map(Self::$duration).map_err(de::Error::custom),
                }
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                string(
                    2,
                    24,
                    &[(
                        concat!(
                            "self == '",
                            stringify!($word),
                            "' || (self.matches('^([0-9]{1,5}[dhms]){1,4}$') && self.matches('[1-9]'))"
                        ),
                        concat!(
                            "must be ",
                            stringify!($word),
                            " or a duration of one second or more, such as 2h or 30d"
                        ),
                    )],
                )
            }
        }
    };
}

duration_or_word!(Retain, Auto, For);
duration_or_word!(Every, Never, Period);

/// What the operator says of a SigningKey.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct SigningKeyStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// When the next key takes over, as far as it is planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_rotation: Option<Time>,
    /// The value of the annotation realmkeeper.dev/rotate that was acted upon last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_rotate_request: Option<String>,
    /// The keys of the ring, the newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub keys: Vec<SigningKeyVersion>,
    /// Keys whose Secrets are gone and that no process has any more, for as long as somebody may hold a token that they have signed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub lost_keys: Vec<LostKey>,
    /// Ready, Accepted, ResolvedRefs, Programmed; Reconciling and Stalled only while they are true.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// A key that is gone, and not because its time was over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct LostKey {
    /// The RFC 7638 thumbprint.
    pub kid: String,
    /// The Secret that held it.
    pub secret_name: String,
    /// When it was missed first.
    pub noticed_at: Time,
}

/// A key of the ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct SigningKeyVersion {
    /// The RFC 7638 thumbprint.
    pub kid: String,
    /// Where it stands in its life.
    pub state: KeyState,
    /// The Secret that holds it.
    pub secret_name: String,
    /// When it came into the JWKS of every replica, or does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_at: Option<Time>,
    /// When it begins, or began, to sign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activated_at: Option<Time>,
    /// When the next key of the ring takes over, or did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired_at: Option<Time>,
    /// When it leaves the JWKS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_at: Option<Time>,
    /// When its Secret was written again last, after somebody had deleted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored_at: Option<Time>,
}
