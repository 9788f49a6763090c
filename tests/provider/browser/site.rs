//! A relying party with pages of its own, as small as can be.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::{RawQuery, State},
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::suite::relying_party::{Attempt, RelyingParty, peek};

/// A running site.
pub struct Site {
    pub url: String,
}

struct Inner {
    client: RelyingParty,
    url: String,
    attempts: Mutex<Vec<Attempt>>,
    id_token: Mutex<Option<String>>,
}

/// What OpenID clients call the scopes; the site asks for all that it may.
const SCOPE: &str = "openid profile email groups offline_access";

impl Site {
    /// A free port of loopback, and the URL of the site that will be there.
    pub async fn place() -> (TcpListener, String) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        (listener, url)
    }

    /// Starts it there; it ends with the test's runtime.
    pub async fn start((listener, url): (TcpListener, String), mut client: RelyingParty) -> Self {
        client.redirect_uri = format!("{url}/callback");
        let inner = Inner { client, url: url.clone(), attempts: Mutex::default(), id_token: Mutex::default() };
        let routes = Router::new()
            .route("/", get(async || Html("<title>The site</title><h1>The site</h1><p>Nobody is signed in.</p>")))
            .route("/favicon.ico", get(async || ""))
            .route("/sign-in", get(sign_in))
            .route("/callback", get(callback))
            .route("/sign-out", get(sign_out))
            .with_state(Arc::new(inner));
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { url }
    }
}

async fn sign_in(State(site): State<Arc<Inner>>) -> Redirect {
    let attempt = site.client.attempt(SCOPE, &[]);
    let url = attempt.url.clone();
    site.attempts.lock().unwrap().push(attempt);
    Redirect::to(&url)
}

async fn callback(State(site): State<Arc<Inner>>, RawQuery(query): RawQuery) -> Response {
    let query: BTreeMap<_, _> = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
    let attempt = site.attempts.lock().unwrap().pop().unwrap();
    if let Some(error) = query.get("error") {
        return Html(format!("<title>The site</title><h1>The site</h1><p>Not signed in: {error}.</p>")).into_response();
    }
    let answer = site.client.redeem(&attempt, &query["code"]).await;
    let id_token = answer.text("id_token");
    assert_eq!(peek(&id_token)["nonce"], Value::String(attempt.nonce));
    let user = site.client.userinfo(&answer.text("access_token")).await.body;
    *site.id_token.lock().unwrap() = Some(id_token);
    let name = user["name"].as_str().unwrap();
    Html(format!("<title>The site</title><h1>The site</h1><p>Hello, {name}!</p>")).into_response()
}

async fn sign_out(State(site): State<Arc<Inner>>) -> Redirect {
    let hint = site.id_token.lock().unwrap().take().unwrap();
    let mut url = url::Url::parse(site.client.endpoint("end_session_endpoint")).unwrap();
    url.query_pairs_mut().append_pair("id_token_hint", &hint);
    url.query_pairs_mut().append_pair("post_logout_redirect_uri", &format!("{}/", site.url));
    Redirect::to(url.as_str())
}
