//! Claims that are asked for one by one, from the request to the tokens and UserInfo: OpenID Connect Core sections 5.2, 5.5 and 5.6.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::signed_in;
use crate::{
    provider::testing::{
        TestProvider,
        browser::{Browser, answer, authorize, code, error},
        client, realm, user, verified,
    },
    realm::{ClaimSource, ClaimSources, Scope},
    secret::Secret,
};

fn staff() -> TestProvider {
    realm()
        .pairwise()
        .every_flow()
        .settings(|settings| settings.claim_sources = sources())
        .settings(|settings| {
            settings.scopes.push(Scope {
                name: "hr".into(),
                description: "Your standing".into(),
                claims: ["level", "grade", "iban"].map(Arc::from).into(),
            });
        })
        .client(client("app"))
        .client(client("handle").opaque())
        .client(client("narrow").scopes("openid email"))
        .client(client("asks").consent())
        .client(client("paired").pairwise("app.example"))
        .client(client("hybrid").every_flow())
        .client(client("hr").scopes("openid hr"))
        .user(user("ada").password("hunter2").with(|ada| {
            let more = json!({
                "name#de": "Die Nutzerin ada", "name#ja-Kana-JP": "\u{30a8}\u{30a4}\u{30c0}", "nickname": "",
                "updated_at": 1_767_225_600,
            });
            ada.profile.extend(more.as_object().unwrap().clone());
            ada.attributes.insert("hr".into(), json!([JWT]));
        }))
        .user(user("bob").password("hunter3"))
        .serve()
}

/// `{"level": 3, "grade": "A"}` of somebody whose signature nobody here verifies.
const JWT: &str = "eyJhbGciOiJFUzI1NiJ9.eyJsZXZlbCI6MywiZ3JhZGUiOiJBIn0.c2ln";

fn sources() -> ClaimSources {
    let hr = ClaimSource::aggregated("people", &["level".into(), "grade".into()], "user.attributes.hr[0]");
    let bank = ClaimSource::distributed_with_secret("bank", &["iban".into()], "https://bank.example/claims");
    ClaimSources::new(vec![hr.unwrap(), bank.unwrap()])
}

async fn userinfo(at: &TestProvider, token: &Value) -> Value {
    let bearer = format!("Bearer {}", token.as_str().unwrap());
    at.get("/userinfo", &[("authorization", &bearer)]).await.json()
}

/// What the tokens of a code flow of `client` say: the person's claims in the ID token, and UserInfo.
async fn released(at: &TestProvider, client: &str, parameters: &[(&str, &str)]) -> (Value, Value) {
    let mut browser = signed_in(at).await;
    let parameters = [&[("client_id", client)][..], parameters].concat();
    let code = code(&browser.load(&authorize(&parameters)).await);
    let tokens = at.redeem(client, &code).await.json();
    (about_the_person(&tokens["id_token"]), userinfo(at, &tokens["access_token"]).await)
}

/// The claims of an ID token that are not its own.
fn about_the_person(token: &Value) -> Value {
    let mut claims = verified(token.as_str().unwrap()).1;
    let own = ["iss", "aud", "exp", "iat", "auth_time", "acr", "amr", "at_hash", "c_hash", "s_hash", "sid", "nonce"];
    own.iter().for_each(|name| drop(claims.as_object_mut().unwrap().remove(*name)));
    claims
}

fn claims(value: &Value) -> String {
    value.to_string()
}

#[tokio::test]
async fn core_5_5_each_claim_is_given_where_it_is_asked_for_though_no_scope_has_it() {
    let staff = staff();
    let asked = claims(&json!({
        "userinfo": {"email": {"essential": true}, "groups": null, "picture": null, "unknown": null},
        "id_token": {"given_name": null, "auth_time": {"essential": true}, "iss": null, "department": null},
        "future": {"email": null},
    }));
    for client in ["app", "handle"] {
        let (id_token, userinfo) = released(&staff, client, &[("claims", &asked)]).await;
        assert_eq!(id_token, json!({"sub": "sub-ada", "given_name": "ada", "department": "maths"}));
        assert_eq!(
            userinfo,
            json!({"sub": "sub-ada", "email": "ada@example.com", "groups": ["engineers", "staff"]}),
            "{client}: what is not there is left out and is no error"
        );
    }
    // They come beside those of the scopes.
    let (_, userinfo) = released(&staff, "app", &[("claims", &asked), ("scope", "openid phone")]).await;
    assert_eq!((&userinfo["phone_number"], &userinfo["email"]), (&json!("+44 1632 960961"), &json!("ada@example.com")));
}

