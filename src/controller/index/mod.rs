//! One owner applies the events, keeps what was said, parses each object once, and publishes the realms that follow. There is no lock
//! in it: the controller's loop owns it. An event marks what it touches as dirty; [`Index::evaluate`] judges what is dirty, parents
//! before children, and changes only that in what is served: to change one client costs that client, not its realm.
//!
//! An object that turns bad is reported in its own status and its last good version is served on, for as long as this process lives;
//! one that was never good is not served.

/// Names of which each has one holder.
pub mod claimed;
mod dependencies;
mod evaluate;
mod membership;
/// What is known of one object.
pub mod record;
mod served;
/// Specs parsed into values that can't be wrong.
pub mod spec;
/// What was judged about each object.
pub mod state;
mod timers;
/// The objects as the source has them.
pub mod world;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

pub use membership::Membership;
use served::Served;
use spec::RealmSpec;
pub use state::{Names, Serving, States};
use timers::Timers;
use world::{Touched, World};

use super::{
    checks::{Finding, Reason, references},
    plan::{Plan, StatusPatch},
    source::{Event, Kind, ObjectKey},
};
use crate::realm::{InvalidIssuer, Issuer, ObjectName, Realm, Registry};

/// What the index is told at its start.
#[derive(Debug, Clone)]
pub struct Options {
    base: Issuer,
    /// Deletes the generated Secrets of an object that was deleted, as the garbage collector of a cluster does.
    pub collects_garbage: bool,
    /// False for who may not see Secrets: then each object is judged as if those that it needs were there and good.
    sees_secrets: bool,
}

impl Options {
    /// `public_url` is what the default issuers stand below.
    ///
    /// # Errors
    /// A sentence where no issuer can stand below it.
    pub fn new(public_url: &str, collects_garbage: bool) -> Result<Self, InvalidIssuer> {
        Ok(Self { base: Issuer::parse(public_url)?, collects_garbage, sees_secrets: true })
    }

    /// The same for who may not see Secrets: each object is judged as if those that it needs were there and good. Realms have no keys
    /// then, clients no secrets and users no passwords.
    #[must_use]
    pub fn without_secrets(self) -> Self {
        Self { sees_secrets: false, ..self }
    }

    /// The issuer of a Realm: what it says, or `PUBLIC-URL/realms/NAME`.
    ///
    /// # Errors
    /// A sentence where the issuer is one that default issuers stand below.
    pub fn issuer(&self, spec: &RealmSpec, name: &ObjectName) -> Result<Issuer, InvalidIssuer> {
        match &spec.issuer {
            Some(issuer) if issuer.as_str() == self.base.endpoint("/realms") => {
                Err(InvalidIssuer("the default issuers of other Realms stand directly below it"))
            }
            Some(issuer) => Ok(issuer.clone()),
            None => Issuer::parse(&self.base.endpoint(&format!("/realms/{}", name.name))),
        }
    }
}

/// All that is known, what was judged of it, and what is served.
#[derive(Debug)]
pub struct Index {
    pub(super) options: Options,
    pub(super) world: World,
    pub(super) states: States,
    names: Names,
    served: Served,
    memberships: BTreeMap<ObjectName, Membership>,
    stale_memberships: BTreeSet<ObjectName>,
    dirty: BTreeMap<Kind, BTreeSet<ObjectName>>,
    unplanned: BTreeSet<ObjectKey>,
    /// Seen to be deleted by this process, for [`Options::collects_garbage`].
    deleted: BTreeSet<ObjectKey>,
    /// Secrets whose creation met one that we don't see, and when to try again.
    refused: BTreeMap<ObjectName, (ObjectKey, Timestamp)>,
    /// What the last write for an object failed with.
    failures: BTreeMap<ObjectKey, String>,
    timers: Timers,
}

