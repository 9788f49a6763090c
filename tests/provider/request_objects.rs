//! Request objects over real HTTP (OpenID Connect Core section 6, RFC 9101): made by npm's `openid-client` and `jose`, fetched from a real
//! server on loopback, explained by the plugin.

use std::{
    path::Path,
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    http::header,
    routing::{get, put},
};
use realmkeeper::jose::{Algorithm, PrivateKey, Signer};
use serde_json::{Value, json};
use url::Url;

use crate::{
    directory::demo,
    serve::Serve,
    suite::{
        registrant::register,
        relying_party::{RelyingParty, sign_in_at},
        served::{PASSWORD, Served},
    },
};

const REDIRECT_URI: &str = "http://127.0.0.1:7777/callback";

/// A web server on loopback that keeps what is PUT there, and counts who fetches it.
async fn document() -> String {
    let (content, fetched) = (Arc::new(Mutex::new(String::new())), Arc::new(AtomicUsize::new(0)));
    let (kept, counted, told) = (content.clone(), fetched.clone(), fetched);
    let keep = put(async move |body: String| *content.lock().unwrap() = body);
    let document = keep.get(async move || {
        counted.fetch_add(1, Ordering::SeqCst);
        ([(header::CONTENT_TYPE, "application/oauth-authz-req+jwt")], kept.lock().unwrap().clone())
    });
    let routes = Router::new()
        .route("/r.jwt", document)
        .route("/r.jwt/fetched", get(async move || told.load(Ordering::SeqCst).to_string()));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/r.jwt", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    url
}

/// A realm that may reach loopback, with Ada.
async fn begin(more: Value) -> (Arc<Serve>, Served) {
    let serve = Arc::new(Serve::start(&[], &[]).await);
    let served = demo(&serve);
    let mut spec = json!({"outbound": {"allowedNetworks": ["127.0.0.0/8"]}});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    served.apply([served.realm(spec)]).await;
    served.apply_ada().await;
    (serve, served)
}

#[tokio::test]
async fn core_6_openid_client_and_jose_make_request_objects_of_every_kind() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/openid-client");
    assert!(
        folder.join("node_modules/openid-client").is_dir(),
        "openid-client is needed by this test: run `npm ci` in {} (`make test` does)",
        folder.display()
    );
    let (serve, served) = begin(json!({})).await;
    for (name, algorithm) in [("enc-rsa", "RSA-OAEP-256"), ("enc-ec", "ECDH-ES+A256KW")] {
        served.apply([served.child("SigningKey", name, json!({"algorithm": algorithm, "use": "enc"}))]).await;
        served.until_ready("SigningKey", name).await;
    }
    let pem = PrivateKey::generate_pem(Algorithm::Es256).unwrap();
    let signer = Signer::new(PrivateKey::from_pem(Algorithm::Es256, &pem).unwrap());
    let jwks = json!({"keys": [signer.jwk()]});
    let document = document().await;
    let keyed = json!({"secret": {}, "jwks": jwks});
    let mut clients = serde_json::Map::new();
    for (name, spec) in [
        ("strict", json!({"credentials": keyed, "requireSignedRequestObject": true})),
        ("keyed", json!({"credentials": keyed, "requestObjectSigningAlg": "ES256", "requestUris": [document]})),
        ("coded", json!({"requestObjectSigningAlg": "HS256", "requestObjectEncryptionAlg": "dir"})),
        ("unsigned", json!({"requestObjectSigningAlg": "none"})),
    ] {
        let mut spec = spec;
        spec["tokenEndpointAuthMethod"] = json!("client_secret_basic");
        let client = served.with_client(name, spec).await;
        clients.insert(name.into(), json!({"id": client.client_id, "secret": client.secret}));
    }
    let mut node = tokio::process::Command::new("setpriv");
    node.args(["--pdeathsig", "KILL", "node", "--test-reporter=spec", "request-objects.mjs"]).current_dir(&folder);
    node.env("ISSUER", served.issuer().await).env("CLIENTS", Value::from(clients).to_string());
    node.env("USERNAME", "ada").env("PASSWORD", PASSWORD).env("REDIRECT_URI", REDIRECT_URI);
    node.env("KEY", pem.expose_str().unwrap()).env("KID", &signer.jwk().kid).env("DOCUMENT", document);
    let node = node.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(Duration::from_secs(180), node).await.unwrap();
    let output = output.expect("node is needed by this test: scripts/setup installs it");
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{said}\n--- and the provider:\n{}", serve.log());
    assert!(said.contains("pass 7") && said.contains("fail 0"), "every test must have run:\n{said}");
}

