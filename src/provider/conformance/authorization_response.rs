//! OpenID Connect Core sections 3.1.2.5, 3.1.2.6, 3.2.2.5, 3.3.2.5 and 16.22, RFC 6749 sections 3.3 and 4.1.2.1, RFC 9207: what comes back
//! to the client.

use std::collections::BTreeMap;

use super::{ISSUER, ask, code_flow, provider, signed_in};
use crate::{
    provider::testing::{
        REDIRECT_URI, Reply,
        browser::{Browser, action, authorize, code, travelled},
        client, realm, user,
    },
    realm::{RedirectUri, ResponseType},
};

#[tokio::test]
async fn core_3_1_2_5_the_code_joins_the_query_of_the_redirect_uri_form_encoded() {
    let registered =
        ["https://app.example/callback", "https://app.example/callback?a=%20+1&a=2", "https://app.example/c?"];
    let app = client("app").with(|client| {
        client.redirect_uris = registered.map(|uri| RedirectUri::parse(uri).unwrap()).to_vec();
    });
    let provider = realm().client(app).user(user("ada").password("hunter2")).serve();
    let mut browser = Browser::new(&provider);
    browser.sign_in("ada", "hunter2", &[]).await;
    let state = "a b+c&d=e%f#\u{e9}\u{1f511}\"'<>\\";
    for uri in registered {
        let reply = browser.load(&authorize(&[("redirect_uri", uri), ("state", state)])).await;
        let location = reply.header("location");
        assert!(location.starts_with(uri) && location.is_ascii() && !location.contains('#'), "{location}");
        let added = location[uri.len()..].trim_start_matches(['?', '&']);
        assert!(added.starts_with("code=") && !added.contains(' '), "{added}");
        let added: BTreeMap<_, _> = form_urlencoded::parse(added.as_bytes()).into_owned().collect();
        assert_eq!((added["state"].as_str(), added["iss"].as_str()), (state, ISSUER));
        let tokens = [
            ("grant_type", "authorization_code"),
            ("code", &added["code"]),
            ("redirect_uri", uri),
            ("code_verifier", crate::provider::testing::VERIFIER),
        ];
        assert_eq!(provider.token("app", &tokens).await.status.as_u16(), 200);
    }
}

#[tokio::test]
async fn core_3_1_2_6_an_error_holds_its_code_and_state_and_nothing_else_of_the_request() {
    let provider = provider();
    let mut browser = Browser::new(&provider);
    let errors = [("prompt", "none"), ("response_type", "x"), ("scope", ""), ("max_age", "x"), ("registration", "{}")];
    for error in errors {
        let parameters = [error, ("nonce", "n"), ("login_hint", "ada"), ("display", "page"), ("foo", "bar")];
        let answer = ask(&mut browser, &parameters).await;
        // What tells of the session is no part of the request (Session Management section 3).
        let names: Vec<_> = answer.keys().map(String::as_str).filter(|name| *name != "session_state").collect();
        assert_eq!(names, ["error", "error_description", "iss", "state"], "{error:?}");
        assert_eq!(answer["state"], "a state");
        let answer = ask(&mut browser, &[error, ("state", "")]).await;
        assert!(!answer.contains_key("state"), "none was sent: {error:?}");
    }
}

#[tokio::test]
async fn rfc6749_4_1_2_1_what_can_not_be_read_is_told_to_the_client_where_that_can_be_told() {
    let provider = provider();
    let mut browser = signed_in(&provider).await;
    let good = authorize(&[]);
    for broken in ["nonce=%zz", "nonce=%", "nonce=%00", "login_hint=%ff", "x%00=1", &"p=1&".repeat(100)] {
        let reply = browser.load(&format!("{good}&{broken}")).await;
        let (mode, answer) = travelled(&reply);
        assert_eq!((mode, &*answer["error"], &*answer["state"]), ("query", "invalid_request", "a state"), "{broken}");
        let reply = browser.load(&format!("{good}&{broken}&response_mode=form_post")).await;
        let want = if broken.starts_with("p=1") { "query" } else { "form_post" };
        assert_eq!(travelled(&reply).0, want, "{broken}");
    }
    let stateless = browser.load(&format!("{}&state=%ff", authorize(&[("state", "")]))).await;
    assert_eq!(travelled(&stateless).1.get("state"), None);
    // Whom to tell is not known for certain.
    for broken in [
        format!("{good}&client_id=other&nonce=%zz"),
        format!("{good}&redirect_uri=https%3A%2F%2Fevil.example&nonce=%zz"),
        format!("{}&redirect_uri=%zz", authorize(&[("redirect_uri", ""), ("scope", "email")])),
        format!("{}&client_id=%zz", authorize(&[("client_id", "")])),
    ] {
        let reply = browser.load(&broken).await;
        assert_eq!((reply.status.as_u16(), reply.header("location")), (400, ""), "{broken}");
    }
}