impl Index {
    /// Knows nothing yet.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            world: World::default(),
            states: States::default(),
            names: Names::default(),
            served: Served::default(),
            memberships: BTreeMap::new(),
            stale_memberships: BTreeSet::new(),
            dirty: BTreeMap::new(),
            unplanned: BTreeSet::new(),
            deleted: BTreeSet::new(),
            refused: BTreeMap::new(),
            failures: BTreeMap::new(),
            timers: Timers::default(),
        }
    }

    /// Takes an event in; nothing is judged before [`Self::evaluate`].
    pub fn apply(&mut self, event: Event) {
        let mut touched = Touched::default();
        self.world.apply(event, &mut touched);
        let world = &self.world;
        self.refused.retain(|secret, (subject, _)| world.secrets.get(secret).is_none() && world.contains(subject));
        for key in touched.present {
            self.deleted.remove(&key);
        }
        if self.options.collects_garbage {
            self.deleted.extend(touched.deleted);
        }
        for (realm, user) in touched.moved_users {
            if self.memberships.get(&realm).is_some_and(|membership| membership.mentions(&user)) {
                self.stale_memberships.insert(realm);
            }
        }
        self.unplanned.extend(touched.unplanned);
        for key in touched.dirty {
            self.mark(key);
        }
    }

    /// True once every kind has been seen whole.
    pub fn is_synced(&self) -> bool {
        self.world.is_synced()
    }

    /// A key Secret that is deleted after its time was deleted by us, or might have been: the key is not missed, and is forgotten. To be
    /// called before [`Self::evaluate`].
    pub fn forget_removed_keys(&mut self, now: Timestamp) {
        let rings = &self.states.signing_keys;
        let is_over = |ring: &ObjectName, secret: &str| {
            let keys = rings.get(ring).into_iter().flat_map(|state| &state.ring.keys);
            keys.filter(|key| &*key.secret == secret).any(|key| key.times.removed_at.is_some_and(|at| at <= now))
        };
        self.world.forget_lost(is_over);
    }

    /// Judges what is dirty. What changed by it is in the next [`Self::publish`] and [`Self::take_unplanned`].
    pub fn evaluate(&mut self) {
        evaluate::realms(self);
        evaluate::signing_keys(self);
        evaluate::groups(self);
        evaluate::users(self);
        evaluate::clients(self);
        // Those whose tokens live longer than a client's did before.
        evaluate::signing_keys(self);
    }

    /// Publishes what has changed, and that the view is whole.
    pub fn publish(&mut self, registry: &Registry) {
        self.served.publish(registry);
    }

    /// Objects to plan for, each once, at most so many; parents come before children.
    pub fn take_unplanned(&mut self, limit: usize) -> BTreeSet<ObjectKey> {
        match self.unplanned.iter().nth(limit).cloned() {
            None => std::mem::take(&mut self.unplanned),
            Some(first_left) => {
                let left = self.unplanned.split_off(&first_left);
                std::mem::replace(&mut self.unplanned, left)
            }
        }
    }

    /// True where there is something to plan for.
    pub fn has_unplanned(&self) -> bool {
        !self.unplanned.is_empty()
    }

    /// Everything must be planned anew: this replica writes from now on, and does not know what the last one has left undone.
    pub fn replan_all(&mut self) {
        self.unplanned.extend(self.world.keys());
    }

    /// Plans for these again.
    pub fn replan(&mut self, keys: impl IntoIterator<Item = ObjectKey>) {
        self.unplanned.extend(keys);
    }

    /// Remembers when the objects of a plan must be planned again, in place of what was remembered for them before.
    pub fn planned(&mut self, objects: &BTreeSet<ObjectKey>, plan: &Plan) {
        for key in objects {
            self.timers.set(key, plan.wakes.get(key).copied());
        }
    }

    /// Objects whose time has come are planned again.
    pub fn wake(&mut self, now: Timestamp) {
        self.unplanned.extend(self.timers.due(now));
    }

    /// When to [`Self::wake`] next; none: only an event can change anything.
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.timers.next()
    }

    /// A status was written: it is known before the source says so, and nothing is told twice meanwhile.
    pub fn wrote_status(&mut self, patch: &StatusPatch) {
        self.world.wrote_status(patch);
    }

    /// A Secret could not be created because one that is not ours is there; it is tried again at `retry_at`.
    pub fn refused(&mut self, secret: &ObjectName, subject: &ObjectKey, retry_at: Timestamp) {
        // Plans are made in whole seconds: one at `retry_at` must not be too early.
        let whole = retry_at.as_second().saturating_add(i64::from(retry_at.subsec_nanosecond() > 0));
        let retry_at = Timestamp::from_second(whole).unwrap_or(retry_at);
        self.refused.insert(secret.clone(), (subject.clone(), retry_at));
        self.mark(subject.clone());
    }

    /// Whether the creation of a Secret was refused, and when to try again.
    pub fn refused_until(&self, secret: &ObjectName) -> Option<Timestamp> {
        self.refused.get(secret).map(|(_, retry_at)| *retry_at)
    }

    /// Whether a Secret that we don't see is in the way of one to be generated for `owner`: its creation was refused, or that is what
    /// the owner's status says. So a restarted process and the next leader know it too, and nobody is told it again.
    pub fn is_in_the_way(&self, secret: &ObjectName, owner: &ObjectKey) -> bool {
        self.refused.contains_key(secret) || self.world.was_told(owner, Reason::SecretNotOwned)
    }

    /// The last write for the object failed, or none has since. The first failure and its end are told in the status at once, what
    /// differs between the first and the next with the next: else a message that is never the same would be written for ever.
    pub fn set_failure(&mut self, subject: &ObjectKey, message: Option<String>) {
        let has_failed = message.is_some();
        let had_failed = match message {
            Some(message) => self.failures.insert(subject.clone(), message).is_some(),
            None => self.failures.remove(subject).is_some(),
        };
        if has_failed != had_failed {
            self.unplanned.insert(subject.clone());
        }
    }

    /// What the last write for the object failed with.
    pub fn failure(&self, subject: &ObjectKey) -> Option<&str> {
        self.failures.get(subject).map(String::as_str)
    }

    /// Whether this process saw the object deleted.
    pub fn was_deleted(&self, key: &ObjectKey) -> bool {
        self.deleted.contains(key)
    }

    /// The realm as it is served.
    pub fn realm(&self, name: &ObjectName) -> Option<&Realm> {
        self.served.get(name)
    }

    /// The Realm as its children see it.
    fn serving(&self, realm: &ObjectName) -> Result<&Serving, Finding> {
        match self.states.realms.get(realm) {
            None => Err(references::realm_not_found(realm)),
            Some(state) => state.serving.as_ref().ok_or_else(|| references::realm_not_accepted(realm)),
        }
    }

    fn mark(&mut self, key: ObjectKey) {
        if key.kind.is_ours() {
            self.dirty.entry(key.kind).or_default().insert(key.name);
        }
    }

    fn mark_all(&mut self, kind: Kind, names: impl IntoIterator<Item = ObjectName>) {
        self.dirty.entry(kind).or_default().extend(names);
    }

    fn take_dirty(&mut self, kind: Kind) -> BTreeSet<ObjectName> {
        self.dirty.remove(&kind).unwrap_or_default()
    }

    fn planned_later(&mut self, kind: Kind, name: &ObjectName) {
        self.unplanned.insert(ObjectKey { kind, name: name.clone() });
    }
}
