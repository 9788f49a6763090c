//! The files below a directory, each read again only when it has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::super::manifest::{self, FileProblem, Manifests};
use super::super::yaml::MAX_FILE_BYTES;

/// How deep folders are followed.
const MAX_DEPTH: usize = 32;

/// A file that was changed so shortly before it was read may change again without its time telling.
const UNSETTLED: Duration = Duration::from_secs(2);

/// Every `*.yaml` and `*.yml` file below `root`, sorted. Entries that begin with a dot are passed over (`.git`, `.realmkeeper`,
/// an editor's swap file, the hidden half of a mounted ConfigMap); links are followed. What could not be listed is a problem.
/// `root` may also be one file.
pub fn list(root: &Path) -> (Vec<PathBuf>, Vec<FileProblem>) {
    let mut walk = Walk::default();
    if root.is_file() {
        walk.files.insert(root.to_owned());
    } else {
        walk.folder(root, 0);
    }
    (walk.files.into_iter().collect(), walk.problems)
}

#[derive(Default)]
struct Walk {
    files: BTreeSet<PathBuf>,
    seen: BTreeSet<PathBuf>,
    problems: Vec<FileProblem>,
}

impl Walk {
    fn folder(&mut self, folder: &Path, depth: usize) {
        // A link may lead back to where it came from.
        let known = fs::canonicalize(folder).is_ok_and(|real| !self.seen.insert(real));
        if known || depth > MAX_DEPTH {
            return;
        }
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.problems.push(problem(folder, &error)),
        };
        for entry in entries.flatten() {
            let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            let path = entry.path();
            if hidden {
                continue;
            }
            if path.is_dir() {
                self.folder(&path, depth + 1);
            } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
                && path.is_file()
            {
                self.files.insert(path);
            }
        }
    }
}

fn problem(file: &Path, error: &io::Error) -> FileProblem {
    FileProblem {
        file: file.into(),
        line: 1,
        object: None,
        field: String::new(),
        message: format!("can't be read: {error}"),
    }
}

/// Reads the manifests of a file, which are shown as those of `shown`. A file that can't be read is one problem.
pub fn read(path: &Path, shown: &Arc<Path>) -> Manifests {
    let text = File::open(path).and_then(|file| {
        let mut bytes = Vec::new();
        // One byte more than is accepted tells a file that is too large.
        file.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    });
    match text.map(String::from_utf8) {
        Ok(Ok(text)) => manifest::read(&text, shown),
        Ok(Err(error)) => {
            let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
            let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
            let message = "is not UTF-8".to_owned();
            let found = FileProblem { file: shown.clone(), line, object: None, field: String::new(), message };
            Manifests { problems: vec![found], ..Manifests::default() }
        }
        Err(error) => Manifests { problems: vec![problem(shown, &error)], ..Manifests::default() },
    }
}

/// What tells one state of a file from another.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: Option<SystemTime>,
    len: u64,
    inode: u64,
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Self { modified: metadata.modified().ok(), len: metadata.len(), inode }
    }

    fn settled(self, now: SystemTime) -> bool {
        self.modified.and_then(|modified| now.duration_since(modified).ok()).is_some_and(|age| age > UNSETTLED)
    }
}

struct Cached {
    stamp: Option<Stamp>,
    manifests: Arc<Manifests>,
}

/// The files that were read, by their paths.
#[derive(Default)]
pub(super) struct Cache {
    files: BTreeMap<PathBuf, Cached>,
}

impl Cache {
    /// What these files hold now, in their order. Problems and places name them relative to `root`.
    pub(super) fn read(&mut self, root: &Path, paths: &[PathBuf], now: SystemTime) -> Vec<(PathBuf, Arc<Manifests>)> {
        let mut before = std::mem::take(&mut self.files);
        let mut found = Vec::with_capacity(paths.len());
        for path in paths {
            let stamp = fs::metadata(path).ok().map(|metadata| Stamp::of(&metadata));
            let cached = match before.remove(path) {
                Some(cached) if cached.stamp.is_some() && cached.stamp == stamp => cached,
                _ => {
                    let shown: Arc<Path> = path.strip_prefix(root).unwrap_or(path).into();
                    Cached { stamp: stamp.filter(|stamp| stamp.settled(now)), manifests: Arc::new(read(path, &shown)) }
                }
            };
            found.push((path.clone(), cached.manifests.clone()));
            self.files.insert(path.clone(), cached);
        }
        found
    }
}
