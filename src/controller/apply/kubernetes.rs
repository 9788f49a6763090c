//! Plans against the API server: what is ours is written by server-side apply, what is new by `create`, so that nothing of
//! anybody else is ever overwritten.

pub(in crate::controller) mod field_ownership;
mod recorders;

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures::{StreamExt, stream};
use k8s_openapi::{
    api::core::v1::{ObjectReference, Secret},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Api, Client, Error, Resource, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
    core::Status,
    runtime::events::{Event as KubeEvent, EventType as KubeEventType},
};
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::time::timeout;

use self::recorders::Recorders;
use super::{Applier, ApplyOutcome, ForeignSecret, WriteFailure, lease::Leadership};
use crate::{
    api::{Group, MANAGED_BY_LABEL, MANAGED_BY_VALUE, OidcClient, Realm, SigningKey, User},
    controller::{
        Clock, marks,
        plan::{
            ClientRemoval, EventRecord, EventType, Plan, ResourceCreate, SecretDeletion, SecretMode, SecretWrite,
            StatusPatch,
        },
        source::{Event, Kind, Object, ObjectKey, kubernetes::Lenient},
    },
    realm::ObjectName,
};

/// Who the API server says wrote our fields.
pub const FIELD_MANAGER: &str = "realmkeeper";
/// A write that takes longer has failed. It fits between the time at which a holder of the Lease stops writing and the time
/// at which another may begin.
const WRITE_TIMEOUT: Duration = Duration::from_secs(4);
/// Writes under way at once.
const CONCURRENCY: usize = 8;

/// Writes to the API server.
pub struct KubernetesApplier {
    client: Client,
    leadership: Leadership,
    recorders: Recorders,
    clock: Clock,
    in_the_way: InTheWay,
}

/// Secrets of somebody else that a creation has met. Before it is tried again they are looked at: a system in which nothing changes
/// sends no write, not even one that is refused.
#[derive(Default)]
struct InTheWay(Mutex<BTreeSet<ObjectName>>);

impl InTheWay {
    /// With more than these, the first are met anew.
    const MAX: usize = 10_000;

    fn has(&self, name: &ObjectName) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(name)
    }

    fn set(&self, name: &ObjectName, is_there: bool) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_there {
            names.remove(name);
        } else if names.insert(name.clone()) && names.len() > Self::MAX {
            names.pop_first();
        }
    }
}

/// What became of one write.
enum Written {
    Done(Option<Event>),
    Foreign(ForeignSecret),
    Failed(WriteFailure),
    LostLease,
}

/// What became of one request.
enum Answer<T> {
    Done(T),
    /// What it was for is gone or is about to go: the events that are on their way say so.
    Overtaken,
    /// One of this name is there already.
    Exists,
    Failed(String),
}

impl KubernetesApplier {
    /// Writes with `client` while `leadership` says that it may; `identity` is who reports events.
    pub fn new(client: Client, leadership: Leadership, identity: &str, clock: Clock) -> Self {
        let recorders = Recorders::new(client.clone(), identity);
        Self { client, leadership, recorders, clock, in_the_way: InTheWay::default() }
    }

    fn may_write(&self) -> bool {
        self.leadership.may_write((self.clock)())
    }

    fn secrets(&self, namespace: &str) -> Api<Secret> {
        Api::namespaced(self.client.clone(), namespace)
    }

    async fn write_secret(&self, write: SecretWrite) -> Written {
        let api = self.secrets(&write.name.namespace);
        let manifest = write.manifest();
        if write.mode == SecretMode::Create && self.in_the_way.has(&write.name) {
            match ask(api.get_metadata(&write.name.name)).await {
                Answer::Done(found) if !marks::is_known(found.labels()) => {
                    return Written::Foreign(ForeignSecret { name: write.name, subject: write.subject });
                }
                // Whatever it is, the creation tells.
                _ => self.in_the_way.set(&write.name, false),
            }
        }
        let answer = match &write.mode {
            SecretMode::Create => ask(async { api.create(&create_params(), &manifest).await.map(Some) }).await,
            SecretMode::Apply { .. } => ask(field_ownership::apply(&api, &write.name.name, manifest)).await,
        };
        let failed = |message| {
            Written::Failed(WriteFailure { subject: write.subject.clone(), secret: Some(write.name.clone()), message })
        };
        match answer {
            Answer::Done(Some(secret)) => {
                Written::Done(Some(Event::Applied(Object::from(without_managed_fields(secret)))))
            }
            Answer::Done(None) | Answer::Overtaken => Written::Done(None),
            Answer::Failed(message) => failed(message),
            Answer::Exists => match ask(api.get_metadata(&write.name.name)).await {
                Answer::Done(found) if marks::is_known(found.labels()) => Written::Done(None),
                Answer::Done(_) => {
                    self.in_the_way.set(&write.name, true);
                    Written::Foreign(ForeignSecret { name: write.name, subject: write.subject })
                }
                Answer::Overtaken | Answer::Exists => failed("the Secret came and went".into()),
                Answer::Failed(message) => failed(message),
            },
        }
    }

