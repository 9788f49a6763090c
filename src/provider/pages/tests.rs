//! Every page, in every language, as it is sent. With `PAGES_DIR` set, each is written there too, to be looked at.

use std::time::Duration;

use axum::http::StatusCode;

use crate::{
    provider::testing::{
        Reply, TestProvider,
        browser::{Browser, authorize},
        client, realm, user,
    },
    realm::{Presentation, Presentations},
};

fn staff() -> TestProvider {
    let grafana = client("app").consent().audiences(&["https://api.example.com/v1"]).with(|client| {
        client.display_name = "Grafana".into();
    });
    let ada = user("ada").password("hunter2").with(|user| {
        user.profile.insert("name".into(), "Ada Lovelace".into());
    });
    let issuer = "https://id.example.com/realms/staff";
    realm()
        .issuer(issuer)
        .settings(|settings| settings.login.lockout.max_failures = 2)
        .client(grafana)
        .user(ada)
        .serve()
}

const WISHES: &[(&str, &str)] =
    &[("scope", "openid profile email offline_access reports"), ("resource", "https://api.example.com/v1")];

/// The page with frames, on the way back to the client.
async fn signing_out(language: &'static str) -> Reply {
    let app = client("app").with(|client| client.logout.frontchannel_uri = Some("https://app.example/out".into()));
    let at = realm().client(app).user(user("ada").password("hunter2")).serve();
    let mut browser = Browser { language, ..Browser::new(&at) };
    browser.sign_in("ada", "hunter2", &[]).await;
    let form = browser.open("/logout?client_id=app&post_logout_redirect_uri=https://app.example/").await;
    browser.submit(&form, &[("action", "sign-out")]).await
}

/// Each page with its name, as a person comes to it.
async fn every_page(language: &'static str) -> Vec<(&'static str, Reply)> {
    let mut browser = Browser { language, ..Browser::new(&staff()) };
    let mut pages = vec![("login", browser.open(&authorize(&[("login_hint", "ada")])).await)];
    pages.push(("login-empty", browser.open(&authorize(&[])).await));
    let form = browser.open(&authorize(&[])).await;
    pages.push(("login-wrong", browser.submit(&form, &[("username", "ada"), ("password", "wrong")]).await));
    pages.push(("login-locked", browser.submit(&form, &[("username", "ada"), ("password", "wrong")]).await));
    let mut browser = Browser { language, ..Browser::new(&staff()) };
    pages.push(("consent", browser.sign_in("ada", "hunter2", WISHES).await));
    browser.at.advance(Duration::from_secs(60));
    pages.push(("account", browser.open(&authorize(&[("prompt", "select_account")])).await));
    pages.push(("logout", browser.open("/logout?client_id=app").await));
    let form = browser.open("/logout?client_id=app").await;
    pages.push(("logout-stay", browser.submit(&form, &[("action", "stay")]).await));
    pages.push(("form-post", browser.open(&authorize(&[("response_mode", "form_post"), ("prompt", "none")])).await));
    pages.push(("signed-out", browser.submit(&form, &[("action", "sign-out")]).await));
    pages.push(("error", browser.open(&authorize(&[("redirect_uri", "https://evil.example/")])).await));
    pages.push(("error-logout", browser.open("/logout?post_logout_redirect_uri=https://evil.example/").await));
    pages.push(("expired", browser.open("/login?interaction=x&client_id=app").await));
    pages.push(("nothing", browser.open("/login").await));
    let asked = browser.load(&authorize(&[])).await;
    let mut blocked = Browser { language, ..Browser::new(&browser.at) };
    pages.push(("no-cookies", blocked.open(asked.header("location")).await));
    let form = browser.open(asked.header("location")).await;
    pages.push(("signing-out", signing_out(language).await));
    pages.push(("outdated", browser.submit(&form, &[("csrf", "x")]).await));
    pages
}

#[tokio::test]
async fn every_page_is_small_accessible_and_needs_nothing_from_elsewhere() {
    for language in ["en", "de"] {
        for (name, page) in every_page(language).await {
            let text = page.text();
            if let Ok(folder) = std::env::var("PAGES_DIR") {
                std::fs::write(format!("{folder}/{name}-{language}.html"), text).unwrap();
            }
            assert!(text.len() < 30_000, "{name}: {} bytes", text.len());
            assert!(
                text.starts_with("<!DOCTYPE html>\n<html lang=\"") && text.contains(&format!("lang=\"{language}\""))
            );
            assert!(!text.contains("<img") && !text.contains("<link") && !text.contains("style=\""), "{name}");
            assert_eq!(text.contains("<script"), ["form-post", "signing-out"].contains(&name), "{name}");
            assert_eq!(text.matches("<h1>").count(), 1, "{name}");
            for header in ["content-security-policy", "x-frame-options", "referrer-policy", "cache-control"] {
                assert!(!page.header(header).is_empty(), "{name} {header}");
            }
        }
    }
}

