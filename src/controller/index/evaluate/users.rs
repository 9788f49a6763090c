use std::{collections::BTreeSet, sync::Arc};

use aws_lc_rs::digest;

use super::{super::Index, verdict_of, waits_for_realm};
use crate::{
    api,
    controller::{
        checks::{Finding, Verdict, conflicts, references, tenancy},
        index::{record::Record, spec::UserSpec, state::UserState},
        source::Kind,
    },
    realm::{ObjectName, Subject, User},
};

pub(in super::super) fn evaluate(index: &mut Index) {
    let mut names = index.take_dirty(Kind::User);
    for name in names.clone() {
        let claims = index.world.users.get(&name).and_then(|record| {
            let spec = record.spec.as_ref()?;
            admits(index, &name, spec).ok()?;
            let claim = |text: Arc<str>| (record.rank(&name), (spec.realm.clone(), text));
            Some((claim(lower(&spec.username)), claim(subject_of(spec, &name).as_str().into())))
        });
        let (username, subject) = claims.unzip();
        names.extend(index.names.usernames.claim(&name, username));
        names.extend(index.names.subjects.claim(&name, subject));
    }
    for name in names {
        judge(index, &name);
    }
}

/// Names are compared in lower case.
fn lower(username: &str) -> Arc<str> {
    username.to_lowercase().into()
}

fn admits(index: &Index, name: &ObjectName, spec: &UserSpec) -> Result<(), Finding> {
    let serving = index.serving(&spec.realm)?;
    let labels = index.world.labels(&name.namespace);
    tenancy::check_namespace(&serving.spec.allowed.users.namespaces, &spec.realm, &name.namespace, &labels)
}

/// `sub`: as given, or derived from the names of the Realm and of the User, so that it is the same after a restore. It has the form of
/// a UUID of version 8 (RFC 9562 section 5.8) over SHA-256.
fn subject_of(spec: &UserSpec, name: &ObjectName) -> Subject {
    if let Some(subject) = &spec.subject {
        return subject.clone();
    }
    let text = format!("realmkeeper subject\n{}\n{name}", spec.realm);
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    let mut uuid = String::with_capacity(36);
    for (at, byte) in hash.as_ref().iter().take(16).enumerate() {
        let byte = match at {
            6 => byte & 0x0f | 0x80,
            8 => byte & 0x3f | 0x80,
            _ => *byte,
        };
        if matches!(at, 4 | 6 | 8 | 10) {
            uuid.push('-');
        }
        uuid.push_str(&format!("{byte:02x}"));
    }
    Subject::new(uuid)
}

fn judge(index: &mut Index, name: &ObjectName) {
    index.planned_later(Kind::User, name);
    let (state, user) = match index.world.users.get(name) {
        None => (None, None),
        Some(record) => {
            let (state, user) = judge_one(index, name, record);
            (Some(state), user)
        }
    };
    let old = index.states.users.remove(name);
    retract(index, name, old.as_ref());
    count(index, name, old.as_ref(), state.as_ref());
    if let (Some(user), Some(realm)) = (user, state.as_ref().and_then(|state| state.realm.as_ref())) {
        index.served.change(realm, |realm| {
            realm.usernames.insert_mut(lower(&user.username), user.subject.clone());
            realm.users.insert_mut(user.subject.clone(), Arc::new(user));
        });
    }
    if let Some(state) = state {
        index.states.users.insert(name.clone(), state);
    }
}

fn judge_one(index: &Index, name: &ObjectName, record: &Record<api::User>) -> (UserState, Option<User>) {
    let mut state =
        UserState { verdict: verdict_of(record), realm: None, subject: None, username: None, groups: BTreeSet::new() };
    let Some(spec) = &record.spec else { return (state, None) };
    state.realm = Some(spec.realm.clone());
    if let Err(finding) = admits(index, name, spec) {
        waits_for_realm(&mut state.verdict, finding);
        return (state, None);
    }
    let subject = subject_of(spec, name);
    if !holds_its_names(index, name, spec, &subject, &mut state.verdict) {
        return (state, None);
    }
    let password = spec.password_secret.as_deref().filter(|_| index.options.sees_secrets).and_then(|secret| {
        let seen = index.world.secrets.at(&name.namespace, secret);
        references::password(seen, secret).map_err(|finding| state.verdict.resolved.push(finding)).ok()
    });
    if let Some(membership) = index.memberships.get(&spec.realm) {
        state.groups = membership.groups_of(name, &record.meta.labels);
    }
    state.verdict.is_served = true;
    state.subject = Some(subject.clone());
    state.username = Some(spec.username.clone());
    let mut groups: Vec<_> = state.groups.iter().map(|group| tenancy::name_in_realm(&spec.realm, group)).collect();
    groups.sort_unstable();
    let user = User {
        subject,
        name: name.clone(),
        username: spec.username.clone(),
        enabled: spec.enabled,
        profile: spec.profile.clone(),
        attributes: spec.attributes.clone(),
        groups: groups.into(),
        password,
    };
    (state, Some(user))
}

