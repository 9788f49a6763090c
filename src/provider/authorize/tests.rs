//! The authorization endpoint by section of its standards. What needs a person is tested beside the pages.

mod claims;
mod parameters;
mod response_modes;
mod response_types;

use std::{sync::Arc, time::Duration};

use axum::http::Method;
use serde_json::json;

use crate::{
    provider::{
        Authorization, ClaimsRequest, CodePayload,
        testing::{
            CHALLENGE, REDIRECT_URI, Reply, TestProvider,
            browser::{Browser, action, answer, authorize, code, error, hidden},
            client, encode, keyring, realm, user,
        },
    },
    realm::{GrantType, Pkce, RedirectUri},
    store::{IdHash, Kind},
};

fn staff() -> TestProvider {
    realm()
        .client(client("app").audiences(&["https://api.example.com", "https://other.example.com"]))
        .client(client("narrow").scopes("openid email").grants(&[GrantType::AuthorizationCode]))
        .client(client("machine").grants(&[GrantType::ClientCredentials]))
        .client(client("public").public())
        .user(user("ada").password("hunter2"))
        .user(user("bob").password("hunter3"))
        .serve()
}

async fn refused(at: &TestProvider, parameters: &[(&str, &str)]) -> String {
    error(&Browser::new(at).load(&authorize(parameters)).await)
}

async fn signed_in(at: &TestProvider) -> Browser {
    let mut browser = Browser::new(at);
    code(&browser.sign_in("ada", "hunter2", &[]).await);
    at.advance(Duration::from_secs(10));
    browser
}

/// What a code stands for.
async fn payload(at: &TestProvider, code: &str) -> CodePayload {
    let artifact = at.provider.store.find(Kind::AuthorizationCode, &IdHash::of(code), at.now()).await.unwrap().unwrap();
    let payload: CodePayload = serde_json::from_slice(&artifact.payload).unwrap();
    assert_eq!(artifact.grant, Some(IdHash::of(&payload.grant_id)));
    assert_eq!(artifact.session, payload.authorization.sid.as_deref().map(IdHash::of));
    assert_eq!(&*artifact.realm, "identity/staff");
    assert_eq!(artifact.expires_at, at.now() + Duration::from_secs(60));
    payload
}

/// An ID token of the realm for `ada`, with these claims changed.
fn id_token(changes: serde_json::Value) -> String {
    let mut claims = json!({
        "iss": "https://id.example.com/realms/staff", "sub": "sub-ada", "aud": "app", "exp": 1, "iat": 0, "sid": "gone",
    });
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let ring = keyring();
    let signer = ring.signer(crate::jose::Algorithm::Es256, jiff::Timestamp::UNIX_EPOCH).unwrap();
    signer.sign_jwt("JWT", &claims).unwrap()
}

fn is_page(reply: &Reply) -> bool {
    reply.status.as_u16() == 400
        && reply.header("location").is_empty()
        && reply.header("content-type") == "text/html; charset=utf-8"
}

#[tokio::test]
async fn rfc6749_4_1_2_1_who_can_not_be_trusted_is_told_on_a_page_and_nobody_is_redirected() {
    let staff = staff();
    for (parameters, says) in [
        (&[("client_id", "")][..], "client_id is missing"),
        (&[("client_id", "nobody")], "client_id is of no client"),
        (&[("client_id", "<script>")], "client_id is of no client"),
        (&[("redirect_uri", "")], "redirect_uri is missing"),
        (&[("redirect_uri", "https://evil.example/callback")], "redirect_uri is not one"),
        (&[("redirect_uri", "https://app.example/callback/")], "redirect_uri is not one"),
        (&[("redirect_uri", "https://app.example/callback?x")], "redirect_uri is not one"),
        (&[("redirect_uri", "https://app.example.evil.example/callback")], "redirect_uri is not one"),
        (&[("client_id", "app"), ("client_id", "public")], "only once each"),
        (&[("redirect_uri", REDIRECT_URI), ("redirect_uri", "https://evil.example/")], "only once each"),
    ] {
        let reply = Browser::new(&staff).load(&authorize(parameters)).await;
        assert!(is_page(&reply) && reply.text().contains(says), "{parameters:?}: {}", reply.text());
        assert!(!reply.text().contains("<script>"));
    }
    for raw in ["client_id=%zz", "client_id=%00", "client_id=%ff", &"a=1&".repeat(200)] {
        assert!(is_page(&Browser::new(&staff).load(&format!("/authorize?{raw}")).await), "{raw}");
    }
    let long = Browser::new(&staff).post("/authorize", &[("state", &"x".repeat(70_000))]).await;
    assert_eq!((long.status.as_u16(), long.header("location")), (413, ""));
}

