//! OpenID Connect Core sections 3.1.2.1, 3.1.2.3 and 11: when a person is asked, and for what.

use std::time::Duration;

use super::{ask, code_flow, provider, signed_in, text};
use crate::{
    provider::testing::{
        Reply, TestProvider,
        browser::{Browser, action, authorize, code, error, hidden, travelled},
        client, realm, user, verified,
    },
    realm::ResponseType,
};

const ADA: [(&str, &str); 2] = [("username", "ada"), ("password", "hunter2")];

fn asks_for_the_password(page: &Reply) -> bool {
    page.status.as_u16() == 200 && page.text().contains("name=\"password\"")
}

fn asks_for_consent(page: &Reply) -> bool {
    page.status.as_u16() == 200 && page.text().contains("Give The app")
}

#[tokio::test]
async fn core_3_1_2_1_prompt_none_shows_no_page_whatever_comes_with_it() {
    let provider = provider();
    let (mut ada, mut nobody) = (signed_in(&provider).await, Browser::new(&provider));
    for response_type in ResponseType::ALL {
        for mode in ["", "fragment", "form_post"] {
            for more in [
                ("max_age", "0"),
                ("max_age", "100"),
                ("login_hint", "bob"),
                ("display", "popup"),
                ("client_id", "asks"),
            ] {
                let parameters = [
                    ("response_type", response_type.as_str()),
                    ("response_mode", mode),
                    ("nonce", "n"),
                    ("prompt", "none"),
                    more,
                ];
                // Neither is a page of ours: `travelled` wants an answer to the client.
                let known = ask(&mut ada, &parameters).await;
                let want = match more {
                    ("max_age", "0") => Some("login_required"),
                    ("client_id", _) => Some("consent_required"),
                    _ => None,
                };
                assert_eq!(known.get("error").map(String::as_str), want, "{parameters:?}");
                assert_eq!(ask(&mut nobody, &parameters).await["error"], "login_required", "{parameters:?}");
            }
        }
    }
}

#[tokio::test]
async fn core_3_1_2_1_who_does_not_sign_in_again_is_an_error_to_the_client() {
    let provider = provider();
    let mut browser = signed_in(&provider).await;
    for parameter in [("prompt", "login"), ("max_age", "0"), ("max_age", "1")] {
        let page = browser.open(&authorize(&[parameter])).await;
        assert!(asks_for_the_password(&page), "{parameter:?}");
        let reply = browser.submit(&page, &[("action", "cancel")]).await;
        assert_eq!(error(&reply), "access_denied", "{parameter:?}");
    }
}

#[tokio::test]
async fn core_3_1_2_1_prompt_consent_asks_again_and_a_refusal_is_an_error() {
    let provider = provider();
    let mut browser = signed_in(&provider).await;
    for name in ["app", "asks"] {
        for _ in 0..2 {
            let page = browser.open(&authorize(&[("client_id", name), ("prompt", "consent")])).await;
            assert!(asks_for_consent(&page), "{}", page.text());
            code(&browser.submit(&page, &[("action", "allow")]).await);
        }
        let page = browser.open(&authorize(&[("client_id", name), ("prompt", "consent")])).await;
        assert_eq!(error(&browser.submit(&page, &[("action", "deny")]).await), "access_denied");
    }
}

#[tokio::test]
async fn core_3_1_2_1_without_a_choice_of_account_there_is_an_error() {
    let provider = provider();
    let mut browser = signed_in(&provider).await;
    let page = browser.open(&authorize(&[("prompt", "select_account")])).await;
    assert!(page.status.as_u16() == 200 && page.text().contains("Continue as The user ada"), "{}", page.text());
    let reply = browser.submit(&page, &[("action", "cancel")]).await;
    assert_eq!(error(&reply), "access_denied");
}

#[tokio::test]
async fn core_3_1_2_1_several_prompts_are_each_done() {
    let provider = provider();
    let mut browser = signed_in(&provider).await;
    for prompt in ["login consent", "consent login", "login select_account consent", "login  consent login"] {
        provider.advance(Duration::from_secs(1));
        let page = browser.open(&authorize(&[("prompt", prompt)])).await;
        assert!(asks_for_the_password(&page), "{prompt}");
        let page = browser.submit(&page, &ADA).await;
        assert!(asks_for_consent(&page), "{prompt}: {}", page.text());
        code(&browser.submit(&page, &[("action", "allow")]).await);
    }
    provider.advance(Duration::from_secs(1));
    let page = browser.open(&authorize(&[("prompt", "select_account consent")])).await;
    assert!(page.text().contains("Continue as The user ada"), "{}", page.text());
    let page = browser.submit(&page, &[("action", "continue")]).await;
    assert!(asks_for_consent(&page), "{}", page.text());
    code(&browser.submit(&page, &[("action", "allow")]).await);
}