#[tokio::test]
async fn core_5_5_a_claim_is_given_to_who_may_ask_for_its_scope_and_to_nobody_else() {
    let staff = staff();
    let asked = claims(&json!({"userinfo": {"email": null, "phone_number": {"essential": true}, "level": null}}));
    let (_, userinfo) = released(&staff, "narrow", &[("claims", &asked)]).await;
    assert_eq!(userinfo, json!({"sub": "sub-ada", "email": "ada@example.com"}));
}

#[tokio::test]
async fn core_5_5_what_was_asked_for_lasts_as_long_as_the_grant_and_the_clients_scopes() {
    let staff = staff();
    let asked = claims(&json!({"userinfo": {"email": null}, "id_token": {"phone_number": null}}));
    for name in ["app", "handle"] {
        let mut browser = signed_in(&staff).await;
        let parameters = [("client_id", name), ("claims", &*asked), ("scope", "openid offline_access")];
        let code = code(&browser.load(&authorize(&parameters)).await);
        let first = staff.redeem(name, &code).await.json();
        staff.advance(Duration::from_secs(86_400));
        let refresh = first["refresh_token"].as_str().unwrap();
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
        let tokens = staff.token(name, &form).await.json();
        assert_eq!(userinfo(&staff, &tokens["access_token"]).await["email"], "ada@example.com", "{name}");
        assert_eq!(about_the_person(&tokens["id_token"])["phone_number"], "+44 1632 960961");
        // The client may ask for less since.
        let narrower = if name == "handle" { client(name).opaque() } else { client(name) };
        staff.change(|realm| {
            let narrower = narrower.scopes("openid offline_access phone").0;
            realm.clients.insert_mut(narrower.id.clone(), Arc::new(narrower));
        });
        assert_eq!(userinfo(&staff, &tokens["access_token"]).await, json!({"sub": "sub-ada"}), "{name}");
    }
}

#[tokio::test]
async fn core_5_5_without_openid_the_parameter_means_nothing() {
    let staff = staff();
    let mut browser = signed_in(&staff).await;
    for value in ["{", "{\"userinfo\": {\"email\": null}}"] {
        code(&browser.load(&authorize(&[("scope", "email"), ("claims", value)])).await);
    }
}

#[tokio::test]
async fn core_5_5_what_is_malformed_is_an_invalid_request_that_says_where() {
    let staff = staff();
    let mut browser = signed_in(&staff).await;
    for (value, says) in [
        ("{", "claims is not valid JSON"),
        ("[]", "claims must be a JSON object"),
        ("{\"userinfo\": {\"email\": 1}}", "claims: userinfo.email must be null or an object"),
    ] {
        let answer = answer(&browser.load(&authorize(&[("claims", value)])).await);
        assert_eq!((&*answer["error"], &*answer["error_description"]), ("invalid_request", says));
        assert_eq!(answer["state"], "a state");
    }
}

