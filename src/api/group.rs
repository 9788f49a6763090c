use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{Line, ObjectName, cel_at};
use super::{RealmRef, Selector};

/// A group of people. Membership stands only here, so that RBAC on groups is the one gate to privilege.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "realmkeeper.dev",
    version = "v1alpha1",
    kind = "Group",
    plural = "groups",
    shortname = "rkgroup",
    category = "realmkeeper",
    namespaced,
    status = "GroupStatus",
    derive = "PartialEq",
    selectable = ".spec.realmRef.name",
    doc = "A Group is a group of people of a Realm. Membership stands only here, so that RBAC on groups is the one gate to privilege.",
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Realm", type_ = "string", json_path = ".spec.realmRef.name"),
    printcolumn(name = "Members", type_ = "integer", json_path = ".status.members"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Message",
        type_ = "string",
        priority = 1,
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#
    )
)]
#[serde(rename_all = "camelCase")]
#[schemars(
    inline,
    extend("x-kubernetes-validations" = cel_at(&[
        (".realmRef", "self.realmRef == oldSelf.realmRef", "realmRef can't be changed: delete the object and make it anew in the other Realm"),
    ]))
)]
pub struct GroupSpec {
    /// The Realm of the group. It can't be changed.
    pub realm_ref: RealmRef,
    /// The name that people see. In the claim `groups` stands the object's name, outside the Realm's namespace NAMESPACE.NAME.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Line>")]
    pub display_name: Option<String>,
    /// Who belongs to it.
    #[serde(default)]
    pub members: GroupMembers,
}

/// Who belongs to a group: all that is listed or selected here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct GroupMembers {
    /// Names of Users in this Group's namespace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<ObjectName>", length(max = 4096), extend("x-kubernetes-list-type" = "set"))]
    pub users: Vec<String>,
    /// Names of Groups in this Group's namespace, whose members belong to this one too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<ObjectName>", length(max = 256), extend("x-kubernetes-list-type" = "set"))]
    pub groups: Vec<String>,
    /// Users in this Group's namespace with these labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selector>,
}

/// What the operator says of a Group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(inline)]
pub struct GroupStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// How many people belong to it, nested groups included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<u32>,
    /// Ready, Accepted, ResolvedRefs, Programmed; Reconciling and Stalled only while they are true.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}
