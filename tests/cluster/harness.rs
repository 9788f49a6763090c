//! What the tests share: one control plane for the run, with the CRDs as `realmkeeper crds` prints them.

use std::{path::PathBuf, sync::OnceLock};

use crate::control_plane::{ControlPlane, Options, process::work_folder};

/// The control plane that all tests share that need none of their own. Each test works in namespaces of its own.
pub fn shared_plane() -> &'static ControlPlane {
    static PLANE: OnceLock<ControlPlane> = OnceLock::new();
    PLANE.get_or_init(|| {
        blocking(async {
            ControlPlane::start(Options { crds: vec![crds()], controller_manager: true, ..Options::default() }).await
        })
    })
}

/// The CRDs in one file.
pub fn crds() -> PathBuf {
    let path = work_folder("crds").keep().join("crds.json");
    let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": realmkeeper::api::crds()});
    std::fs::write(&path, list.to_string()).unwrap();
    path
}

/// Runs what all tests share apart from the one that happens to ask first: its runtime ends with it.
pub fn blocking<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let run = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
    std::thread::spawn(run).join().unwrap()
}
