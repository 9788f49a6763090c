//! RP-Initiated Logout 1.0 by section.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};

use crate::{
    jose::Algorithm,
    provider::testing::{
        Reply, TestProvider,
        browser::{Browser, authorize, code, error},
        client, encode, keyring, realm, signer, user,
    },
    store::{Artifact, Change, IdHash, Kind},
};

const BACK: &str = "https://app.example/";

fn staff() -> TestProvider {
    realm()
        .client(client("app"))
        .client(client("other").with(|client| client.post_logout_redirect_uris.clear()))
        .user(user("ada").password("hunter2"))
        .user(user("bob").password("hunter3"))
        .serve()
}

/// A browser in which ada is signed in, and the `sid` of her session.
async fn signed_in(at: &TestProvider) -> (Browser, String) {
    let mut browser = Browser::new(at);
    let code = code(&browser.sign_in("ada", "hunter2", &[]).await);
    let found = at.provider.store.find(Kind::AuthorizationCode, &IdHash::of(&code), at.now()).await.unwrap().unwrap();
    let payload: Value = serde_json::from_slice(&found.payload).unwrap();
    (browser, payload["authorization"]["sid"].as_str().unwrap().to_owned())
}

fn hint(changes: Value) -> String {
    let mut claims =
        json!({"iss": "https://id.example.com/realms/staff", "sub": "sub-ada", "aud": "app", "exp": 1, "iat": 0});
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    keyring().signer(Algorithm::Es256, jiff::Timestamp::UNIX_EPOCH).unwrap().sign_jwt("JWT", &claims).unwrap()
}

fn logout(parameters: &[(&str, &str)]) -> String {
    format!("/logout?{}", encode(parameters))
}

async fn is_signed_in(browser: &mut Browser) -> bool {
    let reply = browser.load(&authorize(&[("prompt", "none")])).await;
    reply.header("location").contains("code=") || error(&reply) != "login_required"
}

fn asks(reply: &Reply) -> bool {
    reply.status.as_u16() == 200 && reply.text().contains("Do you want to sign out of Staff?")
}

#[tokio::test]
async fn rp_initiated_logout_2_an_id_token_of_the_session_signs_out_at_once_also_an_expired_one() {
    let staff = staff();
    let (mut browser, sid) = signed_in(&staff).await;
    let hint = hint(json!({"sid": sid}));
    let request = [
        ("id_token_hint", hint.as_str()),
        ("post_logout_redirect_uri", BACK),
        ("state", "a state"),
        ("client_id", "app"),
    ];
    let reply = browser.load(&logout(&request)).await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (303, "https://app.example/?state=a+state"));
    assert!(reply.header("set-cookie").starts_with("__Host-rk-session-identity.staff=; Path=/;"));
    assert!(!is_signed_in(&mut browser).await);
    let again = browser.load(&logout(&request)).await;
    assert_eq!(again.header("location"), "https://app.example/?state=a+state", "who is signed out goes back too");
}

#[tokio::test]
async fn a_sign_out_ends_the_session_itself_and_all_that_is_bound_to_it() {
    let staff = staff();
    let (mut browser, sid) = signed_in(&staff).await;
    let (store, now) = (staff.provider.store.clone(), staff.now());
    let refresh = |id: &str, session: Option<&str>| Artifact {
        kind: Kind::RefreshToken,
        id: IdHash::of(id),
        realm: "identity/staff".into(),
        grant: None,
        session: session.map(IdHash::of),
        subject: None,
        payload: Vec::new(),
        expires_at: now + Duration::from_secs(999),
        consumed: None,
    };
    let changes = [refresh("bound", Some(&sid)), refresh("offline", None)].map(Change::Insert);
    store.commit(changes.into(), now).await.unwrap();
    let mut stolen = Browser::new(&staff);
    stolen.cookies = browser.cookies.clone();
    browser.load(&logout(&[("id_token_hint", &hint(json!({"sid": sid})))])).await;
    assert!(!is_signed_in(&mut stolen).await, "the cookie is worth nothing any more");
    let there = async |id: &str| store.find(Kind::RefreshToken, &IdHash::of(id), now).await.unwrap().is_some();
    assert!(!there("bound").await && there("offline").await);
}

