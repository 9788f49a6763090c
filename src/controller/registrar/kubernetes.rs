use std::{fmt, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret as KubeSecret;
use kube::{
    Api, Client, Error, ResourceExt,
    api::{DeleteParams, PostParams, Preconditions},
};
use tokio::time::{sleep, timeout};

use super::{
    document::{self, Valid},
    secret::{self, Change, Owner},
};
use crate::{
    api::OidcClient,
    controller::{
        apply::kubernetes::{FIELD_MANAGER, field_ownership},
        index::spec::{BindingSpec, OidcClientSpec},
        marks,
        source::{Kind, ObjectKey},
    },
    realm::{
        ClientId, ObjectName,
        registration::{ClientRegistrar, NewClient, Registered, RegistrarError, Update},
    },
    secret::{NoEntropy, Secret},
};

/// Who the API server says wrote what a client registered.
const REGISTRATION_MANAGER: &str = "realmkeeper-registration";
/// A request that takes longer has failed.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A Secret that somebody else writes at the same time is written again so often, with this pause.
const ATTEMPTS: usize = 10;
const PAUSE: Duration = Duration::from_millis(50);
/// The watches of other replicas tell them within this time, as a rule.
const SPREAD: Duration = Duration::from_millis(250);

/// Keeps registered clients in a cluster. It needs no lease: what is created has a fresh name, and every other request names the version
/// that it is about.
pub struct KubernetesRegistrar {
    client: Client,
}

impl KubernetesRegistrar {
    /// Writes with `client`.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    fn clients(&self, namespace: &str) -> Api<OidcClient> {
        Api::namespaced(self.client.clone(), namespace)
    }

    fn secrets(&self, namespace: &str) -> Api<KubeSecret> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Makes the client's Secret, or finds that the holder of the Lease was quicker: then its secret is the one.
    async fn first_secret(&self, owner: &Owner<'_>, spec: &OidcClientSpec) -> Result<Option<Secret>, RegistrarError> {
        let Some(binding) = secret::binding(spec) else { return Ok(None) };
        let api = self.secrets(&owner.name.namespace);
        let write = secret::first(owner, spec, binding)?;
        match ask(api.create(&params(FIELD_MANAGER), &write.manifest())).await {
            Ok(_) => Ok(secret::written(&write, binding)),
            Err(RegistrarError::Conflict) => self.standing_secret(owner.name, binding).await?.map_or_else(
                || Err(RegistrarError::Unavailable("the client's Secret is somebody else's".into())),
                |standing| Ok(secret::value(&standing, binding)),
            ),
            Err(error) => Err(error),
        }
    }

    /// The client's Secret, where it is ours.
    async fn standing_secret(
        &self,
        client: &ObjectName,
        binding: &BindingSpec,
    ) -> Result<Option<KubeSecret>, RegistrarError> {
        let key = ObjectKey { kind: Kind::OidcClient, name: client.clone() };
        let found = ask(self.secrets(&client.namespace).get_opt(&binding.name)).await?;
        Ok(found.filter(|secret| marks::owner(secret).as_ref() == Some(&key)))
    }

    /// The secret that the client has from now on. The holder of the Lease may be writing it too: then it is looked at again.
    async fn secret_after(
        &self,
        owner: &Owner<'_>,
        spec: &OidcClientSpec,
        change: Change,
    ) -> Result<Option<Secret>, RegistrarError> {
        for _ in 0..ATTEMPTS {
            match self.try_secret_after(owner, spec, change).await {
                Err(RegistrarError::Conflict) => sleep(PAUSE).await,
                result => return result,
            }
        }
        Err(RegistrarError::Unavailable("the client's Secret is changed all the time".into()))
    }

    async fn try_secret_after(
        &self,
        owner: &Owner<'_>,
        spec: &OidcClientSpec,
        change: Change,
    ) -> Result<Option<Secret>, RegistrarError> {
        let Some(binding) = secret::binding(spec) else { return Ok(None) };
        let Some(standing) = self.standing_secret(owner.name, binding).await? else {
            return self.first_secret(owner, spec).await;
        };
        let write = match change.over(&standing, spec, binding) {
            Change::None => return Ok(secret::value(&standing, binding)),
            Change::Next => secret::next(owner, spec, binding, &standing)?,
            Change::New => secret::anew(owner, spec, binding, &standing)?,
        };
        let api = self.secrets(&owner.name.namespace);
        let applied = ask(field_ownership::apply(&api, &binding.name, write.manifest())).await?;
        applied.ok_or(RegistrarError::Conflict)?;
        Ok(secret::written(&write, binding))
    }

    async fn object(&self, name: &ObjectName) -> Result<Option<OidcClient>, RegistrarError> {
        let found = ask(self.clients(&name.namespace).get_opt(&name.name)).await?;
        // One that is about to go is gone.
        Ok(found.filter(|client| client.metadata.deletion_timestamp.is_none()))
    }

    async fn replace(&self, object: &OidcClient) -> Result<OidcClient, RegistrarError> {
        let api = self.clients(&object.namespace().unwrap_or_default());
        ask(api.replace(&object.name_any(), &params(REGISTRATION_MANAGER), object)).await
    }
}

