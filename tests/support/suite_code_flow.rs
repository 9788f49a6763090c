use std::collections::BTreeMap;

use aws_lc_rs::digest;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use reqwest::{StatusCode, header};
use serde_json::json;
use url::Url;

use super::{
    agent::Landing,
    relying_party::{RelyingParty, peek, sign_in_at},
    served::{PASSWORD, Served, secret},
};

/// OpenID Connect Core sections 3.1.3.3 and 3.1.3.6.
pub async fn the_code_flow_ends_in_tokens_that_say_who_signed_in(served: &Served) {
    served.apply_realm_with_ada().await;
    let web = served.with_client("web", json!({})).await;
    let (attempt, answer) = web.sign_in(&served.browser(), "ada", PASSWORD, "openid profile email").await;
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(answer.body["token_type"], "Bearer");
    let jwks = web.jwks().await;
    let (header, claims) = web.verify(&jwks, &answer.text("id_token"));
    assert_eq!(header.alg, jsonwebtoken::Algorithm::ES256);
    assert_eq!(claims["nonce"], *attempt.nonce);
    assert_eq!(claims["amr"], json!(["pwd"]));
    let now = jiff::Timestamp::now().as_second();
    assert!((claims["auth_time"].as_i64().unwrap() - now).abs() < 60);
    assert!(claims["aud"] == "web" || claims["aud"] == json!(["web"]), "{claims}");
    assert!(claims["sid"].is_string() && claims["sub"].is_string());
    let access = answer.text("access_token");
    let hash = digest::digest(&digest::SHA256, access.as_bytes());
    assert_eq!(claims["at_hash"], BASE64_URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]));
    let (header, access) = web.verify(&jwks, &access);
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    assert_eq!((&access["sub"], &access["client_id"]), (&claims["sub"], &json!("web")));
    assert_eq!(access["scope"], "openid profile email");

    let rs256 = served.with_client("rs256", json!({"idTokenSignedResponseAlg": "RS256"})).await;
    let (_, answer) = rs256.sign_in(&served.browser(), "ada", PASSWORD, "openid").await;
    let (header, again) = rs256.verify(&jwks, &answer.text("id_token"));
    assert_eq!((header.alg, &again["sub"]), (jsonwebtoken::Algorithm::RS256, &claims["sub"]));
}

/// RFC 6749 sections 4.1.2 and 4.1.3, RFC 7636 section 4.6.
pub async fn a_code_is_good_once_for_its_client_verifier_and_redirect_uri(served: &Served) {
    served.apply_realm_with_ada().await;
    let web = served.with_client("web", json!({})).await;
    let other = served.with_client("other", json!({})).await;
    let browser = served.browser();
    let attempt = web.attempt("openid", &[]);
    let back = sign_in_at(&browser, &attempt.url, "ada", PASSWORD).await;
    let code = web.code(&attempt, &back);
    let form = |verifier: &str, redirect_uri: &str| {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier),
        ];
        form.map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let present = async |client: &RelyingParty, verifier: &str, redirect_uri: &str| {
        let form = form(verifier, redirect_uri);
        let form: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        client.token(&form).await
    };
    // What another client holds is not spent by its attempt.
    present(&other, &attempt.verifier, &web.redirect_uri).await.assert_error(400, "invalid_grant");
    let tokens = present(&web, &attempt.verifier, &web.redirect_uri).await;
    let access = tokens.text("access_token");
    assert_eq!(web.introspect(&access).await.body["active"], true);
    present(&web, &attempt.verifier, &web.redirect_uri).await.assert_error(400, "invalid_grant");
    assert_eq!(
        web.introspect(&access).await.body,
        json!({"active": false}),
        "a second use ends what came of the first"
    );

    for (verifier, redirect_uri) in
        [("wrong-verifier-wrong-verifier-wrong-verifier-wr", &*web.redirect_uri), ("", "http://127.0.0.1:1/callback")]
    {
        let attempt = web.attempt("openid", &[]);
        let back = browser.open(&attempt.url).await.away();
        let verifier = if verifier.is_empty() { &attempt.verifier } else { verifier };
        let code = web.code(&attempt, &back);
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier),
        ];
        web.token(&form).await.assert_error(400, "invalid_grant");
    }
    let attempt = web.attempt("openid", &[]);
    let code = web.code(&attempt, &browser.open(&attempt.url).await.away());
    let unproven = [("grant_type", "authorization_code"), ("code", &*code), ("redirect_uri", &web.redirect_uri)];
    let answer = web.token(&unproven).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
}

