//! A person signs in, so that there is a refresh token to measure with.

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use url::Url;

use super::manifests::{PASSWORD, REDIRECT_URI, SECRET};
use crate::agent::{Agent, Landing};

const VERIFIER: &str = "a-code-verifier-of-more-than-forty-three-characters";

/// Runs the code flow in the realm `es256` and returns the refresh token.
pub async fn refresh_token(address: &str) -> String {
    let issuer = format!("http://{address}/realms/es256");
    let challenge = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, VERIFIER.as_bytes()));
    let query = [
        ("client_id", "app"),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT_URI),
        ("scope", "openid offline_access"),
        ("prompt", "consent"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let url = Url::parse_with_params(&format!("{issuer}/authorize"), query).unwrap();
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let agent = Agent::new(http.clone());
    let mut landing = agent.open(url.as_str()).await;
    let mut pages = 0;
    let away = loop {
        match landing {
            Landing::Away(url) => break url,
            Landing::Page(page) => {
                pages += 1;
                assert!(pages < 4, "sign-in goes on without end: {}", page.body);
                let typed: &[(&str, &str)] = match page.body.contains("name=\"password\"") {
                    true => &[("username", "ada"), ("password", PASSWORD)],
                    false => &[("action", "allow")],
                };
                landing = agent.submit(&page, typed).await;
            }
        }
    };
    let code = away.query_pairs().find(|(name, _)| name == "code").expect("a code").1.into_owned();
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let response = http
        .post(format!("{issuer}/token"))
        .basic_auth("app", Some(SECRET))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
        .send()
        .await
        .unwrap();
    let answer: serde_json::Value = response.json().await.unwrap();
    answer["refresh_token"].as_str().unwrap_or_else(|| panic!("no refresh token: {answer}")).to_owned()
}
