//! Tokens between two calls: one file for each issuer, client, scope and audience, for the person alone. An entry is replaced whole,
//! so whoever reads it without the lock reads one or the other; whoever refreshes holds the lock, so a refresh token that was rotated
//! is never used a second time.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use aws_lc_rs::digest;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::{TokenError, Tokens, provider::Wish};
use crate::secret::random;

/// How often a lock that somebody else holds is tried.
const EVERY: Duration = Duration::from_millis(50);

/// The folder of all entries.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

/// Which entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(String);

/// Tokens, and when they came.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Entry {
    /// When the provider gave them.
    pub obtained_at: Timestamp,
    /// The answer.
    pub tokens: Tokens,
}

/// Held by the one process that changes the entry; let go when it is dropped, however the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Key {
    /// The entry for what this client asks of this issuer; `way` tells a person's tokens from a workload's.
    pub fn of(issuer: &str, wish: &Wish, way: &str) -> Self {
        let mut scopes: Vec<_> = wish.scope.split_ascii_whitespace().collect();
        scopes.sort_unstable();
        let identity = json!([way, issuer, wish.client_id, scopes, wish.resources]).to_string();
        let hash = digest::digest(&digest::SHA256, identity.as_bytes());
        Self(hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl Cache {
    /// The cache below `home`, which is `XDG_CACHE_HOME` or `~/.cache`.
    pub fn below(home: &Path) -> Self {
        Self { folder: home.join("kubectl-realmkeeper") }
    }

    fn path(&self, key: &Key, extension: &str) -> PathBuf {
        self.folder.join(format!("{}.{extension}", key.0))
    }

    /// The entry; one that can't be read is as good as none.
    pub fn read(&self, key: &Key) -> Option<Entry> {
        let text = Zeroizing::new(fs::read(self.path(key, "json")).ok()?);
        serde_json::from_slice(&text).ok()
    }

    /// Replaces the entry.
    ///
    /// # Errors
    /// The file system's.
    pub fn write(&self, key: &Key, entry: &Entry) -> Result<(), TokenError> {
        self.make_folder()?;
        // As the provider said it: `expires_in` counts from `obtained_at`.
        let tokens = entry.tokens.to_json(entry.obtained_at, entry.obtained_at);
        let text = Zeroizing::new(json!({"obtained_at": entry.obtained_at, "tokens": tokens}).to_string());
        let draft = self.path(key, &format!("{}.tmp", random::<8>()?));
        let written = private(OpenOptions::new().write(true).create_new(true))
            .open(&draft)
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&draft, self.path(key, "json")));
        written.map_err(|error| {
            let _ = fs::remove_file(&draft);
            self.failed(error)
        })
    }

    /// Deletes the entry, if it is there.
    ///
    /// # Errors
    /// The file system's.
    pub fn remove(&self, key: &Key) -> Result<(), TokenError> {
        match fs::remove_file(self.path(key, "json")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed(error)),
            _ => Ok(()),
        }
    }

    /// Waits until no other process changes the entry.
    ///
    /// # Errors
    /// [`TokenError::Busy`] after `patience`, or the file system's.
    pub async fn lock(&self, key: &Key, patience: Duration) -> Result<Lock, TokenError> {
        self.make_folder()?;
        let file = private(OpenOptions::new().write(true).create(true).truncate(false))
            .open(self.path(key, "lock"))
            .map_err(|error| self.failed(error))?;
        let tries = patience.as_millis() / EVERY.as_millis();
        for _ in 0..=tries {
            match file.try_lock() {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(EVERY).await,
                Err(TryLockError::Error(error)) => return Err(self.failed(error)),
            }
        }
        Err(TokenError::Busy)
    }

    fn make_folder(&self) -> Result<(), TokenError> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.folder).and_then(|()| close(&self.folder)).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> TokenError {
        TokenError::Cache { path: self.folder.clone(), error }
    }
}

/// A folder that was there before may be open to others.
#[cfg(unix)]
fn close(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    match fs::metadata(folder)?.permissions().mode() & 0o077 {
        0 => Ok(()),
        _ => fs::set_permissions(folder, fs::Permissions::from_mode(0o700)),
    }
}

#[cfg(not(unix))]
fn close(_: &Path) -> io::Result<()> {
    Ok(())
}

