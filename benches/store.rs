//! `cargo bench --bench store`: how many refresh rotations a second the engines take, from 16 tasks, each on families of its own.
//! PostgreSQL is measured where `REALMKEEPER_BENCH_POSTGRES` holds a URL of one that may be written to; `pgbench` beside it says what it
//! could do (`docs/performance.md`).
//! SQLite waits for the disk at each, so its line says as much of the disk as of us; the last one is the disk alone.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![allow(clippy::print_stdout, reason = "a benchmark prints")]

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
    tokio::runtime::Runtime::new()?.block_on(async {
        println!("{:<24} {:>12} {:>14} {:>10}", "", "rotations/s", "CPU µs each", "p99 ms");
        let folder = tempfile::tempdir()?;
        for find_first in [false, true] {
            measure("memory", Location::Memory, find_first).await?;
            let file = folder.path().join(format!("{find_first}.db"));
            measure("SQLite", Location::Sqlite(file), find_first).await?;
            if let Ok(url) = std::env::var("REALMKEEPER_BENCH_POSTGRES") {
                measure("PostgreSQL", url.parse().context("see REALMKEEPER_BENCH_POSTGRES")?, find_first).await?;
            }
        }
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