#[tokio::test]
async fn core_5_5_userinfo_needs_an_access_token_and_id_token_is_answered_in_every_flow() {
    let staff = staff();
    let mut browser = signed_in(&staff).await;
    let at_userinfo = claims(&json!({"userinfo": {"email": null}, "id_token": {"phone_number": null}}));
    let in_id_token = claims(&json!({"userinfo": {}, "id_token": {"phone_number": null}}));
    for response_type in ["id_token", "none", "code", "code id_token", "id_token token", "code id_token token"] {
        let mut ask = async |asked: &str| {
            let parameters = [
                ("client_id", "hybrid"),
                ("response_type", response_type),
                ("scope", "openid email"),
                ("nonce", "n"),
                ("claims", asked),
            ];
            answer(&browser.load(&authorize(&parameters)).await)
        };
        let brings_access_token = !matches!(response_type, "id_token" | "none");
        let answer = ask(&at_userinfo).await;
        let is_refused = answer.get("error").is_some_and(|error| error == "invalid_request");
        assert_eq!(is_refused, !brings_access_token, "{response_type}: {answer:?}");
        let answer = ask(&in_id_token).await;
        assert!(!answer.contains_key("error"), "{response_type}: {answer:?}");
        if let Some(token) = answer.get("id_token") {
            let said = about_the_person(&json!(token));
            assert_eq!(said["phone_number"], "+44 1632 960961", "{response_type}");
            // Section 5.4: the scopes' claims are brought by the code or the access token, where there is one.
            assert_eq!(said.get("email").is_some(), response_type == "id_token", "{response_type}");
        }
    }
}

#[tokio::test]
async fn core_5_5_1_a_claim_of_another_value_is_left_out() {
    let staff = staff();
    let asked = claims(&json!({
        "userinfo": {
            "email": {"value": "ada@example.com"}, "email_verified": {"value": false}, "given_name": {"values": ["bob", "ada"]},
            "locale": {"values": ["de"]}, "address": {"value": {"locality": "London", "country": "GB"}},
        },
        "id_token": {"email": {"value": "other@example.com"}},
    }));
    let (id_token, userinfo) = released(&staff, "app", &[("claims", &asked), ("scope", "openid email")]).await;
    assert_eq!(
        userinfo,
        json!({
            "sub": "sub-ada", "email": "ada@example.com", "given_name": "ada",
            "address": {"locality": "London", "country": "GB"},
        })
    );
    assert_eq!(id_token, json!({"sub": "sub-ada", "email_verified": true}));
}

#[tokio::test]
async fn core_5_5_1_and_3_1_2_2_a_subject_that_is_asked_for_signs_in_or_nobody_does() {
    let staff = staff();
    let ada = claims(&json!({"id_token": {"sub": {"value": "sub-ada"}}}));
    let bob = claims(&json!({"userinfo": {"sub": {"values": ["sub-bob", "sub-eve"]}}}));
    let mut browser = signed_in(&staff).await;
    code(&browser.load(&authorize(&[("claims", &ada), ("prompt", "none")])).await);
    assert_eq!(error(&browser.load(&authorize(&[("claims", &bob), ("prompt", "none")])).await), "login_required");
    // With a person to ask: who is meant signs in, and nobody else is let through.
    let form = browser.open(&authorize(&[("claims", &bob)])).await;
    assert!(form.text().contains("name=\"password\""), "{}", form.text());
    let wrong = browser.submit(&form, &[("username", "ada"), ("password", "hunter2")]).await;
    assert_eq!(error(&wrong), "login_required");
    staff.advance(Duration::from_secs(1));
    let form = browser.open(&authorize(&[("claims", &bob)])).await;
    code(&browser.submit(&form, &[("username", "bob"), ("password", "hunter3")]).await);
    staff.advance(Duration::from_secs(1));
    let form = browser.open(&authorize(&[("claims", &ada)])).await;
    assert!(form.text().contains("value=\"ada\""), "the form begins with who is meant: {}", form.text());
}

#[tokio::test]
async fn core_5_5_1_a_subject_is_the_one_that_the_client_sees() {
    let staff = staff();
    let mut browser = signed_in(&staff).await;
    let realm = staff.realm();
    let shown = realm.subject_for(realm.client("paired").unwrap(), realm.user("sub-ada").unwrap()).into_owned();
    let mut ask = async |sub: &str| {
        let asked = claims(&json!({"id_token": {"sub": {"value": sub}}}));
        let parameters = [("client_id", "paired"), ("prompt", "none"), ("claims", &*asked)];
        answer(&browser.load(&authorize(&parameters)).await)
    };
    assert!(ask(&shown).await.contains_key("code"));
    assert_eq!(ask("sub-ada").await["error"], "login_required");
}

