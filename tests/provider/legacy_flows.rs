//! Implicit and hybrid flows over real HTTP: OpenID Connect Core sections 3.2 and 3.3, Form Post Response Mode.

use std::{collections::BTreeMap, sync::Arc};

use aws_lc_rs::digest;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use url::Url;

use crate::{
    directory::demo,
    serve::Serve,
    suite::{
        relying_party::{Attempt, RelyingParty, sign_in_at},
        served::{PASSWORD, Served},
    },
};

/// Every response type, and the grants that belong to them.
pub fn everything() -> Value {
    json!({
        "grantTypes": ["authorization_code", "refresh_token", "implicit"],
        "responseTypes": ["code", "id_token", "id_token token", "code id_token", "code token", "code id_token token", "none"],
    })
}

async fn begin() -> (Served, RelyingParty) {
    let serve = Arc::new(Serve::start(&[], &[]).await);
    let served = demo(&serve);
    served.apply([served.realm(json!({"allowed": {"oidcClients": everything()}}))]).await;
    served.apply_ada().await;
    let web = served.with_client("web", everything()).await;
    (served, web)
}

/// The parameters of a fragment; its `state` and `iss` must be right, and there is no query.
#[track_caller]
fn fragment(web: &RelyingParty, attempt: &Attempt, back: &Url) -> BTreeMap<String, String> {
    assert!(back.as_str().starts_with(&format!("{}#", web.redirect_uri)), "{back}");
    let answer: BTreeMap<_, _> = form_urlencoded::parse(back.fragment().unwrap().as_bytes()).into_owned().collect();
    assert_eq!(answer["state"], attempt.state);
    assert_eq!(answer["iss"], web.metadata["issuer"]);
    answer
}

fn half(text: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(&digest::digest(&digest::SHA256, text.as_bytes()).as_ref()[..16])
}

#[tokio::test]
async fn oidc_3_3_a_hybrid_flow_ends_in_tokens_of_one_authorization() {
    let (served, web) = begin().await;
    assert_eq!(web.metadata["response_types_supported"].as_array().unwrap().len(), 7);
    assert_eq!(web.metadata["response_modes_supported"], json!(["query", "fragment", "form_post"]));
    assert!(web.metadata["grant_types_supported"].as_array().unwrap().contains(&"implicit".into()));
    let browser = served.browser();
    let attempt = web.attempt("openid email", &[("response_type", "token code id_token")]);
    let back = sign_in_at(&browser, &attempt.url, "ada", PASSWORD).await;
    let answer = fragment(&web, &attempt, &back);
    let jwks = web.jwks().await;
    let (_, claims) = web.verify(&jwks, &answer["id_token"]);
    assert_eq!((&claims["nonce"], &claims["aud"]), (&json!(attempt.nonce), &json!("web")));
    assert_eq!(claims["c_hash"], half(&answer["code"]));
    assert_eq!(claims["at_hash"], half(&answer["access_token"]));
    assert_eq!(claims["s_hash"], half(&attempt.state));
    assert_eq!(claims.get("email"), None, "the access token brings it");
    assert_eq!((&*answer["token_type"], &*answer["scope"]), ("Bearer", "openid email"));
    let user = web.userinfo(&answer["access_token"]).await;
    assert_eq!((&user.body["sub"], &user.body["email"]), (&claims["sub"], &json!("ada@example.com")));

    let tokens = web.redeem(&attempt, &answer["code"]).await;
    let (_, again) = web.verify(&jwks, &tokens.text("id_token"));
    for name in ["iss", "sub", "nonce", "auth_time", "sid"] {
        assert_eq!(again[name], claims[name], "{name}");
    }
    for token in [&answer["access_token"], &tokens.text("access_token")] {
        assert_eq!(web.introspect(token).await.body["active"], true);
    }
    web.redeem(&attempt, &answer["code"]).await.assert_error(400, "invalid_grant");
    for token in [&answer["access_token"], &tokens.text("access_token")] {
        assert_eq!(web.introspect(token).await.body["active"], false, "a code that comes twice takes all along");
    }
}