#[tokio::test]
async fn rp_initiated_logout_2_without_an_id_token_of_the_session_the_person_is_asked() {
    let staff = staff();
    let (mut browser, _) = signed_in(&staff).await;
    let of_another_session = hint(json!({"sid": "another"}));
    let of_another_person = hint(json!({"sub": "sub-bob"}));
    let claims = json!({"iss": "https://id.example.com/realms/staff", "sub": "sub-ada", "aud": "app", "exp": 1});
    let old = signer(0).sign_jwt("JWT", &claims);
    for parameters in [
        &[][..],
        &[("client_id", "app"), ("post_logout_redirect_uri", BACK)],
        &[("id_token_hint", &of_another_session), ("post_logout_redirect_uri", BACK)],
        &[("id_token_hint", &of_another_person)],
        &[("id_token_hint", &old.unwrap()), ("client_id", "app")],
        &[("logout_hint", "ada")],
    ] {
        let page = browser.load(&logout(parameters)).await;
        assert!(asks(&page) && page.text().contains("The user ada"), "{parameters:?} {}", page.text());
        assert!(is_signed_in(&mut browser).await);
    }
}

#[tokio::test]
async fn rp_initiated_logout_2_who_is_asked_may_stay_or_go() {
    let staff = staff();
    let (mut browser, _) = signed_in(&staff).await;
    let request = logout(&[("client_id", "app"), ("post_logout_redirect_uri", BACK), ("state", "x")]);
    let page = browser.load(&request).await;
    assert!(page.text().contains("The app app</b> asks you to sign out"));
    let stay = browser.submit(&page, &[("action", "stay")]).await;
    assert!(stay.text().contains("You are still signed in") && is_signed_in(&mut browser).await);
    let go = browser.submit(&page, &[("action", "sign-out")]).await;
    assert_eq!(go.header("location"), "https://app.example/?state=x");
    assert!(!is_signed_in(&mut browser).await);
}

#[tokio::test]
async fn rp_initiated_logout_6_nothing_on_the_web_signs_anybody_out() {
    let staff = staff();
    let (mut browser, _) = signed_in(&staff).await;
    for form in [&[("action", "sign-out")][..], &[("action", "sign-out"), ("csrf", "AAAA")]] {
        assert!(asks(&browser.post("/logout", form).await));
        assert!(is_signed_in(&mut browser).await);
    }
    assert!(asks(&browser.load("/logout?action=sign-out").await) && is_signed_in(&mut browser).await);
}

#[tokio::test]
async fn rp_initiated_logout_3_nobody_is_sent_to_where_the_client_did_not_register() {
    let staff = staff();
    let (mut browser, sid) = signed_in(&staff).await;
    let (own, of_other) = (hint(json!({"sid": sid})), hint(json!({"sid": sid, "aud": ["other"]})));
    for (parameters, says) in [
        (&[("post_logout_redirect_uri", BACK)][..], "needs an id_token_hint or a client_id"),
        (
            &[("id_token_hint", own.as_str()), ("post_logout_redirect_uri", "https://evil.example/")],
            "not one that is registered",
        ),
        (&[("id_token_hint", &own), ("post_logout_redirect_uri", "https://app.example")], "not one that is registered"),
        (&[("id_token_hint", &own), ("post_logout_redirect_uri", "//evil.example/")], "not one that is registered"),
        (&[("client_id", "other"), ("post_logout_redirect_uri", BACK)], "not one that is registered"),
        (&[("id_token_hint", &of_other), ("post_logout_redirect_uri", BACK)], "not one that is registered"),
        (&[("id_token_hint", &of_other), ("client_id", "app"), ("post_logout_redirect_uri", BACK)], "not the client"),
        (&[("client_id", "nobody"), ("post_logout_redirect_uri", BACK)], "client_id is of no client"),
        (&[("id_token_hint", &format!("{own}AA")), ("post_logout_redirect_uri", BACK)], "id_token_hint"),
        (&[("id_token_hint", "none"), ("post_logout_redirect_uri", BACK)], "id_token_hint"),
        (&[("client_id", "app"), ("client_id", "app")], "more than once"),
    ] {
        let reply = browser.load(&logout(parameters)).await;
        assert_eq!((reply.status.as_u16(), reply.header("location")), (400, ""), "{parameters:?}");
        assert!(reply.text().contains(says), "{parameters:?}: {}", reply.text());
        assert!(is_signed_in(&mut browser).await);
    }
}

