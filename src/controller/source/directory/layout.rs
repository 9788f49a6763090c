//! Where things stand in `DIR/.realmkeeper`, which belongs to the server: what it writes there, the source reads back.

use std::path::{Path, PathBuf};

use super::super::ObjectKey;
use crate::realm::ObjectName;

/// The folder below the directory of manifests.
pub const STATE: &str = ".realmkeeper";

/// `DIR/.realmkeeper/secrets/NAMESPACE/NAME.yaml`: a generated Secret, as a manifest.
pub fn secret(directory: &Path, name: &ObjectName) -> PathBuf {
    named(secrets(directory), name)
}

/// `DIR/.realmkeeper/status/KIND/NAMESPACE/NAME.yaml`: the status of an object, in a manifest without `spec`.
pub fn status(directory: &Path, key: &ObjectKey) -> PathBuf {
    named(directory.join(STATE).join("status").join(key.kind.as_str()), &key.name)
}

/// `DIR/.realmkeeper/resources/KIND/NAMESPACE/NAME.yaml`: a resource that the server created, as a manifest.
pub fn resource(directory: &Path, key: &ObjectKey) -> PathBuf {
    named(resources(directory).join(key.kind.as_str()), &key.name)
}

/// The folder of all generated Secrets.
pub(super) fn secrets(directory: &Path) -> PathBuf {
    directory.join(STATE).join("secrets")
}

/// The folder of all created resources.
pub(super) fn resources(directory: &Path) -> PathBuf {
    directory.join(STATE).join("resources")
}

fn named(folder: PathBuf, name: &ObjectName) -> PathBuf {
    folder.join(&*name.namespace).join(format!("{}.yaml", name.name))
}
