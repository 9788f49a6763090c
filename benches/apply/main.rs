//! `cargo bench --bench apply`: how long it takes from the first of 500 OidcClients that are applied at once to the last credentials Secret,
//! and to the last Ready.
//!
//! The control plane is a real one on the same machine, the operator runs under the rights of `deploy/`. The limit is a client that
//! does nothing but the same writes, as many at once, measured in the same run: what it takes is what the API server takes.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout, clippy::disallowed_methods)]

#[allow(dead_code, unused_imports)]
#[path = "../../tests/support/control_plane/mod.rs"]
mod control_plane;
#[allow(dead_code)]
#[path = "../../tests/cluster/harness.rs"]
mod harness;
mod limit;
mod requests;
mod watcher;

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use kube::api::{Patch, PatchParams};
use realmkeeper::api::OidcClient;
use serde_json::{Value, json};

use control_plane::Namespace;
use harness::{Cluster, Operator, OperatorOptions, SOON};
use requests::Requests;
use watcher::Seen;

/// Objects applied at once.
const CLIENTS: usize = 500;
/// Requests under way at once of whoever applies them: what a pipeline that applies a folder would have, and more.
const APPLIERS: usize = 16;
/// The median counts.
const ROUNDS: usize = 3;
/// What is promised for one round.
const TARGET: Duration = Duration::from_secs(20);

/// What one round took.
struct Round {
    applied: Duration,
    secrets: Duration,
    ready: Duration,
    requests: Requests,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(measure());
}

async fn measure() {
    let cluster = Cluster::start().await;
    let mut operator = cluster.operator("bench", OperatorOptions::default()).await;
    cluster.until_leader("bench", SOON).await;
    let (mut rounds, mut written) = (Vec::new(), None);
    for number in 1..=ROUNDS {
        eprintln!("{CLIENTS} OidcClients, round {number} of {ROUNDS}");
        let namespace = realm(&cluster).await;
        rounds.push(round(&cluster, &namespace).await);
        written = Some(namespace);
    }
    let (cpu, memory) = (cpu(&operator), memory(&operator));
    operator.process.kill();
    let written = limit::Written::read(&written.unwrap()).await;
    let mut limits = Vec::new();
    for number in 1..=ROUNDS {
        eprintln!("the limit, round {number} of {ROUNDS}");
        let namespace = Namespace::create(&cluster.plane, "limit", json!({})).await;
        apply(&namespace, false).await;
        limits.push(limit::write(&cluster, &namespace, &written).await);
    }
    print(rounds, limits);
    println!("\nThe operator: {:.2} s of CPU a round, {memory:.1} MiB resident at the end.", cpu / ROUNDS as f64);
}

/// A namespace with a Realm that is ready, so that its keys are no part of what is measured.
async fn realm(cluster: &Cluster) -> Namespace {
    let namespace = Namespace::create(&cluster.plane, "apply", json!({})).await;
    let name = &namespace.name;
    namespace.apply(&format!(
        "{{apiVersion: realmkeeper.dev/v1alpha1, kind: Realm, metadata: {{name: {name}}}, spec: {{}}}}"
    ));
    namespace.wait_for("Ready", &[&format!("realm/{name}")], SOON);
    namespace
}

async fn round(cluster: &Cluster, namespace: &Namespace) -> Round {
    let seen = Seen::watch(namespace).await;
    let before = Requests::read(cluster).await;
    let begin = Instant::now();
    apply(namespace, true).await;
    let applied = begin.elapsed();
    let (secrets, ready) = seen.all(CLIENTS, TARGET * 6).await;
    // Events are written last, and nobody waits for them.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let requests = Requests::read(cluster).await.since(&before);
    Round { applied, secrets: secrets - begin, ready: ready - begin, requests }
}

/// Applies the clients by server-side apply; `for_realm`: as children of the namespace's Realm.
async fn apply(namespace: &Namespace, for_realm: bool) {
    let api = kube::Api::<OidcClient>::namespaced(namespace.client.clone(), &namespace.name);
    let realm = if for_realm { &*namespace.name } else { "nowhere" };
    let one = |number: usize| {
        let (api, name) = (api.clone(), format!("client-{number:03}"));
        let manifest = manifest(&name, realm);
        async move {
            api.patch(&name, &PatchParams::apply("bench"), &Patch::Apply(&manifest)).await.unwrap();
        }
    };
    stream::iter((0..CLIENTS).map(one)).for_each_concurrent(APPLIERS, |request| request).await;
}

/// An ordinary client of an ordinary web application.
fn manifest(name: &str, realm: &str) -> Value {
    json!({
        "apiVersion": "realmkeeper.dev/v1alpha1",
        "kind": "OidcClient",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "bench"}},
        "spec": {
            "realmRef": {"name": realm},
            "clientName": format!("The application {name}"),
            "redirectUris": [format!("https://{name}.example.com/callback")],
            "postLogoutRedirectUris": [format!("https://{name}.example.com/")],
            "grantTypes": ["authorization_code", "refresh_token"],
            "scopes": ["openid", "profile", "email"],
        },
    })
}

fn print(mut rounds: Vec<Round>, mut limits: Vec<limit::Limit>) {
    rounds.sort_by_key(|round| round.secrets);
    limits.sort_by_key(|limit| limit.total());
    let (round, limit) = (&rounds[ROUNDS / 2], &limits[ROUNDS / 2]);
    let seconds = |time: Duration| format!("{:.2}", time.as_secs_f64());
    let rate = |count: u64, time: Duration| format!("{:.0}", count as f64 / time.as_secs_f64());
    println!("| from the first apply of {CLIENTS} OidcClients to | s |\n|---|---|");
    println!("| the answer to the last | {} |", seconds(round.applied));
    println!("| the last credentials Secret | **{}** |", seconds(round.secrets));
    println!("| the last Ready | {} |", seconds(round.ready));
    println!("| limit: the same Secrets by a bare client | {} |", seconds(limit.secrets));
    println!("| limit: the same Secrets, statuses and events | {} |", seconds(limit.total()));
    println!("\n| written by the operator | writes | a second | limit: a second |\n|---|---|---|---|");
    let Requests { secrets, statuses, events } = round.requests;
    for (name, count, bare) in
        [("Secrets", secrets, limit.secrets), ("statuses", statuses, limit.statuses), ("events", events, limit.events)]
    {
        println!("| {name} | {count} | {} | {} |", rate(count, round.ready), rate(CLIENTS as u64, bare));
    }
    let ratio = limit.total().as_secs_f64() / round.ready.as_secs_f64();
    println!("\nThe limit in {ratio:.2} of the time to the last Ready.");
    assert!(round.secrets < TARGET, "the last Secret came after {:?}, more than {TARGET:?}", round.secrets);
}

/// Seconds of CPU that the operator has used.
fn cpu(operator: &Operator) -> f64 {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", operator.process.id())).unwrap();
    let of_task = |task: std::fs::DirEntry| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        text.split_whitespace().next().and_then(|spent| spent.parse::<f64>().ok()).unwrap_or(0.0)
    };
    tasks.flatten().map(of_task).sum::<f64>() / 1e9
}

/// Resident memory in MiB.
fn memory(operator: &Operator) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", operator.process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<f64>().unwrap() / 1024.0
}
