mod trust;

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use tokio::sync::{mpsc, watch};

use self::trust::TrustFile;
use super::{
    ServeOptions,
    run::{Announce, House, Manner, block_on},
};
use crate::controller::{
    Controller,
    apply::{directory::DirectoryApplier, passwords::DirectoryPasswords},
    index::Options,
    registrar::DirectoryRegistrar,
    source::directory,
};

/// Events between the source and the controller.
const QUEUE: usize = 1024;

/// Serves a directory.
pub(super) fn run(options: ServeOptions) -> anyhow::Result<ExitCode> {
    block_on(&options.server, options.log_format(), serve(&options))
}

async fn serve(options: &ServeOptions) -> anyhow::Result<()> {
    let directory = options.directory.clone();
    // Before the store makes a folder in it.
    ensure!(directory.is_dir(), "{} is no directory", directory.display());
    let issuers = Options::new(options.public_url().as_str(), true).context("see --public-url")?;
    let mut house = House::open(&options.server, options.listen, &options.store().context("see --store")?).await?;
    let trust = options.workload_trust().map(|trust| TrustFile::open(trust, &house.cluster)).transpose()?;
    // A directory has nobody else who writes.
    let (writes, held) = watch::channel(true);
    let applier = Arc::new(DirectoryApplier::new(&directory));
    house.registrar = Some(Arc::new(DirectoryRegistrar::new(&directory)));
    let (registry, metrics) = (house.registry.clone(), house.metrics.clone());
    house.password_writer = Some(Arc::new(DirectoryPasswords::new(&directory)));
    let controller = Controller::new(issuers, registry, applier, held, house.clock.clone(), metrics);
    let (clock, cluster) = (house.clock.clone(), house.cluster.clone());
    let manner = Manner { announce: Announce::Printed, linger: Duration::ZERO };
    house
        .run(manner, move |stop| async move {
            let (sender, events) = mpsc::channel(QUEUE);
            let follow = async {
                if let Some(trust) = trust {
                    trust.follow(cluster, stop.clone()).await;
                }
            };
            let source = directory::run(directory, sender, clock, stop.clone());
            let (source, controlled, ()) = tokio::join!(source, controller.run(events, stop.clone()), follow);
            drop(writes);
            // Where both failed, the source is why.
            source?;
            Ok(controlled?)
        })
        .await
}
