use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret as KubeSecret;
use zeroize::Zeroizing;

use super::{
    document::{self, Valid},
    secret::{self, Change, Owner},
};
use crate::{
    api::OidcClient,
    controller::{
        apply::directory::{STATE_FOLDER, WriteError, replace, resource_file, secret_file},
        index::spec::{BindingSpec, OidcClientSpec},
        marks,
        source::{Kind, ObjectKey},
    },
    realm::{
        ClientId, ObjectName,
        registration::{ClientRegistrar, NewClient, Registered, RegistrarError, Update},
    },
    secret::Secret,
};

/// Keeps registered clients as files below `DIR/.realmkeeper`, where the source reads them as any other resource. What a person wrote
/// stands elsewhere, and is never taken for a registered client.
#[derive(Debug, Clone)]
pub struct DirectoryRegistrar {
    state: PathBuf,
    /// Held while a file is read and written: no other process writes here.
    lock: Arc<Mutex<()>>,
}

impl From<WriteError> for RegistrarError {
    fn from(error: WriteError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl DirectoryRegistrar {
    /// Writes below `directory/.realmkeeper`, which is made when something is written.
    pub fn new(directory: &Path) -> Self {
        Self { state: directory.join(STATE_FOLDER), lock: Arc::default() }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, RegistrarError> + Send + 'static,
    ) -> Result<T, RegistrarError> {
        let this = self.clone();
        let locked = move || {
            let lock = this.lock.clone();
            let _guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
            work(&this)
        };
        let ended = tokio::task::spawn_blocking(locked).await;
        ended.unwrap_or_else(|error| Err(RegistrarError::Unavailable(error.to_string())))
    }

    fn file(&self, name: &ObjectName) -> Result<PathBuf, RegistrarError> {
        Ok(resource_file(&self.state, Kind::OidcClient, name)?)
    }

    /// The client as its file has it, and which version that is.
    fn object(&self, name: &ObjectName) -> Result<Option<(OidcClient, String)>, RegistrarError> {
        let Some(text) = read(&self.file(name)?)? else { return Ok(None) };
        let version = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &text));
        let object: Option<OidcClient> = std::str::from_utf8(&text).ok().and_then(|t| serde_saphyr::from_str(t).ok());
        Ok(object.map(|object| (object, version)))
    }

    fn secret(&self, client: &ObjectName, binding: &BindingSpec) -> Result<Option<KubeSecret>, RegistrarError> {
        let Some(text) = read(&secret_file(&self.state, &secret::name(client, binding))?)? else { return Ok(None) };
        let secret: Option<KubeSecret> = std::str::from_utf8(&text).ok().and_then(|t| serde_saphyr::from_str(t).ok());
        let key = ObjectKey { kind: Kind::OidcClient, name: client.clone() };
        Ok(secret.filter(|secret| marks::owner(secret).as_ref() == Some(&key)))
    }

    fn write_secret(&self, owner: &Owner<'_>, spec: &OidcClientSpec, change: Change) -> Result<(), RegistrarError> {
        let Some(binding) = secret::binding(spec) else { return Ok(()) };
        let write = match self.secret(owner.name, binding)? {
            None => secret::first(owner, spec, binding)?,
            Some(standing) => match change.over(&standing, spec, binding) {
                Change::None => return Ok(()),
                Change::Next => secret::next(owner, spec, binding, &standing)?,
                Change::New => secret::anew(owner, spec, binding, &standing)?,
            },
        };
        Ok(replace(&secret_file(&self.state, &write.name)?, &write.manifest())?)
    }

    fn create_now(&self, new: &NewClient) -> Result<Registered, RegistrarError> {
        let name = document::fresh_name(&new.realm)?;
        let Valid { object, spec } = document::new_object(new, &name)?;
        // The Secret first: the controller must not find a client without one, and make another.
        let owner = Owner { name: &name, uid: None, issuer: &new.issuer, former_end: None, now: new.now };
        self.write_secret(&owner, &spec, Change::New)?;
        if let Err(error) = replace(&self.file(&name)?, &object) {
            // Nobody would ever ask for it.
            let binding = secret::binding(&spec).map(|binding| secret::name(&name, binding));
            let left = binding.and_then(|binding| secret_file(&self.state, &binding).ok());
            left.map(fs::remove_file);
            return Err(error.into());
        }
        self.read_now(&name)?.ok_or(RegistrarError::Conflict)
    }