#[tokio::test]
async fn rfc6749_4_1_2_1_other_errors_go_back_with_their_code_state_and_issuer() {
    let staff = staff();
    for (parameters, want) in [
        (&[("response_type", "")][..], "invalid_request"),
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("response_type", "code id_token")], "unsupported_response_type"),
        (&[("client_id", "machine")], "unauthorized_client"),
        (&[("response_mode", "smoke")], "invalid_request"),
        (&[("scope", "")], "invalid_scope"),
        (&[("scope", "unknown")], "invalid_scope"),
        (&[("client_id", "narrow"), ("scope", "openid groups")], "invalid_scope"),
        (&[("scope", "openid"), ("scope", "email")], "invalid_request"),
        (&[("state", "a state"), ("nonce", "1"), ("nonce", "2")], "invalid_request"),
        (&[("nonce", &"n".repeat(1025))], "invalid_request"),
        (&[("prompt", "none login")], "invalid_request"),
        (&[("prompt", "dance")], "invalid_request"),
        (&[("max_age", "-1")], "invalid_request"),
        (&[("max_age", "soon")], "invalid_request"),
        (&[("id_token_hint", "x")], "invalid_request"),
        (&[("request", "x")], "invalid_request_object"),
        (&[("request_uri", "https://app.example/r")], "invalid_request_uri"),
        (&[("registration", "{}")], "registration_not_supported"),
        (&[("resource", "https://unknown.example")], "invalid_target"),
        (&[("resource", "https://api.example.com#f")], "invalid_target"),
        (&[("resource", "api")], "invalid_target"),
        (&[("login_hint", &"x".repeat(17_000))], "invalid_request"),
    ] {
        let reply = Browser::new(&staff).load(&authorize(parameters)).await;
        let answer = answer(&reply);
        assert_eq!(answer["error"], want, "{parameters:?}");
        assert!(!answer["error_description"].is_empty() && !answer.contains_key("code"));
        assert_eq!((&*answer["state"], &*answer["iss"]), ("a state", "https://id.example.com/realms/staff"));
    }
}

#[tokio::test]
async fn rfc7636_4_3_a_code_needs_a_challenge_by_s256_and_nothing_less() {
    let staff = staff();
    for parameters in [
        &[("code_challenge", ""), ("code_challenge_method", "")][..],
        &[("code_challenge", "")],
        &[("code_challenge_method", "")],
        &[("code_challenge_method", "plain")],
        &[("code_challenge", "short")],
        &[("code_challenge", &CHALLENGE.replace('-', "+"))],
    ] {
        assert_eq!(refused(&staff, parameters).await, "invalid_request", "{parameters:?}");
    }
}

#[tokio::test]
async fn rfc9700_2_1_1_a_relaxed_realm_lets_a_confidential_client_rely_on_nonce_and_nobody_else() {
    let app = realm().settings(|settings| settings.pkce = Pkce::PublicClients).client(client("app"));
    let staff = app.client(client("public").public()).serve();
    let none = [("code_challenge", ""), ("code_challenge_method", "")];
    let with = |more: &[(&'static str, &'static str)]| [&none[..], more].concat();
    assert_eq!(refused(&staff, &with(&[])).await, "invalid_request");
    assert_eq!(refused(&staff, &with(&[("nonce", "n"), ("client_id", "public")])).await, "invalid_request");
    assert_eq!(refused(&staff, &with(&[("nonce", "n"), ("scope", "email")])).await, "invalid_request");
    assert_eq!(refused(&staff, &with(&[("nonce", "n"), ("prompt", "none")])).await, "login_required");
}

