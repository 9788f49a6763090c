use std::collections::HashMap;

use serde_json::Value;

use super::super::source::FieldProblem;
use super::node::{Bounds, ListType, Node, Type, name_of};

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Problems {
    pub(super) found: Vec<FieldProblem>,
    /// The fields whose shape is so wrong that rules would stumble over them.
    pub(super) misshapen: Vec<String>,
}

impl Problems {
    pub(super) fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.found.push(FieldProblem { field: field.into(), message: message.into() });
    }

    pub(super) fn block(&mut self, field: impl Into<String>, message: impl Into<String>) {
        let field = field.into();
        self.misshapen.push(field.clone());
        self.add(field, message);
    }
}

/// The path of a member: `spec.tokens`.
pub(super) fn member(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Holds a value against a schema.
pub(super) fn validate(node: &Node, value: &Value, path: &str, problems: &mut Problems) {
    if !node.type_.admits(value) {
        problems.block(path, wrong_type(node.type_, value));
        return;
    }
    if !node.one_of.is_empty() && !node.one_of.contains(value) {
        problems.add(path, format!("must be one of {}", listed(&node.one_of)));
    }
    match value {
        Value::Object(members) => object(node, members, path, problems),
        Value::Array(items) => array(node, items, path, problems),
        Value::String(text) => string(node, text, path, problems),
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or(f64::NAN);
            if let Some(minimum) = node.minimum.filter(|minimum| number < *minimum) {
                problems.add(path, format!("must be {minimum} or more"));
            }
            if let Some(maximum) = node.maximum.filter(|maximum| number > *maximum) {
                problems.add(path, format!("must be {maximum} or less"));
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

fn wrong_type(expected: Type, value: &Value) -> String {
    let found = name_of(value);
    let hint = match (expected, value) {
        (Type::String, Value::Bool(_) | Value::Number(_)) => ": put it in quotes",
        _ => "",
    };
    format!("must be {}, and is {found}{hint}", expected.name())
}

fn listed(values: &[Value]) -> String {
    let names: Vec<_> =
        values.iter().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect();
    names.join(", ")
}

fn object(node: &Node, members: &serde_json::Map<String, Value>, path: &str, problems: &mut Problems) {
    for name in node.required.iter().filter(|name| !members.contains_key(*name)) {
        problems.block(member(path, name), "is required");
    }
    within(node.members, members.len() as u64, "entries", path, problems);
    for (name, value) in members {
        if let Some(child) = node.properties.get(name).or(node.additional.as_deref()) {
            validate(child, value, &member(path, name), problems);
        }
    }
}

fn array(node: &Node, items: &[Value], path: &str, problems: &mut Problems) {
    within(node.count, items.len() as u64, "items", path, problems);
    if let Some(child) = &node.items {
        for (index, item) in items.iter().enumerate() {
            validate(child, item, &format!("{path}[{index}]"), problems);
        }
    }
    let mut first_at = HashMap::new();
    for (index, item) in items.iter().enumerate() {
        if let Some(identity) = identity(&node.list, item)
            && let Some(first) = first_at.insert(identity, index)
        {
            let what = match &node.list {
                ListType::Map(keys) => format!("has the same {} as", keys.join(" and ")),
                _ => "is the same as".to_owned(),
            };
            problems.add(format!("{path}[{index}]"), format!("{what} item [{first}]: each may be there once"));
        }
    }
}

/// What must be unique about an item.
fn identity(list: &ListType, item: &Value) -> Option<String> {
    match list {
        ListType::Atomic => None,
        ListType::Set => Some(item.to_string()),
        ListType::Map(keys) => {
            let parts: Option<Vec<_>> = keys.iter().map(|key| item.get(key).map(Value::to_string)).collect();
            Some(parts?.join("\n"))
        }
    }
}

fn string(node: &Node, text: &str, path: &str, problems: &mut Problems) {
    if node.length.min == Some(1) && text.is_empty() {
        problems.add(path, "must not be empty");
    } else {
        within(node.length, text.chars().count() as u64, "characters", path, problems);
    }
    match &node.pattern {
        Some(Ok(pattern)) if !pattern.is_match(text) => problems.add(path, format!("must match {pattern}")),
        Some(Err(error)) => problems.add(path, format!("can't be checked: {error}")),
        _ => {}
    }
}

fn within(bounds: Bounds, count: u64, what: &str, path: &str, problems: &mut Problems) {
    if let Some(min) = bounds.min.filter(|min| count < *min) {
        problems.add(
            path,
            format!("must have at least {min} {}", if min == 1 { what.trim_end_matches('s') } else { what }),
        );
    }
    if let Some(max) = bounds.max.filter(|max| count > *max) {
        // The cost of a rule is bounded by the size of what it looks at.
        problems.block(path, format!("must have at most {max} {what}, and has {count}"));
    }
}