    fn read_now(&self, name: &ObjectName) -> Result<Option<Registered>, RegistrarError> {
        let Some((object, version)) = self.object(name)? else { return Ok(None) };
        let (Some(registration), Ok(spec)) = (marks::registration(&object.metadata), OidcClientSpec::try_from(&object))
        else {
            return Ok(None);
        };
        let binding = secret::binding(&spec);
        let standing = binding.map(|binding| self.secret(name, binding)).transpose()?.flatten();
        let secret: Option<Secret> =
            standing.zip(binding).and_then(|(standing, binding)| secret::value(&standing, binding));
        Ok(Some(Registered {
            name: name.clone(),
            realm: spec.realm.clone(),
            client_id: spec.client_id.clone().unwrap_or_else(|| ClientId::new(name.name.clone())),
            metadata: document::metadata_of(&object),
            registration,
            secret,
            version,
        }))
    }

    fn update_now(&self, client: &Registered, update: &Update) -> Result<Registered, RegistrarError> {
        let (object, version) = self.object(&client.name)?.ok_or(RegistrarError::Conflict)?;
        if version != client.version {
            return Err(RegistrarError::Conflict);
        }
        let change = Change::of(OidcClientSpec::try_from(&object).ok().as_ref(), update.renews_secret);
        let Valid { object, spec } = document::changed_object(&object, update.metadata.as_ref(), &update.registration)?;
        let former_end = client.registration.secret_expires_at;
        let owner = Owner { name: &client.name, uid: None, issuer: &update.issuer, former_end, now: update.now };
        // Long before the controller has seen the one, the other is there.
        replace(&self.file(&client.name)?, &object)?;
        self.write_secret(&owner, &spec, change)?;
        self.read_now(&client.name)?.ok_or(RegistrarError::Conflict)
    }

    fn delete_now(&self, client: &Registered) -> Result<(), RegistrarError> {
        match self.object(&client.name)? {
            Some((_, version)) if version == client.version => {}
            _ => return Err(RegistrarError::Conflict),
        }
        let path = self.file(&client.name)?;
        fs::remove_file(&path).map_err(|source| WriteError::Io { path, source }.into())
    }

    fn note_use_now(&self, name: &ObjectName, at: Timestamp) -> Result<(), RegistrarError> {
        let Some((mut object, _)) = self.object(name)? else { return Ok(()) };
        let Some(mut registration) = marks::registration(&object.metadata) else { return Ok(()) };
        registration.last_used = registration.last_used.max(Some(at));
        marks::set_registration(object.metadata.annotations.get_or_insert_default(), &registration);
        Ok(replace(&self.file(name)?, &object)?)
    }
}

fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, RegistrarError> {
    match fs::read(path) {
        Ok(text) => Ok(Some(Zeroizing::new(text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(WriteError::Io { path: path.to_owned(), source }.into()),
    }
}

#[async_trait]
impl ClientRegistrar for DirectoryRegistrar {
    async fn create(&self, new: NewClient) -> Result<Registered, RegistrarError> {
        self.blocking(move |this| this.create_now(&new)).await
    }

    async fn read(&self, client: &ObjectName) -> Result<Option<Registered>, RegistrarError> {
        let name = client.clone();
        self.blocking(move |this| this.read_now(&name)).await
    }

    async fn update(&self, client: &Registered, update: Update) -> Result<Registered, RegistrarError> {
        let client = client.clone();
        self.blocking(move |this| this.update_now(&client, &update)).await
    }

    async fn delete(&self, client: &Registered) -> Result<(), RegistrarError> {
        let client = client.clone();
        self.blocking(move |this| this.delete_now(&client)).await
    }

    async fn note_use(&self, client: &ObjectName, at: Timestamp) -> Result<(), RegistrarError> {
        let name = client.clone();
        self.blocking(move |this| this.note_use_now(&name, at)).await
    }

    fn spread(&self) -> Duration {
        Duration::ZERO
    }
}
