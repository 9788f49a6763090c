use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{
    agent::{Agent, Form, Landing, Page},
    served::{PASSWORD, SOON, Served, secret},
};
use crate::control_plane::wait::eventually;

const NEW: &str = "difference engine no. 2";

/// A realm where people may change their password, with Ada.
async fn realm_with_ada(served: &Served) -> String {
    let realm = json!({"login": {"passwordChange": "Enabled"}, "webFinger": {"domains": ["people.example"]}});
    served.apply([served.realm(realm)]).await;
    served.apply_ada().await;
    format!("{}/account", served.issuer().await)
}

async fn page(browser: &Agent, url: &str) -> Page {
    match browser.open(url).await {
        Landing::Page(page) => page,
        Landing::Away(url) => panic!("{url}"),
    }
}

/// Sends the form that has a field of this name with this value.
async fn send(browser: &Agent, page: &Page, marker: (&str, &str), typed: &[(&str, &str)]) -> Page {
    let has = |form: &Form| form.fields.iter().any(|(name, value)| (name.as_str(), value.as_str()) == marker);
    let form = page.forms().into_iter().find(has).unwrap_or_else(|| panic!("{marker:?} on {}", page.body));
    let mut fields = form.fields;
    fields.retain(|(name, _)| !typed.iter().any(|(known, _)| known == name));
    fields.extend(typed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let answer = browser.post(page, &form.action, &fields).await;
    match browser.follow(answer).await {
        Landing::Page(page) => page,
        Landing::Away(url) => panic!("{url}"),
    }
}

/// A browser that is signed in to the account page, and the page.
async fn signed_in(served: &Served, account: &str, password: &str) -> Option<(Agent, Page)> {
    let browser = served.browser();
    let form = page(&browser, account).await;
    let landing = browser.submit(&form, &[("username", "ada"), ("password", password)]).await;
    match landing {
        Landing::Page(page) if is_account(&page) => Some((browser, page)),
        _ => None,
    }
}

fn is_account(page: &Page) -> bool {
    page.status == StatusCode::OK && page.body.contains("id=\"sessions\"")
}

/// The new password is good wherever a person signs in, the old one is not, and what was signed in by the old one is signed out.
pub async fn a_person_changes_the_password(served: &Served) {
    let account = realm_with_ada(served).await;
    let (elsewhere, _) = signed_in(served, &account, PASSWORD).await.expect("the old password is good");
    let (browser, own) = signed_in(served, &account, PASSWORD).await.unwrap();
    let marker = ("action", "change-password");
    let typed = [("current-password", "wrong"), ("new-password", NEW), ("new-password-again", NEW)];
    let refused = send(&browser, &own, marker, &typed).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text());
    let typed = [("current-password", PASSWORD), ("new-password", NEW), ("new-password-again", NEW)];
    let changed = send(&browser, &own, marker, &typed).await;
    assert!(is_account(&changed) && changed.body.contains("role=\"status\""), "{}", changed.text());
    assert!(is_account(&page(&browser, &account).await), "this browser goes on");
    assert!(!is_account(&page(&elsewhere, &account).await), "the other is signed out");
    assert!(signed_in(served, &account, NEW).await.is_some(), "the new password is good");
    assert!(signed_in(served, &account, PASSWORD).await.is_none(), "the old one is not");
    // Once more, from what the page has written itself.
    let (browser, own) = signed_in(served, &account, NEW).await.unwrap();
    let next = "jacquard loom cards";
    let typed = [("current-password", NEW), ("new-password", next), ("new-password-again", next)];
    assert!(is_account(&send(&browser, &own, marker, &typed).await));
    assert!(signed_in(served, &account, next).await.is_some() && signed_in(served, &account, NEW).await.is_none());
}

/// Whoever writes the password anew (kubectl, a secret store) ends what was signed in by the old one.
pub async fn a_password_that_is_written_anew_ends_the_sessions_of_the_old_one(served: &Served) {
    let account = realm_with_ada(served).await;
    let (browser, own) = signed_in(served, &account, PASSWORD).await.unwrap();
    let typed = [("current-password", PASSWORD), ("new-password", NEW), ("new-password-again", NEW)];
    assert!(is_account(&send(&browser, &own, ("action", "change-password"), &typed).await));
    let third = "written by somebody else";
    // In a cluster the entry that the page has written goes before `password`; whoever writes the Secret anew takes it out.
    served.resources.delete("Secret", "ada-login").await;
    served.apply([secret("ada-login", &[("password", third)])]).await;
    eventually("the session of the old password has ended", SOON, || async {
        if is_account(&page(&browser, &account).await) { Err("signed in") } else { Ok(()) }
    })
    .await;
    eventually("the password that was written last is good", SOON, || async {
        signed_in(served, &account, third).await.map(drop).ok_or("it is not")
    })
    .await;
}

/// OpenID Connect Discovery section 2: from an address to the issuer, and from there to the metadata.
pub async fn webfinger_leads_from_an_address_to_the_issuer(served: &Served) {
    realm_with_ada(served).await;
    let issuer = served.issuer().await;
    let origin = url::Url::parse(&issuer).unwrap().origin().ascii_serialization();
    let ask = async |resource: &str| {
        let mut url = url::Url::parse(&format!("{origin}/.well-known/webfinger")).unwrap();
        let rel = "http://openid.net/specs/connect/1.0/issuer";
        url.query_pairs_mut().append_pair("resource", resource).append_pair("rel", rel);
        served.http.get(url).send().await.unwrap()
    };
    let found = ask(&issuer).await;
    assert_eq!(found.headers()["content-type"], "application/jrd+json");
    assert_eq!(found.headers()["access-control-allow-origin"], "*");
    assert_eq!(found.json::<Value>().await.unwrap()["links"][0]["href"], *issuer);
    assert_eq!(ask("acct:nobody@elsewhere.example").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(ask("").await.status(), StatusCode::BAD_REQUEST);
}
