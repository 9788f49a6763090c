//! OpenID Connect Core sections 3.1.2.1 and 3.1.2.2, RFC 6749 sections 3.1, 3.1.2 and 4.1.1: what an authorization request may hold.

use axum::http::Method;

use super::{ISSUER, ask, code_flow, provider, signed_in, text};
use crate::{
    provider::testing::{
        REDIRECT_URI, Reply, TestProvider,
        browser::{Browser, authorize, code, travelled},
        client, encode, keyring, realm, user, verified,
    },
    realm::{RedirectUri, ResponseType},
};

/// A page that tells the person, and nobody is sent anywhere.
fn is_page(reply: &Reply) -> bool {
    reply.status.as_u16() == 400 && reply.header("location").is_empty() && !reply.text().contains("http-equiv")
}

#[tokio::test]
async fn core_3_1_2_1_parameters_that_are_not_understood_are_passed_over() {
    let provider = provider();
    let mut browser = signed_in(&provider).await;
    for unknown in [("foo", "bar"), ("vtr", "[\"P1\"]"), ("x[]", "\"'<>"), ("dpop_jkt", "x"), ("audience", "x")] {
        let answer = ask(&mut browser, &[unknown]).await;
        assert!(answer.contains_key("code") && !answer.contains_key(unknown.0), "{unknown:?}");
    }
}

#[tokio::test]
async fn core_3_1_2_1_scopes_that_are_not_understood_are_passed_over() {
    let provider = provider();
    let tokens = code_flow(&mut signed_in(&provider).await, &[("scope", "openid quux urn:x:y email OPENID")]).await;
    assert_eq!(tokens["scope"], "openid email", "case matters");
}

#[tokio::test]
async fn core_3_1_2_1_redirect_uri_is_compared_character_by_character() {
    let registered = ["https://app.example/callback", "https://app.example/a%2Fb", "https://app.example/q?a=1&b=2"];
    let app = client("app").with(|client| {
        client.redirect_uris = registered.map(|uri| RedirectUri::parse(uri).unwrap()).to_vec();
    });
    let provider = realm().client(app).user(user("ada").password("hunter2")).serve();
    let mut browser = Browser::new(&provider);
    browser.sign_in("ada", "hunter2", &[]).await;
    for uri in [
        "https://app.example/callback/",
        "https://app.example/callback#",
        "https://app.example/callback#f",
        "https://app.example/callback?",
        "https://app.example/callback?x=1",
        "https://app.example/callback%20",
        "https://app.example/callback ",
        "https://app.example/Callback",
        "https://APP.example/callback",
        "HTTPS://app.example/callback",
        "http://app.example/callback",
        "https://app.example:443/callback",
        "https://app.example./callback",
        "https://app.example//callback",
        "https://app.example/./callback",
        "https://app.example/x/../callback",
        "https://app.example/%63allback",
        "https://u@app.example/callback",
        "https://app.example\\@evil.example/callback",
        "//app.example/callback",
        "/callback",
        "https://app.example/a/b",
        "https://app.example/a%2fb",
        "https://app.example/q?b=2&a=1",
        "https://app.example/q?a=1",
        "https://app.example/q",
        "javascript:alert(1)",
    ] {
        let reply = browser.load(&authorize(&[("redirect_uri", uri)])).await;
        assert!(is_page(&reply), "{uri}: {} {}", reply.status, reply.header("location"));
    }
    for uri in registered {
        let reply = browser.load(&authorize(&[("redirect_uri", uri)])).await;
        assert!(reply.header("location").starts_with(uri), "{uri}: {}", reply.header("location"));
    }
}

#[tokio::test]
async fn rfc6749_3_1_2_3_who_has_registered_several_names_one() {
    let app = client("app").with(|client| {
        client.redirect_uris.push(RedirectUri::parse("https://app.example/second").unwrap());
    });
    let provider = realm().client(app).user(user("ada").password("hunter2")).serve();
    let mut browser = signed_in(&provider).await;
    for scope in ["openid", "email"] {
        assert!(is_page(&browser.load(&authorize(&[("redirect_uri", ""), ("scope", scope)])).await), "{scope}");
    }
}

