//! The listener: HTTP/1.1 and HTTP/2, with or without TLS, within limits. Requests go straight to a [`Handler`].

mod activity;
mod body;
mod connection;
mod forwarded;
mod limits;
mod tls;

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{Request, Response},
};
use hyper_util::{
    rt::{TokioExecutor, TokioTimer},
    server::conn::auto,
};
use ipnet::IpNet;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use limits::Limits;
pub use tls::{Tls, TlsError};

use super::{Peer, Provider};
use crate::telemetry::{Gauge, Load};

/// Answers requests.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request; dropped unfinished where the client goes away.
    fn handle(&self, peer: Peer, request: Request<Body>) -> impl Future<Output = Response<Body>> + Send;
}

impl Handler for Arc<Provider> {
    fn handle(&self, peer: Peer, request: Request<Body>) -> impl Future<Output = Response<Body>> + Send {
        Provider::handle(self, peer, request)
    }
}

/// What a listener's connections share.
pub struct Server<H> {
    handler: H,
    limits: Limits,
    tls: Option<Arc<Tls>>,
    proxies: Vec<IpNet>,
    load: Load,
    http: auto::Builder<TokioExecutor>,
    /// No further requests on a connection, please.
    draining: CancellationToken,
    /// Close whatever is still open.
    kill: CancellationToken,
}

impl<H: Handler> Server<H> {
    /// A server that does not listen yet, of plain HTTP.
    pub fn new(handler: H, limits: Limits) -> Self {
        let mut http = auto::Builder::new(TokioExecutor::new());
        // The time for a head is kept in `activity`: hyper's own costs a timer a request.
        http.http1().header_read_timeout(None).max_buf_size(limits.head_length);
        http.http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(u32::try_from(limits.head_length).unwrap_or(u32::MAX))
            .keep_alive_interval(Some(limits.idle))
            .keep_alive_timeout(limits.head);
        let (draining, kill) = (CancellationToken::new(), CancellationToken::new());
        let (proxies, load) = (Vec::new(), Load::default());
        Self { handler, limits, tls: None, proxies, load, http, draining, kill }
    }

    /// Speaks TLS, where there is any.
    pub fn tls(self, tls: Option<Arc<Tls>>) -> Self {
        Self { tls, ..self }
    }

    /// Believes these whom they name as the client in `X-Forwarded-For`.
    pub fn proxies(self, proxies: Vec<IpNet>) -> Self {
        Self { proxies, ..self }
    }

    /// Counts here what goes on.
    pub fn load(self, load: Load) -> Self {
        Self { load, ..self }
    }

    /// Accepts connections until `stop`; then lets requests under way end, for [`Limits::drain`] at the most.
    pub async fn run(self, listener: TcpListener, stop: CancellationToken) {
        let (server, tasks) = (Arc::new(self), TaskTracker::new());
        stop.run_until_cancelled(accept(&server, &listener, &tasks)).await;
        drop(listener);
        tasks.close();
        server.draining.cancel();
        if timeout(server.limits.drain, tasks.wait()).await.is_err() {
            tracing::warn!(connections = tasks.len(), "closed connections that had not ended in time");
            server.kill.cancel();
            tasks.wait().await;
        }
    }
}

async fn accept<H: Handler>(server: &Arc<Server<H>>, listener: &TcpListener, tasks: &TaskTracker) {
    let slots = Arc::new(Semaphore::new(server.limits.connections));
    loop {
        // Where all slots are taken, newcomers wait in the kernel's queue. The semaphore is never closed.
        let Ok(slot) = slots.clone().acquire_owned().await else { return };
        let (stream, address) = next(listener).await;
        let server = server.clone();
        tasks.spawn(async move {
            let _slot = slot;
            let _counted = Held::new(&server.load.connections);
            connection::serve(&server, stream, address.ip().to_canonical()).await;
        });
    }
}

async fn next(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // Answers are written whole; waiting to fill a packet would only delay them.
                let _ = stream.set_nodelay(true);
                return (stream, address);
            }
            // The client was gone already.
            Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) => {
            }
            Err(error) => {
                // Out of file descriptors, most likely: some will be closed soon.
                tracing::warn!(%error, "can't accept a connection");
                sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

/// One more, until it is dropped.
struct Held<'a> {
    gauge: &'a Gauge,
    /// With this one.
    count: i64,
}

impl<'a> Held<'a> {
    fn new(gauge: &'a Gauge) -> Self {
        Self { gauge, count: gauge.inc() + 1 }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}

#[cfg(test)]
mod tests;
