//! Signing out of two applications at once, by every channel, with a provider that is killed and applications that are slow.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::RawQuery,
    response::Html,
    routing::{get, post},
};
use serde_json::{Value, json};
use url::Url;

use crate::{
    browser::chromium::Chromium,
    control_plane::wait::eventually,
    directory::demo,
    serve::Serve,
    suite::{
        agent::{Agent, Landing},
        relying_party::{Attempt, RelyingParty, peek},
        served::{PASSWORD, Served},
    },
};

const SOON: Duration = Duration::from_secs(10);

/// An application with pages, and what it has heard.
#[derive(Clone)]
struct App {
    /// As its people know it.
    url: String,
    /// Where it listens.
    address: SocketAddr,
    /// Queries of its front-channel logout URI.
    front: Arc<Mutex<Vec<BTreeMap<String, String>>>>,
    /// Logout tokens at its back-channel logout URI.
    back: Arc<Mutex<Vec<String>>>,
    /// Milliseconds that it takes to answer there.
    takes: Arc<AtomicU64>,
}

impl App {
    async fn start() -> Self {
        Self::start_at("127.0.0.1").await
    }

    /// Under a name of the loopback interface.
    async fn start_at(host: &str) -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let url = format!("http://{host}:{}", address.port());
        let app = Self { url, address, front: Arc::default(), back: Arc::default(), takes: Arc::default() };
        let (in_front, behind) = (app.clone(), app.clone());
        let routes = Router::new()
            .route("/", get(async || Html("<p>Nobody is signed in.</p>")))
            .route("/favicon.ico", get(async || ""))
            .route("/callback", get(async || Html("<p>Back at the application.</p>")))
            .route("/watch", get(watch))
            .route(
                "/front",
                get(async move |query: RawQuery| {
                    in_front.front.lock().unwrap().push(pairs(query));
                    Html("<p>Signed out.</p>")
                }),
            )
            .route(
                "/back",
                post(async move |body: String| {
                    let form: BTreeMap<_, _> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
                    behind.back.lock().unwrap().push(form["logout_token"].clone());
                    tokio::time::sleep(Duration::from_millis(behind.takes.load(Ordering::SeqCst))).await;
                }),
            );
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        app
    }

    /// Its OidcClient; both channels where it wants both.
    async fn client(&self, served: &Served, name: &str, has_front: bool) -> RelyingParty {
        let mut spec = json!({
            "redirectUris": [format!("{}/callback", self.url)],
            "postLogoutRedirectUris": [format!("{}/", self.url)],
            "backchannelLogoutUri": format!("http://{}/back", self.address),
        });
        if has_front {
            spec["frontchannelLogoutUri"] = format!("{}/front", self.url).into();
        }
        let client = served.with_client(name, spec).await;
        RelyingParty { redirect_uri: format!("{}/callback", self.url), ..client }
    }

    async fn until_told(&self, times: usize) {
        eventually(&format!("{times} logout tokens"), Duration::from_secs(30), || async {
            let heard = self.back.lock().unwrap().len();
            if heard >= times { Ok(()) } else { Err(heard) }
        })
        .await;
    }
}

fn pairs(RawQuery(query): RawQuery) -> BTreeMap<String, String> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect()
}

/// A page of the application that holds the provider's iframe and asks it over and over (Session Management section 3.1).
async fn watch(query: RawQuery) -> Html<String> {
    let query = pairs(query);
    let (frame, message) = (&query["frame"], json!(query["message"]));
    let origin = json!(Url::parse(frame).unwrap().origin().ascii_serialization());
    Html(format!(
        "<p id=\"answer\">waiting</p><iframe id=\"op\" src=\"{frame}\"></iframe><script>
         addEventListener('message', e => {{
           if (e.origin === {origin}) document.getElementById('answer').textContent = 'it says ' + e.data;
         }});
         const op = document.getElementById('op');
         op.addEventListener('load', () => setInterval(() => op.contentWindow.postMessage({message}, {origin}), 100));
         </script>"
    ))
}

/// A realm that may reach loopback, with Ada.
async fn realm(serve: &Arc<Serve>) -> Served {
    let served = demo(serve);
    served.apply([served.realm(json!({"outbound": {"allowedNetworks": ["127.0.0.0/8"]}}))]).await;
    served.apply_ada().await;
    served
}

/// Signs in at each, and gives the ID token of the last.
async fn sign_in(browser: &Agent, clients: &[&RelyingParty]) -> String {
    let mut id_token = String::new();
    for client in clients {
        let attempt = client.attempt("openid", &[]);
        let back = match browser.open(&attempt.url).await {
            Landing::Away(back) => back,
            Landing::Page(login) => browser.submit(&login, &[("username", "ada"), ("password", PASSWORD)]).await.away(),
        };
        id_token = client.redeem(&attempt, &client.code(&attempt, &back)).await.text("id_token");
    }
    id_token
}

