use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde::Serialize;

use crate::plugin::{
    names::Kind,
    seen::{Place, Seen},
};

/// A rotation that is late by fewer seconds may be a matter of clocks.
const LATE: i64 = 300;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Severity {
    /// A person must mend it.
    Error,
    /// Something else must come first.
    Waiting,
}

/// Something that is not as it should be: all conditions of an object that have one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The kind of the object.
    pub kind: Kind,
    /// The object.
    #[serde(flatten)]
    pub place: Place,
    /// The Realm that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub realm: Option<Place>,
    /// The reason of the conditions, or one of `NotObserved`, `StatusOutOfDate`, `RotationOverdue`, `Unreadable`.
    pub reason: String,
    /// The message of the conditions.
    pub message: String,
    /// The conditions, as far as it shows in conditions.
    pub conditions: Vec<ConditionStatus>,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// The type and the status of a condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConditionStatus {
    /// The type.
    #[serde(rename = "type")]
    pub type_: String,
    /// The status.
    pub status: String,
}

/// What an object's conditions and generations say.
pub fn of_conditions(seen: &Seen) -> Vec<Problem> {
    let mut problems: Vec<Problem> = Vec::new();
    for condition in seen.conditions.iter().filter(|condition| is_wrong(condition)) {
        let known = problems.iter_mut().find(|problem| problem.reason == condition.reason);
        let severity = severity(condition);
        let status = ConditionStatus { type_: condition.type_.clone(), status: condition.status.clone() };
        match known {
            Some(problem) => {
                problem.conditions.push(status);
                problem.severity = problem.severity.min(severity);
                problem.since = problem.since.min(Some(condition.last_transition_time.0));
            }
            None => problems.push(Problem {
                conditions: vec![status],
                since: Some(condition.last_transition_time.0),
                ..of_ours(seen, severity, &condition.reason, condition.message.clone())
            }),
        }
    }
    if problems.len() > 1 {
        // It stands for what has not been looked at because of the others.
        problems.retain(|problem| problem.reason != "Pending");
    }
    problems.extend(not_observed(seen));
    problems
}

/// No operator has seen the object, or its last version.
fn not_observed(seen: &Seen) -> Option<Problem> {
    let waiting = |reason, message: String| Some(of_ours(seen, Severity::Waiting, reason, message));
    if seen.is_frozen {
        // Its status is not written.
        return None;
    }
    if seen.condition("Ready").is_none() {
        let message = "no operator has looked at it yet: is one running, and does it watch this cluster?";
        return waiting("NotObserved", message.to_owned());
    }
    match (seen.observed, seen.generation) {
        (Some(observed), Some(generation)) if observed < generation => waiting(
            "StatusOutOfDate",
            format!(
                "the status speaks of generation {observed}, and the spec is at {generation}: is an operator running?"
            ),
        ),
        _ => None,
    }
}

/// A rotation that should have been.
pub fn overdue(seen: &Seen, due: Option<Timestamp>, now: Timestamp) -> Option<Problem> {
    let due = due.filter(|due| due.as_second().saturating_add(LATE) < now.as_second() && !seen.is_frozen)?;
    let message = format!("the rotation was due at {due}: is an operator running, and does it hold the Lease?");
    Some(Problem { since: Some(due), ..of_ours(seen, Severity::Waiting, "RotationOverdue", message) })
}

/// What this program can't read.
pub fn unreadable(seen: &Seen, why: &str) -> Problem {
    let message = format!("this version of kubectl realmkeeper can't read it: {why}");
    of_ours(seen, Severity::Waiting, "Unreadable", message)
}

fn of_ours(seen: &Seen, severity: Severity, reason: &str, message: String) -> Problem {
    Problem {
        severity,
        kind: seen.kind,
        place: seen.place.clone(),
        realm: seen.realm.clone(),
        reason: reason.to_owned(),
        message,
        conditions: Vec::new(),
        since: None,
    }
}

/// `Reconciling` and `Stalled` are there while something is wrong; of the others that is so while they are not true.
fn is_wrong(condition: &Condition) -> bool {
    match &*condition.type_ {
        "Reconciling" | "Stalled" => condition.status == "True",
        _ => condition.status != "True",
    }
}

fn severity(condition: &Condition) -> Severity {
    match (&*condition.type_, &*condition.status) {
        ("Stalled", _) => Severity::Error,
        // A reference that does not resolve may come yet: the other conditions say whether it is waited for.
        ("Reconciling" | "ResolvedRefs", _) => Severity::Waiting,
        (_, "False") => Severity::Error,
        _ => Severity::Waiting,
    }
}
