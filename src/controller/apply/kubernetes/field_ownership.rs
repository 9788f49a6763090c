//! Secrets that are applied over what was created. The API server counts what a `create` writes as one manager's fields
//! (realmkeeper, Update) and what an apply writes as another's (realmkeeper, Apply), and an apply takes away only what no other
//! manager has. So the first are counted among the second before anything is applied: else an entry that the creation wrote, with
//! a secret in it, could never go again.

use k8s_openapi::{api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use super::{FIELD_MANAGER, apply_params};

/// Applies `manifest`, whose `uid` and `resourceVersion` say which Secret is meant and how it was when it was looked at; none where it
/// is another by now. What is not in the manifest and was ours goes, what others have added stays. Every request carries the
/// version that was looked at, or that which the one before it has made.
///
/// # Errors
/// Those of the API server, a conflict where somebody was quicker among them.
pub(in crate::controller) async fn apply(
    api: &Api<Secret>,
    name: &str,
    mut manifest: Secret,
) -> kube::Result<Option<Secret>> {
    let found = api.get_metadata(name).await?;
    let is_meant = |meant: &Option<String>, found: Option<String>| meant.is_none() || *meant == found;
    if !is_meant(&manifest.metadata.uid, found.uid())
        || !is_meant(&manifest.metadata.resource_version, found.resource_version())
    {
        return Ok(None);
    }
    let current = match as_applied(found.managed_fields(), FIELD_MANAGER) {
        None => found,
        Some(managed_fields) => {
            let version = found.resource_version();
            let body = json!({"metadata": {"resourceVersion": version, "managedFields": managed_fields}});
            let params = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
            api.patch_metadata(name, &params, &Patch::Merge(&body)).await?
        }
    };
    manifest.metadata.resource_version = current.resource_version();
    api.patch(name, &apply_params(), &Patch::Apply(&manifest)).await.map(Some)
}

/// The entries with all that `manager` created or updated counted as applied; none where that is so already.
fn as_applied(entries: &[ManagedFieldsEntry], manager: &str) -> Option<Vec<ManagedFieldsEntry>> {
    let (updated, others): (Vec<_>, Vec<_>) = entries.iter().cloned().partition(|entry| is(entry, manager, "Update"));
    let (applied, mut all): (Vec<_>, Vec<_>) = others.into_iter().partition(|entry| is(entry, manager, "Apply"));
    let mut ours = applied.first().or(updated.first()).filter(|_| !updated.is_empty())?.clone();
    ours.operation = Some("Apply".to_owned());
    for entry in applied.into_iter().chain(updated) {
        match (&mut ours.fields_v1, entry.fields_v1) {
            (Some(all), Some(more)) => unite(&mut all.0, more.0),
            (all @ None, more) => *all = more,
            (Some(_), None) => {}
        }
    }
    all.push(ours);
    Some(all)
}

fn is(entry: &ManagedFieldsEntry, manager: &str, operation: &str) -> bool {
    entry.manager.as_deref() == Some(manager)
        && entry.operation.as_deref() == Some(operation)
        && entry.subresource.as_deref().unwrap_or_default().is_empty()
}

/// Adds one tree of fields (FieldsV1: objects all the way down) to another.
fn unite(all: &mut Value, more: Value) {
    match (all, more) {
        (Value::Object(all), Value::Object(more)) => {
            for (field, below) in more {
                unite(all.entry(field).or_insert_with(|| json!({})), below);
            }
        }
        // No tree: nothing of it is known.
        (all, more) if !all.is_object() => *all = more,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{ManagedFieldsEntry, as_applied};

    fn entry(manager: &str, operation: &str, fields: Value) -> Value {
        json!({
            "manager": manager, "operation": operation, "apiVersion": "v1", "time": "2026-01-01T00:00:00Z",
            "fieldsType": "FieldsV1", "fieldsV1": fields,
        })
    }

    fn applied(entries: Value) -> Option<Value> {
        let entries: Vec<ManagedFieldsEntry> = serde_json::from_value(entries).unwrap();
        as_applied(&entries, "realmkeeper").map(|entries| serde_json::to_value(entries).unwrap())
    }

    #[test]
    fn what_was_created_becomes_applied_and_all_else_stays_as_it_is() {
        let theirs = entry("kubectl-patch", "Update", json!({"f:data": {"f:theirs": {}}}));
        let fields = json!({"f:data": {".": {}, "f:client-secret": {}}, "f:type": {}});
        assert_eq!(
            applied(json!([entry("realmkeeper", "Update", fields.clone()), theirs])),
            Some(json!([theirs, entry("realmkeeper", "Apply", fields)]))
        );
    }

    #[test]
    fn what_was_created_is_added_to_what_was_applied() {
        let owner = |uid: &str| json!({format!("k:{{\"uid\":\"{uid}\"}}"): {}});
        let created = json!({
            "f:data": {".": {}, "f:client-secret": {}, "f:old": {}},
            "f:metadata": {"f:ownerReferences": owner("u1"), "f:labels": {"f:a": {}}},
        });
        let before = json!({
            "f:data": {"f:client-secret": {}, "f:new": {}},
            "f:metadata": {"f:labels": {"f:b": {}}}, "f:type": {},
        });
        let both = json!({
            "f:data": {".": {}, "f:client-secret": {}, "f:old": {}, "f:new": {}},
            "f:metadata": {"f:ownerReferences": owner("u1"), "f:labels": {"f:a": {}, "f:b": {}}}, "f:type": {},
        });
        let entries = json!([entry("realmkeeper", "Apply", before), entry("realmkeeper", "Update", created)]);
        assert_eq!(applied(entries), Some(json!([entry("realmkeeper", "Apply", both)])));
    }

    #[test]
    fn where_all_is_applied_nothing_is_to_be_done() {
        let mut status = entry("realmkeeper", "Update", json!({"f:status": {}}));
        status["subresource"] = json!("status");
        for entries in [
            json!([]),
            json!([entry("realmkeeper", "Apply", json!({"f:data": {}}))]),
            json!([entry("kubectl-create", "Update", json!({"f:data": {}})), status]),
        ] {
            assert_eq!(applied(entries), None);
        }
    }

    #[test]
    fn a_tree_that_is_none_loses_nothing_of_the_other() {
        let (tree, none) = (json!({"f:data": {"f:a": {}}}), Value::Null);
        for (one, other) in [(&tree, &none), (&none, &tree), (&tree, &json!(7))] {
            let entries =
                json!([entry("realmkeeper", "Apply", one.clone()), entry("realmkeeper", "Update", other.clone())]);
            assert_eq!(applied(entries), Some(json!([entry("realmkeeper", "Apply", tree.clone())])), "{one} {other}");
        }
    }
}
