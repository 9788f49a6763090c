use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use jiff::Timestamp;
use serde_json::Value;

use super::{
    Endpoint, Provider,
    testing::{TestProvider, client, open_registration, peer, realm},
};
use crate::{
    realm::{GrantType, Snapshot},
    store::{Artifact, Change, Counter, IdHash, Kind, Owned, Store, StoreError},
    telemetry::logs::{LogStyle, subscriber, tests::Captured},
};

const CROSS_ORIGIN: (&str, &str) = ("origin", "https://app.example");

fn staff() -> TestProvider {
    let every_endpoint = realm().settings(|settings| settings.registration = Some(open_registration()));
    every_endpoint.client(client("app")).serve()
}

async fn status_of(request: Request<Body>) -> StatusCode {
    staff().provider.handle(peer(), request).await.status()
}

#[tokio::test]
async fn a_realm_is_found_by_host_and_longest_path() {
    let staff = staff();
    staff.publish(realm().named("staff/inner").build());
    let issuer = async |path: &str| {
        let request = Request::get(path).header(header::HOST, "ID.example.com:443").body(Body::empty()).unwrap();
        let response = staff.provider.handle(peer(), request).await;
        let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
        serde_json::from_slice::<Value>(&body).ok().map(|body| body["issuer"].as_str().unwrap().to_owned())
    };
    let of = |name: &str| Some(format!("https://id.example.com/realms/{name}"));
    assert_eq!(issuer("/realms/staff/.well-known/openid-configuration").await, of("staff"));
    assert_eq!(issuer("/realms/staff/inner/.well-known/openid-configuration").await, of("staff/inner"));
    // RFC 8414 section 3.1.
    assert_eq!(issuer("/.well-known/oauth-authorization-server/realms/staff").await, of("staff"));
    assert_eq!(issuer("/.well-known/oauth-authorization-server/realms/staff/inner").await, of("staff/inner"));
    for path in ["/realms/staf/.well-known/openid-configuration", "/.well-known/openid-configuration", "/", "//"] {
        assert_eq!(issuer(path).await, None, "{path}");
    }
}

#[tokio::test]
async fn before_every_resource_has_been_seen_a_missing_realm_is_not_said_to_be_missing() {
    let staff = staff();
    staff.provider.registry.update(|snapshot| *snapshot = Snapshot::default());
    let request =
        Request::get("/realms/staff/jwks").header(header::HOST, "id.example.com").body(Body::empty()).unwrap();
    let answer = staff.provider.handle(peer(), request).await;
    assert_eq!(
        (answer.status(), answer.headers().contains_key(header::RETRY_AFTER)),
        (StatusCode::SERVICE_UNAVAILABLE, true)
    );
}

