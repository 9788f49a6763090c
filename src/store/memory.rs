//! Runtime state in memory, for tests, demonstrations and benchmarks: gone when the process ends.
//!
//! Sixteen shards by id, each with its own lock and all of its own indexes. A commit locks the shards that it names in ascending
//! order (so two never wait for each other), changes them, and takes back what it did when a condition does not hold. Only the
//! removal of a grant or a session, whose members may be anywhere, locks them all.

mod shard;

use std::{
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;

use self::shard::{Shard, Undo};
use super::{Artifact, Change, Counter, IdHash, Kind, MAX_INTERACTIONS, Owned, Store, StoreError, window_end};

const SHARDS: usize = 16;

/// More counters than this at once means that somebody counts under made-up keys.
const MAX_COUNTERS: usize = 200_000;

/// The engine `memory`. Bounds: [`MAX_INTERACTIONS`] sign-ins under way and 200,000 counters, a sixteenth of each in a shard, so
/// a shard may be full a few percent early; everything else is made by somebody who has proven who they are.
pub struct MemoryStore {
    shards: [Mutex<Shard>; SHARDS],
    next_sweep: AtomicUsize,
    closed: AtomicBool,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::with_max_interactions(MAX_INTERACTIONS)
    }

    /// An empty store that holds this many interactions (rounded up to a multiple of sixteen).
    pub fn with_max_interactions(most: usize) -> Self {
        let shard = || Mutex::new(Shard::new(most.div_ceil(SHARDS), MAX_COUNTERS / SHARDS));
        Self {
            shards: std::array::from_fn(|_| shard()),
            next_sweep: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        }
    }

    fn lock(&self, changes: &[Change]) -> Locked<'_> {
        let wanted = changes.iter().fold(0_u16, |wanted, change| wanted | shards_of(change));
        let guards = self.shards.iter().enumerate().filter(|(number, _)| wanted & (1 << number) != 0);
        Locked(guards.map(|(number, shard)| (number, lock(shard))).collect())
    }

    fn shard(&self, id: &IdHash) -> Result<MutexGuard<'_, Shard>, StoreError> {
        self.check_open()?;
        self.shards.get(number_of(id)).map(lock).ok_or_else(no_shard)
    }

    fn check_open(&self) -> Result<(), StoreError> {
        if self.closed.load(Ordering::Acquire) { Err(StoreError::Unavailable("it is closed".into())) } else { Ok(()) }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the content: it tells who has signed in where.
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

/// The shards that one commit holds.
struct Locked<'a>(Vec<(usize, MutexGuard<'a, Shard>)>);

