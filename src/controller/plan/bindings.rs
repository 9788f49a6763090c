//! The Secret of a client, with its credentials and what a consumer needs beside them (Service Binding for Kubernetes).

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret as KubeSecret;

use super::{Owner, SecretDeletion, SecretMode, SecretWrite, build::Builder};
use crate::{
    api::{self, DeletionPolicy, MANAGED_BY_LABEL, MANAGED_BY_VALUE, READABLE_LABEL, READABLE_VALUE},
    controller::{
        checks::{
            key_lifecycle::later,
            ownership::{self, Ownership, Standing},
            requests::Answers,
            secret_rotation::{self, Ask, Due},
        },
        credentials::{self, Credential, Credentials, Previous},
        index::{
            record::Record,
            spec::{BindingSpec, ClientSecretSpec, Facts},
            state::{ClientState, Serving},
        },
        marks,
        source::{Kind, ObjectKey},
    },
    jose,
    realm::{ClientId, Issuer, ObjectName},
    secret::Secret,
};

/// The `type` by which consumers know a binding.
pub(in crate::controller) const BINDING_TYPE: &str = "servicebinding.io/oauth2";

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
    let (binding, source) = match &spec.secret {
        ClientSecretSpec::None | ClientSecretSpec::Reference { shadow: None, .. } => {
            remove_others(builder, &key, None, state);
            return Ok(());
        }
        ClientSecretSpec::Binding(binding) => (binding, None),
        ClientSecretSpec::Reference { shadow: Some(shadow), name, entry } => {
            let Ok(seen) = credentials::referenced(&index.world, &key, name, entry) else { return Ok(()) };
            (&**shadow, Some((name.clone(), seen.value)))
        }
    };
    let secret_name = ObjectName::new(name.namespace.clone(), binding.name.clone());
    let in_place = index.world.secrets.get(&secret_name);
    let is_refused = index.refused_until(&secret_name).is_some();
    let (mode, adopted) = match ownership::standing(&key, in_place, is_refused) {
        Standing::Ours(secret) => (SecretMode::over(secret), None),
        // A directory has no API server that would keep what else stands in the Secret.
        Standing::Adoptable(secret) if !index.options.collects_garbage => (SecretMode::over(secret), Some(secret)),
        _ if in_place.is_some() => return Ok(()),
        _ if builder.may_create(&key, &secret_name) => (SecretMode::Create, None),
        _ => return Ok(()),
    };
    let parts = Parts { key: &key, record, binding, client_id, serving, source };
    let credentials = parts.credentials(builder, adopted)?;
    let type_ = in_place.and_then(|secret| secret.type_.clone()).unwrap_or_else(|| BINDING_TYPE.to_owned());
    let write = parts.compose(credentials.as_ref(), mode, type_);
    if in_place.is_some_and(|secret| is_in_sync(secret, &write, record, binding.deletion_policy)) {
        remove_others(builder, &key, Some(&secret_name), state);
    } else {
        builder.plan.secrets.push(write);
    }
    Ok(())
}

/// What a binding is made of.
struct Parts<'a> {
    key: &'a ObjectKey,
    record: &'a Record<api::OidcClient>,
    binding: &'a BindingSpec,
    client_id: &'a ClientId,
    serving: &'a Serving,
    /// Where the secret is somebody else's: the Secret that holds it, and its value now.
    source: Option<(Arc<str>, Secret)>,
}

