//! Two processes on one PostgreSQL, as two replicas are: whichever is asked, the answer is the same. And what goes on without it.

use std::{path::Path, sync::Arc, time::Duration};

use futures::future::join_all;
use jsonwebtoken::{EncodingKey, Header};
use reqwest::{StatusCode, header};
use serde_json::json;

use crate::{
    control_plane::{
        process::{Process, free_port},
        wait::eventually,
    },
    directory::demo,
    postgres::{PASSWORD as DATABASE_PASSWORD, Postgres},
    serve::Serve,
    suite::{
        agent::{Agent, Page},
        relying_party::{Answer, Attempt, RelyingParty, random, sign_in_at},
        served::{PASSWORD, Served},
    },
};

/// One realm, two processes, one database.
struct Scene {
    /// Each replica as the client `web` sees it.
    web: [RelyingParty; 2],
    served: Served,
    replicas: [Arc<Serve>; 2],
    database: Postgres,
}

impl Scene {
    async fn set() -> Self {
        let database = tokio::task::spawn_blocking(Postgres::start).await.unwrap();
        let password = database.write("password", DATABASE_PASSWORD);
        let url = format!("{}?sslmode=prefer&password_file={}", database.base("ada"), password.display());
        let one = Arc::new(Serve::start(&[], &["--store", &url]).await);
        let served = demo(&one);
        let lockout = json!({"login": {"lockout": {"maxFailures": 6, "window": "5m", "duration": "15m"}}});
        served.apply([served.realm(lockout)]).await;
        served.apply_ada().await;
        let web = served.with_client("web", json!({"tokenEndpointAuthMethod": "none"})).await;
        let machine = json!({"grantTypes": ["client_credentials"]});
        let signer = json!({"grantTypes": ["client_credentials"], "tokenEndpointAuthMethod": "client_secret_jwt"});
        served.apply([served.client("machine", machine), served.client("signer", signer)]).await;
        for name in ["machine", "signer"] {
            served.until_ready("OidcClient", name).await;
        }
        // What the first one has made (keys, secrets) stands in the directory by now; the second one reads it.
        let two = Arc::new(one.beside("second").await);
        let replicas = [one, two];
        Self { web: replicas.each_ref().map(|replica| at(replica, &web)), served, replicas, database }
    }

    /// Both, as another client sees them.
    async fn client(&self, name: &str) -> [RelyingParty; 2] {
        let party = self.served.relying_party(name).await;
        self.replicas.each_ref().map(|replica| at(replica, &party))
    }

    /// The database goes, or comes back.
    async fn with_database(&mut self, change: impl FnOnce(&mut Postgres) + Send) {
        tokio::task::block_in_place(|| change(&mut self.database));
    }
}

/// The party, sent to this replica: as a load balancer does it, with the public URL in `Host`.
fn at(replica: &Serve, party: &RelyingParty) -> RelyingParty {
    let metadata =
        party.metadata.to_string().replace(&format!("{}/", replica.public_url), &format!("{}/", replica.listening()));
    let mut metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    metadata["issuer"] = party.metadata["issuer"].clone();
    let host = replica.public_url.strip_prefix("http://").unwrap().parse().unwrap();
    let headers = header::HeaderMap::from_iter([(header::HOST, host)]);
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).default_headers(headers);
    RelyingParty { http: http.build().unwrap(), metadata, ..party.clone() }
}

fn assert_busy(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.body);
    let after =
        answer.headers.get(header::RETRY_AFTER).unwrap_or_else(|| panic!("no Retry-After: {:?}", answer.headers));
    assert!((1..=60).contains(&after.to_str().unwrap().parse::<u64>().unwrap()));
}

