//! README.md's tour with kubectl works as it is printed.

use std::time::Duration;

use serde_json::json;

use crate::{
    control_plane::{Namespace, program, wait::eventually},
    harness::{repository, shared_cluster, shared_operator},
    readme::run_section,
};

#[tokio::test]
async fn the_tour_with_kubectl_works_as_printed() {
    let cluster = shared_cluster();
    // What the first block of the tour starts.
    shared_operator();
    let namespace = Namespace::create(&cluster.plane, "tour", json!({})).await;
    let kubectl = format!(
        "kubectl() {{ '{}' --kubeconfig '{}' --namespace '{}' \"$@\"; }}",
        program("kubectl").display(),
        cluster.plane.admin_kubeconfig().display(),
        namespace.name
    );
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(repository("examples"), folder.path().join("examples")).unwrap();
    let here = folder.path().to_owned();
    tokio::task::spawn_blocking(move || run_section("Five minutes with kubectl", 1, &here, &kubectl, |script| script))
        .await
        .unwrap();
    // \"… and its Secret goes with it.\"
    let secrets = namespace.clone();
    eventually("the end of the Secret", Duration::from_secs(60), || async {
        let names = secrets.kubectl(&["get", "secret", "--output", "name"]);
        if names.contains("secret/robot-oidc") { Err(names) } else { Ok(()) }
    })
    .await;
    namespace.delete().await;
}
