use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    body::Body,
    http::{Request, Response, StatusCode, Version},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{Handler, Limits, Server, Tls};
use crate::{
    provider::{Params, Peer, error::OAuthError},
    telemetry::Load,
};

/// Answers `/form` with the number of parameters, `/wait` when told to, anything else with its HTTP version.
#[derive(Clone, Default)]
struct Echo {
    go: Arc<Notify>,
    waiting: Arc<AtomicUsize>,
}

impl Handler for Echo {
    async fn handle(&self, peer: Peer, request: Request<Body>) -> Response<Body> {
        assert!(peer.address.is_loopback());
        let version = request.version();
        let (parts, body) = request.into_parts();
        match parts.uri.path() {
            "/form" => match Params::from_body(&parts.headers, body).await {
                Ok(params) => Response::new(Body::from(params.iter().count().to_string())),
                Err(error) => OAuthError::from(error).into_response(),
            },
            "/wait" => {
                self.waiting.fetch_add(1, Ordering::SeqCst);
                self.go.notified().await;
                Response::new(Body::from("waited"))
            }
            _ => Response::new(Body::from(format!("{version:?}"))),
        }
    }
}

struct Running {
    address: SocketAddr,
    echo: Echo,
    load: Load,
    stop: CancellationToken,
    done: JoinHandle<()>,
}

async fn start(limits: Limits, tls: Option<Arc<Tls>>) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, echo, stop) = (listener.local_addr().unwrap(), Echo::default(), CancellationToken::new());
    let load = Load::default();
    let done = tokio::spawn(Server::new(echo.clone(), limits).tls(tls).load(load.clone()).run(listener, stop.clone()));
    Running { address, echo, load, stop, done }
}

fn quick() -> Limits {
    Limits {
        head: Duration::from_millis(200),
        body: Duration::from_millis(200),
        idle: Duration::from_millis(800),
        drain: Duration::from_millis(400),
        ..Limits::default()
    }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes and reads until the server closes or nothing comes any more.
    async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        let _ = stream.write_all(bytes).await;
        read(&mut stream).await
    }

    async fn still_serves(&self) {
        assert!(self.exchange(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.contains(" 200 OK"));
    }
}

