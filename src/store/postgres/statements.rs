//! Every statement, prepared once for each connection. Only what PostgreSQL, CockroachDB and YugabyteDB all have.
//!
//! Each change is one statement whose WHERE is the change's condition: no row touched means a conflict. Such a statement stands here
//! twice. By itself it is a transaction, and its count of rows tells. Among others (`…_or_stop`) it divides by that count: no row
//! breaks the transaction off, though the rest of it, COMMIT included, is on its way already.

use futures::try_join;
use tokio_postgres::{Client, Error, Statement, types::Type};

/// `@` is the schema with its dot.
pub(super) fn in_schema(sql: &str, schema: &str) -> String {
    sql.replace('@', &format!("\"{schema}\"."))
}

macro_rules! statements {
    ($($name:ident($($parameter:ident),*) = $sql:expr;)*) => {
        /// The prepared statements of one connection.
        pub(super) struct Statements { $(pub(super) $name: Statement,)* }

        impl Statements {
            /// Prepares all of them in one round trip. With their types, which not every engine guesses alike.
            pub(super) async fn prepare(client: &Client, schema: &str) -> Result<Self, Error> {
                // Boxed: thirty of them side by side would fill a thread's stack.
                $(let $name = Box::pin(async {
                    client.prepare_typed(&in_schema(&$sql, schema), &[$(Type::$parameter),*]).await
                });)*
                let ($($name,)*) = try_join!($($name),*)?;
                Ok(Self { $($name,)* })
            }
        }

        #[cfg(test)]
        pub(super) fn all(schema: &str) -> Vec<(&'static str, String, Vec<Type>)> {
            vec![$((stringify!($name), in_schema(&$sql, schema), vec![$(Type::$parameter),*]),)*]
        }
    };
}

const INSERT: &str = "
INSERT INTO @artifact AS held
  (id, kind, realm, grant_id, session_id, subject, payload, expires_at, consumed_at, successor)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (id, kind) DO UPDATE SET realm = excluded.realm, grant_id = excluded.grant_id, session_id = excluded.session_id,
  subject = excluded.subject, payload = excluded.payload, expires_at = excluded.expires_at,
  consumed_at = excluded.consumed_at, successor = excluded.successor, due_at = NULL
WHERE held.expires_at <= $11";

/// Locked until the end: nobody changes it between this and what depends on it.
const REQUIRE: &str = "
SELECT 1 FROM @artifact
WHERE id = $1 AND kind = $2 AND expires_at > $3 AND consumed_at IS NULL AND ($4 IS NULL OR payload = $4) FOR UPDATE";

const SCHEDULE: &str = "
UPDATE @artifact SET due_at = $4 WHERE id = $1 AND kind = $2 AND expires_at > $3 AND consumed_at IS NULL";

const CONSUME: &str = "
UPDATE @artifact SET consumed_at = $3, successor = $4
WHERE id = $1 AND kind = $2 AND expires_at > $3 AND consumed_at IS NULL";

const RESUCCEED: &str = "
UPDATE @artifact SET successor = $5 WHERE id = $1 AND kind = $2 AND expires_at > $3 AND successor = $4";

const REMOVE_UNUSED: &str = "
DELETE FROM @artifact WHERE id = $1 AND kind = $2 AND expires_at > $3 AND consumed_at IS NULL";

const REMOVE_GRANT: &str = "DELETE FROM @artifact WHERE grant_id = $1 OR (id = $1 AND kind = 4)";

const REMOVE_SESSION: &str = "DELETE FROM @artifact WHERE session_id = $1 OR (id = $1 AND kind = 5)";

const COUNT: &str = "
INSERT INTO @counter AS held (key, realm, count, expires_at) VALUES ($1, $2, 1, $3)
ON CONFLICT (key) DO UPDATE SET realm = excluded.realm,
  count = CASE WHEN held.expires_at <= $4 THEN 1 ELSE least(held.count + 1, 4294967295) END,
  expires_at = CASE WHEN held.expires_at <= $4 THEN excluded.expires_at ELSE held.expires_at END
RETURNING count, expires_at";

/// What another replica deletes just now is left to it. A subquery that locks is worked out once only where it stands in a WITH.
const SWEEP_ARTIFACTS: &str = "
WITH old AS (SELECT id, kind FROM @artifact WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)
DELETE FROM @artifact WHERE (id, kind) IN (SELECT id, kind FROM old)";

