//! Session Management 1.0 by section.

use std::collections::BTreeSet;

use aws_lc_rs::digest;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

use crate::{
    provider::testing::{
        Reply, TestProvider,
        browser::{Browser, answer, authorize, error},
        client, realm, user,
    },
    realm::{GrantType, RedirectUri},
};

const COOKIE: &str = "__Host-rk-state-identity.staff";

fn staff() -> TestProvider {
    realm()
        .client(client("app"))
        .client(client("other"))
        .client(client("native").with(|client| {
            client.redirect_uris.push(RedirectUri::parse("com.example.app:/callback").unwrap());
        }))
        .user(user("ada").password("hunter2"))
        .user(user("bob").password("hunter3"))
        .serve()
}

fn set_cookies(reply: &Reply) -> Vec<&str> {
    reply.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect()
}

/// What the page's script computes, by the words of section 3.2.
fn is_unchanged(browser: &Browser, client: &str, origin: &str, session_state: &str) -> bool {
    let (hash, salt) = session_state.split_once('.').unwrap();
    let state = browser.cookies.get(COOKIE).cloned().unwrap_or_default();
    let text = format!("{client} {origin} {state} {salt}");
    hash == URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

#[tokio::test]
async fn session_management_2_a_successful_answer_has_session_state_without_a_space() {
    let mut browser = Browser::new(&staff());
    let mut seen = BTreeSet::new();
    for _ in 0..3 {
        let reply = match seen.is_empty() {
            true => browser.sign_in("ada", "hunter2", &[]).await,
            false => browser.load(&authorize(&[])).await,
        };
        let state = answer(&reply).remove("session_state").unwrap();
        assert!(!state.contains(' ') && is_unchanged(&browser, "app", "https://app.example", &state), "{state}");
        assert!(!is_unchanged(&browser, "other", "https://app.example", &state), "it is of one client");
        assert!(!is_unchanged(&browser, "app", "https://evil.example", &state), "and of one origin");
        seen.insert(state);
    }
    assert_eq!(seen.len(), 3, "each has a salt of its own");
}

#[tokio::test]
async fn session_management_2_an_error_has_a_session_state_of_its_own_that_holds_until_somebody_signs_in() {
    let staff = staff();
    let mut browser = Browser::new(&staff);
    let mut seen = BTreeSet::new();
    for _ in 0..3 {
        let reply = browser.load(&authorize(&[("prompt", "none")])).await;
        assert_eq!(error(&reply), "login_required");
        seen.insert(answer(&reply).remove("session_state").unwrap());
    }
    assert_eq!(seen.len(), 3, "nobody can be followed by it");
    let state = seen.first().unwrap();
    assert!(!state.contains(' ') && is_unchanged(&browser, "app", "https://app.example", state));
    browser.sign_in("ada", "hunter2", &[]).await;
    assert!(!is_unchanged(&browser, "app", "https://app.example", state));
    // An error in a browser in which somebody is signed in, and one after the session has ended.
    let refused = answer(&browser.load(&authorize(&[("prompt", "none"), ("max_age", "x")])).await);
    assert!(is_unchanged(&browser, "app", "https://app.example", &refused["session_state"]), "{refused:?}");
    staff.advance(std::time::Duration::from_secs(25 * 3600));
    let ended = answer(&browser.load(&authorize(&[("prompt", "none")])).await);
    assert!(is_unchanged(&browser, "app", "https://app.example", &ended["session_state"]), "{ended:?}");
}

#[tokio::test]
async fn session_management_2_an_application_without_web_pages_gets_one_that_no_page_can_ask_about() {
    let mut browser = Browser::new(&staff());
    browser.sign_in("ada", "hunter2", &[]).await;
    let native = [("client_id", "native"), ("redirect_uri", "com.example.app:/callback")];
    let reply = browser.load(&authorize(&native)).await;
    let query = reply.header("location").split_once('?').unwrap().1;
    let answer: std::collections::BTreeMap<_, _> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    assert!(answer.contains_key("code") && !answer["session_state"].contains(' '));
    assert!(is_unchanged(&browser, "native", "null", &answer["session_state"]), "RFC 6454 section 6.2: null");
    assert!(super::SCRIPT.contains(r#"event.origin === "null") { return; }"#), "and that is never answered");
}

#[tokio::test]
async fn session_management_3_2_the_browser_state_can_be_read_by_script_in_a_frame_of_another_site() {
    let reply = Browser::new(&staff()).sign_in("ada", "hunter2", &[]).await;
    let set: Vec<_> = set_cookies(&reply).into_iter().filter(|cookie| cookie.starts_with(COOKIE)).collect();
    assert!(matches!(set[..], [one] if one.ends_with("; Path=/; SameSite=None; Secure")), "{set:?}");
    // Over plain HTTP, on loopback, browsers take no SameSite=None.
    let local = realm().issuer("http://localhost:8080/realms/staff").client(client("app"));
    let local = local.user(user("ada").password("hunter2")).serve();
    let reply = Browser::new(&local).sign_in("ada", "hunter2", &[]).await;
    let cookies = set_cookies(&reply);
    let set: Vec<_> = cookies.iter().filter(|cookie| cookie.starts_with("rk-state-identity.staff=")).collect();
    assert!(matches!(set[..], [one] if one.ends_with("; Path=/realms/staff; SameSite=Lax")), "{cookies:?}");
}

#[tokio::test]
async fn session_management_3_2_the_browser_state_changes_with_sign_in_sign_out_and_another_user() {
    let staff = staff();
    let mut browser = Browser::new(&staff);
    let state = async |browser: &mut Browser, reply: Reply| {
        let state = answer(&reply).remove("session_state").unwrap();
        (browser.cookies[COOKIE].clone(), state)
    };
    let reply = browser.sign_in("ada", "hunter2", &[]).await;
    let (ada, of_ada) = state(&mut browser, reply).await;
    // The same person once more, with a password or without: it is the same session.
    staff.advance(std::time::Duration::from_secs(1));
    let reply = browser.sign_in("ada", "hunter2", &[("prompt", "login")]).await;
    assert_eq!(state(&mut browser, reply).await.0, ada);
    assert!(is_unchanged(&browser, "app", "https://app.example", &of_ada));
    staff.advance(std::time::Duration::from_secs(1));
    let reply = browser.sign_in("bob", "hunter3", &[("prompt", "login")]).await;
    let (bob, of_bob) = state(&mut browser, reply).await;
    assert_ne!(ada, bob);
    assert!(!is_unchanged(&browser, "app", "https://app.example", &of_ada));
    let page = browser.load("/logout").await;
    let reply = browser.submit(&page, &[("action", "sign-out")]).await;
    assert!(set_cookies(&reply).iter().any(|cookie| cookie.starts_with(COOKIE) && cookie.contains("Max-Age=0")));
    assert!(!browser.cookies.contains_key(COOKIE) && !is_unchanged(&browser, "app", "https://app.example", &of_bob));
    let reply = browser.sign_in("bob", "hunter3", &[]).await;
    assert_ne!(state(&mut browser, reply).await.0, bob, "another session of the same person is another");
}

#[tokio::test]
async fn a_browser_state_that_is_lost_or_stale_is_set_right_at_the_next_visit() {
    let staff = staff();
    let mut browser = Browser::new(&staff);
    browser.sign_in("ada", "hunter2", &[]).await;
    let state = browser.cookies.remove(COOKIE).unwrap();
    browser.load(&authorize(&[])).await;
    assert_eq!(browser.cookies[COOKIE], state);
    let session = browser.cookies["__Host-rk-session-identity.staff"].clone();
    staff.advance(std::time::Duration::from_secs(25 * 3600));
    // From another site it comes alone, and says nothing.
    browser.cookies.remove("__Host-rk-session-identity.staff");
    browser.load(&authorize(&[("prompt", "none")])).await;
    assert!(browser.cookies.contains_key(COOKIE));
    browser.cookies.insert("__Host-rk-session-identity.staff".into(), session);
    browser.load(&authorize(&[("prompt", "none")])).await;
    assert!(!browser.cookies.contains_key(COOKIE), "the session has ended");
}

#[tokio::test]
async fn session_management_3_3_the_iframe_is_served_to_every_site_under_a_policy_that_allows_its_script_alone() {
    let staff = staff();
    let page = staff.get("/session", &[]).await;
    assert_eq!(page.status.as_u16(), 200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("x-frame-options"), "", "that would keep it out of every frame");
    let policy = page.header("content-security-policy");
    assert!(policy.contains("frame-ancestors *") && policy.starts_with("default-src 'none'; script-src 'sha256-"));
    let script = page.text().split_once("<script>").unwrap().1.split_once("</script>").unwrap().0;
    let hash = STANDARD.encode(digest::digest(&digest::SHA256, script.as_bytes()));
    assert!(policy.contains(&format!("'sha256-{hash}'")), "{policy}");
    assert!(page.text().contains(&format!("data-cookie=\"{COOKIE}\"")));
    assert!(set_cookies(&page).is_empty(), "who looks at it is told nothing and changes nothing");
    let post = staff.post_form("/session", &[], &[]).await;
    assert_eq!((post.status.as_u16(), post.header("allow")), (405, "GET, HEAD, OPTIONS"));
    // No other page of the provider can be put into a frame.
    for path in ["/logout", "/login", "/authorize"] {
        let page = staff.get(path, &[]).await;
        assert!(page.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(page.header("x-frame-options"), "DENY", "{path}");
    }
}

#[tokio::test]
async fn session_management_3_3_discovery_lists_the_iframe_where_people_sign_in() {
    let metadata = staff().get("/.well-known/openid-configuration", &[]).await.json();
    assert_eq!(metadata["check_session_iframe"], "https://id.example.com/realms/staff/session");
    let machines = realm().settings(|settings| settings.grant_types = vec![GrantType::ClientCredentials]).serve();
    let metadata = machines.get("/.well-known/openid-configuration", &[]).await.json();
    assert!(metadata.get("check_session_iframe").is_none());
    assert_eq!(machines.get("/session", &[]).await.status.as_u16(), 404);
}
