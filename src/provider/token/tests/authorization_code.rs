use std::time::Duration;

use serde_json::json;

use crate::{
    jose::Algorithm,
    provider::{
        Authorization,
        testing::{
            CHALLENGE, REDIRECT_URI, START, TestProvider, VERIFIER, authorization, client, realm, secret_of, user,
            verified,
        },
    },
    realm::{GrantType, ObjectName},
    store::{Change, IdHash},
};

fn staff() -> TestProvider {
    realm().client(client("app")).client(client("other")).client(client("spa").public()).user(user("ada")).serve()
}

fn openid() -> Authorization {
    authorization("app", "ada", "openid email groups")
}

/// The error of an exchange whose parameters are the right ones, with these in their place; empty takes one out.
async fn exchange(staff: &TestProvider, code: &str, change: &[(&str, &str)]) -> (u16, String) {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    form.retain(|(name, _)| !change.iter().any(|(changed, _)| changed == name));
    form.extend(change);
    staff.post_as("app", "/token", &form).await.error()
}

#[tokio::test]
async fn a_code_gives_an_id_token_with_what_the_standard_asks_for() {
    let staff = staff();
    staff.advance(Duration::from_secs(5));
    let tokens = staff.tokens(openid()).await;
    let (typ, claims) = verified(tokens["id_token"].as_str().unwrap());
    let access_token = tokens["access_token"].as_str().unwrap();
    assert_eq!(typ, "JWT");
    assert_eq!(
        claims,
        json!({
            "iss": "https://id.example.com/realms/staff", "sub": "sub-ada", "aud": "app",
            "exp": START + 605, "iat": START + 5, "auth_time": START, "nonce": "n-0S6_WzA2Mj",
            "acr": "1", "amr": ["pwd"], "sid": "sid-ada",
            "at_hash": crate::provider::tokens::half_hash(Algorithm::Es256.into(), access_token),
            "email": "ada@example.com", "email_verified": true, "groups": ["engineers", "staff"],
        })
    );
    assert_eq!(tokens["scope"], "openid email groups");
    assert_eq!(tokens["expires_in"], 600);
}

#[tokio::test]
async fn a_code_gives_an_access_token_of_rfc_9068() {
    let tokens = staff().tokens(openid()).await;
    let (typ, claims) = verified(tokens["access_token"].as_str().unwrap());
    assert_eq!(typ, "at+jwt");
    let jti = claims["jti"].as_str().unwrap();
    assert!(jti.len() == 45 && jti.contains('.'), "{jti}");
    assert_eq!(
        claims,
        json!({
            "iss": "https://id.example.com/realms/staff", "sub": "sub-ada", "aud": "app", "client_id": "app",
            "exp": START + 600, "iat": START, "jti": jti, "scope": "openid email groups",
            "auth_time": START, "acr": "1", "amr": ["pwd"], "groups": ["engineers", "staff"],
        })
    );
}

#[tokio::test]
async fn without_openid_there_is_no_id_token() {
    let tokens = staff().tokens(authorization("app", "ada", "reports")).await;
    assert!(tokens.get("id_token").is_none() && tokens.get("access_token").is_some());
}

#[tokio::test]
async fn an_id_token_is_signed_with_the_algorithm_of_the_client() {
    let staff = realm().client(client("app").algorithm(Algorithm::Rs256)).user(user("ada")).serve();
    let tokens = staff.tokens(openid()).await;
    let alg = |name: &str| crate::jose::Compact::parse(tokens[name].as_str().unwrap()).unwrap().alg().to_owned();
    assert_eq!((alg("id_token"), alg("access_token")), ("RS256".to_owned(), "ES256".to_owned()));
}

#[tokio::test]
async fn a_refresh_token_is_for_clients_that_have_the_grant() {
    let staff = staff();
    staff.publish(realm().client(client("app").grants(&[GrantType::AuthorizationCode])).user(user("ada")).build());
    assert!(staff.tokens(authorization("app", "ada", "openid offline_access")).await.get("refresh_token").is_none());
}

#[tokio::test]
async fn a_code_is_refused_to_another_client_and_stays_good_for_its_own() {
    let staff = staff();
    let code = staff.code(openid(), |_| ()).await;
    assert_eq!(staff.redeem("other", &code).await.error(), (400, "invalid_grant".into()));
    assert_eq!(staff.redeem("spa", &code).await.error(), (400, "invalid_grant".into()));
    assert_eq!(staff.redeem("app", &code).await.status.as_u16(), 200);
    // Not even the tokens of a code that was used are the other client's to revoke.
    assert_eq!(staff.redeem("other", &code).await.error(), (400, "invalid_grant".into()));
}

