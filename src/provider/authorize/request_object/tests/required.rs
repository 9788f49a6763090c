use serde_json::json;

use super::{app, ask, ending, of, signed, unsigned};
use crate::{
    provider::testing::{
        CHALLENGE, REDIRECT_URI, TestProvider,
        browser::{Browser, answer, authorize, code},
        encode,
    },
    store::{IdHash, Kind},
};

fn strict() -> TestProvider {
    of(app(|policy| policy.required = true)).serve()
}

/// All of a request, as RFC 9101 has it.
fn whole(change: serde_json::Value) -> String {
    let mut members = json!({"code_challenge": CHALLENGE, "code_challenge_method": "S256", "nonce": "inside"});
    members.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    signed(members)
}

#[tokio::test]
async fn rfc9101_10_5_a_client_that_must_sign_is_refused_without_and_with_an_unsigned_object() {
    let staff = strict();
    assert_eq!(ask(&staff, &[]).await, "invalid_request");
    assert_eq!(ask(&staff, &[("request", &unsigned(json!({})))]).await, "invalid_request_object");
    assert_eq!(ask(&staff, &[("request", &whole(json!({})))]).await, "sign-in");
}

#[tokio::test]
async fn rfc9101_6_3_of_such_a_client_only_what_is_signed_counts() {
    let staff = strict();
    let mut browser = Browser::new(&staff);
    let parameters = [("request", &*whole(json!({}))), ("scope", "openid email"), ("nonce", "outside"), ("state", "x")];
    let reply = browser.sign_in("ada", "hunter2", &parameters).await;
    assert_eq!(answer(&reply)["state"], "of the object");
    let tokens = staff.redeem("app", &code(&reply)).await.json();
    assert_eq!(crate::provider::testing::verified(tokens["id_token"].as_str().unwrap()).1["nonce"], "inside");
    assert_eq!(tokens["scope"], "openid");
    // What is not signed is not there: no PKCE, no redirect URI.
    assert_eq!(ask(&staff, &[("request", &signed(json!({})))]).await, "invalid_request");
    assert_eq!(ask(&staff, &[("request", &whole(json!({"redirect_uri": null})))]).await, "page");
    let bare = format!("/authorize?{}", encode(&[("client_id", "app"), ("request", &whole(json!({})))]));
    assert_eq!(ending(&Browser::new(&staff).load(&bare).await), "sign-in", "nothing else need be there");
}

#[tokio::test]
async fn what_was_verified_is_kept_so_that_the_pages_neither_open_it_again_nor_miss_it() {
    let staff = strict();
    let mut browser = Browser::new(&staff);
    let expires = staff.now().as_second() + 60;
    let page = browser.open(&authorize(&[("request", &whole(json!({"exp": expires})))])).await;
    assert!(page.text().contains("name=\"password\""), "{}", page.text());
    // It expires and its key goes while the person types.
    staff.advance(std::time::Duration::from_secs(120));
    let gone = app(|policy| policy.required = true).with(|client| {
        client.authentication.keys = crate::realm::ClientKeys::None;
    });
    staff.change(|realm| realm.clients.insert_mut(gone.0.id.clone(), std::sync::Arc::new(gone.0)));
    let reply = browser.submit(&page, &[("username", "ada"), ("password", "hunter2")]).await;
    let artifact = staff.provider.store.find(Kind::AuthorizationCode, &IdHash::of(code(&reply)), staff.now()).await;
    assert!(artifact.unwrap().is_some());
}

#[tokio::test]
async fn a_plain_sign_in_that_is_under_way_ends_where_the_client_must_sign_from_now_on() {
    let staff = of(app(|_| ())).serve();
    let mut browser = Browser::new(&staff);
    let page = browser.open(&authorize(&[])).await;
    let strict = app(|policy| policy.required = true);
    staff.change(|realm| realm.clients.insert_mut(strict.0.id.clone(), std::sync::Arc::new(strict.0)));
    let reply = browser.submit(&page, &[("username", "ada"), ("password", "hunter2")]).await;
    assert_eq!(ending(&reply), "invalid_request");
}

#[tokio::test]
async fn a_browser_can_not_say_itself_that_its_request_is_signed() {
    let staff = strict();
    for name in ["signed", "is_signed", "isSigned", "origin"] {
        assert_eq!(ask(&staff, &[(name, "true")]).await, "invalid_request", "{name}");
    }
}

#[tokio::test]
async fn core_3_1_2_1_a_request_that_is_posted_from_another_site_keeps_its_object_whole() {
    let staff = strict();
    let object = whole(json!({}));
    let form = [("client_id", "app"), ("request", &*object)];
    let bounced = Browser::new(&staff).post("/authorize", &form).await;
    assert_eq!(
        bounced.header("location"),
        format!("{}?{}", staff.realm().issuer.endpoint("/authorize"), encode(&form))
    );
    let mut browser = Browser::new(&staff);
    let page = browser.open(bounced.header("location")).await;
    code(&browser.submit(&page, &[("username", "ada"), ("password", "hunter2")]).await);
    // One that no URL can hold is answered at once.
    let long = whole(json!({"login_hint": "x".repeat(9000)}));
    let reply = Browser::new(&staff).post("/authorize", &[("client_id", "app"), ("request", &long)]).await;
    assert_eq!(ending(&reply), "sign-in");
    let reply = Browser::new(&staff).post("/authorize", &[("client_id", "app"), ("redirect_uri", REDIRECT_URI)]).await;
    assert_eq!(ending(&reply), "invalid_request");
}
