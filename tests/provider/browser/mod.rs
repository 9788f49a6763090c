//! The pages in a real Chromium.

mod account;
pub mod chromium;
mod legacy;
mod site;

use std::sync::Arc;

use serde_json::{Value, json};
use thirtyfour::Key;

use crate::{directory::demo, serve::Serve, suite::served::PASSWORD};

use self::{chromium::Chromium, site::Site};

const USERNAME: &str = "input[name=username]";
const PASSWORD_FIELD: &str = "input[name=password]";
const SUBMIT: &str = "form button[type=submit]";

/// A realm with Ada, a client that asks for consent, its site, and a browser.
struct Scene {
    serve: Arc<Serve>,
    site: Site,
    browser: Chromium,
}

impl Scene {
    async fn set(realm: Value, client: Value) -> Self {
        let serve = Arc::new(Serve::start(&[], &[]).await);
        let served = demo(&serve);
        served.apply([served.realm(realm)]).await;
        served.apply_ada().await;
        let place = Site::place().await;
        let mut spec = json!({"clientName": "The site", "postLogoutRedirectUris": [format!("{}/", place.1)]});
        spec.as_object_mut().unwrap().extend(client.as_object().unwrap().clone());
        let site = Site::start(place, served.with_client("site", spec).await).await;
        Self { serve, site, browser: Chromium::start().await }
    }

    async fn open(&self, path: &str) {
        self.browser.goto(&format!("{}{path}", self.site.url)).await;
    }

    async fn log_in(&self, username: &str, password: &str) {
        self.browser.type_into(USERNAME, username).await;
        self.browser.type_into(PASSWORD_FIELD, password).await;
        self.browser.click(SUBMIT).await;
    }

    /// The browser found nothing to complain about on any page (the refused sign-ins excepted), and the provider said no secret.
    async fn end(self) {
        let complaints: Vec<_> = self
            .browser
            .complaints()
            .await
            .into_iter()
            .filter(|said| !said.contains("the server responded with a status of 4"))
            .collect();
        assert_eq!(complaints, Vec::<String>::new());
        assert!(!self.serve.log().contains(PASSWORD));
        self.browser.quit().await;
    }
}

#[tokio::test]
async fn a_person_signs_in_agrees_comes_back_and_signs_out() {
    let scene = Scene::set(json!({"displayName": "Analytical Society"}), json!({"consent": "Ask"})).await;
    scene.open("/sign-in").await;
    scene.browser.until_text("Analytical Society").await;
    assert_eq!(scene.browser.script("return document.querySelectorAll('script').length").await, 0);
    scene.browser.screenshot("sign-in").await;
    scene.log_in("ada", PASSWORD).await;
    scene.browser.find("[name=action][value=allow]").await;
    scene.browser.until_text("The site").await;
    scene.browser.screenshot("consent").await;
    scene.browser.click("[name=action][value=allow]").await;
    scene.browser.until_text("Hello, Ada Lovelace!").await;
    scene.browser.screenshot("back-at-the-site").await;

    // The session spares the second time, and consent was given.
    scene.open("/sign-in").await;
    scene.browser.until_text("Hello, Ada Lovelace!").await;

    scene.open("/sign-out").await;
    scene.browser.until_text("Nobody is signed in.").await;
    scene.open("/sign-in").await;
    scene.browser.find(PASSWORD_FIELD).await;
    scene.end().await;
}

#[tokio::test]
async fn a_person_who_does_not_agree_goes_back_with_nothing() {
    let scene = Scene::set(json!({}), json!({"consent": "Ask"})).await;
    scene.open("/sign-in").await;
    scene.log_in("ada", PASSWORD).await;
    scene.browser.click("[name=action][value=deny]").await;
    scene.browser.until_text("Not signed in: access_denied.").await;
    scene.end().await;
}

#[tokio::test]
async fn a_wrong_password_is_told_to_everyone_and_then_the_right_one_works() {
    let scene = Scene::set(json!({}), json!({})).await;
    scene.open("/sign-in").await;
    scene.log_in("ada", "difference-engine").await;
    let alert = scene.browser.find("[role=alert]").await;
    assert!(!alert.text().await.unwrap().is_empty());
    scene.browser.screenshot("wrong-password").await;
    let kept = scene.browser.find(USERNAME).await.value().await.unwrap();
    assert_eq!(kept.as_deref(), Some("ada"), "what was right need not be typed again");
    assert_eq!(scene.browser.find(PASSWORD_FIELD).await.value().await.unwrap().as_deref(), Some(""));
    scene.log_in("ada", PASSWORD).await;
    scene.browser.until_text("Hello, Ada Lovelace!").await;
    scene.end().await;
}