fn sign_out_url(client: &RelyingParty, id_token: &str, more: &[(&str, &str)]) -> String {
    let mut url = Url::parse(client.endpoint("end_session_endpoint")).unwrap();
    url.query_pairs_mut().append_pair("id_token_hint", id_token).extend_pairs(more);
    url.into()
}

async fn sign_out(browser: &Agent, client: &RelyingParty, id_token: &str) {
    let page = browser.open(&sign_out_url(client, id_token, &[])).await.page();
    assert!(page.status.is_success() && page.body.contains("You are signed out"), "{}", page.body);
}

/// A logout token as its client must see it (Back-Channel Logout section 2.6); gives its claims.
async fn accepted(client: &RelyingParty, token: &str) -> Value {
    let (header, claims) = client.verify(&client.jwks().await, token);
    assert_eq!(header.typ.as_deref(), Some("logout+jwt"));
    assert_eq!(claims["aud"], *client.client_id);
    assert!(claims["events"]["http://schemas.openid.net/event/backchannel-logout"].is_object(), "{claims}");
    assert!(claims.get("nonce").is_none() && claims["sid"].is_string());
    claims
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_killed_in_the_middle_of_delivery_tells_every_application_after_its_restart() {
    let mut serve = Serve::start(&[], &[]).await;
    let shared = Arc::new(serve);
    let apps = [App::start().await, App::start().await];
    let served = realm(&shared).await;
    let one = apps[0].client(&served, "one", false).await;
    let two = apps[1].client(&served, "two", false).await;
    let browser = served.browser();
    let id_token = sign_in(&browser, &[&one, &two]).await;
    // Both have heard something, and neither has answered, when the provider dies.
    apps.iter().for_each(|app| app.takes.store(600_000, Ordering::SeqCst));
    sign_out(&browser, &two, &id_token).await;
    for app in &apps {
        app.until_told(1).await;
    }
    drop(served);
    serve = Arc::into_inner(shared).expect("the only owner");
    serve.kill();
    apps.iter().for_each(|app| app.takes.store(0, Ordering::SeqCst));
    serve.restart().await;
    for (app, client) in apps.iter().zip([&one, &two]) {
        app.until_told(2).await;
        let tokens = app.back.lock().unwrap().clone();
        let [first, second] = [accepted(client, &tokens[0]).await, accepted(client, &tokens[1]).await];
        assert_eq!((&first["sid"], &first["sub"]), (&second["sid"], &second["sub"]));
        assert_ne!(first["jti"], second["jti"], "a token of its own");
    }
    let delivered = r#"realmkeeper_logout_deliveries_total{realm="default/demo",outcome="Delivered"} 2"#;
    eventually("both are done", SOON, || async {
        let metrics = serve.metrics().await;
        if metrics.contains(delivered) { Ok(()) } else { Err(metrics) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_application_keeps_neither_the_other_nor_the_person_waiting() {
    let serve = Arc::new(Serve::start(&[], &[]).await);
    let (slow, quick) = (App::start().await, App::start().await);
    let served = realm(&serve).await;
    let (first, second) = (slow.client(&served, "slow", false).await, quick.client(&served, "quick", false).await);
    slow.takes.store(600_000, Ordering::SeqCst);
    let browser = served.browser();
    let id_token = sign_in(&browser, &[&first, &second]).await;
    let told = async {
        sign_out(&browser, &second, &id_token).await;
        quick.until_told(1).await;
    };
    tokio::time::timeout(Duration::from_secs(4), told).await.expect("nobody waits for the slow one's five seconds");
    slow.until_told(1).await;
    assert_eq!(peek(&quick.back.lock().unwrap()[0])["sid"], peek(&slow.back.lock().unwrap()[0])["sid"]);
}

/// Signs in in the browser's window, and gives the answer's `session_state` and the ID token.
async fn sign_in_by(browser: &Chromium, client: &RelyingParty) -> (String, String) {
    let attempt: Attempt = client.attempt("openid", &[]);
    browser.goto(&attempt.url).await;
    if browser.driver.current_url().await.unwrap().path().ends_with("/login") {
        browser.type_into("input[name=username]", "ada").await;
        browser.type_into("input[name=password]", PASSWORD).await;
        browser.click("form button[type=submit]").await;
    }
    browser.until_text("Back at the application.").await;
    let back = browser.driver.current_url().await.unwrap();
    let session_state =
        back.query_pairs().find(|(name, _)| name == "session_state").expect("session_state").1.into_owned();
    (session_state, client.redeem(&attempt, &client.code(&attempt, &back)).await.text("id_token"))
}

fn watch_url(app: &App, client: &RelyingParty, message: &str) -> String {
    let mut url = Url::parse(&format!("{}/watch", app.url)).unwrap();
    let frame = client.endpoint("check_session_iframe");
    url.query_pairs_mut().append_pair("frame", frame).append_pair("message", message);
    url.into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_holds_the_iframe_sees_the_sign_out_and_both_applications_hear_it_by_both_channels() {
    let serve = Arc::new(Serve::start(&[], &[]).await);
    let served = realm(&serve).await;
    watch_and_be_told(&served, [App::start().await, App::start().await], Chromium::start().await).await;
}

/// `localhost` is another site than `127.0.0.1`, so only what is `SameSite=None` reaches the iframe, and browsers take that over TLS alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_site_sees_it_too_where_the_browser_lets_it() {
    let (_certificate, served) = secure().await;
    let browser = Chromium::start_with(&["--ignore-certificate-errors"], third_party_cookies(true)).await;
    watch_and_be_told(&served, [App::start_at("localhost").await, App::start_at("localhost").await], browser).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn session_management_5_1_a_page_from_which_the_browser_keeps_the_session_is_not_told_of_a_change() {
    let (_certificate, secure) = secure().await;
    let plain = realm(&Arc::new(Serve::start(&[], &[]).await)).await;
    for (served, allows) in [(&secure, false), (&plain, true)] {
        let browser = Chromium::start_with(&["--ignore-certificate-errors"], third_party_cookies(allows)).await;
        let app = App::start_at("localhost").await;
        let client = app.client(served, "one", false).await;
        let (session_state, _) = sign_in_by(&browser, &client).await;
        browser.goto(&watch_url(&app, &client, &format!("{} {session_state}", client.client_id))).await;
        browser.until_text("it says").await;
        assert!(browser.text().await.contains("it says error"), "{}", browser.text().await);
        browser.quit().await;
    }
}

/// As people set it in the browser.
fn third_party_cookies(allowed: bool) -> Value {
    json!({"profile.cookie_controls_mode": if allowed { 0 } else { 1 }})
}

/// A realm as [`realm`] makes it, over TLS.
async fn secure() -> (tempfile::TempDir, Served) {
    let folder = tempfile::TempDir::new().unwrap();
    let (cert, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    fs::write(&cert, made.cert.pem()).unwrap();
    let options = ["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let serve = Arc::new(Serve::start(&[], &options).await);
    let trusted = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).tls_certs_only([trusted]);
    let served = Served { http: http.build().unwrap(), ..demo(&serve) };
    let issuer = format!("{}/realms/demo", serve.public_url.replace("http:", "https:"));
    let outbound = json!({"allowedNetworks": ["127.0.0.0/8"]});
    served.apply([served.realm(json!({"issuer": issuer, "outbound": outbound}))]).await;
    served.apply_ada().await;
    (folder, served)
}

async fn watch_and_be_told(served: &Served, apps: [App; 2], browser: Chromium) {
    let one = apps[0].client(served, "one", true).await;
    let two = apps[1].client(served, "two", true).await;
    let (session_state, _) = sign_in_by(&browser, &one).await;
    let (of_two, id_token) = sign_in_by(&browser, &two).await;

    // Session Management section 3.2: what is malformed is an error, what is of somebody else has changed.
    browser.goto(&watch_url(&apps[0], &one, "nonsense")).await;
    browser.until_text("it says error").await;
    browser.goto(&watch_url(&apps[0], &one, &format!("two {of_two}"))).await;
    browser.until_text("it says changed").await;
    browser.goto(&watch_url(&apps[0], &one, &format!("{} {session_state}", one.client_id))).await;
    browser.until_text("it says unchanged").await;

    let watching = browser.driver.window().await.unwrap();
    let other = browser.driver.new_tab().await.unwrap();
    browser.driver.switch_to_window(other).await.unwrap();
    let back = format!("{}/", apps[1].url);
    let more = [("post_logout_redirect_uri", back.as_str()), ("state", "a state")];
    browser.goto(&sign_out_url(&two, &id_token, &more)).await;
    browser.until_text("Nobody is signed in.").await;
    let arrived = browser.driver.current_url().await.unwrap();
    assert_eq!(arrived.as_str(), format!("{back}?state=a+state"));
    browser.driver.switch_to_window(watching).await.unwrap();
    browser.until_text("it says changed").await;

    let sid = peek(&id_token)["sid"].as_str().unwrap().to_owned();
    for (app, client) in apps.iter().zip([&one, &two]) {
        let heard = app.front.lock().unwrap().clone();
        let identity = [("iss".to_owned(), client.endpoint("issuer").to_owned()), ("sid".to_owned(), sid.clone())];
        assert_eq!(heard, [BTreeMap::from(identity)], "once, in a frame");
        app.until_told(1).await;
        let token = app.back.lock().unwrap()[0].clone();
        assert_eq!(accepted(client, &token).await["sid"], *sid);
    }
    let complaints = browser.complaints().await;
    assert!(!complaints.iter().any(|said| said.contains("Content Security Policy")), "{complaints:?}");
    browser.quit().await;
}
