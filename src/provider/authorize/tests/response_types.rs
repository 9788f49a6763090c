//! What each response type brings: OAuth 2.0 Multiple Response Type Encoding Practices, OpenID Connect Core sections 3.2 and 3.3.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use crate::{
    jose::Algorithm,
    provider::{
        testing::{
            REDIRECT_URI, Reply, TestProvider,
            browser::{Browser, answer, authorize, error, hidden, travelled},
            client, realm, user, verified,
        },
        tokens::half_hash,
    },
    realm::{GrantType, Pkce, ResponseType},
};

/// A realm that allows everything, with a client that may use it.
fn legacy() -> TestProvider {
    realm()
        .every_flow()
        .client(client("app").every_flow())
        .client(client("opaque").every_flow().opaque())
        .client(client("modern"))
        .client(client("asks").every_flow().consent())
        .client(client("ungranted").every_flow().grants(&[GrantType::AuthorizationCode]))
        .client(client("implicit").every_flow().grants(&[GrantType::Implicit]))
        .user(user("ada").password("hunter2"))
        .serve()
}

const NONCE: (&str, &str) = ("nonce", "n-0S6");

/// A browser in which ada is signed in.
async fn signed_in(at: &TestProvider) -> Browser {
    let mut browser = Browser::new(at);
    answer(&browser.sign_in("ada", "hunter2", &[]).await);
    at.advance(Duration::from_secs(10));
    browser
}

/// The answer to a request of this response type, in a browser in which ada is signed in.
async fn ask(browser: &mut Browser, response_type: &str, more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let nonce = Some(NONCE).filter(|_| more.iter().all(|(name, _)| *name != "nonce"));
    let parameters: Vec<_> =
        [("response_type", response_type)].into_iter().chain(nonce).chain(more.iter().copied()).collect();
    travelled(&browser.load(&authorize(&parameters)).await).1
}

fn names(answer: &BTreeMap<String, String>) -> Vec<&str> {
    answer.keys().map(String::as_str).collect()
}

async fn userinfo(at: &TestProvider, token: &str) -> Reply {
    at.get("/userinfo", &[("authorization", &format!("Bearer {token}"))]).await
}

#[tokio::test]
async fn oauth_multiple_response_types_3_each_type_brings_what_it_names_and_nothing_else() {
    let legacy = legacy();
    let mut browser = signed_in(&legacy).await;
    let token = ["access_token", "expires_in", "scope", "token_type"];
    for (response_type, brings) in [
        ("code", &["code"][..]),
        ("id_token", &["id_token"]),
        ("id_token token", &[&["id_token"], &token[..]].concat()),
        ("code id_token", &["code", "id_token"]),
        ("code token", &[&["code"], &token[..]].concat()),
        ("code id_token token", &[&["code", "id_token"], &token[..]].concat()),
        ("none", &[]),
    ] {
        let answer = ask(&mut browser, response_type, &[]).await;
        let mut want = [brings, &["iss", "session_state", "state"]].concat();
        want.sort_unstable();
        assert_eq!(names(&answer), want, "{response_type}");
        assert_eq!((&*answer["state"], &*answer["iss"]), ("a state", "https://id.example.com/realms/staff"));
    }
    assert_eq!(ResponseType::ALL.len(), 7, "every one of them is above");
}

#[tokio::test]
async fn oauth_multiple_response_types_3_the_order_of_the_words_does_not_matter() {
    let legacy = legacy();
    let mut browser = signed_in(&legacy).await;
    for (one, other) in [
        ("token id_token", "id_token token"),
        ("id_token code", "code id_token"),
        ("token code", "code token"),
        ("token code id_token", "code id_token token"),
        ("id_token token code", "code id_token token"),
    ] {
        let (one, other) = (ask(&mut browser, one, &[]).await, ask(&mut browser, other, &[]).await);
        assert_eq!(names(&one), names(&other));
        assert!(one.contains_key("access_token") || one.contains_key("id_token"));
    }
}

