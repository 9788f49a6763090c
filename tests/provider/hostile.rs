//! What strangers send: each gets a clear 4xx, nothing panics, no secret is logged, and the process serves on.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use realmkeeper::jose::{Algorithm, PrivateKey, Signer};
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{
    directory::demo,
    serve::{Serve, http},
    suite::relying_party::RelyingParty,
};

const FORM: &str = "application/x-www-form-urlencoded";
const MANIFESTS: &str = r#"
apiVersion: realmkeeper.dev/v1alpha1
kind: Realm
metadata: {name: demo}
spec: {}
---
apiVersion: realmkeeper.dev/v1alpha1
kind: OidcClient
metadata: {name: robot}
spec:
  realmRef: {name: demo}
  grantTypes: [client_credentials]
  audiences: ["https://api.example.com"]
---
apiVersion: realmkeeper.dev/v1alpha1
kind: OidcClient
metadata: {name: web}
spec:
  realmRef: {name: demo}
  redirectUris: ["http://127.0.0.1/callback"]
  scopes: [openid]
"#;

/// Paths below the issuer that take a form.
const FORMS: [&str; 8] =
    ["/token", "/introspect", "/revoke", "/userinfo", "/authorize", "/login", "/consent", "/logout"];

/// A provider under attack.
struct Target {
    serve: Arc<Serve>,
    robot: RelyingParty,
}

impl Target {
    async fn start(more: &str) -> Self {
        let files = format!("{MANIFESTS}{more}");
        let serve = Arc::new(Serve::start(&[("all.yaml", &files)], &["--log-filter", "debug"]).await);
        let robot = demo(&serve).relying_party("robot").await;
        Self { serve, robot }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/realms/demo{path}", self.serve.public_url)
    }

    fn authority(&self) -> &str {
        self.serve.public_url.strip_prefix("http://").unwrap()
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.authority()).await.unwrap()
    }

    /// Sends bytes as they are and reads the answer until the connection ends.
    async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        let _ = stream.write_all(bytes).await;
        read(&mut stream).await
    }

    async fn post(&self, path: &str, body: Vec<u8>) -> (u16, String) {
        let request = http().post(self.url(path)).header(header::CONTENT_TYPE, FORM).body(body);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// It issues a token as if nothing had been, and has nothing to be ashamed of in its log.
    async fn serves_on(&self) {
        let answer = self.robot.token(&[("grant_type", "client_credentials")]).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let log = self.serve.log();
        assert!(!log.contains("panicked"), "{log}");
        for secret in [self.robot.secret.as_deref().unwrap(), &answer.text("access_token")] {
            assert!(!log.contains(secret), "a secret in the log");
        }
    }
}

async fn read(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let _ = timeout(Duration::from_secs(25), stream.read_to_end(&mut text)).await;
    String::from_utf8_lossy(&text).into_owned()
}

fn is_4xx(status: u16) -> bool {
    (400..500).contains(&status)
}

/// Forms that no client sends, and the status that the token endpoint gives.
fn forms() -> Vec<(&'static str, Vec<u8>, u16)> {
    let parameters = |count: usize| (0..count).flat_map(|n| format!("p{n}=1&").into_bytes()).collect();
    vec![
        ("oversized", [b"grant_type=".to_vec(), vec![b'a'; 200_000]].concat(), 413),
        ("a thousand parameters", parameters(1_000), 400),
        ("duplicated", b"grant_type=client_credentials&grant_type=client_credentials".to_vec(), 400),
        ("duplicated, differing", b"grant_type=client_credentials&client_id=robot&client_id=web".to_vec(), 400),
        ("half an escape", b"grant_type=%2".to_vec(), 400),
        ("no escape", b"grant_type=%zz".to_vec(), 400),
        ("no UTF-8", b"grant_type=%ff%fe".to_vec(), 400),
        ("no UTF-8, unescaped", b"grant_type=\xff\xfe".to_vec(), 400),
        ("NUL", b"grant_type=client_credentials%00".to_vec(), 400),
        ("NUL in a name", b"grant_type%00=client_credentials".to_vec(), 400),
        ("NUL, unescaped", b"grant_type=\0".to_vec(), 400),
        ("a line break in the id", b"grant_type=client_credentials&client_id=a%0d%0aset-cookie:x".to_vec(), 401),
        ("nothing", Vec::new(), 400),
        ("only separators", b"&&&==&=&".to_vec(), 400),
        ("an unknown grant", b"grant_type=password&username=ada&password=x".to_vec(), 400),
    ]
}