#[tokio::test]
async fn a_page_allows_its_own_style_and_nothing_else() {
    let page = Browser::new(&staff()).open(&authorize(&[])).await;
    let style = page.text().split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    let want = format!(
        "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; frame-ancestors 'none'",
        super::sha256(style)
    );
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.header("content-security-policy"), want);
    assert_eq!((page.header("x-frame-options"), page.header("referrer-policy")), ("DENY", "no-referrer"));
    assert_eq!((page.header("x-content-type-options"), page.header("cache-control")), ("nosniff", "no-store"));
}

/// A realm whose client has registered all that people can be shown, in two languages.
fn presented(presentation: Presentation) -> TestProvider {
    let german = Presentation {
        name: Some("Bücher <b>".into()),
        policy: Some("https://app.example/datenschutz".into()),
        ..Presentation::default()
    };
    let presentation = Presentations { default: presentation, localized: vec![("de".into(), german)] };
    let books = client("app").consent().with(|client| {
        client.display_name = "Books".into();
        client.presentation = presentation;
    });
    realm().client(books).user(user("ada").password("hunter2")).serve()
}

fn uris(logo: &str, home: &str, policy: &str, terms: &str) -> Presentation {
    let some = |uri: &str| Some(std::sync::Arc::from(uri));
    Presentation { name: None, home: some(home), logo: some(logo), policy: some(policy), terms: some(terms) }
}

/// The sign-in page, the choice of an account and the consent page.
async fn pages_of_a_sign_in(at: &TestProvider, language: &'static str) -> [Reply; 3] {
    let mut browser = Browser { language, ..Browser::new(at) };
    let login = browser.open(&authorize(&[])).await;
    let consent = browser.submit(&login, &[("username", "ada"), ("password", "hunter2")]).await;
    at.advance(Duration::from_secs(60));
    let chooser = browser.open(&authorize(&[("prompt", "select_account")])).await;
    [login, chooser, consent]
}

#[tokio::test]
async fn registration_2_logo_policy_and_terms_are_shown_at_sign_in_and_at_consent() {
    let at = presented(uris(
        "https://cdn.example:8443/logo.svg?v=1",
        "https://app.example/",
        "https://app.example/privacy",
        "https://app.example/terms",
    ));
    for page in pages_of_a_sign_in(&at, "en").await {
        let text = page.text();
        assert!(text.contains("<b>Books</b>"), "{text}");
        assert!(text.contains(r#"<img src="https://cdn.example:8443/logo.svg?v=1" alt="""#), "{text}");
        for link in ["https://app.example/", "https://app.example/privacy", "https://app.example/terms"] {
            let link = format!(r#"<a href="{link}" target="_blank" rel="noopener noreferrer">"#);
            assert!(text.contains(&link), "{link} in {text}");
        }
        let policy = page.header("content-security-policy");
        assert!(policy.contains("; img-src https://cdn.example:8443; "), "no more than the logo's origin: {policy}");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
    }
}

#[tokio::test]
async fn a_logo_can_say_nothing_else_about_the_page() {
    for host in ["cdn.example;sandbox", "cdn.example,sandbox", "*", "c'dn.example"] {
        let own = "https://app.example/";
        let at = presented(uris(&format!("https://{host}/logo.svg"), own, own, own));
        for page in pages_of_a_sign_in(&at, "en").await {
            let policy = page.header("content-security-policy");
            assert!(!policy.contains("img-src") && !policy.contains("sandbox"), "{host}: {policy}");
            assert!(!page.text().contains("<img"), "{host}");
        }
    }
}

#[tokio::test]
async fn registration_2_1_names_and_links_are_shown_in_the_language_of_the_page() {
    let at =
        presented(uris("https://a/l.png", "https://a/", "https://app.example/privacy", "https://app.example/terms"));
    for page in pages_of_a_sign_in(&at, "de-AT").await {
        let text = page.text();
        assert!(text.contains("Bücher &#60;b&#62;") && !text.contains("Books"), "{text}");
        assert!(text.contains(r#"href="https://app.example/datenschutz""#), "{text}");
        assert!(text.contains(r#"href="https://app.example/terms""#), "what has no translation is shown as it is");
    }
}

#[tokio::test]
async fn what_is_no_address_of_the_web_is_neither_linked_nor_loaded() {
    let script = "javascript:alert(document.domain)";
    let at = presented(uris("data:image/svg+xml,<svg/>", script, script, "https://u:p@app.example/"));
    for page in pages_of_a_sign_in(&at, "en").await {
        let text = page.text();
        assert!(!text.contains("<img") && !text.contains("javascript:") && !text.contains("u:p@"), "{text}");
        assert!(!page.header("content-security-policy").contains("img-src"));
    }
    // In a page that came by https a browser loads no image without.
    let at = presented(uris("http://app.example/l.png", script, script, "http://app.example/terms"));
    for page in pages_of_a_sign_in(&at, "en").await {
        assert!(!page.text().contains("<img") && page.text().contains(r#"href="http://app.example/terms""#));
    }
}
