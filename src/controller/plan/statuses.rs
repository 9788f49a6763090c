//! Statuses, a function a kind. A status is planned only where it differs from the one on the object, and with it what a person
//! should know about the difference.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::{
    EventRecord, StatusPatch,
    build::Builder,
    conditions::{Facts, conditions},
    events,
};
use crate::{
    api::{self, KeyState},
    controller::{
        checks::{Finding, Reason, Verdict, key_lifecycle},
        index::{
            record::{Record, Resource},
            spec::{ClientSecretSpec, algorithm_name},
            state::{RingKey, SigningKeyState},
        },
        source::{Kind, ObjectKey},
    },
    realm::{Keyring, ObjectName},
};

/// `status.keys` of a SigningKey holds no more.
const MAX_RING_KEYS: usize = 64;
/// `status.keys` of a Realm holds no more.
const MAX_REALM_KEYS: usize = 256;

/// What every status has.
struct Common<'a, R: Resource> {
    name: &'a ObjectName,
    record: &'a Record<R>,
    verdict: &'a Verdict,
    ready: &'a str,
}

impl Builder<'_> {
    fn conditions<R: Resource>(&self, common: &Common<'_, R>, old: &[Condition]) -> Vec<Condition> {
        let key = ObjectKey { kind: R::KIND, name: common.name.clone() };
        let facts = Facts {
            verdict: common.verdict,
            generation: common.record.meta.generation,
            ready: common.ready,
            failure: self.index.failure(&key),
        };
        conditions(&facts, old, self.now)
    }

    fn patch<R: Resource>(&mut self, common: &Common<'_, R>, status: &R::Status, events: Vec<EventRecord>) {
        let differs = common.record.status.as_ref() != Some(status);
        if common.record.meta.is_frozen || !differs {
            return;
        }
        let Ok(value) = serde_json::to_value(status) else { return };
        let key = ObjectKey { kind: R::KIND, name: common.name.clone() };
        let meta = &common.record.meta;
        self.plan.statuses.push(StatusPatch {
            key,
            uid: meta.uid.clone(),
            resource_version: meta.resource_version,
            status: value,
            created: meta.created,
        });
        self.plan.events.extend(events);
    }

    fn events<R: Resource>(
        &self,
        common: &Common<'_, R>,
        old: &[Condition],
        new: &[Condition],
        news: Vec<events::News>,
    ) -> Vec<EventRecord> {
        let key = ObjectKey { kind: R::KIND, name: common.name.clone() };
        events::of(&key, common.record.meta.uid.as_ref(), old, new, news)
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

pub(super) fn realm(builder: &mut Builder<'_>, name: &ObjectName) {
    let index = builder.index;
    let (Some(record), Some(state)) = (index.world.realms.get(name), index.states.realms.get(name)) else { return };
    let old = record.status.clone().unwrap_or_default();
    let mut verdict = state.verdict.clone();
    let issuer = state.serving.as_ref().map(|serving| serving.issuer.to_string());
    if let Some(serving) = &state.serving {
        let default = serving.spec.settings.default_algorithm;
        let signs = index.realm(name).is_some_and(|realm| realm.keyring.signer(default, builder.now).is_some());
        if !signs {
            let message = format!("no key signs with {default} yet, the Realm's default algorithm");
            verdict.programmed.push(Finding::new(Reason::NoActiveKey, "spec.signing", message));
        }
    }
    let ready = format!("served at {}", issuer.as_deref().unwrap_or_default());
    let common = Common { name, record, verdict: &verdict, ready: &ready };
    let status = api::RealmStatus {
        observed_generation: record.meta.generation,
        issuer,
        keys: realm_keys(builder, name),
        attached: state.serving.is_some().then(|| api::Attached {
            oidc_clients: count(index.states.attached(name, Kind::OidcClient)),
            users: count(index.states.attached(name, Kind::User)),
            groups: count(index.states.attached(name, Kind::Group)),
        }),
        conditions: builder.conditions(&common, &old.conditions),
    };
    let events = builder.events(&common, &old.conditions, &status.conditions, Vec::new());
    builder.patch(&common, &status, events);
}

/// What stands in the JWKS, by algorithm, the newest first.
fn realm_keys(builder: &Builder<'_>, realm: &ObjectName) -> Vec<api::RealmKey> {
    let Some(served) = builder.index.realm(realm) else { return Vec::new() };
    let mut keys = Vec::new();
    for name in builder.index.world.children(realm, Kind::SigningKey) {
        let Some(state) = builder.index.states.signing_keys.get(&name) else { continue };
        let Some(algorithm) = state.algorithm else { continue };
        for key in &state.keys {
            let state = key_state(key, state, &served.keyring, builder.now);
            if matches!(state, KeyState::Published | KeyState::Active | KeyState::Retired) {
                let key_status = api::RealmKey { kid: key.kid.to_string(), alg: algorithm_name(algorithm), state };
                keys.push((key.times.active_from, key_status));
            }
        }
    }
    keys.sort_by(|(a_from, a), (b_from, b)| (a.alg, b_from, &a.kid).cmp(&(b.alg, a_from, &b.kid)));
    keys.into_iter().map(|(_, key)| key).take(MAX_REALM_KEYS).collect()
}

fn key_state(key: &RingKey, ring: &SigningKeyState, keyring: &Keyring, now: Timestamp) -> KeyState {
    let signer = ring.algorithm.and_then(|algorithm| keyring.signer(algorithm, now));
    let signs = signer.is_some_and(|signer| *signer.jwk().kid == *key.kid);
    key_lifecycle::state(key.times, key.is_revoked, signs, now)
}

pub(super) fn signing_key(builder: &mut Builder<'_>, name: &ObjectName) {
    let index = builder.index;
    let record = index.world.signing_keys.get(name);
    let (Some(record), Some(state)) = (record, index.states.signing_keys.get(name)) else { return };
    let old = record.status.clone().unwrap_or_default();
    let empty = Keyring::default();
    let realm = state.realm.as_ref().and_then(|realm| index.realm(realm));
    let keyring = realm.map_or(&empty, |realm| &*realm.keyring);
    let version = |key: &RingKey| {
        let state = key_state(key, state, keyring, builder.now);
        // The epoch stands for a time that nobody knows: a Secret of a directory has no age.
        let time = |at: Timestamp| (at > Timestamp::UNIX_EPOCH && at <= builder.now).then_some(Time(at));
        api::SigningKeyVersion {
            kid: key.kid.to_string(),
            state,
            secret_name: key.secret.to_string(),
            published_at: time(key.times.published_at),
            activated_at: time(key.times.active_from),
        }
    };
    let keys: Vec<_> = state.keys.iter().take(MAX_RING_KEYS).map(version).collect();
    let mut verdict = state.verdict.clone();
    let signs = |key: &api::SigningKeyVersion| matches!(key.state, KeyState::Active | KeyState::Retired);
    if verdict.is_served && !keys.iter().any(signs) {
        verdict.programmed.push(Finding::new(Reason::NoActiveKey, "", "the key does not sign yet"));
    }
    let news = keys.iter().filter(|key| old.keys.iter().all(|known| known.kid != key.kid)).map(events::key_created);
    let news: Vec<_> = news.collect();
    let common = Common { name, record, verdict: &verdict, ready: "a key of the ring is in use" };
    let status = api::SigningKeyStatus {
        observed_generation: record.meta.generation,
        next_rotation: None,
        last_rotate_request: old.last_rotate_request.clone(),
        keys,
        conditions: builder.conditions(&common, &old.conditions),
    };
    let events = builder.events(&common, &old.conditions, &status.conditions, news);
    builder.patch(&common, &status, events);
}

pub(super) fn group(builder: &mut Builder<'_>, name: &ObjectName) {
    let index = builder.index;
    let (Some(record), Some(state)) = (index.world.groups.get(name), index.states.groups.get(name)) else { return };
    let old = record.status.clone().unwrap_or_default();
    let common = Common { name, record, verdict: &state.verdict, ready: "its members are known" };
    let status = api::GroupStatus {
        observed_generation: record.meta.generation,
        members: state.verdict.is_served.then(|| count(index.states.members(name))),
        conditions: builder.conditions(&common, &old.conditions),
    };
    let events = builder.events(&common, &old.conditions, &status.conditions, Vec::new());
    builder.patch(&common, &status, events);
}

pub(super) fn user(builder: &mut Builder<'_>, name: &ObjectName) {
    let index = builder.index;
    let (Some(record), Some(state)) = (index.world.users.get(name), index.states.users.get(name)) else { return };
    let old = record.status.clone().unwrap_or_default();
    let enabled = record.spec.as_ref().is_none_or(|spec| spec.enabled);
    let ready =
        if enabled { "the person is known" } else { "the person is known, and can't sign in: enabled is false" };
    let common = Common { name, record, verdict: &state.verdict, ready };
    let status = api::UserStatus {
        observed_generation: record.meta.generation,
        username: state.username.as_ref().map(ToString::to_string),
        subject: state.subject.as_ref().map(ToString::to_string),
        conditions: builder.conditions(&common, &old.conditions),
    };
    let events = builder.events(&common, &old.conditions, &status.conditions, Vec::new());
    builder.patch(&common, &status, events);
}

pub(super) fn oidc_client(builder: &mut Builder<'_>, name: &ObjectName) {
    let index = builder.index;
    let (Some(record), Some(state)) = (index.world.clients.get(name), index.states.clients.get(name)) else { return };
    let old = record.status.clone().unwrap_or_default();
    let current = state.credential.as_ref().map(|credential| api::CurrentSecret {
        id: credential.id.to_string(),
        issued_at: credential.issued_at.map(Time),
        rotate_after: None,
    });
    let binding = binding(builder, name, record);
    let news = match (&current, &binding) {
        (Some(current), Some(binding)) if old_credential(&old) != Some(&current.id) => {
            vec![events::credentials_created(&binding.name)]
        }
        _ => Vec::new(),
    };
    let ready = match &state.client_id {
        Some(client_id) => format!("the client {client_id} is served"),
        None => String::new(),
    };
    let common = Common { name, record, verdict: &state.verdict, ready: &ready };
    let status = api::OidcClientStatus {
        observed_generation: record.meta.generation,
        client_id: state.client_id.as_ref().map(ToString::to_string),
        binding,
        credentials: current.map(|current| api::CredentialsStatus { current: Some(current), previous: None }),
        last_rotate_request: old.last_rotate_request.clone(),
        conditions: builder.conditions(&common, &old.conditions),
    };
    let events = builder.events(&common, &old.conditions, &status.conditions, news);
    builder.patch(&common, &status, events);
}

fn old_credential(old: &api::OidcClientStatus) -> Option<&String> {
    old.credentials.as_ref()?.current.as_ref().map(|current| &current.id)
}

/// The Secret to bind to, as soon as it is there and ours.
fn binding(builder: &Builder<'_>, name: &ObjectName, record: &Record<api::OidcClient>) -> Option<api::Binding> {
    let ClientSecretSpec::Binding(binding) = &record.spec.as_ref()?.secret else { return None };
    let key = ObjectKey { kind: Kind::OidcClient, name: name.clone() };
    let is_there = builder.index.world.owned(&key).any(|(secret, _)| secret.name == binding.name);
    is_there.then(|| api::Binding { name: binding.name.to_string() })
}
