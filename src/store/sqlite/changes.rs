//! Each change as one statement whose WHERE is the change's condition: no row touched means a conflict.

use jiff::Timestamp;
use rusqlite::{Connection, Params, params};

use super::super::{Artifact, Change, Counter, IdHash, Kind, StoreError};
use super::row::{self, failure};

const INSERT: &str = "
INSERT INTO artifact (kind, id, realm, grant_id, session_id, payload, expires_at, consumed_at, successor, subject)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?11)
ON CONFLICT (kind, id) DO UPDATE SET realm = excluded.realm, grant_id = excluded.grant_id, session_id = excluded.session_id,
  payload = excluded.payload, expires_at = excluded.expires_at, consumed_at = excluded.consumed_at, successor = excluded.successor,
  subject = excluded.subject, due_at = NULL
WHERE artifact.expires_at <= ?10";

const REQUIRE: &str = "
SELECT 1 FROM artifact
WHERE kind = ?1 AND id = ?2 AND expires_at > ?3 AND consumed_at IS NULL AND (?4 IS NULL OR payload = ?4)";

const SCHEDULE: &str = "
UPDATE artifact SET due_at = ?4 WHERE kind = ?1 AND id = ?2 AND expires_at > ?3 AND consumed_at IS NULL";

const CONSUME: &str = "
UPDATE artifact SET consumed_at = ?3, successor = ?4
WHERE kind = ?1 AND id = ?2 AND expires_at > ?3 AND consumed_at IS NULL";

const RESUCCEED: &str = "
UPDATE artifact SET successor = ?5 WHERE kind = ?1 AND id = ?2 AND expires_at > ?3 AND successor = ?4";

const REMOVE_UNUSED: &str = "
DELETE FROM artifact WHERE kind = ?1 AND id = ?2 AND expires_at > ?3 AND consumed_at IS NULL";

const REMOVE: &str = "DELETE FROM artifact WHERE kind = ?1 AND id = ?2";

const REMOVE_GRANT: &str = "DELETE FROM artifact WHERE grant_id = ?1";

const REMOVE_SESSION: &str = "DELETE FROM artifact WHERE session_id = ?1";

const COUNT: &str = "
INSERT INTO counter (key, realm, count, expires_at) VALUES (?1, ?2, 1, ?3)
ON CONFLICT (key) DO UPDATE SET realm = excluded.realm,
  count = CASE WHEN expires_at <= ?4 THEN 1 ELSE min(count + 1, 4294967295) END,
  expires_at = CASE WHEN expires_at <= ?4 THEN excluded.expires_at ELSE expires_at END
RETURNING count, expires_at";

const RESET: &str = "DELETE FROM counter WHERE key = ?1";

const SWEEP_ARTIFACTS: &str = "
DELETE FROM artifact WHERE rowid IN (SELECT rowid FROM artifact WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)";

const SWEEP_COUNTERS: &str = "
DELETE FROM counter WHERE key IN (SELECT key FROM counter WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)";

const INTERACTIONS: &str = "
SELECT count(*) FROM (SELECT 1 FROM artifact WHERE kind = 6 AND expires_at > ?1 LIMIT ?2)";

/// Applies one change, all of it or (in a savepoint) none.
pub(super) fn apply(connection: &Connection, change: &Change, now: Timestamp) -> Result<(), StoreError> {
    let at = now.as_microsecond();
    match change {
        Change::Insert(artifact) => write(connection, artifact, at),
        Change::Put(artifact) => write(connection, artifact, i64::MAX),
        Change::Require { kind, id, payload } => {
            let mut statement = connection.prepare_cached(REQUIRE).map_err(failure)?;
            let is_so = statement.exists(params![*kind as u8, id.as_bytes(), at, payload]).map_err(failure)?;
            if is_so { Ok(()) } else { Err(StoreError::Conflict) }
        }
        Change::Schedule { kind, id, due } => {
            one(connection, SCHEDULE, params![*kind as u8, id.as_bytes(), at, due.as_microsecond()])
        }
        Change::Consume { kind, id, successor } => {
            let successor = successor.as_ref().map(IdHash::as_bytes);
            one(connection, CONSUME, params![*kind as u8, id.as_bytes(), at, successor])
        }
        Change::Resucceed { kind, id, from, to } => {
            one(connection, RESUCCEED, params![*kind as u8, id.as_bytes(), at, from.as_bytes(), to.as_bytes()])
        }
        Change::RemoveUnused { kind, id } => one(connection, REMOVE_UNUSED, params![*kind as u8, id.as_bytes(), at]),
        Change::Remove { kind, id } => remove(connection, *kind, id),
        Change::RemoveGrant(grant) => {
            run(connection, REMOVE_GRANT, [grant.as_bytes()])?;
            remove(connection, Kind::Grant, grant)
        }
        Change::RemoveSession(session) => {
            run(connection, REMOVE_SESSION, [session.as_bytes()])?;
            remove(connection, Kind::Session, session)
        }
    }
}