/// What is no error at `/logout`, which needs no parameter and passes over those that it does not know.
const ASKS_TO_SIGN_OUT: [&str; 2] = ["nothing", "an unknown grant"];

#[tokio::test]
async fn forms_that_no_client_sends_get_a_clear_4xx_everywhere() {
    let target = Target::start("").await;
    for (what, form, expected) in forms() {
        for path in FORMS {
            let (status, body) = target.post(path, form.clone()).await;
            if path == "/logout" && ASKS_TO_SIGN_OUT.contains(&what) {
                assert!(status < 400, "{what} to {path}: {status} {body}");
                continue;
            }
            assert!(is_4xx(status) && status != 404 && status != 405, "{what} to {path}: {status} {body}");
        }
        let request =
            target.robot.http.post(target.url("/token")).header(header::CONTENT_TYPE, FORM).body(form.clone());
        let authenticated = request.basic_auth("robot", target.robot.secret.as_deref()).send().await.unwrap();
        let (status, body) = (authenticated.status().as_u16(), authenticated.text().await.unwrap());
        assert!(status == expected || (expected == 401 && is_4xx(status)), "{what}: {status} {body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert!(body["error"].is_string() && body["error_description"].is_string(), "{what}: {body}");
    }
    target.serves_on().await;
}

#[tokio::test]
async fn queries_that_no_client_sends_get_a_clear_4xx() {
    let target = Target::start("").await;
    for (what, form, _) in forms() {
        for path in ["/authorize", "/logout"] {
            let query: Vec<u8> = form.iter().take(20_000).copied().filter(|byte| byte.is_ascii_graphic()).collect();
            // What a URI can't hold has been sent in the bodies.
            if query.len() < form.len().min(20_000) {
                continue;
            }
            let end = format!(" HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", target.authority());
            let start = format!("GET /realms/demo{path}?");
            let answer = target.raw(&[start.as_bytes(), &query, end.as_bytes()].concat()).await;
            // As long as a head may be, a value is only long.
            let expected = match path == "/logout" && (ASKS_TO_SIGN_OUT.contains(&what) || what == "oversized") {
                true => ["HTTP/1.1 200", "HTTP/1.1 303"].as_slice(),
                false => &["HTTP/1.1 4"],
            };
            assert!(expected.iter().any(|status| answer.starts_with(status)), "{what} to {path}: {answer:.300}");
        }
    }
    target.serves_on().await;
}

#[tokio::test]
async fn bodies_of_other_types_and_endless_ones_are_refused() {
    let target = Target::start("").await;
    for (kind, body) in [
        ("application/json", r#"{"grant_type":"client_credentials"}"#),
        ("text/plain", "grant_type=client_credentials"),
        ("multipart/form-data; boundary=x", "--x\r\n\r\n--x--"),
        ("", "grant_type=client_credentials"),
    ] {
        for path in FORMS {
            let answer =
                http().post(target.url(path)).header(header::CONTENT_TYPE, kind).body(body).send().await.unwrap();
            assert!(is_4xx(answer.status().as_u16()), "{kind} to {path}: {}", answer.status());
        }
    }
    // Chunks without end: the answer comes long before 100 MB have been sent.
    let mut stream = target.connect().await;
    let head = format!(
        "POST /realms/demo/token HTTP/1.1\r\nhost: {}\r\ncontent-type: {FORM}\r\ntransfer-encoding: chunked\r\n\r\n",
        target.authority()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = [b"10000\r\n".to_vec(), vec![b'a'; 0x10000], b"\r\n".to_vec()].concat();
    let mut sent = 0;
    while sent < 100_000_000 {
        match timeout(Duration::from_secs(5), stream.write_all(&chunk)).await {
            Ok(Ok(())) => sent += chunk.len(),
            _ => break,
        }
    }
    assert!(sent < 100_000_000, "all of it was taken");
    // Where the connection was reset, the answer may be lost on the way.
    let answer = read(&mut stream).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let long = format!(
        "POST /realms/demo/token HTTP/1.1\r\nhost: {}\r\ncontent-type: {FORM}\r\ncontent-length: 999999999\r\n\r\n",
        target.authority()
    );
    let answer = target.raw(&[long.as_bytes(), &[b'a'; 70_000]].concat()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    target.serves_on().await;
}

#[tokio::test]
async fn heads_and_paths_that_are_malformed_get_a_clear_4xx() {
    let target = Target::start("").await;
    let host = format!("host: {}\r\n", target.authority());
    let long = "a".repeat(64_000);
    let many: String = (0..500).map(|n| format!("x-{n}: y\r\n")).collect();
    let path = "/realms/demo/jwks";
    for (what, head) in [
        ("a huge field", format!("GET {path} HTTP/1.1\r\n{host}x: {long}\r\n\r\n")),
        ("many fields", format!("GET {path} HTTP/1.1\r\n{host}{many}\r\n")),
        ("a huge cookie", format!("GET {path} HTTP/1.1\r\n{host}cookie: a={long}\r\n\r\n")),
        ("a huge target", format!("GET /{long} HTTP/1.1\r\n{host}\r\n")),
        ("NUL in the target", format!("GET /realms/demo/jwks\0 HTTP/1.1\r\n{host}\r\n")),
        ("NUL in a field", format!("GET {path} HTTP/1.1\r\n{host}x: a\0b\r\n\r\n")),
        ("no host", format!("GET {path} HTTP/1.1\r\n\r\n")),
        ("two hosts", format!("GET {path} HTTP/1.1\r\n{host}host: evil.example\r\n\r\n")),
        ("another host", format!("GET {path} HTTP/1.1\r\nhost: evil.example\r\n\r\n")),
        ("rubbish for a host", format!("GET {path} HTTP/1.1\r\nhost: \u{1F600}\r\n\r\n")),
        ("no version", format!("GET {path}\r\n\r\n")),
        ("a version to come", format!("GET {path} HTTP/7.3\r\n{host}\r\n")),
        ("a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n".to_owned()),
        ("another protocol", "SSH-2.0-OpenSSH_9.9\r\n\r\n".to_owned()),
        ("dots", format!("GET /realms/demo/../demo/jwks HTTP/1.1\r\n{host}\r\n")),
        ("escaped dots", format!("GET /realms/demo/%2e%2e/demo/jwks HTTP/1.1\r\n{host}\r\n")),
        ("an escaped slash", format!("GET /realms%2fdemo%2fjwks HTTP/1.1\r\n{host}\r\n")),
        ("a doubled slash", format!("GET //realms/demo/jwks HTTP/1.1\r\n{host}\r\n")),
        ("a backslash", format!("GET \\realms\\demo\\jwks HTTP/1.1\r\n{host}\r\n")),
        ("a slash at the end", format!("GET {path}/ HTTP/1.1\r\n{host}\r\n")),
        ("an asterisk", format!("OPTIONS * HTTP/1.1\r\n{host}\r\n")),
        ("a tunnel", format!("CONNECT evil.example:443 HTTP/1.1\r\n{host}\r\n")),
        (
            "two lengths",
            format!("POST /realms/demo/token HTTP/1.1\r\n{host}content-length: 3\r\ncontent-length: 4\r\n\r\nabcd"),
        ),
        (
            "a length and chunks",
            format!(
                "POST /realms/demo/token HTTP/1.1\r\n{host}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
            ),
        ),
        ("no length at all", format!("POST /realms/demo/token HTTP/1.1\r\n{host}content-length: -1\r\n\r\n")),
        (
            "bad chunks",
            format!(
                "POST /realms/demo/token HTTP/1.1\r\n{host}content-type: {FORM}\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"
            ),
        ),
    ] {
        let head = head.replacen("\r\n\r\n", "\r\nconnection: close\r\n\r\n", 1);
        let answer = target.raw(head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{what}: {answer:.200}");
    }
    for bytes in [&b"\xff\xfe"[..], b"\xc3\x28", b"%ff%fe", b"%c0%ae", b"%00"] {
        let head =
            [b"GET /realms/", bytes, b"/jwks HTTP/1.1\r\n", host.as_bytes(), b"connection: close\r\n\r\n"].concat();
        let answer = target.raw(&head).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{bytes:?}: {answer:.200}");
    }
    target.serves_on().await;
}

#[tokio::test]
async fn rubbish_in_the_pipeline_ends_the_connection_and_nothing_else() {
    let target = Target::start("").await;
    let request = format!("GET /realms/demo/jwks HTTP/1.1\r\nhost: {}\r\n\r\n", target.authority());
    for rubbish in [&b"\0\0\0\0\r\n\r\n"[..], b"GET\r\n\r\n", b"\xff\xff\xff\xff\r\n\r\n", b"0\r\n\r\n", b"}{\r\n\r\n"]
    {
        let answer = target.raw(&[request.as_bytes(), request.as_bytes(), rubbish].concat()).await;
        assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2, "{rubbish:?}");
        assert_eq!(answer.matches("HTTP/1.1 400 ").count(), 1, "{rubbish:?}: {answer}");
    }
    // A second request hidden in the body of the first is a body.
    let smuggled = "GET /realms/demo/jwks HTTP/1.1\r\nhost: x\r\n\r\n";
    let head = format!(
        "POST /realms/demo/token HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: {FORM}\r\ncontent-length: {}\r\n\r\n{smuggled}",
        target.authority(),
        smuggled.len()
    );
    let answer = target.raw(head.as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    target.serves_on().await;
}

#[tokio::test]
async fn slow_clients_are_told_so_and_keep_nobody_waiting() {
    let target = Arc::new(Target::start("").await);
    let host = target.authority().to_owned();
    let slow_head = async |target: Arc<Target>| {
        let mut stream = target.connect().await;
        stream.write_all(b"GET /realms/demo/jwks HTTP/1.1\r\n").await.unwrap();
        let (mut reader, mut writer) = stream.into_split();
        let drip = tokio::spawn(async move {
            while writer.write_all(b"x: y\r\n").await.is_ok() {
                sleep(Duration::from_millis(500)).await;
            }
        });
        let mut text = Vec::new();
        let _ = timeout(Duration::from_secs(25), reader.read_to_end(&mut text)).await;
        drip.abort();
        String::from_utf8_lossy(&text).into_owned()
    };
    let heads: Vec<_> = (0..50).map(|_| tokio::spawn(slow_head(target.clone()))).collect();
    let body = format!(
        "POST /realms/demo/token HTTP/1.1\r\nhost: {host}\r\ncontent-type: {FORM}\r\ncontent-length: 99\r\n\r\ngrant_type="
    );
    let slow_body = {
        let target = target.clone();
        tokio::spawn(async move { target.raw(body.as_bytes()).await })
    };
    for _ in 0..20 {
        let answer = timeout(Duration::from_secs(5), target.robot.token(&[("grant_type", "client_credentials")])).await;
        assert_eq!(answer.expect("nobody waits").status, StatusCode::OK);
        sleep(Duration::from_millis(100)).await;
    }
    for head in heads {
        let answer = head.await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    }
    let answer = slow_body.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    target.serves_on().await;
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn jwt(header: &Value, claims: &Value, sign: impl FnOnce(&str) -> Vec<u8>) -> String {
    let input = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
    let signature = sign(&input);
    format!("{input}.{}", encode(signature))
}

/// Tokens that pretend to be `genuine`, a JWT that verifies with `jwk`.
fn forgeries(genuine: &str, jwk: &Value) -> Vec<(&'static str, String)> {
    let part = |index: usize| -> Value {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(genuine.split('.').nth(index).unwrap()).unwrap()).unwrap()
    };
    let (header, claims) = (part(0), part(1));
    let with = |name: &str, value: Value| {
        let mut header = header.clone();
        header[name] = value;
        header
    };
    let (signed, signature) = genuine.rsplit_once('.').unwrap();
    let genuine_signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    let stranger = Signer::new(
        PrivateKey::from_pem(Algorithm::Es256, &PrivateKey::generate_pem(Algorithm::Es256).unwrap()).unwrap(),
    );
    let hmac_of = |key: &[u8], input: &str| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), input.as_bytes()).as_ref().to_vec()
    };
    let mut grown = claims.clone();
    grown["padding"] = "a".repeat(1 << 20).into();
    let mut deep = String::new();
    (0..20_000).for_each(|_| deep.push_str("{\"a\":"));
    let none = |alg: &str| jwt(&with("alg", alg.into()), &claims, |_| Vec::new());
    vec![
        ("alg none", none("none")),
        ("alg None", none("None")),
        ("alg nOnE with a signature", jwt(&with("alg", "nOnE".into()), &claims, |_| genuine_signature.clone())),
        (
            "HS256 with the public key",
            jwt(&with("alg", "HS256".into()), &claims, |input| hmac_of(jwk.to_string().as_bytes(), input)),
        ),
        (
            "HS256 with the public point",
            jwt(&with("alg", "HS256".into()), &claims, |input| {
                hmac_of(&BASE64_URL_SAFE_NO_PAD.decode(jwk["x"].as_str().unwrap_or_default()).unwrap(), input)
            }),
        ),
        ("another algorithm", jwt(&with("alg", "RS256".into()), &claims, |_| genuine_signature.clone())),
        ("an unknown algorithm", jwt(&with("alg", "XY999".into()), &claims, |_| genuine_signature.clone())),
        ("no algorithm", jwt(&with("alg", Value::Null), &claims, |_| genuine_signature.clone())),
        (
            "a key of its own",
            jwt(&with("jwk", json!(stranger.jwk())), &claims, |input| {
                stranger.private_key().sign(input.as_bytes(), <[u8]>::to_vec).unwrap()
            }),
        ),
        (
            "a stranger's key",
            jwt(&header, &claims, |input| stranger.private_key().sign(input.as_bytes(), <[u8]>::to_vec).unwrap()),
        ),
        ("an unknown kid", jwt(&with("kid", "unknown".into()), &claims, |_| genuine_signature.clone())),
        ("a kid that is a path", jwt(&with("kid", "../../../../dev/null".into()), &claims, |_| Vec::new())),
        ("something critical", jwt(&with("crit", json!(["exp"])), &claims, |_| genuine_signature.clone())),
        ("other claims", jwt(&header, &json!({"sub": "ada", "client_id": "web"}), |_| genuine_signature.clone())),
        ("1 MiB of claims", jwt(&header, &grown, |_| genuine_signature.clone())),
        ("no signature", format!("{signed}.")),
        ("zeroes for a signature", format!("{signed}.{}", encode([0; 64]))),
        ("a signature too long", format!("{genuine}AAAA")),
        ("deep nesting", format!("{}.{}.{signature}", encode(&deep), encode(&deep))),
        ("no JSON", format!("{}.{}.{signature}", encode("}{"), encode("}{"))),
        ("padding", format!("{signed}.{signature}==")),
        ("parts too many", format!("{genuine}.{signature}.{signature}")),
        ("parts of nothing", "..".to_owned()),
        ("a NUL", format!("{genuine}\0")),
    ]
}

async fn key_of(target: &Target, token: &str) -> Value {
    let kid = jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
    let jwks = target.robot.jwks().await;
    jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == *kid).unwrap().clone()
}

#[tokio::test]
async fn forged_access_tokens_are_active_nowhere() {
    let target = Target::start("").await;
    let genuine = target.robot.token(&[("grant_type", "client_credentials")]).await.text("access_token");
    assert_eq!(target.robot.introspect(&genuine).await.body["active"], true);
    let mut forged = forgeries(&genuine, &key_of(&target, &genuine).await);
    // RFC 9068 section 4: an ID token, say, is no access token.
    let header: Value =
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(genuine.split('.').next().unwrap()).unwrap()).unwrap();
    assert_eq!(header["typ"], "at+jwt");
    let mut other = header.clone();
    other["typ"] = "JWT".into();
    let rest = genuine.split_once('.').unwrap().1;
    forged.push(("another type", format!("{}.{rest}", encode(other.to_string()))));
    for (what, token) in forged {
        let answer = target.robot.introspect(&token).await;
        let refused = answer.body == json!({"active": false}) || is_4xx(answer.status.as_u16());
        assert!(refused, "{what}: {} {}", answer.status, answer.body);
        let answer = target.robot.revoke(&token).await;
        assert!(answer.status.is_success() || is_4xx(answer.status.as_u16()), "{what}: {}", answer.status);
        if let Ok(value) = header::HeaderValue::from_str(&format!("Bearer {token}")) {
            let request = http().get(target.url("/userinfo")).header(header::AUTHORIZATION, value);
            let status = request.send().await.unwrap().status().as_u16();
            assert!(status == 401 || status == 431, "{what}: {status}");
        }
        let form = form_urlencoded::Serializer::new(String::new()).append_pair("access_token", &token).finish();
        let (status, body) = target.post("/userinfo", form.into_bytes()).await;
        assert!([400, 401, 413].contains(&status), "{what}: {status} {body}");
    }
    assert_eq!(target.robot.introspect(&genuine).await.body["active"], true, "the genuine one was not revoked");
    target.serves_on().await;
}

