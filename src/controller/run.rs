use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    apply::{Applier, ApplyOutcome},
    index::{Index, Options},
    plan::{self, Generator, StatusPatch, SystemGenerator},
    retry::Retries,
    source::{Event, ObjectKey},
};
use crate::{
    realm::Registry,
    telemetry::{Metrics, ReconcileOutcome},
};

/// Events taken in at once, so that a burst is judged and published together.
const MAX_EVENTS: usize = 1024;
/// Objects in one plan, so that what comes in while a long list is written does not wait for its end.
const MAX_OBJECTS: usize = 256;
/// A creation that met a foreign Secret is tried again so often: nobody tells us when that goes.
const RETRY_REFUSED: SignedDuration = SignedDuration::from_mins(1);
/// The clock is looked at so often at least: it may be set, and a machine may sleep.
const MAX_SLEEP: Duration = Duration::from_secs(60);
/// At the end, writes under way have so long.
const LAST_WRITES: Duration = Duration::from_secs(5);

/// The clock of the process.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The loop that owns the index: events in; realms published, plans handed to the applier.
///
/// One plan is under way at a time, beside the loop: a client that is deleted is out of the registry at once, however slow the API
/// server is.
pub struct Controller {
    index: Index,
    registry: Arc<Registry>,
    applier: Arc<dyn Applier>,
    writes: watch::Receiver<bool>,
    clock: Clock,
    metrics: Arc<Metrics>,
    generator: Box<dyn Generator>,
    retries: Retries,
    applying: Option<Applying>,
}

/// A plan that is under way.
struct Applying {
    task: Task,
    outcome: JoinHandle<ApplyOutcome>,
}

/// What must be known of a plan when it was applied.
struct Task {
    objects: BTreeSet<ObjectKey>,
    statuses: Vec<StatusPatch>,
    since: Timestamp,
}

/// Why the controller stopped by itself.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ControllerError {
    /// The source has ended, so nothing would ever change again.
    #[error("the source of the resources has ended")]
    SourceEnded,
}