fn holds_its_names(
    index: &Index,
    name: &ObjectName,
    spec: &UserSpec,
    subject: &Subject,
    verdict: &mut Verdict,
) -> bool {
    let key = |text: Arc<str>| (spec.realm.clone(), text);
    let username = index.names.usernames.holder(&key(lower(&spec.username)));
    let username =
        conflicts::check_holder(name, username, "spec.username", || format!("the username {}", spec.username));
    let holder = index.names.subjects.holder(&key(subject.as_str().into()));
    let subject = conflicts::check_holder(name, holder, "spec.subject", || format!("the subject {subject}"));
    let findings = [username.err(), subject.err()];
    let holds = findings.iter().all(Option::is_none);
    verdict.accepted.extend(findings.into_iter().flatten());
    holds
}

/// Takes out what was served of this object before, unless another object has its place by now.
fn retract(index: &mut Index, name: &ObjectName, old: Option<&UserState>) {
    let Some(UserState { realm: Some(realm), subject: Some(subject), username: Some(username), .. }) = old else {
        return;
    };
    let is_ours =
        index.served.get(realm).and_then(|realm| realm.users.get(subject)).is_some_and(|user| user.name == *name);
    index.served.change(realm, |realm| {
        let username = lower(username);
        if realm.usernames.get(&username) == Some(subject) {
            realm.usernames.remove_mut(&username);
        }
        if is_ours {
            realm.users.remove_mut(subject);
        }
    });
}

/// Counts the user with its Realm and its Groups.
fn count(index: &mut Index, name: &ObjectName, old: Option<&UserState>, new: Option<&UserState>) {
    let realm =
        |state: Option<&UserState>| state.filter(|state| state.verdict.is_served).and_then(|state| state.realm.clone());
    let (left, joined) = (realm(old), realm(new));
    if left != joined {
        for (realm, accepted) in left.map(|realm| (realm, false)).into_iter().chain(joined.map(|realm| (realm, true))) {
            if index.states.attach(&realm, Kind::User, name, accepted) {
                index.planned_later(Kind::Realm, &realm);
            }
        }
    }
    let none = BTreeSet::new();
    let (left, joined) = (old.map_or(&none, |state| &state.groups), new.map_or(&none, |state| &state.groups));
    for group in left.symmetric_difference(joined) {
        index.states.count(group, joined.contains(group));
        index.planned_later(Kind::Group, group);
    }
}

#[cfg(test)]
mod tests {
    use super::{ObjectName, UserSpec, subject_of};
    use crate::api;

    #[test]
    fn a_derived_subject_depends_on_the_realm_and_the_names_and_on_nothing_else() {
        let subject = |realm: &str, namespace: &str, name: &str| {
            let mut user =
                api::User::new(name, serde_json::from_value(serde_json::json!({"realmRef": {"name": realm}})).unwrap());
            user.metadata.namespace = Some(namespace.into());
            subject_of(&UserSpec::try_from(&user).unwrap(), &ObjectName::new(namespace, name)).to_string()
        };
        let ada = subject("staff", "identity", "ada");
        assert_eq!(ada, subject("staff", "identity", "ada"));
        assert_eq!((ada.len(), ada.as_bytes()[14]), (36, b'8'));
        for other in
            [subject("other", "identity", "ada"), subject("staff", "identity", "bob"), subject("staff", "b", "ada")]
        {
            assert_ne!(other, ada);
        }
        // It must never change: tokens and relying parties know people by it.
        assert_eq!(ada, "e57b7126-2276-8efd-b14e-bfb0f828eb50");
    }
}
