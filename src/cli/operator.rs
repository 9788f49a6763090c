use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use aws_lc_rs::rand;
use kube::{Client, Config};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{
    OperatorOptions,
    run::{self, Announce, House, Manner},
};
use crate::{
    controller::{
        Controller,
        apply::{
            kubernetes::KubernetesApplier,
            lease::{Election, LEASE_DURATION},
            passwords::KubernetesPasswords,
        },
        cluster_trust,
        index::Options,
        registrar::KubernetesRegistrar,
        source::kubernetes,
    },
    realm::workload::ClusterTrust,
    store::Location,
};

/// So long after it says that it is not ready, nobody is sent to this replica any more.
const LINGER: Duration = Duration::from_secs(5);
/// Events that wait for the controller; a watch that is ahead of it by more waits.
const EVENTS: usize = 1024;

/// Serves a cluster.
pub(super) fn run(options: OperatorOptions) -> anyhow::Result<ExitCode> {
    run::block_on(&options.server, options.log_format(), operate(&options))
}

async fn operate(options: &OperatorOptions) -> anyhow::Result<()> {
    let store = options.store().context("see --store")?;
    let mut house = House::open(&options.server, options.listen, &store).await?;
    let config = Config::infer().await.context("there is neither a ServiceAccount of a cluster nor a kubeconfig")?;
    tracing::info!(api_server = %config.cluster_url, namespace = config.default_namespace, "serving a cluster");
    // The Lease stands in the operator's own namespace: that of the pod, or of the kubeconfig's context.
    let namespace = config.default_namespace.clone();
    let client = Client::try_from(config).context("can't make a client of the API server")?;
    house.registrar = Some(Arc::new(KubernetesRegistrar::new(client.clone())));
    house.password_writer = Some(Arc::new(KubernetesPasswords::new(client.clone())));
    let identity = identity();
    let clock = house.clock.clone();
    let election = Election::new(client.clone(), &namespace, identity.clone(), clock.clone());
    let leadership = election.leadership();
    if !store.is_shared() {
        tokio::spawn(warn_of_others(leadership.changes(), store));
    }
    let applier = KubernetesApplier::new(client.clone(), leadership.clone(), &identity, clock.clone());
    let controller = Controller::new(
        Options::new(options.public_url().as_str(), false).context("no issuer can stand below --public-url")?,
        house.registry.clone(),
        Arc::new(applier),
        leadership.changes(),
        clock,
        house.metrics.clone(),
    );
    let trust = house.cluster.clone();
    let manner = Manner { announce: Announce::Logged, linger: LINGER };
    house.run(manner, |stop| control(client, controller, election, trust, stop)).await
}

/// A replica that has not got the Lease by the time in which it would have got one that nobody renews has others beside it. Their
/// sessions and codes are not in this one's store.
async fn warn_of_others(holds_lease: watch::Receiver<bool>, store: Location) {
    tokio::time::sleep(LEASE_DURATION + LEASE_DURATION).await;
    if !*holds_lease.borrow() {
        tracing::warn!(
            %store,
            "another replica seems to be at work, and it does not see the sessions, codes and refresh tokens of this one: run one \
             replica, or give all of them a store that they share (--store postgres://…)"
        );
    }
}

/// Runs the controller with what it needs beside it. At the end the writes come first and then the Lease, which is given back
/// when nothing is written any more.
async fn control(
    client: Client,
    controller: Controller,
    election: Election,
    trust: Arc<ClusterTrust>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let written = CancellationToken::new();
    let election = tokio::spawn(election.run(written.clone()));
    tokio::spawn(cluster_trust::keep_fresh(client.clone(), trust, stop.clone()));
    let (sender, events) = mpsc::channel(EVENTS);
    tokio::spawn(kubernetes::watch(client, sender, stop.clone()));
    let ended = controller.run(events, stop).await;
    written.cancel();
    election.await.context("the election ended early")?;
    Ok(ended?)
}

/// Who this process is among the replicas: the pod, whose name is given to nobody else while it lives; elsewhere the host, and a
/// word at random for the case that two run on it.
fn identity() -> String {
    if let Some(pod) = std::env::var("POD_NAME").ok().filter(|name| !name.is_empty()) {
        return pod;
    }
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let mut word = [0; 4];
    // Without entropy nothing else works either: no key can be made.
    let _ = rand::fill(&mut word);
    let host = Some(host.trim()).filter(|host| !host.is_empty()).unwrap_or("realmkeeper");
    format!("{host}-{:08x}", u32::from_be_bytes(word))
}