fn private(options: &mut OpenOptions) -> &OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

    use jiff::Timestamp;
    use serde_json::json;

    use super::{Cache, Entry, Key, TokenError, Wish};

    fn wish() -> Wish {
        Wish { client_id: Some("kubectl".into()), scope: "openid email".into(), resources: Vec::new() }
    }

    fn entry(refresh: &str) -> Entry {
        let tokens = json!({"access_token": "a-hunter2", "token_type": "Bearer", "expires_in": 300,
            "id_token": "i-hunter2", "refresh_token": refresh, "scope": "openid"});
        Entry { obtained_at: Timestamp::UNIX_EPOCH, tokens: serde_json::from_value(tokens).unwrap() }
    }

    #[test]
    fn entries_are_told_apart_by_all_that_decides_and_by_nothing_else() {
        let key = |issuer: &str, change: &dyn Fn(&mut Wish)| {
            let mut wish = wish();
            change(&mut wish);
            Key::of(issuer, &wish, "person")
        };
        let same = key("https://a", &|_| ());
        assert_eq!(same, key("https://a", &|wish| wish.scope = "email  openid".into()), "scopes have no order");
        let others = [
            key("https://b", &|_| ()),
            key("https://a", &|wish| wish.client_id = None),
            key("https://a", &|wish| wish.scope = "openid".into()),
            key("https://a", &|wish| wish.resources = vec!["x".into()]),
            Key::of("https://a", &wish(), "workload"),
        ];
        assert!(others.iter().all(|other| *other != same));
    }

    #[tokio::test]
    async fn what_is_written_is_read_again_and_nobody_else_can_read_it() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("kubectl-realmkeeper");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let (cache, key) = (Cache::below(home.path()), Key::of("i", &wish(), ""));
        assert_eq!(cache.read(&key), None);
        let _lock = cache.lock(&key, Duration::ZERO).await.unwrap();
        for refresh in ["r1", "r2"] {
            cache.write(&key, &entry(refresh)).unwrap();
            assert_eq!(cache.read(&key), Some(entry(refresh)));
        }
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        let files: Vec<_> = fs::read_dir(&folder).unwrap().map(Result::unwrap).collect();
        assert_eq!(files.len(), 2, "the entry and its lock, no draft: {files:?}");
        for file in files {
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
        }
        cache.remove(&key).unwrap();
        cache.remove(&key).unwrap();
        assert_eq!(cache.read(&key), None);
    }

    #[tokio::test]
    async fn a_lock_is_held_by_one_and_let_go_with_it() {
        let home = tempfile::tempdir().unwrap();
        let (cache, key) = (Cache::below(home.path()), Key::of("i", &wish(), ""));
        let first = cache.lock(&key, Duration::ZERO).await.unwrap();
        assert!(matches!(cache.lock(&key, Duration::from_millis(60)).await, Err(TokenError::Busy)));
        let waiting = tokio::spawn({
            let (cache, key) = (cache.clone(), key.clone());
            async move { cache.lock(&key, Duration::from_secs(20)).await.map(drop) }
        });
        drop(first);
        waiting.await.unwrap().unwrap();
        cache.lock(&Key::of("other", &wish(), ""), Duration::ZERO).await.unwrap();
    }

    #[test]
    fn a_spoilt_entry_is_as_good_as_none() {
        let home = tempfile::tempdir().unwrap();
        let (cache, key) = (Cache::below(home.path()), Key::of("i", &wish(), ""));
        cache.write(&key, &entry("r")).unwrap();
        for text in ["", "{", "{}", "null", r#"{"obtained_at":"x","tokens":{}}"#] {
            fs::write(cache.path(&key, "json"), text).unwrap();
            assert_eq!(cache.read(&key), None, "{text}");
        }
    }

    #[test]
    fn a_folder_that_can_not_be_made_is_an_error_that_names_it() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("kubectl-realmkeeper"), "a file").unwrap();
        let cache = Cache::below(home.path());
        let error = cache.write(&Key::of("i", &wish(), ""), &entry("r-hunter2")).unwrap_err();
        assert!(error.to_string().contains("kubectl-realmkeeper") && !error.to_string().contains("hunter2"), "{error}");
    }
}
