//! OpenID Connect Core section 3.1.3, RFC 6749 sections 3.2, 4.1.3, 4.4.3, 5.1 and 5.2, RFC 6750 section 2.2, RFC 7636 section 4: the token
//! endpoint, and what a token is presented with.

use axum::http::Method;

use super::{ISSUER, provider, text};
use crate::{
    provider::testing::{
        REDIRECT_URI, Reply, TestProvider, VERIFIER, authorization, basic, client, encode, realm, secret_of, user,
    },
    realm::{AuthMethod, RedirectUri},
};

/// The parameters of a redemption with these in their place; an empty value leaves one out.
fn form<'a>(code: &'a str, changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let plain = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    let replaced = |name: &str| changes.iter().any(|(changed, _)| *changed == name);
    let kept = plain.into_iter().filter(|(name, _)| !replaced(name));
    kept.chain(changes.iter().copied()).filter(|(_, value)| !value.is_empty()).collect()
}

async fn fresh(provider: &TestProvider) -> String {
    provider.code(authorization("app", "ada", "openid email"), |_| ()).await
}

#[tokio::test]
async fn core_3_1_3_2_redirect_uri_is_that_of_the_authorization_request() {
    let second = "https://app.example/second?a=1";
    let app = client("app").with(|client| client.redirect_uris.push(RedirectUri::parse(second).unwrap()));
    let provider = realm().client(app).user(user("ada")).serve();
    let code = fresh(&provider).await;
    for (change, want) in [
        (("redirect_uri", ""), 400),
        (("redirect_uri", second), 400),
        (("redirect_uri", "https://app.example/callback?"), 400),
        (("redirect_uri", "https://APP.example/callback"), 400),
        (("redirect_uri", REDIRECT_URI), 200),
    ] {
        let reply = provider.token("app", &form(&code, &[change])).await;
        assert_eq!(reply.error().0, want, "{change:?}");
        assert_eq!(reply.error().1, if want == 400 { "invalid_grant" } else { "" }, "{change:?}");
    }
}

#[tokio::test]
async fn core_3_1_3_3_the_answer_is_a_bearer_token_and_an_id_token() {
    let provider = provider();
    let reply = provider.redeem("app", &fresh(&provider).await).await;
    assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, "application/json"));
    let tokens = reply.json();
    assert!(text(&tokens, "token_type").eq_ignore_ascii_case("bearer"));
    assert_eq!(text(&tokens, "id_token").split('.').count(), 3);
    assert!(!text(&tokens, "access_token").is_empty() && tokens["expires_in"].as_u64() > Some(0));
    // RFC 6750 section 2.1: what can stand in a header.
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    assert!(text(&tokens, "access_token").bytes().all(fits));
}

#[tokio::test]
async fn core_3_1_3_3_no_cache_keeps_an_answer() {
    let provider = provider();
    let code = fresh(&provider).await;
    let redeemed = provider.redeem("app", &code).await;
    let refresh = redeemed.json()["refresh_token"].as_str().unwrap().to_owned();
    let refreshed = provider.token("app", &[("grant_type", "refresh_token"), ("refresh_token", &refresh)]).await;
    let own = provider.token("app", &[("grant_type", "client_credentials")]).await;
    for reply in [redeemed, refreshed, own] {
        assert_eq!(reply.status.as_u16(), 200, "{}", reply.text());
        assert_eq!((reply.header("cache-control"), reply.header("pragma")), ("no-store", "no-cache"));
    }
    let refused = provider.redeem("app", &code).await;
    assert_eq!((refused.header("cache-control"), refused.header("pragma")), ("no-store", "no-cache"));
}

