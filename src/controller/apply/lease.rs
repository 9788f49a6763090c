//! Who of the replicas writes: the holder of the Lease `realmkeeper` in the operator's own namespace.
//!
//! Nobody trusts another machine's clock. A candidate takes over once it has itself seen the Lease unchanged for the Lease's whole
//! duration; the holder stops writing well before that, counted by its own clocks from the moment *before* its last renewal
//! was sent. Each change carries the `resourceVersion` that was read, so of two candidates one gets a conflict.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_lc_rs::rand;
use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{Api, Client, api::PostParams};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::controller::Clock;

/// The name of the Lease.
pub const LEASE_NAME: &str = "realmkeeper";
/// `leaseDurationSeconds`: how long others leave an unchanged Lease alone.
pub const LEASE_DURATION: Duration = Duration::from_secs(15);
/// The holder may write for this long after it sent its last successful renewal. What is left of [`LEASE_DURATION`] is for
/// writes under way.
pub const WRITE_DURATION: Duration = Duration::from_secs(10);
/// How often the holder renews.
pub const RENEW_EVERY: Duration = Duration::from_secs(5);
/// How often a candidate looks, and the holder tries again after a failure. A candidate sees the last renewal so much late, and its
/// end as well: a killed leader is replaced within [`LEASE_DURATION`] and twice this.
pub const RETRY_EVERY: Duration = Duration::from_secs(1);
/// An attempt that takes longer has failed.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(4);

/// Whether this process may write; cheap to clone and to ask.
#[derive(Debug, Clone)]
pub struct Leadership(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// None where there is nobody else: a directory.
    until: Option<Mutex<Option<Deadline>>>,
    held: watch::Sender<bool>,
}

/// Both must lie ahead: the monotonic clock stands still while a machine is suspended, and the other may be set.
#[derive(Debug, Clone, Copy)]
struct Deadline {
    monotonic: Instant,
    wall: Timestamp,
}

impl Leadership {
    /// For a source that only this process writes to.
    pub fn alone() -> Self {
        Self(Arc::new(Inner { until: None, held: watch::Sender::new(true) }))
    }

    fn contended() -> Self {
        Self(Arc::new(Inner { until: Some(Mutex::new(None)), held: watch::Sender::new(false) }))
    }

    /// True where a write may be made at this very moment. It is asked again for each write.
    pub fn may_write(&self, now: Timestamp) -> bool {
        let Some(until) = &self.0.until else { return true };
        let until = *until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until.monotonic && now < until.wall)
    }

    /// Says when the Lease is won and lost; a holder that can't renew loses the right to write earlier than this says so.
    pub fn changes(&self) -> watch::Receiver<bool> {
        self.0.held.subscribe()
    }

    fn set(&self, deadline: Option<Deadline>) {
        if let Some(until) = &self.0.until {
            *until.lock().unwrap_or_else(PoisonError::into_inner) = deadline;
        }
        self.0.held.send_if_modified(|held| std::mem::replace(held, deadline.is_some()) != deadline.is_some());
    }
}

/// Takes part in the election for as long as it runs.
pub struct Election {
    api: Api<Lease>,
    identity: String,
    clock: Clock,
    leadership: Leadership,
    seen: Option<Seen>,
}

/// A Lease of somebody else, as last seen changed.
struct Seen {
    resource_version: Option<String>,
    since: Instant,
}

/// How an attempt ended.
enum Attempt {
    Held,
    /// Somebody else holds it, or was faster.
    Lost,
}

impl Election {
    /// An election in `namespace`; `identity` must be this process's own among all candidates.
    pub fn new(client: Client, namespace: &str, identity: String, clock: Clock) -> Self {
        let api = Api::namespaced(client, namespace);
        Self { api, identity, clock, leadership: Leadership::contended(), seen: None }
    }

    /// The right to write that this election gives and takes.
    pub fn leadership(&self) -> Leadership {
        self.leadership.clone()
    }

