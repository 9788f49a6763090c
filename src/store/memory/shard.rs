use std::{
    collections::{BTreeSet, HashMap},
    ops::Bound,
    sync::Arc,
};

use jiff::Timestamp;

use super::super::{Artifact, Consumed, Counter, IdHash, Kind, Owned, StoreError};

/// Under what an artifact is found.
pub(super) type Key = (Kind, IdHash);

/// The smallest of all keys: where a search among one grant's or one session's members begins.
const FIRST_KEY: Key = (Kind::AuthorizationCode, IdHash([0; 32]));

/// Realm and `sub`.
type Owner = (Arc<str>, Arc<str>);

/// How to take back one step of a commit.
pub(super) enum Undo {
    /// What stood under the key before.
    Set(Key, Option<Entry>),
    /// When it had been due before.
    Due(Key, Option<Timestamp>),
    /// How the artifact had been used before.
    Use(Key, Option<Consumed>),
}

impl Undo {
    pub(super) fn id(&self) -> &IdHash {
        match self {
            Self::Set((_, id), _) | Self::Due((_, id), _) | Self::Use((_, id), _) => id,
        }
    }
}

/// An artifact, and when it is due.
pub(super) struct Entry {
    artifact: Artifact,
    due: Option<Timestamp>,
}

/// A part of the artifacts and counters, with every index over that part.
#[derive(Default)]
pub(super) struct Shard {
    artifacts: HashMap<Key, Entry>,
    by_expiry: BTreeSet<(Timestamp, Key)>,
    by_grant: BTreeSet<(IdHash, Key)>,
    by_session: BTreeSet<(IdHash, Key)>,
    by_owner: BTreeSet<(Owner, Key)>,
    by_due: BTreeSet<(Kind, Timestamp, IdHash)>,
    interactions: usize,
    max_interactions: usize,
    counters: HashMap<IdHash, Counter>,
    counters_by_expiry: BTreeSet<(Timestamp, IdHash)>,
    max_counters: usize,
}

impl Shard {
    pub(super) fn new(max_interactions: usize, max_counters: usize) -> Self {
        Self { max_interactions, max_counters, ..Self::default() }
    }

    pub(super) fn live(&self, key: &Key, now: Timestamp) -> Option<&Artifact> {
        self.artifacts.get(key).map(|entry| &entry.artifact).filter(|artifact| artifact.expires_at > now)
    }

    pub(super) fn owned(&self, owned: &Owned, now: Timestamp) -> Vec<Artifact> {
        let owner: Owner = (owned.realm.clone(), owned.subject.clone());
        let first = match owned.after {
            Some(after) => Bound::Excluded((owner.clone(), (owned.kind, after))),
            None => Bound::Included((owner.clone(), (owned.kind, IdHash([0; 32])))),
        };
        let range = self.by_owner.range((first, Bound::Unbounded));
        let mine = range.take_while(|(of, (kind, _))| *of == owner && *kind == owned.kind);
        mine.filter_map(|(_, key)| self.live(key, now)).take(owned.limit).cloned().collect()
    }

    pub(super) fn insert(&mut self, new: Artifact, now: Timestamp, undo: &mut Vec<Undo>) -> Result<(), StoreError> {
        if self.live(&(new.kind, new.id), now).is_some() {
            return Err(StoreError::Conflict);
        }
        self.put(new, now, undo)
    }

    pub(super) fn put(&mut self, new: Artifact, now: Timestamp, undo: &mut Vec<Undo>) -> Result<(), StoreError> {
        let key = (new.kind, new.id);
        if new.kind == Kind::Interaction && !self.artifacts.contains_key(&key) {
            self.make_room_for_interaction(now)?;
        }
        let old = self.set(key, Some(Entry { artifact: new, due: None }));
        undo.push(Undo::Set(key, old));
        Ok(())
    }

    pub(super) fn require(&self, key: &Key, payload: Option<&[u8]>, now: Timestamp) -> Result<(), StoreError> {
        let unused = self.live(key, now).filter(|artifact| artifact.consumed.is_none());
        let is_so = unused.is_some_and(|artifact| payload.is_none_or(|payload| artifact.payload == payload));
        if is_so { Ok(()) } else { Err(StoreError::Conflict) }
    }

    pub(super) fn schedule(
        &mut self,
        key: Key,
        due: Timestamp,
        now: Timestamp,
        undo: &mut Vec<Undo>,
    ) -> Result<(), StoreError> {
        self.require(&key, None, now)?;
        undo.push(Undo::Due(key, self.set_due(key, Some(due))));
        Ok(())
    }

    /// Adds at most `limit` of what is due.
    pub(super) fn due(&self, kind: Kind, now: Timestamp, limit: usize, found: &mut Vec<(Timestamp, Artifact)>) {
        let first = (kind, Timestamp::MIN, IdHash([0; 32]));
        let due = self.by_due.range(first..).take_while(|(of, at, _)| *of == kind && *at <= now);
        let unused = due.filter_map(|(_, at, id)| {
            let artifact = self.live(&(kind, *id), now)?;
            artifact.consumed.is_none().then(|| (*at, artifact.clone()))
        });
        found.extend(unused.take(limit));
    }

