//! What `serve` and `operator` share: listeners, store, sweeper, readiness, signals. A command brings the controller.

mod announce;
pub(in crate::cli) mod clock;
mod gauges;
mod readiness;
mod signals;
mod store_watch;

use std::{future::Future, io::IsTerminal, net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use axum::{
    body::Body,
    http::{Request, Response},
};
use ipnet::IpNet;
use tokio::{net::TcpListener, task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

pub(in crate::cli) use announce::Announce;

use self::{readiness::ReadyWhen, store_watch::StoreWatch};
use super::{LogFormat, ServerOptions};
use crate::{
    provider::{
        Clock, Peer, Provider,
        server::{Handler, Limits, Server, Tls},
    },
    realm::{PasswordWriter, Registry, registration::ClientRegistrar, workload::ClusterTrust},
    store::{Location, Store, run_sweeper},
    telemetry::{
        Management, Metrics,
        logs::{self, LogStyle},
    },
};

/// Expired artifacts are deleted this often, so many at a time.
const SWEEP_EVERY: Duration = Duration::from_secs(30);
const SWEEP_LIMIT: usize = 1_000;

/// What a process is made of, before it runs.
pub(super) struct House {
    /// The published realms; the controller fills it.
    pub(super) registry: Arc<Registry>,
    /// Counters and histograms.
    pub(super) metrics: Arc<Metrics>,
    /// Whose ServiceAccount tokens are trusted.
    pub(super) cluster: Arc<ClusterTrust>,
    /// Where new passwords of people go; a command brings it.
    pub(super) password_writer: Option<Arc<dyn PasswordWriter>>,
    /// The one clock of the process.
    pub(super) clock: Clock,
    store: Arc<dyn Store>,
    tls: Option<Arc<Tls>>,
    proxies: Vec<IpNet>,
    provider: TcpListener,
    management: TcpListener,
    /// Who keeps the clients that register themselves.
    pub(super) registrar: Option<Arc<dyn ClientRegistrar>>,
}

/// How a process behaves where its commands differ.
pub(super) struct Manner {
    /// How realms are announced.
    pub(super) announce: Announce,
    /// After a signal the process says that it is not ready and serves on for this long, so that nobody is sent to it any more when
    /// it stops to listen.
    pub(super) linger: Duration,
}

/// Starts logging, and runs `command` to its end on a runtime with a thread for each core.
pub(super) fn block_on(
    options: &ServerOptions,
    format: LogFormat,
    command: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<ExitCode> {
    let style = match format {
        LogFormat::Text => LogStyle::Text { colour: std::io::stderr().is_terminal() },
        LogFormat::Json => LogStyle::Json,
    };
    logs::start(style, &options.log_filter)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("can't start threads")?;
    runtime.block_on(command)?;
    // A blocking task that hangs (a password that is hashed, a file on a dead volume) must not hold the process.
    runtime.shutdown_timeout(Duration::from_secs(2));
    Ok(ExitCode::SUCCESS)
}

impl House {
    /// Opens the store, reads the certificate and binds both listeners.
    ///
    /// # Errors
    /// A sentence for whoever started the process.
    pub(super) async fn open(options: &ServerOptions, listen: SocketAddr, store: &Location) -> anyhow::Result<Self> {
        let tls = options.tls().map(|tls| Tls::load(tls.cert, tls.key)).transpose()?.map(Arc::new);
        let provider = bind(listen, "--listen").await?;
        let management = bind(options.management_listen, "--management-listen").await?;
        let (registry, metrics): (Arc<Registry>, Arc<Metrics>) = Default::default();
        let clock = clock::system();
        metrics.register(Box::new(gauges::Gauges::new(registry.clone(), clock.clone())));
        let store = store.open().await?;
        let (cluster, proxies) = (Arc::default(), options.trusted_proxies.clone());
        let (registrar, password_writer) = (None, None);
        Ok(Self {
            registry,
            metrics,
            cluster,
            password_writer,
            clock,
            store,
            tls,
            proxies,
            provider,
            management,
            registrar,
        })
    }

    /// Serves until SIGTERM or SIGINT, or until the controller fails; then stops in order: it is not ready, lingers, lets requests
    /// end, stops the controller.
    ///
    /// # Errors
    /// What the controller says, or that a task panicked.
    pub(super) async fn run<C>(
        self,
        manner: Manner,
        controller: impl FnOnce(CancellationToken) -> C,
    ) -> anyhow::Result<()>
    where
        C: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        // In the order in which they end.
        let (draining, listening, working) =
            (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
        let mut tasks = JoinSet::new();
        let mut controller = tokio::spawn(controller(working.clone()));
        let watch = Arc::new(StoreWatch::new(self.store.clone()));
        watch.ask().await;
        tasks.spawn(watch.clone().run(working.clone()));
        let ready = ReadyWhen::new(self.registry.clone(), self.clock.clone(), draining.clone(), watch);
        let management = Management::new(self.metrics.clone(), move || ready.look());
        let management = Server::new(management, Limits::default());
        tasks.spawn(management.run(self.management, working.clone()));
        if let Some(tls) = &self.tls {
            tasks.spawn(tls.clone().follow(working.clone()));
        }
        let (store, clock) = (self.store.clone(), self.clock.clone());
        tasks.spawn(run_sweeper(store, move || clock(), SWEEP_EVERY, SWEEP_LIMIT, working.clone()));
        tasks.spawn(manner.announce.run(self.registry.clone(), self.clock.clone(), working.clone()));
        let load = self.metrics.load();
        let mut provider = Provider::new(self.registry, self.store.clone(), self.cluster, self.metrics, self.clock);
        provider.registrar = self.registrar;
        provider.password_writer = self.password_writer;
        let provider = Arc::new(provider);
        tasks.spawn(provider.clone().deliver_logouts(working.clone()));
        let server = Server::new(provider, Limits::default()).tls(self.tls).proxies(self.proxies).load(load);
        let mut server = tokio::spawn(server.run(self.provider, listening.clone()));

        let early = tokio::select! {
            signal = signals::stop() => {
                tracing::info!(signal, "stopping");
                None
            }
            ended = &mut controller => Some(ended),
            ended = &mut server => Some(ended.map(|()| Err(anyhow::anyhow!("the listener ended by itself")))),
        };
        draining.cancel();
        if early.is_none() {
            sleep(manner.linger).await;
        }
        listening.cancel();
        if !server.is_finished() {
            let _ = server.await;
        }
        working.cancel();
        let ended = match early {
            Some(ended) => ended,
            None => controller.await,
        };
        while tasks.join_next().await.is_some() {}
        if let Err(error) = self.store.close().await {
            tracing::warn!(%error, "the store was not closed in order; nothing that it has acknowledged is lost");
        }
        ended.context("a task panicked")?
    }
}

impl Handler for Management {
    async fn handle(&self, _: Peer, request: Request<Body>) -> Response<Body> {
        self.answer(&request)
    }
}

async fn bind(address: SocketAddr, option: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("can't listen on {address}, see {option}"))
}
