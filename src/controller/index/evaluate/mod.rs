//! Judges what is dirty, a kind a file. Each has two phases: first every dirty object claims its names, and whoever's standing changes by
//! that is dirty too; then each is judged against names that no longer move, so the order of events makes no difference.

mod groups;
mod oidc_clients;
mod realms;
mod signing_keys;
mod users;

pub(super) use groups::evaluate as groups;
pub(super) use oidc_clients::evaluate as clients;
pub(super) use realms::evaluate as realms;
pub(super) use signing_keys::evaluate as signing_keys;
pub(super) use users::evaluate as users;

use super::record::{Record, Resource};
use crate::controller::checks::{Finding, Reason, Verdict};

/// The verdict before any check of others: what is wrong with the object itself.
fn verdict_of<R: Resource>(record: &Record<R>) -> Verdict {
    let invalid = |problem: &crate::controller::source::FieldProblem| {
        Finding::new(Reason::Invalid, &problem.field, &problem.message)
    };
    Verdict {
        accepted: record.problems.iter().map(invalid).collect(),
        is_last_good: !record.problems.is_empty() && record.spec.is_some(),
        ..Verdict::default()
    }
}

/// Nothing else matters while the Realm is not there.
fn waits_for_realm(verdict: &mut Verdict, finding: Finding) {
    if finding.reason == Reason::RealmNotFound {
        verdict.resolved.push(finding.clone());
    }
    verdict.accepted.push(finding);
}
