//! A directory of manifests as a source: every `*.yaml` and `*.yml` below it, watched, so that a saved file is live within a
//! second, with no cluster at all.

mod files;
mod layout;
mod overrides;
mod state;
mod status;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use notify::{RecursiveMode, Watcher};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Event;
use crate::controller::apply::directory::STATE_FOLDER;
pub use files::{list, read};
pub use overrides::{make_override, override_file, with_override};
pub use state::{Directory, GRACE, Scan, find_manifest, twice};

/// A save is several writes: the directory is looked at when it has been quiet for so long …
const QUIET: Duration = Duration::from_millis(60);
/// … or this long after the first write, however busy it is.
const BUSY: Duration = Duration::from_millis(300);
/// Where no watcher can be had, the directory is looked at so often; within the second that is promised.
const POLL: Duration = Duration::from_millis(500);
/// A watcher can miss something (a network file system, a full queue): all files are looked at so often.
const RESCAN: Duration = Duration::from_secs(5);

/// Why a directory can't be a source.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// It is not there, or is no directory.
    #[error("{0} is not a directory that can be read")]
    NotADirectory(PathBuf),
    /// Reading stopped where it must not.
    #[error("reading the directory failed")]
    Reading(#[from] tokio::task::JoinError),
}

/// Sends what the directory says, first as whole lists and then change by change, until `stop` is cancelled or nobody listens.
/// What is wrong with a file is logged with its line, and in the status of the objects that it holds.
///
/// # Errors
/// The directory is not there at the start. Later it may vanish and come back.
pub async fn run(
    root: PathBuf,
    events: mpsc::Sender<Event>,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    stop: CancellationToken,
) -> Result<(), DirectoryError> {
    if !root.is_dir() {
        return Err(DirectoryError::NotADirectory(root));
    }
    let changed = Arc::new(Notify::new());
    let watcher = watch(&root, &changed);
    let mut directory = Directory::new(root);
    loop {
        let now = clock();
        let (back, scan) = tokio::task::spawn_blocking(move || {
            let scan = directory.scan(now);
            (directory, scan)
        })
        .await?;
        directory = back;
        let again = scan.again;
        for problem in &scan.problems {
            tracing::warn!(file = %problem.file.display(), line = problem.line, object = problem.object, field = problem.field, "{problem}");
        }
        for event in scan.events {
            if events.send(event).await.is_err() {
                return Ok(());
            }
        }
        let pause = match &watcher {
            _ if again => GRACE + Duration::from_millis(10),
            Some(_) => RESCAN,
            None => POLL,
        };
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = quiet(&changed) => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Waits for a change, and then until there is none for a moment.
async fn quiet(changed: &Notify) {
    changed.notified().await;
    let settle = async { while timeout(QUIET, changed.notified()).await.is_ok() {} };
    // However busy it is, what is there is looked at.
    let _ = timeout(BUSY, settle).await;
}

/// Our own reading is no change, and neither is what else the server keeps beside its manifests: a store in a file is written many
/// times a second.
fn is_noise(event: &notify::Event) -> bool {
    let is_ours = |path: &PathBuf| path.components().any(|part| part.as_os_str() == STATE_FOLDER);
    let is_manifest = |path: &PathBuf| path.extension().is_none_or(|extension| extension == "yaml");
    event.kind.is_access()
        || (!event.paths.is_empty() && event.paths.iter().all(|path| is_ours(path) && !is_manifest(path)))
}

fn watch(root: &Path, changed: &Arc<Notify>) -> Option<notify::RecommendedWatcher> {
    let notify = changed.clone();
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // What went wrong may have hidden a change.
        if event.is_ok_and(|event| is_noise(&event)) {
            return;
        }
        notify.notify_one();
    });
    match watcher.and_then(|mut watcher| watcher.watch(root, RecursiveMode::Recursive).map(|()| watcher)) {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::warn!(%error, "the directory can't be watched, so it is looked at twice a second");
            None
        }
    }
}

#[cfg(test)]
mod tests;
