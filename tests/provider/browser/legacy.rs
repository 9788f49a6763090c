//! Applications of another age in a real Chromium: one that lives in the page, and one that waits for a form.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::State,
    response::{Html, Redirect},
    routing::get,
};
use serde_json::json;

use super::{Chromium, PASSWORD_FIELD, SUBMIT, USERNAME};
use crate::{
    directory::demo,
    legacy_flows::everything,
    serve::Serve,
    suite::{
        relying_party::{Attempt, RelyingParty},
        served::PASSWORD,
    },
};

/// Reads the fragment, asks UserInfo with the access token that it found there, and greets.
const SCRIPT: &str = "<title>The site</title><h1>The site</h1><p id=said>One moment.</p><script>
const answer = new URLSearchParams(location.hash.slice(1));
history.replaceState(null, '', location.pathname);
fetch('USERINFO', {headers: {authorization: 'Bearer ' + answer.get('access_token')}})
  .then(response => response.json())
  .then(user => document.getElementById('said').textContent = 'Hello, ' + user.name + '! state ' + answer.get('state'));
</script>";

struct Inner {
    client: RelyingParty,
    attempts: Mutex<Vec<Attempt>>,
}

async fn start(mut client: RelyingParty) -> (String, Arc<Inner>) {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    client.redirect_uri = format!("{url}/callback");
    let inner = Arc::new(Inner { client, attempts: Mutex::default() });
    let routes = Router::new()
        .route("/favicon.ico", get(async || ""))
        .route("/implicit", get(async |site: State<Arc<Inner>>| leave(&site, &[("response_type", "id_token token")])))
        .route("/posted", get(async |site: State<Arc<Inner>>| leave(&site, POSTED)))
        .route("/callback", get(in_the_page).post(posted))
        .with_state(inner.clone());
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    (url, inner)
}

const POSTED: &[(&str, &str)] =
    &[("response_type", "code id_token"), ("response_mode", "form_post"), ("display", "popup")];

fn leave(site: &Inner, more: &[(&str, &str)]) -> Redirect {
    let attempt = site.client.attempt("openid profile", more);
    let to = Redirect::to(&attempt.url);
    site.attempts.lock().unwrap().push(attempt);
    to
}

async fn in_the_page(State(site): State<Arc<Inner>>) -> Html<String> {
    Html(SCRIPT.replace("USERINFO", site.client.endpoint("userinfo_endpoint")))
}

async fn posted(State(site): State<Arc<Inner>>, body: String) -> Html<String> {
    let answer: BTreeMap<_, _> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let attempt = site.attempts.lock().unwrap().pop().unwrap();
    assert_eq!(answer["state"], attempt.state);
    let (_, first) = site.client.verify(&site.client.jwks().await, &answer["id_token"]);
    assert_eq!(first["nonce"], attempt.nonce);
    let tokens = site.client.redeem(&attempt, &answer["code"]).await;
    let (_, second) = site.client.verify(&site.client.jwks().await, &tokens.text("id_token"));
    assert_eq!(first["sub"], second["sub"]);
    let name = second["name"].as_str().unwrap();
    Html(format!("<title>The site</title><h1>The site</h1><p>Hello, {name}! It was posted.</p>"))
}

#[tokio::test]
async fn tokens_reach_a_script_in_the_fragment_and_a_server_in_a_form_that_sends_itself() {
    let serve = Arc::new(Serve::start(&[], &[]).await);
    let served = demo(&serve);
    served.apply([served.realm(json!({"allowed": {"oidcClients": everything()}}))]).await;
    served.apply_ada().await;
    let (url, site) = start(served.with_client("site", everything()).await).await;
    let browser = Chromium::start().await;
    browser.goto(&format!("{url}/posted")).await;
    browser.find("body.popup").await;
    browser.screenshot("sign-in-popup").await;
    browser.type_into(USERNAME, "ada").await;
    browser.type_into(PASSWORD_FIELD, PASSWORD).await;
    browser.click(SUBMIT).await;
    browser.until_text("Hello, Ada Lovelace! It was posted.").await;
    browser.goto(&format!("{url}/implicit")).await;
    let state = site.attempts.lock().unwrap().last().unwrap().state.clone();
    browser.until_text(&format!("Hello, Ada Lovelace! state {state}")).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.quit().await;
}
