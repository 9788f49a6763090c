use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{super::Index, verdict_of, waits_for_realm};
use crate::{
    api,
    controller::{
        checks::{Finding, Reason, Verdict, conflicts, references, tenancy},
        index::{
            dependencies::Target,
            membership::{self, Membership},
            record::Record,
            spec::GroupSpec,
            state::GroupState,
        },
        source::Kind,
    },
    realm::ObjectName,
};

/// The Groups of a Realm are judged together, because nesting and cycles go across them.
pub(in super::super) fn evaluate(index: &mut Index) {
    let dirty = index.take_dirty(Kind::Group);
    let mut realms = std::mem::take(&mut index.stale_memberships);
    for name in &dirty {
        index.planned_later(Kind::Group, name);
        realms.extend(index.states.groups.get(name).and_then(|old| old.realm.clone()));
        let spec = index.world.groups.get(name).and_then(|record| record.spec.as_ref());
        realms.extend(spec.map(|spec| spec.realm.clone()));
        let claim = index.world.groups.get(name).and_then(|record| {
            let spec = record.spec.as_ref()?;
            admits(index, name, spec).ok()?;
            Some((record.rank(name), (spec.realm.clone(), tenancy::name_in_realm(&spec.realm, name))))
        });
        // Whoever's standing changes by it is of the same Realm, and judged with it.
        index.names.groups.claim(name, claim);
    }
    for name in &dirty {
        match index.world.groups.get(name) {
            Some(record) if record.spec.is_none() => {
                let state = GroupState { verdict: verdict_of(record), realm: None };
                replace(index, name, Some(state));
            }
            Some(_) => {}
            None => replace(index, name, None),
        }
    }
    for realm in realms {
        judge(index, &realm);
    }
}

fn admits(index: &Index, name: &ObjectName, spec: &GroupSpec) -> Result<(), Finding> {
    let serving = index.serving(&spec.realm)?;
    let labels = index.world.labels(&name.namespace);
    tenancy::check_namespace(&serving.spec.allowed.groups.namespaces, &spec.realm, &name.namespace, &labels)
}

/// Puts the state in and counts it with its Realm.
fn replace(index: &mut Index, name: &ObjectName, state: Option<GroupState>) {
    let old = index.states.groups.remove(name).and_then(|old| old.realm);
    let realm = state.as_ref().filter(|state| state.verdict.is_served).and_then(|state| state.realm.clone());
    if let Some(old) = old.filter(|old| Some(old) != realm.as_ref())
        && index.states.attach(&old, Kind::Group, name, false)
    {
        index.planned_later(Kind::Realm, &old);
    }
    if let Some(realm) = realm
        && index.states.attach(&realm, Kind::Group, name, true)
    {
        index.planned_later(Kind::Realm, &realm);
    }
    if let Some(state) = state {
        index.states.groups.insert(name.clone(), state);
    }
}

fn judge(index: &mut Index, realm: &ObjectName) {
    let mut verdicts = BTreeMap::new();
    let mut accepted = BTreeMap::new();
    for name in index.world.children(realm, Kind::Group) {
        let Some(record) = index.world.groups.get(&name) else { continue };
        let (verdict, spec) = judge_one(index, realm, &name, record);
        accepted.extend(spec.map(|spec| (name.clone(), spec)));
        verdicts.insert(name, verdict);
    }
    for name in membership::cyclic(&accepted) {
        accepted.remove(&name);
        if let Some(verdict) = verdicts.get_mut(&name) {
            let message = "the Group is a member of itself, by way of the Groups that it names";
            verdict.accepted.push(Finding::new(Reason::Cycle, "spec.members.groups", message));
        }
    }
    for (name, spec) in &accepted {
        if let Some(verdict) = verdicts.get_mut(name) {
            verdict.resolved.extend(missing_members(index, realm, name, spec, &accepted));
            verdict.is_served = true;
        }
    }
    for (name, verdict) in verdicts {
        replace(index, &name, Some(GroupState { verdict, realm: Some(realm.clone()) }));
        index.planned_later(Kind::Group, &name);
    }
    let membership = Membership::new(realm, &accepted);
    mark_dependents(index, realm, &membership);
    if accepted.is_empty() {
        index.memberships.remove(realm);
    } else {
        index.memberships.insert(realm.clone(), membership);
    }
}

fn judge_one(
    index: &Index,
    realm: &ObjectName,
    name: &ObjectName,
    record: &Record<api::Group>,
) -> (Verdict, Option<Arc<GroupSpec>>) {
    let mut verdict = verdict_of(record);
    let Some(spec) = &record.spec else { return (verdict, None) };
    if let Err(finding) = admits(index, name, spec) {
        waits_for_realm(&mut verdict, finding);
        return (verdict, None);
    }
    let called = tenancy::name_in_realm(realm, name);
    let holder = index.names.groups.holder(&(realm.clone(), called.clone()));
    if let Err(finding) = conflicts::check_holder(name, holder, "metadata.name", || format!("the group name {called}"))
    {
        verdict.accepted.push(finding);
        return (verdict, None);
    }
    (verdict, Some(spec.clone()))
}

fn missing_members(
    index: &Index,
    realm: &ObjectName,
    name: &ObjectName,
    spec: &GroupSpec,
    accepted: &BTreeMap<ObjectName, Arc<GroupSpec>>,
) -> Vec<Finding> {
    let beside = |member: &Arc<str>| ObjectName::new(name.namespace.clone(), member.clone());
    let is_user = |user: &Arc<str>| {
        let spec = index.world.users.get(&beside(user)).and_then(|record| record.spec.as_ref());
        spec.is_some_and(|spec| spec.realm == *realm)
    };
    let users = spec.users.iter().filter(|user| !is_user(user)).map(|user| &**user);
    let groups = spec.groups.iter().filter(|group| !accepted.contains_key(&beside(group))).map(|group| &**group);
    let users = references::members(Reason::UserNotFound, "spec.members.users", users);
    let groups = references::members(Reason::GroupNotFound, "spec.members.groups", groups);
    users.into_iter().chain(groups).collect()
}

/// Users whose Groups differ by it, and clients that name a Group which came or went.
fn mark_dependents(index: &mut Index, realm: &ObjectName, membership: &Membership) {
    let differs = |user: &ObjectName| {
        let Some(record) = index.world.users.get(user) else { return false };
        let old = index.states.users.get(user).map(|state| &state.groups);
        old != Some(&membership.groups_of(user, &record.meta.labels))
    };
    let users: Vec<_> = index.world.children(realm, Kind::User).into_iter().filter(differs).collect();
    let empty = Membership::default();
    let old = index.memberships.get(realm).unwrap_or(&empty);
    let (old, new): (BTreeSet<_>, BTreeSet<_>) = (old.names.keys().collect(), membership.names.keys().collect());
    let mut clients = Vec::new();
    for name in old.symmetric_difference(&new) {
        let target = Target::Group(realm.clone(), (*name).clone());
        clients.extend(index.world.dependents(&target).map(|key| key.name.clone()));
    }
    index.mark_all(Kind::User, users);
    index.mark_all(Kind::OidcClient, clients);
}