    pub(super) fn consume(
        &mut self,
        key: Key,
        successor: Option<IdHash>,
        now: Timestamp,
        undo: &mut Vec<Undo>,
    ) -> Result<(), StoreError> {
        let artifact = self.live_mut(&key, now).filter(|artifact| artifact.consumed.is_none());
        let artifact = artifact.ok_or(StoreError::Conflict)?;
        undo.push(Undo::Use(key, artifact.consumed.replace(Consumed { at: now, successor })));
        Ok(())
    }

    pub(super) fn resucceed(
        &mut self,
        key: Key,
        from: IdHash,
        to: IdHash,
        now: Timestamp,
        undo: &mut Vec<Undo>,
    ) -> Result<(), StoreError> {
        let consumed = self.live_mut(&key, now).and_then(|artifact| artifact.consumed.as_mut());
        let consumed = consumed.filter(|consumed| consumed.successor == Some(from)).ok_or(StoreError::Conflict)?;
        undo.push(Undo::Use(key, Some(*consumed)));
        consumed.successor = Some(to);
        Ok(())
    }

    pub(super) fn remove_unused(&mut self, key: Key, now: Timestamp, undo: &mut Vec<Undo>) -> Result<(), StoreError> {
        if self.live(&key, now).is_none_or(|artifact| artifact.consumed.is_some()) {
            return Err(StoreError::Conflict);
        }
        self.remove(key, undo);
        Ok(())
    }

    pub(super) fn remove(&mut self, key: Key, undo: &mut Vec<Undo>) {
        if let Some(old) = self.set(key, None) {
            undo.push(Undo::Set(key, Some(old)));
        }
    }

    pub(super) fn remove_grant(&mut self, grant: IdHash, undo: &mut Vec<Undo>) {
        let members = members(&self.by_grant, grant);
        members.into_iter().chain([(Kind::Grant, grant)]).for_each(|key| self.remove(key, undo));
    }

    pub(super) fn remove_session(&mut self, session: IdHash, undo: &mut Vec<Undo>) {
        let members = members(&self.by_session, session);
        members.into_iter().chain([(Kind::Session, session)]).for_each(|key| self.remove(key, undo));
    }

    pub(super) fn take_back(&mut self, step: Undo) {
        match step {
            Undo::Set(key, old) => {
                self.set(key, old);
            }
            Undo::Due(key, old) => {
                self.set_due(key, old);
            }
            Undo::Use(key, old) => {
                if let Some(entry) = self.artifacts.get_mut(&key) {
                    entry.artifact.consumed = old;
                }
            }
        }
    }

    pub(super) fn count(&mut self, key: IdHash, ends: Timestamp, now: Timestamp) -> Result<Counter, StoreError> {
        if let Some(counter) = self.counters.get_mut(&key).filter(|counter| counter.expires_at > now) {
            counter.count = counter.count.saturating_add(1);
            return Ok(*counter);
        }
        self.reset(&key);
        if self.counters.len() >= self.max_counters {
            self.sweep(now, usize::MAX);
        }
        if self.counters.len() >= self.max_counters {
            return Err(StoreError::Unavailable("too many counters".into()));
        }
        let counter = Counter { count: 1, expires_at: ends };
        self.counters.insert(key, counter);
        self.counters_by_expiry.insert((ends, key));
        Ok(counter)
    }

    pub(super) fn counter(&self, key: &IdHash, now: Timestamp) -> Option<Counter> {
        self.counters.get(key).filter(|counter| counter.expires_at > now).copied()
    }

    pub(super) fn reset(&mut self, key: &IdHash) {
        if let Some(counter) = self.counters.remove(key) {
            self.counters_by_expiry.remove(&(counter.expires_at, *key));
        }
    }

    /// Deletes at most `limit` of what has expired.
    pub(super) fn sweep(&mut self, now: Timestamp, limit: usize) -> usize {
        let mut swept = 0;
        while swept < limit
            && let Some((_, key)) = self.by_expiry.first().copied().filter(|(at, _)| *at <= now)
        {
            self.set(key, None);
            swept += 1;
        }
        while swept < limit
            && let Some((_, key)) = self.counters_by_expiry.first().copied().filter(|(at, _)| *at <= now)
        {
            self.reset(&key);
            swept += 1;
        }
        swept
    }

    fn live_mut(&mut self, key: &Key, now: Timestamp) -> Option<&mut Artifact> {
        self.artifacts.get_mut(key).map(|entry| &mut entry.artifact).filter(|artifact| artifact.expires_at > now)
    }

    /// The sweep may be late, so what has expired makes room first. A step may be taken back over what goes here: it was not
    /// found any more in any case.
    fn make_room_for_interaction(&mut self, now: Timestamp) -> Result<(), StoreError> {
        if self.interactions >= self.max_interactions {
            self.sweep(now, usize::MAX);
        }
        if self.interactions >= self.max_interactions {
            return Err(StoreError::Unavailable("too many sign-ins are under way".into()));
        }
        Ok(())
    }