#[tokio::test]
async fn rfc6749_4_2_2_1_a_type_that_the_realm_does_not_have_is_unsupported() {
    let modern = realm().client(client("app").every_flow()).serve();
    let no_grant = realm().every_flow().settings(|settings| settings.grant_types.retain(|g| *g != GrantType::Implicit));
    let no_grant = no_grant.client(client("app").every_flow()).serve();
    let legacy = legacy();
    for (at, types) in [
        (&modern, &["id_token", "id_token token", "code id_token", "code token", "code id_token token", "none"][..]),
        (&no_grant, &["id_token", "id_token token", "code id_token", "code token", "code id_token token"]),
        (&legacy, &["token", "code none", "none id_token", "Code", "code,id_token", "device", "id_token device"]),
    ] {
        for response_type in types {
            let refused = ask(&mut Browser::new(at), response_type, &[]).await;
            assert_eq!(refused["error"], "unsupported_response_type", "{response_type}");
        }
    }
}

#[tokio::test]
async fn rfc6749_4_2_2_1_a_client_gets_only_what_it_has_registered_with_the_grants_that_belong_to_it() {
    let legacy = legacy();
    let mut browser = signed_in(&legacy).await;
    for (client, types) in [
        ("modern", &["id_token", "id_token token", "code id_token", "code token", "code id_token token", "none"][..]),
        ("ungranted", &["id_token", "id_token token", "code id_token", "code token", "code id_token token"]),
        ("implicit", &["code", "code id_token", "code token", "code id_token token"]),
    ] {
        for response_type in types {
            let refused = ask(&mut browser, response_type, &[("client_id", client)]).await;
            assert_eq!(refused["error"], "unauthorized_client", "{client} {response_type}");
        }
    }
    assert!(ask(&mut browser, "code", &[("client_id", "ungranted")]).await.contains_key("code"));
    assert!(ask(&mut browser, "id_token", &[("client_id", "implicit")]).await.contains_key("id_token"));
    assert!(!ask(&mut browser, "none", &[("client_id", "implicit")]).await.contains_key("error"));
}

#[tokio::test]
async fn oidc_3_2_2_1_and_3_3_2_11_nonce_is_required_where_an_id_token_comes_from_here() {
    let legacy = legacy();
    let mut browser = signed_in(&legacy).await;
    for response_type in ResponseType::ALL {
        for nonce in [&[("nonce", "")][..], &[]] {
            let parameters = [&[("response_type", response_type.as_str())][..], nonce].concat();
            let (_, answer) = travelled(&browser.load(&authorize(&parameters)).await);
            let error = answer.get("error").map(String::as_str);
            assert_eq!(error, response_type.has_id_token().then_some("invalid_request"), "{response_type}");
        }
    }
}

#[tokio::test]
async fn oidc_3_2_2_1_an_id_token_needs_the_scope_openid_and_code_token_is_plain_oauth_without_it() {
    let legacy = legacy();
    let mut browser = signed_in(&legacy).await;
    for response_type in ["id_token", "id_token token", "code id_token", "code id_token token"] {
        let refused = ask(&mut browser, response_type, &[("scope", "email")]).await;
        assert_eq!(refused["error"], "invalid_scope", "{response_type}");
    }
    let plain = ask(&mut browser, "code token", &[("scope", "reports"), ("nonce", "")]).await;
    assert_eq!(plain["scope"], "reports");
    let tokens = legacy.redeem("app", &plain["code"]).await.json();
    assert!(tokens["access_token"].is_string() && tokens["id_token"].is_null());
}

#[tokio::test]
async fn oidc_3_2_2_1_redirect_uri_is_required_and_nobody_is_sent_anywhere_without_it() {
    let legacy = legacy();
    let mut browser = signed_in(&legacy).await;
    for response_type in ["id_token", "token id_token", "code token", "code id_token", "id_token token code"] {
        for scope in ["openid", "email"] {
            let parameters = [("response_type", response_type), ("redirect_uri", ""), ("scope", scope), NONCE];
            let reply = browser.load(&authorize(&parameters)).await;
            assert_eq!((reply.status.as_u16(), reply.header("location")), (400, ""), "{response_type} {scope}");
        }
    }
}

#[tokio::test]
async fn oidc_3_3_2_1_a_code_needs_pkce_whatever_comes_with_it_and_a_token_alone_has_nothing_to_prove() {
    let legacy = legacy();
    let mut browser = signed_in(&legacy).await;
    let without = [("code_challenge", ""), ("code_challenge_method", "")];
    for response_type in ResponseType::ALL {
        let answer = ask(&mut browser, response_type.as_str(), &without).await;
        let error = answer.get("error").map(String::as_str);
        assert_eq!(error, response_type.has_code().then_some("invalid_request"), "{response_type}");
    }
    legacy.change(|realm| {
        let settings = crate::provider::testing::realm().every_flow().settings(|s| s.pkce = Pkce::PublicClients);
        realm.settings = settings.build().settings;
    });
    assert!(ask(&mut browser, "code id_token", &without).await.contains_key("code"), "its nonce protects it");
    let plain = ask(&mut browser, "code token", &[&without[..], &[("nonce", "")]].concat()).await;
    assert_eq!(plain["error"], "invalid_request", "nothing protects it");
}