impl Parts<'_> {
    /// The secrets in force from now on: those of before, or a new one and the one before it.
    fn credentials(
        &self,
        builder: &mut Builder<'_>,
        adopted: Option<&KubeSecret>,
    ) -> Result<Option<Credentials>, jose::Error> {
        let Self { key, record, binding, .. } = self;
        if !binding.has_secret {
            return Ok(None);
        }
        let request = record.meta.rotate.as_deref();
        let kept = credentials::kept(&builder.index.world, key, record.meta.uid.as_deref(), binding);
        let answers = kept.as_ref().map(|kept| &kept.answers).unwrap_or(&Answers::default()).with(request, builder.now);
        // Whoever has the secret of a Secret that is taken over goes on with it.
        let value = adopted.zip(binding.secret_entry()).and_then(|(secret, entry)| marks::entry(secret, entry));
        let value = value.map(ownership::line).filter(|value| !value.is_empty()).map(Secret::new);
        let is_given = value.is_some();
        let (kept, former) = if is_given { (None, kept) } else { (kept, None) };
        let Some(mut kept) = kept else {
            let previous = kept_as_former(former, builder, key, binding.rotation.overlap);
            let current = self.new_credential(builder, value)?;
            return Ok(Some(Credentials { current, previous, answers, is_taken: false }));
        };
        // Where nobody knows when it was made, its time begins now.
        kept.current.issued_at.get_or_insert(builder.now);
        let due = match &self.source {
            Some((_, value)) if *value != kept.current.value => Due::New,
            Some(_) => {
                secret_rotation::due(&standing_of(&kept, false), &Ask { every: None, request: None }, builder.now)
            }
            None => {
                let ask = Ask { every: binding.rotation.every, request };
                // One that is shorter than what the client asks for by now can't authenticate its tokens.
                let gives_way = kept.is_taken || kept.current.value.expose().len() < binding.min_length;
                secret_rotation::due(&standing_of(&kept, gives_way), &ask, builder.now)
            }
        };
        Ok(Some(match due {
            Due::New => {
                let previous = kept_as_former(Some(kept), builder, key, binding.rotation.overlap);
                let current = self.new_credential(builder, None)?;
                Credentials { current, previous, answers, is_taken: false }
            }
            Due::EndOfOverlap => Credentials { previous: None, ..kept },
            Due::Later(at) => {
                at.into_iter().for_each(|at| builder.wake(key, at));
                kept
            }
        }))
    }

    /// Of this value, or of the one that is referenced, or a new one.
    fn new_credential(&self, builder: &mut Builder<'_>, value: Option<Secret>) -> Result<Credential, jose::Error> {
        let id = builder.generator.id()?.into();
        let value = match (value, &self.source) {
            (Some(value), _) => value,
            (None, Some((_, value))) => value.clone(),
            (None, None) => builder.generator.secret(self.binding.new_length)?,
        };
        Ok(Credential { id, issued_at: Some(builder.now), value })
    }

    fn compose(&self, credentials: Option<&Credentials>, mode: SecretMode, type_: String) -> SecretWrite {
        let Self { key, record, binding, client_id, serving, source } = self;
        let composition = Composition {
            key,
            uid: record.meta.uid.clone(),
            binding,
            client_id,
            issuer: &serving.issuer,
            taken_from: source.as_ref().map(|(name, _)| name),
        };
        composition.secret(credentials, mode, type_)
    }
}

/// What the Secret of a client is made of, beside its credentials.
pub(in crate::controller) struct Composition<'a> {
    pub key: &'a ObjectKey,
    pub uid: Option<String>,
    pub binding: &'a BindingSpec,
    pub client_id: &'a ClientId,
    pub issuer: &'a Issuer,
    /// Where the secret is somebody else's: the Secret that holds it.
    pub taken_from: Option<&'a Arc<str>>,
}

