//! The status of a SigningKey: a view of what its Secrets say, so that nothing is lost with it.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{Common, MAX_REALM_KEYS};
use crate::{
    api::{self, KeyState},
    controller::{
        checks::{
            Finding, Reason, key_lifecycle,
            key_lifecycle::{MAX_SKEW, later},
            rotation::Generation,
        },
        index::{
            spec::{KeySource, SigningKeySpec, algorithm_name},
            state::SigningKeyState,
        },
        plan::{EventType, build::Builder, events},
        source::{Kind, ObjectKey},
    },
    jose::KeyAlgorithm,
    realm::{Keyring, ObjectName},
};

/// `status.keys` of a SigningKey holds no more.
pub(in super::super) const MAX_RING_KEYS: usize = 64;
/// `status.lostKeys` holds no more.
const MAX_LOST_KEYS: usize = 16;

/// What stands in the JWKS, by algorithm, the newest first.
pub(super) fn of_realm(builder: &Builder<'_>, realm: &ObjectName) -> Vec<api::RealmKey> {
    let Some(served) = builder.index.realm(realm) else { return Vec::new() };
    let mut keys = Vec::new();
    for name in builder.index.world.children(realm, Kind::SigningKey) {
        let Some(state) = builder.index.states.signing_keys.get(&name) else { continue };
        let Some(algorithm) = state.algorithm else { continue };
        for key in &state.ring.keys {
            let state = key_state(key, state, &served.keyring, builder.now);
            if !matches!(state, KeyState::Removed | KeyState::Revoked) {
                let key_status = api::RealmKey { kid: key.kid.to_string(), alg: algorithm_name(algorithm), state };
                keys.push((key.times.active_from, key_status));
            }
        }
    }
    keys.sort_by(|(a_from, a), (b_from, b)| (a.alg, b_from, &a.kid).cmp(&(b.alg, a_from, &b.kid)));
    keys.into_iter().map(|(_, key)| key).take(MAX_REALM_KEYS).collect()
}

fn key_state(key: &Generation, ring: &SigningKeyState, keyring: &Keyring, now: Timestamp) -> KeyState {
    let active = ring.algorithm.and_then(|algorithm| keyring.active(algorithm, now));
    key_lifecycle::state(key.times, key.is_revoked, active.is_some_and(|jwk| *jwk.kid == *key.kid), now)
}

pub(in super::super) fn signing_key(builder: &mut Builder<'_>, name: &ObjectName) {
    let index = builder.index;
    let record = index.world.signing_keys.get(name);
    let (Some(record), Some(state)) = (record, index.states.signing_keys.get(name)) else { return };
    let old = record.status.clone().unwrap_or_default();
    let empty = Keyring::default();
    let realm = state.realm.as_ref().and_then(|realm| index.realm(realm));
    let keyring = realm.map_or(&empty, |realm| &*realm.keyring);
    let version = |key: &Generation| version(key, key_state(key, state, keyring, builder.now));
    let all: Vec<_> = state.ring.keys.iter().filter(|key| !key.is_disposed(builder.now)).map(version).collect();
    let keys = all.get(..MAX_RING_KEYS.min(all.len())).unwrap_or_default().to_vec();
    let mut verdict = state.verdict.clone();
    let signs = |key: &api::SigningKeyVersion| matches!(key.state, KeyState::Active | KeyState::Retired);
    if verdict.is_served && !keys.iter().any(signs) {
        verdict.programmed.push(Finding::new(Reason::NoActiveKey, "", "the key is not active yet"));
    }
    let spec = record.spec.as_deref();
    let encrypts = matches!(state.algorithm, Some(KeyAlgorithm::Encrypt(_)));
    let mut news = events::of_keys(&old.keys, &keys, encrypts);
    let mut lost_keys = still_lost(builder, state, &old.lost_keys, &all);
    // A ring that is not accepted was not read: nothing is missed of it.
    let mut missed = if state.verdict.is_accepted() { missed(&old.keys, &all, builder.now) } else { Vec::new() };
    // Of one whose Secret is there and can't be read, the conditions tell.
    missed.retain(|key| index.world.secrets.at(&name.namespace, &key.secret_name).is_none());
    news.extend(missed.iter().map(|key| (EventType::Warning, events::key_lost(key))));
    lost_keys.extend(missed);
    lost_keys.truncate(MAX_LOST_KEYS);
    wake_for_lost(builder, name, state, &lost_keys);
    let newest = state.ring.keys.first();
    let common = Common { name, record, verdict: &verdict, ready: ready(spec, record.meta.rotate.as_deref()) };
    let status = api::SigningKeyStatus {
        observed_generation: record.meta.generation,
        next_rotation: newest.zip(spec).and_then(|(newest, spec)| next_rotation(newest, spec, builder.now)).map(Time),
        last_rotate_request: newest.and_then(|newest| newest.answers.latest.as_deref()).map(str::to_owned),
        keys,
        lost_keys,
        conditions: builder.conditions(&common, &old.conditions),
    };
    let events = builder.events(&common, &old.conditions, &status.conditions, news);
    builder.patch(&common, &status, events);
}