/// An error of RFC 6749 section 5.2.
#[track_caller]
fn is_error(reply: &Reply, status: u16, code: &str) {
    assert_eq!(reply.error(), (status, code.to_owned()), "{}", reply.text());
    assert_eq!(reply.header("content-type"), "application/json");
    let body = reply.json();
    let names: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["error", "error_description"]);
    let fits = |c: char| matches!(c, ' '..='!' | '#'..='[' | ']'..='~');
    assert!(body["error_description"].as_str().unwrap().chars().all(fits), "{body}");
}

#[tokio::test]
async fn core_3_1_3_4_an_error_is_json_with_its_code() {
    let provider = provider();
    let code = fresh(&provider).await;
    for (changes, want) in [
        (&[("grant_type", "")][..], "invalid_request"),
        (&[("grant_type", "Authorization_Code")], "unsupported_grant_type"),
        (&[("grant_type", "urn:x:\"\\\u{e9}")], "unsupported_grant_type"),
        (&[("code", "")], "invalid_request"),
        (&[("code", "x")], "invalid_grant"),
        (&[("code", "\u{e9}\"\\")], "invalid_grant"),
        (&[("redirect_uri", "")], "invalid_grant"),
        (&[("code_verifier", "")], "invalid_grant"),
        (&[("grant_type", "refresh_token")], "invalid_request"),
        (&[("grant_type", "refresh_token"), ("refresh_token", &code)], "invalid_grant"),
        (&[("grant_type", "client_credentials"), ("scope", "unknown")], "invalid_scope"),
        (&[("grant_type", "client_credentials"), ("scope", "\"\\")], "invalid_scope"),
        (&[("grant_type", "client_credentials"), ("resource", "x")], "invalid_target"),
    ] {
        is_error(&provider.token("app", &form(&code, changes)).await, 400, want);
    }
    assert_eq!(provider.redeem("app", &code).await.status.as_u16(), 200, "none of these has used the code up");
}

#[tokio::test]
async fn rfc6749_3_2_only_post_reaches_the_token_endpoint() {
    let provider = provider();
    let code = fresh(&provider).await;
    let header = basic("app", &secret_of("app"));
    let headers = [("authorization", header.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    let encoded = encode(&form(&code, &[]));
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::PATCH] {
        for path in ["/token", &format!("/token?{encoded}")] {
            let reply = provider.send(method.clone(), path, &headers, encoded.clone()).await;
            assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, "POST, OPTIONS"), "{method}");
        }
    }
    // Nothing is taken from the URI of a POST either.
    is_error(
        &provider.send(Method::POST, &format!("/token?{encoded}"), &headers, String::new()).await,
        400,
        "invalid_request",
    );
    assert_eq!(provider.send(Method::POST, "/token", &headers, encoded).await.status.as_u16(), 200);
}

