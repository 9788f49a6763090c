use std::path::{Path, PathBuf};

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Secret as KubeSecret;

use super::{check, no_secret};
use crate::{
    controller::{
        apply::directory::replace_file,
        source::{Kind, ObjectKey, directory},
    },
    realm::{PasswordChange, PasswordNotWritten, PasswordWriter},
};

/// Writes new passwords of a directory of manifests: below `DIR/.realmkeeper`, each with a note of the Secret whose place it takes. The
/// manifests themselves belong to whoever wrote them and are never touched; once that Secret is edited there, it counts again.
#[derive(Debug, Clone)]
pub struct DirectoryPasswords {
    root: PathBuf,
}

impl DirectoryPasswords {
    /// Of the manifests below `directory`.
    pub fn new(directory: &Path) -> Self {
        Self { root: directory.to_owned() }
    }

    fn write_now(&self, change: &PasswordChange) -> Result<(), PasswordNotWritten> {
        let namespace = &change.user.namespace;
        let key = ObjectKey::new(Kind::User, namespace.clone(), change.user.name.clone());
        let user = directory::find_manifest(&self.root, &key).ok_or(PasswordNotWritten::Changed)?;
        let name = user.value.pointer("/spec/passwordSecretRef/name").and_then(|name| name.as_str());
        let name = name.ok_or_else(no_secret)?;
        let key = ObjectKey::new(Kind::Secret, namespace.clone(), name);
        let secret = directory::find_manifest(&self.root, &key).ok_or_else(|| {
            PasswordNotWritten::NotOurs(format!("the Secret {name} stands in no file of the directory"))
        })?;
        let in_force = directory::with_override(&self.root, &key, &secret.value);
        let in_force: KubeSecret = serde_json::from_value(in_force)
            .map_err(|_| PasswordNotWritten::NotOurs(format!("the Secret {name} is malformed")))?;
        check(Some(&with_text(in_force)), name, &change.old)?;
        let hash = change.new.expose_str().unwrap_or_default();
        let replacement = directory::make_override(&key, &secret.value, hash);
        let path = directory::override_file(&self.root, &key)
            .ok_or_else(|| PasswordNotWritten::NotOurs(format!("{name} is no name that a file may have")))?;
        replace_file(&path, &replacement).map_err(PasswordNotWritten::Unavailable)
    }
}

/// As the API server would: what is written as text joins the data.
fn with_text(mut secret: KubeSecret) -> KubeSecret {
    let text = secret.string_data.take().unwrap_or_default();
    let data = secret.data.get_or_insert_default();
    data.extend(text.into_iter().map(|(name, value)| (name, k8s_openapi::ByteString(value.into_bytes()))));
    secret
}

#[async_trait]
impl PasswordWriter for DirectoryPasswords {
    async fn write(&self, change: PasswordChange) -> Result<(), PasswordNotWritten> {
        let this = self.clone();
        let written = tokio::task::spawn_blocking(move || this.write_now(&change));
        written.await.unwrap_or_else(|_| Err(PasswordNotWritten::Unavailable("the process is about to end".into())))
    }
}
