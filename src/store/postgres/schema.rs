//! The tables, and how an older database gets them: one file of SQL a step, each step done noted in `schema_step`.
//!
//! Several replicas may do this at once, and an older one may be at work meanwhile. So a step only adds, and can be done twice; who
//! meets another on the way looks again. No lock is taken that not every engine has.

use std::time::Duration;

use tokio_postgres::{Client, Error, SimpleQueryMessage, error::SqlState};

use super::{
    failure::{Failure, SchemaError},
    retry::pause,
    statements::in_schema,
};

/// One file of SQL.
struct Step {
    /// The first step that a version must know to work with tables that have this one: itself where older ones would go wrong. While
    /// steps only add what has a default, that of the step before.
    needs: i64,
    sql: &'static str,
}

/// Never change one that was released: add another.
const STEPS: &[Step] = &[Step { needs: 1, sql: include_str!("0001_initial.sql") }];

/// How often somebody else may be in the way.
const ATTEMPTS: u32 = 40;

/// Brings the tables to what this version knows; refuses those of something else or of a later version.
pub(super) async fn migrate(client: &Client, schema: &str) -> Result<(), Failure> {
    let mut attempt = 0;
    loop {
        match try_migrate(client, schema).await {
            Err(Trouble::Engine(error)) if attempt < ATTEMPTS && is_rival(&error) => {
                attempt += 1;
                tokio::time::sleep(pause(attempt, Duration::from_millis(500))).await;
            }
            Err(Trouble::Engine(error)) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
                let text = Failure::from(error);
                let help = format!("its user must own the schema {schema}, or be allowed to make it");
                return Err(match text {
                    Failure::Unavailable(text) => Failure::Unavailable(format!("{text}: {help}")),
                    other => other,
                });
            }
            outcome => return outcome.map_err(Failure::from),
        }
    }
}

/// What comes of two who do the same at once, apart from the failures of every transaction.
fn is_rival(error: &Error) -> bool {
    const RIVALS: [&SqlState; 8] = [
        &SqlState::UNIQUE_VIOLATION,
        &SqlState::DUPLICATE_SCHEMA,
        &SqlState::DUPLICATE_TABLE,
        &SqlState::DUPLICATE_COLUMN,
        &SqlState::DUPLICATE_OBJECT,
        &SqlState::T_R_SERIALIZATION_FAILURE,
        &SqlState::T_R_DEADLOCK_DETECTED,
        // "tuple concurrently updated"
        &SqlState::INTERNAL_ERROR,
    ];
    error.code().is_some_and(|code| RIVALS.contains(&code))
}

enum Trouble {
    Engine(Error),
    Schema(SchemaError),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Engine(error) => error.into(),
            Trouble::Schema(error) => Self::Schema(error),
        }
    }
}

async fn try_migrate(client: &Client, schema: &str) -> Result<(), Trouble> {
    // The schema's name is one that needs no quoting (`location`), and these queries need no types.
    let exists = format!("SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname = '{schema}'");
    if texts(client, &exists).await?.is_empty() {
        client.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\"")).await?;
    }
    let tables = format!("SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = '{schema}'");
    let tables = texts(client, &tables).await?;
    if !tables.iter().any(|table| table == "schema_step") {
        if !tables.is_empty() {
            return Err(foreign(schema));
        }
        let create = "CREATE TABLE IF NOT EXISTS @schema_step (number BIGINT PRIMARY KEY, needs BIGINT NOT NULL)";
        client.batch_execute(&in_schema(create, schema)).await?;
    }
    let (done, needed) = state(client, schema).await?;
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    if needed > known {
        return Err(Trouble::Schema(SchemaError::Newer { found: done, known }));
    }
    for (number, step) in (1..).zip(STEPS).filter(|(number, _)| *number > done) {
        client.batch_execute(&in_schema(step.sql, schema)).await?;
        let note = "INSERT INTO @schema_step (number, needs) VALUES";
        let note = format!("{} ({number}, {}) ON CONFLICT (number) DO NOTHING", in_schema(note, schema), step.needs);
        client.batch_execute(&note).await?;
        tracing::info!(schema, step = number, "the store's tables are those of this version");
    }
    Ok(())
}

/// The last step done, and the step that a version must know.
async fn state(client: &Client, schema: &str) -> Result<(i64, i64), Trouble> {
    let mut numbers = [0, 0];
    for (number, column) in numbers.iter_mut().zip(["number", "needs"]) {
        let sql = format!("SELECT coalesce(max({column}), 0) FROM @schema_step");
        let found = texts(client, &in_schema(&sql, schema)).await.map_err(|error| match error.code() {
            Some(&SqlState::UNDEFINED_COLUMN | &SqlState::DATATYPE_MISMATCH) => foreign(schema),
            _ => Trouble::Engine(error),
        })?;
        *number = found.first().and_then(|text| text.parse().ok()).ok_or_else(|| foreign(schema))?;
    }
    Ok(numbers.into())
}

fn foreign(schema: &str) -> Trouble {
    Trouble::Schema(SchemaError::Foreign { schema: schema.to_owned() })
}

/// The first column of each row.
async fn texts(client: &Client, sql: &str) -> Result<Vec<String>, Error> {
    let messages = client.simple_query(sql).await?;
    let rows = messages.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.try_get(0).ok().flatten().map(str::to_owned),
        _ => None,
    });
    Ok(rows.collect())
}
