use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::digest;
use axum::{
    Router,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

use super::{app, ask, of, signed, unsigned};
use crate::{
    provider::testing::{
        TestProvider,
        browser::{Browser, answer, authorize},
    },
    realm::ClientKeys,
};

/// A web server on loopback with one document, which counts how often it is asked.
#[derive(Clone)]
struct Web {
    address: SocketAddr,
    answer: Arc<Mutex<(u16, String)>>,
    headers: Arc<Mutex<Vec<(HeaderName, &'static str)>>>,
    asked: Arc<AtomicUsize>,
}

impl Web {
    async fn start(body: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let web = Self {
            address: listener.local_addr().unwrap(),
            answer: Arc::new(Mutex::new((200, body.to_owned()))),
            headers: Arc::default(),
            asked: Arc::default(),
        };
        web.header(header::CONTENT_TYPE, "application/oauth-authz-req+jwt");
        let document = web.clone();
        let router = Router::new()
            .route("/request.jwt", get(async move || document.answer()))
            .route("/redirect", get(async || (StatusCode::FOUND, [(header::LOCATION, "/request.jwt")])));
        tokio::spawn(async move { axum::serve(listener, router).await });
        web
    }

    fn answer(&self) -> Response {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let (status, body) = self.answer.lock().unwrap().clone();
        let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
        for (name, value) in self.headers.lock().unwrap().iter() {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }

    fn set(&self, status: u16, body: &str) {
        *self.answer.lock().unwrap() = (status, body.to_owned());
    }

    fn header(&self, name: HeaderName, value: &'static str) {
        let mut headers = self.headers.lock().unwrap();
        headers.retain(|(known, _)| *known != name);
        headers.push((name, value));
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn uri(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A realm whose client has registered the document.
    fn serve(&self) -> TestProvider {
        self.registering(&[&self.uri("/request.jwt"), &self.uri("/redirect#registered-with-one")])
    }

    fn registering(&self, uris: &[&str]) -> TestProvider {
        let uris: Vec<Arc<str>> = uris.iter().map(|uri| Arc::from(*uri)).collect();
        let loopback = |settings: &mut crate::realm::Settings| {
            settings.allowed_networks = vec!["127.0.0.0/8".parse().unwrap()];
        };
        of(app(|policy| policy.uris = uris)).settings(loopback).serve()
    }
}

fn hash(content: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, content.as_bytes()))
}

#[tokio::test]
async fn core_6_2_3_what_a_registered_uri_leads_to_is_fetched_and_used() {
    let web = Web::start(&signed(json!({"prompt": "none"}))).await;
    let staff = web.serve();
    assert_eq!(ask(&staff, &[("request_uri", &web.uri("/request.jwt"))]).await, "login_required");
    web.set(200, &format!("{}\n", signed(json!({}))));
    assert_eq!(ask(&staff, &[("request_uri", &web.uri("/request.jwt"))]).await, "sign-in", "as an editor writes it");
    assert_eq!(web.asked(), 2, "nothing says that it may be kept");
}

#[tokio::test]
async fn discovery_3_a_uri_that_is_not_registered_is_never_fetched() {
    let web = Web::start(&signed(json!({}))).await;
    let staff = web.serve();
    let long = format!("{}#{}", web.uri("/request.jwt"), "x".repeat(512));
    for uri in [
        &*web.uri("/request.jwt?x"),
        &web.uri("/request.jwt/"),
        &web.uri("/other"),
        &web.uri("/REQUEST.jwt"),
        "https://app.example/r",
        "urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c",
        "URN:x",
        "file:///etc/passwd",
        "x",
        "#",
        &long,
        &format!("{}#é", web.uri("/request.jwt")),
    ] {
        assert_eq!(ask(&staff, &[("request_uri", uri)]).await, "invalid_request_uri", "{uri}");
        assert_eq!(ask(&staff, &[("request_uri", uri), ("redirect_uri", "")]).await, "page", "{uri}");
    }
    assert_eq!(web.asked(), 0);
    let urn = Browser::new(&staff).load(&authorize(&[("request_uri", "urn:x:y")])).await;
    assert!(answer(&urn)["error_description"].contains("pushed authorization request"));
    let metadata = staff.get("/.well-known/openid-configuration", &[]).await.json();
    assert_eq!(metadata["require_request_uri_registration"], true);
}

#[tokio::test]
async fn core_6_2_uris_are_compared_without_their_fragment() {
    let web = Web::start(&signed(json!({}))).await;
    let staff = web.registering(&[&format!("{}#one", web.uri("/request.jwt"))]);
    for uri in [web.uri("/request.jwt"), format!("{}#other", web.uri("/request.jwt"))] {
        assert_eq!(ask(&staff, &[("request_uri", &uri)]).await, "sign-in", "{uri}");
    }
}

#[tokio::test]
async fn core_6_2_a_hash_in_the_fragment_must_be_that_of_the_content_which_is_kept_by_it() {
    let (one, two) = (signed(json!({})), signed(json!({"prompt": "none"})));
    let web = Web::start(&one).await;
    let staff = web.serve();
    let uri = |content: &str| format!("{}#{}", web.uri("/request.jwt"), hash(content));
    for _ in 0..3 {
        assert_eq!(ask(&staff, &[("request_uri", &uri(&one))]).await, "sign-in");
    }
    assert_eq!(web.asked(), 1, "it can't have changed");
    assert_eq!(ask(&staff, &[("request_uri", &uri(&two))]).await, "invalid_request_uri", "it is not there yet");
    web.set(200, &two);
    staff.advance(Duration::from_secs(10));
    assert_eq!(
        ask(&staff, &[("request_uri", &uri(&two))]).await,
        "login_required",
        "another fragment, another content"
    );
    assert_eq!(web.asked(), 3);
    assert_eq!(ask(&staff, &[("request_uri", &uri(&two))]).await, "login_required");
    assert_eq!(web.asked(), 3);
    assert_eq!(ask(&staff, &[("request_uri", &uri(&one))]).await, "invalid_request_uri", "the old one is gone");
    staff.advance(Duration::from_secs(24 * 3600));
    assert_eq!(ask(&staff, &[("request_uri", &uri(&two))]).await, "login_required");
    assert_eq!(web.asked(), 5, "nothing is kept for ever");
}

#[tokio::test]
async fn core_6_2_without_a_hash_it_is_kept_as_long_as_its_headers_say_and_no_longer_than_an_hour() {
    let web = Web::start(&signed(json!({}))).await;
    let staff = web.serve();
    let uri = web.uri("/request.jwt");
    let ask = async |uri: &str| ask(&staff, &[("request_uri", uri)]).await;
    for (control, fresh_for) in [("max-age=60", 60), ("max-age=86400", 3600)] {
        web.header(header::CACHE_CONTROL, control);
        let before = web.asked();
        assert_eq!((ask(&uri).await.as_str(), web.asked()), ("sign-in", before + 1), "{control}");
        staff.advance(Duration::from_secs(fresh_for - 1));
        assert_eq!((ask(&uri).await.as_str(), web.asked()), ("sign-in", before + 1), "{control}");
        staff.advance(Duration::from_secs(1));
        web.header(header::CACHE_CONTROL, "no-store");
        assert_eq!((ask(&uri).await.as_str(), web.asked()), ("sign-in", before + 2), "{control}");
        assert_eq!((ask(&uri).await.as_str(), web.asked()), ("sign-in", before + 3), "no-store");
    }
    web.header(header::CACHE_CONTROL, "max-age=60");
    let before = web.asked();
    for version in ["v1", "v1", "v2", "v2"] {
        assert_eq!(ask(&format!("{uri}#{version}")).await, "sign-in");
    }
    assert_eq!(web.asked(), before + 2, "a fragment that changes says that the content has");
}

#[tokio::test]
async fn core_6_2_what_comes_without_tls_must_be_signed() {
    let web = Web::start(&unsigned(json!({}))).await;
    assert_eq!(ask(&web.serve(), &[("request_uri", &web.uri("/request.jwt"))]).await, "invalid_request_uri");
}

#[tokio::test]
async fn core_3_1_2_6_what_can_not_be_had_or_is_no_jwt_is_invalid_request_uri_and_what_is_a_wrong_one_is_not() {
    let good = signed(json!({}));
    let long = format!("e30.{}.AA", "e".repeat(64 * 1024));
    for (status, body, want) in [
        (404, &*good, "invalid_request_uri"),
        (500, &good, "invalid_request_uri"),
        (204, "", "invalid_request_uri"),
        (200, "", "invalid_request_uri"),
        (200, "<html>", "invalid_request_uri"),
        (200, "{\"scope\": \"openid\"}", "invalid_request_uri"),
        (200, "a.b", "invalid_request_uri"),
        (200, &long, "invalid_request_uri"),
        (200, "e30.e30.AA", "invalid_request_object"),
        (200, &format!("{good}AAAA"), "invalid_request_object"),
        (200, &signed(json!({"iss": "other"})), "invalid_request_object"),
        (200, &signed(json!({"request_uri": "x"})), "invalid_request_object"),
    ] {
        let web = Web::start(body).await;
        web.set(status, body);
        assert_eq!(ask(&web.serve(), &[("request_uri", &web.uri("/request.jwt"))]).await, want, "{status} {body:.40}");
    }
}

#[tokio::test]
async fn rfc9101_10_4_1_redirects_are_not_followed_and_other_media_types_refused() {
    let web = Web::start(&signed(json!({}))).await;
    assert_eq!(ask(&web.serve(), &[("request_uri", &web.uri("/redirect"))]).await, "invalid_request_uri");
    assert_eq!(web.asked(), 0);
    for (media_type, is_taken) in [
        ("application/oauth-authz-req+jwt", true),
        ("Application/JWT; charset=utf-8", true),
        ("application/jose", true),
        ("text/plain; charset=utf-8", true),
        ("application/octet-stream", true),
        ("text/html", false),
        ("application/json", false),
        ("image/png", false),
    ] {
        web.header(header::CONTENT_TYPE, media_type);
        let want = if is_taken { "sign-in" } else { "invalid_request_uri" };
        assert_eq!(ask(&web.serve(), &[("request_uri", &web.uri("/request.jwt"))]).await, want, "{media_type}");
    }
}

#[tokio::test]
async fn an_address_that_the_realm_may_not_reach_is_not_reached() {
    let web = Web::start(&signed(json!({}))).await;
    let closed = of(app(|policy| policy.uris = vec![web.uri("/request.jwt").into()])).serve();
    assert_eq!(ask(&closed, &[("request_uri", &web.uri("/request.jwt"))]).await, "invalid_request_uri");
    assert_eq!(web.asked(), 0);
}

#[tokio::test]
async fn the_pages_of_a_sign_in_fetch_nothing_again() {
    let web = Web::start(&signed(json!({}))).await;
    let staff = web.serve();
    let mut browser = Browser::new(&staff);
    let page = browser.open(&authorize(&[("request_uri", &web.uri("/request.jwt"))])).await;
    web.set(404, "");
    staff.advance(Duration::from_secs(60));
    let reply = browser.submit(&page, &[("username", "ada"), ("password", "hunter2")]).await;
    assert_eq!((answer(&reply)["state"].as_str(), web.asked()), ("of the object", 1));
}

#[tokio::test]
async fn core_10_1_1_the_keys_behind_jwks_uri_verify_request_objects_too() {
    let keys = Web::start(&crate::provider::testing::signer_jwks(0).to_string()).await;
    keys.header(header::CONTENT_TYPE, "application/json");
    let keyed = app(|_| ()).with(|client| {
        client.authentication.keys = ClientKeys::Uri(keys.uri("/request.jwt").into());
    });
    let loopback = |settings: &mut crate::realm::Settings| {
        settings.allowed_networks = vec!["127.0.0.0/8".parse().unwrap()];
    };
    let staff = of(keyed).settings(loopback).serve();
    for _ in 0..2 {
        assert_eq!(ask(&staff, &[("request", &signed(json!({})))]).await, "sign-in");
    }
    assert_eq!(keys.asked(), 1);
    keys.set(200, &crate::provider::testing::signer_jwks(1).to_string());
    let rotated = crate::provider::testing::signer(1).sign_jwt("JWT", &super::members(json!({}))).unwrap();
    assert_eq!(ask(&staff, &[("request", &rotated)]).await, "sign-in", "a key that came a moment ago");
    staff.advance(Duration::from_secs(3600));
    keys.set(500, "");
    assert_eq!(ask(&staff, &[("request", &rotated)]).await, "invalid_request_object");
}