#[tokio::test]
async fn oidc_3_2_2_10_and_3_3_2_11_the_id_token_holds_the_hash_of_what_comes_with_it() {
    let legacy = legacy();
    let mut browser = signed_in(&legacy).await;
    for response_type in ["id_token", "id_token token", "code id_token", "code id_token token"] {
        let answer = ask(&mut browser, response_type, &[]).await;
        let (_, claims) = verified(&answer["id_token"]);
        let hash = |name: &str| answer.get(name).map(|value| half_hash(Algorithm::Es256.into(), value));
        assert_eq!(claims["at_hash"].as_str(), hash("access_token").as_deref(), "{response_type}");
        assert_eq!(claims["c_hash"].as_str(), hash("code").as_deref(), "{response_type}");
        assert_eq!(claims["s_hash"], half_hash(Algorithm::Es256.into(), "a state"));
        assert_eq!((&claims["nonce"], &claims["aud"]), (&json!("n-0S6"), &json!("app")));
        assert_eq!((&claims["sub"], &claims["iss"]), (&json!("sub-ada"), &json!(answer["iss"])));
        assert_eq!((&claims["acr"], &claims["amr"]), (&json!("1"), &json!(["pwd"])));
        assert_eq!(claims["auth_time"], legacy.now().as_second() - 10);
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
        assert!(claims["sid"].is_string());
    }
    let stateless = ask(&mut browser, "id_token", &[("state", "")]).await;
    assert_eq!(verified(&stateless["id_token"]).1.get("s_hash"), None);
    assert!(!stateless.contains_key("state"));
}

#[tokio::test]
async fn oidc_5_4_the_claims_of_scopes_stand_in_the_id_token_where_nothing_else_brings_them() {
    let legacy = legacy();
    let mut browser = signed_in(&legacy).await;
    let scope = [("scope", "openid email groups")];
    for (response_type, has_claims) in
        [("id_token", true), ("id_token token", false), ("code id_token", false), ("code id_token token", false)]
    {
        let answer = ask(&mut browser, response_type, &scope).await;
        let (_, claims) = verified(&answer["id_token"]);
        assert_eq!(claims.get("email").is_some(), has_claims, "{response_type}");
        assert_eq!(claims.get("groups").is_some(), has_claims, "{response_type}");
        if let Some(token) = answer.get("access_token") {
            assert_eq!(userinfo(&legacy, token).await.json()["email"], "ada@example.com");
        }
        if let Some(code) = answer.get("code") {
            let tokens = legacy.redeem("app", code).await.json();
            let (_, again) = verified(tokens["id_token"].as_str().unwrap());
            assert_eq!(again["email"], "ada@example.com");
        }
    }
}

#[tokio::test]
async fn oidc_3_3_3_6_both_id_tokens_of_a_hybrid_flow_say_the_same_of_who_signed_in() {
    let legacy = legacy();
    let mut browser = signed_in(&legacy).await;
    for response_type in ["code id_token", "code id_token token"] {
        let answer = ask(&mut browser, response_type, &[]).await;
        let tokens = legacy.redeem("app", &answer["code"]).await.json();
        let first = verified(&answer["id_token"]).1;
        let second = verified(tokens["id_token"].as_str().unwrap()).1;
        for name in ["iss", "sub", "aud", "nonce", "auth_time", "acr", "amr", "sid"] {
            assert!(first[name] == second[name] && !first[name].is_null(), "{name}");
        }
        let want = half_hash(Algorithm::Es256.into(), tokens["access_token"].as_str().unwrap());
        assert_eq!((&second["at_hash"], second.get("c_hash"), second.get("s_hash")), (&json!(want), None, None));
    }
}

