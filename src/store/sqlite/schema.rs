//! The tables, and how an older file gets them: one file of SQL a step, the number of steps done in `user_version`.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::super::OpenError;

/// Never change one that was released: add another.
const MIGRATIONS: &[&str] =
    &[include_str!("0001_initial.sql"), include_str!("0002_subject.sql"), include_str!("0003_due.sql")];

/// Marks the file as one of ours ("RKPR"), for `file` and for us.
const APPLICATION_ID: i64 = 0x524b_5052;

/// Brings the tables to what this version knows; refuses a database of something else or of a later version.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::sqlite(path, "reading or creating its tables")(source);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let number = |pragma| transaction.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).map_err(failed);
    let (application, done) = (number("application_id")?, number("user_version")?);
    let tables = "SELECT EXISTS (SELECT 1 FROM sqlite_schema)";
    let empty = !transaction.query_row(tables, [], |row| row.get::<_, bool>(0)).map_err(failed)?;
    let fresh = application == 0 && done == 0 && empty;
    if application != APPLICATION_ID && !fresh {
        return Err(OpenError::Foreign { path: path.into() });
    }
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let todo = usize::try_from(done).ok().and_then(|done| MIGRATIONS.get(done..));
    let todo = todo.ok_or_else(|| OpenError::Newer { path: path.into(), found: done, known })?;
    for step in todo {
        transaction.execute_batch(step).map_err(failed)?;
    }
    if !todo.is_empty() {
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
        transaction.pragma_update(None, "user_version", known).map_err(failed)?;
    }
    transaction.commit().map_err(failed)
}
