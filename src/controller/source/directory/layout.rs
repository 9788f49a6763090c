//! Where things stand in `DIR/.realmkeeper`, which belongs to the server: what the applier writes there, the source reads back.

use std::path::{Path, PathBuf};

use super::super::ObjectKey;
use crate::controller::apply::directory::STATE_FOLDER as STATE;

/// `DIR/.realmkeeper/status/KIND/NAMESPACE/NAME.yaml`: the status of an object, in a manifest without `spec`. None for a name that
/// leads elsewhere: it comes from a manifest that nobody has validated yet.
pub(super) fn status(directory: &Path, key: &ObjectKey) -> Option<PathBuf> {
    let leads_elsewhere = |part: &str| part.is_empty() || part.starts_with('.') || part.contains(['/', '\\', '\0']);
    if leads_elsewhere(&key.name.namespace) || leads_elsewhere(&key.name.name) {
        return None;
    }
    let folder = directory.join(STATE).join("status").join(key.kind.as_str()).join(&*key.name.namespace);
    Some(folder.join(format!("{}.yaml", key.name.name)))
}

/// The folder of all generated Secrets, by `NAMESPACE/NAME.yaml`.
pub(super) fn secrets(directory: &Path) -> PathBuf {
    directory.join(STATE).join("secrets")
}

/// The folder of all passwords that people have changed, as Secrets by `NAMESPACE/NAME.yaml`.
pub(super) fn passwords(directory: &Path) -> PathBuf {
    directory.join(STATE).join("passwords")
}

/// The folder of all resources that the server created, by `KIND/NAMESPACE/NAME.yaml`.
pub(super) fn resources(directory: &Path) -> PathBuf {
    directory.join(STATE).join("resources")
}