#[tokio::test]
async fn a_code_is_refused_to_a_client_created_anew_under_the_old_name() {
    let staff = staff();
    let code = staff.code(openid(), |_| ()).await;
    let before = staff.realm();
    staff.publish(realm().client(client("app").anew()).user(user("ada")).build());
    assert_eq!(staff.redeem("app", &code).await.error(), (400, "invalid_grant".into()));
    staff.change(|realm| *realm = crate::realm::Realm::clone(&before));
    assert_eq!(staff.redeem("app", &code).await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_code_is_refused_in_another_realm() {
    let staff = staff();
    staff.publish(realm().named("guests").client(client("app")).user(user("ada")).build());
    let code = staff.code(openid(), |_| ()).await;
    let guests = staff.at(&ObjectName::new("identity", "guests"));
    assert_eq!(guests.redeem("app", &code).await.error(), (400, "invalid_grant".into()));
    assert_eq!(staff.redeem("app", &code).await.status.as_u16(), 200);
}

#[tokio::test]
async fn what_does_not_match_the_request_is_refused_by_name() {
    let staff = staff();
    let code = staff.code(openid(), |_| ()).await;
    let wrong_verifier = "x".repeat(43);
    for (change, want) in [
        (("code", ""), "invalid_request"),
        (("code", "unknown"), "invalid_grant"),
        (("redirect_uri", ""), "invalid_grant"),
        (("redirect_uri", "https://app.example/callback/"), "invalid_grant"),
        (("code_verifier", ""), "invalid_grant"),
        (("code_verifier", &wrong_verifier), "invalid_grant"),
        (("code_verifier", "short"), "invalid_request"),
        // The plain method is never meant.
        (("code_verifier", CHALLENGE), "invalid_grant"),
        (("resource", "https://unknown.example"), "invalid_target"),
    ] {
        assert_eq!(exchange(&staff, &code, &[change]).await, (400, want.to_owned()), "{change:?}");
    }
    assert_eq!(exchange(&staff, &code, &[]).await.0, 200, "none of these has used it up");
}

#[tokio::test]
async fn a_redirect_uri_that_was_not_given_need_not_come_but_must_be_right() {
    let staff = staff();
    let code = staff.code(openid(), |payload| payload.redirect_uri_given = false).await;
    assert_eq!(exchange(&staff, &code, &[("redirect_uri", "https://app.example/x")]).await.0, 400);
    assert_eq!(exchange(&staff, &code, &[("redirect_uri", "")]).await.0, 200);
}

#[tokio::test]
async fn a_verifier_without_a_challenge_is_refused() {
    let staff = staff();
    let code = staff.code(openid(), |payload| payload.code_challenge = None).await;
    assert_eq!(exchange(&staff, &code, &[]).await, (400, "invalid_grant".into()));
    assert_eq!(exchange(&staff, &code, &[("code_verifier", "")]).await.0, 200);
}

#[tokio::test]
async fn a_code_ends_with_its_lifetime() {
    let staff = staff();
    let code = staff.code(openid(), |_| ()).await;
    staff.advance(Duration::from_secs(60));
    assert_eq!(staff.redeem("app", &code).await.error(), (400, "invalid_grant".into()));
}

#[tokio::test]
async fn a_code_that_comes_twice_revokes_all_that_came_of_it() {
    for opaque in [false, true] {
        let app = client("app");
        let staff = realm().client(if opaque { app.opaque() } else { app }).user(user("ada")).serve();
        let code = staff.code(openid(), |_| ()).await;
        let tokens = staff.redeem("app", &code).await.json();
        let (access, refresh) = (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
        assert!(staff.is_active("app", access).await && staff.is_active("app", refresh).await);
        assert_eq!(staff.redeem("app", &code).await.error(), (400, "invalid_grant".into()));
        assert!(!staff.is_active("app", access).await && !staff.is_active("app", refresh).await);
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
        assert_eq!(staff.token("app", &form).await.error(), (400, "invalid_grant".into()));
        assert_eq!(staff.redeem("app", &code).await.error(), (400, "invalid_grant".into()));
    }
}

#[tokio::test]
async fn a_thief_without_the_verifier_can_not_revoke_with_a_used_code() {
    let staff = staff();
    let code = staff.code(openid(), |_| ()).await;
    let tokens = staff.redeem("app", &code).await.json();
    assert_eq!(exchange(&staff, &code, &[("code_verifier", &"x".repeat(43))]).await.0, 400);
    assert!(staff.is_active("app", tokens["access_token"].as_str().unwrap()).await);
}

#[tokio::test]
async fn a_code_is_worth_nothing_without_its_person_or_client() {
    let staff = staff();
    let code = staff.code(openid(), |_| ()).await;
    let before = staff.realm();
    staff.publish(realm().client(client("app")).user(user("ada").disabled()).build());
    assert_eq!(staff.redeem("app", &code).await.error(), (400, "invalid_grant".into()));
    staff.publish(realm().client(client("app").access_groups(&["admins"])).user(user("ada")).build());
    assert_eq!(staff.redeem("app", &code).await.error(), (400, "invalid_grant".into()));
    staff.publish(realm().client(client("app")).build());
    assert_eq!(staff.redeem("app", &code).await.error(), (400, "invalid_grant".into()));
    staff.publish(realm().user(user("ada")).build());
    assert_eq!(staff.redeem("app", &code).await.error(), (401, "invalid_client".into()));
    staff.change(|realm| *realm = crate::realm::Realm::clone(&before));
    assert_eq!(staff.redeem("app", &code).await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_scope_that_the_client_has_lost_since_is_left_out() {
    let staff = staff();
    let code = staff.code(openid(), |_| ()).await;
    staff.publish(realm().client(client("app").scopes("openid groups")).user(user("ada")).build());
    let tokens = staff.redeem("app", &code).await.json();
    assert_eq!(tokens["scope"], "openid groups");
    assert!(verified(tokens["id_token"].as_str().unwrap()).1.get("email").is_none());
}

#[tokio::test]
async fn the_audience_is_what_was_authorised_or_a_part_of_it() {
    let (a, b, c) = ("https://a.example/", "https://b.example/", "https://c.example/");
    let staff = realm().client(client("app").audiences(&[a, b, c])).user(user("ada")).serve();
    let aud = async |granted: &[&str], asked: &[&str]| {
        let mut authorization = openid();
        authorization.resources = granted.iter().map(|resource| (*resource).to_owned()).collect();
        let code = staff.code(authorization, |_| ()).await;
        let mut form = vec![("grant_type", "authorization_code"), ("code", code.as_str())];
        form.extend([("redirect_uri", REDIRECT_URI), ("code_verifier", VERIFIER)]);
        form.extend(asked.iter().map(|resource| ("resource", *resource)));
        let reply = staff.token("app", &form).await.json();
        reply["access_token"].as_str().map_or(reply["error"].clone(), |token| verified(token).1["aud"].clone())
    };
    assert_eq!(aud(&[], &[]).await, json!([a, b, c]));
    assert_eq!(aud(&[a, b], &[]).await, json!([a, b]));
    assert_eq!(aud(&[a, b], &[b]).await, json!(b));
    assert_eq!(aud(&[a, b], &[b, b]).await, json!(b));
    assert_eq!(aud(&[a, b], &[c]).await, json!("invalid_target"));
    assert_eq!(aud(&[], &[c]).await, json!(c));
    assert_eq!(aud(&["https://gone.example/"], &[]).await, json!("invalid_target"));
}

#[tokio::test]
async fn signing_out_before_the_exchange_takes_the_code_with_it() {
    let staff = staff();
    let code = staff.code(openid(), |_| ()).await;
    staff.provider.store.commit(vec![Change::RemoveSession(IdHash::of("sid-ada"))], staff.now()).await.unwrap();
    assert_eq!(staff.redeem("app", &code).await.error(), (400, "invalid_grant".into()));
}

#[tokio::test]
async fn a_public_client_redeems_by_its_name() {
    let staff = staff();
    let tokens = staff.tokens(authorization("spa", "ada", "openid")).await;
    assert_eq!(verified(tokens["id_token"].as_str().unwrap()).1["aud"], "spa");
    let code = staff.code(authorization("spa", "ada", "openid"), |_| ()).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
        ("client_id", "spa"),
        ("client_secret", &secret_of("spa")),
    ];
    assert_eq!(staff.post_form("/token", &[], &form).await.error(), (401, "invalid_client".into()));
}
