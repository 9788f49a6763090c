use std::{convert::Infallible, net::IpAddr, pin::pin, sync::Arc};

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
    Handler, Held, Server,
    activity::{Activity, Watch, Watched},
    body::TimedBody,
    forwarded,
};
use crate::provider::{ErrorCode, OAuthError, Peer};

/// Serves a connection to its end.
pub(super) async fn serve<H: Handler>(server: &Arc<Server<H>>, stream: TcpStream, address: IpAddr) {
    let peer = Peer { address };
    let Some(tls) = &server.tls else { return serve_http(server, stream, peer).await };
    match timeout(server.limits.head, tls.accept(stream)).await {
        Ok(Ok(stream)) => serve_http(server, stream, peer).await,
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

async fn serve_http<H, S>(server: &Arc<Server<H>>, stream: S, peer: Peer)
where
    H: Handler,
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let activity = Arc::new(Activity::default());
    let service = service_fn(|request| answer(server.clone(), activity.clone(), peer, request));
    let io = TokioIo::new(Watched::new(stream, activity.clone()));
    let mut connection = pin!(server.http.serve_connection(io, service));
    let mut watch = Watch::new(&server.limits);
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
            () = server.draining.cancelled(), if !draining => {
                draining = true;
                connection.as_mut().graceful_shutdown();
            }
            () = server.kill.cancelled() => return,
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
    server: Arc<Server<H>>,
    activity: Arc<Activity>,
    peer: Peer,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let _active = activity.start(request.version() == Version::HTTP_2);
    let in_flight = Held::new(&server.load.in_flight);
    if usize::try_from(in_flight.count).is_ok_and(|count| count > server.limits.requests) {
        server.load.shed.inc();
        let busy = OAuthError::new(ErrorCode::TemporarilyUnavailable, "too many requests at once, try again");
        return Ok(busy.into_response());
    }
    let request = request.map(|body| match body.is_end_stream() {
        true => Body::empty(),
        false => Body::new(TimedBody::new(body, server.limits.body)),
    });
    let peer = Peer { address: forwarded::client(peer.address, &server.proxies, request.headers()) };
    Ok(server.handler.handle(peer, request).await)
}
