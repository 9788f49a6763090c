//! The consent page, as a person with a browser meets it (OpenID Connect Core section 3.1.2.4).

use std::{sync::Arc, time::Duration};

use crate::provider::testing::{
    Reply, TestProvider,
    browser::{Browser, authorize, code, error},
    client, realm, user,
};

fn staff() -> TestProvider {
    realm()
        .client(client("app").consent().audiences(&["https://api.example.com"]))
        .client(client("quick"))
        .user(user("ada").password("hunter2"))
        .user(user("bob").password("hunter3"))
        .serve()
}

fn asks(reply: &Reply) -> bool {
    reply.status.as_u16() == 200 && reply.text().contains("Give The app app access?")
}

async fn allowed(browser: &mut Browser, parameters: &[(&str, &str)]) {
    let page = browser.open(&authorize(parameters)).await;
    assert!(asks(&page), "{}", page.text());
    code(&browser.submit(&page, &[("action", "allow")]).await);
}

#[tokio::test]
async fn the_page_says_who_asks_whom_for_what_and_where_it_goes() {
    let mut browser = Browser::new(&staff());
    let parameters = [("scope", "openid email reports"), ("resource", "https://api.example.com")];
    let page = browser.sign_in("ada", "hunter2", &parameters).await;
    assert!(asks(&page));
    for text in [
        "Know who you are",
        "See your email address",
        "Read your reports",
        "The user ada",
        "app.example",
        "https://api.example.com",
    ] {
        assert!(page.text().contains(text), "{text}");
    }
    assert!(!page.text().contains("See your profile"));
    code(&browser.submit(&page, &[("action", "allow")]).await);
}

#[tokio::test]
async fn it_is_asked_once_again_for_more_and_again_on_demand() {
    let staff = staff();
    let mut browser = Browser::new(&staff);
    let page = browser.sign_in("ada", "hunter2", &[("scope", "openid email")]).await;
    code(&browser.submit(&page, &[("action", "allow")]).await);
    staff.advance(Duration::from_secs(60));
    code(&browser.load(&authorize(&[("scope", "email"), ("prompt", "none")])).await);
    allowed(&mut browser, &[("scope", "openid groups")]).await;
    code(&browser.load(&authorize(&[("scope", "openid email groups")])).await);
    allowed(&mut browser, &[("resource", "https://api.example.com")]).await;
    code(&browser.load(&authorize(&[("resource", "https://api.example.com")])).await);
    allowed(&mut browser, &[("prompt", "consent")]).await;
    code(&browser.load(&authorize(&[])).await);
    let mut other = Browser::new(&staff);
    assert!(asks(&other.sign_in("bob", "hunter3", &[]).await), "somebody else has not agreed");
    staff.advance(Duration::from_secs(366 * 86_400));
    assert!(asks(&browser.sign_in("ada", "hunter2", &[]).await), "a year is over");
}

#[tokio::test]
async fn who_does_not_agree_goes_back_with_access_denied_and_is_asked_again_next_time() {
    let mut browser = Browser::new(&staff());
    let page = browser.sign_in("ada", "hunter2", &[]).await;
    assert_eq!(error(&browser.submit(&page, &[("action", "deny")]).await), "access_denied");
    assert!(asks(&browser.open(&authorize(&[])).await));
}

#[tokio::test]
async fn a_client_that_takes_over_the_name_of_another_takes_over_no_consent() {
    let staff = staff();
    let mut browser = Browser::new(&staff);
    let page = browser.sign_in("ada", "hunter2", &[]).await;
    code(&browser.submit(&page, &[("action", "allow")]).await);
    code(&browser.load(&authorize(&[])).await);
    staff.change(|realm| {
        let mut successor = client("app").consent().0;
        successor.incarnation = crate::realm::Incarnation::of("created anew");
        realm.clients.insert_mut(successor.id.clone(), Arc::new(successor));
    });
    assert!(asks(&browser.open(&authorize(&[])).await));
}

#[tokio::test]
async fn a_client_that_the_platform_trusts_asks_only_when_it_wants_to() {
    let mut browser = Browser::new(&staff());
    code(&browser.sign_in("ada", "hunter2", &[("client_id", "quick")]).await);
    let page = browser.open(&authorize(&[("client_id", "quick"), ("prompt", "consent")])).await;
    assert!(page.text().contains("Give The app quick access?"));
    code(&browser.submit(&page, &[("action", "allow")]).await);
}

#[tokio::test]
async fn nobody_agrees_for_somebody_else() {
    let staff = staff();
    let mut browser = Browser::new(&staff);
    let page = browser.sign_in("ada", "hunter2", &[]).await;
    assert!(asks(&page));
    // In another tab somebody else signs in.
    staff.advance(Duration::from_secs(1));
    code(&browser.sign_in("bob", "hunter3", &[("client_id", "quick"), ("prompt", "login")]).await);
    let reply = browser.submit(&page, &[("action", "allow")]).await;
    assert!(reply.status.as_u16() == 400 && reply.text().contains("This form is out of date"));
    let forged = browser.submit(&page, &[("csrf", "x"), ("action", "allow")]).await;
    assert_eq!(forged.status.as_u16(), 400);
    assert!(asks(&browser.open(&authorize(&[])).await), "bob is asked for himself");
}

#[tokio::test]
async fn who_is_somebody_else_signs_in_from_the_page() {
    let mut browser = Browser::new(&staff());
    let page = browser.sign_in("ada", "hunter2", &[]).await;
    let switch = page.text().split("<a href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&");
    let form = browser.load(&switch).await;
    assert!(form.text().contains("name=\"password\""), "{}", form.text());
    let page = browser.submit(&form, &[("username", "bob"), ("password", "hunter3")]).await;
    assert!(asks(&page) && page.text().contains("The user bob"));
}

#[tokio::test]
async fn a_user_who_is_disabled_before_agreeing_gets_nowhere() {
    let staff = staff();
    let mut browser = Browser::new(&staff);
    let page = browser.sign_in("ada", "hunter2", &[]).await;
    staff.change(|realm| {
        let ada = user("ada").password("hunter2").disabled().0;
        realm.users.insert_mut(ada.subject.clone(), Arc::new(ada));
    });
    assert_eq!(browser.submit(&page, &[("action", "allow")]).await.status.as_u16(), 400);
    let url = crate::provider::testing::browser::action(page.text());
    let form = browser.open(&url).await;
    assert!(form.text().contains("name=\"password\""), "the sign-in begins anew: {}", form.text());
}

#[tokio::test]
async fn the_page_can_not_be_had_before_the_sign_in() {
    let mut browser = Browser::new(&staff());
    let asked = browser.load(&authorize(&[])).await;
    let consent = asked.header("location").replace("/login?", "/consent?");
    let reply = browser.open(&consent).await;
    assert!(reply.text().contains("name=\"password\""), "{}", reply.text());
}