/// Codes for a person who has a session already, got from the replicas in turn.
async fn code(web: &RelyingParty, browser: &Agent) -> (Attempt, String) {
    let attempt = web.attempt("openid offline_access", &[]);
    let code = web.code(&attempt, &browser.open(&attempt.url).await.away());
    (attempt, code)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_on_one_database_are_one_provider() {
    let mut scene = Scene::set().await;
    let [one, two] = scene.web.clone();
    let browser = Agent::new(one.http.clone());

    // A session that is made on the one is known on the other.
    let attempt = one.attempt("openid offline_access", &[]);
    let back = sign_in_at(&browser, &attempt.url, "ada", PASSWORD).await;
    let tokens = two.redeem(&attempt, &one.code(&attempt, &back)).await;
    let refresh_token = tokens.text("refresh_token");
    for web in [&two, &one] {
        code(web, &browser).await;
    }

    // A code that comes to both at once is good once, and its tokens are revoked by the second use.
    for round in 0..25 {
        let (attempt, code) = code([&one, &two][round % 2], &browser).await;
        let answers = join_all([&one, &two].map(|web| web.redeem(&attempt, &code))).await;
        let (good, bad): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status.is_success());
        assert!(good.len() <= 1, "{round}: good twice");
        bad.iter().for_each(|answer| answer.assert_error(400, "invalid_grant"));
        for answer in good {
            two.refresh(&answer.text("refresh_token")).await.assert_error(400, "invalid_grant");
            assert_eq!(one.userinfo(&answer.text("access_token")).await.status, StatusCode::UNAUTHORIZED);
        }
    }

    // A refresh token that comes to both at once: one gets the next, and the family ends.
    for round in 0..10 {
        let (attempt, code) = code(&one, &browser).await;
        let token = two.redeem(&attempt, &code).await.text("refresh_token");
        let answers = join_all([&one, &two].map(|web| web.refresh(&token))).await;
        let good: Vec<_> = answers.iter().filter(|answer| answer.status.is_success()).collect();
        assert!(good.len() <= 1, "{round}: good twice");
        for answer in good {
            one.refresh(&answer.text("refresh_token")).await.assert_error(400, "invalid_grant");
        }
    }
    let refresh_token = one.refresh(&refresh_token).await.text("refresh_token");

    // What is revoked on the one is revoked on the other.
    let (attempt, code) = code(&one, &browser).await;
    let token = one.redeem(&attempt, &code).await.text("refresh_token");
    assert!(two.revoke(&token).await.status.is_success());
    one.refresh(&token).await.assert_error(400, "invalid_grant");

    assertions_are_good_once(&scene).await;
    let refresh_token = serves_on_without_the_database(&mut scene, refresh_token).await;
    failures_are_counted_together(&scene, &browser).await;
    two.refresh(&refresh_token).await.text("refresh_token");
    for name in ["serve", "second"] {
        let log = std::fs::read_to_string(scene.replicas[0].manifests().parent().unwrap().join(format!("{name}.log")));
        assert!(!log.unwrap().contains(DATABASE_PASSWORD), "the password is in {name}.log");
    }
}

/// RFC 7523 section 3, point 7.
async fn assertions_are_good_once(scene: &Scene) {
    let signer = scene.client("signer").await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    for _ in 0..20 {
        let claims = json!({"iss": "signer", "sub": "signer", "aud": signer[0].metadata["issuer"], "jti": random(),
            "iat": now, "exp": now + 60});
        let key = EncodingKey::from_secret(signer[0].secret.as_ref().unwrap().as_bytes());
        let assertion = jsonwebtoken::encode(&Header::default(), &claims, &key).unwrap();
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", &assertion),
        ];
        let parties = signer.each_ref().map(|party| RelyingParty { secret: None, ..party.clone() });
        let answers = join_all(parties.iter().map(|party| party.token(&form))).await;
        let good = answers.iter().filter(|answer| answer.status.is_success()).count();
        assert_eq!(good, 1, "{:?}", answers.iter().map(|answer| &answer.body).collect::<Vec<_>>());
    }
}

