//! The file itself: whose it is, who may read it, how it is opened.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};

use super::super::OpenError;

/// The file, ours alone for as long as this lives: a lock that the operating system drops with the process, however it ends. It is
/// on a file beside it, because to close a file drops all of SQLite's own locks on it.
#[derive(Debug)]
pub(super) struct Claim {
    path: PathBuf,
    lock: File,
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Closing alone would leave it to a child process that is just being started and still has a copy of everything open.
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(store = %self.path.display(), %error, "the store's lock could not be let go before its file is closed");
        }
    }
}

impl Claim {
    /// Makes the file (mode 0600, its folder too if only that is missing) where there is none, and claims it.
    pub(super) fn new(path: &Path) -> Result<Self, OpenError> {
        let path = true_path(path).map_err(OpenError::io(path, "finding the file"))?;
        let lock = lock(&path)?;
        make_private(&path).map_err(OpenError::io(&path, "making the file"))?;
        Ok(Self { path, lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The connection that writes. Everything committed on it is on the disk.
    pub(super) fn writer(&self) -> Result<Connection, OpenError> {
        let connection = self.connect()?;
        // Before anything is in the file. A commit writes a few pages here and there, so half of the usual size means half the log.
        connection
            .pragma_update(None, "page_size", 2048)
            .map_err(OpenError::sqlite(&self.path, "setting the size of its pages"))?;
        let mode = connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))
            .map_err(OpenError::sqlite(&self.path, "turning on the write-ahead log"))?;
        if !mode.eq_ignore_ascii_case("wal") {
            return Err(OpenError::NoWriteAheadLog { path: self.path.clone() });
        }
        // FULL: the log is synchronised at each commit. fullfsync: macOS does not mean it otherwise. 16,384 pages are 32 MiB of
        // log between two rounds of moving it into the file: fewer stalls, still a quick start after a crash.
        connection
            .execute_batch(
                "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;
                 PRAGMA wal_autocheckpoint = 16384; PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -32768;",
            )
            .map_err(OpenError::sqlite(&self.path, "setting it up"))?;
        Ok(connection)
    }

    /// A connection that reads.
    pub(super) fn reader(&self) -> Result<Connection, OpenError> {
        let connection = self.connect()?;
        connection
            .execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -8192;")
            .map_err(OpenError::sqlite(&self.path, "setting up a reader"))?;
        Ok(connection)
    }

    fn connect(&self) -> Result<Connection, OpenError> {
        // No CREATE: a file that has vanished in between is no empty store. No URI: a path is a path.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let set_up = || {
            let connection = Connection::open_with_flags(&self.path, flags)?;
            connection.busy_timeout(Duration::from_secs(5))?;
            connection.set_prepared_statement_cache_capacity(32);
            connection.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;")?;
            Ok(connection)
        };
        set_up().map_err(OpenError::sqlite(&self.path, "opening it"))
    }
}

/// One name for one file, so that its lock has one name too.
fn true_path(path: &Path) -> io::Result<PathBuf> {
    if let Ok(path) = path.canonicalize() {
        return Ok(path);
    }
    let name = path.file_name().ok_or_else(|| io::Error::other("the path has no file name"))?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.exists() {
        // One level only: more is rather a slip of the pen.
        DirBuilder::new().mode(0o700).create(folder)?;
    }
    Ok(folder.canonicalize()?.join(name))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.read(true).write(true).create(true).truncate(false).mode(0o600)
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let attempt = "locking it (in the file PATH-lock)";
    let mut file =
        private(&mut OpenOptions::new()).open(beside(path, "-lock")).map_err(OpenError::io(path, attempt))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(OpenError::InUse { path: path.into(), holder: holder(&mut file) });
        }
        Err(TryLockError::Error(source)) => return Err(OpenError::io(path, attempt)(source)),
    }
    sign(&mut file).map_err(OpenError::io(path, attempt))?;
    Ok(file)
}

/// Only so that the one who is refused can be told who has it.
fn sign(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    // The number is a help, no more: nothing is lost where it can't be read.
    let _ = file.take(20).read_to_string(&mut text);
    match text.trim().parse::<u32>() {
        Ok(id) => format!("process {id}"),
        Err(_) => "another process".into(),
    }
}

/// The file and its companions are for their owner alone; SQLite gives new companions the file's mode.
fn make_private(path: &Path) -> io::Result<()> {
    private(&mut OpenOptions::new()).open(path)?;
    for file in ["", "-wal", "-shm"].map(|suffix| beside(path, suffix)) {
        let Ok(found) = fs::metadata(&file) else { continue };
        if found.permissions().mode() & 0o077 != 0
            && let Err(error) = fs::set_permissions(&file, Permissions::from_mode(0o600))
        {
            tracing::warn!(file = %file.display(), %error, "the store can be read by others and its mode can't be changed");
        }
    }
    Ok(())
}