#[tokio::test]
async fn rfc6749_4_2_2_the_access_token_is_a_bearer_token_with_its_lifetime_and_scope() {
    let legacy = legacy();
    let mut browser = signed_in(&legacy).await;
    for client in ["app", "opaque"] {
        for response_type in ["id_token token", "code token", "code id_token token"] {
            let more = [("client_id", client), ("scope", "openid email unknown")];
            let answer = ask(&mut browser, response_type, &more).await;
            let token = &answer["access_token"];
            assert_eq!((&*answer["token_type"], &*answer["expires_in"]), ("Bearer", "600"));
            assert_eq!(answer["scope"], "openid email");
            assert_eq!(token.contains('.'), client == "app");
            let told = legacy.introspect(client, token).await;
            assert_eq!(
                (&told["active"], &told["sub"], &told["scope"]),
                (&json!(true), &json!("sub-ada"), &json!("openid email"))
            );
            assert_eq!(told["exp"].as_i64().unwrap(), legacy.now().as_second() + 600);
            assert_eq!(userinfo(&legacy, token).await.json()["sub"], "sub-ada");
        }
        let last = ask(&mut browser, "id_token token", &[("client_id", client)]).await;
        legacy.advance(Duration::from_secs(600));
        assert!(!legacy.is_active(client, &last["access_token"]).await, "it has expired");
        browser = signed_in(&legacy).await;
    }
}

#[tokio::test]
async fn rfc8707_2_1_the_access_token_is_for_the_resources_that_the_request_names() {
    let apis = ["https://api.example.com", "https://other.example.com"];
    let legacy = realm()
        .every_flow()
        .client(client("app").every_flow().audiences(&apis))
        .user(user("ada").password("hunter2"))
        .serve();
    let mut browser = signed_in(&legacy).await;
    let all = ask(&mut browser, "id_token token", &[]).await;
    assert_eq!(verified(&all["access_token"]).1["aud"], json!(apis));
    let one = ask(&mut browser, "id_token token", &[("resource", apis[1])]).await;
    assert_eq!(verified(&one["access_token"]).1["aud"], apis[1]);
}

#[tokio::test]
async fn rfc6749_4_2_2_there_is_no_refresh_token_and_oidc_11_no_offline_access_without_a_code() {
    let legacy = legacy();
    let mut browser = signed_in(&legacy).await;
    let offline = [("scope", "openid offline_access")];
    for response_type in ["id_token token", "code token", "code id_token token"] {
        let answer = ask(&mut browser, response_type, &offline).await;
        assert!(!answer.contains_key("refresh_token"));
        let kept = if answer.contains_key("code") { "openid offline_access" } else { "openid" };
        assert_eq!(answer["scope"], kept, "{response_type}");
        if let Some(code) = answer.get("code") {
            assert!(
                legacy.redeem("app", code).await.json()["refresh_token"].is_string(),
                "it comes by the back channel"
            );
        }
    }
}

#[tokio::test]
async fn oidc_3_3_one_authorization_stands_behind_both_access_tokens_of_a_hybrid_flow() {
    for client in ["app", "opaque"] {
        let legacy = legacy();
        let mut browser = signed_in(&legacy).await;
        let answer = ask(&mut browser, "code id_token token", &[("client_id", client)]).await;
        let reply = legacy.redeem(client, &answer["code"]).await;
        let tokens = reply.json();
        let (first, second) = (&answer["access_token"], tokens["access_token"].as_str().unwrap());
        assert!(legacy.is_active(client, first).await && legacy.is_active(client, second).await);
        // Revoking the one leaves the other; revoking the authorization leaves none.
        let third = legacy.token(client, &refresh(&tokens)).await.json();
        legacy.post_as(client, "/revoke", &[("token", second)]).await;
        assert!(legacy.is_active(client, first).await && !legacy.is_active(client, second).await);
        legacy.post_as(client, "/revoke", &[("token", third["refresh_token"].as_str().unwrap())]).await;
        assert!(!legacy.is_active(client, first).await, "{client}");
        assert_eq!(userinfo(&legacy, first).await.status.as_u16(), 401);
    }
}

fn refresh(tokens: &Value) -> [(&'static str, &str); 2] {
    [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())]
}

#[tokio::test]
async fn rfc6749_4_1_2_a_code_that_comes_twice_takes_the_access_token_that_came_with_it_along() {
    let legacy = legacy();
    let mut browser = signed_in(&legacy).await;
    let answer = ask(&mut browser, "code token", &[]).await;
    let first = legacy.redeem("app", &answer["code"]).await.json();
    assert_eq!(legacy.redeem("app", &answer["code"]).await.error(), (400, "invalid_grant".into()));
    for token in [&*answer["access_token"], first["access_token"].as_str().unwrap()] {
        assert!(!legacy.is_active("app", token).await);
    }
}