async fn read(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let _ = timeout(Duration::from_secs(3), stream.read_to_end(&mut text)).await;
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn a_head_that_comes_too_slowly_is_answered_408() {
    let server = start(quick(), None).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    let writer = async {
        for _ in 0..20 {
            sleep(Duration::from_millis(50)).await;
            // One field at a time, for ever.
            let _ = stream.write_all(b"a: b\r\n").await;
        }
        read(&mut stream).await
    };
    assert!(writer.await.starts_with("HTTP/1.1 408 "));
    server.still_serves().await;
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let server = start(quick(), None).await;
    let mut stream = server.connect().await;
    assert_eq!(timeout(Duration::from_secs(3), stream.read(&mut [0; 8])).await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn an_idle_connection_is_kept_for_longer_than_a_head_may_take_and_then_closed() {
    let server = start(quick(), None).await;
    let mut stream = server.connect().await;
    let ask = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut buffer = [0; 1024];
    for _ in 0..2 {
        stream.write_all(ask).await.unwrap();
        assert!(stream.read(&mut buffer).await.unwrap() > 0);
        sleep(Duration::from_millis(400)).await;
    }
    assert_eq!(timeout(Duration::from_secs(3), stream.read(&mut buffer)).await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_answered_408() {
    let server = start(quick(), None).await;
    let answer = server
        .exchange(b"POST /form HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 9\r\n\r\na=")
        .await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("invalid_request"), "{answer}");
    server.still_serves().await;
}

#[tokio::test]
async fn heads_that_are_too_large_or_malformed_get_a_clear_4xx() {
    let server = start(quick(), None).await;
    let long = "a".repeat(40_000);
    let many: String = (0..200).map(|n| format!("h{n}: x\r\n")).collect();
    for (head, status) in [
        (format!("GET / HTTP/1.1\r\nhost: x\r\na: {long}\r\n\r\n"), "431"),
        (format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n"), "431"),
        (format!("GET /{long} HTTP/1.1\r\nhost: x\r\n\r\n"), "4"),
        ("GET / HTTP/1.1\r\nhost: x\r\na\0b: c\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/1.1\r\nhost: x\r\na: b\0c\r\n\r\n".to_owned(), "400"),
        ("GET /\0 HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/9.9\r\nhost: x\r\n\r\n".to_owned(), "4"),
        ("\u{1}\u{2}\u{3} rubbish \u{4}\r\n\r\n".to_owned(), "400"),
        ("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n".to_owned(), "400"),
        ("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: x\r\n\r\n".to_owned(), "400"),
    ] {
        let answer = server.exchange(head.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{head:.40}: {answer}");
    }
    server.still_serves().await;
}

#[tokio::test]
async fn rubbish_after_a_request_ends_the_connection_with_400() {
    let server = start(quick(), None).await;
    let answer = server.exchange(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n\x16\x03\x01 rubbish\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("HTTP/1.1 400 "), "{answer}");
    server.still_serves().await;
}

#[tokio::test]
async fn requests_over_the_limit_are_told_to_come_again() {
    let server = start(Limits { requests: 1, ..quick() }, None).await;
    let mut waiting = server.connect().await;
    waiting.write_all(b"GET /wait HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    while server.echo.waiting.load(Ordering::SeqCst) == 0 {
        sleep(Duration::from_millis(5)).await;
    }
    let answer = server.exchange(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: 1"), "{answer}");
    assert_eq!((server.load.in_flight.get(), server.load.shed.get()), (1, 1));
    assert!(server.load.connections.get() >= 1);
    server.echo.go.notify_one();
    assert!(read(&mut waiting).await.contains("waited"));
    server.still_serves().await;
    assert_eq!(server.load.in_flight.get(), 0);
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_a_slot() {
    let server = start(Limits { connections: 1, ..quick() }, None).await;
    let mut first = server.connect().await;
    first.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(first.read(&mut [0; 512]).await.unwrap() > 0);
    let mut second = server.connect().await;
    second.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    assert!(timeout(Duration::from_millis(100), second.read(&mut [0; 512])).await.is_err());
    drop(first);
    assert!(read(&mut second).await.contains(" 200 OK"));
}

#[tokio::test]
async fn a_stop_lets_requests_under_way_end_and_closes_idle_connections() {
    let server = start(quick(), None).await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(idle.read(&mut [0; 512]).await.unwrap() > 0);
    let mut waiting = server.connect().await;
    waiting.write_all(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    while server.echo.waiting.load(Ordering::SeqCst) == 0 {
        sleep(Duration::from_millis(5)).await;
    }
    server.stop.cancel();
    assert_eq!(timeout(Duration::from_secs(1), idle.read(&mut [0; 8])).await.unwrap().unwrap(), 0);
    assert!(TcpStream::connect(server.address).await.is_err(), "it listens no more");
    server.echo.go.notify_one();
    assert!(read(&mut waiting).await.contains("waited"));
    timeout(Duration::from_secs(1), server.done).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let server = start(quick(), None).await;
    let mut waiting = server.connect().await;
    waiting.write_all(b"GET /wait HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    while server.echo.waiting.load(Ordering::SeqCst) == 0 {
        sleep(Duration::from_millis(5)).await;
    }
    server.stop.cancel();
    timeout(Duration::from_secs(2), server.done).await.unwrap().unwrap();
    assert_eq!(read(&mut waiting).await, "");
}

/// Writes a new certificate for localhost and returns it.
fn certificate(directory: &Path) -> reqwest::Certificate {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(directory.join("tls.key"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(directory.join("tls.crt"), made.cert.pem()).unwrap();
    reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap()
}

async fn get(address: SocketAddr, trusted: &reqwest::Certificate) -> Result<Version, reqwest::Error> {
    let client = reqwest::Client::builder()
        .tls_certs_only([trusted.clone()])
        .resolve("localhost", address)
        .no_proxy()
        .build()
        .unwrap();
    let answer = client.get(format!("https://localhost:{}/", address.port())).send().await?;
    assert_eq!(answer.status(), StatusCode::OK);
    Ok(answer.version())
}

#[tokio::test]
async fn tls_serves_a_new_certificate_soon_and_keeps_the_old_one_while_the_new_is_broken() {
    let directory = TempDir::new().unwrap();
    let (cert, key) = (directory.path().join("tls.crt"), directory.path().join("tls.key"));
    let first = certificate(directory.path());
    let tls = Arc::new(Tls::load(&cert, &key).unwrap());
    let server = start(quick(), Some(tls.clone())).await;
    tokio::spawn(tls.follow(server.stop.clone()));
    assert_eq!(get(server.address, &first).await.unwrap(), Version::HTTP_2);

    std::fs::write(&cert, "-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n").unwrap();
    sleep(Duration::from_millis(1_500)).await;
    get(server.address, &first).await.unwrap();

    let second = certificate(directory.path());
    sleep(Duration::from_millis(2_500)).await;
    get(server.address, &second).await.unwrap();
    assert!(get(server.address, &first).await.is_err(), "the former certificate is served no more");
}

#[test]
fn tls_files_that_do_not_go_together_are_refused_by_name() {
    let (one, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    certificate(one.path());
    certificate(other.path());
    let load = |cert: &Path, key: &Path| Tls::load(cert, key).err().unwrap().to_string();
    assert!(load(&one.path().join("tls.crt"), &other.path().join("tls.key")).contains("can't be used together"));
    assert!(load(&one.path().join("tls.key"), &one.path().join("tls.key")).contains("no certificate"));
    assert!(load(&one.path().join("tls.crt"), &one.path().join("tls.crt")).contains("no private key"));
    assert!(load(&one.path().join("none"), &one.path().join("tls.key")).contains("can't read"));
}

#[tokio::test]
async fn plain_http_to_a_tls_port_is_no_reason_to_stop() {
    let directory = TempDir::new().unwrap();
    let trusted = certificate(directory.path());
    let tls = Arc::new(Tls::load(&directory.path().join("tls.crt"), &directory.path().join("tls.key")).unwrap());
    let server = start(quick(), Some(tls)).await;
    server.exchange(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let _silent = server.connect().await;
    get(server.address, &trusted).await.unwrap();
}