#[tokio::test]
async fn core_3_1_2_1_max_age_zero_is_prompt_login() {
    let provider = provider();
    let mut browser = signed_in(&provider).await;
    for pause in [1, 1, 5] {
        provider.advance(Duration::from_secs(pause));
        let page = browser.open(&authorize(&[("max_age", "0")])).await;
        assert!(asks_for_the_password(&page), "{}", page.text());
        let reply = browser.submit(&page, &ADA).await;
        let tokens = provider.redeem("app", &code(&reply)).await.json();
        assert_eq!(verified(text(&tokens, "id_token")).1["auth_time"], provider.now().as_second());
        assert_eq!(ask(&mut browser, &[("max_age", "0"), ("prompt", "none")]).await["error"], "login_required");
    }
}

#[tokio::test]
async fn core_3_2_2_3_and_3_3_2_3_a_person_signs_in_as_in_the_code_flow() {
    for response_type in ResponseType::ALL {
        let provider = provider();
        let mut browser = Browser::new(&provider);
        let parameters = [("response_type", response_type.as_str()), ("nonce", "n")];
        let page = browser.open(&authorize(&parameters)).await;
        assert!(asks_for_the_password(&page), "{response_type}");
        let wrong = browser.submit(&page, &[("username", "ada"), ("password", "wrong")]).await;
        assert!(wrong.status.as_u16() == 422 && wrong.header("location").is_empty(), "{response_type}");
        let (_, answer) = travelled(&browser.submit(&page, &ADA).await);
        assert!(!answer.contains_key("error"), "{answer:?}");
        provider.advance(Duration::from_secs(5));
        let again = [&parameters[..], &[("prompt", "login")]].concat();
        assert!(asks_for_the_password(&browser.open(&authorize(&again)).await), "{response_type}");
    }
}

#[tokio::test]
async fn core_3_1_2_3_no_form_is_taken_from_another_site() {
    let provider = provider();
    let mut ada = Browser::new(&provider);
    let page = ada.open(&authorize(&[("client_id", "asks")])).await;
    // A page of another site knows what a sign-in of its own has, and none of the victim's.
    let mut mallory = Browser::new(&provider);
    let theirs = hidden(mallory.open(&authorize(&[("client_id", "asks")])).await.text());
    let theirs: Vec<_> = theirs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let forged = ada.post(&action(page.text()), &[&theirs[..], &ADA].concat()).await;
    assert!(forged.status.as_u16() == 400 && forged.header("set-cookie").is_empty(), "{}", forged.text());
    let page = ada.submit(&page, &ADA).await;
    assert!(asks_for_consent(&page));
    let forged = ada.post(&action(page.text()), &[&theirs[..], &[("action", "allow")]].concat()).await;
    assert!(forged.status.as_u16() == 400 && forged.header("location").is_empty(), "{}", forged.text());
    code(&ada.submit(&page, &[("action", "allow")]).await);
}

#[tokio::test]
async fn core_3_1_2_3_no_page_can_be_framed() {
    let provider = provider();
    let mut browser = Browser::new(&provider);
    let sign_in = browser.open(&authorize(&[("client_id", "asks")])).await;
    let consent = browser.submit(&sign_in, &ADA).await;
    assert!(asks_for_the_password(&sign_in) && asks_for_consent(&consent));
    provider.advance(Duration::from_secs(1));
    let choice = browser.open(&authorize(&[("prompt", "select_account")])).await;
    let refused = browser.open(&authorize(&[("client_id", "")])).await;
    let sent = browser.open(&authorize(&[("response_mode", "form_post")])).await;
    for page in [sign_in, consent, choice, refused, sent] {
        assert_eq!(page.header("x-frame-options"), "DENY");
        assert!(page.header("content-security-policy").contains("frame-ancestors 'none'"));
    }
}

