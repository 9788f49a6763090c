use serde_json::{Map, Value};

use super::super::source::FieldProblem;
use super::node::Node;
use super::structural::member;

/// Prunes one of our objects: what stands beside `spec` is not in the schema, but known.
pub(super) fn ours(schema: &Node, object: &mut Value, unknown: &mut Vec<FieldProblem>) {
    let Value::Object(members) = object else { return };
    members.remove("status");
    nulls(members);
    retain(
        members,
        "",
        unknown,
        |name| schema.properties.contains_key(name) || matches!(name, "apiVersion" | "kind" | "metadata"),
        || schema.properties.keys().map(String::as_str).chain(["metadata"]).collect(),
    );
    super::metadata::prune(members.get_mut("metadata"), unknown);
    for (name, child) in &schema.properties {
        if let Some(value) = members.get_mut(name) {
            node(child, value, name, unknown);
        }
    }
}

fn node(schema: &Node, value: &mut Value, path: &str, unknown: &mut Vec<FieldProblem>) {
    match value {
        Value::Object(members) => {
            nulls(members);
            if schema.additional.is_none() {
                let known = || schema.properties.keys().map(String::as_str).collect();
                retain(members, path, unknown, |name| schema.properties.contains_key(name), known);
            }
            for (name, value) in members {
                if let Some(child) = schema.properties.get(name).or(schema.additional.as_deref()) {
                    node(child, value, &member(path, name), unknown);
                }
            }
        }
        Value::Array(items) => {
            if let Some(child) = &schema.items {
                for (index, item) in items.iter_mut().enumerate() {
                    node(child, item, &format!("{path}[{index}]"), unknown);
                }
            }
        }
        _ => {}
    }
}

/// A null in place of a field means that the field is absent.
pub(super) fn nulls(members: &mut Map<String, Value>) {
    members.retain(|_, value| !value.is_null());
}

/// Takes away the members that are not known, and reports each.
pub(super) fn retain<'a>(
    members: &mut Map<String, Value>,
    path: &str,
    unknown: &mut Vec<FieldProblem>,
    is_known: impl Fn(&str) -> bool,
    known: impl Fn() -> Vec<&'a str>,
) {
    members.retain(|name, _| {
        let keep = is_known(name);
        if !keep {
            unknown.push(FieldProblem { field: member(path, name), message: message(name, &known()) });
        }
        keep
    });
}

/// At least so alike must a known name be to be suggested.
const ALIKE: f64 = 0.7;

fn message(name: &str, known: &[&str]) -> String {
    if matches!(name, "true" | "false") {
        return "is no field that the schema knows: y, n, yes, no, on and off are read as true and false, so put them in quotes"
            .to_owned();
    }
    let alike = |known: &&&str| strsim::normalized_damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase());
    let nearest = known.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)));
    match nearest.filter(|nearest| alike(nearest) >= ALIKE) {
        Some(nearest) => format!("is no field that the schema knows: did you mean {nearest}?"),
        None => "is no field that the schema knows".to_owned(),
    }
}
