use std::{
    ffi::OsString,
    fmt, io,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use super::{MAX_INTERACTIONS, MemoryStore, PostgresLocation, PostgresStore, SchemaError, SqliteStore, Store};

/// Where runtime state is kept: the value of `--store`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// `memory`: gone when the process ends.
    Memory,
    /// `sqlite:PATH`: one file.
    Sqlite(PathBuf),
    /// `postgres://…`: a database, for any number of replicas.
    Postgres(Box<PostgresLocation>),
}

/// Why a value of `--store` means nothing. The value is not repeated: it may hold a password.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum LocationError {
    /// `sqlite:` without a file.
    #[error("`sqlite:` needs the path of a file, as in `sqlite:/var/lib/realmkeeper/state.db`")]
    NoPath,
    /// SQLite's own word for a database in memory.
    #[error("for a store in memory write `memory`")]
    SqliteInMemory,
    /// A URL that can't be read, or names no host.
    #[error(
        "the URL of a PostgreSQL store is `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full`; in user and password \
         characters such as @ : / ? # % are written percent-encoded"
    )]
    PostgresUrl,
    /// A parameter that nobody knows.
    #[error(
        "the URL of a PostgreSQL store has a parameter that is not known: known are sslmode, sslrootcert, sslcert, sslkey, \
         password_file, pool_max, schema, and of libpq's user, password, dbname, host, hostaddr, port, options, application_name, \
         connect_timeout, tcp_user_timeout, keepalives, keepalives_idle, keepalives_interval, keepalives_retries, \
         target_session_attrs, load_balance_hosts"
    )]
    PostgresParameter,
    /// TLS that can't be meant.
    #[error(
        "the URL of a PostgreSQL store: sslmode is disable, prefer, require, verify-ca or verify-full; sslcert and sslkey belong together"
    )]
    PostgresTls,
    /// A size of the pool that is none.
    #[error("the URL of a PostgreSQL store: pool_max is a number from 1 to 1000")]
    PostgresPool,
    /// A name that would need quoting.
    #[error(
        "the URL of a PostgreSQL store: schema is a name of lower-case letters, digits and underscores that does not begin with pg_"
    )]
    PostgresSchema,
    /// Anything else.
    #[error("a store is `memory`, `sqlite:PATH` or `postgres://…`")]
    Unknown,
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "memory" => Ok(Self::Memory),
            Some(("sqlite", path)) => sqlite_path(path).map(Self::Sqlite),
            Some(("postgres" | "postgresql", _)) => text.parse().map(Box::new).map(Self::Postgres),
            _ => Err(LocationError::Unknown),
        }
    }
}

/// `sqlite:///a/b` and `sqlite://b`, the way others write it, mean `/a/b` and `b`.
fn sqlite_path(path: &str) -> Result<PathBuf, LocationError> {
    match path.strip_prefix("//").unwrap_or(path) {
        "" => Err(LocationError::NoPath),
        ":memory:" => Err(LocationError::SqliteInMemory),
        path => Ok(path.into()),
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory"),
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            // Without what is secret, so it does not lead there.
            Self::Postgres(location) => write!(f, "{location}"),
        }
    }
}

impl Location {
    /// True where several replicas can use it at once.
    pub fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Opens the store, with the default bounds. It reads and writes files: call it at start-up. A database that can't be reached is no
    /// error ([`PostgresStore::open`]). Its password comes from `PGPASSWORD` where the location has none.
    ///
    /// # Errors
    /// [`OpenError`], a sentence for whoever started the process.
    pub async fn open(&self) -> Result<Arc<dyn Store>, OpenError> {
        Ok(match self {
            Self::Memory => Arc::new(MemoryStore::new()),
            Self::Sqlite(path) => Arc::new(SqliteStore::open(path, MAX_INTERACTIONS)?),
            Self::Postgres(location) => {
                let password = std::env::var_os("PGPASSWORD").map(OsString::into_encoded_bytes);
                Arc::new(PostgresStore::open(location.as_ref().clone().or_password(password), MAX_INTERACTIONS).await?)
            }
        })
    }
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file belongs to a running process.
    #[error("the store {} is in use by {holder}: stop it first, or give this process a file of its own", .path.display())]
    InUse {
        /// The file.
        path: PathBuf,
        /// Who has it, as far as is known.
        holder: String,
    },
    /// The file system refused.
    #[error("the store {}: {attempt}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        attempt: &'static str,
        /// The reason.
        source: io::Error,
    },
    /// The file is something else.
    #[error("the store {} is a database of something else; it is left untouched", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a later version.
    #[error("the store {} was written by a later version (schema {found}; this one knows {known}): run that or a later one", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The last schema that this version knows.
        known: i64,
    },
    /// SQLite refused.
    #[error("the store {}: {attempt}: {source}", .path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What was tried.
        attempt: &'static str,
        /// The reason.
        source: rusqlite::Error,
    },
    /// The database is something else's, or a later version's.
    #[error("the store {place}: {source}")]
    Postgres {
        /// Where it is.
        place: String,
        /// Why it is not used.
        source: SchemaError,
    },
    /// The file system can't do what the write-ahead log needs.
    #[error("the store {}: no write-ahead log is possible here (a network file system?)", .path.display())]
    NoWriteAheadLog {
        /// The file.
        path: PathBuf,
    },
}

impl OpenError {
    pub(super) fn io(path: &Path, attempt: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.into(), attempt, source }
    }

    pub(super) fn sqlite(path: &Path, attempt: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| Self::Sqlite { path: path.into(), attempt, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_read_as_it_is_written() {
        let sqlite = |path: &str| Ok(Location::Sqlite(path.into()));
        for (text, expected) in [
            ("memory", Ok(Location::Memory)),
            ("sqlite:state.db", sqlite("state.db")),
            ("sqlite:/var/lib/state.db", sqlite("/var/lib/state.db")),
            ("sqlite:///var/lib/state.db", sqlite("/var/lib/state.db")),
            ("sqlite://state.db", sqlite("state.db")),
            ("sqlite:", Err(LocationError::NoPath)),
            ("sqlite://", Err(LocationError::NoPath)),
            ("sqlite::memory:", Err(LocationError::SqliteInMemory)),
            ("postgres:", Err(LocationError::PostgresUrl)),
            ("postgres://", Err(LocationError::PostgresUrl)),
            ("postgresql://db/x?pool_max=0", Err(LocationError::PostgresPool)),
            ("postgres://db:5432/x", Ok(Location::Postgres(Box::new("postgres://db:5432/x".parse().unwrap())))),
            ("memory:", Err(LocationError::Unknown)),
            ("mysql://db", Err(LocationError::Unknown)),
            ("", Err(LocationError::Unknown)),
        ] {
            let read = text.parse::<Location>();
            assert_eq!(read, expected, "{text}");
            if let Ok(location) = read {
                assert_eq!(location.to_string().parse(), Ok(location), "{text}");
            }
        }
    }

    #[test]
    fn a_refusal_does_not_repeat_the_password() {
        let refusal = "postgres://u:hunter2@db:/x?y=z".parse::<Location>().unwrap_err();
        assert!(!format!("{refusal} {refusal:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn each_location_opens_a_store_that_works() {
        let folder = tempfile::tempdir().unwrap();
        let file = Location::Sqlite(folder.path().join("state.db"));
        for location in [Location::Memory, file] {
            let store = location.open().await.unwrap();
            store.sweep(crate::store::suite::now(), 1).await.unwrap();
            store.close().await.unwrap();
        }
    }
}