#[tokio::test]
async fn core_3_1_2_1_locales_are_no_error_whatever_they_hold() {
    let provider = provider();
    let mut browser = signed_in(&provider).await;
    for value in ["de", "fr-CA fr en", "xx-Klingon", "*", "\"<>", "de de de", &"en ".repeat(400)] {
        for name in ["ui_locales", "claims_locales"] {
            let answer = ask(&mut browser, &[(name, value)]).await;
            assert!(answer.contains_key("code"), "{name}={value}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn core_3_1_2_2_a_request_without_openid_gets_no_id_token() {
    let provider = provider();
    let mut browser = signed_in(&provider).await;
    for scope in ["email", "profile offline_access", "reports"] {
        let tokens = code_flow(&mut browser, &[("scope", scope), ("nonce", "n"), ("max_age", "100")]).await;
        assert!(tokens.get("id_token").is_none() && tokens["access_token"].is_string(), "{scope}: {tokens}");
    }
}

#[tokio::test]
async fn core_3_1_2_2_each_required_parameter_is_missed_by_name() {
    let provider = provider();
    let mut browser = signed_in(&provider).await;
    for name in ["client_id", "redirect_uri"] {
        let reply = browser.load(&authorize(&[(name, "")])).await;
        assert!(is_page(&reply) && reply.text().contains(name), "{name}");
    }
    for (name, error) in [("response_type", "invalid_request"), ("scope", "invalid_scope")] {
        let answer = ask(&mut browser, &[(name, "")]).await;
        assert_eq!(answer["error"], error, "{name}");
        assert!(answer["error_description"].contains(name), "{answer:?}");
    }
}

#[tokio::test]
async fn rfc6749_3_1_each_parameter_that_comes_twice_is_refused() {
    let provider = provider();
    let mut browser = signed_in(&provider).await;
    for (name, value) in [
        ("scope", "openid"),
        ("response_type", "code"),
        ("response_mode", "query"),
        ("nonce", "n"),
        ("prompt", "none"),
        ("max_age", "100"),
        ("code_challenge_method", "S256"),
        ("login_hint", "ada"),
        ("ui_locales", "de"),
        ("acr_values", "1"),
        ("display", "page"),
        ("id_token_hint", "x"),
        ("claims", "{}"),
        ("unknown", "x"),
    ] {
        let answer = ask(&mut browser, &[(name, value), (name, value)]).await;
        assert_eq!(answer["error"], "invalid_request", "{name}");
        assert!(answer["error_description"].contains(name), "{answer:?}");
    }
    for name in ["client_id", "redirect_uri"] {
        let value = if name == "client_id" { "app" } else { REDIRECT_URI };
        assert!(is_page(&browser.load(&authorize(&[(name, value), (name, value)])).await), "{name}");
    }
}

#[tokio::test]
async fn core_3_2_2_2_and_3_3_2_2_a_request_is_validated_as_that_of_the_code_flow() {
    let provider = provider();
    let mut browser = signed_in(&provider).await;
    for response_type in ResponseType::ALL {
        for (broken, error) in [
            (("prompt", "none consent"), "invalid_request"),
            (("max_age", "x"), "invalid_request"),
            (("id_token_hint", "x"), "invalid_request"),
            (("registration", "{}"), "registration_not_supported"),
            (("scope", ""), "invalid_scope"),
            (("state", "a state"), ""),
        ] {
            let parameters = [("response_type", response_type.as_str()), ("nonce", "n"), broken];
            let answer = ask(&mut browser, &parameters).await;
            assert_eq!(answer.get("error").map_or("", String::as_str), error, "{parameters:?}");
            assert_eq!(answer["state"], "a state");
        }
        let elsewhere =
            [("response_type", response_type.as_str()), ("nonce", "n"), ("redirect_uri", "https://e.example")];
        assert!(is_page(&browser.load(&authorize(&elsewhere)).await), "{response_type}");
    }
}

#[tokio::test]
async fn core_3_3_2_1_nonce_may_be_left_out_for_code_token() {
    let provider = provider();
    let mut browser = signed_in(&provider).await;
    let answer = ask(&mut browser, &[("response_type", "code token")]).await;
    assert!(answer.contains_key("code") && answer.contains_key("access_token"), "{answer:?}");
    let tokens = provider.redeem("app", &answer["code"]).await.json();
    assert_eq!(verified(text(&tokens, "id_token")).1.get("nonce"), None);
    let answer = ask(&mut browser, &[("response_type", "code token"), ("nonce", "n")]).await;
    let tokens = provider.redeem("app", &answer["code"]).await.json();
    assert_eq!(verified(text(&tokens, "id_token")).1["nonce"], "n", "and is heeded where it is there");
}

#[tokio::test]
async fn oauth_multiple_response_types_3_a_word_that_is_there_twice_changes_nothing() {
    let provider = provider();
    let mut browser = signed_in(&provider).await;
    for (asked, is) in
        [("code code", "code"), ("id_token  id_token", "id_token"), (" token id_token token", "id_token token")]
    {
        let [one, other] = [asked, is].map(|value| [("response_type", value), ("nonce", "n")]);
        let (first, _) = travelled(&browser.load(&authorize(&one)).await);
        let (second, _) = travelled(&browser.load(&authorize(&other)).await);
        assert_eq!(first, second, "{asked}");
        let (one, other) = (ask(&mut browser, &one).await, ask(&mut browser, &other).await);
        assert!(!one.contains_key("error") && one.keys().eq(other.keys()), "{asked}: {one:?}");
    }
}

fn hint(signed_by: &crate::jose::Signer, sub: &str, more: serde_json::Value) -> String {
    let mut claims = serde_json::json!({"iss": ISSUER, "sub": sub, "aud": "app", "exp": 1, "iat": 0});
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    signed_by.sign_jwt("JWT", &claims).unwrap()
}

/// Whether the answer holds something that only the person who is meant should bring about.
async fn answers(provider: &TestProvider, hint: &str, more: &[(&str, &str)]) -> bool {
    let mut browser = signed_in(provider).await;
    let parameters = [&[("id_token_hint", hint)][..], more].concat();
    let mut reply = browser.open(&authorize(&parameters)).await;
    if reply.status.as_u16() == 200 {
        // Somebody else is meant: ada signs in again all the same.
        assert!(reply.text().contains("name=\"password\""), "{}", reply.text());
        reply = browser.submit(&reply, &[("username", "ada"), ("password", "hunter2")]).await;
    }
    let (_, answer) = travelled(&reply);
    let error = answer.get("error").map(String::as_str);
    assert!(matches!(error, None | Some("login_required")), "{answer:?}");
    error.is_none()
}

#[tokio::test]
async fn core_3_1_2_1_an_id_token_hint_lets_nobody_in_but_whom_it_means() {
    let ring = keyring();
    let ours = ring.signer(crate::jose::Algorithm::Es256, jiff::Timestamp::UNIX_EPOCH).unwrap();
    let gone = crate::provider::testing::signer(0);
    let none = serde_json::json!({});
    for more in [&[][..], &[("prompt", "none")], &[("response_type", "none")]] {
        let provider = provider();
        assert!(answers(&provider, &hint(ours, "sub-ada", none.clone()), more).await, "{more:?}");
        for other in ["sub-bob", "nobody", "SUB-ADA"] {
            assert!(!answers(&provider, &hint(ours, other, none.clone()), more).await, "{other} {more:?}");
            assert!(
                !answers(&provider, &hint(gone, other, none.clone()), more).await,
                "{other} {more:?}: its key is gone"
            );
        }
    }
}

#[tokio::test]
async fn core_13_2_a_posted_request_holds_its_parameters_in_the_body() {
    let provider = provider();
    let mut browser = signed_in(&provider).await;
    let cookie = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
    let form = authorize(&[]).split_once('?').unwrap().1.to_owned();
    let headers = [("content-type", "application/x-www-form-urlencoded; charset=UTF-8"), ("cookie", cookie.as_str())];
    code(&provider.send(Method::POST, "/authorize", &headers, form.clone()).await);
    let in_the_query = provider.send(Method::POST, &format!("/authorize?{form}"), &headers, encode(&[])).await;
    assert!(is_page(&in_the_query), "{}", in_the_query.text());
    code(&browser.load(&format!("/authorize?{form}")).await);
}