/// One sign-in for all clients of a realm.
pub async fn a_session_spares_the_second_sign_in(served: &Served) {
    served.apply_realm_with_ada().await;
    let web = served.with_client("web", json!({})).await;
    let wiki = served.with_client("wiki", json!({})).await;
    let browser = served.browser();
    let (_, first) = web.sign_in(&browser, "ada", PASSWORD, "openid").await;
    let attempt = wiki.attempt("openid", &[]);
    let code = wiki.code(&attempt, &browser.open(&attempt.url).await.away());
    let second = wiki.redeem(&attempt, &code).await;
    let (first, second) = (peek(&first.text("id_token")), peek(&second.text("id_token")));
    for claim in ["sub", "auth_time", "sid"] {
        assert_eq!(first[claim], second[claim], "{claim}");
    }
    assert!(
        served.browser().open(&wiki.attempt("openid", &[]).url).await.page().is_login(),
        "another browser has no part in it"
    );
}

/// OpenID Connect Core section 3.1.2.1.
pub async fn prompt_and_max_age_are_obeyed(served: &Served) {
    served.apply_realm_with_ada().await;
    let web = served.with_client("web", json!({})).await;
    let browser = served.browser();
    let none = [("prompt", "none")];
    assert_eq!(query(&browser.open(&web.attempt("openid", &none).url).await.away())["error"], "login_required");
    let (_, tokens) = web.sign_in(&browser, "ada", PASSWORD, "openid").await;
    let quiet = web.attempt("openid", &none);
    web.code(&quiet, &browser.open(&quiet.url).await.away());
    let hinted = web.attempt("openid", &[("prompt", "none"), ("id_token_hint", &tokens.text("id_token"))]);
    web.code(&hinted, &browser.open(&hinted.url).await.away());
    for (name, value) in [("prompt", "login"), ("max_age", "0")] {
        let page = browser.open(&web.attempt("openid", &[(name, value)]).url).await.page();
        assert!(page.is_login(), "{name}={value}: {}", page.text());
    }
    let stale = web.attempt("openid", &[("prompt", "none"), ("max_age", "0")]);
    assert_eq!(query(&browser.open(&stale.url).await.away())["error"], "login_required");
    for bad in [("prompt", "none login"), ("max_age", "soon"), ("max_age", "-1")] {
        assert_eq!(
            query(&browser.open(&web.attempt("openid", &[bad]).url).await.away())["error"],
            "invalid_request",
            "{bad:?}"
        );
    }
    let hint = served.browser().open(&web.attempt("openid", &[("login_hint", "ada@\"><b>")]).url).await.page();
    assert!(hint.form().fields.contains(&("username".into(), "ada@\"><b>".into())), "{:?}", hint.form());
}

/// `consent: Ask`.
pub async fn consent_is_asked_once_and_may_be_refused(served: &Served) {
    served.apply_realm_with_ada().await;
    let web = served.with_client("web", json!({"consent": "Ask", "clientName": "Punch <cards>"})).await;
    let browser = served.browser();
    let attempt = web.attempt("openid email", &[]);
    let login = browser.open(&attempt.url).await.page();
    let typed = [("username", "ada"), ("password", PASSWORD)];
    let consent = browser.submit(&login, &typed).await.page();
    assert!(!consent.is_login() && consent.text().contains("Punch <cards>"), "{}", consent.text());
    let refused = browser.submit(&consent, &[("action", "deny")]).await.away();
    assert_eq!(query(&refused)["error"], "access_denied");
    assert_eq!(query(&refused)["state"], attempt.state);
    let quiet = web.attempt("openid email", &[("prompt", "none")]);
    assert_eq!(query(&browser.open(&quiet.url).await.away())["error"], "consent_required");

    let attempt = web.attempt("openid email", &[]);
    let consent = browser.open(&attempt.url).await.page();
    web.code(&attempt, &browser.submit(&consent, &[("action", "allow")]).await.away());
    let again = web.attempt("openid", &[]);
    web.code(&again, &browser.open(&again.url).await.away());
    assert!(
        matches!(browser.open(&web.attempt("openid profile", &[]).url).await, Landing::Page(_)),
        "more is asked for anew"
    );
    let asked = browser.open(&web.attempt("openid", &[("prompt", "consent")]).url).await;
    assert!(matches!(asked, Landing::Page(_)), "{asked:?}");
}

