use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;

use super::super::yaml;

/// The statuses that were written, each read again only when its file has changed. The server writes them whole, by renaming, so
/// that the time of a file tells.
#[derive(Default)]
pub(super) struct Statuses {
    files: HashMap<PathBuf, (SystemTime, u64, Option<Value>)>,
}

impl Statuses {
    /// The status in a file; none where there is none or it can't be read, which only means that it is written anew.
    pub(super) fn read(&mut self, path: &Path) -> Option<Value> {
        let Some((modified, len)) = fs::metadata(path).ok().and_then(|meta| Some((meta.modified().ok()?, meta.len())))
        else {
            self.files.remove(path);
            return None;
        };
        if let Some((known, known_len, status)) = self.files.get(path)
            && (*known, *known_len) == (modified, len)
        {
            return status.clone();
        }
        let status = fs::read_to_string(path).ok().and_then(|text| {
            let mut documents = yaml::parse(&text).documents;
            documents.pop().and_then(|mut document| document.value.get_mut("status").map(Value::take))
        });
        self.files.insert(path.to_owned(), (modified, len, status.clone()));
        status
    }
}