    /// Deletes a Secret that carries our label, and that very one: between the look and the deletion nobody can put another there.
    async fn delete_secret(&self, deletion: SecretDeletion) -> Written {
        let api = self.secrets(&deletion.name.namespace);
        let gone = || Written::Done(Some(Event::Deleted(deletion.key())));
        let failed = |message| {
            let secret = Some(deletion.name.clone());
            Written::Failed(WriteFailure { subject: deletion.subject.clone(), secret, message })
        };
        let found = match ask(api.get_metadata(&deletion.name.name)).await {
            Answer::Done(found) => found,
            Answer::Overtaken | Answer::Exists => return gone(),
            Answer::Failed(message) => return failed(message),
        };
        let is_meant = deletion.uid.is_none() || deletion.uid == found.uid();
        if !is_meant || !is_ours(found.labels()) {
            return Written::Done(None);
        }
        let preconditions = Preconditions { uid: found.uid(), resource_version: deletion.resource_version.clone() };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        match ask(api.delete(&deletion.name.name, &params)).await {
            Answer::Done(_) => gone(),
            Answer::Overtaken | Answer::Exists => Written::Done(None),
            Answer::Failed(message) => failed(message),
        }
    }

    /// Deletes a client, and that very version of it: one that was used since it was seen stays.
    async fn remove_client(&self, removal: ClientRemoval) -> Written {
        let api: Api<OidcClient> = Api::namespaced(self.client.clone(), &removal.key.name.namespace);
        let resource_version = removal.resource_version.map(|version| version.to_string());
        let preconditions = Preconditions { uid: removal.uid.clone(), resource_version };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        match ask(api.delete(&removal.key.name.name, &params)).await {
            Answer::Done(_) => Written::Done(Some(Event::Deleted(removal.key))),
            Answer::Overtaken | Answer::Exists => Written::Done(None),
            Answer::Failed(message) => Written::Failed(WriteFailure { subject: removal.key, secret: None, message }),
        }
    }

    async fn create_resource(&self, create: ResourceCreate) -> Written {
        let api: Api<SigningKey> = Api::namespaced(self.client.clone(), &create.object.namespace().unwrap_or_default());
        match ask(api.create(&create_params(), &create.object)).await {
            Answer::Done(made) => Written::Done(Some(Event::Applied(Object::from(without_managed_fields(made))))),
            Answer::Exists | Answer::Overtaken => Written::Done(None),
            Answer::Failed(message) => Written::Failed(WriteFailure { subject: create.subject, secret: None, message }),
        }
    }

    async fn write_status(&self, patch: StatusPatch) -> Written {
        match patch.key.kind {
            Kind::Realm => self.write_status_of::<Realm>(patch).await,
            Kind::SigningKey => self.write_status_of::<SigningKey>(patch).await,
            Kind::Group => self.write_status_of::<Group>(patch).await,
            Kind::User => self.write_status_of::<User>(patch).await,
            Kind::OidcClient => self.write_status_of::<OidcClient>(patch).await,
            Kind::Namespace | Kind::Secret => {
                let message = "only custom resources have a status of ours".into();
                Written::Failed(WriteFailure { subject: patch.key, secret: None, message })
            }
        }
    }

    async fn write_status_of<K>(&self, patch: StatusPatch) -> Written
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope> + Clone + DeserializeOwned,
        Object: From<K>,
    {
        let StatusPatch { key, uid, resource_version, status, .. } = patch;
        let api: Api<Lenient<K>> = Api::namespaced(self.client.clone(), &key.name.namespace);
        let metadata = ObjectMeta {
            name: Some(key.name.name.to_string()),
            namespace: Some(key.name.namespace.to_string()),
            uid,
            resource_version: resource_version.map(|version| version.to_string()),
            ..ObjectMeta::default()
        };
        let body = json!({
            "apiVersion": key.kind.api_version(),
            "kind": key.kind.as_str(),
            "metadata": metadata,
            "status": status,
        });
        match ask(api.patch_status(&key.name.name, &apply_params(), &Patch::Apply(&body))).await {
            Answer::Done(written) => Written::Done(Some(written.event(key.kind))),
            Answer::Overtaken | Answer::Exists => Written::Done(None),
            Answer::Failed(message) => Written::Failed(WriteFailure { subject: key, secret: None, message }),
        }
    }