#[tokio::test]
async fn rfc6749_3_2_an_empty_parameter_of_a_token_request_is_none() {
    let provider = provider();
    let header = basic("app", &secret_of("app"));
    for name in
        ["client_id", "client_secret", "client_assertion", "client_assertion_type", "scope", "resource", "audience"]
    {
        let body = format!("{}&{name}=&{name}x", encode(&form(&fresh(&provider).await, &[])));
        let headers = [("authorization", header.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        let reply = provider.send(Method::POST, "/token", &headers, body).await;
        assert_eq!(reply.status.as_u16(), 200, "{name}: {}", reply.text());
    }
    let empty = format!("{}&code_verifier=", encode(&form(&fresh(&provider).await, &[("code_verifier", "")])));
    let headers = [("authorization", header.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    is_error(&provider.send(Method::POST, "/token", &headers, empty).await, 400, "invalid_grant");
}

#[tokio::test]
async fn rfc6749_3_2_a_parameter_that_is_not_known_is_passed_over() {
    let provider = provider();
    let more = [
        ("foo", "bar"),
        ("nonce", "x"),
        ("state", "x"),
        ("id_token_hint", "x"),
        ("username", "ada"),
        ("password", "x"),
    ];
    let code = fresh(&provider).await;
    assert_eq!(provider.token("app", &[&form(&code, &[])[..], &more].concat()).await.status.as_u16(), 200);
}

#[tokio::test]
async fn rfc6749_3_2_each_parameter_that_comes_twice_is_refused() {
    let provider = provider();
    let code = fresh(&provider).await;
    let good = form(&code, &[]);
    for name in ["grant_type", "code", "redirect_uri", "code_verifier", "client_id", "scope", "unknown"] {
        let value = good.iter().find(|(known, _)| *known == name).map_or("app", |(_, value)| value);
        let mut twice: Vec<_> = good.iter().copied().filter(|(known, _)| *known != name).collect();
        twice.extend([(name, value), (name, value)]);
        let header = basic("app", &secret_of("app"));
        is_error(&provider.post_form("/token", &[("authorization", &header)], &twice).await, 400, "invalid_request");
    }
    assert_eq!(provider.token("app", &good).await.status.as_u16(), 200);
}

#[tokio::test]
async fn rfc6749_4_4_3_client_credentials_bring_no_refresh_token() {
    let provider = provider();
    for more in [&[][..], &[("scope", "reports")]] {
        let tokens = provider.token("app", &[&[("grant_type", "client_credentials")], more].concat()).await.json();
        assert!(tokens["access_token"].is_string(), "{tokens}");
        assert!(tokens.get("refresh_token").is_none() && tokens.get("id_token").is_none(), "{tokens}");
    }
}

#[tokio::test]
async fn rfc6749_5_2_who_is_refused_gets_401_and_a_challenge_with_a_realm() {
    let provider = realm()
        .client(client("app"))
        .client(client("post").method(AuthMethod::ClientSecretPost))
        .user(user("ada"))
        .serve();
    let grant = ("grant_type", "client_credentials");
    for (header, body) in [
        (basic("app", "wrong"), vec![grant]),
        (basic("nobody", "x"), vec![grant]),
        ("Bearer x".to_owned(), vec![grant]),
        ("Basic".to_owned(), vec![grant]),
        (String::new(), vec![grant, ("client_id", "post"), ("client_secret", "wrong")]),
        (String::new(), vec![grant, ("client_id", "app")]),
        (String::new(), vec![grant]),
    ] {
        let headers: Vec<_> =
            Some(("authorization", header.as_str())).filter(|(_, value)| !value.is_empty()).into_iter().collect();
        let reply = provider.post_form("/token", &headers, &body).await;
        is_error(&reply, 401, "invalid_client");
        let challenge = reply.header("www-authenticate");
        assert!(challenge.starts_with("Basic realm=\""), "{challenge}");
    }
}

#[tokio::test]
async fn rfc6749_10_10_a_secret_has_the_entropy_that_no_guess_finds() {
    let provider = provider();
    let code = fresh(&provider).await;
    let tokens = provider.redeem("app", &code).await.json();
    // 32 random bytes: base64url has 6 bits a character.
    for credential in [code.as_str(), text(&tokens, "refresh_token")] {
        assert!(credential.len() * 6 >= 256, "{}", credential.len());
        assert_ne!(fresh(&provider).await, credential);
    }
}

#[tokio::test]
async fn rfc6750_2_2_a_token_in_a_body_is_that_of_a_posted_form() {
    let provider = provider();
    let tokens = provider.tokens(authorization("app", "ada", "openid")).await;
    let body = encode(&[("access_token", text(&tokens, "access_token"))]);
    let ask = async |method: Method, kind: &str| {
        provider.send(method, "/userinfo", &[("content-type", kind)], body.clone()).await
    };
    assert_eq!(ask(Method::POST, "application/x-www-form-urlencoded").await.status.as_u16(), 200);
    for (method, kind) in [
        (Method::GET, "application/x-www-form-urlencoded"),
        (Method::POST, "application/json"),
        (Method::POST, "text/plain"),
        (Method::POST, "multipart/form-data; boundary=x"),
    ] {
        let reply = ask(method.clone(), kind).await;
        assert_eq!(reply.status.as_u16(), 401, "{method} {kind}");
        assert_eq!(reply.header("www-authenticate"), format!("Bearer realm=\"{ISSUER}\""));
    }
}

#[tokio::test]
async fn rfc7636_4_1_a_verifier_is_43_to_128_unreserved_characters() {
    let provider = provider();
    for (verifier, want) in [
        ("a".repeat(42), "invalid_request"),
        ("a".repeat(129), "invalid_request"),
        (format!("{}+", "a".repeat(43)), "invalid_request"),
        (format!("{}\u{e9}", "a".repeat(43)), "invalid_request"),
        (format!("{} ", "a".repeat(43)), "invalid_request"),
    ] {
        let code = fresh(&provider).await;
        is_error(&provider.token("app", &form(&code, &[("code_verifier", &verifier)])).await, 400, want);
    }
    for verifier in ["a".repeat(43), "a-._~Z9".repeat(18), "~".repeat(128)] {
        use base64::Engine;
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
        let challenge = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(hash);
        let code =
            provider.code(authorization("app", "ada", "openid"), |code| code.code_challenge = Some(challenge)).await;
        let reply = provider.token("app", &form(&code, &[("code_verifier", &verifier)])).await;
        assert_eq!(reply.status.as_u16(), 200, "{verifier}: {}", reply.text());
    }
}

#[tokio::test]
async fn rfc7636_4_6_the_verifier_of_appendix_b_redeems_its_challenge() {
    let provider = provider();
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let code =
        provider.code(authorization("app", "ada", "openid"), |code| code.code_challenge = Some(challenge.into())).await;
    for wrong in ["E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK"] {
        is_error(&provider.token("app", &form(&code, &[("code_verifier", wrong)])).await, 400, "invalid_grant");
    }
    let right = form(&code, &[("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")]);
    assert_eq!(provider.token("app", &right).await.status.as_u16(), 200);
}

#[tokio::test]
async fn rfc6749_3_2_1_a_public_client_says_who_it_is() {
    let provider = provider();
    let code = provider.code(authorization("spa", "ada", "openid"), |_| ()).await;
    for who in [&[][..], &[("client_id", "")], &[("client_id", "nobody")], &[("client_id", "SPA")]] {
        let reply = provider.post_form("/token", &[], &form(&code, who)).await;
        is_error(&reply, 401, "invalid_client");
    }
    let reply = provider.post_form("/token", &[], &form(&code, &[("client_id", "spa")])).await;
    assert_eq!(reply.status.as_u16(), 200, "{}", reply.text());
}

#[tokio::test]
async fn rfc6750_3_each_attribute_of_the_challenge_is_there_once() {
    let provider = provider();
    let tokens = provider.tokens(authorization("app", "ada", "email")).await;
    let narrow = format!("Bearer {}", text(&tokens, "access_token"));
    for (header, error) in
        [("", ""), ("Bearer x", "invalid_token"), ("Bearer", "invalid_request"), (&narrow, "insufficient_scope")]
    {
        let headers: Vec<_> = Some(("authorization", header)).filter(|_| !header.is_empty()).into_iter().collect();
        let reply = provider.get("/userinfo", &headers).await;
        assert_eq!(reply.headers.get_all("www-authenticate").iter().count(), 1);
        let challenge = reply.header("www-authenticate");
        assert!(challenge.starts_with("Bearer "), "{challenge}");
        for name in ["realm", "error", "error_description", "scope"] {
            let times = challenge.matches(&format!("{name}=\"")).count();
            let want = match name {
                "realm" => 1,
                "scope" => usize::from(error == "insufficient_scope"),
                _ => usize::from(!error.is_empty()),
            };
            assert_eq!(times, want, "{name} in {challenge}");
        }
        assert!(error.is_empty() || challenge.contains(&format!("error=\"{error}\"")), "{challenge}");
    }
}
