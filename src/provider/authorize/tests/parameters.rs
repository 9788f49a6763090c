//! Parameters of the request that wish or tell something: OpenID Connect Core sections 3.1.2.1 and 7.2.1, Registration section 2,
//! Initiating User Registration via OpenID Connect, RFC 6749 section 3.1.

use std::time::Duration;

use super::{signed_in, staff};
use crate::provider::testing::{
    TestProvider,
    browser::{Browser, answer, authorize, code, error},
    client, realm, user, verified,
};

#[tokio::test]
async fn oidc_prompt_create_4_1_a_value_that_is_not_declared_is_invalid_request_and_named() {
    let staff = staff();
    let mut browser = signed_in(&staff).await;
    let discovered = staff.get("/.well-known/openid-configuration", &[]).await.json();
    for value in ["create", "login create", "dance", "LOGIN", "none create"] {
        let answer = answer(&browser.load(&authorize(&[("prompt", value)])).await);
        let last = value.split(' ').next_back().unwrap();
        assert_eq!(answer["error"], "invalid_request", "{value}");
        assert!(answer["error_description"].ends_with(&format!("not {last}")), "{answer:?}");
        assert!(!discovered["prompt_values_supported"].as_array().unwrap().contains(&last.into()));
    }
    for value in discovered["prompt_values_supported"].as_array().unwrap() {
        let reply = browser.load(&authorize(&[("prompt", value.as_str().unwrap())])).await;
        assert!(!reply.header("location").contains("error="), "{value}: {}", reply.header("location"));
    }
}

#[tokio::test]
async fn oidc_3_1_2_1_prompt_none_stands_alone() {
    let staff = staff();
    let mut browser = signed_in(&staff).await;
    for value in ["none login", "consent none", "none select_account", "none none login"] {
        assert_eq!(error(&browser.load(&authorize(&[("prompt", value)])).await), "invalid_request", "{value}");
    }
    code(&browser.load(&authorize(&[("prompt", "none")])).await);
}

#[tokio::test]
async fn oidc_3_1_2_1_prompt_login_asks_again_and_select_account_asks_which() {
    let staff = staff();
    let mut browser = signed_in(&staff).await;
    let page = browser.open(&authorize(&[("prompt", "login")])).await;
    assert!(page.text().contains("name=\"password\""), "{}", page.text());
    let again = code(&browser.submit(&page, &[("username", "ada"), ("password", "hunter2")]).await);
    let tokens = staff.redeem("app", &again).await.json();
    assert_eq!(verified(tokens["id_token"].as_str().unwrap()).1["auth_time"], staff.now().as_second());
    staff.advance(Duration::from_secs(1));
    let page = browser.open(&authorize(&[("prompt", "select_account")])).await;
    assert!(!page.text().contains("name=\"password\"") && page.text().contains("The user ada"));
    code(&browser.submit(&page, &[("action", "continue")]).await);
}

/// Whether somebody who signed in ten seconds ago is let on.
async fn lets_on(staff: &TestProvider, client: &str, parameters: &[(&str, &str)]) -> bool {
    let mut browser = signed_in(staff).await;
    let parameters = [&[("client_id", client), ("prompt", "none")][..], parameters].concat();
    let answer = answer(&browser.load(&authorize(&parameters)).await);
    assert!(answer.contains_key("code") || answer["error"] == "login_required", "{answer:?}");
    answer.contains_key("code")
}

#[tokio::test]
async fn registration_2_default_max_age_holds_where_the_request_says_nothing() {
    let with = |id: &str, max_age| client(id).with(|client| client.defaults.max_age = Some(max_age));
    let staff = realm()
        .client(client("app"))
        .client(with("strict", 9))
        .client(with("fresh", 0))
        .client(with("patient", 11))
        .user(user("ada").password("hunter2"))
        .serve();
    assert!(!lets_on(&staff, "strict", &[]).await);
    assert!(!lets_on(&staff, "fresh", &[]).await);
    assert!(lets_on(&staff, "patient", &[]).await);
    assert!(lets_on(&staff, "strict", &[("max_age", "11")]).await, "the request comes before the registration");
    assert!(!lets_on(&staff, "patient", &[("max_age", "9")]).await);
    assert!(!lets_on(&staff, "strict", &[("max_age", "")]).await, "an empty one is none (RFC 6749 section 3.1)");
    assert!(lets_on(&staff, "app", &[("max_age", "99999999999999999999")]).await);
}