/// Gives the refresh token that is good afterwards.
async fn serves_on_without_the_database(scene: &mut Scene, refresh_token: String) -> String {
    let [one, two] = scene.web.clone();
    let machine = scene.client("machine").await;
    scene.with_database(Postgres::stop).await;
    for round in 0..3 {
        for web in [&one, &two] {
            assert_busy(&web.refresh(&refresh_token).await);
            // RFC 6749 section 4.1.2.1: a browser can't be sent back with a 503.
            let back = Agent::new(web.http.clone()).open(&web.attempt("openid", &[]).url).await.away();
            assert!(back.as_str().contains("error=temporarily_unavailable"), "{back}");
            let issuer = web.endpoint("jwks_uri").strip_suffix("/jwks").unwrap();
            for path in ["/.well-known/openid-configuration", "/jwks"] {
                let answer = web.http.get(format!("{issuer}{path}")).send().await.unwrap();
                assert_eq!(answer.status(), StatusCode::OK, "{round} {path}");
            }
        }
        for machine in &machine {
            machine.token(&[("grant_type", "client_credentials")]).await.text("access_token");
        }
    }
    // All replicas have the one store, so none is taken out for it; but it is told.
    for replica in &scene.replicas {
        eventually("the outage is told", Duration::from_secs(10), || async {
            let answer = reqwest::get(format!("{}/readyz", replica.management)).await.unwrap();
            let (status, text) = (answer.status(), answer.text().await.unwrap());
            if status.is_success() && text.contains("store") { Ok(()) } else { Err(text) }
        })
        .await;
    }
    starts_without_the_database(scene).await;
    scene.with_database(Postgres::start_again).await;
    let mut token = refresh_token;
    for web in [&one, &two] {
        let next = eventually("everything heals", Duration::from_secs(15), || async {
            let answer = web.refresh(&token).await;
            if answer.status.is_success() { Ok(answer.text("refresh_token")) } else { Err(answer.body) }
        })
        .await;
        token = next;
    }
    token
}

/// It says why it is not ready, and serves what needs no state.
async fn starts_without_the_database(scene: &Scene) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("{}?password_file=/dev/null&connect_timeout=1", scene.database.base("ada"));
    let (listen, management) = (free_port(), free_port());
    let program = Path::new(env!("CARGO_BIN_EXE_realmkeeper"));
    let mut process = Process::start(program, folder.path(), "third", |command| {
        command.env("REALMKEEPER_STORE", &url).arg("serve").arg(folder.path());
        command.args(["--listen", &format!("127.0.0.1:{listen}")]);
        command.args(["--management-listen", &format!("127.0.0.1:{management}")]);
    });
    eventually("it says why it is not ready", Duration::from_secs(20), || async {
        let ready =
            reqwest::get(format!("http://127.0.0.1:{management}/readyz")).await.map_err(|error| error.to_string())?;
        let (status, text) = (ready.status(), ready.text().await.unwrap());
        if status.as_u16() == 503 && text.contains("Connection refused") { Ok(()) } else { Err(text) }
    })
    .await;
    process.assert_running();
    assert!(process.log().contains("can't be reached"), "{}", process.log());
}

/// Wrong passwords by turns: the one that comes after the sixth is refused on both, though it is right.
async fn failures_are_counted_together(scene: &Scene, signed_in: &Agent) {
    let [one, two] = scene.web.clone();
    let ports = scene.replicas.each_ref().map(|replica| replica.listening());
    let browser = Agent::new(one.http.clone());
    let attempt = one.attempt("openid", &[]);
    let mut login = browser.open(&attempt.url).await.page();
    // As a browser sees it: all of it stands below the public URL.
    let mut try_at = async |replica: &str, password: &str| {
        let form = login.form();
        let action = form.action.as_str().replace(&ports[0], replica).parse().unwrap();
        let mut fields = form.fields.clone();
        fields.retain(|(name, _)| name != "username" && name != "password");
        fields.extend([("username", "ada"), ("password", password)].map(|(name, value)| (name.into(), value.into())));
        let answer = browser.post(&login, &action, &fields).await;
        let signed_in = answer.status.is_redirection();
        if answer.is_login() {
            login = Page { url: login.url.clone(), ..answer };
        }
        signed_in
    };
    for number in 0..6 {
        assert!(!try_at(&ports[number % 2], "wrong").await, "{number}");
    }
    for port in &ports {
        assert!(!try_at(port, PASSWORD).await, "six failures on two replicas lock out on both");
    }
    // Who is signed in already is not bothered.
    code(&two, signed_in).await;
}
