//! Secrets and Namespaces, whose schema is not ours: what a manifest in a directory may get wrong about them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::super::source::{FieldProblem, Kind};
use super::node::name_of;
use super::prune::{nulls, retain};
use super::structural::{Problems, member};

const NAMESPACE_FIELDS: [&str; 4] = ["apiVersion", "kind", "metadata", "spec"];
const SECRET_FIELDS: [&str; 7] = ["apiVersion", "kind", "metadata", "type", "immutable", "data", "stringData"];

/// The most that the entries of a Secret may come to.
const MAX_SECRET: usize = 1024 * 1024;
const MAX_ENTRY_NAME: usize = 253;

pub(super) fn prune(kind: Kind, object: &mut Value, unknown: &mut Vec<FieldProblem>) {
    let Value::Object(members) = object else { return };
    members.remove("status");
    nulls(members);
    let fields: &[&str] = if kind == Kind::Secret { &SECRET_FIELDS } else { &NAMESPACE_FIELDS };
    retain(members, "", unknown, |name| fields.contains(&name), || fields.to_vec());
    super::metadata::prune(members.get_mut("metadata"), unknown);
}

pub(super) fn validate(kind: Kind, object: &Value, old: Option<&Value>, problems: &mut Problems) {
    if kind == Kind::Secret {
        secret(object, problems);
        if let Some(old) = old {
            transition(object, old, problems);
        }
    }
}

fn secret(object: &Value, problems: &mut Problems) {
    let mut names = Vec::new();
    let mut bytes = 0;
    for (field, base64) in [("data", true), ("stringData", false)] {
        for (name, value) in entries(object, field, problems) {
            let path = member(field, name);
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            if name.is_empty() || name.len() > MAX_ENTRY_NAME || !name.chars().all(allowed) {
                problems.add(
                    path.clone(),
                    "the name of an entry must be letters, digits and - _ ., at most 253 characters",
                );
            }
            let Value::String(text) = value else {
                problems.block(path, format!("must be text, and is {}: put it in quotes", name_of(value)));
                continue;
            };
            match base64.then(|| STANDARD.decode(text.trim_end())) {
                Some(Err(_)) => problems.add(path, "must be base64: what is not goes into stringData"),
                Some(Ok(decoded)) => bytes += decoded.len(),
                None => bytes += text.len(),
            }
            names.push(name.as_str());
        }
    }
    if bytes > MAX_SECRET {
        problems.add("data", "must have at most 1 MiB in all");
    }
    match object.get("type") {
        Some(Value::String(type_)) if type_ == "kubernetes.io/tls" => {
            for entry in ["tls.crt", "tls.key"].into_iter().filter(|entry| !names.contains(entry)) {
                problems.add(format!("data.{entry}"), "is required for the type kubernetes.io/tls");
            }
        }
        None | Some(Value::String(_)) => {}
        Some(other) => problems.block("type", format!("must be text, and is {}", name_of(other))),
    }
    if let Some(other) = object.get("immutable").filter(|value| !value.is_boolean()) {
        problems.block("immutable", format!("must be true or false, and is {}", name_of(other)));
    }
}

fn entries<'a>(
    object: &'a Value,
    field: &str,
    problems: &mut Problems,
) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
    let members: Option<&Map<String, Value>> = match object.get(field) {
        None => None,
        Some(Value::Object(members)) => Some(members),
        Some(other) => {
            problems.block(field, format!("must be a mapping, and is {}", name_of(other)));
            None
        }
    };
    members.into_iter().flatten()
}

/// `type` never changes, and nothing but metadata does once a Secret is immutable.
fn transition(object: &Value, old: &Value, problems: &mut Problems) {
    if object.get("type") != old.get("type") {
        problems.add("type", "can't be changed: delete the Secret first");
    }
    if old.get("immutable") == Some(&Value::Bool(true)) {
        for field in
            ["immutable", "data", "stringData"].into_iter().filter(|field| object.get(*field) != old.get(*field))
        {
            problems.add(field, "can't be changed, because the Secret is immutable");
        }
    }
}