#[tokio::test]
async fn a_code_outlives_the_access_token_that_came_with_it_and_not_its_authorization() {
    let legacy = realm()
        .every_flow()
        .client(client("app").every_flow().tokens(|tokens| {
            tokens.access_token = Duration::from_secs(5);
            tokens.authorization_code = Duration::from_secs(60);
        }))
        .user(user("ada").password("hunter2"))
        .serve();
    let mut browser = signed_in(&legacy).await;
    let answer = ask(&mut browser, "code token", &[]).await;
    legacy.advance(Duration::from_secs(30));
    assert!(!legacy.is_active("app", &answer["access_token"]).await);
    assert_eq!(legacy.redeem("app", &answer["code"]).await.status.as_u16(), 200);
}

#[tokio::test]
async fn tokens_of_the_browser_end_with_the_session() {
    for client in ["app", "opaque"] {
        let legacy = legacy();
        let mut browser = signed_in(&legacy).await;
        let implicit = ask(&mut browser, "id_token token", &[("client_id", client)]).await;
        let hybrid = ask(&mut browser, "code id_token token", &[("client_id", client)]).await;
        let redeemed = ask(&mut browser, "code token", &[("client_id", client)]).await;
        legacy.redeem(client, &redeemed["code"]).await;
        let page = browser.open("/logout").await;
        let out = browser.submit(&page, &[("action", "sign-out")]).await;
        assert_eq!(out.status.as_u16(), 200, "{}", out.text());
        let asked = browser.load(&authorize(&[("prompt", "none")])).await;
        assert_eq!(error(&asked), "login_required");
        for answer in [&implicit, &hybrid, &redeemed] {
            assert!(!legacy.is_active(client, &answer["access_token"]).await, "{client}");
        }
        assert_eq!(legacy.redeem(client, &hybrid["code"]).await.error().1, "invalid_grant");
    }
}

#[tokio::test]
async fn oauth_multiple_response_types_4_none_tells_only_that_the_person_has_agreed() {
    let legacy = legacy();
    let none = [("response_type", "none"), ("client_id", "asks")];
    assert_eq!(
        error(&Browser::new(&legacy).load(&authorize(&[&none[..], &[("prompt", "none")]].concat())).await),
        "login_required"
    );
    let mut browser = Browser::new(&legacy);
    let page = browser.sign_in("ada", "hunter2", &none).await;
    assert!(hidden(page.text()).iter().any(|(name, _)| name == "csrf"), "consent is asked for");
    let (mode, answer) = travelled(&browser.submit(&page, &[("action", "allow")]).await);
    assert_eq!((mode, names(&answer)), ("query", vec!["iss", "session_state", "state"]));
}

#[tokio::test]
async fn oidc_3_2_2_4_consent_comes_before_a_token_and_who_refuses_is_told_in_the_fragment() {
    let legacy = legacy();
    let mut browser = Browser::new(&legacy);
    let parameters = [("client_id", "asks"), ("response_type", "id_token token"), NONCE];
    let page = browser.sign_in("ada", "hunter2", &parameters).await;
    assert_eq!(page.status.as_u16(), 200);
    let (mode, refused) = travelled(&browser.submit(&page, &[("action", "deny")]).await);
    assert_eq!((mode, &*refused["error"]), ("fragment", "access_denied"));
    let page = browser.open(&authorize(&parameters)).await;
    let (mode, granted) = travelled(&browser.submit(&page, &[("action", "allow")]).await);
    assert_eq!((mode, granted.contains_key("access_token")), ("fragment", true));
}

#[tokio::test]
async fn oidc_3_2_2_5_an_answer_with_tokens_is_kept_by_no_cache_and_sent_on_in_no_referer() {
    let legacy = legacy();
    let mut browser = signed_in(&legacy).await;
    for mode in ["fragment", "form_post"] {
        let parameters = [("response_type", "id_token token"), ("response_mode", mode), NONCE];
        let reply = browser.load(&authorize(&parameters)).await;
        assert_eq!(reply.header("cache-control"), "no-store");
        assert_eq!(reply.header("referrer-policy"), "no-referrer");
        assert!(
            reply.header("location").is_empty() || reply.header("location").starts_with(&format!("{REDIRECT_URI}#"))
        );
    }
}
