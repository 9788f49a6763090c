//! Each change as one or two statements. See `statements` for what they share.

use jiff::Timestamp;

use super::{
    super::{Artifact, Change, IdHash, Kind},
    connection::Pick,
    value::Value,
};

/// A statement of a commit.
pub(super) struct Step<'a> {
    /// By itself.
    pub(super) plain: Pick,
    /// Among others.
    pub(super) checked: Pick,
    pub(super) values: Vec<Value<'a>>,
    pub(super) expect: Expect,
    key: Option<(IdHash, Kind)>,
}

/// What a statement must touch.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Expect {
    /// Whatever is there.
    Anything,
    /// A row, or the commit is a conflict.
    Row,
    /// No row, or the commit begins anew.
    NoRow,
}

/// The statements of a commit.
///
/// Rows are locked in the order of their ids, so that two commits do not wait for each other: changes of different artifacts do not
/// depend on each other. Those of a whole grant or session stay where they are, between what comes before and after them.
pub(super) fn steps(changes: &[Change], now: Timestamp) -> Vec<Step<'_>> {
    let mut steps: Vec<_> =
        changes.iter().flat_map(|change| steps_of(change, now.as_microsecond())).flatten().collect();
    for run in steps.split_mut(|step| step.key.is_none()) {
        run.sort_by_key(|step| step.key);
    }
    steps
}

fn steps_of(change: &Change, now: i64) -> [Option<Step<'_>>; 2] {
    let step = match change {
        Change::Insert(artifact) => write(artifact, now),
        Change::Put(artifact) => write(artifact, i64::MAX),
        Change::Require { kind, id, payload } => one(
            (|all| &all.require, |all| &all.require_or_stop),
            (*id, *kind),
            vec![id.into(), (*kind).into(), now.into(), payload.as_deref().into()],
        ),
        Change::Schedule { kind, id, due } => one(
            (|all| &all.schedule, |all| &all.schedule_or_stop),
            (*id, *kind),
            vec![id.into(), (*kind).into(), now.into(), due.as_microsecond().into()],
        ),
        Change::Consume { kind, id, successor } => one(
            (|all| &all.consume, |all| &all.consume_or_stop),
            (*id, *kind),
            vec![id.into(), (*kind).into(), now.into(), successor.as_ref().into()],
        ),
        Change::Resucceed { kind, id, from, to } => one(
            (|all| &all.resucceed, |all| &all.resucceed_or_stop),
            (*id, *kind),
            vec![id.into(), (*kind).into(), now.into(), from.into(), to.into()],
        ),
        Change::RemoveUnused { kind, id } => one(
            (|all| &all.remove_unused, |all| &all.remove_unused_or_stop),
            (*id, *kind),
            vec![id.into(), (*kind).into(), now.into()],
        ),
        Change::Remove { kind, id } => {
            let values = vec![id.into(), (*kind).into()];
            Step { expect: Expect::Anything, ..one((|all| &all.remove, |all| &all.remove), (*id, *kind), values) }
        }
        Change::RemoveGrant(grant) => {
            return whole(|all| &all.remove_grant, |all| &all.remove_grant_and_no_more, grant);
        }
        Change::RemoveSession(session) => {
            return whole(|all| &all.remove_session, |all| &all.remove_session_and_no_more, session);
        }
    };
    [Some(step), None]
}

fn one<'a>((plain, checked): (Pick, Pick), key: (IdHash, Kind), values: Vec<Value<'a>>) -> Step<'a> {
    Step { plain, checked, values, expect: Expect::Row, key: Some(key) }
}

/// Adds the artifact, or replaces one that ends at `replaces_until` or before.
fn write(artifact: &Artifact, replaces_until: i64) -> Step<'_> {
    let consumed = artifact.consumed.as_ref();
    let values = vec![
        (&artifact.id).into(),
        artifact.kind.into(),
        (&*artifact.realm).into(),
        artifact.grant.as_ref().into(),
        artifact.session.as_ref().into(),
        artifact.subject.as_deref().into(),
        artifact.payload.as_slice().into(),
        artifact.expires_at.as_microsecond().into(),
        consumed.map(|consumed| consumed.at.as_microsecond()).into(),
        consumed.and_then(|consumed| consumed.successor.as_ref()).into(),
        replaces_until.into(),
    ];
    one((|all| &all.insert, |all| &all.insert_or_stop), (artifact.id, artifact.kind), values)
}

/// Takes out all of a grant or session, and looks once more. While the first statement waits for somebody who holds one of its members,
/// that one may add another (a token that is rotated), which the statement does not see; the second one does. Whoever is not done when
/// the second one looks holds no member that was there before, so what they add comes after this commit.
fn whole<'a>(remove: Pick, look_again: Pick, id: &'a IdHash) -> [Option<Step<'a>>; 2] {
    let step = |pick: Pick, expect| Step { plain: pick, checked: pick, values: vec![id.into()], expect, key: None };
    [Some(step(remove, Expect::Anything)), Some(step(look_again, Expect::NoRow))]
}

/// How many sign-ins a commit begins.
pub(super) fn interactions(changes: &[Change]) -> usize {
    let begins = |change: &&Change| matches!(change, Change::Insert(artifact) | Change::Put(artifact) if artifact.kind == Kind::Interaction);
    changes.iter().filter(begins).count()
}
