use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::Value;

use super::super::yaml;
use super::files::Stamp;

/// The statuses that were written, each read again only when its file has changed. The applier writes each whole and renames it to
/// its place, so that each is a new file.
#[derive(Default)]
pub(super) struct Statuses {
    files: HashMap<PathBuf, (Stamp, Kept)>,
}

/// What was kept of an object beside its manifest.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept {
    /// Its status.
    pub(super) status: Option<Value>,
    /// Since when it is there, so that it is known after a restart who is older.
    pub(super) created: Option<Timestamp>,
}

impl Statuses {
    /// The status in a file; nothing where there is none or it can't be read, which only means that it is written anew.
    pub(super) fn read(&mut self, path: &Path) -> Kept {
        let Ok(stamp) = fs::metadata(path).map(|metadata| Stamp::of(&metadata)) else {
            self.files.remove(path);
            return Kept::default();
        };
        match self.files.get(path) {
            Some((known, kept)) if *known == stamp => kept.clone(),
            _ => {
                let kept = fs::read_to_string(path).ok().and_then(|text| parse(&text)).unwrap_or_default();
                self.files.insert(path.to_owned(), (stamp, kept.clone()));
                kept
            }
        }
    }
}

fn parse(text: &str) -> Option<Kept> {
    let mut document = yaml::parse(text).documents.pop()?;
    let created = document.value.pointer("/metadata/creationTimestamp").and_then(Value::as_str);
    let created = created.and_then(|created| created.parse().ok());
    Some(Kept { status: document.value.get_mut("status").map(Value::take), created })
}