#[tokio::test]
async fn core_5_5_1_1_an_essential_acr_is_met_or_the_authentication_has_failed() {
    let staff = staff();
    let mut browser = signed_in(&staff).await;
    for (wish, is_met) in [
        (json!({"essential": true, "value": "1"}), true),
        (json!({"essential": true, "values": ["2", "1"]}), true),
        (json!({"essential": true}), true),
        (json!({"values": ["2"]}), true),
        (json!(null), true),
        (json!({"essential": true, "value": "2"}), false),
        (json!({"essential": true, "values": ["2", "3"]}), false),
    ] {
        let asked = claims(&json!({"id_token": {"acr": wish}}));
        let answer = answer(&browser.load(&authorize(&[("claims", &asked), ("acr_values", "9")])).await);
        match is_met {
            true => {
                let tokens = staff.redeem("app", &answer["code"]).await.json();
                assert_eq!(verified(tokens["id_token"].as_str().unwrap()).1["acr"], "1", "{wish}");
            }
            false => assert_eq!(answer["error"], "unmet_authentication_requirements", "{wish}"),
        }
    }
}

#[tokio::test]
async fn core_5_5_a_person_agrees_to_single_claims_once_and_again_for_more() {
    let staff = staff();
    let mut browser = signed_in(&staff).await;
    let asked = |value: Value| claims(&json!({"userinfo": value}));
    let (one, more) =
        (asked(json!({"birthdate": null, "email": null})), asked(json!({"birthdate": null, "department": null})));
    let request =
        |claims: &str, prompt: &str| authorize(&[("client_id", "asks"), ("claims", claims), ("prompt", prompt)]);
    let page = browser.open(&request(&one, "")).await;
    for text in ["Know who you are", "See your birthday", "See your email address"] {
        assert!(page.text().contains(text), "{text}: {}", page.text());
    }
    code(&browser.submit(&page, &[("action", "allow")]).await);
    code(&browser.load(&request(&one, "none")).await);
    assert_eq!(error(&browser.load(&request(&more, "none")).await), "consent_required");
    let page = browser.open(&request(&more, "")).await;
    assert!(page.text().contains("Your department"), "as the realm describes its scope: {}", page.text());
    code(&browser.submit(&page, &[("action", "allow")]).await);
    code(&browser.load(&request(&more, "none")).await);
    // A scope covers its claims, and not the other way round.
    let scope = |scope: &str| authorize(&[("client_id", "asks"), ("scope", scope), ("prompt", "none")]);
    assert_eq!(error(&browser.load(&scope("openid email")).await), "consent_required");
    let page = browser.open(&authorize(&[("client_id", "asks"), ("scope", "openid profile")])).await;
    code(&browser.submit(&page, &[("action", "allow")]).await);
    code(&browser.load(&request(&asked(json!({"name#de": null, "website": null})), "none")).await);
}

#[tokio::test]
async fn a_person_sees_single_claims_on_their_own_page() {
    let staff = staff();
    let mut browser = signed_in(&staff).await;
    let asked = claims(&json!({"userinfo": {"birthdate": null}, "id_token": {"level": null}}));
    let page = browser.open(&authorize(&[("client_id", "asks"), ("claims", &asked)])).await;
    let code = code(&browser.submit(&page, &[("action", "allow")]).await);
    staff.redeem("asks", &code).await;
    let page = browser.load("/account").await;
    assert!(page.text().contains("See your birthday"), "{}", page.text());
}

#[tokio::test]
async fn core_5_2_claims_come_in_the_languages_that_are_asked_for() {
    let staff = staff();
    let profile = [("scope", "openid profile")];
    let name = async |locales: &str| {
        let parameters = [&profile[..], &[("claims_locales", locales)]].concat();
        let (id_token, mut userinfo) = released(&staff, "app", &parameters).await;
        assert_eq!(id_token, userinfo);
        userinfo.as_object_mut().unwrap().retain(|name, _| name == "name" || name.starts_with("name#"));
        userinfo
    };
    assert_eq!(name("").await, json!({"name": "The user ada"}));
    assert_eq!(name("de-CH").await, json!({"name": "Die Nutzerin ada"}));
    assert_eq!(name("fr").await, json!({"name": "The user ada"}), "a language that is not there is no error");
    assert_eq!(
        name("fr JA-kana-jp de").await,
        json!({"name": "The user ada", "name#de": "Die Nutzerin ada", "name#ja-Kana-JP": "\u{30a8}\u{30a4}\u{30c0}"})
    );
}

