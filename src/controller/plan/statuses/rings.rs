//! The status of a SigningKey: a view of what its Secrets say, so that nothing is lost with it.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{Common, MAX_REALM_KEYS};
use crate::{
    api::{self, KeyState},
    controller::{
        checks::{Finding, Reason, key_lifecycle, key_lifecycle::later, rotation::Generation},
        index::{
            spec::{KeySource, SigningKeySpec, algorithm_name},
            state::SigningKeyState,
        },
        plan::{build::Builder, events},
        source::Kind,
    },
    jose::KeyAlgorithm,
    realm::{Keyring, ObjectName},
};

/// `status.keys` of a SigningKey holds no more.
const MAX_RING_KEYS: usize = 64;

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
    let keys: Vec<_> =
        state.ring.keys.iter().filter(|key| !key.is_disposed(builder.now)).take(MAX_RING_KEYS).map(version).collect();
    let mut verdict = state.verdict.clone();
    let signs = |key: &api::SigningKeyVersion| matches!(key.state, KeyState::Active | KeyState::Retired);
    if verdict.is_served && !keys.iter().any(signs) {
        verdict.programmed.push(Finding::new(Reason::NoActiveKey, "", "the key is not active yet"));
    }
    let spec = record.spec.as_deref();
    let encrypts = matches!(state.algorithm, Some(KeyAlgorithm::Encrypt(_)));
    let news = events::of_keys(&old.keys, &keys, encrypts, builder.now);
    let newest = state.ring.keys.first();
    let common = Common { name, record, verdict: &verdict, ready: ready(spec, record.meta.rotate.as_deref()) };
    let status = api::SigningKeyStatus {
        observed_generation: record.meta.generation,
        next_rotation: newest.zip(spec).and_then(|(newest, spec)| next_rotation(newest, spec, builder.now)).map(Time),
        last_rotate_request: newest.and_then(|newest| newest.rotate_request.as_deref()).map(str::to_owned),
        keys,
        conditions: builder.conditions(&common, &old.conditions),
    };
    let events = builder.events(&common, &old.conditions, &status.conditions, news);
    builder.patch(&common, &status, events);
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
