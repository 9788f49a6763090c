use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