/// Adds the artifact, or replaces one that ends at `replaces_until` or before.
fn write(connection: &Connection, artifact: &Artifact, replaces_until: i64) -> Result<(), StoreError> {
    let bytes = |id: &Option<IdHash>| id.map(|id| *id.as_bytes());
    let values = params![
        artifact.kind as u8,
        artifact.id.as_bytes(),
        &*artifact.realm,
        bytes(&artifact.grant),
        bytes(&artifact.session),
        artifact.payload,
        artifact.expires_at.as_microsecond(),
        artifact.consumed.map(|consumed| consumed.at.as_microsecond()),
        bytes(&artifact.consumed.and_then(|consumed| consumed.successor)),
        replaces_until,
        artifact.subject.as_deref(),
    ];
    one(connection, INSERT, values)
}

fn remove(connection: &Connection, kind: Kind, id: &IdHash) -> Result<(), StoreError> {
    run(connection, REMOVE, params![kind as u8, id.as_bytes()]).map(drop)
}

/// Counts one more; see [`super::super::Store::count`].
pub(super) fn count(
    connection: &Connection,
    realm: &str,
    key: &IdHash,
    ends: Timestamp,
    now: Timestamp,
) -> Result<Counter, StoreError> {
    let mut statement = connection.prepare_cached(COUNT).map_err(failure)?;
    let values = params![key.as_bytes(), realm, ends.as_microsecond(), now.as_microsecond()];
    let mut rows = statement.query(values).map_err(failure)?;
    let row = rows.next().map_err(failure)?;
    let counter = row::counter(row.ok_or_else(|| StoreError::Corrupt("a counter did not count".into()))?)?;
    // A statement with RETURNING is done when it has said so.
    rows.next().map_err(failure)?;
    Ok(counter)
}

/// Forgets a counter.
pub(super) fn reset(connection: &Connection, key: &IdHash) -> Result<(), StoreError> {
    run(connection, RESET, [key.as_bytes()]).map(drop)
}

/// Deletes at most `limit` of what has expired.
pub(super) fn sweep(connection: &Connection, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
    let expired = |sql, limit: usize| {
        run(connection, sql, params![now.as_microsecond(), i64::try_from(limit).unwrap_or(i64::MAX)])
    };
    let artifacts = expired(SWEEP_ARTIFACTS, limit)?;
    Ok(artifacts + expired(SWEEP_COUNTERS, limit.saturating_sub(artifacts))?)
}

/// How many sign-ins are under way; it stops counting at `most`.
pub(super) fn interactions(connection: &Connection, now: Timestamp, most: usize) -> Result<usize, StoreError> {
    let mut statement = connection.prepare_cached(INTERACTIONS).map_err(failure)?;
    let values = params![now.as_microsecond(), i64::try_from(most).unwrap_or(i64::MAX)];
    let found = statement.query_row(values, |row| row.get::<_, i64>(0)).map_err(failure)?;
    Ok(usize::try_from(found).unwrap_or(usize::MAX))
}

fn one(connection: &Connection, sql: &str, values: impl Params) -> Result<(), StoreError> {
    if run(connection, sql, values)? == 0 { Err(StoreError::Conflict) } else { Ok(()) }
}

/// How many rows the statement touched.
pub(super) fn run(connection: &Connection, sql: &str, values: impl Params) -> Result<usize, StoreError> {
    connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).map_err(failure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::schema;

    #[test]
    fn no_statement_walks_through_a_table() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection, "memory".as_ref()).unwrap();
        let changes =
            [INSERT, REQUIRE, SCHEDULE, CONSUME, RESUCCEED, REMOVE_UNUSED, REMOVE, REMOVE_GRANT, REMOVE_SESSION];
        let reads = [row::FIND, row::OWNED, row::DUE, row::COUNTER];
        let others = [COUNT, RESET, SWEEP_ARTIFACTS, SWEEP_COUNTERS, INTERACTIONS].into_iter().chain(reads);
        for sql in changes.into_iter().chain(others) {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let mut rows = statement.raw_query();
            while let Some(row) = rows.next().unwrap() {
                let step: String = row.get("detail").unwrap();
                let fine = !step.starts_with("SCAN") && !step.contains("TEMP B-TREE") || step.contains("subquery");
                assert!(fine, "{step}: {sql}");
            }
        }
    }

    #[test]
    fn the_statement_that_counts_interactions_counts_their_kind() {
        assert!(INTERACTIONS.contains(&format!("kind = {} AND", Kind::Interaction as u8)));
    }
}
