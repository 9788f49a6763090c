use std::{
    convert::Infallible,
    net::IpAddr,
    pin::pin,
    sync::{Arc, atomic::Ordering},
};

use axum::{
    body::Body,
    http::{Request, Response, Version},
};
use hyper::{
    body::{Body as _, Incoming},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{sleep, timeout},
};

use super::{
    Handler, Shared,
    activity::{Activity, Watch, Watched},
    body::TimedBody,
    forwarded,
};
use crate::provider::{ErrorCode, OAuthError, Peer};

/// Serves a connection to its end.
pub(super) async fn serve<H: Handler>(shared: Arc<Shared<H>>, stream: TcpStream, address: IpAddr) {
    let peer = Peer { address };
    let Some(tls) = &shared.tls else { return serve_http(&shared, stream, peer).await };
    match timeout(shared.limits.head, tls.accept(stream)).await {
        Ok(Ok(stream)) => serve_http(&shared, stream, peer).await,
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

async fn serve_http<H, S>(shared: &Arc<Shared<H>>, stream: S, peer: Peer)
where
    H: Handler,
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let activity = Arc::new(Activity::default());
    let service = service_fn(|request| answer(shared.clone(), activity.clone(), peer, request));
    let io = TokioIo::new(Watched::new(stream, activity.clone()));
    let mut connection = pin!(shared.http.serve_connection(io, service));
    let mut watch = Watch::new(&shared.limits);
    let mut tick = pin!(sleep(watch.every()));
    let (mut draining, mut overdue) = (false, false);
    loop {
        tokio::select! {
            biased;
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(error, "a connection broke");
                }
                return;
            }
            () = shared.draining.cancelled(), if !draining => {
                draining = true;
                connection.as_mut().graceful_shutdown();
            }
            () = shared.kill.cancelled() => return,
            () = tick.as_mut() => {
                if overdue {
                    // It had the time of one more look to go by itself.
                    return;
                }
                overdue = watch.is_overdue(&activity);
                if overdue {
                    activity.set_overdue();
                    connection.as_mut().graceful_shutdown();
                }
                tick.set(sleep(watch.every()));
            }
        }
    }
}

async fn answer<H: Handler>(
    shared: Arc<Shared<H>>,
    activity: Arc<Activity>,
    peer: Peer,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let _active = activity.start(request.version() == Version::HTTP_2);
    let in_flight = InFlight::new(&shared);
    if in_flight.count > shared.limits.requests {
        let busy = OAuthError::new(ErrorCode::TemporarilyUnavailable, "too many requests at once, try again");
        return Ok(busy.into_response());
    }
    let request = request.map(|body| match body.is_end_stream() {
        true => Body::empty(),
        false => Body::new(TimedBody::new(body, shared.limits.body)),
    });
    let peer = Peer { address: forwarded::client(peer.address, &shared.proxies, request.headers()) };
    Ok(shared.handler.handle(peer, request).await)
}

/// Counts a request for as long as it is handled.
struct InFlight<'a, H> {
    shared: &'a Shared<H>,
    count: usize,
}

impl<'a, H> InFlight<'a, H> {
    fn new(shared: &'a Shared<H>) -> Self {
        Self { shared, count: shared.in_flight.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}

impl<H> Drop for InFlight<'_, H> {
    fn drop(&mut self) {
        self.shared.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
