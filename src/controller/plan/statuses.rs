//! Statuses, a function a kind. A status is planned only where it differs from the one on the object, and with it what a person
//! should know about the difference.

mod clients;
mod rings;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::{
    EventRecord, EventType, StatusPatch,
    build::Builder,
    conditions::{Facts, conditions},
    events,
};
use crate::{
    api,
    controller::{
        checks::{Finding, Reason, Verdict},
        index::record::{Record, Resource},
        source::{Kind, ObjectKey},
    },
    realm::ObjectName,
};

/// `status.keys` of a Realm holds no more.
const MAX_REALM_KEYS: usize = 256;

pub(super) use clients::oidc_client;
pub(super) use rings::{MAX_RING_KEYS, signing_key};

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
        news: Vec<(EventType, events::News)>,
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
        keys: rings::of_realm(builder, name),
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