#[tokio::test]
async fn rfc8252_7_3_the_port_of_a_loopback_address_is_free_and_the_answer_goes_there() {
    let staff = realm()
        .client(client("cli").public().with(|client| {
            client.redirect_uris =
                ["http://127.0.0.1/cb", "com.example.app:/cb"].map(|uri| RedirectUri::parse(uri).unwrap()).into();
        }))
        .serve();
    let ask = async |uri: &str| {
        let url = authorize(&[("client_id", "cli"), ("redirect_uri", uri), ("prompt", "none")]);
        Browser::new(&staff).load(&url).await
    };
    for uri in ["http://127.0.0.1:49152/cb", "com.example.app:/cb"] {
        let reply = ask(uri).await;
        assert!(
            reply.header("location").starts_with(&format!("{uri}?error=login_required")),
            "{}",
            reply.header("location")
        );
    }
    assert!(is_page(&ask("http://127.0.0.1:49152/other").await) && is_page(&ask("http://localhost:49152/cb").await));
}

#[tokio::test]
async fn the_code_stands_for_what_was_asked_and_by_whom() {
    let staff = staff();
    let mut browser = Browser::new(&staff);
    let parameters = [
        ("scope", "openid unknown email openid"),
        ("nonce", "n-0S6"),
        ("resource", "https://api.example.com"),
        ("resource", "https://other.example.com"),
        ("resource", "https://api.example.com"),
        ("acr_values", "gold silver"),
        ("ui_locales", "de"),
        ("unknown", "is passed over"),
    ];
    let code = code(&browser.sign_in("ADA", "hunter2", &parameters).await);
    let payload = payload(&staff, &code).await;
    let sid = payload.authorization.sid.clone();
    assert_eq!(sid.as_deref().map(str::len), Some(43));
    assert_ne!(sid, browser.cookies.get("__Host-rk-session-identity.staff").cloned(), "sid is no credential");
    let want = Authorization {
        client_id: "app".into(),
        incarnation: staff.realm().client("app").unwrap().incarnation.as_str().into(),
        subject: "sub-ada".into(),
        pairwise_subject: None,
        scopes: vec!["openid".into(), "email".into()],
        resources: vec!["https://api.example.com".into(), "https://other.example.com".into()],
        auth_time: staff.now().as_second(),
        acr: Some("1".into()),
        amr: vec!["pwd".into()],
        nonce: Some("n-0S6".into()),
        sid,
        locale: Some("de".into()),
        claims: ClaimsRequest::default(),
        claims_locales: None,
    };
    assert_eq!(payload.authorization, want);
    assert_eq!((&*payload.redirect_uri, payload.redirect_uri_given), (REDIRECT_URI, true));
    assert_eq!(payload.code_challenge.as_deref(), Some(CHALLENGE));
}

#[tokio::test]
async fn rfc6749_3_1_2_3_a_plain_oauth_request_may_leave_out_the_only_redirect_uri() {
    let staff = staff();
    let mut browser = signed_in(&staff).await;
    let code = code(&browser.load(&authorize(&[("scope", "email"), ("redirect_uri", "")])).await);
    assert!(!payload(&staff, &code).await.redirect_uri_given);
}

#[tokio::test]
async fn oidc_11_offline_access_is_passed_over_for_a_client_without_refresh_tokens() {
    let staff = realm()
        .client(client("app").grants(&[GrantType::AuthorizationCode]))
        .user(user("ada").password("hunter2"))
        .serve();
    let mut browser = Browser::new(&staff);
    let code = code(&browser.sign_in("ada", "hunter2", &[("scope", "openid offline_access")]).await);
    assert_eq!(payload(&staff, &code).await.authorization.scopes, ["openid"]);
}