#[tokio::test]
async fn rfc6749_4_1_2_1_error_and_its_description_hold_only_what_they_may() {
    let provider = provider();
    let mut browser = signed_in(&provider).await;
    for odd in ["\"quoted\\\"", "Gr\u{fc}\u{df}e", "a\tb\nc", "<script>", "\u{1f511}"] {
        for parameter in [("prompt", odd), ("response_mode", odd), ("response_type", odd), ("max_age", odd), (odd, "x")]
        {
            let twice = [parameter, parameter];
            let reply = browser.load(&authorize(&twice)).await;
            if reply.status.as_u16() == 400 {
                continue;
            }
            let (_, answer) = travelled(&reply);
            let fits = |c: char| matches!(c, ' '..='!' | '#'..='[' | ']'..='~');
            assert!(answer["error"].chars().all(fits), "{answer:?}");
            assert!(answer["error_description"].chars().all(fits), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn core_3_2_2_5_and_3_3_2_5_the_answer_is_in_the_fragment_with_a_bearer_token() {
    let provider = provider();
    let mut browser = signed_in(&provider).await;
    for response_type in ResponseType::ALL.iter().filter(|response_type| response_type.is_front_channel()) {
        let parameters = [("response_type", response_type.as_str()), ("nonce", "n")];
        let reply = browser.load(&authorize(&parameters)).await;
        let location = reply.header("location");
        assert!(location.starts_with(&format!("{REDIRECT_URI}#")), "{location}");
        let (_, answer) = travelled(&reply);
        assert_eq!(answer["state"], "a state");
        let has_token = response_type.has_token();
        assert_eq!(answer.get("token_type").map(String::as_str), has_token.then_some("Bearer"), "{response_type}");
        assert_eq!(answer.get("expires_in").map(String::as_str), has_token.then_some("600"), "{response_type}");
        assert_eq!(answer.contains_key("access_token"), has_token, "{response_type}");
        assert_eq!(answer.contains_key("id_token"), response_type.has_id_token(), "{response_type}");
        assert_eq!(answer.contains_key("code"), response_type.has_code(), "{response_type}");
    }
}

#[tokio::test]
async fn rfc6749_3_3_the_answer_says_which_scopes_were_granted() {
    let provider = provider();
    let mut browser = signed_in(&provider).await;
    let tokens = code_flow(&mut browser, &[("scope", "email openid unknown email")]).await;
    assert_eq!(tokens["scope"], "email openid");
    let answer = ask(
        &mut browser,
        &[("response_type", "id_token token"), ("nonce", "n"), ("scope", "openid unknown offline_access email")],
    )
    .await;
    assert_eq!(answer["scope"], "openid email");
}

#[tokio::test]
async fn rfc9207_2_iss_is_in_every_answer_and_that_of_discovery() {
    let provider = provider();
    let discovered = provider.get("/.well-known/openid-configuration", &[]).await.json();
    let mut browser = signed_in(&provider).await;
    for response_type in ResponseType::ALL {
        for mode in ["", "query", "fragment", "form_post"] {
            for prompt in ["", "none", "none login", "dance"] {
                let parameters = [
                    ("response_type", response_type.as_str()),
                    ("response_mode", mode),
                    ("nonce", "n"),
                    ("prompt", prompt),
                ];
                assert_eq!(ask(&mut browser, &parameters).await["iss"], discovered["issuer"], "{parameters:?}");
            }
        }
    }
}

fn is_303(reply: &Reply) {
    assert_eq!(reply.status.as_u16(), 303, "{}", reply.text());
}

#[tokio::test]
async fn core_16_22_every_redirect_is_303() {
    let provider = provider();
    let mut browser = Browser::new(&provider);
    let form = authorize(&[("client_id", "asks")]);
    let form = form.split_once('?').unwrap().1.to_owned();
    let content = [("content-type", "application/x-www-form-urlencoded")];
    is_303(&provider.send(axum::http::Method::POST, "/authorize", &content, form).await);
    is_303(&browser.load(&authorize(&[("client_id", "asks")])).await);
    let page = browser.open(&authorize(&[("client_id", "asks")])).await;
    let mut fields = crate::provider::testing::browser::hidden(page.text());
    fields.extend(
        [("username", "ada"), ("password", "hunter2")].map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    // The one that held the password.
    let reply = browser.post(&action(page.text()), &fields).await;
    is_303(&reply);
    let page = browser.open(reply.header("location")).await;
    let reply = browser.submit(&page, &[("action", "allow")]).await;
    is_303(&reply);
    code(&reply);
    is_303(&browser.load(&authorize(&[("prompt", "none"), ("max_age", "x")])).await);
}