/// No account enumeration: a wrong password, an unknown name and a person without a password look the same.
pub async fn a_wrong_password_says_no_more_than_that(served: &Served) {
    served.apply_realm_with_ada().await;
    served.apply([served.child("User", "mute", json!({})), secret("unused", &[("password", "x")])]).await;
    served.until_ready("User", "mute").await;
    let web = served.with_client("web", json!({})).await;
    let browser = served.browser();
    let mut said = Vec::new();
    for (username, password) in
        [("ada", "difference-engine"), ("nobody", "difference-engine"), ("mute", ""), ("ada", "")]
    {
        let login = browser.open(&web.attempt("openid", &[]).url).await.page();
        let page = browser.submit(&login, &[("username", username), ("password", password)]).await.page();
        assert!(page.is_login(), "{username}: {}", page.text());
        assert!(!page.body.contains("difference-engine"), "the password does not come back");
        said.push((page.status, page.text()));
    }
    assert_eq!(said[0], said[1]);
    assert_eq!(said[0].0, said[2].0);
    let login = browser.open(&web.attempt("openid", &[]).url).await.page();
    let form = login.form();
    let forged: Vec<_> =
        form.fields.iter().filter(|(name, _)| matches!(name.as_str(), "username" | "password")).cloned().collect();
    let forged = browser.post(&login, &form.action, &forged).await;
    assert!(forged.status.is_client_error(), "a form without its hidden fields: {} {}", forged.status, forged.text());
}

/// RFC 6749 section 4.1.2.1: never redirect where the redirect URI is not the client's.
pub async fn errors_go_back_only_where_the_redirect_uri_is_known(served: &Served) {
    served.apply([served.realm(json!({}))]).await;
    let web = served.with_client("web", json!({})).await;
    let browser = served.browser();
    for (name, value) in [
        ("redirect_uri", "https://evil.example/"),
        ("redirect_uri", "http://127.0.0.1:7777/callback/"),
        ("redirect_uri", "http://localhost:7777/callback"),
        ("redirect_uri", "http://127.0.0.1:7777/callback?x=1"),
        ("redirect_uri", "http://127.0.0.1:7777/callback#f"),
        ("client_id", "nobody"),
        ("client_id", ""),
    ] {
        let page = browser.open(&web.attempt("openid", &[(name, value)]).url).await.page();
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{name}={value}");
        assert!(page.headers[header::CONTENT_TYPE].to_str().unwrap().starts_with("text/html"));
    }
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "", "invalid_request"),
        ("scope", "openid address", "invalid_scope"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge", "too-short", "invalid_request"),
        ("response_mode", "telepathy", "invalid_request"),
        ("request", "e30.e30.", "invalid_request_object"),
        ("request_uri", "https://app.example/r", "invalid_request_uri"),
    ] {
        let attempt = web.attempt("openid", &[(name, value)]);
        let back = query(&browser.open(&attempt.url).await.away());
        assert_eq!(back.get("error").map(String::as_str), Some(error), "{name}={value}: {back:?}");
        assert_eq!(back["state"], attempt.state);
        assert_eq!(back["iss"], web.metadata["issuer"]);
    }
    let unheard_of = served.browser().open(&web.attempt("openid unheard-of", &[]).url).await.page();
    assert!(unheard_of.is_login(), "a scope that is not understood is passed over: {}", unheard_of.text());
    let twice = format!("{}&scope=openid", web.attempt("openid", &[]).url);
    match browser.open(&twice).await {
        Landing::Page(page) => assert_eq!(page.status, StatusCode::BAD_REQUEST),
        Landing::Away(url) => assert_eq!(query(&url)["error"], "invalid_request"),
    }
}

