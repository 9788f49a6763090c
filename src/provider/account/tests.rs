//! The own page, as a person with a browser meets it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;

use axum::http::StatusCode;

use crate::{
    provider::testing::{
        REDIRECT_URI, Reply, TestProvider, VERIFIER,
        browser::{Browser, authorize, code, error},
        client, realm, user,
    },
    realm::{Password, PasswordChange, PasswordNotWritten, PasswordWriter, Presentation, Presentations},
    secret::Secret,
};

const OFFLINE: &[(&str, &str)] = &[("scope", "openid profile offline_access reports")];

fn staff() -> TestProvider {
    realm()
        .client(client("app").consent().with(|client| client.display_name = "Grafana".into()))
        .client(client("quick"))
        .user(user("ada").password("hunter2"))
        .user(user("bob").password("hunter3"))
        .serve()
}

/// The hidden fields of the form in which `marker` stands.
fn form(page: &Reply, marker: &str) -> Vec<(String, String)> {
    let form = page.text().split("<form").skip(1).map(|rest| rest.split("</form>").next().unwrap());
    let form =
        form.into_iter().find(|form| form.contains(marker)).unwrap_or_else(|| panic!("{marker}: {}", page.text()));
    let attribute = |input: &str, name: &str| {
        let value = input.split(&format!("{name}=\"")).nth(1).unwrap().split('"').next().unwrap();
        value.replace("&#38;", "&").replace("&amp;", "&")
    };
    let inputs = form.split("<input").skip(1).filter(|input| input.contains("type=\"hidden\""));
    inputs.map(|input| (attribute(input, "name"), attribute(input, "value"))).collect()
}

async fn press(browser: &mut Browser, page: &Reply, marker: &str) -> Reply {
    let fields = form(page, marker);
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let reply = browser.post("/account", &fields).await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER, "{}", reply.text());
    browser.open(reply.header("location")).await
}

/// Signs in to the page itself.
async fn sign_in(browser: &mut Browser, username: &str, password: &str) -> Reply {
    let page = browser.open("/account").await;
    browser.submit(&page, &[("username", username), ("password", password)]).await
}

/// Ada's browser, signed in to the page.
async fn ada(at: &TestProvider) -> Browser {
    let mut browser = Browser::new(at);
    let page = sign_in(&mut browser, "ada", "hunter2").await;
    assert!(is_own_page(&page), "{}", page.text());
    browser
}

fn is_own_page(page: &Reply) -> bool {
    page.status == StatusCode::OK && page.text().contains("<h1>Your account</h1>")
}

async fn is_signed_in(browser: &mut Browser) -> bool {
    is_own_page(&browser.open("/account").await)
}

/// The tokens of a client, agreed to where it asks.
async fn tokens(browser: &mut Browser, client: &str, parameters: &[(&str, &str)]) -> serde_json::Value {
    let parameters = [&[("client_id", client)], parameters].concat();
    let mut reply = browser.open(&authorize(&parameters)).await;
    if reply.status == StatusCode::OK {
        reply = browser.submit(&reply, &[("action", "allow")]).await;
    }
    let reply = browser.at.redeem(client, &code(&reply)).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    reply.json()
}