    async fn send_event(&self, record: EventRecord) -> Written {
        let recorder = self.recorders.of(&record, (self.clock)());
        let EventRecord { regarding, uid, type_, reason, note, action } = record;
        let event = KubeEvent {
            type_: match type_ {
                EventType::Normal => KubeEventType::Normal,
                EventType::Warning => KubeEventType::Warning,
            },
            reason: reason.into(),
            note: Some(bounded(&note)),
            action: action.into(),
            secondary: None,
        };
        let sent = timeout(WRITE_TIMEOUT, recorder.publish(&event, &reference(&regarding, uid))).await;
        match sent {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(object = %regarding, reason, %error, "an event could not be sent"),
            Err(_) => tracing::debug!(object = %regarding, reason, "an event could not be sent in time"),
        }
        Written::Done(None)
    }

    /// Makes writes of one sort, some at a time, each with a look at the lease before it.
    async fn each<T, F>(&self, items: Vec<T>, outcome: &mut ApplyOutcome, write: impl Fn(T) -> F)
    where
        F: Future<Output = Written>,
    {
        let write = &write;
        let guarded = |item| async move { if self.may_write() { write(item).await } else { Written::LostLease } };
        let mut written = stream::iter(items).map(guarded).buffer_unordered(CONCURRENCY);
        while let Some(written) = written.next().await {
            match written {
                Written::Done(event) => outcome.observed.extend(event),
                Written::Foreign(foreign) => outcome.foreign.push(foreign),
                Written::Failed(failure) => outcome.failed.push(failure),
                Written::LostLease => outcome.lost_lease = true,
            }
        }
    }
}

#[async_trait]
impl Applier for KubernetesApplier {
    async fn apply(&self, plan: Plan) -> ApplyOutcome {
        let mut outcome = ApplyOutcome::default();
        self.each(plan.secrets, &mut outcome, |write| self.write_secret(write)).await;
        self.each(plan.deletions, &mut outcome, |deletion| self.delete_secret(deletion)).await;
        self.each(plan.expired, &mut outcome, |removal| self.remove_client(removal)).await;
        self.each(plan.resources, &mut outcome, |create| self.create_resource(create)).await;
        self.each(plan.statuses, &mut outcome, |patch| self.write_status(patch)).await;
        self.each(plan.events, &mut outcome, |record| self.send_event(record)).await;
        outcome
    }
}

fn create_params() -> PostParams {
    PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() }
}

fn apply_params() -> PatchParams {
    PatchParams::apply(FIELD_MANAGER).force()
}

/// Sends a request and sorts what comes back. The texts of failures are the API server's own, which names fields and not contents.
async fn ask<T>(request: impl Future<Output = kube::Result<T>>) -> Answer<T> {
    match timeout(WRITE_TIMEOUT, request).await {
        Ok(Ok(done)) => Answer::Done(done),
        Ok(Err(Error::Api(status))) => sort(&status),
        Ok(Err(error)) => Answer::Failed(error.to_string()),
        Err(_) => Answer::Failed("the API server did not answer in time".into()),
    }
}

fn sort<T>(status: &Status) -> Answer<T> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let (mut terminating, mut another) = (false, false);
    for cause in causes {
        terminating |= cause.reason == "NamespaceTerminating";
        another |= cause.field == "metadata.uid";
    }
    match (status.code, status.reason.as_str()) {
        (409, "AlreadyExists") => Answer::Exists,
        // The object is not there, or not the one that was meant, or its namespace goes.
        (404 | 409, _) => Answer::Overtaken,
        (422, _) if another => Answer::Overtaken,
        (403, _) if terminating => Answer::Overtaken,
        _ => Answer::Failed(status.message.clone()),
    }
}

fn is_ours(labels: &std::collections::BTreeMap<String, String>) -> bool {
    labels.get(MANAGED_BY_LABEL).is_some_and(|value| value == MANAGED_BY_VALUE)
}

fn without_managed_fields<K: Resource>(mut object: K) -> K {
    object.meta_mut().managed_fields = None;
    object
}

fn reference(key: &ObjectKey, uid: Option<String>) -> ObjectReference {
    ObjectReference {
        api_version: Some(key.kind.api_version().into()),
        kind: Some(key.kind.as_str().into()),
        namespace: Some(key.name.namespace.to_string()),
        name: Some(key.name.name.to_string()),
        uid,
        ..ObjectReference::default()
    }
}

/// The note within the 1024 bytes that an event may have.
fn bounded(note: &str) -> String {
    const MAX: usize = 1024;
    match note.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= MAX).last() {
        Some(end) => note.get(..end).unwrap_or_default().to_owned(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::bounded;

    #[test]
    fn a_note_is_cut_between_characters() {
        assert_eq!(bounded("short"), "short");
        assert_eq!(bounded(&"é".repeat(600)).len(), 1024);
        assert_eq!(bounded(&format!("a{}", "é".repeat(600))).len(), 1023);
        assert_eq!(bounded(""), "");
    }
}