#[tokio::test]
async fn core_11_offline_access_is_agreed_to_by_name() {
    let provider = provider();
    let mut browser = signed_in(&provider).await;
    let sentence = "Keep its access while you are away";
    let ask_for = |scope| [("client_id", "asks"), ("scope", scope)];
    let page = browser.open(&authorize(&ask_for("openid"))).await;
    assert!(asks_for_consent(&page) && !page.text().contains(sentence), "{}", page.text());
    code(&browser.submit(&page, &[("action", "allow")]).await);
    // What was agreed to before is no consent to this.
    let silent = [&ask_for("openid offline_access")[..], &[("prompt", "none")]].concat();
    assert_eq!(ask(&mut browser, &silent).await["error"], "consent_required");
    let page = browser.open(&authorize(&ask_for("openid offline_access"))).await;
    assert!(asks_for_consent(&page) && page.text().contains(sentence), "{}", page.text());
    assert_eq!(error(&browser.submit(&page, &[("action", "deny")]).await), "access_denied");
    let page =
        browser.open(&authorize(&[&ask_for("openid offline_access")[..], &[("prompt", "consent")]].concat())).await;
    assert!(page.text().contains(sentence), "{}", page.text());
    let reply = browser.submit(&page, &[("action", "allow")]).await;
    let tokens = provider.redeem("asks", &code(&reply)).await.json();
    assert!(tokens["scope"] == "openid offline_access" && tokens["refresh_token"].is_string(), "{tokens}");
}

#[tokio::test]
async fn core_11_offline_access_is_passed_over_where_no_code_comes() {
    let provider = provider();
    let mut browser = signed_in(&provider).await;
    for response_type in ["id_token token", "code id_token", "code token", "code id_token token"] {
        let parameters = [("response_type", response_type), ("nonce", "n"), ("scope", "openid offline_access")];
        let answer = ask(&mut browser, &parameters).await;
        assert!(!answer.contains_key("error") && !answer.contains_key("refresh_token"), "{answer:?}");
        if let Some(code) = answer.get("code") {
            let tokens = provider.redeem("app", code).await.json();
            assert_eq!(tokens["scope"], "openid offline_access", "{response_type}");
        } else {
            assert_eq!(answer["scope"], "openid", "{response_type}");
        }
    }
    let tokens = code_flow(&mut browser, &[("scope", "openid offline_access")]).await;
    assert_eq!(tokens["scope"], "openid offline_access");
}

#[tokio::test]
async fn core_3_1_2_4_nothing_is_released_to_a_client_before_its_own_consent() {
    let two = |id| client(id).consent();
    let provider = realm().client(two("app")).client(two("second")).user(user("ada").password("hunter2")).serve();
    let at: &TestProvider = &provider;
    let mut browser = Browser::new(at);
    let page = browser.sign_in("ada", "hunter2", &[]).await;
    code(&browser.submit(&page, &[("action", "allow")]).await);
    provider.advance(Duration::from_secs(1));
    assert!(ask(&mut browser, &[("prompt", "none")]).await.contains_key("code"));
    assert_eq!(ask(&mut browser, &[("client_id", "second"), ("prompt", "none")]).await["error"], "consent_required");
}

#[tokio::test]
async fn core_3_1_2_4_and_3_2_2_4_and_3_3_2_4_consent_comes_before_every_kind_of_answer() {
    let provider = provider();
    let mut browser = signed_in(&provider).await;
    for response_type in ResponseType::ALL {
        // Each asks for something else, so that none has been agreed to before.
        for (scope, mode) in [("openid", ""), ("openid email", "form_post")] {
            let parameters = [
                ("client_id", "asks"),
                ("response_type", response_type.as_str()),
                ("response_mode", mode),
                ("scope", scope),
                ("nonce", "n"),
                ("prompt", "consent"),
            ];
            let page = browser.open(&authorize(&parameters)).await;
            assert!(asks_for_consent(&page), "{parameters:?}");
            let (travels, answer) = travelled(&browser.submit(&page, &[("action", "deny")]).await);
            let names: Vec<_> = answer.keys().map(String::as_str).filter(|name| *name != "session_state").collect();
            assert_eq!(names, ["error", "error_description", "iss", "state"], "{parameters:?}");
            assert_eq!((&*answer["error"], &*answer["state"]), ("access_denied", "a state"), "{parameters:?}");
            let (allowed, answer) = travelled(&browser.submit(&page, &[("action", "allow")]).await);
            assert!(!answer.contains_key("error") && allowed == travels, "{parameters:?}: {answer:?}");
        }
    }
}