#[tokio::test]
async fn rp_initiated_logout_2_a_post_is_as_good_as_a_get() {
    let staff = staff();
    let (mut browser, sid) = signed_in(&staff).await;
    let hint = hint(json!({"sid": sid}));
    let form = encode(&[("id_token_hint", &hint), ("post_logout_redirect_uri", BACK)]);
    // From another site the cookies (SameSite=Lax) do not come with the form, but with the redirect after it.
    let content = [("content-type", "application/x-www-form-urlencoded")];
    let reply = staff.send(Method::POST, "/logout", &content, form).await;
    assert_eq!(reply.status.as_u16(), 303);
    let reply = browser.load(reply.header("location")).await;
    assert_eq!(reply.header("location"), BACK);
    assert!(!is_signed_in(&mut browser).await);
    let long = encode(&[("id_token_hint", &hint), ("state", &"x".repeat(9_000))]);
    let reply = staff.send(Method::POST, "/logout", &content, long).await;
    assert_eq!(reply.header("location"), "https://id.example.com/realms/staff/logout?client_id=app");
}

#[tokio::test]
async fn who_has_no_way_back_sees_that_it_is_done() {
    let staff = staff();
    let (mut browser, sid) = signed_in(&staff).await;
    browser.language = "de";
    let reply = browser.load(&logout(&[("id_token_hint", &hint(json!({"sid": sid}))), ("ui_locales", "en")])).await;
    assert_eq!(reply.status.as_u16(), 200);
    assert!(reply.text().contains("You are signed out") && reply.text().contains("href=\"https://app.example/\""));
    let nobody = Browser::new(&staff).load("/logout").await;
    assert!(nobody.status.as_u16() == 200 && nobody.text().contains("You are signed out"));
}

#[tokio::test]
async fn rp_initiated_logout_2_a_logout_hint_that_means_who_is_signed_in_asks_nothing_and_any_other_does() {
    for (logout_hint, asked) in [
        ("SID", false),
        ("sub-ada", false),
        ("ada", false),
        ("ADA", false),
        ("ada@example.com", false),
        ("sub-bob", true),
        ("bob", true),
        ("bob@example.com", true),
        ("nobody", true),
    ] {
        let staff = staff();
        let (mut browser, sid) = signed_in(&staff).await;
        let logout_hint = if logout_hint == "SID" { &sid } else { logout_hint };
        let hint = hint(json!({"sid": sid}));
        let page = browser.load(&logout(&[("id_token_hint", &hint), ("logout_hint", logout_hint)])).await;
        assert_eq!(asks(&page), asked, "{logout_hint}");
        assert_eq!(is_signed_in(&mut browser).await, asked, "{logout_hint}");
        if asked {
            let done = browser.submit(&page, &[("action", "sign-out")]).await;
            assert!(done.text().contains("You are signed out"), "the person may do it all the same");
        }
    }
}

#[tokio::test]
async fn rp_initiated_logout_2_a_logout_hint_alone_signs_nobody_out() {
    let staff = staff();
    let (mut browser, sid) = signed_in(&staff).await;
    for logout_hint in [&*sid, "ada", "sub-ada"] {
        assert!(asks(&browser.load(&logout(&[("logout_hint", logout_hint), ("client_id", "app")])).await));
        assert!(is_signed_in(&mut browser).await);
    }
}

#[tokio::test]
async fn rp_initiated_logout_2_the_question_and_the_page_afterwards_are_in_the_language_of_ui_locales() {
    let staff = staff();
    let (mut browser, _) = signed_in(&staff).await;
    let page = browser.load(&logout(&[("ui_locales", "fr de")])).await;
    assert!(page.text().contains("lang=\"de\""), "{}", page.text());
    let done = browser.submit(&page, &[("action", "sign-out")]).await;
    assert!(done.text().contains("Sie sind abgemeldet"));
}

#[tokio::test]
async fn rp_initiated_logout_2_parameters_that_are_not_known_are_passed_over() {
    let staff = staff();
    let (mut browser, sid) = signed_in(&staff).await;
    let own = hint(json!({"sid": sid}));
    let reply = browser.load(&logout(&[("id_token_hint", &own), ("foo", "bar"), ("prompt", "none")])).await;
    assert!(reply.text().contains("You are signed out"));
}

