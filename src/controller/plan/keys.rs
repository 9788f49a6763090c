//! The Secrets of a ring: one immutable Secret a generation. What is immutable of it are the data; its annotations are the ring's memory
//! and may learn more.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret as KubeSecret;

use super::{EventRecord, EventType, Owner, SecretDeletion, SecretMode, SecretWrite, build::Builder, events};
use crate::{
    api::{self, MANAGED_BY_LABEL, MANAGED_BY_VALUE, READABLE_LABEL, READABLE_VALUE},
    controller::{
        checks::{
            key_lifecycle::{self, MAX_SKEW, later},
            ownership::{self, Ownership, Standing},
            requests::Answers,
            rotation::{self, Ask, Due, Generation, NewKey},
        },
        index::{
            record::Record,
            spec::{KeySource, SigningKeySpec},
            state::SigningKeyState,
        },
        marks,
        rings::{self, KEY_ENTRY},
        source::{Kind, ObjectKey},
    },
    jose,
    realm::ObjectName,
    secret::Secret,
};

/// The annotations that a Secret keeps when it is written again.
const KEPT: [&str; 11] = [
    marks::PUBLISHED_AT,
    marks::ACTIVE_FROM,
    marks::KEY_ID,
    marks::PROMISE,
    marks::LONGEST_TOKEN,
    marks::ROTATE_REQUEST,
    marks::ANSWERED_AT,
    marks::FORMER_REQUESTS,
    marks::TAKEN_FROM,
    marks::RESTORED_AT,
    marks::REVOKED_AT,
];

pub(super) fn plan(builder: &mut Builder<'_>, name: &ObjectName) -> Result<(), jose::Error> {
    let index = builder.index;
    let (Some(record), Some(state)) = (index.world.signing_keys.get(name), index.states.signing_keys.get(name)) else {
        return Ok(());
    };
    if record.meta.is_frozen || !state.verdict.is_accepted() {
        return Ok(());
    }
    let Some(spec) = record.spec.as_deref() else { return Ok(()) };
    let realm = index.states.realms.get(&spec.realm);
    let key = ObjectKey { kind: Kind::SigningKey, name: name.clone() };
    let longest_token = spec.longest_use(realm.map_or(SignedDuration::ZERO, |realm| realm.longest_token));
    let keys = state.ring.keys.iter().filter(|key| key.number.is_some()).cloned().collect();
    let ring = RingPlan { key, record, spec, state, keys, longest_token };
    let due = rotation::due(&ring.keys, &ring.ask(builder), builder.now);
    ring.restore(builder);
    ring.dispose(builder);
    ring.mend(builder, due == Due::Answered);
    match due {
        Due::New(new) => ring.make(builder, &new),
        Due::Later(Some(at)) => {
            builder.wake(&ring.key, at);
            Ok(())
        }
        Due::Later(None) | Due::Answered => Ok(()),
    }
}

/// A ring for which a plan is made.
struct RingPlan<'a> {
    key: ObjectKey,
    record: &'a Record<api::SigningKey>,
    spec: &'a SigningKeySpec,
    state: &'a SigningKeyState,
    /// Those that stand in a Secret of the ring, newest first.
    keys: Vec<Generation>,
    longest_token: SignedDuration,
}

