//! `cargo bench --bench store`: how many refresh rotations a second the engines take, from 16 tasks, each on families of its own.
//! SQLite and PostgreSQL wait for the disk at each, so their lines say as much of the disk as of us; the last one is the disk alone.
//! PostgreSQL runs beside us on all cores, and what it uses is not in our CPU column. `pgbench` does the same to the same table: an
//! UPDATE and an INSERT in a transaction.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![allow(clippy::print_stdout, reason = "a benchmark prints")]

#[path = "../tests/support/postgres.rs"]
mod postgres;

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use realmkeeper::store::{Artifact, Change, IdHash, Kind, Location, Store};

const TASKS: usize = 16;
const FAMILIES: usize = 200;
const TIME: Duration = Duration::from_secs(5);

fn main() -> anyhow::Result<()> {
    let server = postgres::Postgres::start_durable();
    tokio::runtime::Runtime::new()?.block_on(async {
        println!("{:<24} {:>12} {:>14} {:>10}", "", "rotations/s", "CPU µs each", "p99 ms");
        let folder = tempfile::tempdir()?;
        for find_first in [false, true] {
            measure("memory", Location::Memory, find_first).await?;
            let file = folder.path().join(format!("{find_first}.db"));
            measure("SQLite", Location::Sqlite(file), find_first).await?;
            let url = server.url("suite").replace("pool_max=6", &format!("pool_max={TASKS}"));
            measure("PostgreSQL", url.parse()?, find_first).await?;
        }
        println!("{:<24} {:>12.0}", "pgbench, the same rows", pgbench(&server).await?);
        println!("{:<24} {:>12.0}", "one write and fdatasync", synchronisations(&folder.path().join("plain"))?);
        Ok(())
    })
}

async fn measure(name: &str, location: Location, find_first: bool) -> anyhow::Result<()> {
    let store = location.open().await?;
    store.ping().await?;
    for task in 0..TASKS {
        store.commit((0..FAMILIES).flat_map(|family| first(task, family)).collect(), Timestamp::now()).await?;
    }
    let (start, cpu) = (Instant::now(), cpu_seconds()?);
    let tasks = (0..TASKS).map(|task| tokio::spawn(rotate(store.clone(), task, start + TIME, find_first)));
    let mut times = vec![];
    for task in futures::future::try_join_all(tasks).await? {
        times.extend(task?);
    }
    let (elapsed, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds()? - cpu);
    store.close().await?;
    times.sort_unstable();
    let count = times.len() as f64;
    let p99 = times.get(times.len() * 99 / 100).context("nothing was done")?.as_secs_f64() * 1e3;
    let name = format!("{name}{}", if find_first { ", two reads first" } else { "" });
    println!("{name:<24} {:>12.0} {:>14.1} {p99:>10.2}", count / elapsed, cpu / count * 1e6);
    Ok(())
}

/// One task: its families in turn, each token replaced by the next, as the token endpoint does it.
async fn rotate(store: Arc<dyn Store>, task: usize, until: Instant, find_first: bool) -> anyhow::Result<Vec<Duration>> {
    let mut times = vec![];
    for generation in 1.. {
        for family in 0..FAMILIES {
            let start = Instant::now();
            if start >= until {
                return Ok(times);
            }
            let now = Timestamp::now();
            let [old, new, grant] = [generation - 1, generation, 0].map(|generation| token(task, family, generation));
            if find_first {
                store.find(Kind::RefreshToken, &old, now).await?.context("the token is gone")?;
                store.find(Kind::Grant, &grant, now).await?.context("the grant is gone")?;
            }
            let consume = Change::Consume { kind: Kind::RefreshToken, id: old, successor: Some(new) };
            store.commit(vec![consume, Change::Insert(refresh_token(new, grant))], now).await?;
            times.push(start.elapsed());
        }
    }
    Ok(times)
}

fn token(task: usize, family: usize, generation: usize) -> IdHash {
    IdHash::of(format!("{} {task} {family} {generation}", std::process::id()))
}

/// What a family begins with.
fn first(task: usize, family: usize) -> [Change; 2] {
    let id = token(task, family, 0);
    let grant = Artifact { kind: Kind::Grant, grant: None, ..refresh_token(id, id) };
    [Change::Insert(grant), Change::Insert(refresh_token(id, id))]
}

fn refresh_token(id: IdHash, grant: IdHash) -> Artifact {
    Artifact {
        kind: Kind::RefreshToken,
        id,
        realm: "identity/staff".into(),
        grant: Some(grant),
        session: Some(grant),
        subject: None,
        payload: vec![b'x'; 300],
        expires_at: Timestamp::now().saturating_add(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MAX),
        consumed: None,
    }
}

/// What this process has used of all cores.
fn cpu_seconds() -> anyhow::Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name before it may hold spaces; user and system time are the 12th and 13th field after it, in hundredths.
    let (_, fields) = stat.rsplit_once(')').context("not as proc(5) has it")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? / 100.0)
}

fn synchronisations(path: &Path) -> anyhow::Result<f64> {
    let mut file = File::create(path)?;
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < Duration::from_secs(2) {
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        count += 1;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

/// Transactions a second of `pgbench` with as many clients, each on families of its own.
async fn pgbench(server: &postgres::Postgres) -> anyhow::Result<f64> {
    let url = server.url("suite");
    let store = url.parse::<Location>()?.open().await?;
    store.ping().await?;
    store.close().await?;
    let (_, schema) = url.split_once("schema=").context("no schema")?;
    let table = format!("{}.artifact", schema.split('&').next().unwrap_or_default());
    let id = |words: &str| format!("sha256(({words})::bytea)");
    let columns = "id, kind, realm, grant_id, session_id, payload, expires_at";
    let row = |id: String, grant: &str| {
        format!("{id}, 2, 'identity/staff', {grant}, {grant}, repeat('x', 300)::bytea, 9000000000000000")
    };
    let first = row(id("task || ' ' || family || ' 0'"), &id("task || ' ' || family"));
    let first = format!(
        "INSERT INTO {table} ({columns}) SELECT {first}
         FROM generate_series(0, {TASKS} - 1) AS task, generate_series(0, {FAMILIES} - 1) AS family"
    );
    server.client("psql", &["-q", "-c", &first]);
    let of = |generation: &str| id(&format!(":client_id::text || ' ' || :family::text || ' ' || :{generation}::text"));
    let insert = row(of("new"), &id(":client_id::text || ' ' || :family::text"));
    let script = format!(
        "\\set n :n + 1
\\set family :n % {FAMILIES}
\\set old :n / {FAMILIES}
\\set new :old + 1
BEGIN;
UPDATE {table} SET consumed_at = 1, successor = {} WHERE id = {} AND kind = 2 AND expires_at > 1 AND consumed_at IS NULL;
INSERT INTO {table} ({columns}) VALUES ({insert});
COMMIT;
",
        of("new"),
        of("old")
    );
    let file = server.write("rotate.sql", &script).display().to_string();
    let (clients, seconds) = (TASKS.to_string(), TIME.as_secs().to_string());
    let options = ["-n", "-M", "prepared", "-c", &clients, "-T", &seconds, "-D", "n=-1", "-f", &file];
    let printed = server.client("pgbench", &options);
    let rate = printed.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    rate.with_context(|| format!("pgbench says no rate:\n{printed}"))
}
