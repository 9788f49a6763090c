//! What the file holds, back into values. A row that makes no sense is an error, never a panic and never a guess.

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, Row, params};

use super::super::{Artifact, Counter, IdHash, Kind, Owned, StoreError, consumed, time};

pub(super) const FIND: &str = "
SELECT realm, grant_id, session_id, payload, expires_at, consumed_at, successor, subject
FROM artifact WHERE kind = ?1 AND id = ?2 AND expires_at > ?3";

pub(super) const OWNED: &str = "
SELECT realm, grant_id, session_id, payload, expires_at, consumed_at, successor, subject, id
FROM artifact WHERE realm = ?1 AND subject = ?2 AND kind = ?3 AND id > ?4 AND expires_at > ?5 ORDER BY id LIMIT ?6";

pub(super) const DUE: &str = "
SELECT realm, grant_id, session_id, payload, expires_at, consumed_at, successor, subject, id
FROM artifact WHERE kind = ?1 AND due_at <= ?2 AND expires_at > ?2 AND consumed_at IS NULL ORDER BY due_at LIMIT ?3";

pub(super) const COUNTER: &str = "SELECT count, expires_at FROM counter WHERE key = ?1 AND expires_at > ?2";

pub(super) fn find(
    connection: &Connection,
    kind: Kind,
    id: &IdHash,
    now: Timestamp,
) -> Result<Option<Artifact>, StoreError> {
    let mut statement = connection.prepare_cached(FIND).map_err(failure)?;
    let mut rows = statement.query(params![kind as u8, id.as_bytes(), now.as_microsecond()]).map_err(failure)?;
    let row = rows.next().map_err(failure)?;
    row.map(|row| artifact(row, kind, *id)).transpose()
}

pub(super) fn owned(connection: &Connection, owned: &Owned, now: Timestamp) -> Result<Vec<Artifact>, StoreError> {
    let mut statement = connection.prepare_cached(OWNED).map_err(failure)?;
    // Every id is longer than no bytes, and so above them.
    let after = owned.after.as_ref().map_or(&[][..], |id| id.as_bytes());
    let limit = i64::try_from(owned.limit).unwrap_or(i64::MAX);
    let values = params![&*owned.realm, &*owned.subject, owned.kind as u8, after, now.as_microsecond(), limit];
    let mut rows = statement.query(values).map_err(failure)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failure)? {
        let id = IdHash::from_bytes(row.get(8).map_err(failure)?);
        found.push(artifact(row, owned.kind, id)?);
    }
    Ok(found)
}

pub(super) fn due(
    connection: &Connection,
    kind: Kind,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<Artifact>, StoreError> {
    let mut statement = connection.prepare_cached(DUE).map_err(failure)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![kind as u8, now.as_microsecond(), limit]).map_err(failure)?;
    let mut due = Vec::new();
    while let Some(row) = rows.next().map_err(failure)? {
        let id = row.get::<_, [u8; 32]>(8).map_err(failure)?;
        due.push(artifact(row, kind, IdHash::from_bytes(id))?);
    }
    Ok(due)
}

pub(super) fn find_counter(
    connection: &Connection,
    key: &IdHash,
    now: Timestamp,
) -> Result<Option<Counter>, StoreError> {
    let mut statement = connection.prepare_cached(COUNTER).map_err(failure)?;
    let mut rows = statement.query(params![key.as_bytes(), now.as_microsecond()]).map_err(failure)?;
    rows.next().map_err(failure)?.map(counter).transpose()
}

fn artifact(row: &Row<'_>, kind: Kind, id: IdHash) -> Result<Artifact, StoreError> {
    let hash =
        |column| row.get::<_, Option<[u8; 32]>>(column).map(|bytes| bytes.map(IdHash::from_bytes)).map_err(failure);
    let consumed = consumed((kind, id), row.get(5).map_err(failure)?, hash(6)?)?;
    Ok(Artifact {
        kind,
        id,
        realm: row.get::<_, String>(0).map_err(failure)?.into(),
        grant: hash(1)?,
        session: hash(2)?,
        subject: row.get::<_, Option<String>>(7).map_err(failure)?.map(Into::into),
        payload: row.get(3).map_err(failure)?,
        expires_at: time(row.get(4).map_err(failure)?)?,
        consumed,
    })
}

pub(super) fn counter(row: &Row<'_>) -> Result<Counter, StoreError> {
    Ok(Counter { count: row.get(0).map_err(failure)?, expires_at: time(row.get(1).map_err(failure)?)? })
}

/// SQLite's errors name tables and columns, never values.
pub(super) fn failure(error: rusqlite::Error) -> StoreError {
    use rusqlite::Error as E;
    let corrupt = match &error {
        E::FromSqlConversionFailure(..)
        | E::IntegralValueOutOfRange(..)
        | E::InvalidColumnType(..)
        | E::Utf8Error(..) => true,
        E::SqliteFailure(code, _) => matches!(code.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase),
        _ => false,
    };
    if corrupt { StoreError::Corrupt(error.to_string()) } else { StoreError::Unavailable(error.to_string()) }
}