impl Composition<'_> {
    /// The Secret as it is to be written: the same of the same.
    pub(in crate::controller) fn secret(
        &self,
        credentials: Option<&Credentials>,
        mode: SecretMode,
        type_: String,
    ) -> SecretWrite {
        let Self { key, binding, client_id, issuer, .. } = self;
        let previous = credentials.and_then(|credentials| credentials.previous.as_ref());
        let facts = Facts {
            client_id,
            issuer: issuer.as_str(),
            token_endpoint: &issuer.endpoint("/token"),
            secret: credentials.map(|credentials| &credentials.current.value),
            previous: previous.map(|previous| &previous.value),
        };
        let data = binding.render(&facts);
        let mut labels = binding.labels.clone();
        labels.insert(MANAGED_BY_LABEL.to_owned(), MANAGED_BY_VALUE.to_owned());
        labels.insert(READABLE_LABEL.to_owned(), READABLE_VALUE.to_owned());
        let mut annotations = self.annotations(credentials);
        annotations.insert(marks::LAYOUT.to_owned(), layout(&[&names(&labels), &names(&annotations), &names(&data)]));
        SecretWrite {
            name: ObjectName::new(key.name.namespace.clone(), binding.name.clone()),
            subject: (*key).clone(),
            mode,
            type_,
            immutable: false,
            labels,
            annotations,
            data,
            owner: Owner::by(binding.deletion_policy, key, self.uid.clone()),
        }
    }

    fn annotations(&self, credentials: Option<&Credentials>) -> BTreeMap<String, String> {
        let mut annotations = self.binding.annotations.clone();
        annotations.insert(marks::OWNER.to_owned(), marks::owner_value(self.key));
        let mut mark = |name: &str, value: Option<String>| {
            annotations.extend(value.map(|value| (name.to_owned(), value)));
        };
        if let (Some(credentials), Some(entry)) = (credentials, self.binding.secret_entry()) {
            let Credentials { current, answers, .. } = credentials;
            mark(marks::CREDENTIAL_ID, Some(current.id.to_string()));
            mark(marks::SECRET_ENTRY, Some(entry.to_owned()));
            mark(marks::ISSUED_AT, current.issued_at.map(|at| at.to_string()));
            answers.marks().for_each(|(name, value)| mark(name, Some(value)));
            mark(marks::TAKEN_FROM, self.taken_from.map(ToString::to_string));
        }
        let previous = credentials.and_then(|credentials| credentials.previous.as_ref());
        if let (Some(previous), Some(entry)) = (previous, self.binding.previous_entry()) {
            mark(marks::PREVIOUS_ID, Some(previous.id.to_string()));
            mark(marks::PREVIOUS_ENTRY, Some(entry.to_owned()));
            mark(marks::PREVIOUS_UNTIL, Some(previous.valid_until.to_string()));
        }
        annotations
    }
}

/// What was current is accepted for the overlap.
fn kept_as_former(
    kept: Option<Credentials>,
    builder: &mut Builder<'_>,
    key: &ObjectKey,
    overlap: SignedDuration,
) -> Option<Previous> {
    let Credential { id, value, .. } = kept?.current;
    let valid_until = later(builder.now, overlap);
    builder.wake(key, valid_until);
    Some(Previous { id, valid_until, value })
}

fn standing_of(kept: &Credentials, is_taken: bool) -> secret_rotation::Standing<'_> {
    secret_rotation::Standing {
        issued_at: kept.current.issued_at,
        previous_until: kept.previous.as_ref().map(|previous| previous.valid_until),
        answers: &kept.answers,
        is_taken,
    }
}

fn names<V>(map: &BTreeMap<String, V>) -> Vec<&str> {
    map.keys().map(String::as_str).collect()
}

/// A hash of the names of all that is written.
fn layout(parts: &[&[&str]]) -> String {
    let text: Vec<_> = parts.iter().map(|names| names.join(" ")).collect();
    marks::hash(&text.join("\n"))
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
/// to be retained have no ownerReference, and stay; what they hold is not taken up again.
fn remove_others(builder: &mut Builder<'_>, key: &ObjectKey, in_force: Option<&ObjectName>, state: &ClientState) {
    if !state.verdict.is_served {
        return;
    }
    for (name, secret) in builder.index.world.owned(key) {
        let is_owned = secret.metadata.owner_references.as_ref().is_some_and(|references| !references.is_empty());
        if Some(name) == in_force {
            continue;
        }
        if is_owned {
            builder.plan.deletions.push(SecretDeletion::of(name, secret, key));
        } else if marks::annotation(secret, marks::SUPERSEDED_AT).is_none() {
            builder.plan.secrets.push(superseded(name, secret, key, builder.now));
        }
    }
}

/// The Secret as it is, with the mark that its time is over. Without its layout it is written anew where it comes to be the binding again.
fn superseded(name: &ObjectName, secret: &KubeSecret, key: &ObjectKey, now: Timestamp) -> SecretWrite {
    let mut annotations = secret.metadata.annotations.clone().unwrap_or_default();
    annotations.remove(marks::LAYOUT);
    annotations.insert(marks::SUPERSEDED_AT.to_owned(), now.to_string());
    let entries = secret.data.iter().flatten().map(|(entry, bytes)| (entry.clone(), Secret::new(bytes.0.clone())));
    SecretWrite {
        name: name.clone(),
        subject: key.clone(),
        mode: SecretMode::over(secret),
        type_: secret.type_.clone().unwrap_or_else(|| BINDING_TYPE.to_owned()),
        immutable: false,
        labels: secret.metadata.labels.clone().unwrap_or_default(),
        annotations,
        data: entries.collect(),
        owner: None,
    }
}