/// OAuth 2.0 Form Post Response Mode.
pub async fn form_post_answers_by_a_form(served: &Served) {
    served.apply_realm_with_ada().await;
    let web = served.with_client("web", json!({})).await;
    let browser = served.browser();
    web.sign_in(&browser, "ada", PASSWORD, "openid").await;
    let attempt = web.attempt("openid", &[("response_mode", "form_post")]);
    let form = browser.open(&attempt.url).await.page().form();
    assert_eq!(form.action.as_str(), web.redirect_uri);
    let fields: BTreeMap<_, _> = form.fields.into_iter().collect();
    assert_eq!(fields["state"], attempt.state);
    assert_eq!(fields["iss"], web.metadata["issuer"]);
    web.redeem(&attempt, &fields["code"]).await.text("id_token");
}

/// `access.groups`: whoever is not in one of them is told so, and the client too.
pub async fn only_members_of_the_access_groups_get_in(served: &Served) {
    served.apply_realm_with_ada().await;
    served.apply([served.child("User", "bob", json!({"passwordSecretRef": {"name": "ada-login"}}))]).await;
    served.until_ready("User", "bob").await;
    let web = served.with_client("web", json!({"access": {"groups": ["engineers"]}})).await;
    let (_, ada) = web.sign_in(&served.browser(), "ada", PASSWORD, "openid").await;
    ada.text("id_token");
    let browser = served.browser();
    let login = browser.open(&web.attempt("openid", &[]).url).await.page();
    match browser.submit(&login, &[("username", "bob"), ("password", PASSWORD)]).await {
        Landing::Away(url) => assert_eq!(query(&url)["error"], "access_denied"),
        Landing::Page(page) => {
            assert!(!page.is_login() && page.status == StatusCode::FORBIDDEN, "{} {}", page.status, page.text())
        }
    }
}

/// OpenID Connect RP-Initiated Logout section 2.
pub async fn logout_ends_the_session(served: &Served) {
    served.apply_realm_with_ada().await;
    let web = served.with_client("web", json!({"postLogoutRedirectUris": ["https://app.example/bye"]})).await;
    let browser = served.browser();
    let (_, tokens) = web.sign_in(&browser, "ada", PASSWORD, "openid").await;
    let hint = tokens.text("id_token");
    let url = |more: &[(&str, &str)]| {
        let mut url = Url::parse(web.endpoint("end_session_endpoint")).unwrap();
        url.query_pairs_mut().extend_pairs(more);
        String::from(url)
    };
    let quiet = web.attempt("openid", &[("prompt", "none")]).url;
    // Elsewhere, nobody is sent.
    let astray = [("id_token_hint", &*hint), ("post_logout_redirect_uri", "https://evil.example/")];
    browser.open(&url(&astray)).await.page();
    let (_, tokens) = match browser.open(&quiet).await.away() {
        back if query(&back).contains_key("error") => web.sign_in(&browser, "ada", PASSWORD, "openid").await,
        _ => (web.attempt("openid", &[]), tokens),
    };
    let hint = tokens.text("id_token");
    // Without a hint, the person is asked: a link on any page could have brought them here.
    let asked = browser.open(&url(&[])).await.page();
    assert!(!query(&browser.open(&quiet).await.away()).contains_key("error"), "still signed in: {}", asked.text());

    let known = [("id_token_hint", &*hint), ("post_logout_redirect_uri", "https://app.example/bye"), ("state", "s t")];
    let mut landing = browser.open(&url(&known)).await;
    if let Landing::Page(page) = &landing {
        landing = browser.submit(page, &[("action", "sign-out")]).await;
    }
    let back = landing.away();
    assert!(back.as_str().starts_with("https://app.example/bye?"), "{back}");
    assert_eq!(query(&back)["state"], "s t");
    assert_eq!(query(&browser.open(&quiet).await.away())["error"], "login_required");
}

fn query(url: &Url) -> BTreeMap<String, String> {
    let answer = url.query().or(url.fragment()).unwrap_or_default();
    form_urlencoded::parse(answer.as_bytes()).into_owned().collect()
}
