//! A person's own page in a real Chromium.

use serde_json::json;

use super::{PASSWORD_FIELD, Scene, USERNAME, fits_and_reads};
use crate::suite::served::PASSWORD;

const NEW: &str = "difference engine no. 2";

async fn scene() -> Scene {
    let realm = json!({"displayName": "Analytical Society", "login": {"passwordChange": "Enabled"}});
    Scene::set(
        realm,
        json!({"consent": "Ask", "policyUri": "https://site.example/privacy", "tosUri": "https://site.example/terms"}),
    )
    .await
}

impl Scene {
    async fn open_account(&self) {
        self.browser.goto(&format!("{}/realms/demo/account", self.serve.public_url)).await;
    }
}

#[tokio::test]
async fn a_person_sees_what_has_access_takes_it_back_and_changes_the_password() {
    let scene = scene().await;
    scene.open("/sign-in").await;
    scene.browser.until_text("Privacy policy").await;
    scene.log_in("ada", PASSWORD).await;
    scene.browser.find("[name=action][value=allow]").await;
    scene.browser.until_text("Terms of use").await;
    scene.browser.screenshot("consent-with-links").await;
    scene.browser.click("[name=action][value=allow]").await;
    scene.browser.until_text("Hello, Ada Lovelace!").await;

    // The session of the site's sign-in opens the page.
    scene.open_account().await;
    scene.browser.until_text("Applications with access").await;
    scene.browser.until_text("The site").await;
    scene.browser.until_text("This browser").await;
    assert_eq!(scene.browser.script("return document.querySelectorAll('script').length").await, 0);
    scene.browser.screenshot("account").await;
    scene.browser.click("[aria-labelledby=apps] button").await;
    scene.browser.until_text("The application has no access any more.").await;
    scene.browser.until_text("No application has access to your account.").await;
    scene.browser.screenshot("account-withdrawn").await;
    scene.open("/sign-in").await;
    scene.browser.find("[name=action][value=allow]").await;

    scene.open_account().await;
    scene.browser.type_into("[name=current-password]", PASSWORD).await;
    scene.browser.type_into("[name=new-password]", "short").await;
    scene.browser.type_into("[name=new-password-again]", "short").await;
    scene.browser.click("[aria-labelledby=change] button").await;
    scene.browser.find("[role=alert]").await;
    scene.browser.screenshot("account-password-refused").await;
    scene.browser.type_into("[name=current-password]", PASSWORD).await;
    scene.browser.type_into("[name=new-password]", NEW).await;
    scene.browser.type_into("[name=new-password-again]", NEW).await;
    scene.browser.click("[aria-labelledby=change] button").await;
    scene.browser.until_text("Your password is changed").await;
    scene.browser.screenshot("account-password-changed").await;
    assert!(!scene.serve.log().contains(NEW));
    scene.end().await;
}

#[tokio::test]
async fn the_own_page_is_readable_by_day_by_night_and_on_a_phone() {
    let scene = scene().await;
    scene.open_account().await;
    scene.browser.find(USERNAME).await;
    scene.browser.find(PASSWORD_FIELD).await;
    fits_and_reads(&scene, "own sign-in").await;
    scene.browser.screenshot("account-sign-in").await;
    scene.log_in("ada", PASSWORD).await;
    for scheme in ["light", "dark"] {
        scene.browser.prefer(scheme).await;
        for (width, height, device) in [(1100, 800, "desk"), (360, 640, "phone")] {
            scene.browser.resize(width, height).await;
            scene.open_account().await;
            scene.browser.until_text("Where you are signed in").await;
            fits_and_reads(&scene, &format!("account {scheme} {device}")).await;
            scene.browser.screenshot(&format!("account-{scheme}-{device}")).await;
        }
    }
    scene.end().await;
}
