use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

use super::super::source::{FieldProblem, Kind};
use super::node::name_of;
use super::prune::{nulls, retain};
use super::structural::{Problems, member};

/// The fields of `metadata` (`meta/v1` ObjectMeta).
const FIELDS: [&str; 15] = [
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;
const MAX_ANNOTATIONS: usize = 256 * 1024;

/// The syntax of names, each with a sentence for what does not have it.
struct Syntax {
    pattern: Option<Regex>,
    max: usize,
    message: &'static str,
}

impl Syntax {
    fn new(pattern: &str, max: usize, message: &'static str) -> Self {
        Self { pattern: Regex::new(pattern).ok(), max, message }
    }

    fn admits(&self, text: &str) -> bool {
        text.len() <= self.max && self.pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
    }
}

static SUBDOMAIN: LazyLock<Syntax> = LazyLock::new(|| {
    Syntax::new(
        r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        MAX_NAME,
        "must be lower-case letters, digits, - and ., with a letter or a digit at both ends and beside each dot, at most 253 characters",
    )
});

static LABEL: LazyLock<Syntax> = LazyLock::new(|| {
    Syntax::new(
        "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        MAX_LABEL,
        "must be lower-case letters, digits and -, with a letter or a digit at both ends, at most 63 characters",
    )
});

static LABEL_VALUE: LazyLock<Syntax> = LazyLock::new(|| {
    Syntax::new(
        "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$",
        MAX_LABEL,
        "must be letters, digits and - _ ., with a letter or a digit at both ends, at most 63 characters",
    )
});

static QUALIFIED: LazyLock<Syntax> = LazyLock::new(|| {
    Syntax::new(
        "^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$",
        MAX_LABEL,
        "its key must be [PREFIX/]NAME: letters, digits and - _ ., with a letter or a digit at both ends, at most 63 characters",
    )
});

/// Takes away the fields of `metadata` that don't exist.
pub(super) fn prune(metadata: Option<&mut Value>, unknown: &mut Vec<FieldProblem>) {
    if let Some(Value::Object(members)) = metadata {
        nulls(members);
        retain(members, "metadata", unknown, |name| FIELDS.contains(&name), || FIELDS.to_vec());
    }
}

/// Name, namespace, labels and annotations, as the API server checks them for every kind.
pub(super) fn validate(kind: Kind, object: &Value, problems: &mut Problems) {
    let Some(metadata) = object.get("metadata") else {
        problems.block("metadata", "is required");
        return;
    };
    let Value::Object(metadata) = metadata else {
        problems.block("metadata", format!("must be a mapping, and is {}", name_of(metadata)));
        return;
    };
    let name = if kind == Kind::Namespace { &LABEL } else { &SUBDOMAIN };
    match text(metadata, "name", problems) {
        Some(value) if !name.admits(value) => problems.block("metadata.name", name.message),
        None if !metadata.contains_key("name") => problems.block("metadata.name", "is required"),
        _ => {}
    }
    match text(metadata, "namespace", problems) {
        Some(_) if kind == Kind::Namespace => problems.add("metadata.namespace", "a Namespace stands in none"),
        Some(value) if !LABEL.admits(value) => problems.block("metadata.namespace", LABEL.message),
        _ => {}
    }
    pairs(metadata, "labels", problems, |value| (!LABEL_VALUE.admits(value)).then_some(LABEL_VALUE.message));
    pairs(metadata, "annotations", problems, |_| None);
    let annotations = metadata.get("annotations").and_then(Value::as_object).into_iter().flatten();
    if annotations.map(|(key, value)| key.len() + value.as_str().map_or(0, str::len)).sum::<usize>() > MAX_ANNOTATIONS {
        problems.add("metadata.annotations", "must have at most 256 KiB");
    }
}

fn text<'a>(metadata: &'a Map<String, Value>, name: &str, problems: &mut Problems) -> Option<&'a str> {
    match metadata.get(name) {
        Some(Value::String(text)) => Some(text),
        Some(other) => {
            let hint = if other.is_boolean() || other.is_number() { ": put it in quotes" } else { "" };
            problems.block(member("metadata", name), format!("must be text, and is {}{hint}", name_of(other)));
            None
        }
        None => None,
    }
}

/// A mapping from qualified names to texts.
fn pairs(
    metadata: &Map<String, Value>,
    name: &str,
    problems: &mut Problems,
    check: impl Fn(&str) -> Option<&'static str>,
) {
    let path = member("metadata", name);
    let members = match metadata.get(name) {
        None => return,
        Some(Value::Object(members)) => members,
        Some(other) => return problems.block(path, format!("must be a mapping, and is {}", name_of(other))),
    };
    for (key, value) in members {
        let path = member(&path, key);
        if !qualified(key) {
            problems.add(path.clone(), QUALIFIED.message);
        }
        match value {
            Value::String(value) => problems
                .found
                .extend(check(value).map(|message| FieldProblem { field: path.clone(), message: message.to_owned() })),
            other => problems.block(path, format!("must be text, and is {}: put it in quotes", name_of(other))),
        }
    }
}

fn qualified(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => SUBDOMAIN.admits(prefix) && QUALIFIED.admits(name),
        None => QUALIFIED.admits(key),
    }
}
