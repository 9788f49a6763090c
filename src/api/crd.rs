use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::{Map, Value};

use super::{Group, OidcClient, Realm, SigningKey, User};

/// The kinds, in the order in which their definitions are printed.
pub const CUSTOM_RESOURCES: [&str; 5] = ["Realm", "OidcClient", "User", "Group", "SigningKey"];

/// The definitions of all custom resources, as they are installed, printed and validated against.
pub fn crds() -> Vec<CustomResourceDefinition> {
    [Realm::crd(), OidcClient::crd(), User::crd(), Group::crd(), SigningKey::crd()].into_iter().map(tidy).collect()
}

/// The definition of one kind.
pub fn crd_of(kind: &str) -> Option<CustomResourceDefinition> {
    crds().into_iter().find(|crd| crd.spec.names.kind == kind)
}

/// The derived definition without what a reader would stumble over: `nullable` (the API server prunes a null where it is
/// absent), defaults (they stand in the types), and formats that Kubernetes doesn't know.
fn tidy(crd: CustomResourceDefinition) -> CustomResourceDefinition {
    let Ok(mut value) = serde_json::to_value(&crd) else { return crd };
    if let Some(versions) = value.pointer_mut("/spec/versions").and_then(Value::as_array_mut) {
        for version in versions {
            if let Some(schema) = version.pointer_mut("/schema/openAPIV3Schema") {
                tidy_schema(schema);
            }
        }
    }
    serde_json::from_value(value).unwrap_or(crd)
}

const UNKNOWN_FORMATS: [&str; 3] = ["uint8", "uint16", "uint32"];

fn tidy_schema(schema: &mut Value) {
    let Value::Object(schema) = schema else { return };
    for keyword in ["nullable", "default", "title"] {
        schema.remove(keyword);
    }
    if schema.get("format").and_then(Value::as_str).is_some_and(|format| UNKNOWN_FORMATS.contains(&format)) {
        schema.remove("format");
    }
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect::<Vec<_>>().join("\n\n");
    }
    whole_bounds(schema);
    match schema.get_mut("properties") {
        Some(Value::Object(properties)) => properties.values_mut().for_each(tidy_schema),
        _ => {}
    }
    for keyword in ["items", "additionalProperties"] {
        if let Some(child) = schema.get_mut(keyword) {
            tidy_schema(child);
        }
    }
}

/// `minimum: 0.0` of a whole number is printed as `0`.
fn whole_bounds(schema: &mut Map<String, Value>) {
    for keyword in ["minimum", "maximum"] {
        if let Some(bound) = schema.get_mut(keyword)
            && let Some(float) = bound.as_f64()
            && float.fract() == 0.0
            && float.abs() < 1e15
        {
            *bound = Value::from(float as i64);
        }
    }
}
