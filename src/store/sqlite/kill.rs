//! `kill -9` in the middle of work: what was acknowledged is there, and no commit is there by half.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use super::*;
use crate::store::{
    MAX_INTERACTIONS,
    suite::{now, token},
};

/// Where the child keeps its store; set for nobody else.
const FILE: &str = "REALMKEEPER_TEST_KILL_FILE";
const CHILD: &str = "store::sqlite::kill::child_that_rotates_until_it_is_killed";

/// Families of refresh tokens that are rotated at the same time.
const FAMILIES: usize = 8;
const ROUNDS: usize = 6;

/// The token of one generation of one family.
fn id(family: usize, generation: usize) -> String {
    format!("family {family} generation {generation}")
}

/// The first generation that is not there.
async fn generations(store: &SqliteStore, family: usize) -> usize {
    let mut generation = 0;
    while store.find(Kind::RefreshToken, &IdHash::of(id(family, generation)), now()).await.unwrap().is_some() {
        generation += 1;
    }
    generation
}

async fn rotate_for_ever(store: Arc<SqliteStore>, family: usize) {
    for generation in generations(&store, family).await.. {
        let mut changes = vec![Change::Insert(token(&id(family, generation)).grant(&id(family, 0)).build())];
        if let Some(former) = generation.checked_sub(1) {
            let (id, successor) = (IdHash::of(id(family, former)), Some(IdHash::of(id(family, generation))));
            changes.push(Change::Consume { kind: Kind::RefreshToken, id, successor });
        }
        store.commit(changes, now()).await.unwrap();
        // Written at once and in one piece.
        writeln!(std::io::stdout(), "done {family} {generation}").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "never ends: the test below runs it in a process of its own"]
async fn child_that_rotates_until_it_is_killed() {
    let Some(file) = env::var_os(FILE) else { return };
    let store = Arc::new(SqliteStore::open(Path::new(&file), MAX_INTERACTIONS).unwrap());
    let families = (0..FAMILIES).map(|family| tokio::spawn(rotate_for_ever(store.clone(), family)));
    futures::future::try_join_all(families.collect::<Vec<_>>()).await.unwrap();
}

/// Runs the child until it has acknowledged so many rotations, kills it, and gives the last one of each family.
fn acknowledged_until_killed(file: &Path, enough: usize) -> [Option<usize>; FAMILIES] {
    let mut child = Command::new(env::current_exe().unwrap())
        .args([CHILD, "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(FILE, file)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut last = [None; FAMILIES];
    let mut seen = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        // The harness prints too, and the kill may cut the last line short.
        let Some((family, generation)) = line.split_once("done ").and_then(|(_, rest)| rest.split_once(' ')) else {
            continue;
        };
        let (Ok(family), Ok(generation)) = (family.parse::<usize>(), generation.parse::<usize>()) else { continue };
        last[family] = last[family].max(Some(generation));
        seen += 1;
        if seen == enough {
            child.kill().unwrap();
        }
    }
    assert!(!child.wait().unwrap().success());
    assert!(seen >= enough, "the child ended on its own after {seen}");
    last
}

#[tokio::test]
async fn kill_9_loses_nothing_that_was_acknowledged_and_leaves_no_commit_by_half() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.db");
    for round in 0..ROUNDS {
        let acknowledged = acknowledged_until_killed(&file, 40 + round * 37);
        // The lock is gone with the process.
        let store = SqliteStore::open(&file, MAX_INTERACTIONS).unwrap();
        for (family, last) in acknowledged.into_iter().enumerate() {
            let count = generations(&store, family).await;
            assert!(
                last.is_none_or(|last| last < count),
                "family {family}: {last:?} was acknowledged, {count} are there"
            );
            for generation in 0..count {
                let token = store.find(Kind::RefreshToken, &IdHash::of(id(family, generation)), now()).await.unwrap();
                let successor = token.unwrap().consumed.map(|consumed| consumed.successor);
                // Used if and only if its successor is there: exactly one of the family is valid.
                let expected = (generation + 1 < count).then(|| Some(IdHash::of(id(family, generation + 1))));
                assert_eq!(successor, expected, "family {family} generation {generation} of {count}");
            }
        }
        store.close().await.unwrap();
    }
}