#[tokio::test]
async fn core_5_5_2_a_claim_is_asked_for_in_one_language() {
    let staff = staff();
    let asked = claims(&json!({"userinfo": {"name#ja-kana-JP": null, "name#fr": null, "given_name#de": null}}));
    let (_, userinfo) = released(&staff, "app", &[("claims", &asked)]).await;
    assert_eq!(userinfo, json!({"sub": "sub-ada", "name#ja-Kana-JP": "\u{30a8}\u{30a4}\u{30c0}"}));
    let (_, narrow) = released(&staff, "narrow", &[("claims", &asked)]).await;
    assert_eq!(narrow, json!({"sub": "sub-ada"}), "no scope of this client has names, in no language");
}

#[tokio::test]
async fn core_5_6_2_claims_of_others_are_named_with_their_sources() {
    let staff = staff();
    staff.change(|realm| realm.claim_source_tokens = Arc::new([("bank".into(), Secret::new("t0k"))].into()));
    let all = json!({
        "sub": "sub-ada",
        "_claim_names": {"level": "people", "grade": "people", "iban": "bank"},
        "_claim_sources": {"people": {"JWT": JWT}, "bank": {"endpoint": "https://bank.example/claims", "access_token": "t0k"}},
    });
    let (id_token, userinfo) = released(&staff, "hr", &[("scope", "openid hr")]).await;
    assert_eq!((&id_token, &userinfo), (&all, &all));
    // One of the claims of a JWT stands for all of them.
    let asked = claims(&json!({"userinfo": {"grade": null}, "id_token": {"iban": {"essential": true}}}));
    let (id_token, userinfo) = released(&staff, "hr", &[("claims", &asked)]).await;
    assert_eq!(userinfo["_claim_names"], json!({"level": "people", "grade": "people"}));
    assert_eq!(id_token["_claim_names"], json!({"iban": "bank"}));
    // Who may not ask for their scope is told nothing of them, and an access token never has them.
    let (_, userinfo) = released(&staff, "app", &[("claims", &asked)]).await;
    assert_eq!(userinfo, json!({"sub": "sub-ada"}));
    let metadata = staff.get("/.well-known/openid-configuration", &[]).await.json();
    assert_eq!(metadata["claim_types_supported"], json!(["normal", "aggregated", "distributed"]));
    assert!(metadata["claims_supported"].as_array().unwrap().contains(&json!("iban")));
}

#[tokio::test]
async fn core_5_6_2_without_its_secret_a_source_is_left_out() {
    let (_, userinfo) = released(&staff(), "hr", &[("scope", "openid hr")]).await;
    assert_eq!(userinfo["_claim_names"], json!({"level": "people", "grade": "people"}));
}

#[tokio::test]
async fn core_5_1_claims_have_the_types_of_the_table_and_empty_ones_are_left_out() {
    let (_, userinfo) = released(&staff(), "app", &[("scope", "openid profile email address phone")]).await;
    assert_eq!(
        userinfo,
        json!({
            "sub": "sub-ada", "name": "The user ada", "given_name": "ada", "preferred_username": "ada", "locale": "en-GB",
            "updated_at": 1_767_225_600, "email": "ada@example.com", "email_verified": true,
            "phone_number": "+44 1632 960961", "phone_number_verified": false,
            "address": {"locality": "London", "country": "GB"},
        }),
        "nickname is empty (section 5.3.2)"
    );
}

#[tokio::test]
async fn a_client_that_asks_by_a_form_is_asked_in_the_same_way() {
    let staff = staff();
    let mut browser = Browser::new(&staff);
    let asked = claims(&json!({"userinfo": {"email": {"value": "a&b=c \u{e9}"}}}));
    code(&browser.sign_in("ada", "hunter2", &[("claims", &asked)]).await);
}