#[tokio::test]
async fn oidc_3_2_an_application_in_the_browser_gets_its_tokens_in_the_fragment_until_the_person_signs_out() {
    let (served, web) = begin().await;
    let mut public = everything();
    public["tokenEndpointAuthMethod"] = json!("none");
    let spa = served.with_client("spa", public).await;
    let browser = served.browser();
    let without_pkce = [("response_type", "id_token token"), ("code_challenge", ""), ("code_challenge_method", "")];
    let attempt = spa.attempt("openid profile offline_access", &without_pkce);
    let back = sign_in_at(&browser, &attempt.url, "ada", PASSWORD).await;
    let answer = fragment(&spa, &attempt, &back);
    assert!(!answer.contains_key("code") && !answer.contains_key("refresh_token"));
    assert_eq!(answer["scope"], "openid profile");
    let (_, claims) = spa.verify(&spa.jwks().await, &answer["id_token"]);
    assert_eq!(claims["nonce"], attempt.nonce);
    assert_eq!(spa.userinfo(&answer["access_token"]).await.body["name"], "Ada Lovelace");

    // A silent one finds the session; `id_token` alone brings the claims itself.
    let silent = [&without_pkce[1..], &[("response_type", "id_token"), ("prompt", "none")]].concat();
    let attempt = spa.attempt("openid profile", &silent);
    let answer_alone = fragment(&spa, &attempt, &browser.open(&attempt.url).await.away());
    assert_eq!(spa.verify(&spa.jwks().await, &answer_alone["id_token"]).1["name"], "Ada Lovelace");

    let out = format!("{}?id_token_hint={}", spa.endpoint("end_session_endpoint"), answer["id_token"]);
    browser.open(&out).await.page();
    assert_eq!(spa.userinfo(&answer["access_token"]).await.status, 401);
    let attempt = spa.attempt("openid", &silent);
    assert_eq!(fragment(&spa, &attempt, &browser.open(&attempt.url).await.away())["error"], "login_required");
    let attempt = spa.attempt("openid", &[("response_type", "id_token"), ("nonce", "")]);
    assert_eq!(fragment(&spa, &attempt, &browser.open(&attempt.url).await.away())["error"], "invalid_request");
    let attempt = web.attempt("openid", &[("response_type", "code token"), ("response_mode", "query")]);
    assert_eq!(fragment(&web, &attempt, &browser.open(&attempt.url).await.away())["error"], "invalid_request");
}

#[tokio::test]
async fn form_post_2_every_response_type_travels_in_a_form() {
    let (served, web) = begin().await;
    let browser = served.browser();
    web.sign_in(&browser, "ada", PASSWORD, "openid").await;
    for (response_type, brings) in [
        ("code", &["code"][..]),
        ("id_token", &["id_token"]),
        ("id_token token", &["id_token", "access_token", "token_type", "expires_in", "scope"]),
        ("code id_token", &["code", "id_token"]),
        ("code token", &["code", "access_token", "token_type", "expires_in", "scope"]),
        ("code id_token token", &["code", "id_token", "access_token", "token_type", "expires_in", "scope"]),
        ("none", &[]),
    ] {
        let attempt = web.attempt("openid", &[("response_type", response_type), ("response_mode", "form_post")]);
        let form = browser.open(&attempt.url).await.page().form();
        assert_eq!(form.action.as_str(), web.redirect_uri);
        let answer: BTreeMap<_, _> = form.fields.into_iter().collect();
        let mut want = [brings, &["state", "iss", "session_state"]].concat();
        want.sort_unstable();
        assert_eq!(answer.keys().collect::<Vec<_>>(), want, "{response_type}");
        assert_eq!((&answer["state"], &json!(answer["iss"])), (&attempt.state, &web.metadata["issuer"]));
        if let Some(code) = answer.get("code") {
            web.redeem(&attempt, code).await.text("id_token");
        }
    }
}
