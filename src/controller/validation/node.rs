use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};

/// A node of a structural schema (`apiextensions.k8s.io/v1`), as far as our definitions use it. A test holds them to that.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) type_: Type,
    pub(super) properties: BTreeMap<String, Node>,
    pub(super) additional: Option<Box<Node>>,
    pub(super) items: Option<Box<Node>>,
    pub(super) list: ListType,
    pub(super) required: Vec<String>,
    pub(super) one_of: Vec<Value>,
    /// A pattern that does not compile refuses everything, rather than nothing.
    pub(super) pattern: Option<Result<Regex, String>>,
    pub(super) length: Bounds,
    pub(super) count: Bounds,
    pub(super) members: Bounds,
    pub(super) minimum: Option<f64>,
    pub(super) maximum: Option<f64>,
}

/// The type of a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Type {
    #[default]
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
}

/// How the items of a list are told apart (`x-kubernetes-list-type`).
#[derive(Debug, Default)]
pub(super) enum ListType {
    #[default]
    Atomic,
    Set,
    Map(Vec<String>),
}

/// From how many to how many.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bounds {
    pub(super) min: Option<u64>,
    pub(super) max: Option<u64>,
}

/// What is read here, and what has no bearing on whether an object is valid, or is read by the compiler of the rules.
#[cfg(test)]
pub(super) const KEYWORDS: [&str; 20] = [
    "type",
    "properties",
    "additionalProperties",
    "items",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "required",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "minimum",
    "maximum",
    "x-kubernetes-validations",
    "description",
    "format",
];

impl Node {
    pub(super) fn parse(schema: &Value) -> Self {
        let empty = Map::new();
        let schema = schema.as_object().unwrap_or(&empty);
        let text = |keyword: &str| schema.get(keyword).and_then(Value::as_str);
        let texts = |keyword: &str| -> Vec<String> {
            let values = schema.get(keyword).and_then(Value::as_array).into_iter().flatten();
            values.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let child =
            |keyword: &str| schema.get(keyword).filter(|value| value.is_object()).map(|s| Box::new(Self::parse(s)));
        let bounds = |min: &str, max: &str| Bounds {
            min: schema.get(min).and_then(Value::as_u64),
            max: schema.get(max).and_then(Value::as_u64),
        };
        let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
        Self {
            type_: Type::parse(text("type")),
            properties: properties.map(|(name, schema)| (name.clone(), Self::parse(schema))).collect(),
            additional: child("additionalProperties"),
            items: child("items"),
            list: match text("x-kubernetes-list-type") {
                Some("set") => ListType::Set,
                Some("map") => ListType::Map(texts("x-kubernetes-list-map-keys")),
                _ => ListType::Atomic,
            },
            required: texts("required"),
            one_of: schema.get("enum").and_then(Value::as_array).cloned().unwrap_or_default(),
            pattern: text("pattern").map(|pattern| Regex::new(pattern).map_err(|error| error.to_string())),
            length: bounds("minLength", "maxLength"),
            count: bounds("minItems", "maxItems"),
            members: bounds("minProperties", "maxProperties"),
            minimum: schema.get("minimum").and_then(Value::as_f64),
            maximum: schema.get("maximum").and_then(Value::as_f64),
        }
    }
}

impl Type {
    fn parse(name: Option<&str>) -> Self {
        match name {
            Some("array") => Self::Array,
            Some("string") => Self::String,
            Some("integer") => Self::Integer,
            Some("number") => Self::Number,
            Some("boolean") => Self::Boolean,
            _ => Self::Object,
        }
    }

    pub(super) fn admits(self, value: &Value) -> bool {
        match self {
            Self::Object => value.is_object(),
            Self::Array => value.is_array(),
            Self::String => value.is_string(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
        }
    }

    /// As people call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Object => "a mapping",
            Self::Array => "a list",
            Self::String => "text",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "true or false",
        }
    }
}

/// What a value is, as people call it.
pub(super) fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a number",
        Value::Number(_) => "a whole number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}
