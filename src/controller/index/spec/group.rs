use std::{collections::BTreeSet, sync::Arc};

use super::realm_name;
use crate::{
    api::{self, Selector},
    controller::source::FieldProblem,
    realm::ObjectName,
};

/// A Group's spec. Members are named in the Group's own namespace.
#[derive(Debug)]
pub struct GroupSpec {
    /// Its Realm.
    pub realm: ObjectName,
    /// Users.
    pub users: BTreeSet<Arc<str>>,
    /// Groups whose members belong to this one too.
    pub groups: BTreeSet<Arc<str>>,
    /// Users with these labels.
    pub selector: Option<Selector>,
}

impl TryFrom<&api::Group> for GroupSpec {
    type Error = Vec<FieldProblem>;

    fn try_from(group: &api::Group) -> Result<Self, Self::Error> {
        let members = &group.spec.members;
        Ok(Self {
            realm: realm_name(&group.spec.realm_ref, group.metadata.namespace.as_deref()),
            users: members.users.iter().map(|name| name.as_str().into()).collect(),
            groups: members.groups.iter().map(|name| name.as_str().into()).collect(),
            selector: members.selector.clone(),
        })
    }
}
