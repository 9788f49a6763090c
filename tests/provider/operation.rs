//! What whoever runs the process relies on: readiness, metrics, logs without secrets, TLS, a graceful stop.

use std::{fs, sync::Arc, time::Duration};

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    control_plane::wait::eventually,
    directory::demo,
    serve::{Serve, http},
    suite::{
        agent::Landing,
        relying_party::{agree, sign_in_at},
        served::PASSWORD,
    },
};

const REALM: &str = "apiVersion: realmkeeper.dev/v1alpha1\nkind: Realm\nmetadata: {name: demo}\nspec: {}\n";

async fn ready(serve: &Serve) -> (u16, String) {
    let answer = reqwest::get(format!("{}/readyz", serve.management)).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn no_secret_reaches_the_log_at_any_level_and_every_line_is_json_with_a_request_id() {
    let options = ["--log-format", "json", "--log-filter", "trace"];
    let serve = Arc::new(Serve::start(&[("realm.yaml", REALM)], &options).await);
    let served = demo(&serve);
    served.apply_ada().await;
    let opaque = json!({"consent": "Ask", "tokenEndpointAuthMethod": "client_secret_post"});
    let party = served.with_client("web", opaque).await;
    let secret = party.secret.clone().unwrap();
    let mut secrets = vec![PASSWORD.to_owned(), secret.clone()];

    let browser = served.browser();
    // Typed wrongly first, as people do.
    let attempt = party.attempt("openid offline_access", &[]);
    let Landing::Page(login) = browser.open(&attempt.url).await else { panic!("no login page") };
    secrets.extend(login.form().fields.iter().map(|(_, value)| value.clone()).filter(|value| value.len() > 20));
    let again = browser.submit(&login, &[("username", "ada"), ("password", "Wr0ng-but-nearly")]).await;
    secrets.push("Wr0ng-but-nearly".to_owned());
    let Landing::Page(login) = again else { panic!("signed in with a wrong password") };
    let landing = browser.submit(&login, &[("username", "ada"), ("password", PASSWORD)]).await;
    let back = agree(&browser, landing).await;
    let code = party.code(&attempt, &back);
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &*code),
        ("redirect_uri", &*party.redirect_uri),
        ("code_verifier", &*attempt.verifier),
        ("client_id", "web"),
        ("client_secret", &*secret),
    ];
    let post = async |endpoint: &str, form: &[(&str, &str)]| {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = party.http.post(party.endpoint(endpoint)).body(body);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.send().await.unwrap().json::<Value>().await.unwrap_or_default()
    };
    let tokens = post("token_endpoint", &form).await;
    for name in ["access_token", "refresh_token", "id_token"] {
        secrets.push(tokens[name].as_str().unwrap_or_else(|| panic!("{tokens}")).to_owned());
    }
    secrets.extend([code.clone(), attempt.verifier.clone()]);
    let refresh = secrets[secrets.len() - 4].clone();
    let with_secret = [("client_id", "web"), ("client_secret", &*secret)];
    for token in secrets.clone() {
        // Everything in the wrong place too: what is refused is logged.
        post("introspection_endpoint", &[("token", &token), with_secret[0], with_secret[1]]).await;
        post(
            "token_endpoint",
            &[("grant_type", "refresh_token"), ("refresh_token", &token), with_secret[0], with_secret[1]],
        )
        .await;
        post("token_endpoint", &[("grant_type", "authorization_code"), ("code", &token), with_secret[0]]).await;
        post(
            "token_endpoint",
            &[("grant_type", "client_credentials"), ("client_id", "web"), ("client_secret", &token)],
        )
        .await;
        post("revocation_endpoint", &[("token", &token), with_secret[0], ("client_secret", &token)]).await;
        let _ = party.http.get(party.endpoint("userinfo_endpoint")).bearer_auth(&token).send().await;
        let basic = party.http.post(party.endpoint("token_endpoint")).basic_auth(&token, Some(&token));
        let _ = basic.header("content-type", "application/x-www-form-urlencoded").body("grant_type=x").send().await;
        let _ = party
            .http
            .get(format!("{}?client_id=web&code={token}", party.endpoint("authorization_endpoint")))
            .send()
            .await;
        let _ =
            party.http.get(format!("{}?id_token_hint={token}", party.endpoint("end_session_endpoint"))).send().await;
    }
    post("revocation_endpoint", &[("token", &refresh), with_secret[0], with_secret[1]]).await;

    let log = serve.log();
    for secret in &secrets {
        // A token's header is no secret, its end is.
        let telling = &secret[secret.len().saturating_sub(40)..];
        assert!(
            !log.contains(telling),
            "a secret in the log: {}",
            log.lines().find(|line| line.contains(telling)).unwrap()
        );
    }
    let lines: Vec<Value> = log
        .lines()
        .filter(|line| !line.starts_with("realm "))
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let refused: Vec<_> = lines.iter().filter(|line| line["outcome"] == "invalid_client").collect();
    assert!(!refused.is_empty(), "{log}");
    for line in refused {
        assert!(line["request_id"].is_string() && line["realm"] == "default/demo", "{line}");
    }
}

