//! Does what a plan says. This is the only room that writes.

/// A directory.
pub mod directory;
/// The API server.
pub mod kubernetes;
/// Who of the replicas writes.
pub mod lease;
/// New passwords of people.
pub mod passwords;

use async_trait::async_trait;

use super::{
    plan::Plan,
    source::{Event, ObjectKey},
};
use crate::realm::ObjectName;

/// Applies plans. The controller hands over one plan at a time and goes on applying events meanwhile.
///
/// An implementation tries every write of the plan, in the order Secrets, deletions, resources, statuses, events (and, without a cluster, what is to be forgotten before the statuses), and goes on
/// after one has failed. It asks for the lease before each write ([`ApplyOutcome::lost_lease`]) and retries nothing: the
/// controller does, with a growing pause for each object.
#[async_trait]
pub trait Applier: Send + Sync + 'static {
    /// Writes what the plan says, as far as it can.
    async fn apply(&self, plan: Plan) -> ApplyOutcome;
}

/// What became of a plan.
#[derive(Debug, Default)]
pub struct ApplyOutcome {
    /// What was written, as the events that the source would send for it: an object as the API server answered (`Applied`, with
    /// its new resourceVersion), or `Deleted`. The same coming from the source again, later, does no harm. May be left empty by an
    /// applier whose source is quick.
    pub observed: Vec<Event>,
    /// Secrets that could not be created because a Secret of that name without our label is there already.
    pub foreign: Vec<ForeignSecret>,
    /// Writes that failed, for a retry.
    pub failed: Vec<WriteFailure>,
    /// True where the lease was lost on the way: the rest was not written and needs no retry.
    pub lost_lease: bool,
}

/// A Secret that is not ours stands where one should be created. It was not read and not touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignSecret {
    /// The Secret.
    pub name: ObjectName,
    /// The object that wanted it.
    pub subject: ObjectKey,
}

/// A write that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteFailure {
    /// The object for which it was: a status' own key, the `subject` of a Secret, a deletion or a resource. Failed events are only
    /// logged.
    pub subject: ObjectKey,
    /// The Secret that could not be written, where it was one.
    pub secret: Option<ObjectName>,
    /// Why, for the log and for the object's status; no part of a Secret.
    pub message: String,
}