    /// Acquires and renews until `stop`, then gives the Lease back.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let wait = self.turn().await;
            tokio::select! {
                () = sleep(wait) => {}
                () = stop.cancelled() => {}
            }
        }
        self.release().await;
    }

    /// One attempt; returns how long to wait for the next.
    async fn turn(&mut self) -> Duration {
        let deadline = Deadline { monotonic: Instant::now() + WRITE_DURATION, wall: (self.clock)() + WRITE_DURATION };
        let held_before = *self.leadership.0.held.borrow();
        match timeout(ATTEMPT_TIMEOUT, self.attempt()).await {
            Ok(Ok(Attempt::Held)) => {
                if !held_before {
                    tracing::info!(identity = self.identity, "this replica writes: it holds the Lease {LEASE_NAME}");
                }
                self.leadership.set(Some(deadline));
                return jittered(RENEW_EVERY);
            }
            Ok(Ok(Attempt::Lost)) => {
                if held_before {
                    tracing::warn!(
                        identity = self.identity,
                        "this replica no longer writes: the Lease {LEASE_NAME} is lost"
                    );
                }
                self.leadership.set(None);
            }
            Ok(Err(error)) => tracing::warn!(%error, "the Lease {LEASE_NAME} could not be read or written"),
            Err(_) => tracing::warn!("the API server did not answer about the Lease {LEASE_NAME} in time"),
        }
        // A holder whose attempts fail keeps the time that its last renewal gave it, and no more.
        if held_before && !self.leadership.may_write((self.clock)()) {
            self.leadership.set(None);
        }
        jittered(RETRY_EVERY)
    }

    async fn attempt(&mut self) -> kube::Result<Attempt> {
        let written = match self.api.get_opt(LEASE_NAME).await? {
            None => self.api.create(&PostParams::default(), &self.lease(None)).await,
            Some(lease) if self.may_take(&lease) => {
                self.api.replace(LEASE_NAME, &PostParams::default(), &self.lease(Some(lease))).await
            }
            Some(_) => return Ok(Attempt::Lost),
        };
        match written {
            Ok(_) => {
                self.seen = None;
                Ok(Attempt::Held)
            }
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(Attempt::Lost),
            Err(error) => Err(error),
        }
    }

    /// True where it is ours, nobody's, or has stood unchanged before our eyes for its whole duration.
    fn may_take(&mut self, lease: &Lease) -> bool {
        let spec = lease.spec.clone().unwrap_or_default();
        let holder = spec.holder_identity.unwrap_or_default();
        if holder.is_empty() || holder == self.identity {
            return true;
        }
        let version = lease.metadata.resource_version.clone();
        let duration = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let duration = duration.map_or(LEASE_DURATION, Duration::from_secs);
        match &self.seen {
            Some(seen) if seen.resource_version == version => seen.since.elapsed() >= duration,
            _ => {
                self.seen = Some(Seen { resource_version: version, since: Instant::now() });
                false
            }
        }
    }

    /// The Lease as ours: with the `resourceVersion` of what it replaces.
    fn lease(&self, old: Option<Lease>) -> Lease {
        let now = MicroTime((self.clock)());
        let (metadata, old) = match old {
            Some(old) => (old.metadata, old.spec.unwrap_or_default()),
            None => (ObjectMeta { name: Some(LEASE_NAME.into()), ..ObjectMeta::default() }, LeaseSpec::default()),
        };
        let ours = old.holder_identity.as_deref() == Some(&self.identity);
        let transitions = old.lease_transitions.unwrap_or(0);
        let spec = LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(LEASE_DURATION.as_secs()).ok(),
            acquire_time: old.acquire_time.filter(|_| ours).or_else(|| Some(now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(if ours { transitions } else { transitions.saturating_add(1) }),
            ..LeaseSpec::default()
        };
        Lease { metadata, spec: Some(spec) }
    }

    /// Gives the Lease back, if it is ours, so that the next replica need not wait for its end.
    async fn release(self) {
        self.leadership.set(None);
        match timeout(ATTEMPT_TIMEOUT, self.give_back()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the Lease {LEASE_NAME} could not be given back"),
            Err(_) => tracing::warn!("the API server did not take the Lease {LEASE_NAME} back in time"),
        }
    }

    async fn give_back(&self) -> kube::Result<()> {
        let Some(mut lease) = self.api.get_opt(LEASE_NAME).await? else { return Ok(()) };
        let Some(spec) = lease.spec.as_mut() else { return Ok(()) };
        if spec.holder_identity.as_deref() != Some(&self.identity) {
            return Ok(());
        }
        spec.holder_identity = None;
        spec.renew_time = Some(MicroTime((self.clock)()));
        self.api.replace(LEASE_NAME, &PostParams::default(), &lease).await?;
        tracing::info!(identity = self.identity, "the Lease {LEASE_NAME} is given back");
        Ok(())
    }
}

/// The duration less up to a fifth, so that replicas do not go in step.
fn jittered(duration: Duration) -> Duration {
    let mut byte = [0u8];
    // Without entropy there is no jitter, which is no harm.
    let _ = rand::fill(&mut byte);
    duration.mul_f64(1.0 - f64::from(byte[0]) / 256.0 / 5.0)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use tokio::time::Instant;

    use super::{Deadline, Leadership, WRITE_DURATION};

    /// As after a renewal that was sent at `now`.
    fn renewed(now: Timestamp) -> Leadership {
        let leadership = Leadership::contended();
        leadership.set(Some(Deadline { monotonic: Instant::now() + WRITE_DURATION, wall: now + WRITE_DURATION }));
        leadership
    }

    #[test]
    fn the_right_to_write_ends_by_itself() {
        let now = Timestamp::UNIX_EPOCH;
        assert!(!Leadership::contended().may_write(now));
        assert!(Leadership::alone().may_write(now));
        let leadership = renewed(now);
        assert!(leadership.may_write(now));
        assert!(!leadership.may_write(now + WRITE_DURATION), "the machine was suspended");
        leadership.set(Some(Deadline { monotonic: Instant::now(), wall: now + WRITE_DURATION }));
        assert!(!leadership.may_write(now), "the process was stopped");
    }

    #[test]
    fn changes_are_said_once_each() {
        let leadership = renewed(Timestamp::UNIX_EPOCH);
        let mut changes = leadership.changes();
        assert!(*changes.borrow_and_update());
        leadership.set(Some(Deadline { monotonic: Instant::now(), wall: Timestamp::UNIX_EPOCH }));
        assert!(!changes.has_changed().unwrap(), "a renewal is no change");
        leadership.set(None);
        assert!(changes.has_changed().unwrap());
    }
}
