//! One connection: how it is made, and what is sent over it.

use std::{future::poll_fn, task::Poll, time::Duration};

use futures::future::maybe_done;
use tokio::{task::JoinHandle, time::timeout};
use tokio_postgres::{Client, Config, Error, Row, Statement, error::SqlState};

use super::{
    changes::{Expect, Step},
    failure::Failure,
    location::PostgresLocation,
    schema,
    statements::Statements,
    tls,
    value::Value,
};

/// The engine gives a statement up after this long. Nothing here takes a hundredth of it unless somebody holds a lock.
const STATEMENT_TIMEOUT: &str = "5s";

/// So long we wait for an answer before the connection counts as dead: more than the engine's own limit.
const ANSWER: Duration = Duration::from_secs(7);

/// So long a connection may take until it can be used, name, TLS and password included.
const ESTABLISH: Duration = Duration::from_secs(6);

/// So long the tables may take to be made or brought up to date.
const MIGRATE: Duration = Duration::from_secs(600);

/// What is asked of each session. An engine that does not know one of them is none the worse.
const SETTINGS: [&str; 5] = [
    "SET client_min_messages = warning",
    "SET idle_in_transaction_session_timeout = '10s'",
    // Every statement finds its rows by an index, whatever the tables' statistics say (of a table that was empty a moment ago); so one
    // plan is enough.
    "SET enable_seqscan = off",
    "SET plan_cache_mode = force_generic_plan",
    "SET jit = off",
];

/// A connection with its statements prepared.
pub(super) struct Connection {
    client: Client,
    statements: Statements,
    driver: JoinHandle<()>,
}

/// Picks a statement.
pub(super) type Pick = fn(&Statements) -> &Statement;

impl Connection {
    /// Connects, and makes the tables where that was not done yet (`migrate`).
    pub(super) async fn open(location: &PostgresLocation, migrate: bool) -> Result<Self, Failure> {
        let (client, driver) = within(ESTABLISH, establish(location)).await?;
        if migrate {
            within(MIGRATE, schema::migrate(&client, &location.schema)).await?;
        }
        let statements = within(ESTABLISH, async {
            let limit = format!("SET statement_timeout = '{STATEMENT_TIMEOUT}'");
            for setting in SETTINGS.into_iter().chain([&*limit]) {
                set(&client, setting).await?;
            }
            Ok(Statements::prepare(&client, &location.schema).await?)
        });
        Ok(Self { statements: statements.await?, client, driver })
    }

    /// False once it is of no use.
    pub(super) fn is_alive(&self) -> bool {
        !self.client.is_closed() && !self.driver.is_finished()
    }

    /// The rows of a query.
    pub(super) async fn rows(&self, pick: Pick, values: &[Value<'_>]) -> Result<Vec<Row>, Failure> {
        use futures::TryStreamExt;
        let query = async {
            let rows = self.client.query_raw(pick(&self.statements), values).await?;
            Ok(rows.try_collect().await?)
        };
        within(ANSWER, query).await
    }

    /// How many rows a statement has touched, by itself.
    pub(super) async fn execute(&self, pick: Pick, values: &[Value<'_>]) -> Result<u64, Failure> {
        within(ANSWER, async { Ok(self.client.execute_raw(pick(&self.statements), values).await?) }).await
    }

    /// All of it or nothing. Everything is sent at once, COMMIT included: a step that must not be breaks the transaction off by itself.
    pub(super) async fn transact(&self, steps: &[Step<'_>]) -> Result<(), Failure> {
        let statements = &self.statements;
        let nothing: &[Value<'_>] = &[];
        let first = [(&statements.begin, nothing)].into_iter();
        let middle = steps.iter().map(|step| ((step.checked)(statements), &*step.values));
        let all = first.chain(middle).chain([(&statements.commit, nothing)]);
        let answers: Vec<_> = all.map(|(statement, values)| self.client.execute_raw(statement, values)).collect();
        let answers = within(ANSWER, async { Ok(in_order(answers).await) }).await?;
        // BEGIN expects nothing, nor does COMMIT; what follows the first failure only repeats it.
        let expects = [Expect::Anything].into_iter().chain(steps.iter().map(|step| step.expect));
        for (answer, expect) in answers.into_iter().zip(expects.chain([Expect::Anything])) {
            answer.map_err(|error| meaning(error, expect))?;
        }
        Ok(())
    }

    /// Lets it go without waiting for what it has not answered.
    pub(super) fn abandon(self) {
        self.driver.abort();
    }

    /// Takes leave of the server.
    pub(super) async fn close(self) {
        drop(self.client);
        let _ = timeout(Duration::from_secs(1), self.driver).await;
    }
}

fn meaning(error: Error, expect: Expect) -> Failure {
    match expect {
        Expect::Row if Failure::is_own_sign(&error) => Failure::Conflict,
        Expect::NoRow if Failure::is_own_sign(&error) => Failure::Again("something new came in between".into()),
        _ => error.into(),
    }
}

/// Polls them in turn, so that all of them are sent in order before anybody waits: who is dropped while waiting leaves no transaction
/// open behind it.
async fn in_order<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut all: Vec<_> = futures.into_iter().map(|future| Box::pin(maybe_done(future))).collect();
    poll_fn(|context| {
        let waiting =
            all.iter_mut().fold(0, |waiting, one| waiting + usize::from(one.as_mut().poll(context).is_pending()));
        if waiting == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    all.iter_mut().filter_map(|one| one.as_mut().take_output()).collect()
}

async fn establish(location: &PostgresLocation) -> Result<(Client, JoinHandle<()>), Failure> {
    let config = with_password(location).await?;
    let tls = tls::connector(&location.tls).await.map_err(Failure::Unavailable)?;
    let (client, connection) = config.connect(tls).await?;
    let driver = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error = ?Failure::from(error), "a connection to the store's database has ended");
        }
    });
    Ok((client, driver))
}

async fn with_password(location: &PostgresLocation) -> Result<Config, Failure> {
    let mut config = location.config.clone();
    if let Some(file) = &location.password_file {
        let read = tokio::fs::read(file).await;
        let password =
            read.map_err(|error| Failure::Unavailable(format!("password_file {}: {error}", file.display())))?;
        config.password(password.trim_ascii_end());
    }
    Ok(config)
}

async fn set(client: &Client, setting: &str) -> Result<(), Error> {
    match client.batch_execute(setting).await {
        Err(error) if error.as_db_error().is_some_and(|error| *error.code() != SqlState::ADMIN_SHUTDOWN) => {
            tracing::debug!(setting, ?error, "the store's database does not know a setting");
            Ok(())
        }
        outcome => outcome,
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let late = || Failure::Lost(format!("no answer within {} s", limit.as_secs()));
    timeout(limit, work).await.map_err(|_| late())?
}