#[tokio::test]
async fn forged_client_assertions_and_hints_are_refused() {
    let signer = Signer::new(
        PrivateKey::from_pem(Algorithm::Es256, &PrivateKey::generate_pem(Algorithm::Es256).unwrap()).unwrap(),
    );
    let jwks = json!({"keys": [signer.jwk()]});
    let client = format!(
        "---\napiVersion: realmkeeper.dev/v1alpha1\nkind: OidcClient\nmetadata: {{name: signed}}\nspec:\n  realmRef: {{name: demo}}\n  \
         grantTypes: [client_credentials]\n  tokenEndpointAuthMethod: private_key_jwt\n  credentials: {{jwks: {jwks}}}\n"
    );
    let target = Target::start(&client).await;
    let issuer = target.url("");
    let mut number = 0;
    let mut claims = || {
        number += 1;
        let now = jiff::Timestamp::now().as_second();
        json!({"iss": "signed", "sub": "signed", "aud": issuer, "iat": now, "exp": now + 60, "jti": format!("j{number}")})
    };
    let ask = async |assertion: &str| {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
            .append_pair("client_assertion", assertion)
            .finish();
        let (status, body) = target.post("/token", form.into_bytes()).await;
        (status, serde_json::from_str::<Value>(&body).unwrap())
    };
    let genuine = signer.sign_jwt("JWT", &claims()).unwrap();
    let (status, body) = ask(&genuine).await;
    assert_eq!(status, 200, "{body}");
    let (status, body) = ask(&genuine).await;
    assert_eq!((status, body["error"].as_str()), (401, Some("invalid_client")), "used twice: {body}");
    for (what, assertion) in forgeries(&signer.sign_jwt("JWT", &claims()).unwrap(), &json!(signer.jwk())) {
        let (status, body) = ask(&assertion).await;
        assert!([400, 401, 413].contains(&status) && body["error"].is_string(), "{what}: {status} {body}");
    }
    for (name, value) in [
        ("aud", json!("https://evil.example")),
        ("exp", json!(1)),
        ("iss", json!("robot")),
        ("sub", json!("robot")),
        ("jti", Value::Null),
    ] {
        let mut claims = claims();
        claims[name] = value;
        let (status, body) = ask(&signer.sign_jwt("JWT", &claims).unwrap()).await;
        assert_eq!((status, body["error"].as_str()), (401, Some("invalid_client")), "{name}: {body}");
    }
    let token = target.robot.token(&[("grant_type", "client_credentials")]).await.text("access_token");
    let mut hints = forgeries(&token, &key_of(&target, &token).await);
    hints.push(("an access token", token));
    for (what, hint) in hints {
        let form = form_urlencoded::Serializer::new(String::new()).append_pair("id_token_hint", &hint).finish();
        let (status, body) = target.post("/logout", form.clone().into_bytes()).await;
        assert!(status < 500 && !body.contains("127.0.0.1:7/callback"), "{what}: {status}");
        let form = format!(
            "response_type=code&client_id=web&redirect_uri=http%3A%2F%2F127.0.0.1%3A7%2Fcallback&scope=openid&prompt=none&code_challenge=E9Melhoa2OwvFrEGYM8PGu6HwYqMUpJ9Dma4nHLiFNY&code_challenge_method=S256&{form}"
        );
        let (status, body) = target.post("/authorize", form.into_bytes()).await;
        assert!(status < 500, "{what}: {status} {body}");
    }
    target.serves_on().await;
}

#[tokio::test]
async fn odd_credentials_are_refused_in_one_way() {
    let target = Target::start("").await;
    for value in [
        "Basic",
        "Basic ",
        "Basic %%%",
        "Basic Og==",
        "Basic OjpvOg==",
        "Basic //79",
        "Bearer x",
        "Digest x",
        "basic cm9ib3Q6",
        "\u{e9}",
    ] {
        for path in ["/token", "/introspect", "/revoke"] {
            let request = http().post(target.url(path)).header(header::CONTENT_TYPE, FORM);
            let value = header::HeaderValue::from_bytes(value.as_bytes()).unwrap();
            let answer = request
                .header(header::AUTHORIZATION, value)
                .body("grant_type=client_credentials&token=x")
                .send()
                .await
                .unwrap();
            let status = answer.status().as_u16();
            assert!([400, 401].contains(&status), "{path}: {status}");
        }
    }
    for path in FORMS {
        for method in [Method::PUT, Method::DELETE, Method::TRACE, Method::from_bytes(b"BREW").unwrap()] {
            let status = http().request(method, target.url(path)).send().await.unwrap().status();
            assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
        }
    }
    target.serves_on().await;
}
