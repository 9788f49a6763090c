//! Plans against a directory: what would go to the API server goes to files below `DIR/.realmkeeper`, each written whole or not
//! at all. Events go to the log.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use serde::Serialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::{Applier, ApplyOutcome, ForeignSecret, WriteFailure};
use crate::{
    controller::{
        marks,
        plan::{
            ClientRemoval, EventRecord, EventType, Plan, ResourceCreate, SecretDeletion, SecretMode, SecretWrite,
            StatusPatch,
        },
        source::{Event, Kind, Object, ObjectKey},
    },
    realm::ObjectName,
};

/// The folder below the directory of manifests that is ours; what is written there, the source reads back.
pub const STATE_FOLDER: &str = ".realmkeeper";

/// Writes below one directory.
#[derive(Debug, Clone)]
pub struct DirectoryApplier {
    root: PathBuf,
}

/// Why a file was not written.
#[derive(Debug, thiserror::Error)]
pub(in crate::controller) enum WriteError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("\"{0}\" is no name that a file may have")]
    Name(String),
    #[error("it could not be written as YAML")]
    Yaml,
}

/// What became of a `create`.
enum Created {
    New,
    Ours,
    Foreign,
}

impl DirectoryApplier {
    /// Writes below `directory/.realmkeeper`, which is made when something is written.
    pub fn new(directory: &Path) -> Self {
        Self { root: directory.join(STATE_FOLDER) }
    }

    fn write_secret(&self, write: &SecretWrite, outcome: &mut ApplyOutcome) -> Result<(), WriteError> {
        let path = file(self.root.join("secrets"), &write.name)?;
        let manifest = write.manifest();
        let created = match write.mode {
            SecretMode::Create => create(&path, &manifest, is_our_secret)?,
            SecretMode::Apply { .. } => replace(&path, &manifest).map(|()| Created::New)?,
        };
        match created {
            Created::New => outcome.observed.push(Event::Applied(Object::from(manifest))),
            Created::Ours => {}
            Created::Foreign => {
                outcome.foreign.push(ForeignSecret { name: write.name.clone(), subject: write.subject.clone() });
            }
        }
        Ok(())
    }

    fn delete_secret(&self, deletion: &SecretDeletion, outcome: &mut ApplyOutcome) -> Result<(), WriteError> {
        let path = file(self.root.join("secrets"), &deletion.name)?;
        if is_another(&path, deletion) {
            return Ok(());
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(WriteError::Io { path, source: error });
            }
            _ => outcome.observed.push(Event::Deleted(deletion.key())),
        }
        Ok(())
    }

    /// Only what a client's own registration made stands there; what a person wrote is never touched.
    fn remove_client(&self, removal: &ClientRemoval, outcome: &mut ApplyOutcome) -> Result<(), WriteError> {
        let path = resource_file(&self.root, Kind::OidcClient, &removal.key.name)?;
        match fs::remove_file(&path) {
            Ok(()) => outcome.observed.push(Event::Deleted(removal.key.clone())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(WriteError::Io { path, source }),
        }
        Ok(())
    }

    fn create_resource(&self, resource: &ResourceCreate, outcome: &mut ApplyOutcome) -> Result<(), WriteError> {
        let object = &*resource.object;
        let key = ObjectKey::of(Kind::SigningKey, &object.metadata);
        let path = resource_file(&self.root, key.kind, &key.name)?;
        if let Created::New = create(&path, object, |_| true)? {
            outcome.observed.push(Event::Applied(Object::from(object.clone())));
        }
        Ok(())
    }

    /// Without its status a later object of this name is a new one, and no older than it is.
    fn forget(&self, key: &ObjectKey) -> Result<(), WriteError> {
        let path = file(self.root.join("status").join(key.kind.as_str()), &key.name)?;
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(WriteError::Io { path, source }),
            _ => Ok(()),
        }
    }

    fn write_status(&self, patch: &StatusPatch) -> Result<(), WriteError> {
        let StatusPatch { key, status, created, .. } = patch;
        let path = file(self.root.join("status").join(key.kind.as_str()), &key.name)?;
        let document = json!({
            "apiVersion": key.kind.api_version(),
            "kind": key.kind.as_str(),
            "metadata": {
                "name": &*key.name.name,
                "namespace": &*key.name.namespace,
                "creationTimestamp": created.to_string(),
            },
            "status": status,
        });
        replace(&path, &document)
    }

    fn apply_all(&self, plan: &Plan) -> ApplyOutcome {
        let mut outcome = ApplyOutcome::default();
        for write in &plan.secrets {
            let result = self.write_secret(write, &mut outcome);
            note(result, &write.subject, Some(&write.key()), &mut outcome);
        }
        for deletion in &plan.deletions {
            let result = self.delete_secret(deletion, &mut outcome);
            note(result, &deletion.subject, Some(&deletion.key()), &mut outcome);
        }
        for removal in &plan.expired {
            let result = self.remove_client(removal, &mut outcome);
            note(result, &removal.key, None, &mut outcome);
        }
        for resource in &plan.resources {
            let result = self.create_resource(resource, &mut outcome);
            note(result, &resource.subject, None, &mut outcome);
        }
        for key in &plan.forgotten {
            note(self.forget(key), key, None, &mut outcome);
        }
        for patch in &plan.statuses {
            note(self.write_status(patch), &patch.key, None, &mut outcome);
        }
        plan.events.iter().for_each(log);
        outcome
    }
}