#[tokio::test]
async fn repeated_failures_lock_out_even_the_right_password() {
    let lockout = json!({"login": {"lockout": {"maxFailures": 3, "window": "5m", "duration": "15m"}}});
    let scene = Scene::set(lockout, json!({})).await;
    scene.open("/sign-in").await;
    for _ in 0..3 {
        scene.log_in("ada", "difference-engine").await;
        scene.browser.find("[role=alert]").await;
    }
    scene.log_in("ada", PASSWORD).await;
    let alert = scene.browser.find("[role=alert]").await.text().await.unwrap();
    assert!(alert.to_lowercase().contains("try again"), "{alert}");
    assert!(!scene.browser.text().await.contains("Hello"), "the lock holds");
    scene.browser.screenshot("locked-out").await;
    scene.end().await;
}

#[tokio::test]
async fn the_keyboard_is_enough() {
    let scene = Scene::set(json!({}), json!({"consent": "Ask"})).await;
    scene.open("/sign-in").await;
    scene.browser.find(USERNAME).await;
    press(&scene, "ada").await;
    press(&scene, Key::Tab + "").await;
    assert_eq!(
        scene.browser.script("return document.activeElement.name").await,
        "password",
        "from one field to the next"
    );
    assert_ne!(focus_ring(&scene).await, "none", "the focus is seen");
    press(&scene, PASSWORD).await;
    press(&scene, Key::Enter + "").await;
    scene.browser.find("[name=action][value=allow]").await;
    for _ in 0..20 {
        press(&scene, Key::Tab + "").await;
        if scene.browser.script("return document.activeElement.value").await == "allow" {
            break;
        }
    }
    assert_ne!(focus_ring(&scene).await, "none", "the focus is seen");
    scene.browser.screenshot("consent-by-keyboard").await;
    press(&scene, Key::Enter + "").await;
    scene.browser.until_text("Hello, Ada Lovelace!").await;
    scene.end().await;
}

/// Types into whatever has the focus.
async fn press(scene: &Scene, keys: impl Into<thirtyfour::TypingData>) {
    scene.browser.driver.active_element().await.unwrap().send_keys(keys).await.unwrap();
}

async fn focus_ring(scene: &Scene) -> String {
    let style = "const s = getComputedStyle(document.activeElement); return s.outlineStyle !== 'none' ? 'outline' : s.boxShadow";
    scene.browser.script(style).await.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_pages_are_readable_by_day_by_night_and_on_a_phone() {
    let scene = Scene::set(json!({"displayName": "Analytical Society"}), json!({"consent": "Ask"})).await;
    let mut backgrounds = Vec::new();
    for scheme in ["light", "dark"] {
        scene.browser.prefer(scheme).await;
        for (width, height, device) in [(1100, 800, "desk"), (360, 640, "phone")] {
            scene.browser.resize(width, height).await;
            scene.open("/sign-in").await;
            scene.browser.find(USERNAME).await;
            fits_and_reads(&scene, &format!("sign-in {scheme} {device}")).await;
            scene.browser.screenshot(&format!("sign-in-{scheme}-{device}")).await;
        }
        backgrounds.push(scene.browser.script("return getComputedStyle(document.body).backgroundColor").await);
    }
    assert_ne!(backgrounds[0], backgrounds[1], "night differs from day");
    scene.log_in("ada", PASSWORD).await;
    for scheme in ["dark", "light"] {
        scene.browser.prefer(scheme).await;
        scene.browser.find("[name=action][value=allow]").await;
        fits_and_reads(&scene, &format!("consent {scheme} phone")).await;
        scene.browser.screenshot(&format!("consent-{scheme}-phone")).await;
    }
    scene.end().await;
}

/// Nothing is cut off at the side, every field has a label, and every text stands out from what is behind it (WCAG 2.2, 1.4.3).
async fn fits_and_reads(scene: &Scene, what: &str) {
    let overflow = scene.browser.script("return document.documentElement.scrollWidth - window.innerWidth").await;
    assert!(overflow.as_f64().unwrap() <= 0.0, "{what}: {overflow} px stick out");
    let nameless =
        "return [...document.querySelectorAll('input:not([type=hidden])')].filter(i => !i.labels.length).length";
    assert_eq!(scene.browser.script(nameless).await, 0, "{what}: a field without a label");
    assert!(
        !scene.browser.script("return document.documentElement.lang").await.as_str().unwrap().is_empty(),
        "{what}: no language"
    );
    let faint = scene.browser.script(include_str!("contrast.js")).await;
    assert_eq!(faint, json!([]), "{what}: too little contrast");
}