#[tokio::test]
async fn oidc_2_auth_time_stands_in_every_id_token() {
    let staff = staff();
    let mut browser = signed_in(&staff).await;
    for parameters in [&[][..], &[("max_age", "100")], &[("acr_values", "gold")]] {
        let code = code(&browser.load(&authorize(parameters)).await);
        let tokens = staff.redeem("app", &code).await.json();
        let claims = verified(tokens["id_token"].as_str().unwrap()).1;
        assert_eq!(claims["auth_time"], staff.now().as_second() - 10);
        assert_eq!(claims["acr"], "1");
    }
}

#[tokio::test]
async fn oidc_3_1_2_1_acr_values_are_voluntary_also_those_that_a_client_registered() {
    let staff = realm()
        .client(client("app").with(|client| client.defaults.acr_values = vec!["gold".into()]))
        .user(user("ada").password("hunter2"))
        .serve();
    assert!(lets_on(&staff, "app", &[]).await && lets_on(&staff, "app", &[("acr_values", "platinum 1")]).await);
}

#[tokio::test]
async fn oidc_3_1_2_1_display_says_how_the_pages_look_and_is_never_an_error() {
    let staff = staff();
    let discovered = staff.get("/.well-known/openid-configuration", &[]).await.json();
    for (value, class) in
        [("page", "page"), ("popup", "popup"), ("touch", "touch"), ("wap", "wap"), ("", "page"), ("<cinema>", "page")]
    {
        let page = Browser::new(&staff).open(&authorize(&[("display", value)])).await;
        assert_eq!(page.status.as_u16(), 200);
        assert!(page.text().contains(&format!("<body class=\"{class}\">")), "{value}");
        let declared = discovered["display_values_supported"].as_array().unwrap();
        assert_eq!(declared.contains(&value.into()), value == class);
    }
}

#[tokio::test]
async fn oidc_3_1_2_1_hints_fill_the_form_in_and_choose_the_language() {
    let staff = staff();
    let mut browser = Browser::new(&staff);
    let page = browser.open(&authorize(&[("login_hint", "ada\"<b>"), ("ui_locales", "xx de-AT en")])).await;
    assert!(page.text().contains("value=\"ada&#34;&#60;b&#62;\"") && page.text().contains("<html lang=\"de\">"));
    let long = "x".repeat(300);
    let page = browser.open(&authorize(&[("login_hint", &long), ("ui_locales", "??")])).await;
    assert!(page.status.as_u16() == 200 && !page.text().contains(&long));
}

#[tokio::test]
async fn rfc6749_3_1_an_empty_parameter_is_none_and_one_that_is_not_known_is_passed_over() {
    let staff = staff();
    let mut browser = signed_in(&staff).await;
    let empty = ["prompt", "max_age", "display", "ui_locales", "login_hint", "id_token_hint", "acr_values", "nonce"];
    let empty = empty.map(|name| format!("&{name}=")).concat();
    let more = "&response_mode=&request=&request_uri=&registration=&resource=&foo=bar&client_secret=x";
    code(&browser.load(&format!("{}{empty}{more}", authorize(&[]))).await);
}

#[tokio::test]
async fn oidc_7_2_1_registration_is_refused_by_its_own_code() {
    let staff = staff();
    let mut browser = signed_in(&staff).await;
    let answer = answer(&browser.load(&authorize(&[("registration", "{\"client_name\":\"x\"}")])).await);
    assert_eq!(answer["error"], "registration_not_supported");
}

#[tokio::test]
async fn oidc_3_1_2_1_max_age_counts_from_the_last_sign_in() {
    let staff = staff();
    let mut browser = signed_in(&staff).await;
    staff.advance(Duration::from_secs(50));
    let page = browser.open(&authorize(&[("max_age", "59")])).await;
    assert!(page.text().contains("name=\"password\""));
    let code = code(&browser.submit(&page, &[("username", "ada"), ("password", "hunter2")]).await);
    let tokens = staff.redeem("app", &code).await.json();
    assert_eq!(verified(tokens["id_token"].as_str().unwrap()).1["auth_time"], staff.now().as_second());
}
