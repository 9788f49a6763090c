//! The status of an OidcClient: what stands in its Secret, without what is secret.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::Common;
use crate::{
    api::{self, CurrentSecret, PreviousSecret},
    controller::{
        checks::{
            requests::Answers,
            secret_rotation::{self, Ask, Standing},
        },
        index::{
            record::Record,
            spec::{ClientSecretSpec, OidcClientSpec},
            state::{ClientState, CredentialState, PreviousState},
        },
        plan::{EventType, build::Builder, events},
        source::{Kind, ObjectKey},
    },
    realm::ObjectName,
};

/// That a former secret is in use is told so often at the most.
const TELL_AGAIN: SignedDuration = SignedDuration::from_mins(10);
/// While there is a former secret, it is looked at so often.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(1);

pub(in super::super) fn oidc_client(builder: &mut Builder<'_>, name: &ObjectName) {
    let index = builder.index;
    let (Some(record), Some(state)) = (index.world.clients.get(name), index.states.clients.get(name)) else { return };
    let old = record.status.clone().unwrap_or_default();
    let old_credentials = old.credentials.clone().unwrap_or_default();
    let credential = state.credential.as_ref();
    let current = credential.map(|credential| current(credential, record.spec.as_deref()));
    let previous = credential.and_then(|credential| credential.previous.as_ref());
    // One of which it is not known yet until when it is accepted is in the next plan.
    let known = previous.filter(|previous| previous.valid_until < Timestamp::MAX);
    let previous = known.map(|known| self::previous(known, old_credentials.previous.as_ref()));
    if let Some(previous) = &previous {
        let key = ObjectKey { kind: Kind::OidcClient, name: name.clone() };
        let next = builder.now + LOOK_AGAIN;
        builder.wake(&key, if previous.valid_until.0 > builder.now { next.min(previous.valid_until.0) } else { next });
    }
    let binding = binding(builder, name, record);
    let credentials = api::CredentialsStatus { current, previous };
    let news = events::of_credentials(&old_credentials, &credentials, secret_name(record).as_deref());
    let news = news.into_iter().map(|news| (EventType::Normal, news)).collect();
    let ready = ready(state, record);
    let common = Common { name, record, verdict: &state.verdict, ready: &ready };
    let status = api::OidcClientStatus {
        observed_generation: record.meta.generation,
        client_id: state.client_id.as_ref().map(ToString::to_string),
        binding,
        last_rotate_request: credential.and_then(|credential| credential.rotate_request.as_deref()).map(str::to_owned),
        credentials: credentials.current.is_some().then_some(credentials),
        conditions: builder.conditions(&common, &old.conditions),
    };
    let events = builder.events(&common, &old.conditions, &status.conditions, news);
    builder.patch(&common, &status, events);
}

fn current(credential: &CredentialState, spec: Option<&OidcClientSpec>) -> CurrentSecret {
    let standing = Standing {
        issued_at: credential.issued_at,
        previous_until: credential.previous.as_ref().map(|previous| previous.valid_until),
        answers: &Answers::default(),
        is_taken: false,
    };
    let every = match spec.map(|spec| &spec.secret) {
        Some(ClientSecretSpec::Binding(binding)) => binding.rotation.every,
        _ => None,
    };
    CurrentSecret {
        id: credential.id.to_string(),
        issued_at: credential.issued_at.map(Time),
        rotate_after: secret_rotation::rotate_after(&standing, &Ask { every, request: None }).map(Time),
    }
}

fn previous(known: &PreviousState, old: Option<&PreviousSecret>) -> PreviousSecret {
    let told = old.filter(|old| *old.id == *known.id).and_then(|old| old.last_used.as_ref()).map(|time| time.0);
    let used = known.last_use.get();
    let is_news = |used: &Timestamp| told.is_none_or(|told| *used >= told + TELL_AGAIN);
    PreviousSecret {
        id: known.id.to_string(),
        valid_until: Time(known.valid_until),
        last_used: used.filter(is_news).or(told).map(Time),
    }
}

fn ready(state: &ClientState, record: &Record<api::OidcClient>) -> String {
    let Some(client_id) = &state.client_id else { return String::new() };
    let rotates = match record.spec.as_ref().map(|spec| &spec.secret) {
        Some(ClientSecretSpec::Binding(binding)) => binding.has_secret,
        _ => false,
    };
    match record.meta.rotate {
        Some(_) if !rotates => format!(
            "the client {client_id} is served; realmkeeper.dev/rotate asks for nothing here, since no secret of it is generated"
        ),
        _ => format!("the client {client_id} is served"),
    }
}

/// The Secret that its secret stands in.
fn secret_name(record: &Record<api::OidcClient>) -> Option<String> {
    match &record.spec.as_ref()?.secret {
        ClientSecretSpec::None => None,
        ClientSecretSpec::Binding(binding) => Some(binding.name.to_string()),
        ClientSecretSpec::Reference { name, .. } => Some(name.to_string()),
    }
}

/// The Secret to bind to, as soon as it is there and ours.
fn binding(builder: &Builder<'_>, name: &ObjectName, record: &Record<api::OidcClient>) -> Option<api::Binding> {
    let ClientSecretSpec::Binding(binding) = &record.spec.as_ref()?.secret else { return None };
    let key = ObjectKey { kind: Kind::OidcClient, name: name.clone() };
    let is_there = builder.index.world.owned(&key).any(|(secret, _)| secret.name == binding.name);
    is_there.then(|| api::Binding { name: binding.name.to_string() })
}