#[tokio::test]
async fn it_is_ready_once_each_realm_has_a_key_and_says_what_is_missing() {
    let serve = Serve::start(&[("realm.yaml", REALM)], &[]).await;
    assert_eq!(ready(&serve).await, (200, "ready\n".to_owned()));
    let line = format!("realm default/demo is served: {}/realms/demo", serve.public_url);
    eventually("the issuer is printed", Duration::from_secs(2), || async {
        serve.log().contains(&line).then_some(()).ok_or(serve.log())
    })
    .await;
    let keyless = REALM.replace("demo", "bare").replace("{}", "{signing: {defaultKeys: None}}");
    serve.write("bare.yaml", &keyless);
    // It is told of, and the realms that have keys are served on.
    eventually("a note", Duration::from_secs(5), || async {
        let (status, body) = ready(&serve).await;
        let noted = body.contains("default/bare has no key");
        if noted && status == 200 { Ok(()) } else { Err((status, body)) }
    })
    .await;
    // A new process has nothing to lose: it says what it waits for.
    let mut fresh = Serve::start(&[("realm.yaml", REALM)], &[]).await;
    fresh.kill();
    fresh.write("bare.yaml", &keyless);
    let (management, started) = (fresh.management.clone(), tokio::time::Instant::now());
    let restart = tokio::spawn(async move { fresh.restart().await });
    let said = loop {
        let body = match reqwest::get(format!("{management}/readyz")).await {
            Ok(answer) => answer.text().await.unwrap(),
            Err(_) => String::new(),
        };
        if body.contains("missing: the realm default/bare has no key") || started.elapsed() > Duration::from_secs(20) {
            break body;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    restart.abort();
    assert!(said.starts_with("not ready\nmissing: the realm default/bare has no key"), "{said}");
}

#[tokio::test]
async fn metrics_count_requests_keys_and_sign_ins() {
    let serve = Arc::new(Serve::start(&[("realm.yaml", REALM)], &[]).await);
    let served = demo(&serve);
    served.apply_ada().await;
    let party = served.with_client("web", json!({})).await;
    let attempt = party.attempt("openid", &[]);
    sign_in_at(&served.browser(), &attempt.url, "ada", PASSWORD).await;
    party.token(&[("grant_type", "nothing")]).await.assert_error(400, "unsupported_grant_type");
    let metrics = serve.metrics().await;
    for line in [
        r#"realmkeeper_keys{realm="default/demo",algorithm="ES256",state="active"} 1"#,
        r#"realmkeeper_keys{realm="default/demo",algorithm="RS256",state="active"} 1"#,
        r#"realmkeeper_clients{realm="default/demo"} 1"#,
        r#"realmkeeper_users{realm="default/demo"} 1"#,
        r#"realmkeeper_sign_ins_total{realm="default/demo",outcome="Success"} 1"#,
        r#"realmkeeper_requests_total{realm="default/demo",endpoint="token",outcome="unsupported_grant_type"} 1"#,
        r#"realmkeeper_reconcile_duration_seconds_count{"#,
    ] {
        assert!(metrics.contains(line), "{line} in\n{metrics}");
    }
    assert!(metrics.ends_with("# EOF\n"));
}

#[tokio::test]
async fn a_stop_lets_requests_under_way_end() {
    let mut serve = Serve::start(&[("realm.yaml", REALM)], &[]).await;
    let authority = serve.public_url.strip_prefix("http://").unwrap().to_owned();
    let mut slow = TcpStream::connect(&authority).await.unwrap();
    let head = format!(
        "POST /realms/demo/token HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 20\r\n\r\ngrant_type="
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut idle = TcpStream::connect(&authority).await.unwrap();
    idle.write_all(format!("GET /realms/demo/jwks HTTP/1.1\r\nhost: {authority}\r\n\r\n").as_bytes()).await.unwrap();
    assert!(idle.read(&mut [0; 4096]).await.unwrap() > 0);

    let process = serve.process.as_mut().unwrap();
    process.signal("TERM");
    eventually("it listens no more", Duration::from_secs(5), || async {
        TcpStream::connect(&authority).await.map_or(Ok(()), |_| Err("it still listens"))
    })
    .await;
    assert_eq!(ready(&serve).await, (503, "not ready\nmissing: it is stopping\n".to_owned()));
    assert_eq!(timeout(Duration::from_secs(3), idle.read(&mut [0; 8])).await.unwrap().unwrap(), 0);
    slow.write_all(b"password1").await.unwrap();
    let mut answer = String::new();
    timeout(Duration::from_secs(5), slow.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    let status = serve.process.as_mut().unwrap().wait(Duration::from_secs(10)).await;
    assert!(status.success(), "{status}: {}", serve.log());
}

#[tokio::test]
async fn tls_is_served_and_a_renewed_certificate_is_taken_up() {
    let folder = tempfile::TempDir::new().unwrap();
    let (cert, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    let renew = || {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        fs::write(&cert, made.cert.pem()).unwrap();
        reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap()
    };
    let first = renew();
    let options = ["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let serve = Serve::start(&[("realm.yaml", REALM)], &options).await;
    let port = serve.public_url.rsplit_once(':').unwrap().1.to_owned();
    let get = async |trusted: &reqwest::Certificate| {
        let builder = reqwest::Client::builder().tls_certs_only([trusted.clone()]).no_proxy();
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap()));
        let client = builder.resolve("localhost", address).build().unwrap();
        client.get(format!("https://localhost:{port}/")).send().await.map(|answer| answer.status())
    };
    // No realm has this host, but it answers.
    assert_eq!(get(&first).await.unwrap(), StatusCode::NOT_FOUND);
    let second = renew();
    eventually("the renewed certificate", Duration::from_secs(5), || async { get(&second).await }).await;
    assert!(get(&first).await.is_err());
    assert!(http().get(format!("http://localhost:{port}/")).send().await.is_err(), "no plain HTTP beside it");
}
