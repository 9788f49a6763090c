//! Programs in Go that we did not write, or that are little more than what somebody else has written: `tests/peers`.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

static PEERS: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/go-peers");
    let output = Command::new(&script).output().map_err(|error| format!("{}: {error}", script.display()))?;
    match output.status.success() {
        true => Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
});

/// Where the program stands; it is built where `make test` has not done that.
pub fn go_peer(name: &str) -> PathBuf {
    PEERS.as_ref().unwrap_or_else(|why| panic!("{name} is needed by this test; {why}")).join(name)
}
