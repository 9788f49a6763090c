use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::{Value, json};

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

/// The definition as YAML, in the form in which it stands in `crds/`: sorted, and without a status.
///
/// # Errors
/// Only where the serialiser fails, which no definition of ours makes it do.
pub fn crd_yaml(crd: &CustomResourceDefinition) -> Result<String, serde_saphyr::SerializeError> {
    let mut value = serde_json::to_value(crd).map_err(<serde_saphyr::SerializeError as serde::ser::Error>::custom)?;
    whole_numbers(&mut value);
    serde_saphyr::to_string(&value)
}

/// The definitions hold their bounds as floats; `1000.0` is written as `1000`.
fn whole_numbers(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(members) => members.values_mut().for_each(whole_numbers),
        Value::Number(number) => {
            if let Some(float) = number.as_f64()
                && float.fract() == 0.0
                && float.abs() < 1e15
            {
                *value = Value::from(float as i64);
            }
        }
        _ => {}
    }
}

/// The derived definition without what a reader would stumble over: `nullable` (the API server prunes a null where it is
/// absent), defaults (they stand in the types), and formats that Kubernetes doesn't know.
fn tidy(crd: CustomResourceDefinition) -> CustomResourceDefinition {
    let Ok(mut value) = serde_json::to_value(&crd) else { return crd };
    if let Some(versions) = value.pointer_mut("/spec/versions").and_then(Value::as_array_mut) {
        for version in versions {
            if let Some(schema) = version.pointer_mut("/schema/openAPIV3Schema") {
                tidy_schema(schema);
                if let Some(Value::Object(status)) = schema.pointer_mut("/properties/status") {
                    status.insert("default".to_owned(), first_status());
                }
            }
        }
    }
    serde_json::from_value(value).unwrap_or(crd)
}

/// What the API server itself says of an object that no operator has seen yet, so that nobody takes it for ready meanwhile: kstatus
/// (Flux, `wait: true`) holds an object without any condition to be current.
fn first_status() -> Value {
    // In the order of the alphabet, in which the definitions are committed.
    json!({"conditions": [{
        // Nobody knows when.
        "lastTransitionTime": "1970-01-01T00:00:00Z",
        "message": "waiting for the operator",
        "reason": "Pending",
        "status": "Unknown",
        "type": "Ready",
    }]})
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
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.values_mut().for_each(tidy_schema);
    }
    for keyword in ["items", "additionalProperties"] {
        if let Some(child) = schema.get_mut(keyword) {
            tidy_schema(child);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{super::Realm, crds};
    use crate::api::{Duration, Namespaces, RealmSpec, SigningAlgorithm};

    /// Every node of every schema, with its path.
    fn nodes(path: &str, schema: &Value, visit: &mut impl FnMut(&str, &Value)) {
        visit(path, schema);
        for (name, child) in schema["properties"].as_object().into_iter().flatten() {
            nodes(&format!("{path}.{name}"), child, visit);
        }
        for keyword in ["items", "additionalProperties"] {
            if schema[keyword].is_object() {
                nodes(&format!("{path}[]"), &schema[keyword], visit);
            }
        }
    }

    fn schemas() -> Vec<(String, Value)> {
        let schema =
            |crd: &_| serde_json::to_value(crd).unwrap()["spec"]["versions"][0]["schema"]["openAPIV3Schema"].take();
        crds().iter().map(|crd| (crd.spec.names.kind.clone(), schema(crd))).collect()
    }

    #[test]
    fn the_committed_definitions_are_those_of_the_types() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        // kustomize reads nothing outside its own folder, and `kubectl apply -f crds` takes nothing that is no resource.
        for (folder, besides) in [("crds", None), ("deploy/crds", Some("kustomization.yaml"))] {
            let mut expected: Vec<_> = besides.into_iter().map(str::to_owned).collect();
            for crd in crds() {
                let name = format!("{}.yaml", crd.spec.names.plural);
                let committed = std::fs::read_to_string(root.join(folder).join(&name)).unwrap_or_default();
                assert!(committed == super::crd_yaml(&crd).unwrap(), "{folder}/{name} is out of date: run `make crds`");
                expected.push(name);
            }
            for entry in std::fs::read_dir(root.join(folder)).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                assert!(expected.contains(&name), "{folder}/{name} is no definition of ours");
            }
        }
    }

    #[test]
    fn everything_in_a_spec_is_bounded() {
        for (kind, schema) in schemas() {
            nodes(&format!("{kind}.spec"), &schema["properties"]["spec"], &mut |path, node| {
                let bounded = match node["type"].as_str() {
                    Some("string") => node["maxLength"].is_u64() || node["enum"].is_array(),
                    Some("array") => node["maxItems"].is_u64(),
                    Some("object") if node["additionalProperties"].is_object() => node["maxProperties"].is_u64(),
                    Some("integer") => node["maximum"].is_number(),
                    Some("object" | "boolean") => true,
                    _ => false,
                };
                assert!(bounded, "{path}: {node}");
            });
        }
    }

    #[test]
    fn everything_is_described() {
        for (kind, schema) in schemas() {
            nodes(&kind, &schema, &mut |path, node| {
                let own = !path.ends_with("[]") && path != format!("{kind}.spec") && path != format!("{kind}.status");
                assert!(!own || node["description"].is_string(), "{path}");
            });
        }
    }

    #[test]
    fn what_no_operator_has_seen_waits_and_is_not_ready() {
        for (kind, schema) in schemas() {
            let status = &schema["properties"]["status"];
            let [ready] = status["default"]["conditions"].as_array().unwrap().as_slice() else { panic!("{kind}") };
            assert_eq!((&ready["type"], &ready["status"]), (&json!("Ready"), &json!("Unknown")));
            let properties = &status["properties"]["conditions"]["items"];
            for field in properties["required"].as_array().unwrap() {
                assert!(ready[field.as_str().unwrap()].is_string(), "{kind}: {field}");
            }
        }
    }

    #[test]
    fn every_rule_has_a_message_of_its_own() {
        for (kind, schema) in schemas() {
            nodes(&kind, &schema, &mut |path, node| {
                for rule in node["x-kubernetes-validations"].as_array().into_iter().flatten() {
                    assert!(rule["message"].as_str().is_some_and(|text| !text.contains('\n')), "{path}: {rule}");
                }
            });
        }
    }

    #[test]
    fn an_empty_spec_is_a_complete_realm() {
        let realm: Realm = serde_json::from_value(json!({
            "apiVersion": "realmkeeper.dev/v1alpha1", "kind": "Realm", "metadata": {"name": "staff"}, "spec": {},
        }))
        .unwrap();
        assert_eq!(realm.spec, RealmSpec::default());
        assert_eq!(realm.spec.tokens.id_token, Duration::from_mins(10));
        assert_eq!(realm.spec.signing.default_algorithm, SigningAlgorithm::ES256);
        assert_eq!(realm.spec.allowed.oidc_clients.namespaces, Namespaces::Same);
    }
}