#[tokio::test]
async fn rp_initiated_logout_2_an_id_token_of_another_client_or_without_sid_of_this_person_is_good_too() {
    for (changes, client) in [(json!({"aud": ["other"]}), "other"), (json!({}), "app")] {
        let staff = staff();
        let (mut browser, sid) = signed_in(&staff).await;
        let mut claims = changes;
        if client == "other" {
            claims["sid"] = sid.into();
        }
        let reply = browser.load(&logout(&[("id_token_hint", &hint(claims)), ("client_id", client)])).await;
        assert!(reply.text().contains("You are signed out"), "{client}");
        assert!(!is_signed_in(&mut browser).await);
    }
}

#[tokio::test]
async fn rp_initiated_logout_3_without_state_none_is_sent_back_and_a_query_that_was_registered_stays() {
    let with_query = client("app").with(|client| {
        let uris = ["https://app.example/", "https://app.example/out?x=1", "https://app.example/\u{e9}"];
        client.post_logout_redirect_uris = uris.map(|uri| crate::realm::RedirectUri::parse(uri).unwrap()).into();
    });
    let staff = realm().client(with_query).user(user("ada").password("hunter2")).serve();
    let mut browser = Browser::new(&staff);
    let request = |uri, state| logout(&[("client_id", "app"), ("post_logout_redirect_uri", uri), ("state", state)]);
    let reply = browser.load(&request("https://app.example/out?x=1", "a&b")).await;
    assert_eq!(reply.header("location"), "https://app.example/out?x=1&state=a%26b");
    let reply = browser.load(&request("https://app.example/", "")).await;
    assert_eq!(reply.header("location"), "https://app.example/");
    let reply = browser.load(&request("https://app.example/\u{e9}", "")).await;
    assert_eq!(reply.header("location"), "https://app.example/%C3%A9", "a header holds ASCII only");
}

#[tokio::test]
async fn rp_initiated_logout_3_a_redirect_uri_matches_to_the_letter_on_loopback_too() {
    let native = client("app").public().with(|client| {
        let uris = ["http://127.0.0.1/bye", "http://localhost:7777/bye", "com.example.app:/bye"];
        client.post_logout_redirect_uris = uris.map(|uri| crate::realm::RedirectUri::parse(uri).unwrap()).into();
    });
    let staff = realm().client(native).user(user("ada").password("hunter2")).serve();
    let mut browser = Browser::new(&staff);
    for (uri, is_registered) in [
        ("http://127.0.0.1/bye", true),
        ("http://localhost:7777/bye", true),
        ("com.example.app:/bye", true),
        ("http://127.0.0.1:49152/bye", false),
        ("http://localhost:7778/bye", false),
        ("http://127.0.0.1/bye/", false),
        ("http://127.0.0.1/bye?x=1", false),
        ("HTTP://127.0.0.1/bye", false),
        ("com.example.app:/Bye", false),
    ] {
        let reply = browser.load(&logout(&[("client_id", "app"), ("post_logout_redirect_uri", uri)])).await;
        let want = if is_registered { (303, uri) } else { (400, "") };
        assert_eq!((reply.status.as_u16(), reply.header("location")), want, "{uri}");
    }
}

#[tokio::test]
async fn rp_initiated_logout_2_1_discovery_lists_the_endpoint_where_people_sign_in_and_it_takes_get_and_post() {
    let staff = staff();
    let metadata = staff.get("/.well-known/openid-configuration", &[]).await.json();
    assert_eq!(metadata["end_session_endpoint"], "https://id.example.com/realms/staff/logout");
    for method in [Method::GET, Method::POST] {
        let content = [("content-type", "application/x-www-form-urlencoded")];
        let status = staff.send(method.clone(), "/logout", &content, String::new()).await.status.as_u16();
        assert!([200, 303].contains(&status), "{method}: {status}");
    }
    let put = staff.send(Method::PUT, "/logout", &[], String::new()).await;
    assert_eq!((put.status.as_u16(), put.header("allow")), (405, "GET, HEAD, POST, OPTIONS"));
}
