use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use jiff::Timestamp;

use super::{AT_ONCE_PER_HOST, Document, Error, Get, Outbound, PAUSE};
use crate::{provider::testing::realm, realm::Realm};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// What a server has seen.
#[derive(Clone, Default)]
struct Seen {
    asked: Arc<AtomicUsize>,
    last: Arc<Mutex<String>>,
}

/// A server on loopback, and its address.
async fn server() -> (std::net::SocketAddr, Seen) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Seen::default();
    let slow = async || {
        let piece = futures::stream::unfold((), async |()| {
            tokio::time::sleep(Duration::from_millis(200)).await;
            Some((Ok::<_, std::convert::Infallible>(Bytes::from_static(b"x")), ()))
        });
        Body::from_stream(piece).into_response()
    };
    let router = Router::new()
        .route("/", any(answer))
        .route("/slow", get(slow))
        .route("/redirect", any(async || (StatusCode::FOUND, [(header::LOCATION, "/")])))
        .route("/inside", get(async || (StatusCode::FOUND, [(header::LOCATION, "http://169.254.169.254/")])))
        .route("/failing", any(async || StatusCode::INTERNAL_SERVER_ERROR))
        .with_state(seen.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, seen)
}

async fn answer(State(seen): State<Seen>, request: axum::extract::Request) -> Response {
    seen.asked.fetch_add(1, Ordering::SeqCst);
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let header = |name: header::HeaderName| {
        parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("-").to_owned()
    };
    *seen.last.lock().unwrap() = format!(
        "{} {} {} {} {}",
        parts.method,
        parts.uri,
        header(header::ACCEPT),
        header(header::CONTENT_TYPE),
        String::from_utf8_lossy(&body)
    );
    ([(header::CONTENT_TYPE, "application/jwt"), (header::CACHE_CONTROL, "max-age=7")], "hello").into_response()
}

fn staff() -> Realm {
    realm().settings(|settings| settings.allowed_networks = vec!["127.0.0.0/8".parse().unwrap()]).build()
}

async fn fetch(outbound: &Outbound, realm: &Realm, uri: &str) -> Result<Document, Error> {
    outbound.get(realm, Get { uri, accept: "application/jwt", max_length: 5 }, NOW).await
}

#[tokio::test]
async fn a_document_comes_with_what_its_headers_say() {
    let (address, seen) = server().await;
    let document = fetch(&Outbound::default(), &staff(), &format!("http://{address}/?q#fragment")).await.unwrap();
    let (content_type, fresh_for) = (Some("application/jwt".to_owned()), Some(Duration::from_secs(7)));
    assert_eq!(document, Document { body: b"hello".to_vec(), content_type, fresh_for });
    assert_eq!(*seen.last.lock().unwrap(), "GET /?q application/jwt - ", "the fragment stays here");
}

#[tokio::test]
async fn a_form_is_posted_and_the_status_told() {
    let (address, seen) = server().await;
    let (outbound, staff) = (Outbound::default(), staff());
    let post = async |path: &str| {
        outbound.post_form(&staff, &format!("http://{address}{path}"), &[("logout_token", "a b&c")]).await
    };
    assert_eq!(post("/").await, Ok(200));
    assert_eq!(*seen.last.lock().unwrap(), "POST / */* application/x-www-form-urlencoded logout_token=a+b%26c");
    assert_eq!((post("/redirect").await, post("/failing").await), (Ok(302), Ok(500)));
    assert_eq!(post("/failing").await, Ok(500), "a failed POST is sent again as soon as the caller says so");
    assert_eq!(seen.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_goes_beyond_the_limits_is_an_error_of_its_own() {
    let (address, _) = server().await;
    let (outbound, staff) = (Outbound::default(), staff());
    let uri = |path: &str| format!("http://{address}{path}");
    assert_eq!(fetch(&outbound, &staff, &uri("/redirect")).await, Err(Error::Status(302)));
    assert_eq!(fetch(&outbound, &staff, &uri("/inside")).await, Err(Error::Status(302)), "nobody goes there");
    assert_eq!(fetch(&outbound, &staff, &uri("/failing")).await, Err(Error::Status(500)));
    assert_eq!(fetch(&outbound, &staff, &uri("/nothing")).await, Err(Error::Status(404)));
    let short = Get { uri: &uri("/"), accept: "*/*", max_length: 4 };
    assert_eq!(outbound.get(&staff, short, NOW).await, Err(Error::TooLong));
    let refused = fetch(&outbound, &staff, "http://127.0.0.1:1/").await.unwrap_err();
    assert!(matches!(&refused, Error::Request(text) if !text.contains("127.0.0.1")), "{refused}");
}

#[tokio::test]
async fn a_slow_body_ends_with_the_time() {
    let (address, _) = server().await;
    let (uri, staff) = (format!("http://{address}/slow"), staff());
    let get = Get { uri: &uri, accept: "*/*", max_length: 1 << 20 };
    assert_eq!(Outbound::default().get(&staff, get, NOW).await, Err(Error::Timeout));
}

#[tokio::test]
async fn a_failure_is_remembered_for_a_moment_for_its_realm_and_uri() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let count = any(async move || {
        counter.fetch_add(1, Ordering::SeqCst);
        StatusCode::NOT_FOUND
    });
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(count)).await });
    let (outbound, staff) = (Outbound::default(), staff());
    let other = realm()
        .named("guests")
        .settings(|settings| settings.allowed_networks = vec!["127.0.0.0/8".parse().unwrap()])
        .build();
    let ask = async |realm: &Realm, path: &str, now| {
        let uri = format!("http://{address}{path}");
        let result = outbound.get(realm, Get { uri: &uri, accept: "*/*", max_length: 5 }, now).await;
        assert_eq!(result, Err(Error::Status(404)));
        asked.load(Ordering::SeqCst)
    };
    assert_eq!((ask(&staff, "/a", NOW).await, ask(&staff, "/a", NOW).await), (1, 1));
    assert_eq!(ask(&staff, "/b", NOW).await, 2);
    assert_eq!(ask(&other, "/a", NOW).await, 3);
    assert_eq!(ask(&staff, "/a", NOW + PAUSE).await, 4);
}

