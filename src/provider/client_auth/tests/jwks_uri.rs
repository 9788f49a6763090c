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
    jose::{
        KeyManagement,
        jwe::{ContentEncryption, DecryptionKey},
    },
    provider::testing::{TestProvider, authorization, client, decryption_key, realm, signer, signer_jwks, user},
    realm::{AuthMethod, ClientKeys, Encryption, JweKey},
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
async fn oidc_10_1_1_an_unknown_key_is_looked_for_at_once_but_not_without_end() {
    let web = Web::start().await;
    let staff = serve(&web.uri("/jwks"), &LOOPBACK);
    assert_eq!(ask(&staff, 0).await, 200);
    web.set(200, signer_jwks(1));
    assert_eq!((ask(&staff, 1).await, web.asked()), (200, 2), "a client that has a new key a moment later");
    assert_eq!(ask(&staff, 0).await, 401, "a key that was taken out is gone");
    for _ in 0..5 {
        assert_eq!(ask(&staff, 0).await, 401);
    }
    assert_eq!(web.asked(), 3, "a stranger can't make us knock without end");
    staff.advance(Duration::from_secs(29));
    assert_eq!((ask(&staff, 0).await, web.asked()), (401, 3));
    staff.advance(Duration::from_secs(1));
    assert_eq!((ask(&staff, 0).await, web.asked()), (401, 4));
}

/// OpenID Connect Core section 10.2: the key to encrypt for comes from the same place.
#[tokio::test]
async fn oidc_10_2_a_key_to_encrypt_for_is_fetched_kept_and_looked_for_anew_where_none_fits() {
    let web = Web::start().await;
    let keys = [KeyManagement::EcdhEs, KeyManagement::RsaOaep256].map(decryption_key);
    let app = |key: KeyManagement| {
        client("app").with(|client| {
            client.authentication.keys = ClientKeys::Uri(web.uri("/jwks").into());
            let encryption = Encryption { key: JweKey::Public(key), content: ContentEncryption::A128Gcm };
            client.id_token.encryption = Some(encryption);
        })
    };
    let build = |key| {
        let loopback = |settings: &mut crate::realm::Settings| {
            settings.allowed_networks = LOOPBACK.map(|network| network.parse().unwrap()).to_vec();
        };
        realm().settings(loopback).client(app(key)).user(user("ada"))
    };
    let staff = build(KeyManagement::EcdhEs).serve();
    let set = |keys: &[&DecryptionKey]| {
        let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
        web.set(200, json!({"keys": keys}));
    };
    set(&[&keys[0]]);
    for _ in 0..2 {
        let tokens = staff.tokens(authorization("app", "ada", "openid")).await;
        assert!(keys[0].decrypt(tokens["id_token"].as_str().unwrap()).is_ok());
    }
    assert_eq!(web.asked(), 1);
    staff.publish(build(KeyManagement::RsaOaep256).build());
    let code = staff.code(authorization("app", "ada", "openid"), |_| ()).await;
    assert_eq!(staff.redeem("app", &code).await.error(), (400, "invalid_client_metadata".into()));
    assert_eq!(web.asked(), 2, "it was looked for");
    set(&[&keys[0], &keys[1]]);
    let reply = staff.redeem("app", &code).await;
    assert_eq!(reply.status.as_u16(), 200, "the code was not used up: {}", reply.text());
    assert!(keys[1].decrypt(reply.json()["id_token"].as_str().unwrap()).is_ok());
}

#[tokio::test]
async fn where_the_key_to_encrypt_for_can_not_be_had_the_client_is_told_to_try_again() {
    let web = Web::start().await;
    web.set(503, "down");
    let app = client("app").with(|client| {
        client.authentication.keys = ClientKeys::Uri(web.uri("/jwks").into());
        let key = JweKey::Public(KeyManagement::EcdhEs);
        client.userinfo.encryption = Some(Encryption { key, content: ContentEncryption::A128Gcm });
    });
    let networks = LOOPBACK.map(|network| network.parse().unwrap()).to_vec();
    let staff = realm().settings(|settings| settings.allowed_networks = networks).client(app).user(user("ada")).serve();
    let tokens = staff.tokens(authorization("app", "ada", "openid")).await;
    assert_eq!(web.asked(), 0, "the ID token is not encrypted: nothing is fetched for it");
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let reply = staff.get("/userinfo", &[("authorization", &bearer)]).await;
    assert_eq!(reply.error(), (503, "temporarily_unavailable".into()));
    assert!(!reply.header("retry-after").is_empty());
    let key = decryption_key(KeyManagement::EcdhEs);
    web.set(200, json!({"keys": [key.jwk()]}));
    staff.advance(Duration::from_secs(10));
    let reply = staff.get("/userinfo", &[("authorization", &bearer)]).await;
    assert!(key.decrypt(reply.text()).is_ok());
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