#[tokio::test]
async fn oidc_3_1_2_6_prompt_none_never_shows_a_page() {
    let staff = staff();
    staff.change(|realm| {
        let asks = client("asks").consent().0;
        realm.clients.insert_mut(asks.id.clone(), Arc::new(asks));
    });
    assert_eq!(refused(&staff, &[("prompt", "none")]).await, "login_required");
    let mut browser = signed_in(&staff).await;
    code(&browser.load(&authorize(&[("prompt", "none")])).await);
    let mut ask = async |parameters: &[(&str, &str)]| {
        error(&browser.load(&authorize(&[&[("prompt", "none")][..], parameters].concat())).await)
    };
    assert_eq!(ask(&[("client_id", "asks")]).await, "consent_required");
    assert_eq!(ask(&[("max_age", "9")]).await, "login_required");
    assert_eq!(ask(&[("max_age", "0")]).await, "login_required");
    let bob = id_token(json!({"sub": "sub-bob"}));
    assert_eq!(ask(&[("id_token_hint", &bob)]).await, "login_required", "a session of somebody else");
    let ada = id_token(json!({}));
    code(&browser.load(&authorize(&[("prompt", "none"), ("id_token_hint", &ada), ("max_age", "11")])).await);
}

#[tokio::test]
async fn oidc_3_1_2_1_a_hint_is_an_id_token_of_this_realm_also_an_expired_one() {
    let staff = staff();
    let mut browser = signed_in(&staff).await;
    let ring = keyring();
    let signer = ring.signer(crate::jose::Algorithm::Es256, staff.now()).unwrap();
    let claims = json!({"iss": "https://id.example.com/realms/staff", "sub": "sub-ada", "aud": ["app"], "exp": 1});
    let stranger = crate::provider::testing::signer(0);
    for (hint, want) in [
        (signer.sign_jwt("at+jwt", &claims).unwrap(), "invalid_request"),
        (id_token(json!({"iss": "https://id.example.com/realms/other"})), "invalid_request"),
        (format!("{}AA", id_token(json!({}))), "invalid_request"),
        (stranger.sign_jwt("JWT", &claims).unwrap(), "login_required"),
    ] {
        let url = authorize(&[("prompt", "none"), ("id_token_hint", &hint)]);
        assert_eq!(error(&browser.load(&url).await), want);
    }
    // Of a key that is gone: with a person there, the session of whom it means will do.
    let old = stranger.sign_jwt("JWT", &claims).unwrap();
    code(&browser.load(&authorize(&[("id_token_hint", &old)])).await);
}

#[tokio::test]
async fn form_post_2_the_answer_is_a_form_that_sends_itself_or_has_a_button() {
    let staff = staff();
    let mut browser = signed_in(&staff).await;
    let state = [("response_mode", "form_post"), ("state", "<a \"b\"&c>")];
    let reply = browser.load(&authorize(&state)).await;
    assert_eq!((reply.status.as_u16(), action(reply.text())), (200, REDIRECT_URI.to_owned()));
    let fields = hidden(reply.text());
    let names: Vec<_> = fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["code", "session_state", "state", "iss"]);
    assert!(reply.text().contains("&#60;a &#34;b&#34;&#38;c&#62;") && reply.text().contains("<button type=\"submit\""));
    let script = reply.text().split("<script>").nth(1).unwrap().split("</script>").next().unwrap();
    let policy = reply.header("content-security-policy");
    assert!(policy.contains(&format!("script-src 'sha256-{}'", crate::provider::pages::sha256(script))), "{policy}");
    assert!(!policy.contains("form-action"), "it would stop the redirects after the form too");
    let refused = browser.load(&authorize(&[("response_mode", "form_post"), ("scope", "")])).await;
    assert_eq!(hidden(refused.text())[0], ("error".into(), "invalid_scope".into()));
}