#[async_trait]
impl Applier for DirectoryApplier {
    async fn apply(&self, plan: Plan) -> ApplyOutcome {
        let this = self.clone();
        // It fails only where the runtime is on its way down; then nothing more is written anyway.
        tokio::task::spawn_blocking(move || this.apply_all(&plan)).await.unwrap_or_default()
    }
}

/// Where a resource stands that the server created: `.realmkeeper/resources/KIND/NAMESPACE/NAME.yaml`.
pub(in crate::controller) fn resource_file(state: &Path, kind: Kind, name: &ObjectName) -> Result<PathBuf, WriteError> {
    file(state.join("resources").join(kind.as_str()), name)
}

/// Where a generated Secret stands: `.realmkeeper/secrets/NAMESPACE/NAME.yaml`.
pub(in crate::controller) fn secret_file(state: &Path, name: &ObjectName) -> Result<PathBuf, WriteError> {
    file(state.join("secrets"), name)
}

/// `FOLDER/NAMESPACE/NAME.yaml`. Names come from manifests, so each must be one plain component of a path.
fn file(folder: PathBuf, name: &ObjectName) -> Result<PathBuf, WriteError> {
    for part in [&name.namespace, &name.name] {
        let plain = !part.is_empty()
            && !part.starts_with('.')
            && part.len() <= 240
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        if !plain {
            return Err(WriteError::Name(part.to_string()));
        }
    }
    Ok(folder.join(&*name.namespace).join(format!("{}.yaml", name.name)))
}

fn note(result: Result<(), WriteError>, subject: &ObjectKey, secret: Option<&ObjectKey>, outcome: &mut ApplyOutcome) {
    if let Err(error) = result {
        outcome.failed.push(WriteFailure {
            subject: subject.clone(),
            secret: secret.map(|key| key.name.clone()),
            message: error.to_string(),
        });
    }
}

fn log(record: &EventRecord) {
    let EventRecord { regarding, type_, reason, note, .. } = record;
    match type_ {
        EventType::Normal => tracing::info!(object = %regarding, reason, "{note}"),
        EventType::Warning => tracing::warn!(object = %regarding, reason, "{note}"),
    }
}

/// Writes a file that is not there yet; of one that is there `is_ours` says whose it is.
fn create<T: Serialize>(path: &Path, content: &T, is_ours: impl Fn(&str) -> bool) -> Result<Created, WriteError> {
    match fs::read(path).map(Zeroizing::new) {
        Ok(found) if is_ours(std::str::from_utf8(&found).unwrap_or_default()) => Ok(Created::Ours),
        Ok(_) => Ok(Created::Foreign),
        Err(error) if error.kind() == io::ErrorKind::NotFound => replace(path, content).map(|()| Created::New),
        Err(source) => Err(WriteError::Io { path: path.to_owned(), source }),
    }
}

/// True where a Secret holds another client secret than the one that is to go.
fn is_another(path: &Path, deletion: &SecretDeletion) -> bool {
    let found = fs::read_to_string(path).map(Zeroizing::new).ok();
    let secret: Option<Secret> = found.and_then(|found| serde_saphyr::from_str(&found).ok());
    let credential = secret.as_ref().and_then(|secret| marks::annotation(secret, marks::CREDENTIAL_ID));
    credential.is_some() && credential != deletion.credential.as_deref()
}

fn is_our_secret(found: &str) -> bool {
    let secret: Result<Secret, _> = serde_saphyr::from_str(found);
    secret.is_ok_and(|secret| marks::is_known(secret.labels()))
}

/// Writes a file that is ours whole or not at all; only the owner may read it. The error is a sentence.
pub(super) fn replace_file<T: Serialize>(path: &Path, content: &T) -> Result<(), String> {
    replace(path, content).map_err(|error| error.to_string())
}