async fn refreshes(at: &TestProvider, client: &str, tokens: &serde_json::Value) -> bool {
    let form = [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
    let reply = at.token(client, &form).await;
    assert!(reply.status == StatusCode::OK || reply.error() == (400, "invalid_grant".into()), "{}", reply.text());
    reply.status == StatusCode::OK
}

#[tokio::test]
async fn who_is_not_signed_in_signs_in_on_the_page_and_is_there() {
    let staff = staff();
    let mut browser = Browser::new(&staff);
    let page = browser.open("/account").await;
    assert!(page.text().contains("to see your account") && !page.text().contains("<script"), "{}", page.text());
    let page = browser.submit(&page, &[("username", "ada"), ("password", "hunter2")]).await;
    assert!(is_own_page(&page));
    for text in ["The user ada", "ada@example.com", "No application has access", "This browser"] {
        assert!(page.text().contains(text), "{text}");
    }
    // The same session serves every client, and theirs serves the page.
    code(&browser.open(&authorize(&[("client_id", "quick")])).await);
    let mut other = Browser::new(&staff);
    other.sign_in("ada", "hunter2", &[("client_id", "quick")]).await;
    assert!(is_signed_in(&mut other).await);
}

#[tokio::test]
async fn a_sign_in_on_the_page_is_held_to_the_same_rules_as_any_other() {
    let staff = realm().settings(|settings| settings.login.lockout.max_failures = 2);
    let staff = staff.client(client("app")).user(user("ada").password("hunter2")).serve();
    let mut browser = Browser::new(&staff);
    let page = browser.open("/account").await;
    let missing = browser.submit(&page, &[("username", "ada"), ("password", "")]).await;
    assert_eq!(missing.status, StatusCode::UNPROCESSABLE_ENTITY);
    for status in [StatusCode::UNPROCESSABLE_ENTITY, StatusCode::TOO_MANY_REQUESTS] {
        let wrong = browser.submit(&page, &[("username", "ada"), ("password", "wrong")]).await;
        assert_eq!(wrong.status, status);
        assert!(wrong.text().contains("role=\"alert\"") && !wrong.text().contains("wrong\""));
    }
    let locked = browser.submit(&page, &[("username", "ada"), ("password", "hunter2")]).await;
    assert_eq!((locked.status, locked.header("retry-after").is_empty()), (StatusCode::TOO_MANY_REQUESTS, false));
    staff.change(|realm| {
        let mut settings = crate::provider::testing::realm().build().settings;
        Arc::get_mut(&mut settings).unwrap().login.passwords = false;
        realm.settings = settings;
    });
    assert_eq!(browser.open("/account").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_form_of_another_site_signs_nobody_in_and_changes_nothing() {
    let staff = staff();
    let mut fresh = Browser::new(&staff);
    let credentials = [("username", "ada"), ("password", "hunter2")];
    assert_eq!(fresh.post("/account", &credentials).await.status, StatusCode::BAD_REQUEST, "no cookie, no token");
    let foreign = form(&Browser::new(&staff).open("/account").await, "password");
    let foreign = [("csrf", foreign[0].1.as_str())];
    let stolen = [&credentials[..], &foreign[..]].concat();
    assert_eq!(fresh.post("/account", &stolen).await.status, StatusCode::BAD_REQUEST, "the token of another browser");
    assert!(!is_signed_in(&mut fresh).await);

    let mut browser = ada(&staff).await;
    let granted = tokens(&mut browser, "app", OFFLINE).await;
    let mut second = ada(&staff).await;
    for form in [
        &[("action", "withdraw"), ("target", "app")][..],
        &[("action", "withdraw"), ("target", "app"), ("csrf", "x")],
        &[("action", "end-others"), ("target", ""), ("csrf", "")],
        &[("action", "nonsense")],
        &[],
    ] {
        let reply = browser.post("/account", form).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{form:?}");
        assert!(reply.text().contains("role=\"alert\""), "{form:?}");
    }
    // A token fits its own form only.
    let page = browser.open("/account").await;
    let csrf = form(&page, "end-others").into_iter().find(|(name, _)| name == "csrf").unwrap().1;
    let crossed = [("action", "withdraw"), ("target", "app"), ("csrf", csrf.as_str())];
    assert_eq!(browser.post("/account", &crossed).await.status, StatusCode::BAD_REQUEST);
    assert!(is_signed_in(&mut second).await && refreshes(&staff, "app", &granted).await);
}

#[tokio::test]
async fn the_page_can_be_framed_and_kept_by_nobody() {
    let staff = staff();
    let mut browser = ada(&staff).await;
    let page = browser.open("/account").await;
    assert!(page.header("content-security-policy").contains("frame-ancestors 'none'"));
    assert_eq!((page.header("x-frame-options"), page.header("cache-control")), ("DENY", "no-store"));
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    let reply = browser.load("/account").await;
    assert!(!reply.headers.contains_key("set-cookie"), "a look at the page changes nothing");
}

#[tokio::test]
async fn what_was_granted_is_shown_and_withdrawn_with_every_token_and_asked_for_again() {
    let staff = staff();
    let mut browser = ada(&staff).await;
    let app = tokens(&mut browser, "app", OFFLINE).await;
    let quick = tokens(&mut browser, "quick", &[("scope", "openid offline_access")]).await;
    let mut bob = Browser::new(&staff);
    sign_in(&mut bob, "bob", "hunter3").await;
    let of_bob = tokens(&mut bob, "app", OFFLINE).await;
    let page = browser.open("/account").await;
    for text in ["Grafana", "See your profile", "Read your reports", "Since ", "last used "] {
        assert!(page.text().contains(text), "{text}: {}", page.text());
    }
    let page = press(&mut browser, &page, "value=\"app\"").await;
    assert!(page.text().contains("The application has no access any more"), "{}", page.text());
    assert!(!page.text().contains("value=\"app\"") && page.text().contains("value=\"quick\""), "{}", page.text());
    assert!(!refreshes(&staff, "app", &app).await);
    assert!(!staff.is_active("app", app["access_token"].as_str().unwrap()).await);
    let asked = browser.open(&authorize(OFFLINE)).await;
    assert!(asked.text().contains("Give Grafana access?"));
    assert_eq!(error(&browser.load(&authorize(&[("prompt", "none")])).await), "consent_required");
    assert!(refreshes(&staff, "quick", &quick).await, "another client's stays");
    assert!(refreshes(&staff, "app", &of_bob).await, "another person's stays");
}

#[tokio::test]
async fn a_code_that_is_on_its_way_is_worth_nothing_once_access_is_withdrawn() {
    let staff = staff();
    let mut browser = ada(&staff).await;
    tokens(&mut browser, "app", OFFLINE).await;
    let on_its_way = code(&browser.open(&authorize(OFFLINE)).await);
    let page = browser.open("/account").await;
    press(&mut browser, &page, "value=\"app\"").await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &on_its_way),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    assert_eq!(staff.token("app", &form).await.error(), (400, "invalid_grant".into()));
}

#[tokio::test]
async fn consent_lives_for_a_year_after_its_last_use() {
    let staff = staff();
    let mut browser = ada(&staff).await;
    tokens(&mut browser, "app", &[]).await;
    const DAY: Duration = Duration::from_secs(24 * 3600);
    for _ in 0..3 {
        staff.advance(DAY * 200);
        let mut later = ada(&staff).await;
        code(&later.open(&authorize(&[("prompt", "none")])).await);
    }
    staff.advance(DAY * 366);
    let mut later = ada(&staff).await;
    assert_eq!(error(&later.open(&authorize(&[("prompt", "none")])).await), "consent_required");
}

#[tokio::test]
async fn sessions_are_shown_with_where_they_are_and_each_can_be_ended_with_its_tokens() {
    const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let staff = staff();
    let mut here = ada(&staff).await;
    staff.advance(Duration::from_secs(3600));
    let mut there = Browser { agent: FIREFOX, ..Browser::new(&staff) };
    sign_in(&mut there, "ada", "hunter2").await;
    let bound = tokens(&mut there, "quick", &[("scope", "openid")]).await;
    let offline = tokens(&mut there, "quick", &[("scope", "openid offline_access")]).await;
    let page = here.open("/account").await;
    for text in ["Firefox, Linux", "127.0.0.1", "Used for The app quick", "This browser", "Unknown browser"] {
        assert!(page.text().contains(text), "{text}: {}", page.text());
    }
    assert_eq!(page.text().matches("value=\"end-session\"").count(), 1, "not for this browser");
    for secret in here.cookies.values().chain(there.cookies.values()) {
        assert!(!page.text().contains(secret.as_str()), "no cookie stands in the page");
    }
    let page = press(&mut here, &page, "value=\"end-session\"").await;
    assert!(page.text().contains("You are signed out there.") && !page.text().contains("Firefox"), "{}", page.text());
    assert!(!is_signed_in(&mut there).await && is_signed_in(&mut here).await);
    assert!(!refreshes(&staff, "quick", &bound).await, "it was bound to the session");
    assert!(refreshes(&staff, "quick", &offline).await, "offline_access outlives the session");
}

#[tokio::test]
async fn all_other_sessions_end_at_once_and_nobody_elses() {
    let staff = staff();
    let (mut here, mut one, mut two) = (ada(&staff).await, ada(&staff).await, ada(&staff).await);
    let mut bob = Browser::new(&staff);
    sign_in(&mut bob, "bob", "hunter3").await;
    let page = here.open("/account").await;
    let page = press(&mut here, &page, "value=\"end-others\"").await;
    assert!(page.text().contains("You are signed out everywhere else.") && !page.text().contains("end-others"));
    assert!(!is_signed_in(&mut one).await && !is_signed_in(&mut two).await);
    assert!(is_signed_in(&mut here).await && is_signed_in(&mut bob).await);
}

#[tokio::test]
async fn a_password_that_was_changed_elsewhere_ends_the_sessions_of_the_old_one() {
    let staff = staff();
    let mut browser = ada(&staff).await;
    let change = |password: Option<Password>| {
        staff.change(|realm| {
            let ada = user("ada").with(|user| user.password = password).0;
            realm.users.insert_mut(ada.subject.clone(), Arc::new(ada));
        });
    };
    change(None);
    assert!(is_signed_in(&mut browser).await, "a Secret that is gone for a moment ends nothing");
    change(Some(Password::Plain(Secret::new("hunter2"))));
    assert!(is_signed_in(&mut browser).await, "the same again");
    let stored = format!("{:?}", staff.provider.store);
    assert!(!stored.contains("hunter2"));
    change(Some(Password::Plain(Secret::new("hunter4"))));
    assert!(!is_signed_in(&mut browser).await);
    sign_in(&mut browser, "ada", "hunter4").await;
    assert!(is_signed_in(&mut browser).await);
}

#[tokio::test]
async fn a_password_hash_that_was_changed_elsewhere_ends_grants_too() {
    let hash = |salt: &str| {
        let hash = format!("$pbkdf2-sha256$i=1000${salt}$RilxBxnvGa3JIyaXwlUUKmvuPzxjHerJeqIuhiIvKNU");
        Some(Password::Phc(hash.parse().unwrap()))
    };
    let old = hash("c2FsdHNhbHRzYWx0c2FsdA");
    let ada = user("ada").with(|user| user.password = old.clone());
    let staff = realm().client(client("app").consent()).user(ada).serve();
    let change = |password: Option<Password>| {
        staff.change(|realm| {
            let ada = user("ada").with(|user| user.password = password).0;
            realm.users.insert_mut(ada.subject.clone(), Arc::new(ada));
        });
    };
    let mut browser = Browser::new(&staff);
    sign_in(&mut browser, "ada", "hunter2").await;
    let granted = tokens(&mut browser, "app", OFFLINE).await;
    let access = granted["access_token"].as_str().unwrap();
    for same in [None, old] {
        change(same);
        assert!(refreshes(&staff, "app", &granted).await && staff.is_active("app", access).await);
    }
    for other in [hash("b3RoZXJvdGhlcm90aGVyMQ"), Some(Password::Plain(Secret::new("hunter2")))] {
        change(other);
        assert!(!refreshes(&staff, "app", &granted).await && !staff.is_active("app", access).await);
    }
}

#[tokio::test]
async fn oidc_4_the_page_offers_to_begin_a_sign_in_at_each_application_that_can() {
    let initiates = |id: &str, uri: &str| {
        let uri = uri.into();
        client(id).with(|client| {
            client.display_name = format!("Door {id}").into();
            client.initiate_login_uri = Some(uri);
        })
    };
    let home = Presentation { home: Some("https://app.example/?a=1&b".into()), ..Presentation::default() };
    let staff = realm()
        .client(initiates("app", "https://app.example/start?x=1").with(|client| {
            client.presentation = Presentations { default: home, localized: Vec::new() };
        }))
        .client(initiates("plain", "http://app.example/start"))
        .client(initiates("script", "javascript:alert(1)"))
        .client(initiates("others", "https://others.example/start").access_groups(&["auditors"]))
        .client(client("none"))
        .user(user("ada").password("hunter2"))
        .serve();
    let page = ada(&staff).await.open("/account").await;
    let links: Vec<_> = page.text().split("<a class=\"button second\" href=\"").skip(1).collect();
    assert_eq!(links.len(), 1, "https only, and only where the person may sign in: {}", page.text());
    let href = links[0].split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
    let url = url::Url::parse(&href).unwrap();
    assert!(href.starts_with("https://app.example/start?x=1&"), "{href}");
    let parameters: Vec<_> = url.query_pairs().map(|(name, value)| format!("{name}={value}")).collect();
    let want = [
        "x=1",
        "iss=https://id.example.com/realms/staff",
        "login_hint=ada",
        "target_link_uri=https://app.example/?a=1&b",
    ];
    assert_eq!(parameters, want);
}

#[tokio::test]
async fn names_from_elsewhere_are_text_on_the_page_and_it_speaks_german() {
    let staff = staff();
    let evil = "<img src=x onerror=alert(1)>";
    staff.change(|realm| {
        let app = client("app").consent().with(|client| client.display_name = evil.into()).0;
        realm.clients.insert_mut(app.id.clone(), Arc::new(app));
    });
    let mut browser = Browser { language: "de", ..ada(&staff).await };
    tokens(&mut browser, "app", &[]).await;
    let page = browser.open("/account").await;
    assert!(!page.text().contains(evil) && page.text().contains("&#60;img"), "{}", page.text());
    assert!(page.text().contains("<h1>Ihr Konto</h1>") && page.text().contains("Zugriff entziehen"));
}

const NEW: &str = "correct horse battery";

/// Keeps what it is told to write, and answers as it is told.
#[derive(Debug, Default)]
struct Writer {
    written: Mutex<Vec<PasswordChange>>,
    refusal: Mutex<Option<PasswordNotWritten>>,
}

#[async_trait]
impl PasswordWriter for Writer {
    async fn write(&self, change: PasswordChange) -> Result<(), PasswordNotWritten> {
        match self.refusal.lock().unwrap().clone() {
            Some(refusal) => Err(refusal),
            None => {
                self.written.lock().unwrap().push(change);
                Ok(())
            }
        }
    }
}

/// A realm that lets people change their password (or not), and the writer.
fn permitting(permits: bool) -> (TestProvider, Arc<Writer>) {
    let staff = realm().settings(|settings| {
        settings.login.password_change = permits;
        settings.login.lockout.max_failures = 3;
    });
    let staff = staff
        .client(client("app").consent())
        .user(user("ada").password("hunter2"))
        .user(user("bob").password("hunter3"));
    let (mut at, writer) = (staff.serve(), Arc::new(Writer::default()));
    Arc::get_mut(&mut at.provider).unwrap().password_writer = Some(writer.clone());
    (at, writer)
}

async fn change(browser: &mut Browser, current: &str, new: &str, again: &str) -> Reply {
    let page = browser.open("/account").await;
    let mut fields = form(&page, "change-password");
    for (name, value) in [("current-password", current), ("new-password", new), ("new-password-again", again)] {
        fields.push((name.to_owned(), value.to_owned()));
    }
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    browser.post("/account", &fields).await
}

/// What the controller does with what was written.
fn publish(at: &TestProvider, change: &PasswordChange) {
    let new = change.new_password();
    at.change(|realm| {
        let ada = user("ada").with(|user| user.password = new).0;
        realm.users.insert_mut(ada.subject.clone(), Arc::new(ada));
    });
}

#[tokio::test]
async fn a_new_password_is_written_hashed_and_ends_whatever_the_old_one_had_begun_elsewhere() {
    let (staff, writer) = permitting(true);
    let (mut here, mut there) = (ada(&staff).await, ada(&staff).await);
    let granted = tokens(&mut here, "app", OFFLINE).await;
    let reply = change(&mut here, "hunter2", NEW, NEW).await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER, "{}", reply.text());
    let written = writer.written.lock().unwrap().pop().unwrap();
    assert_eq!(written.user.to_string(), "identity/ada");
    assert_eq!(written.old, Password::Plain(Secret::new("hunter2")));
    assert!(written.new.expose_str().unwrap().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert!(crate::account::Check::against(&written.new_password().unwrap()).run(&Secret::new(NEW)).unwrap());
    // This replica has not seen it yet, then it has: the browser goes on, the other does not, and no token is left.
    assert!(here.open(reply.header("location")).await.text().contains("Your password is changed"));
    publish(&staff, &written);
    assert!(is_signed_in(&mut here).await && !is_signed_in(&mut there).await);
    assert!(!refreshes(&staff, "app", &granted).await, "offline_access is ended too");
    assert!(is_own_page(&sign_in(&mut there, "ada", NEW).await));
}

#[tokio::test]
async fn the_old_password_is_asked_for_under_the_lockout_and_nothing_is_written_without_it() {
    let (staff, writer) = permitting(true);
    let mut browser = ada(&staff).await;
    for status in [StatusCode::UNPROCESSABLE_ENTITY, StatusCode::UNPROCESSABLE_ENTITY, StatusCode::TOO_MANY_REQUESTS] {
        assert_eq!(change(&mut browser, "wrong", NEW, NEW).await.status, status);
    }
    assert_eq!(change(&mut browser, "hunter2", NEW, NEW).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(writer.written.lock().unwrap().is_empty());
    assert!(is_signed_in(&mut browser).await, "a session that is there goes on");
}

#[tokio::test]
async fn a_password_that_is_short_known_or_a_name_is_refused_with_a_sentence() {
    let (staff, writer) = permitting(true);
    let mut browser = ada(&staff).await;
    let long = "x".repeat(1025);
    for (new, again, said) in [
        ("", "", "Enter your current password"),
        ("short", "short", "at least 12 characters"),
        ("            ", "            ", "at least 12 characters"),
        (NEW, "another one entirely", "differ"),
        (&long, &long, "too long"),
        ("ADA@example.com", "ADA@example.com", "is no password"),
        ("hunter2", "hunter2", "have already"),
    ] {
        let reply = change(&mut browser, "hunter2", new, again).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{new}");
        assert!(reply.text().contains(said), "{said}: {}", reply.text());
        assert!(
            new.is_empty() || new == "short" || !reply.text().contains(&format!("\"{new}\"")),
            "it is not sent back"
        );
    }
    assert!(writer.written.lock().unwrap().is_empty());
    // Twelve characters are twelve, however many bytes.
    assert_eq!(change(&mut browser, "hunter2", "üüüüüüüüüüüü", "üüüüüüüüüüüü").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn where_the_realm_does_not_permit_it_there_is_no_form_and_no_way_around_it() {
    let (staff, writer) = permitting(false);
    let mut browser = ada(&staff).await;
    let page = browser.open("/account").await;
    assert!(!page.text().contains("change-password"));
    let secret = browser.cookies.iter().find(|(name, _)| name.contains("session")).unwrap().1.clone();
    let csrf = crate::provider::csrf::token(&secret, &["account", "change-password", ""]);
    let forged = [
        ("action", "change-password"),
        ("target", ""),
        ("csrf", &csrf),
        ("current-password", "hunter2"),
        ("new-password", NEW),
        ("new-password-again", NEW),
    ];
    assert_eq!(browser.post("/account", &forged).await.status, StatusCode::FORBIDDEN);
    assert!(writer.written.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_password_that_could_not_be_written_has_changed_nothing() {
    let (staff, writer) = permitting(true);
    let (mut here, mut there) = (ada(&staff).await, ada(&staff).await);
    for (refusal, status) in [
        (PasswordNotWritten::NotOurs("the Secret ada-login is immutable".into()), StatusCode::FORBIDDEN),
        (PasswordNotWritten::Changed, StatusCode::CONFLICT),
        (PasswordNotWritten::Unavailable("no answer".into()), StatusCode::SERVICE_UNAVAILABLE),
    ] {
        *writer.refusal.lock().unwrap() = Some(refusal);
        let reply = change(&mut here, "hunter2", NEW, NEW).await;
        assert_eq!(reply.status, status);
        assert!(!reply.text().contains("immutable") && reply.text().contains("role=\"alert\""), "{}", reply.text());
    }
    assert!(is_signed_in(&mut here).await && is_signed_in(&mut there).await);
}