#[tokio::test]
async fn a_name_is_looked_up_once_and_every_address_of_it_counts() {
    let (address, seen) = server().await;
    let lookups = Arc::new(AtomicUsize::new(0));
    let counter = lookups.clone();
    // Each name says what it means; `rebinds` means loopback the first time and another address from then on.
    let resolve = move |name: &str| -> Option<Vec<IpAddr>> {
        let count = counter.fetch_add(1, Ordering::SeqCst);
        let addresses: &[&str] = match name {
            "loopback.example" => &["127.0.0.1"],
            "rebinds.example" if count == 0 => &["127.0.0.1"],
            "rebinds.example" => &["10.0.0.1"],
            "both.example" => &["127.0.0.1", "10.0.0.1"],
            "mapped.example" => &["::ffff:10.0.0.1"],
            "empty.example" => &[],
            _ => return None,
        };
        Some(addresses.iter().map(|address| address.parse().unwrap()).collect())
    };
    let (outbound, staff) = (Outbound::resolving(Arc::new(resolve)), staff());
    let ask = async |scheme: &str, name: &str| {
        fetch(&outbound, &staff, &format!("{scheme}://{name}:{}/", address.port())).await.map(|document| document.body)
    };
    assert_eq!(ask("http", "rebinds.example").await, Ok(b"hello".to_vec()));
    assert_eq!(lookups.load(Ordering::SeqCst), 1, "the connection goes where the check has looked");
    assert_eq!(ask("http", "rebinds.example").await, Err(Error::Uri));
    assert_eq!(ask("https", "rebinds.example").await, Err(Error::Private));
    assert_eq!(ask("https", "both.example").await, Err(Error::Private));
    assert_eq!(ask("https", "mapped.example").await, Err(Error::Private));
    assert_eq!(ask("https", "empty.example").await, Err(Error::NoAddress));
    assert_eq!(ask("https", "nowhere.example").await, Err(Error::NoAddress));
    assert_eq!(ask("http", "loopback.example").await, Ok(b"hello".to_vec()));
    assert_eq!(seen.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn one_host_takes_no_more_than_its_places() {
    let hangs = |name: &str| -> Option<Vec<IpAddr>> {
        if name == "slow.example" {
            std::thread::sleep(Duration::from_millis(300));
        }
        None
    };
    let (outbound, staff) = (Outbound::resolving(Arc::new(hangs)), staff());
    let places: Vec<_> =
        futures::future::join_all((0..AT_ONCE_PER_HOST).map(|_| outbound.places.take(&staff.name, "slow.example")))
            .await;
    assert_eq!(fetch(&outbound, &staff, "https://slow.example/").await, Err(Error::Busy));
    assert_eq!(fetch(&outbound, &staff, "https://other.example/").await, Err(Error::NoAddress), "others go on");
    drop(places);
    assert_eq!(
        fetch(&outbound, &staff, "https://slow.example/").await,
        Err(Error::NoAddress),
        "and was not kept as a failure"
    );
}
