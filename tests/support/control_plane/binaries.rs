use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

static BUILT: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/control-plane");
    let output = Command::new(&script).output().map_err(|error| format!("{}: {error}", script.display()))?;
    match output.status.success() {
        true => Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
});

/// The path of one of the control plane's programs: below `KUBEBUILDER_ASSETS` where that is set (helm excepted, which it does
/// not hold), else where `scripts/control-plane` has built it.
pub fn find(name: &str) -> PathBuf {
    let assets = std::env::var_os("KUBEBUILDER_ASSETS").filter(|_| name != "helm");
    let folder = match (assets, &*BUILT) {
        (Some(assets), _) => PathBuf::from(assets),
        (None, Ok(built)) => built.clone(),
        (None, Err(why)) => {
            panic!("{name} is needed by this test; `make test` builds it with scripts/control-plane, which says: {why}")
        }
    };
    let path = folder.join(name);
    assert!(
        path.is_file(),
        "{} is needed by this test: run scripts/control-plane (it needs Go), or point KUBEBUILDER_ASSETS to a folder that holds kube-apiserver, kube-controller-manager, kubectl and etcd",
        path.display()
    );
    path
}
