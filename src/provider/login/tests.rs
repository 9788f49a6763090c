//! Signing in, as a person with a browser does it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use axum::http::StatusCode;

use crate::{
    account::{PasswordPool, PoolLimits},
    provider::testing::{
        Reply, TestProvider,
        browser::{Browser, action, answer, authorize, code, error, hidden},
        client, realm, user,
    },
    realm::{Password, Realm, Subject},
};

fn staff() -> TestProvider {
    realm()
        .client(client("app"))
        .client(client("other"))
        .user(user("ada").password("hunter2"))
        .user(user("bob").password("hunter3"))
        .user(user("eve").password("hunter4").disabled())
        .user(user("nobody"))
        .serve()
}

fn change_user(at: &TestProvider, change: impl FnOnce(&mut Realm)) {
    at.change(change);
}

async fn form(browser: &mut Browser, parameters: &[(&str, &str)]) -> Reply {
    let page = browser.open(&authorize(parameters)).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    assert!(page.text().contains("name=\"username\"") && page.text().contains("name=\"password\""));
    page
}

fn shows_form(reply: &Reply) -> bool {
    reply.text().contains("name=\"password\"")
}

#[tokio::test]
async fn who_signs_in_comes_back_to_the_client_with_a_code_state_and_issuer() {
    let mut browser = Browser::new(&staff());
    let page = form(&mut browser, &[]).await;
    assert!(page.text().contains("The app app") && page.text().contains("Staff"));
    let reply = browser.submit(&page, &[("username", " Ada "), ("password", "hunter2")]).await;
    let answer = answer(&reply);
    assert_eq!(answer["code"].len(), 43);
    assert_eq!((answer["state"].as_str(), answer["iss"].as_str()), ("a state", "https://id.example.com/realms/staff"));
    let metrics = browser.at.provider.metrics.encode();
    assert!(metrics.contains(r#"sign_ins_total{realm="identity/staff",outcome="Success"} 1"#), "{metrics}");
}

#[tokio::test]
async fn wrong_name_wrong_password_disabled_and_without_password_get_one_answer() {
    let mut browser = Browser::new(&staff());
    let mut answers = BTreeSet::new();
    for (username, password) in [
        ("ada", "wrong-word"),
        ("ada", "hunter2 "),
        ("stranger", "hunter2"),
        ("eve", "hunter4"),
        ("nobody", ""),
        ("nobody", "any-word"),
    ] {
        let page = form(&mut browser, &[]).await;
        let reply = browser.submit(&page, &[("username", username), ("password", password)]).await;
        if password.is_empty() {
            assert!(reply.text().contains("Enter your username and your password."));
            continue;
        }
        let id = hidden(page.text())[0].1.clone();
        let csrf = hidden(page.text())[1].1.clone();
        let text = reply.text().replace(username, "NAME").replace(&id, "ID").replace(&csrf, "CSRF");
        assert!(text.contains("username and password don’t match") && !text.contains(password));
        answers.insert((reply.status.as_u16(), text));
    }
    assert_eq!(answers.len(), 1, "{answers:#?}");
    assert_eq!(answers.first().unwrap().0, 422);
}

#[tokio::test]
async fn what_was_typed_comes_back_as_text_and_the_password_never() {
    let mut browser = Browser::new(&staff());
    let page = form(&mut browser, &[("login_hint", "\"><script>")]).await;
    assert!(!page.text().contains("<script>") && page.text().contains("&#34;&#62;&#60;script&#62;"));
    let reply = browser.submit(&page, &[("username", "<b>ada"), ("password", "s3cr3t-typed")]).await;
    assert!(reply.text().contains("&#60;b&#62;ada") && !reply.text().contains("s3cr3t-typed"));
}

#[tokio::test]
async fn a_name_is_locked_out_after_its_failures_whether_or_not_somebody_has_it() {
    let staff = staff();
    for username in ["ada", "stranger"] {
        let mut browser = Browser::new(&staff);
        let page = form(&mut browser, &[]).await;
        for n in 1..=9 {
            let reply = browser.submit(&page, &[("username", username), ("password", "wrong")]).await;
            assert_eq!(reply.status.as_u16(), 422, "{username} {n}");
        }
        for password in ["wrong", "hunter2", "wrong"] {
            let reply = browser.submit(&page, &[("username", &username.to_uppercase()), ("password", password)]).await;
            assert_eq!((reply.status.as_u16(), reply.header("retry-after")), (429, "901"), "{username}");
            assert!(reply.text().contains("try again in 15 minutes"), "{}", reply.text());
        }
    }
    let mut bob = Browser::new(&staff);
    code(&bob.sign_in("bob", "hunter3", &[]).await);
    staff.advance(Duration::from_secs(899));
    assert_eq!(Browser::new(&staff).sign_in("ada", "hunter2", &[]).await.status.as_u16(), 429);
    staff.advance(Duration::from_secs(1));
    code(&Browser::new(&staff).sign_in("ada", "hunter2", &[]).await);
    let metrics = staff.provider.metrics.encode();
    assert!(
        metrics.contains(r#"outcome="LockedOut"} 5"#) && metrics.contains(r#"outcome="WrongCredentials"} 20"#),
        "{metrics}"
    );
}

#[tokio::test]
async fn success_forgets_the_failures_of_a_name() {
    let staff = staff();
    for _ in 0..3 {
        let mut browser = Browser::new(&staff);
        let page = form(&mut browser, &[]).await;
        for _ in 0..9 {
            browser.submit(&page, &[("username", "ada"), ("password", "wrong")]).await;
        }
        code(&browser.submit(&page, &[("username", "ada"), ("password", "hunter2")]).await);
    }
}

#[tokio::test]
async fn any_number_of_guesses_at_one_instant_get_no_more_answers_than_are_allowed() {
    let staff = staff();
    let guesses = (0..40).map(async |_| {
        let mut browser = Browser::new(&staff);
        let page = form(&mut browser, &[]).await;
        browser.submit(&page, &[("username", "ada"), ("password", "wrong")]).await.status.as_u16()
    });
    let answers = futures::future::join_all(guesses).await;
    assert_eq!(answers.iter().filter(|status| **status == 422).count(), 9, "{answers:?}");
    assert_eq!(answers.iter().filter(|status| **status == 429).count(), 31);
}

#[tokio::test]
async fn any_number_of_right_passwords_at_one_instant_sign_in() {
    // Patient, because what it shows is that none counts against another, however slow the machine.
    let limits = PoolLimits { patience: Duration::from_secs(600), ..PoolLimits::for_cores(2) };
    let staff = staff().passwords(PasswordPool::new(limits));
    let sign_ins = (0..40).map(async |_| Browser::new(&staff).sign_in("ada", "hunter2", &[]).await.status.as_u16());
    assert_eq!(futures::future::join_all(sign_ins).await, [303; 40]);
}

#[tokio::test]
async fn a_full_pool_answers_503_and_the_form_can_be_sent_again() {
    let pool =
        PasswordPool::new(PoolLimits { running: 1, waiting: 0, memory_mib: 0, patience: Duration::from_secs(9) });
    let staff = staff().passwords(pool);
    let attempts = (0..4).map(async |_| {
        let mut browser = Browser::new(&staff);
        let page = form(&mut browser, &[]).await;
        let reply = browser.submit(&page, &[("username", "ada"), ("password", "hunter2")]).await;
        (reply.status.as_u16(), reply, browser)
    });
    let mut answers = futures::future::join_all(attempts).await;
    answers.sort_by_key(|(status, ..)| *status);
    let statuses: Vec<_> = answers.iter().map(|(status, ..)| *status).collect();
    assert_eq!(statuses, [303, 503, 503, 503]);
    let (_, reply, mut browser) = answers.pop().unwrap();
    assert_eq!(reply.header("retry-after"), "2");
    code(&browser.submit(&reply, &[("username", "ada"), ("password", "hunter2")]).await);
}

#[tokio::test]
async fn a_form_without_its_token_or_from_another_browser_does_nothing() {
    let staff = staff();
    let mut browser = Browser::new(&staff);
    let page = form(&mut browser, &[]).await;
    let credentials = [("username", "ada"), ("password", "hunter2")];
    let reply = browser.post(&action(page.text()), &credentials).await;
    assert_eq!((reply.status.as_u16(), reply.header("set-cookie")), (400, ""));
    assert!(reply.text().contains("This form is out of date") && reply.text().contains("Try again"));
    let forged = [("csrf", "AAAA"), credentials[0], credentials[1]];
    assert_eq!(browser.post(&action(page.text()), &forged).await.status.as_u16(), 400);
    let mut stranger = Browser::new(&staff);
    form(&mut stranger, &[]).await;
    let stolen = stranger.submit(&page, &credentials).await;
    assert_eq!(stolen.status.as_u16(), 400);
    assert!(stolen.text().contains("Cookies are needed here") && stolen.header("set-cookie").is_empty());
}

#[tokio::test]
async fn a_browser_that_blocks_cookies_is_told_so_and_shown_the_way_back() {
    let staff = staff();
    let asked = Browser::new(&staff).load(&authorize(&[])).await;
    let reply = Browser::new(&staff).load(asked.header("location")).await;
    assert_eq!(reply.status.as_u16(), 400);
    assert!(reply.text().contains("Cookies are needed here"));
    assert!(reply.text().contains("href=\"https://app.example/\"") && reply.text().contains("Back to The app app"));
}

#[tokio::test]
async fn a_sign_in_lasts_half_an_hour_and_then_shows_the_way_back() {
    let staff = staff();
    let mut browser = Browser::new(&staff);
    let page = form(&mut browser, &[]).await;
    staff.advance(Duration::from_secs(29 * 60));
    assert_eq!(browser.submit(&page, &[("username", "ada"), ("password", "x")]).await.status.as_u16(), 422);
    staff.advance(Duration::from_secs(60));
    let reply = browser.submit(&page, &[("username", "ada"), ("password", "hunter2")]).await;
    assert_eq!(reply.status.as_u16(), 400);
    assert!(reply.text().contains("This sign-in has ended") && reply.text().contains("href=\"https://app.example/\""));
    let lost = browser.load("/login").await;
    assert!(lost.status.as_u16() == 400 && lost.text().contains("Nothing to sign in to"));
    let unknown = browser.load("/login?interaction=x&client_id=nobody").await;
    assert!(unknown.status.as_u16() == 400 && !unknown.text().contains("class=\"button"));
}

#[tokio::test]
async fn a_double_click_and_the_back_button_end_where_the_first_click_did() {
    let staff = staff();
    let mut browser = Browser::new(&staff);
    let page = form(&mut browser, &[]).await;
    let credentials = [("username", "ada"), ("password", "hunter2")];
    let first = code(&browser.submit(&page, &credentials).await);
    let second = code(&browser.submit(&page, &credentials).await);
    assert_ne!(first, second);
    let back = browser.load(&action(page.text())).await;
    assert!(![first, second].contains(&code(&back)), "who is signed in need not sign in again");
}

#[tokio::test]
async fn two_tabs_sign_in_independently_and_the_second_needs_no_password() {
    let staff = staff();
    let mut browser = Browser::new(&staff);
    let one = form(&mut browser, &[("state", "one")]).await;
    let two = form(&mut browser, &[("state", "two"), ("client_id", "other")]).await;
    let credentials = [("username", "ada"), ("password", "hunter2")];
    assert_eq!(answer(&browser.submit(&one, &credentials).await)["state"], "one");
    assert_eq!(answer(&browser.load(&action(two.text())).await)["state"], "two");
    assert_eq!(answer(&browser.submit(&two, &credentials).await)["state"], "two");
}

#[tokio::test]
async fn the_session_changes_its_cookie_at_each_sign_in_and_keeps_its_sid_for_the_same_person() {
    let staff = staff();
    let name = "__Host-rk-session-identity.staff";
    let mut browser = Browser::new(&staff);
    let planted = "A".repeat(43);
    browser.cookies.insert(name.into(), planted.clone());
    code(&browser.sign_in("ada", "hunter2", &[]).await);
    let first = browser.cookies[name].clone();
    assert_ne!(first, planted);
    staff.advance(Duration::from_secs(1));
    code(&browser.sign_in("ada", "hunter2", &[("prompt", "login")]).await);
    assert_ne!(browser.cookies[name], first);
    let mut old = Browser::new(&staff);
    old.cookies.insert(name.into(), first);
    assert_eq!(error(&old.load(&authorize(&[("prompt", "none")])).await), "login_required");
}

#[tokio::test]
async fn cookies_are_bound_to_the_host_where_the_issuer_is_https_and_to_the_path_elsewhere() {
    let staff = staff();
    let mut browser = Browser::new(&staff);
    let asked = browser.load(&authorize(&[])).await;
    let cookie = asked.header("set-cookie");
    assert!(cookie.starts_with("__Host-rk-browser-identity.staff="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    let local = realm().issuer("http://localhost:8080/realms/staff").client(client("app")).serve();
    let asked = Browser::new(&local).load(&authorize(&[])).await;
    let cookie = asked.header("set-cookie");
    assert!(cookie.starts_with("rk-browser-identity.staff="), "{cookie}");
    assert!(cookie.ends_with("; Path=/realms/staff; HttpOnly; SameSite=Lax"), "{cookie}");
    assert!(asked.header("location").starts_with("http://localhost:8080/realms/staff/login?interaction="));
}

#[tokio::test]
async fn oidc_3_1_2_1_prompt_login_and_max_age_ask_once_for_each_request_and_never_again_within_it() {
    let staff = staff();
    let mut browser = Browser::new(&staff);
    code(&browser.sign_in("ada", "hunter2", &[]).await);
    staff.advance(Duration::from_secs(100));
    code(&browser.load(&authorize(&[("max_age", "100")])).await);
    for parameter in [("prompt", "login"), ("max_age", "0"), ("max_age", "99")] {
        let page = form(&mut browser, &[parameter]).await;
        assert!(page.text().contains("value=\"ada\""), "it is filled in with who is signed in");
        assert!(shows_form(&browser.load(&action(page.text())).await), "loading it again does not get around it");
        staff.advance(Duration::from_secs(60));
        let credentials = [("username", "ada"), ("password", "hunter2")];
        code(&browser.submit(&page, &credentials).await);
        staff.advance(Duration::from_secs(60));
        code(&browser.load(&action(page.text())).await);
        staff.advance(Duration::from_secs(100));
    }
}

#[tokio::test]
async fn oidc_3_1_2_1_select_account_offers_the_account_and_another() {
    let staff = staff();
    let mut browser = Browser::new(&staff);
    code(&browser.sign_in("ada", "hunter2", &[]).await);
    staff.advance(Duration::from_secs(1));
    let page = browser.open(&authorize(&[("prompt", "select_account")])).await;
    assert!(page.text().contains("Continue as The user ada") && !shows_form(&page), "{}", page.text());
    let same = code(&browser.submit(&page, &[("action", "continue")]).await);
    assert_eq!(same.len(), 43);
    let page = browser.open(&authorize(&[("prompt", "select_account")])).await;
    let other = browser.submit(&page, &[("action", "other")]).await;
    assert!(shows_form(&other) && !other.text().contains("value=\"ada\""));
    staff.advance(Duration::from_secs(1));
    code(&browser.submit(&other, &[("username", "bob"), ("password", "hunter3")]).await);
    staff.advance(Duration::from_secs(1));
    let mut again = browser.open(&authorize(&[("prompt", "select_account")])).await;
    assert!(again.text().contains("Continue as The user bob"));
    again = browser.submit(&again, &[("action", "cancel")]).await;
    assert_eq!(error(&again), "access_denied");
}

#[tokio::test]
async fn a_session_of_somebody_else_than_the_hint_means_asks_for_the_one_it_means() {
    let staff = staff();
    let mut browser = Browser::new(&staff);
    code(&browser.sign_in("bob", "hunter3", &[]).await);
    staff.advance(Duration::from_secs(1));
    let ring = crate::provider::testing::keyring();
    let signer = ring.signer(crate::jose::Algorithm::Es256, staff.now()).unwrap();
    let issuer = "https://id.example.com/realms/staff";
    let claims = serde_json::json!({"iss": issuer, "sub": "sub-ada", "aud": "app", "exp": 1});
    let hint = signer.sign_jwt("JWT", &claims).unwrap();
    let page = form(&mut browser, &[("id_token_hint", &hint)]).await;
    assert!(page.text().contains("value=\"ada\""), "{}", page.text());
    let wrong = browser.submit(&page, &[("username", "bob"), ("password", "hunter3")]).await;
    assert_eq!(error(&wrong), "login_required");
    code(&browser.submit(&page, &[("username", "ada"), ("password", "hunter2")]).await);
}

#[tokio::test]
async fn cancelling_tells_the_client_and_signs_nobody_in() {
    let staff = staff();
    let mut browser = Browser::new(&staff);
    let page = form(&mut browser, &[]).await;
    let reply = browser.submit(&page, &[("username", "ada"), ("password", "hunter2"), ("action", "cancel")]).await;
    assert_eq!(error(&reply), "access_denied");
    assert!(!browser.cookies.contains_key("__Host-rk-session-identity.staff"));
}

#[tokio::test]
async fn what_changes_while_a_person_types_counts() {
    let staff = staff();
    let mut browser = Browser::new(&staff);
    let page = form(&mut browser, &[]).await;
    change_user(&staff, |realm| {
        let mut app = client("app").0;
        app.redirect_uris = vec![crate::realm::RedirectUri::parse("https://new.example/").unwrap()];
        realm.clients.insert_mut(app.id.clone(), Arc::new(app));
    });
    let reply = browser.submit(&page, &[("username", "ada"), ("password", "hunter2")]).await;
    assert_eq!(reply.status.as_u16(), 400, "the redirect URI is no longer registered");
    assert!(reply.text().contains("redirect_uri is not one"));
    let mut browser = Browser::new(&staff);
    let page = form(&mut browser, &[("client_id", "other")]).await;
    change_user(&staff, |realm| {
        realm.users.remove_mut(&Subject::new("sub-ada"));
    });
    let reply = browser.submit(&page, &[("username", "ada"), ("password", "hunter2")]).await;
    assert_eq!(reply.status.as_u16(), 422, "the user is gone");
}

#[tokio::test]
async fn a_realm_without_passwords_shows_no_form_and_takes_none() {
    let staff = staff();
    let mut browser = Browser::new(&staff);
    let page = form(&mut browser, &[]).await;
    change_user(&staff, |realm| {
        let closed = crate::provider::testing::realm().settings(|settings| settings.login.passwords = false).build();
        realm.settings = closed.settings;
    });
    let reply = browser.submit(&page, &[("username", "ada"), ("password", "hunter2")]).await;
    assert_eq!(reply.status.as_u16(), 403);
    let reply = browser.open(&authorize(&[])).await;
    assert!(reply.status.as_u16() == 403 && !shows_form(&reply) && reply.text().contains("Passwords are turned off"));
}

#[tokio::test]
async fn hashes_of_every_function_sign_in() {
    for hash in [
        "$argon2id$v=19$m=256,t=2,p=1$c2FsdHNhbHRzYWx0$U9cY7ZhoOtRiEg4lkVUk6Zjc7J9T28hgRjJOzpQ222I",
        "$2y$05$abcdefghijklmnopqrstuuoXuKqgZXLiJqzfmMXDDhSFPIvxV7t8.",
    ] {
        let ada = user("ada").with(|user| user.password = Some(Password::Phc(hash.parse().unwrap())));
        let staff = realm().client(client("app")).user(ada).serve();
        code(&Browser::new(&staff).sign_in("ada", "hunter2", &[]).await);
        assert_eq!(Browser::new(&staff).sign_in("ada", "hunter3", &[]).await.status.as_u16(), 422);
    }
}

#[tokio::test]
async fn ui_locales_choose_the_language_before_the_browser_does() {
    let mut browser = Browser::new(&staff());
    let page = form(&mut browser, &[("ui_locales", "xx de-AT en")]).await;
    assert!(page.text().contains("<html lang=\"de\">") && page.text().contains("Benutzername"));
    let again = browser.submit(&page, &[("username", "ada"), ("password", "x")]).await;
    assert!(again.text().contains("passen nicht zusammen"), "and it stays");
}
