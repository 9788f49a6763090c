use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use super::{spec::GroupSpec, world::Labels};
use crate::{api::Selector, controller::checks::tenancy::name_in_realm, realm::ObjectName};

/// Who belongs to which Groups of one Realm, nested ones flattened.
#[derive(Debug, Default)]
pub struct Membership {
    /// The accepted Groups by the names that they have in the Realm.
    pub names: BTreeMap<Arc<str>, ObjectName>,
    /// Each accepted Group, and every Group that its members belong to by it, itself included.
    upwards: HashMap<ObjectName, BTreeSet<ObjectName>>,
    /// Users that are named, whether they are there or not, and the Groups that name them.
    listed: HashMap<ObjectName, Vec<ObjectName>>,
    selecting: Vec<(ObjectName, Selector)>,
}

impl Membership {
    /// Of the accepted Groups of `realm`; none of them may stand in a cycle ([`cyclic`]).
    pub fn new(realm: &ObjectName, groups: &BTreeMap<ObjectName, Arc<GroupSpec>>) -> Self {
        let parents = parents(groups);
        let mut membership = Self::default();
        for (name, spec) in groups {
            membership.names.insert(name_in_realm(realm, name), name.clone());
            membership.upwards.insert(name.clone(), reachable(name, &parents));
            for user in &spec.users {
                let user = ObjectName::new(name.namespace.clone(), user.clone());
                membership.listed.entry(user).or_default().push(name.clone());
            }
            if let Some(selector) = &spec.selector {
                membership.selecting.push((name.clone(), selector.clone()));
            }
        }
        membership
    }

    /// The Groups of a user with these labels.
    pub fn groups_of(&self, user: &ObjectName, labels: &Labels) -> BTreeSet<ObjectName> {
        let selects =
            |(group, selector): &&(ObjectName, Selector)| group.namespace == user.namespace && selector.matches(labels);
        let selected = self.selecting.iter().filter(selects).map(|(group, _)| group);
        let direct = self.listed.get(user).into_iter().flatten().chain(selected);
        direct.filter_map(|group| self.upwards.get(group)).flatten().cloned().collect()
    }

    /// Whether a Group names this user.
    pub fn mentions(&self, user: &ObjectName) -> bool {
        self.listed.contains_key(user)
    }
}

/// From each Group to those that name it as a member.
fn parents(groups: &BTreeMap<ObjectName, Arc<GroupSpec>>) -> HashMap<ObjectName, Vec<&ObjectName>> {
    let mut parents: HashMap<_, Vec<_>> = HashMap::new();
    for (parent, spec) in groups {
        for member in &spec.groups {
            parents.entry(ObjectName::new(parent.namespace.clone(), member.clone())).or_default().push(parent);
        }
    }
    parents
}

/// Everything that can be reached, the start included.
fn reachable(start: &ObjectName, next: &HashMap<ObjectName, Vec<&ObjectName>>) -> BTreeSet<ObjectName> {
    let mut seen = BTreeSet::from([start.clone()]);
    let mut queue = vec![start];
    while let Some(name) = queue.pop() {
        for other in next.get(name).into_iter().flatten() {
            if seen.insert((*other).clone()) {
                queue.push(other);
            }
        }
    }
    seen
}

/// The Groups that are, by way of others, members of themselves.
pub fn cyclic(groups: &BTreeMap<ObjectName, Arc<GroupSpec>>) -> BTreeSet<ObjectName> {
    let parents = parents(groups);
    // Peel off what nobody names, again and again: what is left stands in a cycle or above one, and is most often nothing.
    let mut left: BTreeSet<&ObjectName> = groups.keys().collect();
    loop {
        let members = |name: &ObjectName| {
            let member = |member: &Arc<str>| left.contains(&ObjectName::new(name.namespace.clone(), member.clone()));
            groups.get(name).is_some_and(|spec| spec.groups.iter().any(member))
        };
        let leaves: Vec<_> = left.iter().copied().filter(|name| !members(name)).collect();
        if leaves.is_empty() {
            break;
        }
        for leaf in leaves {
            left.remove(leaf);
        }
    }
    let comes_back = |start: &&ObjectName| {
        let above = parents.get(*start).into_iter().flatten();
        above.into_iter().any(|parent| reachable(parent, &parents).contains(*start))
    };
    left.into_iter().filter(comes_back).cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use super::{GroupSpec, Membership, ObjectName, cyclic};
    use crate::controller::index::world::Labels;

    fn groups(groups: &[(&str, &[&str], &[&str])]) -> BTreeMap<ObjectName, Arc<GroupSpec>> {
        let names = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect();
        let group = |(name, users, members): &(&str, &[&str], &[&str])| {
            let realm = ObjectName::new("ns", "staff");
            let spec = GroupSpec { realm, users: names(users), groups: names(members), selector: None };
            (ObjectName::new("ns", *name), Arc::new(spec))
        };
        groups.iter().map(group).collect()
    }

    fn text(names: impl IntoIterator<Item = ObjectName>) -> String {
        names.into_iter().map(|name| name.name.to_string()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn members_of_a_nested_group_belong_to_all_above_it() {
        let groups = groups(&[
            ("all", &[], &["dev", "ops"]),
            ("dev", &["ada"], &["kernel"]),
            ("kernel", &["bob"], &[]),
            ("ops", &["ada"], &[]),
        ]);
        let membership = Membership::new(&ObjectName::new("ns", "staff"), &groups);
        let of = |user: &str| text(membership.groups_of(&ObjectName::new("ns", user), &Labels::new()));
        assert_eq!(of("ada"), "all dev ops");
        assert_eq!(of("bob"), "all dev kernel");
        assert_eq!(of("eve"), "");
        assert_eq!(text(membership.groups_of(&ObjectName::new("elsewhere", "ada"), &Labels::new())), "");
    }

    #[test]
    fn exactly_the_groups_of_a_cycle_are_cyclic() {
        assert_eq!(text(cyclic(&groups(&[("a", &[], &["b"]), ("b", &[], &[])]))), "");
        assert_eq!(text(cyclic(&groups(&[("a", &[], &["a"])]))), "a");
        let two = [
            ("above", &[][..], &["a"][..]),
            ("a", &[], &["b"]),
            ("b", &[], &["a", "between"]),
            ("between", &[], &["c"]),
            ("c", &[], &["d"]),
            ("d", &[], &["c", "below"]),
            ("below", &[], &[]),
        ];
        assert_eq!(text(cyclic(&groups(&two))), "a b c d");
    }
}