impl Controller {
    /// A controller that fills `registry`. It writes by `applier` while `writes` is true (the Lease is held; a directory is always
    /// one's own), and serves in any case.
    pub fn new(
        options: Options,
        registry: Arc<Registry>,
        applier: Arc<dyn Applier>,
        writes: watch::Receiver<bool>,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            index: Index::new(options),
            registry,
            applier,
            writes,
            clock,
            metrics,
            generator: Box::new(SystemGenerator),
            retries: Retries::default(),
            applying: None,
        }
    }

    /// Runs until `stop`, and lets the writes under way end.
    ///
    /// # Errors
    /// [`ControllerError::SourceEnded`] where `events` is closed before `stop`.
    pub async fn run(
        mut self,
        mut events: mpsc::Receiver<Event>,
        stop: CancellationToken,
    ) -> Result<(), ControllerError> {
        let mut received = Vec::new();
        let ended = loop {
            let pause = self.pause();
            tokio::select! {
                () = stop.cancelled() => break Ok(()),
                count = events.recv_many(&mut received, MAX_EVENTS) => {
                    if count == 0 {
                        break if stop.is_cancelled() { Ok(()) } else { Err(ControllerError::SourceEnded) };
                    }
                    received.drain(..).for_each(|event| self.index.apply(event));
                }
                (task, outcome) = under_way(&mut self.applying) => self.applied(task, outcome),
                Ok(()) = self.writes.changed() => self.lease_changed(),
                () = sleep(pause) => self.wake(),
            }
            if self.index.is_synced() {
                self.publish();
                self.plan();
            }
        };
        if let Some(applying) = self.applying {
            // Whether they end or not: what is not written is in the next plan of whoever writes then.
            let _ = timeout(LAST_WRITES, applying.outcome).await;
        }
        ended
    }

    fn publish(&mut self) {
        let since = (self.clock)();
        let was_synced = self.registry.load().is_synced();
        self.index.forget_removed_keys(since);
        self.index.evaluate();
        self.index.publish(&self.registry);
        self.measure("index", since, ReconcileOutcome::Success);
        if !was_synced {
            let realms = self.registry.load().realms().count();
            tracing::info!(realms, "every resource has been seen");
        }
    }

    /// Hands the next plan over, if none is under way.
    fn plan(&mut self) {
        if self.applying.is_some() {
            return;
        }
        if !*self.writes.borrow() {
            // Whoever writes knows them too.
            self.index.take_unplanned(usize::MAX);
            return;
        }
        while self.index.has_unplanned() {
            let since = (self.clock)();
            let objects = self.index.take_unplanned(MAX_OBJECTS);
            let mut plan = plan::build(&self.index, objects.clone(), since, &mut *self.generator);
            self.measure("plan", since, ReconcileOutcome::Success);
            self.index.planned(&objects, &plan);
            let deferred = std::mem::take(&mut plan.deferred);
            if !plan.is_empty() {
                tracing::debug!(
                    secrets = plan.secrets.len(),
                    deletions = plan.deletions.len(),
                    resources = plan.resources.len(),
                    statuses = plan.statuses.len(),
                    events = plan.events.len(),
                    "a plan is applied"
                );
                let (applier, statuses) = (self.applier.clone(), plan.statuses.clone());
                let outcome = tokio::spawn(async move { applier.apply(plan).await });
                self.index.replan(deferred);
                let task = Task { objects, statuses, since: (self.clock)() };
                self.applying = Some(Applying { task, outcome });
                return;
            }
            if !deferred.is_empty() {
                // Nothing could be planned for these, and at once would end no better.
                deferred.iter().for_each(|key| self.retries.failed(key, since));
            }
            objects.iter().filter(|key| !deferred.contains(key)).for_each(|key| self.retries.succeeded(key));
        }
    }

    fn applied(&mut self, task: Task, outcome: Option<ApplyOutcome>) {
        let now = (self.clock)();
        let Some(outcome) = outcome else {
            // What was written is not known: it is all looked at again.
            task.objects.iter().for_each(|key| self.retries.failed(key, now));
            return self.measure("apply", task.since, ReconcileOutcome::Error);
        };
        let mut failed = BTreeSet::new();
        for failure in outcome.failed {
            tracing::warn!(object = %failure.subject, error = failure.message, "a write failed");
            self.retries.failed(&failure.subject, now);
            // A status that can't be written can't say so either, and as soon as it can it is over.
            let is_of_status =
                failure.secret.is_none() && task.statuses.iter().any(|patch| patch.key == failure.subject);
            if !is_of_status {
                self.index.set_failure(&failure.subject, Some(failure.message));
            }
            failed.insert(failure.subject);
        }
        if !outcome.lost_lease {
            for patch in task.statuses.iter().filter(|patch| !failed.contains(&patch.key)) {
                self.index.wrote_status(patch);
            }
            for key in task.objects.difference(&failed) {
                self.retries.succeeded(key);
                self.index.set_failure(key, None);
            }
        }
        for event in outcome.observed {
            self.index.apply(event);
        }
        for foreign in outcome.foreign {
            tracing::warn!(object = %foreign.subject, secret = %foreign.name, "a Secret that is not ours is in the way");
            self.index.refused(&foreign.name, &foreign.subject, now + RETRY_REFUSED);
        }
        let ended = if failed.is_empty() { ReconcileOutcome::Success } else { ReconcileOutcome::Error };
        self.measure("apply", task.since, ended);
    }

    fn lease_changed(&mut self) {
        let writes = *self.writes.borrow_and_update();
        tracing::info!(writes, "{}", if writes { "this replica writes" } else { "another replica may write" });
        self.retries.clear();
        if writes {
            self.index.replan_all();
        }
    }

    fn wake(&mut self) {
        let now = (self.clock)();
        let due = self.retries.due(now);
        self.index.replan(due);
        self.index.wake(now);
    }

    fn pause(&self) -> Duration {
        let Some(next) = [self.index.next_wake(), self.retries.next()].into_iter().flatten().min() else {
            return MAX_SLEEP;
        };
        let until = next.duration_since((self.clock)());
        Duration::try_from(until).unwrap_or(Duration::ZERO).min(MAX_SLEEP)
    }

    fn measure(&self, step: &'static str, since: Timestamp, outcome: ReconcileOutcome) {
        let took = (self.clock)().duration_since(since);
        self.metrics.reconcile(step, outcome, Duration::try_from(took).unwrap_or(Duration::ZERO));
    }
}

/// Waits for the plan that is under way, for ever where there is none; no outcome where the applier panicked.
async fn under_way(applying: &mut Option<Applying>) -> (Task, Option<ApplyOutcome>) {
    let outcome = match applying {
        Some(applying) => (&mut applying.outcome).await,
        None => std::future::pending().await,
    };
    match (applying.take(), outcome) {
        (Some(applying), Ok(outcome)) => (applying.task, Some(outcome)),
        (Some(applying), Err(error)) => {
            tracing::error!(%error, "a plan was not applied to its end");
            (applying.task, None)
        }
        (None, _) => std::future::pending().await,
    }
}

impl fmt::Debug for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Controller").field("index", &self.index).finish_non_exhaustive()
    }
}