#[async_trait]
impl ClientRegistrar for KubernetesRegistrar {
    async fn create(&self, new: NewClient) -> Result<Registered, RegistrarError> {
        let name = document::fresh_name(&new.realm)?;
        let Valid { object, spec } = document::new_object(&new, &name)?;
        let api = self.clients(&name.namespace);
        let made = ask(api.create(&params(REGISTRATION_MANAGER), &object)).await?;
        let owner = Owner { name: &name, uid: made.uid(), issuer: &new.issuer, former_end: None, now: new.now };
        match self.first_secret(&owner, &spec).await {
            Ok(secret) => registered(&made, &spec, secret),
            Err(error) => {
                // Nobody will ever know it. Should this fail too, the sweep of the unused finds it.
                let preconditions = Some(Preconditions { uid: made.uid(), resource_version: None });
                let _ = ask(api.delete(&name.name, &DeleteParams { preconditions, ..DeleteParams::default() })).await;
                Err(error)
            }
        }
    }

    async fn read(&self, client: &ObjectName) -> Result<Option<Registered>, RegistrarError> {
        let Some(object) = self.object(client).await? else { return Ok(None) };
        let (Some(_), Ok(spec)) = (marks::registration(&object.metadata), OidcClientSpec::try_from(&object)) else {
            return Ok(None);
        };
        let secret = match secret::binding(&spec) {
            Some(binding) => {
                self.standing_secret(client, binding).await?.and_then(|standing| secret::value(&standing, binding))
            }
            None => None,
        };
        registered(&object, &spec, secret).map(Some)
    }

    async fn update(&self, client: &Registered, update: Update) -> Result<Registered, RegistrarError> {
        let object = self.object(&client.name).await?.ok_or(RegistrarError::Conflict)?;
        if object.resource_version().as_deref() != Some(client.version.as_str()) {
            return Err(RegistrarError::Conflict);
        }
        let change = Change::of(OidcClientSpec::try_from(&object).ok().as_ref(), update.renews_secret);
        let Valid { object, spec } = document::changed_object(&object, update.metadata.as_ref(), &update.registration)?;
        let made = self.replace(&object).await?;
        let owner = owner_of(&made, client, &update);
        let secret = self.secret_after(&owner, &spec, change).await?;
        registered(&made, &spec, secret)
    }

    async fn delete(&self, client: &Registered) -> Result<(), RegistrarError> {
        let resource_version = Some(client.version.clone());
        let preconditions = Some(Preconditions { uid: None, resource_version });
        let params = DeleteParams { preconditions, ..DeleteParams::default() };
        ask(self.clients(&client.name.namespace).delete(&client.name.name, &params)).await.map(drop)
    }

    async fn note_use(&self, client: &ObjectName, at: Timestamp) -> Result<(), RegistrarError> {
        let Some(mut object) = self.object(client).await? else { return Ok(()) };
        let Some(mut registration) = marks::registration(&object.metadata) else { return Ok(()) };
        if registration.last_used.is_some_and(|used| used >= at) {
            return Ok(());
        }
        registration.last_used = Some(at);
        marks::set_registration(object.metadata.annotations.get_or_insert_default(), &registration);
        self.replace(&object).await.map(drop)
    }

    fn spread(&self) -> Duration {
        SPREAD
    }
}

fn owner_of<'a>(object: &OidcClient, client: &'a Registered, update: &'a Update) -> Owner<'a> {
    let former_end = client.registration.secret_expires_at;
    Owner { name: &client.name, uid: object.uid(), issuer: &update.issuer, former_end, now: update.now }
}

fn registered(
    object: &OidcClient,
    spec: &OidcClientSpec,
    secret: Option<Secret>,
) -> Result<Registered, RegistrarError> {
    let name = ObjectKey::of(Kind::OidcClient, &object.metadata).name;
    let registration = marks::registration(&object.metadata)
        .ok_or_else(|| RegistrarError::Unavailable("it is no longer a registered client".into()))?;
    Ok(Registered {
        realm: spec.realm.clone(),
        client_id: spec.client_id.clone().unwrap_or_else(|| ClientId::new(name.name.clone())),
        name,
        metadata: document::metadata_of(object),
        registration,
        secret,
        version: object.resource_version().unwrap_or_default(),
    })
}

fn params(manager: &str) -> PostParams {
    PostParams { field_manager: Some(manager.into()), ..PostParams::default() }
}

async fn ask<T>(request: impl Future<Output = kube::Result<T>>) -> Result<T, RegistrarError> {
    match timeout(TIMEOUT, request).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(Error::Api(status))) => Err(match status.code {
            404 | 409 => RegistrarError::Conflict,
            422 => {
                let cause = status.details.as_ref().and_then(|details| details.causes.first());
                let (field, message) = cause.map_or(("", &*status.message), |cause| (&*cause.field, &*cause.message));
                let problem =
                    crate::controller::source::FieldProblem { field: field.to_owned(), message: message.to_owned() };
                document::as_metadata(&problem).into()
            }
            _ => RegistrarError::Unavailable(status.message.clone()),
        }),
        Ok(Err(error)) => Err(RegistrarError::Unavailable(error.to_string())),
        Err(_) => Err(RegistrarError::Unavailable("the API server did not answer in time".into())),
    }
}

impl From<NoEntropy> for RegistrarError {
    fn from(error: NoEntropy) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl fmt::Debug for KubernetesRegistrar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KubernetesRegistrar")
    }
}
