//! How answers travel: OAuth 2.0 Multiple Response Type Encoding Practices sections 2.1 and 5, Form Post Response Mode, RFC 9207.

use crate::{
    provider::testing::{
        TestProvider,
        browser::{Browser, authorize, travelled},
        client, realm, user, verified,
    },
    realm::{RedirectUri, ResponseType},
};

fn legacy() -> TestProvider {
    realm()
        .every_flow()
        .client(client("app").every_flow())
        .client(client("native").every_flow().with(|client| {
            client.redirect_uris = ["https://app.example/callback?tenant=1", "com.example.app:/cb"]
                .map(|uri| RedirectUri::parse(uri).unwrap())
                .into();
        }))
        .user(user("ada").password("hunter2"))
        .serve()
}

async fn signed_in(at: &TestProvider) -> Browser {
    let mut browser = Browser::new(at);
    browser.sign_in("ada", "hunter2", &[]).await;
    browser
}

const ISSUER: &str = "https://id.example.com/realms/staff";

#[tokio::test]
async fn oauth_multiple_response_types_2_1_every_type_travels_by_every_mode_but_tokens_never_in_a_query() {
    let legacy = legacy();
    let mut browser = signed_in(&legacy).await;
    for response_type in ResponseType::ALL {
        for mode in ["", "query", "fragment", "form_post"] {
            let parameters = [("response_type", response_type.as_str()), ("response_mode", mode), ("nonce", "n")];
            let reply = browser.load(&authorize(&parameters)).await;
            let (travels, answer) = travelled(&reply);
            let default = if response_type.is_front_channel() { "fragment" } else { "query" };
            let refused = response_type.is_front_channel() && mode == "query";
            let want = if mode.is_empty() || refused { default } else { mode };
            assert_eq!(travels, want, "{response_type} {mode}");
            let error = answer.get("error").map(String::as_str);
            assert_eq!(error, refused.then_some("invalid_request"), "{response_type} {mode}");
            assert_eq!((&*answer["state"], &*answer["iss"]), ("a state", ISSUER));
        }
    }
}

#[tokio::test]
async fn oauth_multiple_response_types_5_an_error_travels_as_the_answer_would_have() {
    let legacy = legacy();
    let mut browser = signed_in(&legacy).await;
    for (broken, error) in [
        (("scope", "unknown"), "invalid_scope"),
        (("prompt", "none login"), "invalid_request"),
        (("max_age", "soon"), "invalid_request"),
        (("resource", "x"), "invalid_target"),
        (("id_token_hint", "x"), "invalid_request"),
        (("registration", "{}"), "registration_not_supported"),
        (("response_type", "device"), "unsupported_response_type"),
        (("response_type", ""), "invalid_request"),
    ] {
        for (response_type, mode, want) in [
            ("code", "", "query"),
            ("code", "fragment", "fragment"),
            ("id_token", "", "fragment"),
            ("code token", "query", "fragment"),
            ("code id_token", "form_post", "form_post"),
            ("code", "form_post", "form_post"),
            ("none", "", "query"),
        ] {
            let mut parameters = vec![("response_type", response_type), ("response_mode", mode), ("nonce", "n")];
            parameters.retain(|(name, _)| *name != broken.0);
            parameters.push(broken);
            let (travels, answer) = travelled(&browser.load(&authorize(&parameters)).await);
            // What can't be made out has the query for its default.
            let want = match (broken.0, mode) {
                ("response_type", "" | "query") => "query",
                ("response_type", mode) => mode,
                _ => want,
            };
            assert_eq!(travels, want, "{parameters:?}");
            let is_told = answer["error"] == error || mode == "query" && answer["error"] == "invalid_request";
            assert!(is_told, "{parameters:?}: {answer:?}");
            assert!(!answer.contains_key("code") && !answer.contains_key("id_token"));
            assert_eq!((&*answer["state"], &*answer["iss"]), ("a state", ISSUER));
        }
    }
}