impl Locked<'_> {
    fn of(&mut self, id: &IdHash) -> Result<&mut Shard, StoreError> {
        let wanted = number_of(id);
        let found = self.0.iter_mut().find(|(number, _)| *number == wanted);
        found.map(|(_, shard)| &mut **shard).ok_or_else(no_shard)
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Shard> {
        self.0.iter_mut().map(|(_, shard)| &mut **shard)
    }

    fn apply(&mut self, change: Change, now: Timestamp, undo: &mut Vec<Undo>) -> Result<(), StoreError> {
        match change {
            Change::Insert(artifact) => self.of(&artifact.id)?.insert(artifact, now, undo),
            Change::Put(artifact) => self.of(&artifact.id)?.put(artifact, now, undo),
            Change::Require { kind, id, payload } => self.of(&id)?.require(&(kind, id), payload.as_deref(), now),
            Change::Schedule { kind, id, due } => self.of(&id)?.schedule((kind, id), due, now, undo),
            Change::Consume { kind, id, successor } => self.of(&id)?.consume((kind, id), successor, now, undo),
            Change::Resucceed { kind, id, from, to } => self.of(&id)?.resucceed((kind, id), from, to, now, undo),
            Change::RemoveUnused { kind, id } => self.of(&id)?.remove_unused((kind, id), now, undo),
            Change::Remove { kind, id } => {
                self.of(&id)?.remove((kind, id), undo);
                Ok(())
            }
            Change::RemoveGrant(grant) => {
                self.all().for_each(|shard| shard.remove_grant(grant, undo));
                Ok(())
            }
            Change::RemoveSession(session) => {
                self.all().for_each(|shard| shard.remove_session(session, undo));
                Ok(())
            }
        }
    }

    fn take_back(&mut self, undo: Vec<Undo>) {
        for step in undo.into_iter().rev() {
            if let Ok(shard) = self.of(step.id()) {
                shard.take_back(step);
            }
        }
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn commit(&self, changes: Vec<Change>, now: Timestamp) -> Result<(), StoreError> {
        self.check_open()?;
        let mut locked = self.lock(&changes);
        let mut undo = Vec::with_capacity(changes.len());
        let applied = changes.into_iter().try_for_each(|change| locked.apply(change, now, &mut undo));
        if applied.is_err() {
            locked.take_back(undo);
        }
        applied
    }

    async fn find(&self, kind: Kind, id: &IdHash, now: Timestamp) -> Result<Option<Artifact>, StoreError> {
        Ok(self.shard(id)?.live(&(kind, *id), now).cloned())
    }

    async fn owned(&self, owned: Owned, now: Timestamp) -> Result<Vec<Artifact>, StoreError> {
        self.check_open()?;
        let parts = self.shards.iter().flat_map(|shard| lock(shard).owned(&owned, now));
        let mut found: Vec<_> = parts.collect();
        found.sort_unstable_by_key(|artifact| artifact.id);
        found.truncate(owned.limit);
        Ok(found)
    }

    async fn due(&self, kind: Kind, now: Timestamp, limit: usize) -> Result<Vec<Artifact>, StoreError> {
        self.check_open()?;
        let mut due = Vec::new();
        for shard in &self.shards {
            lock(shard).due(kind, now, limit, &mut due);
        }
        due.sort_by_key(|(at, artifact)| (*at, artifact.id));
        Ok(due.into_iter().take(limit).map(|(_, artifact)| artifact).collect())
    }

    async fn count(&self, _: &str, key: &IdHash, window: Duration, now: Timestamp) -> Result<Counter, StoreError> {
        self.shard(key)?.count(*key, window_end(now, window), now)
    }

    async fn counter(&self, key: &IdHash, now: Timestamp) -> Result<Option<Counter>, StoreError> {
        Ok(self.shard(key)?.counter(key, now))
    }

    async fn reset(&self, key: &IdHash) -> Result<(), StoreError> {
        self.shard(key)?.reset(key);
        Ok(())
    }

    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.check_open()?;
        // Another shard first each time, so that a small limit reaches them all.
        let first = self.next_sweep.fetch_add(1, Ordering::Relaxed) % SHARDS;
        let shards = self.shards.iter().cycle().skip(first).take(SHARDS);
        Ok(shards.fold(0, |swept, shard| swept + lock(shard).sweep(now, limit - swept)))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.check_open()
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.closed.store(true, Ordering::Release);
        Ok(())
    }
}

fn number_of(id: &IdHash) -> usize {
    // The bytes of a hash are as good as random.
    let [first, ..] = id.as_bytes();
    usize::from(*first) % SHARDS
}

/// A bit for each shard that the change may touch.
fn shards_of(change: &Change) -> u16 {
    match change {
        Change::Insert(artifact) | Change::Put(artifact) => 1 << number_of(&artifact.id),
        Change::Require { id, .. }
        | Change::Schedule { id, .. }
        | Change::Consume { id, .. }
        | Change::Resucceed { id, .. }
        | Change::RemoveUnused { id, .. }
        | Change::Remove { id, .. } => 1 << number_of(id),
        Change::RemoveGrant(_) | Change::RemoveSession(_) => u16::MAX,
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // Nothing in a shard panics half-way; if a test does, its state is still sound.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

fn no_shard() -> StoreError {
    StoreError::Unavailable("a shard is missing".into())
}