/// Writes a file whole: under another name first, onto the disk, then to its place. Only the owner may read it.
pub(in crate::controller) fn replace<T: Serialize>(path: &Path, content: &T) -> Result<(), WriteError> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let text = Zeroizing::new(serde_saphyr::to_string(content).map_err(|_| WriteError::Yaml)?);
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| WriteError::Io { path, source }
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(at(folder))?;
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let draft = folder.join(format!(".{}-{number}.new", std::process::id()));
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|error| {
        let _ = fs::remove_file(&draft);
        at(path)(error)
    })
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, os::unix::fs::PermissionsExt};

    use super::*;
    use crate::api::{MANAGED_BY_LABEL, MANAGED_BY_VALUE, READABLE_LABEL, READABLE_VALUE};

    fn write(mode: SecretMode, value: &str) -> SecretWrite {
        SecretWrite {
            name: ObjectName::new("monitoring", "grafana-oidc"),
            subject: ObjectKey::new(Kind::OidcClient, "monitoring", "grafana"),
            mode,
            type_: "servicebinding.io/oauth2".into(),
            immutable: false,
            labels: BTreeMap::from([
                (MANAGED_BY_LABEL.into(), MANAGED_BY_VALUE.into()),
                (READABLE_LABEL.into(), READABLE_VALUE.into()),
            ]),
            annotations: BTreeMap::new(),
            data: BTreeMap::from([("client-secret".into(), crate::secret::Secret::new(value))]),
            owner: None,
        }
    }

    async fn apply(applier: &DirectoryApplier, write: SecretWrite) -> ApplyOutcome {
        applier.apply(Plan { secrets: vec![write], ..Plan::default() }).await
    }

    fn read(folder: &Path) -> String {
        let text = fs::read_to_string(folder.join(".realmkeeper/secrets/monitoring/grafana-oidc.yaml")).unwrap();
        let secret: Secret = serde_saphyr::from_str(&text).unwrap();
        String::from_utf8(secret.data.unwrap()["client-secret"].0.clone()).unwrap()
    }

    #[tokio::test]
    async fn a_secret_is_created_once_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let applier = DirectoryApplier::new(folder.path());
        let outcome = apply(&applier, write(SecretMode::Create, "first")).await;
        assert!(matches!(outcome.observed.as_slice(), [Event::Applied(Object::Secret(_))]), "{outcome:?}");
        let outcome = apply(&applier, write(SecretMode::Create, "second")).await;
        assert!(outcome.observed.is_empty() && outcome.foreign.is_empty() && outcome.failed.is_empty(), "{outcome:?}");
        assert_eq!(read(folder.path()), "first");
        let mode = |path: &str| fs::metadata(folder.path().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(".realmkeeper/secrets/monitoring/grafana-oidc.yaml"), 0o600);
        assert_eq!(mode(".realmkeeper/secrets/monitoring"), 0o700);
        apply(&applier, write(SecretMode::Apply { uid: None, resource_version: None }, "third")).await;
        assert_eq!(read(folder.path()), "third");
        assert_eq!(fs::read_dir(folder.path().join(".realmkeeper/secrets/monitoring")).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_foreign_secret_is_reported_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".realmkeeper/secrets/monitoring/grafana-oidc.yaml");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let foreign = "{apiVersion: v1, kind: Secret, metadata: {name: grafana-oidc}}";
        fs::write(&path, foreign).unwrap();
        let outcome = apply(&DirectoryApplier::new(folder.path()), write(SecretMode::Create, "x")).await;
        assert_eq!(outcome.foreign[0].subject.to_string(), "OidcClient/monitoring/grafana");
        assert_eq!(fs::read_to_string(&path).unwrap(), foreign);
    }

    #[tokio::test]
    async fn a_name_that_leads_out_of_the_folder_is_refused_and_the_rest_is_written() {
        let folder = tempfile::tempdir().unwrap();
        for (namespace, name) in [("..", "x"), ("a/b", "x"), ("a", "../../x"), ("a", ""), ("a", ".x"), ("a", "x\0")] {
            let bad = ObjectKey::new(Kind::User, namespace, name);
            let good = ObjectKey::new(Kind::User, "identity", "ada");
            let created = jiff::Timestamp::UNIX_EPOCH;
            let status = |key: &ObjectKey| StatusPatch {
                key: key.clone(),
                uid: None,
                resource_version: None,
                status: json!({"subject": "s"}),
                created,
            };
            let plan = Plan { statuses: vec![status(&bad), status(&good)], ..Plan::default() };
            let outcome = DirectoryApplier::new(folder.path()).apply(plan).await;
            assert_eq!(outcome.failed.iter().map(|failure| &failure.subject).collect::<Vec<_>>(), [&bad]);
        }
        let text = fs::read_to_string(folder.path().join(".realmkeeper/status/User/identity/ada.yaml")).unwrap();
        assert!(text.contains("subject: s"), "{text}");
    }
}