impl<'a> RingPlan<'a> {
    fn ask(&self, builder: &Builder<'_>) -> Ask<'a> {
        let is_without = self.keys.iter().all(|key| key.is_revoked);
        Ask {
            every: self.spec.every,
            pre_publish: self.spec.pre_publish,
            request: self.record.meta.rotate.as_deref().filter(|_| self.spec.source == KeySource::Generate),
            generates: self.spec.source == KeySource::Generate,
            import: self.state.ring.import.as_ref().map(|import| &*import.kid),
            others: is_without.then(|| self.promise_of_others(builder)).flatten(),
        }
    }

    /// Those of the newest key, and of one that is made now.
    fn answers(&self, now: Timestamp) -> Answers {
        let newest = self.keys.first().map(|key| key.answers.clone()).unwrap_or_default();
        newest.with(self.record.meta.rotate.as_deref(), now)
    }

    /// Where other rings sign with the algorithm already, the least that the JWK Set may have promised because of one of them.
    fn promise_of_others(&self, builder: &Builder<'_>) -> Option<SignedDuration> {
        let rings = builder.index.world.children(&self.spec.realm, Kind::SigningKey);
        let others = rings.iter().filter(|name| **name != self.key.name);
        let states = others.filter_map(|name| builder.index.states.signing_keys.get(name));
        let serving = states.filter(|state| state.algorithm == Some(self.spec.algorithm) && state.verdict.is_served);
        serving.filter_map(|state| Some(state.ring.keys.first()?.promise)).min()
    }

    fn secret_name(&self, generation: &Generation) -> ObjectName {
        ObjectName::new(self.key.name.namespace.clone(), generation.secret.clone())
    }

    /// Writes Secrets again that were deleted: whoever wants a key gone revokes it.
    fn restore(&self, builder: &mut Builder<'_>) {
        let is_wanted = |key: &&Generation| key.is_lost && !key.is_revoked && !key.is_disposed(builder.now);
        let wanted: Vec<_> = self.keys.iter().filter(is_wanted).collect();
        for generation in wanted {
            let name = self.secret_name(generation);
            let lost = builder.index.world.lost(&self.key).find(|(lost, _)| **lost == name);
            let Some(mut write) = lost.and_then(|(_, secret)| self.again(&name, secret, SecretMode::Create)) else {
                continue;
            };
            if builder.may_create(&self.key, &name) {
                write.annotations.insert(marks::RESTORED_AT.to_owned(), builder.now.to_string());
                builder.plan.secrets.push(write);
                builder.plan.events.push(self.event(EventType::Warning, events::key_restored(generation)));
            }
        }
    }

    /// Deletes the Secrets of keys that have left the JWKS everywhere.
    fn dispose(&self, builder: &mut Builder<'_>) {
        for generation in self.keys.iter().filter(|key| !key.is_lost) {
            let Some(removed_at) = generation.times.removed_at else { continue };
            let at = key_lifecycle::disposal(removed_at, generation.tolerance(self.spec.pre_publish));
            if at > builder.now {
                builder.wake(&self.key, at);
                continue;
            }
            let name = self.secret_name(generation);
            if let Some(secret) = builder.index.world.secrets.get(&name) {
                builder.plan.deletions.push(SecretDeletion::of(&name, secret, &self.key));
            }
        }
    }

    /// Brings what the Secrets say beside the key up to date: the ownerReference by `deletionPolicy`, that the key is revoked, how long a
    /// token can live that the key may still sign, and, where the newest is the answer to a request, that.
    fn mend(&self, builder: &mut Builder<'_>, is_answered: bool) {
        let uid = self.record.meta.uid.as_deref();
        let world = &builder.index.world;
        let mut writes = Vec::new();
        for (name, secret) in world.owned(&self.key) {
            let generation = self.keys.iter().find(|key| key.secret == name.name && !key.is_lost);
            let mut write = None;
            let mut change = |annotation: Option<(&str, String)>| {
                let write = write.get_or_insert_with(|| self.again(name, secret, SecretMode::over(secret)));
                if let (Some(write), Some((name, value))) = (write, annotation) {
                    write.annotations.insert(name.to_owned(), value);
                }
            };
            let policy = self.spec.deletion_policy;
            if ownership::ownership(secret, &self.key, uid, policy) == Ownership::Wrong {
                change(None);
            }
            let is_revoked = generation.is_some_and(|key| key.is_revoked);
            if is_revoked && marks::annotation(secret, marks::REVOKED_AT).is_none() {
                change(Some((marks::REVOKED_AT, builder.now.to_string())));
            }
            let may_sign = |key: &&Generation| {
                !key.is_revoked && key.times.retired_at.is_none_or(|at| builder.now < later(at, MAX_SKEW))
            };
            let known = marks::duration(secret, marks::LONGEST_TOKEN).unwrap_or_default();
            if generation.filter(may_sign).is_some() && known < self.longest_token {
                change(Some((marks::LONGEST_TOKEN, marks::duration_value(self.longest_token))));
            }
            let is_newest = self.keys.first().is_some_and(|newest| newest.secret == name.name);
            if is_answered && is_newest {
                self.answers(builder.now).marks().for_each(|mark| change(Some(mark)));
            }
            writes.extend(write.flatten());
        }
        builder.plan.secrets.extend(writes);
    }

    fn make(&self, builder: &mut Builder<'_>, new: &NewKey) -> Result<(), jose::Error> {
        let import = self.state.ring.import.as_ref();
        if import.is_none() && self.spec.source != KeySource::Generate {
            return Ok(());
        }
        let name = self.next_name(builder);
        // One of somebody else is never overwritten; one of ours that is there, and that the ring does not know, is on its way.
        if !matches!(ownership::standing(&self.key, builder.index.world.secrets.get(&name), false), Standing::Free)
            || !builder.may_create(&self.key, &name)
        {
            return Ok(());
        }
        let (pem, kid) = match import {
            Some(import) => (import.pem.clone(), import.kid.to_string()),
            None if !builder.may_make_key() => {
                builder.plan.deferred.push(self.key.clone());
                return Ok(());
            }
            None => {
                let pem = builder.generator.key(self.spec.algorithm)?;
                let kid = self.spec.algorithm.key_id(&pem)?;
                (pem, kid)
            }
        };
        let annotations = [
            (marks::PUBLISHED_AT, Some(new.published_at.to_string())),
            (marks::ACTIVE_FROM, Some(new.active_from.to_string())),
            (marks::KEY_ID, Some(kid)),
            (marks::PROMISE, Some(marks::duration_value(rings::promise(self.spec)))),
            (marks::LONGEST_TOKEN, Some(marks::duration_value(self.longest_token))),
            (marks::TAKEN_FROM, import.map(|import| import.from.to_string())),
        ];
        let known = annotations.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let written = known.chain(self.answers(builder.now).marks()).map(|(name, value)| (name.to_owned(), value));
        builder.plan.secrets.push(self.write(name, SecretMode::Create, written.collect(), pem));
        Ok(())
    }

    /// The next `NAME-N`. A ring that has keys goes round what is in its way, and signs on; one without waits until a person has looked.
    fn next_name(&self, builder: &Builder<'_>) -> ObjectName {
        let index = builder.index;
        let (mut number, has_keys) = (self.state.ring.next_number(), self.state.ring.highest > 0);
        loop {
            let name = rings::secret_name(&self.key, number);
            let is_refused = index.refused_until(&name).is_some();
            let standing = ownership::standing(&self.key, index.world.secrets.get(&name), is_refused);
            if !has_keys || !matches!(standing, Standing::Foreign) || number == u32::MAX {
                return name;
            }
            number += 1;
        }
    }

    /// The Secret as it is, or was.
    fn again(&self, name: &ObjectName, secret: &KubeSecret, mode: SecretMode) -> Option<SecretWrite> {
        let pem = Secret::new(marks::entry(secret, KEY_ENTRY)?);
        let kept =
            KEPT.into_iter().filter_map(|name| Some((name.to_owned(), marks::annotation(secret, name)?.to_owned())));
        Some(self.write(name.clone(), mode, kept.collect(), pem))
    }

    fn write(
        &self,
        name: ObjectName,
        mode: SecretMode,
        mut annotations: BTreeMap<String, String>,
        pem: Secret,
    ) -> SecretWrite {
        annotations.insert(marks::OWNER.to_owned(), marks::owner_value(&self.key));
        SecretWrite {
            name,
            subject: self.key.clone(),
            mode,
            type_: "Opaque".into(),
            immutable: true,
            labels: BTreeMap::from([
                (MANAGED_BY_LABEL.to_owned(), MANAGED_BY_VALUE.to_owned()),
                (READABLE_LABEL.to_owned(), READABLE_VALUE.to_owned()),
            ]),
            annotations,
            data: BTreeMap::from([(KEY_ENTRY.to_owned(), pem)]),
            owner: Owner::by(self.spec.deletion_policy, &self.key, self.record.meta.uid.clone()),
        }
    }

    fn event(&self, type_: EventType, news: events::News) -> EventRecord {
        news.record(&self.key, self.record.meta.uid.as_ref(), type_)
    }
}
