//! The Secret of a client, with its credentials and what a consumer needs beside them (Service Binding for Kubernetes).

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use k8s_openapi::api::core::v1::Secret as KubeSecret;

use super::{Owner, SecretDeletion, SecretMode, SecretWrite, build::Builder};
use crate::{
    api::{self, DeletionPolicy, MANAGED_BY_LABEL, MANAGED_BY_VALUE, READABLE_LABEL, READABLE_VALUE},
    controller::{
        checks::ownership::{self, Ownership, Standing},
        credentials::{self, Credential},
        index::{
            record::Record,
            spec::{BindingSpec, ClientSecretSpec, Facts},
            state::{ClientState, Serving},
        },
        marks,
        source::{Kind, ObjectKey},
    },
    jose,
    realm::{ClientId, ObjectName},
};

/// The `type` by which consumers know a binding.
const BINDING_TYPE: &str = "servicebinding.io/oauth2";

pub(super) fn plan(builder: &mut Builder<'_>, name: &ObjectName) -> Result<(), jose::Error> {
    let index = builder.index;
    let (Some(record), Some(state)) = (index.world.clients.get(name), index.states.clients.get(name)) else {
        return Ok(());
    };
    // Nothing is written for an object that is frozen, or whose present version is not understood.
    if record.meta.is_frozen || !record.problems.is_empty() {
        return Ok(());
    }
    let (Some(spec), Some(client_id)) = (&record.spec, &state.client_id) else { return Ok(()) };
    let Some(serving) = index.states.realms.get(&spec.realm).and_then(|realm| realm.serving.as_ref()) else {
        return Ok(());
    };
    let key = ObjectKey { kind: Kind::OidcClient, name: name.clone() };
    let ClientSecretSpec::Binding(binding) = &spec.secret else {
        remove_others(builder, &key, None, state);
        return Ok(());
    };
    let secret_name = ObjectName::new(name.namespace.clone(), binding.name.clone());
    let is_refused = index.refused_until(&secret_name).is_some();
    let mode = match ownership::standing(&key, index.world.secrets.get(&secret_name), is_refused) {
        Standing::Ours(secret) => SecretMode::over(secret),
        _ if index.world.secrets.get(&secret_name).is_some() => return Ok(()),
        _ if builder.may_create(&key, &secret_name) => SecretMode::Create,
        _ => return Ok(()),
    };
    let credential = credential(builder, &key, record, binding)?;
    let write = Parts { key: &key, record, binding, client_id, serving }.compose(credential.as_ref(), mode);
    let in_place = index.world.secrets.get(&secret_name);
    if in_place.is_some_and(|secret| is_in_sync(secret, &write, record, binding.deletion_policy)) {
        remove_others(builder, &key, Some(&secret_name), state);
    } else {
        builder.plan.secrets.push(write);
    }
    Ok(())
}

/// The secret in force, or a new one.
fn credential(
    builder: &mut Builder<'_>,
    key: &ObjectKey,
    record: &Record<api::OidcClient>,
    binding: &BindingSpec,
) -> Result<Option<Credential>, jose::Error> {
    if !binding.has_secret {
        return Ok(None);
    }
    let uid = record.meta.uid.as_deref();
    if let Some(credential) = credentials::generated(&builder.index.world, key, uid, binding) {
        return Ok(Some(credential));
    }
    let id = builder.generator.id()?.into();
    Ok(Some(Credential { id, issued_at: Some(builder.now), value: builder.generator.secret()? }))
}

/// What a binding is made of.
struct Parts<'a> {
    key: &'a ObjectKey,
    record: &'a Record<api::OidcClient>,
    binding: &'a BindingSpec,
    client_id: &'a ClientId,
    serving: &'a Serving,
}

