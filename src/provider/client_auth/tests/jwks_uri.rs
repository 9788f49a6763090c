use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;

use crate::{
    provider::testing::{TestProvider, client, realm, signer, signer_jwks},
    realm::{AuthMethod, ClientKeys},
};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A web server on loopback with one document, which counts how often it is asked.
#[derive(Clone)]
struct Web {
    address: std::net::SocketAddr,
    answer: Arc<Mutex<(StatusCode, String)>>,
    asked: Arc<AtomicUsize>,
}

impl Web {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let web = Self {
            address: listener.local_addr().unwrap(),
            answer: Arc::new(Mutex::new((StatusCode::OK, signer_jwks(0).to_string()))),
            asked: Arc::default(),
        };
        let (document, elsewhere) = (web.clone(), web.clone());
        let router = Router::new()
            .route("/jwks", get(async move || document.answer()))
            .route("/elsewhere", get(async move || elsewhere.answer()))
            .route("/redirect", get(async || (StatusCode::FOUND, [(header::LOCATION, "/elsewhere")])));
        tokio::spawn(async move { axum::serve(listener, router).await });
        web
    }

    fn answer(&self) -> Response {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.answer.lock().unwrap().clone().into_response()
    }

    fn set(&self, status: u16, body: impl ToString) {
        *self.answer.lock().unwrap() = (StatusCode::from_u16(status).unwrap(), body.to_string());
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn uri(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

fn serve(uri: &str, networks: &[&str]) -> TestProvider {
    let app = client("app").method(AuthMethod::PrivateKeyJwt).with(|client| {
        client.authentication.keys = ClientKeys::Uri(uri.into());
    });
    let networks = networks.iter().map(|network| network.parse().unwrap()).collect();
    realm().settings(|settings| settings.allowed_networks = networks).client(app).serve()
}

/// The status of a request with a fresh assertion by this key.
async fn ask(staff: &TestProvider, key: usize) -> u16 {
    static JTI: AtomicUsize = AtomicUsize::new(0);
    let jti = JTI.fetch_add(1, Ordering::SeqCst).to_string();
    let exp = staff.now().as_second() + 60;
    let claims = json!({"iss": "app", "sub": "app", "aud": staff.realm().issuer.as_str(), "exp": exp, "jti": jti});
    let assertion = signer(key).sign_jwt("JWT", &claims).unwrap();
    let form =
        [("grant_type", "client_credentials"), ("client_assertion_type", TYPE), ("client_assertion", &assertion)];
    staff.post_form("/token", &[], &form).await.status.as_u16()
}

const LOOPBACK: [&str; 1] = ["127.0.0.0/8"];

#[tokio::test]
async fn keys_are_fetched_once_and_kept() {
    let web = Web::start().await;
    let staff = serve(&web.uri("/jwks"), &LOOPBACK);
    for _ in 0..3 {
        assert_eq!(ask(&staff, 0).await, 200);
    }
    assert_eq!(web.asked(), 1);
    staff.advance(Duration::from_secs(600));
    assert_eq!((ask(&staff, 0).await, web.asked()), (200, 2), "keys that are old are fetched anew");
}

#[tokio::test]
async fn an_unknown_key_is_looked_for_once_in_a_while() {
    let web = Web::start().await;
    let staff = serve(&web.uri("/jwks"), &LOOPBACK);
    assert_eq!(ask(&staff, 0).await, 200);
    for _ in 0..5 {
        assert_eq!(ask(&staff, 1).await, 401);
    }
    assert_eq!(web.asked(), 1, "a stranger can't make us knock again at once");
    web.set(200, signer_jwks(1));
    staff.advance(Duration::from_secs(10));
    assert_eq!((ask(&staff, 1).await, web.asked()), (200, 2));
    assert_eq!(ask(&staff, 0).await, 401, "a key that was taken out is gone");
}

#[tokio::test]
async fn many_at_once_fetch_once() {
    let web = Web::start().await;
    let staff = serve(&web.uri("/jwks"), &LOOPBACK);
    let all = futures::future::join_all((0..16).map(|_| ask(&staff, 0))).await;
    assert_eq!((all, web.asked()), (vec![200; 16], 1));
}

#[tokio::test]
async fn keys_outlive_a_short_failure_and_no_long_one() {
    let web = Web::start().await;
    let staff = serve(&web.uri("/jwks"), &LOOPBACK);
    assert_eq!(ask(&staff, 0).await, 200);
    web.set(503, "down");
    staff.advance(Duration::from_secs(1800));
    assert_eq!(ask(&staff, 0).await, 200);
    staff.advance(Duration::from_secs(1800));
    assert_eq!(ask(&staff, 0).await, 401);
    web.set(200, signer_jwks(0));
    assert_eq!(ask(&staff, 0).await, 401, "too soon after the last attempt");
    staff.advance(Duration::from_secs(10));
    assert_eq!(ask(&staff, 0).await, 200);
}

#[tokio::test]
async fn what_is_no_key_set_is_refused() {
    for (status, body) in [
        (404, signer_jwks(0).to_string()),
        (204, String::new()),
        (200, "not JSON".to_owned()),
        (200, "{}".to_owned()),
        (200, json!({"keys": signer_jwks(0)["keys"], "more": "x".repeat(256 * 1024)}).to_string()),
    ] {
        let web = Web::start().await;
        web.set(status, &body);
        assert_eq!(ask(&serve(&web.uri("/jwks"), &LOOPBACK), 0).await, 401, "{status} {body:.20}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let web = Web::start().await;
    assert_eq!(ask(&serve(&web.uri("/redirect"), &LOOPBACK), 0).await, 401);
    assert_eq!(web.asked(), 0);
}

#[tokio::test]
async fn private_addresses_are_not_reached_unless_they_are_listed() {
    let web = Web::start().await;
    let port = web.address.port();
    for (uri, networks) in [
        (web.uri("/jwks"), &[][..]),
        (web.uri("/jwks"), &["10.0.0.0/8"]),
        (format!("http://localhost:{port}/jwks"), &[]),
        (format!("https://127.0.0.1:{port}/jwks"), &[]),
        (format!("https://localhost:{port}/jwks"), &[]),
        (format!("https://[::ffff:127.0.0.1]:{port}/jwks"), &[]),
        (format!("https://[::1]:{port}/jwks"), &[]),
        (format!("http://u:p@127.0.0.1:{port}/jwks"), &LOOPBACK),
        (format!("ftp://127.0.0.1:{port}/jwks"), &LOOPBACK),
        ("not a URI".to_owned(), &LOOPBACK),
        ("https://no-such-host.invalid/jwks".to_owned(), &LOOPBACK),
    ] {
        assert_eq!(ask(&serve(&uri, networks), 0).await, 401, "{uri} {networks:?}");
    }
    assert_eq!(web.asked(), 0);
}

#[tokio::test]
async fn what_one_realm_may_reach_another_does_not_get() {
    let web = Web::start().await;
    let staff = serve(&web.uri("/jwks"), &LOOPBACK);
    assert_eq!(ask(&staff, 0).await, 200);
    let app = client("app").method(AuthMethod::PrivateKeyJwt).with(|client| {
        client.authentication.keys = ClientKeys::Uri(web.uri("/jwks").into());
    });
    staff.publish(realm().named("guests").client(app).build());
    let guests = staff.at(&crate::realm::ObjectName::new("identity", "guests"));
    assert_eq!(ask(&guests, 0).await, 401);
}