    /// The one place that changes what stands under a key, and every index with it.
    fn set(&mut self, key: Key, new: Option<Entry>) -> Option<Entry> {
        let old = self.artifacts.remove(&key);
        if let Some(Entry { artifact: old, due }) = &old {
            let _ = due.map(|due| self.by_due.remove(&(key.0, due, key.1)));
            self.by_expiry.remove(&(old.expires_at, key));
            let _ = old.grant.map(|grant| self.by_grant.remove(&(grant, key)));
            let _ = old.session.map(|session| self.by_session.remove(&(session, key)));
            let _ = owner(old).map(|owner| self.by_owner.remove(&(owner, key)));
            self.interactions -= usize::from(old.kind == Kind::Interaction);
        }
        if let Some(Entry { artifact: new, due }) = new {
            self.by_expiry.insert((new.expires_at, key));
            self.by_grant.extend(new.grant.map(|grant| (grant, key)));
            self.by_session.extend(new.session.map(|session| (session, key)));
            self.by_owner.extend(owner(&new).map(|owner| (owner, key)));
            self.by_due.extend(due.map(|due| (key.0, due, key.1)));
            self.interactions += usize::from(new.kind == Kind::Interaction);
            self.artifacts.insert(key, Entry { artifact: new, due });
        }
        old
    }

    /// When it is due; gives when it was.
    fn set_due(&mut self, key: Key, due: Option<Timestamp>) -> Option<Timestamp> {
        let entry = self.artifacts.get_mut(&key)?;
        let old = std::mem::replace(&mut entry.due, due);
        let _ = old.map(|due| self.by_due.remove(&(key.0, due, key.1)));
        self.by_due.extend(due.map(|due| (key.0, due, key.1)));
        old
    }
}

fn owner(artifact: &Artifact) -> Option<Owner> {
    artifact.subject.clone().map(|subject| (artifact.realm.clone(), subject))
}

fn members(index: &BTreeSet<(IdHash, Key)>, of: IdHash) -> Vec<Key> {
    index.range((of, FIRST_KEY)..).take_while(|(owner, _)| *owner == of).map(|(_, key)| *key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn artifact(id: &str, expires_at: Timestamp) -> Artifact {
        Artifact {
            kind: Kind::RefreshToken,
            id: IdHash::of(id),
            realm: "identity/staff".into(),
            grant: Some(IdHash::of("grant")),
            session: Some(IdHash::of("session")),
            subject: Some("ada".into()),
            payload: vec![],
            expires_at,
            consumed: None,
        }
    }

    fn sizes(shard: &Shard) -> [usize; 6] {
        let [owned, bound, due] = [shard.by_owner.len(), shard.by_session.len(), shard.by_due.len()];
        [shard.artifacts.len(), shard.by_expiry.len(), shard.by_grant.len(), bound, owned, due]
    }

    #[test]
    fn every_index_holds_exactly_what_is_there() {
        let mut shard = Shard::new(9, 9);
        let mut undo = vec![];
        for id in ["a", "b", "c"] {
            shard.insert(artifact(id, at(10)), at(0), &mut undo).unwrap();
            for due in [5, 6] {
                shard.schedule((Kind::RefreshToken, IdHash::of(id)), at(due), at(0), &mut undo).unwrap();
            }
        }
        assert_eq!(sizes(&shard), [3; 6]);
        shard.put(artifact("a", at(20)), at(0), &mut undo).unwrap();
        assert_eq!(sizes(&shard), [3, 3, 3, 3, 3, 2], "a replaced artifact leaves nothing behind");
        assert_eq!(shard.sweep(at(10), usize::MAX), 2);
        assert_eq!(sizes(&shard), [1, 1, 1, 1, 1, 0]);
        shard.remove_grant(IdHash::of("grant"), &mut undo);
        assert_eq!(sizes(&shard), [0; 6]);
    }

    #[test]
    fn a_full_table_of_counters_refuses_new_keys_counts_known_ones_and_makes_room_by_expiry() {
        let mut shard = Shard::new(9, 2);
        shard.count(IdHash::of("a"), at(10), at(0)).unwrap();
        shard.count(IdHash::of("b"), at(20), at(0)).unwrap();
        assert!(matches!(shard.count(IdHash::of("c"), at(10), at(0)), Err(StoreError::Unavailable(_))));
        assert_eq!(shard.count(IdHash::of("a"), at(10), at(0)).unwrap().count, 2);
        assert_eq!(shard.count(IdHash::of("c"), at(30), at(10)).unwrap().count, 1);
        assert_eq!(shard.counter(&IdHash::of("b"), at(10)).unwrap().count, 1);
        assert_eq!((shard.counters.len(), shard.counters_by_expiry.len()), (2, 2));
    }
}