impl Parts<'_> {
    fn compose(&self, credential: Option<&Credential>, mode: SecretMode) -> SecretWrite {
        let Self { key, record, binding, client_id, serving } = self;
        let facts = Facts {
            client_id,
            issuer: serving.issuer.as_str(),
            token_endpoint: &serving.issuer.endpoint("/token"),
            secret: credential.map(|credential| &credential.value),
        };
        let data = binding.render(&facts);
        let mut labels = binding.labels.clone();
        labels.insert(MANAGED_BY_LABEL.to_owned(), MANAGED_BY_VALUE.to_owned());
        labels.insert(READABLE_LABEL.to_owned(), READABLE_VALUE.to_owned());
        let mut annotations = binding.annotations.clone();
        annotations.insert(marks::OWNER.to_owned(), marks::owner_value(key));
        if let (Some(credential), Some(entry)) = (credential, binding.secret_entry()) {
            annotations.insert(marks::CREDENTIAL_ID.to_owned(), credential.id.to_string());
            annotations.insert(marks::SECRET_ENTRY.to_owned(), entry.to_owned());
            annotations.extend(credential.issued_at.map(|at| (marks::ISSUED_AT.to_owned(), at.to_string())));
        }
        annotations.insert(marks::LAYOUT.to_owned(), layout(&[&names(&labels), &names(&annotations), &names(&data)]));
        SecretWrite {
            name: ObjectName::new(key.name.namespace.clone(), binding.name.clone()),
            subject: (*key).clone(),
            mode,
            type_: BINDING_TYPE,
            immutable: false,
            labels,
            annotations,
            data,
            owner: owner(key, record.meta.uid.clone(), binding.deletion_policy),
        }
    }
}

/// The owner that a policy asks for.
pub(super) fn owner(key: &ObjectKey, uid: Option<String>, policy: DeletionPolicy) -> Option<Owner> {
    let owner = || Owner { kind: key.kind, name: key.name.name.to_string(), uid };
    (policy == DeletionPolicy::Delete).then(owner)
}

fn names<V>(map: &BTreeMap<String, V>) -> Vec<&str> {
    map.keys().map(String::as_str).collect()
}

/// A hash of the names of all that is written.
fn layout(parts: &[&[&str]]) -> String {
    let text: Vec<_> = parts.iter().map(|names| names.join(" ")).collect();
    let hash = digest::digest(&digest::SHA256, text.join("\n").as_bytes());
    URL_SAFE_NO_PAD.encode(hash.as_ref().get(..9).unwrap_or_default())
}

/// True where the Secret has all that would be written; what somebody else has added to it is left alone.
fn is_in_sync(
    secret: &KubeSecret,
    write: &SecretWrite,
    record: &Record<api::OidcClient>,
    policy: DeletionPolicy,
) -> bool {
    fn has(found: Option<&BTreeMap<String, String>>, wanted: &BTreeMap<String, String>) -> bool {
        wanted.iter().all(|(name, value)| found.and_then(|found| found.get(name)) == Some(value))
    }
    let entry = |name: &str| marks::entry(secret, name);
    let uid = record.meta.uid.as_deref();
    has(secret.metadata.labels.as_ref(), &write.labels)
        && has(secret.metadata.annotations.as_ref(), &write.annotations)
        && write.data.iter().all(|(name, value)| entry(name) == Some(value.expose()))
        && ownership::ownership(secret, &write.subject, uid, policy) == Ownership::Right
}

/// Removes the Secrets that the client had before its binding was renamed or given up, once it can do without them. Those that were
/// to be retained have no ownerReference, and stay.
fn remove_others(builder: &mut Builder<'_>, key: &ObjectKey, in_force: Option<&ObjectName>, state: &ClientState) {
    if !state.verdict.is_served {
        return;
    }
    for (name, secret) in builder.index.world.owned(key) {
        let is_owned = secret.metadata.owner_references.as_ref().is_some_and(|references| !references.is_empty());
        if Some(name) != in_force && is_owned {
            builder.plan.deletions.push(SecretDeletion::of(name, secret, key));
        }
    }
}