#[tokio::test]
async fn a_request_must_name_one_host_and_the_target_comes_before_the_header() {
    let path = "/realms/staff/jwks";
    let get = || Request::get(path);
    assert_eq!(status_of(get().body(Body::empty()).unwrap()).await, StatusCode::BAD_REQUEST);
    let twice = get().header(header::HOST, "id.example.com").header(header::HOST, "evil.example");
    assert_eq!(status_of(twice.body(Body::empty()).unwrap()).await, StatusCode::BAD_REQUEST);
    let other = get().header(header::HOST, "evil.example");
    assert_eq!(status_of(other.body(Body::empty()).unwrap()).await, StatusCode::NOT_FOUND);
    let absolute = Request::get(format!("https://id.example.com{path}")).header(header::HOST, "evil.example");
    assert_eq!(status_of(absolute.body(Body::empty()).unwrap()).await, StatusCode::OK);
    let unreadable = get().header(header::HOST, &b"\xff"[..]);
    assert_eq!(status_of(unreadable.body(Body::empty()).unwrap()).await, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn other_methods_get_405_with_the_ones_that_are_allowed() {
    let staff = staff();
    for endpoint in Endpoint::ALL {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let reply = staff.send(method.clone(), endpoint.path(), &[], String::new()).await;
            let refused = reply.status == StatusCode::METHOD_NOT_ALLOWED;
            assert_eq!(refused, !endpoint.allows(&method), "{method} {endpoint:?}");
            assert_eq!(reply.headers.get(header::ALLOW).is_some(), refused);
        }
        let reply = staff.send(Method::OPTIONS, endpoint.path(), &[], String::new()).await;
        assert_eq!(reply.status, StatusCode::NO_CONTENT);
        assert_eq!(reply.headers[header::ALLOW], endpoint.allow());
    }
}

#[tokio::test]
async fn head_answers_as_get_without_the_body() {
    let staff = staff();
    let get = staff.get("/jwks", &[]).await;
    let head = staff.send(Method::HEAD, "/jwks", &[], String::new()).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert_eq!(head.headers[header::CONTENT_LENGTH], get.body.len().to_string());
    assert_eq!(head.headers[header::ETAG], get.headers[header::ETAG]);
}

#[tokio::test]
async fn scripts_of_other_origins_reach_what_takes_no_cookie_and_no_page() {
    let staff = staff();
    let preflight = [CROSS_ORIGIN, ("access-control-request-method", "POST")];
    for endpoint in Endpoint::ALL {
        let is_page = [
            Endpoint::Authorize,
            Endpoint::Login,
            Endpoint::Consent,
            Endpoint::Logout,
            Endpoint::Account,
            Endpoint::Session,
        ]
        .contains(&endpoint);
        let reply = staff.send(Method::OPTIONS, endpoint.path(), &preflight, String::new()).await;
        let open = |headers: &HeaderMap| headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).is_some_and(|v| v == "*");
        assert_eq!(open(&reply.headers), !is_page, "{endpoint:?}");
        assert_eq!(reply.headers.contains_key(header::ACCESS_CONTROL_ALLOW_HEADERS), !is_page);
        let method = if endpoint.allows(&Method::POST) { Method::POST } else { Method::GET };
        let reply = staff.send(method, endpoint.path(), &[CROSS_ORIGIN], String::new()).await;
        assert_eq!(open(&reply.headers), !is_page, "{endpoint:?}");
        assert!(!reply.headers.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
    }
}

#[tokio::test]
async fn every_answer_carries_the_common_headers() {
    let staff = staff();
    for endpoint in Endpoint::ALL {
        let reply = staff.send(Method::PATCH, endpoint.path(), &[("x-request-id", "r-1")], String::new()).await;
        let header = |name: &str| reply.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("strict-transport-security"), "max-age=31536000");
        assert!(header("content-security-policy").contains("frame-ancestors 'none'"));
        assert_eq!((header("x-frame-options"), header("referrer-policy")), ("DENY", "no-referrer"));
        assert_eq!(header("x-request-id"), "r-1");
    }
    assert!(staff.get("/nothing", &[]).await.headers.contains_key("x-request-id"));
    let plain = realm().issuer("http://localhost:8080/realms/staff").serve();
    assert!(!plain.get("/jwks", &[]).await.headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
}

#[tokio::test]
async fn nobody_signs_in_to_a_realm_without_the_code_flow() {
    let machines = realm().settings(|settings| settings.grant_types = vec![GrantType::ClientCredentials]).serve();
    for path in ["/authorize", "/login", "/consent", "/logout", "/userinfo", "/account"] {
        assert_eq!(machines.get(path, &[]).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_ne!(machines.post_form("/token", &[], &[]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn requests_are_counted_by_realm_endpoint_and_outcome() {
    let staff = staff();
    for _ in 0..3 {
        staff.get("/jwks", &[]).await;
    }
    staff.send(Method::PUT, "/token", &[], String::new()).await;
    staff.get("/nothing", &[]).await;
    let text = staff.provider.metrics.encode();
    for line in [
        r#"realmkeeper_requests_total{realm="identity/staff",endpoint="jwks",outcome="ok"} 3"#,
        r#"realmkeeper_requests_total{realm="identity/staff",endpoint="token",outcome="refused"} 1"#,
        r#"realmkeeper_request_duration_seconds_count{endpoint="jwks"} 3"#,
        "realmkeeper_unrouted_requests_total 1",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    // The next new realm is the moment to forget those that are gone.
    staff.provider.registry.update(|snapshot| snapshot.remove(&crate::realm::ObjectName::new("identity", "staff")));
    staff.publish(realm().named("guests").build());
    staff.at(&crate::realm::ObjectName::new("identity", "guests")).get("/jwks", &[]).await;
    let text = staff.provider.metrics.encode();
    assert!(text.contains(r#"requests_total{realm="identity/guests""#) && !text.contains(r#"{realm="identity/staff""#));
}

#[tokio::test]
async fn what_is_refused_is_logged_under_the_request_id() {
    let captured = Captured::default();
    let lines = subscriber(LogStyle::Json, "info", captured.clone()).unwrap();
    let _guard = tracing::subscriber::set_default(lines);
    staff().send(Method::PUT, "/token", &[("x-request-id", "r-7")], String::new()).await;
    let line: Value = serde_json::from_str(captured.text().lines().last().unwrap()).unwrap();
    assert_eq!((&line["request_id"], &line["realm"]), (&"r-7".into(), &"identity/staff".into()));
    assert_eq!((&line["status"], &line["outcome"]), (&405.into(), &"refused".into()));
}

#[tokio::test]
async fn the_future_of_a_request_stays_small() {
    let staff = staff();
    let request = Request::get("/").body(Body::empty()).unwrap();
    let size = size_of_val(&staff.provider.handle(peer(), request));
    assert!(size < 6 * 1024, "{size} bytes are moved about for each request");
}

/// A store with a bug in it.
#[derive(Debug)]
struct Buggy;

#[async_trait::async_trait]
impl Store for Buggy {
    async fn commit(&self, _: Vec<Change>, _: Timestamp) -> Result<(), StoreError> {
        panic!("commit of s3cret")
    }

    async fn find(&self, _: Kind, _: &IdHash, _: Timestamp) -> Result<Option<Artifact>, StoreError> {
        panic!("find of s3cret")
    }

    async fn owned(&self, _: Owned, _: Timestamp) -> Result<Vec<Artifact>, StoreError> {
        panic!("owned of s3cret")
    }

    async fn due(&self, _: Kind, _: Timestamp, _: usize) -> Result<Vec<Artifact>, StoreError> {
        panic!("due of s3cret")
    }

    async fn count(&self, _: &str, _: &IdHash, _: Duration, _: Timestamp) -> Result<Counter, StoreError> {
        panic!("count of s3cret")
    }

    async fn counter(&self, _: &IdHash, _: Timestamp) -> Result<Option<Counter>, StoreError> {
        panic!("counter of s3cret")
    }

    async fn reset(&self, _: &IdHash) -> Result<(), StoreError> {
        panic!("reset of s3cret")
    }

    async fn sweep(&self, _: Timestamp, _: usize) -> Result<usize, StoreError> {
        panic!("sweep of s3cret")
    }
}

#[tokio::test]
async fn a_handler_that_panics_is_answered_500_and_says_nothing() {
    let good = staff();
    let now = good.now();
    let registry = good.provider.registry.clone();
    let buggy = Provider::new(registry, Arc::new(Buggy), Arc::default(), Arc::default(), Arc::new(move || now));
    let buggy = Arc::new(buggy);
    for _ in 0..2 {
        let request = Request::get("/realms/staff/userinfo")
            .header(header::HOST, "id.example.com")
            .header(header::AUTHORIZATION, "Bearer opaque-opaque-opaque-opaque-opaque-opaque-opaque")
            .body(Body::empty());
        let response = buggy.handle(peer(), request.unwrap()).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(response.headers().contains_key("x-request-id"));
        let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&body["error"], body.to_string().contains("s3cret")), (&"server_error".into(), false));
    }
    assert!(buggy.metrics.encode().contains(r#"endpoint="userinfo",outcome="server_error"} 2"#));
}
