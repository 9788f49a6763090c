use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    registrant::{Registrant, register},
    relying_party::sign_in_at,
    served::{PASSWORD, SOON, Served, secret},
};
use crate::control_plane::wait::eventually;

fn web() -> Value {
    json!({
        "redirect_uris": ["http://127.0.0.1/callback"],
        "client_name": "Punch cards", "client_name#de": "Lochkarten",
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": "openid profile offline_access",
    })
}

/// RFC 7591 section 3.2.1: the client that was registered is an OidcClient with its Secret, and can be used at once.
pub async fn a_client_registers_itself_and_is_usable_at_once(served: &Served) {
    served.apply([served.realm(json!({"registration": {"mode": "Open"}}))]).await;
    served.apply_ada().await;
    let issuer = served.issuer().await;
    let registrant = Registrant::new(&served.http, &issuer, &web()).await;
    let party = registrant.relying_party(served).await;
    assert_eq!(party.endpoint("registration_endpoint"), format!("{issuer}/register"));
    let browser = served.browser();
    let attempt = party.attempt("openid profile offline_access", &[]);
    let login = browser.open(&attempt.url).await.page();
    let consent = browser.submit(&login, &[("username", "ada"), ("password", PASSWORD)]).await.page();
    assert!(consent.text().contains("Punch cards"), "who registered itself is never trusted: {}", consent.text());
    let code = party.code(&attempt, &browser.submit(&consent, &[("action", "allow")]).await.away());
    let tokens = party.redeem(&attempt, &code).await;
    party.refresh(&tokens.text("refresh_token")).await.text("access_token");

    let name = registrant.text("client_id");
    let status = served.until_ready("OidcClient", name).await;
    assert_eq!(status["clientId"], name);
    let binding = served.until_secret(status["binding"]["name"].as_str().unwrap()).await;
    assert_eq!(binding["client-secret"], registrant.text("client_secret"));
    assert_eq!(binding["issuer"], issuer);
}

/// RFC 7592: a client reads, changes and removes its own registration, and nobody else's.
pub async fn a_registered_client_looks_after_itself(served: &Served) {
    served.apply([served.realm(json!({"registration": {"mode": "Open"}}))]).await;
    served.apply_ada().await;
    let issuer = served.issuer().await;
    let mut one = Registrant::new(&served.http, &issuer, &web()).await;
    let other = Registrant::new(&served.http, &issuer, &web()).await;
    let read = one.ask(Method::GET, None).await;
    assert_eq!((read.status.as_u16(), &read.body), (200, &one.document));
    one.ask_with(Method::GET, other.text("registration_access_token"), None).await.assert_error(401, "invalid_token");

    let (secret, token) = (one.text("client_secret").to_owned(), one.text("registration_access_token").to_owned());
    one.update(&json!({"client_name": "Abacus", "redirect_uris": ["http://127.0.0.1:7777/callback"]})).await;
    assert_eq!(one.text("client_name"), "Abacus");
    assert_eq!(one.text("client_secret"), secret);
    assert_ne!(one.text("registration_access_token"), token);
    one.ask_with(Method::GET, &token, None).await.assert_error(401, "invalid_token");
    let party = one.relying_party(served).await;
    let attempt = party.attempt("openid offline_access", &[]);
    let back = sign_in_at(&served.browser(), &attempt.url, "ada", PASSWORD).await;
    let tokens = party.redeem(&attempt, &party.code(&attempt, &back)).await;
    let (access, refresh) = (tokens.text("access_token"), tokens.text("refresh_token"));

    let gone = one.ask(Method::DELETE, None).await;
    assert_eq!((gone.status.as_u16(), gone.body), (204, Value::Null));
    one.ask(Method::GET, None).await.assert_error(401, "invalid_token");
    party.refresh(&refresh).await.assert_error(401, "invalid_client");
    party.userinfo(&access).await.assert_error(401, "invalid_token");
    assert_eq!(other.ask(Method::GET, None).await.status, 200, "another client is another's matter");
}

/// RFC 7591 section 3: with an initial access token, and for so many clients as it is good for.
pub async fn an_initial_access_token_is_good_for_so_many_clients(served: &Served) {
    let registration = json!({
        "mode": "InitialAccessToken",
        "initialAccessTokens": [{"name": "once", "maxUses": 1}, {"name": "old", "expiresAt": "2020-01-01T00:00:00Z"}],
    });
    served.apply([served.realm(json!({"registration": registration}))]).await;
    served
        .apply([
            secret("once", &[("token", "one-use-only-0123456789")]),
            secret("old", &[("token", "long-ago-0123456789")]),
        ])
        .await;
    let issuer = served.issuer().await;
    let with = async |token: Option<&str>| register(&served.http, &issuer, token, &web()).await;
    let missing = with(None).await;
    assert_eq!(missing.status, 401);
    assert_eq!(missing.headers["www-authenticate"], format!("Bearer realm=\"{issuer}\""), "RFC 6750 section 3.1");
    for wrong in ["something-else-0123456789", "long-ago-0123456789"] {
        with(Some(wrong)).await.assert_error(401, "invalid_token");
    }
    let bad = register(&served.http, &issuer, Some("one-use-only-0123456789"), &json!({"redirect_uris": ["x"]})).await;
    bad.assert_error(400, "invalid_redirect_uri");
    assert_eq!(with(Some("one-use-only-0123456789")).await.status, 201, "what was refused has not used it up");
    with(Some("one-use-only-0123456789")).await.assert_error(401, "invalid_token");
}

/// What nobody uses goes by itself; what is used stays.
pub async fn a_registered_client_that_nobody_uses_is_removed(served: &Served) {
    let registration = json!({"mode": "Open", "unusedAfter": "4s"});
    served.apply([served.realm(json!({"registration": registration}))]).await;
    let issuer = served.issuer().await;
    let metadata = json!({"grant_types": ["client_credentials"]});
    let used = Registrant::new(&served.http, &issuer, &metadata).await;
    let unused = Registrant::new(&served.http, &issuer, &metadata).await;
    let by_hand = served.with_client("by-hand", json!({"redirectUris": [], "scopes": []})).await;
    let party = used.relying_party(served).await;
    eventually("the unused client is gone", SOON, || async {
        party.token(&[("grant_type", "client_credentials")]).await.text("access_token");
        let answer = unused.ask(Method::GET, None).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        if answer.status == 401 { Ok(()) } else { Err(answer.body) }
    })
    .await;
    assert_eq!(used.ask(Method::GET, None).await.status, 200);
    by_hand.token(&[("grant_type", "client_credentials")]).await.text("access_token");
}
