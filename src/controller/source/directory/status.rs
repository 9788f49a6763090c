use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::yaml;
use super::files::Stamp;

/// The statuses that were written, each read again only when its file has changed. The applier writes each whole and renames it to
/// its place, so that each is a new file.
#[derive(Default)]
pub(super) struct Statuses {
    files: HashMap<PathBuf, (Stamp, Option<Value>)>,
}

impl Statuses {
    /// The status in a file; none where there is none or it can't be read, which only means that it is written anew.
    pub(super) fn read(&mut self, path: &Path) -> Option<Value> {
        let Ok(stamp) = fs::metadata(path).map(|metadata| Stamp::of(&metadata)) else {
            self.files.remove(path);
            return None;
        };
        match self.files.get(path) {
            Some((known, status)) if *known == stamp => status.clone(),
            _ => {
                let status = fs::read_to_string(path).ok().and_then(|text| status(&text));
                self.files.insert(path.to_owned(), (stamp, status.clone()));
                status
            }
        }
    }
}

fn status(text: &str) -> Option<Value> {
    let mut document = yaml::parse(text).documents.pop()?;
    document.value.get_mut("status").map(Value::take)
}