const SWEEP_COUNTERS: &str = "
WITH old AS (SELECT key FROM @counter WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)
DELETE FROM @counter WHERE key IN (SELECT key FROM old)";

const INTERACTIONS: &str = "
SELECT count(*) FROM (SELECT 1 FROM @artifact WHERE kind = 6 AND expires_at > $1 LIMIT $2) AS under_way";

/// The columns in the order in which `row` reads them.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, kind, realm, grant_id, session_id, subject, payload, expires_at, consumed_at, successor FROM @artifact ",
            $rest
        )
    };
}

const FIND: &str = select!("WHERE id = $1 AND kind = $2 AND expires_at > $3");

const OWNED: &str =
    select!("WHERE realm = $1 AND subject = $2 AND kind = $3 AND id > $4 AND expires_at > $5 ORDER BY id LIMIT $6");

const DUE: &str =
    select!("WHERE kind = $1 AND due_at <= $2 AND expires_at > $2 AND consumed_at IS NULL ORDER BY due_at LIMIT $3");

const COUNTER: &str = "SELECT count, expires_at FROM @counter WHERE key = $1 AND expires_at > $2";

/// With a row: nothing happens. Without: the transaction breaks off.
fn or_stop(sql: &str) -> String {
    let sql = if sql == REQUIRE { sql.to_owned() } else { format!("{sql} RETURNING 1") };
    format!("/* no row is a conflict and ends the transaction */ WITH done AS ({sql}) SELECT 1 / count(*) FROM done")
}

/// The other way round: what is found now was not there a moment ago, and the transaction begins anew.
fn and_no_more(sql: &str) -> String {
    format!(
        "/* a row that has just come begins the transaction anew */ \
         WITH done AS ({sql} RETURNING 1) SELECT 1 / CASE count(*) WHEN 0 THEN 1 ELSE 0 END FROM done"
    )
}

statements! {
    begin() = "BEGIN";
    commit() = "COMMIT";
    ping() = "SELECT 1";
    insert(BYTEA, INT2, TEXT, BYTEA, BYTEA, TEXT, BYTEA, INT8, INT8, BYTEA, INT8) = INSERT;
    insert_or_stop(BYTEA, INT2, TEXT, BYTEA, BYTEA, TEXT, BYTEA, INT8, INT8, BYTEA, INT8) = or_stop(INSERT);
    require(BYTEA, INT2, INT8, BYTEA) = REQUIRE;
    require_or_stop(BYTEA, INT2, INT8, BYTEA) = or_stop(REQUIRE);
    schedule(BYTEA, INT2, INT8, INT8) = SCHEDULE;
    schedule_or_stop(BYTEA, INT2, INT8, INT8) = or_stop(SCHEDULE);
    consume(BYTEA, INT2, INT8, BYTEA) = CONSUME;
    consume_or_stop(BYTEA, INT2, INT8, BYTEA) = or_stop(CONSUME);
    resucceed(BYTEA, INT2, INT8, BYTEA, BYTEA) = RESUCCEED;
    resucceed_or_stop(BYTEA, INT2, INT8, BYTEA, BYTEA) = or_stop(RESUCCEED);
    remove_unused(BYTEA, INT2, INT8) = REMOVE_UNUSED;
    remove_unused_or_stop(BYTEA, INT2, INT8) = or_stop(REMOVE_UNUSED);
    remove(BYTEA, INT2) = "DELETE FROM @artifact WHERE id = $1 AND kind = $2";
    remove_grant(BYTEA) = REMOVE_GRANT;
    remove_grant_and_no_more(BYTEA) = and_no_more(REMOVE_GRANT);
    remove_session(BYTEA) = REMOVE_SESSION;
    remove_session_and_no_more(BYTEA) = and_no_more(REMOVE_SESSION);
    count(BYTEA, TEXT, INT8, INT8) = COUNT;
    reset(BYTEA) = "DELETE FROM @counter WHERE key = $1";
    sweep_artifacts(INT8, INT8) = SWEEP_ARTIFACTS;
    sweep_counters(INT8, INT8) = SWEEP_COUNTERS;
    interactions(INT8, INT8) = INTERACTIONS;
    find(BYTEA, INT2, INT8) = FIND;
    owned(TEXT, TEXT, INT2, BYTEA, INT8, INT8) = OWNED;
    due(INT2, INT8, INT8) = DUE;
    counter(BYTEA, INT8) = COUNTER;
}