#[tokio::test]
async fn oidc_3_2_2_6_what_only_a_person_could_mend_goes_back_by_the_same_way() {
    let legacy = legacy();
    for (response_type, mode, want) in
        [("id_token", "", "fragment"), ("code token", "form_post", "form_post"), ("none", "fragment", "fragment")]
    {
        let parameters = [("response_type", response_type), ("response_mode", mode), ("nonce", "n")];
        let silent = [&parameters[..], &[("prompt", "none")]].concat();
        let (travels, answer) = travelled(&Browser::new(&legacy).load(&authorize(&silent)).await);
        assert_eq!((travels, &*answer["error"]), (want, "login_required"));
        let mut browser = Browser::new(&legacy);
        let page = browser.open(&authorize(&parameters)).await;
        let (travels, answer) = travelled(&browser.submit(&page, &[("action", "cancel")]).await);
        assert_eq!((travels, &*answer["error"], &*answer["state"]), (want, "access_denied", "a state"));
    }
}

#[tokio::test]
async fn form_post_2_tokens_are_fields_of_a_form_that_any_browser_can_send() {
    let legacy = legacy();
    let mut browser = signed_in(&legacy).await;
    let parameters = [
        ("response_type", "code id_token token"),
        ("response_mode", "form_post"),
        ("nonce", "n"),
        ("state", "\"><script>alert(1)</script>"),
    ];
    let reply = browser.load(&authorize(&parameters)).await;
    let (mode, answer) = travelled(&reply);
    assert_eq!((mode, &*answer["state"]), ("form_post", "\"><script>alert(1)</script>"));
    assert!(reply.text().contains("method=\"post\"") && reply.text().contains("<button type=\"submit\""));
    assert!(!reply.text().contains("<script>alert"));
    for name in ["code", "access_token", "token_type", "expires_in", "scope", "id_token", "iss"] {
        assert!(!answer[name].is_empty(), "{name}");
    }
    assert_eq!((reply.header("cache-control"), reply.header("location")), ("no-store", ""));
}

#[tokio::test]
async fn rfc6749_4_2_2_a_fragment_is_added_to_the_redirect_uri_as_it_was_registered() {
    let legacy = legacy();
    let mut browser = signed_in(&legacy).await;
    for uri in ["https://app.example/callback?tenant=1", "com.example.app:/cb"] {
        let parameters =
            [("client_id", "native"), ("redirect_uri", uri), ("response_type", "id_token"), ("nonce", "n")];
        let reply = browser.load(&authorize(&parameters)).await;
        assert!(reply.header("location").starts_with(&format!("{uri}#id_token=ey")), "{}", reply.header("location"));
    }
}

#[tokio::test]
async fn oidc_3_1_2_1_state_and_nonce_come_back_as_they_were_sent_by_every_mode() {
    let legacy = legacy();
    let mut browser = signed_in(&legacy).await;
    for opaque in ["a+b c%20d&e=f#g", "Grüße, \"Welt\" <&amp;>", "{\"a\":[1]}\\", "=", "🔑"] {
        for (response_type, mode) in
            [("id_token", ""), ("id_token", "form_post"), ("code", "query"), ("code", "fragment"), ("none", "")]
        {
            let parameters =
                [("response_type", response_type), ("response_mode", mode), ("state", opaque), ("nonce", opaque)];
            let (_, answer) = travelled(&browser.load(&authorize(&parameters)).await);
            assert_eq!(answer["state"], opaque, "{response_type} {mode}");
            if let Some(token) = answer.get("id_token") {
                assert_eq!(verified(token).1["nonce"], opaque);
            }
            if let Some(code) = answer.get("code") {
                let tokens = legacy.redeem("app", code).await.json();
                assert_eq!(verified(tokens["id_token"].as_str().unwrap()).1["nonce"], opaque);
            }
        }
    }
}
