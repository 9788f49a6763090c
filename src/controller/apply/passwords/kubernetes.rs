use std::{fmt, time::Duration};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_openapi::api::core::v1::Secret as KubeSecret;
use kube::{
    Api, Client, Error,
    api::{Patch, PatchParams},
};
use serde_json::json;
use tokio::time::timeout;

use super::{HASH, PLAIN, check, no_secret};
use crate::{
    api::User,
    controller::apply::kubernetes::FIELD_MANAGER,
    realm::{PasswordChange, PasswordNotWritten, PasswordWriter},
};

/// A person waits for it.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Writes new passwords to the API server.
pub struct KubernetesPasswords {
    client: Client,
}

impl KubernetesPasswords {
    /// Writes with `client`.
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

impl fmt::Debug for KubernetesPasswords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KubernetesPasswords").finish_non_exhaustive()
    }
}

#[async_trait]
impl PasswordWriter for KubernetesPasswords {
    async fn write(&self, change: PasswordChange) -> Result<(), PasswordNotWritten> {
        let namespace = &*change.user.namespace;
        let users: Api<User> = Api::namespaced(self.client.clone(), namespace);
        let secrets: Api<KubeSecret> = Api::namespaced(self.client.clone(), namespace);
        // Not what the watch has seen last: what stands there now.
        let user = ask(users.get_opt(&change.user.name)).await?.ok_or(PasswordNotWritten::Changed)?;
        let name = user.spec.password_secret_ref.ok_or_else(no_secret)?.name;
        let secret = ask(secrets.get_opt(&name)).await?;
        check(secret.as_ref(), &name, &change.old)?;
        let meta = secret.map(|secret| secret.metadata).unwrap_or_default();
        let hash = STANDARD.encode(change.new.expose());
        // The API server refuses the patch where either has changed since it was read.
        let patch = json!({
            "metadata": {"uid": meta.uid, "resourceVersion": meta.resource_version},
            "data": {HASH: hash, PLAIN: null},
        });
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
        ask(secrets.patch_metadata(&name, &params, &Patch::Merge(&patch))).await.map(drop)
    }
}

async fn ask<T>(request: impl Future<Output = kube::Result<T>>) -> Result<T, PasswordNotWritten> {
    match timeout(TIMEOUT, request).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(Error::Api(status))) => Err(match status.code {
            404 | 409 => PasswordNotWritten::Changed,
            // An admission webhook, a policy, a role that was cut down.
            403 | 422 => PasswordNotWritten::NotOurs(status.message),
            _ => PasswordNotWritten::Unavailable(status.message),
        }),
        Ok(Err(error)) => Err(PasswordNotWritten::Unavailable(error.to_string())),
        Err(_) => Err(PasswordNotWritten::Unavailable("the API server did not answer in time".into())),
    }
}
