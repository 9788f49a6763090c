//! What the API server would say of an object, said in process: unknown fields, the schema, metadata, and the CEL rules with
//! their transitions. The schemas are compiled once, from the very definitions that are installed in a cluster.
//!
//! The order is the API server's: fields that the schema doesn't know are pruned ([`prune`]), the rest is held against the schema
//! and the rules ([`validate`]). Where the shape of an object is wrong the API server runs no rule; here those still run that look
//! at nothing of that shape, so that more is said at once.

mod core;
mod metadata;
mod node;
mod prune;
mod structural;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use kube::core::cel::{CompiledSchema, ErrorKind, ValidationError, compile_schema, validate_compiled};
use serde_json::Value;

use super::source::{FieldProblem, Kind};
use crate::api::crd_of;
use node::Node;
use structural::Problems;

/// The schema of one of our kinds, compiled.
struct Schema {
    node: Node,
    rules: CompiledSchema,
    /// The rules that report at a field below the place where they stand.
    pointing: BTreeSet<String>,
}

impl Schema {
    fn of(kind: Kind) -> Option<Self> {
        let crd = serde_json::to_value(crd_of(kind.as_str())?).ok()?;
        let schema = crd.pointer("/spec/versions/0/schema/openAPIV3Schema")?;
        let mut pointing = BTreeSet::new();
        collect_pointing(schema, &mut pointing);
        Some(Self { node: Node::parse(schema), rules: compile_schema(schema), pointing })
    }
}

fn collect_pointing(schema: &Value, pointing: &mut BTreeSet<String>) {
    let rules = schema.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten();
    let rules = rules.filter(|rule| rule.get("fieldPath").is_some()).filter_map(|rule| rule.get("rule")?.as_str());
    pointing.extend(rules.map(str::to_owned));
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let children = ["items", "additionalProperties"].into_iter().filter_map(|keyword| schema.get(keyword));
    properties.map(|(_, child)| child).chain(children).for_each(|child| collect_pointing(child, pointing));
}

static SCHEMAS: LazyLock<Vec<(Kind, Schema)>> =
    LazyLock::new(|| Kind::ALL.into_iter().filter_map(|kind| Some((kind, Schema::of(kind)?))).collect());

fn schema(kind: Kind) -> Option<&'static Schema> {
    SCHEMAS.iter().find(|(other, _)| *other == kind).map(|(_, schema)| schema)
}

/// Takes away what the API server would: nulls, fields that the schema doesn't know, and `status`, which no manifest sets. The
/// answer names the unknown fields, which `check` reports.
pub fn prune(kind: Kind, object: &mut Value) -> Vec<FieldProblem> {
    let mut unknown = Vec::new();
    match schema(kind) {
        Some(schema) => prune::ours(&schema.node, object, &mut unknown),
        None => core::prune(kind, object, &mut unknown),
    }
    unknown
}

/// Everything that is wrong with a pruned object; with `old`, also what may not be changed about it. Empty: the API server would
/// accept it, and it can be deserialised.
pub fn validate(kind: Kind, object: &Value, old: Option<&Value>) -> Vec<FieldProblem> {
    let mut problems = Problems::default();
    metadata::validate(kind, object, &mut problems);
    match schema(kind) {
        Some(schema) => {
            structural::validate(&schema.node, object, "", &mut problems);
            let broken = rules(schema, object, old, &problems.misshapen);
            problems.found.extend(broken);
        }
        None => core::validate(kind, object, old, &mut problems),
    }
    problems.found
}

fn rules(schema: &Schema, object: &Value, old: Option<&Value>, misshapen: &[String]) -> Vec<FieldProblem> {
    let Err(errors) = validate_compiled(&schema.rules, object, old) else { return Vec::new() };
    // A rule that looked at a wrong shape may have stumbled over it.
    let looked_well = |error: &ValidationError| {
        let below = |field: &&String| field.strip_prefix(&error.field_path).is_some();
        misshapen.is_empty()
            || (error.kind == ErrorKind::ValidationFailure
                && !schema.pointing.contains(&error.rule)
                && !misshapen.iter().any(|field| below(&field)))
    };
    let field = |path: String| match path.trim_start_matches('.') {
        // The one thing that a rule at the root can look at beside the spec.
        "" => "metadata.name".to_owned(),
        path => path.to_owned(),
    };
    let problem = |error: ValidationError| FieldProblem { field: field(error.field_path), message: error.message };
    errors.into_iter().filter(looked_well).map(problem).collect()
}

#[cfg(test)]
mod tests;