/// Those of before that are not there again (a backup may have brought them back), until nothing that they have signed can be good.
fn still_lost(
    builder: &Builder<'_>,
    state: &SigningKeyState,
    old: &[api::LostKey],
    keys: &[api::SigningKeyVersion],
) -> Vec<api::LostKey> {
    let is_there = |lost: &api::LostKey| keys.iter().any(|key| key.kid == lost.kid);
    old.iter().filter(|lost| !is_there(lost) && end_of(builder, state, lost) > builder.now).cloned().collect()
}

/// When the last token of a lost key has expired.
fn end_of(builder: &Builder<'_>, state: &SigningKeyState, lost: &api::LostKey) -> Timestamp {
    let realm = state.realm.as_ref().and_then(|realm| builder.index.states.realms.get(realm));
    let longest = realm.map_or(SignedDuration::ZERO, |realm| realm.longest_token);
    later(lost.noticed_at.0, longest.saturating_add(MAX_SKEW))
}

fn wake_for_lost(builder: &mut Builder<'_>, name: &ObjectName, state: &SigningKeyState, lost: &[api::LostKey]) {
    let key = ObjectKey { kind: Kind::SigningKey, name: name.clone() };
    if let Some(end) = lost.iter().map(|lost| end_of(builder, state, lost)).min() {
        builder.wake(&key, end);
    }
}

/// Those that were in use and are gone.
fn missed(old: &[api::SigningKeyVersion], keys: &[api::SigningKeyVersion], now: Timestamp) -> Vec<api::LostKey> {
    let was_in_use = |key: &&api::SigningKeyVersion| {
        !matches!(key.state, KeyState::Removed | KeyState::Revoked)
            && key.removed_at.as_ref().is_none_or(|at| now < at.0)
            && keys.iter().all(|other| other.kid != key.kid)
    };
    let lost = |key: &api::SigningKeyVersion| api::LostKey {
        kid: key.kid.clone(),
        secret_name: key.secret_name.clone(),
        noticed_at: Time(now),
    };
    old.iter().filter(was_in_use).map(lost).collect()
}

fn version(key: &Generation, state: KeyState) -> api::SigningKeyVersion {
    // The epoch stands for a time that nobody knows: a Secret of a directory has no age.
    let time = |at: Timestamp| (at > Timestamp::UNIX_EPOCH).then_some(Time(at));
    api::SigningKeyVersion {
        kid: key.kid.to_string(),
        state,
        secret_name: key.secret.to_string(),
        published_at: time(key.times.published_at),
        activated_at: time(key.times.active_from),
        retired_at: key.times.retired_at.and_then(time),
        removed_at: key.times.removed_at.and_then(time),
        restored_at: key.restored_at.and_then(time),
    }
}

fn ready(spec: Option<&SigningKeySpec>, rotate: Option<&str>) -> &'static str {
    match (spec.map(|spec| &spec.source), rotate) {
        (Some(KeySource::Secret(_)), Some(_)) => {
            "a key of the ring is in use; realmkeeper.dev/rotate asks for nothing here, since the keys come from a Secret \
             that somebody else renews"
        }
        _ => "a key of the ring is in use",
    }
}

/// When another key than now signs, as far as it is planned.
fn next_rotation(newest: &Generation, spec: &SigningKeySpec, now: Timestamp) -> Option<Timestamp> {
    let from = newest.times.active_from;
    if from > now { Some(from) } else { spec.every.map(|every| later(from, every)) }
}