/// A key, and what the client says with it beside an attempt.
fn sign(signer: &Signer, web: &RelyingParty, more: Value) -> String {
    let mut members = json!({"iss": web.client_id, "aud": web.metadata["issuer"], "redirect_uri": REDIRECT_URI});
    members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    signer.sign_jwt("JWT", &members).unwrap()
}

#[tokio::test]
async fn core_6_2_who_registers_by_itself_is_heard_by_reference() {
    let (serve, served) = begin(json!({"registration": {"mode": "Open"}})).await;
    let http = crate::serve::http();
    let issuer = served.issuer().await;
    let pem = PrivateKey::generate_pem(Algorithm::Es256).unwrap();
    let signer = Signer::new(PrivateKey::from_pem(Algorithm::Es256, &pem).unwrap());
    let document = document().await;
    let metadata = json!({
        "redirect_uris": [REDIRECT_URI], "application_type": "native", "request_uris": [format!("{document}#registered")],
        "request_object_signing_alg": "ES256", "jwks": {"keys": [signer.jwk()]},
    });
    let answer = register(&http, &issuer, None, &metadata).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    for member in ["request_uris", "request_object_signing_alg"] {
        assert_eq!(answer.body[member], metadata[member], "{member}");
    }
    let client_id = answer.body["client_id"].as_str().unwrap();
    let web = RelyingParty::discover(http.clone(), &issuer, client_id, answer.body["client_secret"].as_str()).await;
    assert_eq!(web.metadata["require_request_uri_registration"], true);
    let put = async |object: String| http.put(&document).body(object).send().await.unwrap().error_for_status().unwrap();
    put(sign(&signer, &web, json!({"scope": "openid email"}))).await;
    let attempt = web.attempt("openid", &[("request_uri", &document)]);
    let back = sign_in_at(&served.browser(), &attempt.url, "ada", PASSWORD).await;
    let tokens = web.redeem(&attempt, &web.code(&attempt, &back)).await;
    assert_eq!(tokens.body["scope"], "openid email", "{}", tokens.body);
    let pem = PrivateKey::generate_pem(Algorithm::Es256).unwrap();
    let stranger = Signer::new(PrivateKey::from_pem(Algorithm::Es256, &pem).unwrap());
    put(sign(&stranger, &web, json!({}))).await;
    let back = served.browser().open(&web.attempt("openid", &[("request_uri", &document)]).url).await.away();
    assert_eq!(error(&back).as_deref(), Some("invalid_request_object"));
    assert!(!serve.log().contains("panicked"));
}

#[tokio::test]
async fn registration_2_what_can_not_be_decrypted_here_is_not_registered() {
    let (_serve, served) = begin(json!({"registration": {"mode": "Open"}})).await;
    let (http, issuer) = (crate::serve::http(), served.issuer().await);
    let with = |alg: &str| json!({"redirect_uris": [REDIRECT_URI], "application_type": "native", "request_object_encryption_alg": alg});
    for alg in ["RSA-OAEP", "ECDH-ES", "RSA1_5", "x"] {
        let answer = register(&http, &issuer, None, &with(alg)).await;
        answer.assert_error(400, "invalid_client_metadata");
        let description = answer.body["error_description"].as_str().unwrap();
        assert!(description.starts_with("request_object_encryption_alg:"), "{description}");
    }
    let answer = register(&http, &issuer, None, &with("dir")).await;
    assert_eq!((answer.status.as_u16(), &answer.body["request_object_encryption_enc"]), (201, &json!("A128CBC-HS256")));
    served.apply([served.child("SigningKey", "enc", json!({"algorithm": "RSA-OAEP", "use": "enc"}))]).await;
    served.until_ready("SigningKey", "enc").await;
    assert_eq!(register(&http, &issuer, None, &with("RSA-OAEP")).await.status, 201);
    let unknown =
        json!({"redirect_uris": [REDIRECT_URI], "application_type": "native", "request_object_signing_alg": "XS1"});
    register(&http, &issuer, None, &unknown).await.assert_error(400, "invalid_client_metadata");
}

fn error(back: &Url) -> Option<String> {
    back.query_pairs().find(|(name, _)| name == "error").map(|(_, value)| value.into_owned())
}
