//! What PostgreSQL says, in our words. Only its message and code are repeated: its details may hold values.

use std::error::Error as _;

use tokio_postgres::{Error, error::SqlState};

use super::super::StoreError;

/// Why one attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// A change's condition did not hold.
    Conflict,
    /// Somebody was in the way: nothing was done, and it may well succeed now.
    Again(String),
    /// The connection is of no use any more. What was asked may have been done.
    Lost(String),
    /// The engine refused.
    Unavailable(String),
    /// What was read is not what was written.
    Corrupt(String),
    /// The tables are not ours, or those of a later version.
    Schema(SchemaError),
}

/// Why the tables can't be used; nothing but a person will change that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// Somebody else's.
    #[error(
        "its schema {schema} holds tables of something else; they are left untouched: name another with ?schema=NAME"
    )]
    Foreign {
        /// The schema.
        schema: String,
    },
    /// A later version's.
    #[error("it was written by a later version (schema {found}; this one knows {known}): run that or a later one")]
    Newer {
        /// Its schema.
        found: i64,
        /// The last one that this version knows.
        known: i64,
    },
}

impl Failure {
    /// True where the statement divided by zero: our own way to break off a transaction.
    pub(super) fn is_own_sign(error: &Error) -> bool {
        error.code() == Some(&SqlState::DIVISION_BY_ZERO)
    }

    pub(super) fn closed() -> Self {
        Self::Unavailable("it is closed".into())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let Some(db) = error.as_db_error() else {
            // Nothing from the server: what was sent may have arrived or not.
            return Self::Lost(chain(&error));
        };
        let (code, text) = (db.code(), format!("{} ({})", db.message(), db.code().code()));
        if [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED].contains(code) {
            return Self::Again(text);
        }
        match code.code().get(..2) {
            // The connection, an operator's intervention; but a statement that took too long leaves the connection sound.
            Some("08" | "57") if *code != SqlState::QUERY_CANCELED => Self::Lost(text),
            Some("XX") if [SqlState::DATA_CORRUPTED, SqlState::INDEX_CORRUPTED].contains(code) => Self::Corrupt(text),
            // A former primary that takes no more writes: the next connection finds the new one.
            _ if *code == SqlState::READ_ONLY_SQL_TRANSACTION => Self::Lost(text),
            _ => Self::Unavailable(text),
        }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Conflict => Self::Conflict,
            Failure::Again(text) | Failure::Lost(text) | Failure::Unavailable(text) => Self::Unavailable(text),
            Failure::Corrupt(text) => Self::Corrupt(text),
            Failure::Schema(error) => Self::Unavailable(error.to_string()),
        }
    }
}

/// The error and its causes: tokio-postgres says only `error connecting to server` by itself.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