#[tokio::test]
async fn oidc_3_1_2_1_a_post_is_as_good_as_a_get() {
    let staff = staff();
    let mut browser = signed_in(&staff).await;
    let form = authorize(&[]);
    let (path, form) = form.split_once('?').unwrap();
    let form = form.to_owned();
    let content = ("content-type", "application/x-www-form-urlencoded");
    // From another site the cookies (SameSite=Lax) do not come with the form, but with the redirect after it.
    let reply = staff.send(Method::POST, path, &[content], form.clone()).await;
    assert_eq!(reply.status.as_u16(), 303);
    code(&browser.load(reply.header("location")).await);
    let cookie = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
    code(&staff.send(Method::POST, path, &[content, ("cookie", &cookie)], form).await);
    let json = staff.send(Method::POST, path, &[("content-type", "application/json")], "{}".into()).await;
    assert_eq!(json.status.as_u16(), 400);
    let empty = staff.send(Method::POST, path, &[content], encode(&[])).await;
    assert!(is_page(&empty));
}

#[tokio::test]
async fn one_session_serves_every_client_of_the_realm_and_none_of_another() {
    let staff = staff();
    let mut browser = signed_in(&staff).await;
    code(&browser.load(&authorize(&[("client_id", "public"), ("prompt", "none")])).await);
    let mut guests = realm().named("guests").client(client("app")).user(user("ada").password("x")).build();
    // Even under the name that the other realm's cookie has.
    guests.keyring = keyring();
    staff.publish(guests);
    let session = browser.cookies["__Host-rk-session-identity.staff"].clone();
    browser.at = staff.at(&crate::realm::ObjectName::new("identity", "guests"));
    browser.cookies.insert("__Host-rk-session-identity.guests".into(), session);
    assert_eq!(error(&browser.load(&authorize(&[("prompt", "none")])).await), "login_required");
}

#[tokio::test]
async fn only_members_of_the_client_s_groups_get_in() {
    let staff = realm()
        .client(client("app").access_groups(&["admins"]))
        .user(user("ada").password("hunter2").groups(&["admins"]))
        .user(user("bob").password("hunter2"))
        .serve();
    code(&Browser::new(&staff).sign_in("ada", "hunter2", &[]).await);
    let mut bob = Browser::new(&staff);
    assert_eq!(error(&bob.sign_in("bob", "hunter2", &[]).await), "access_denied");
    assert_eq!(error(&bob.load(&authorize(&[("prompt", "none")])).await), "access_denied");
    let metrics = staff.provider.metrics.encode();
    assert!(metrics.contains(r#"sign_ins_total{realm="identity/staff",outcome="AccessDenied"} 2"#), "{metrics}");
}

#[tokio::test]
async fn a_session_ends_at_its_limits_and_with_its_user() {
    let staff = staff();
    let mut browser = signed_in(&staff).await;
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    for _ in 0..3 {
        staff.advance(hours(7));
        code(&browser.load(&authorize(&[("prompt", "none")])).await);
    }
    staff.advance(hours(4));
    assert_eq!(error(&browser.load(&authorize(&[("prompt", "none")])).await), "login_required", "a day is over");
    let mut browser = signed_in(&staff).await;
    staff.advance(hours(9));
    assert_eq!(error(&browser.load(&authorize(&[("prompt", "none")])).await), "login_required", "not used for so long");
    let mut browser = signed_in(&staff).await;
    staff.change(|realm| {
        let ada = user("ada").password("hunter2").disabled().0;
        realm.users.insert_mut(ada.subject.clone(), Arc::new(ada));
    });
    assert_eq!(error(&browser.load(&authorize(&[("prompt", "none")])).await), "login_required", "the user is disabled");
    staff.change(|realm| {
        let ada = user("ada").password("hunter2").0;
        realm.users.insert_mut(ada.subject.clone(), Arc::new(ada));
    });
    assert_eq!(error(&browser.load(&authorize(&[("prompt", "none")])).await), "login_required", "and it stays ended");
}
