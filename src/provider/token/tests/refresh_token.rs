use std::time::Duration;

use serde_json::Value;

use crate::{
    provider::testing::{ClientBuilder, Reply, TestProvider, authorization, client, realm, user, verified},
    realm::{GrantType, ObjectName, RefreshRotation},
    store::{Change, IdHash},
};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

fn serve(app: ClientBuilder) -> TestProvider {
    realm().client(app).client(client("other")).user(user("ada")).serve()
}

/// The first refresh token of a family, with `offline_access`.
async fn offline(staff: &TestProvider) -> String {
    first(staff, "openid email offline_access").await
}

async fn first(staff: &TestProvider, scopes: &str) -> String {
    let mut authorization = authorization("app", "ada", scopes);
    authorization.auth_time = staff.now().as_second();
    staff.tokens(authorization).await["refresh_token"].as_str().unwrap().to_owned()
}

async fn refresh(staff: &TestProvider, token: &str, more: &[(&str, &str)]) -> Reply {
    staff.token("app", &[&[("grant_type", "refresh_token"), ("refresh_token", token)], more].concat()).await
}

fn next(reply: &Reply) -> String {
    let body: Value = reply.json();
    body["refresh_token"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
}

#[tokio::test]
async fn a_refreshed_id_token_is_that_of_the_first_sign_in_without_its_nonce() {
    let staff = serve(client("app"));
    let mut first = authorization("app", "ada", "openid");
    first.sid = Some("sid-7".into());
    let tokens = staff.tokens(first).await;
    let (_, before) = verified(tokens["id_token"].as_str().unwrap());
    staff.advance(MINUTE);
    let reply = refresh(&staff, tokens["refresh_token"].as_str().unwrap(), &[]).await;
    let (_, after) = verified(reply.json()["id_token"].as_str().unwrap());
    // OpenID Connect Core section 12.2.
    for same in ["iss", "sub", "aud", "auth_time", "acr", "amr", "sid"] {
        assert_eq!(before[same], after[same], "{same}");
    }
    assert_eq!(after["iat"].as_i64(), Some(staff.now().as_second()));
    assert!(before.get("nonce").is_some() && after.get("nonce").is_none() && after.get("azp").is_none());
}

#[tokio::test]
async fn a_confidential_client_keeps_its_token_and_a_public_one_gets_another() {
    let staff = serve(client("app"));
    let token = offline(&staff).await;
    assert_eq!(next(&refresh(&staff, &token, &[]).await), token);
    assert_eq!(next(&refresh(&staff, &token, &[]).await), token);
    let staff = serve(client("app").public());
    let token = offline(&staff).await;
    assert_ne!(next(&refresh(&staff, &token, &[]).await), token);
    let never = client("app").tokens(|tokens| tokens.refresh_token.rotation = RefreshRotation::Never);
    let staff = serve(never);
    let token = offline(&staff).await;
    assert_eq!(next(&refresh(&staff, &token, &[]).await), token);
}

#[tokio::test]
async fn a_rotated_token_that_comes_again_revokes_the_family() {
    let staff = serve(client("app").rotate(Duration::ZERO));
    let first = offline(&staff).await;
    let reply = refresh(&staff, &first, &[]).await;
    let (second, access) = (next(&reply), reply.json()["access_token"].as_str().unwrap().to_owned());
    assert!(staff.is_active("app", &access).await && staff.is_active("app", &second).await);
    assert!(!staff.is_active("app", &first).await);
    assert_eq!(refresh(&staff, &first, &[]).await.error(), (400, "invalid_grant".into()));
    assert_eq!(refresh(&staff, &second, &[]).await.error(), (400, "invalid_grant".into()));
    assert!(!staff.is_active("app", &access).await && !staff.is_active("app", &second).await);
}

#[tokio::test]
async fn a_request_that_was_overtaken_is_no_retry_where_there_is_no_interval() {
    let staff = serve(client("app").rotate(Duration::ZERO));
    let first = offline(&staff).await;
    let before = staff.now();
    staff.advance(Duration::from_millis(5));
    let second = next(&refresh(&staff, &first, &[]).await);
    staff.set(before);
    assert_eq!(refresh(&staff, &first, &[]).await.error(), (400, "invalid_grant".into()));
    assert!(!staff.is_active("app", &second).await);
}

#[tokio::test]
async fn a_lost_answer_is_made_up_for_and_one_token_is_good_at_any_time() {
    let staff = serve(client("app").rotate(MINUTE));
    let first = offline(&staff).await;
    let lost = next(&refresh(&staff, &first, &[]).await);
    staff.advance(MINUTE / 2);
    let retried = next(&refresh(&staff, &first, &[]).await);
    assert_ne!(retried, lost);
    assert!(!staff.is_active("app", &lost).await && staff.is_active("app", &retried).await);
    // The lost one is unknown now; who brings it all the same harms nobody.
    assert_eq!(refresh(&staff, &lost, &[]).await.error(), (400, "invalid_grant".into()));
    let third = next(&refresh(&staff, &retried, &[]).await);
    assert!(staff.is_active("app", &third).await);
}

#[tokio::test]
async fn a_retry_after_the_interval_is_reuse() {
    let staff = serve(client("app").rotate(MINUTE));
    let first = offline(&staff).await;
    let second = next(&refresh(&staff, &first, &[]).await);
    // The interval counts from the first use: retries do not prolong it.
    staff.advance(MINUTE * 2 / 3);
    let third = next(&refresh(&staff, &first, &[]).await);
    staff.advance(MINUTE / 3);
    assert_eq!(refresh(&staff, &first, &[]).await.error(), (400, "invalid_grant".into()));
    for token in [second, third] {
        assert_eq!(refresh(&staff, &token, &[]).await.error(), (400, "invalid_grant".into()));
    }
}

#[tokio::test]
async fn a_retry_after_the_successor_was_used_is_reuse_within_the_interval_too() {
    let staff = serve(client("app").rotate(MINUTE));
    let first = offline(&staff).await;
    let second = next(&refresh(&staff, &first, &[]).await);
    let third = next(&refresh(&staff, &second, &[]).await);
    assert_eq!(refresh(&staff, &first, &[]).await.error(), (400, "invalid_grant".into()));
    assert!(!staff.is_active("app", &third).await);
}

#[tokio::test]
async fn a_token_that_is_not_used_for_its_idle_time_ends() {
    for app in [client("app"), client("app").rotate(Duration::ZERO)] {
        let staff = serve(app);
        let mut token = offline(&staff).await;
        for _ in 0..3 {
            staff.advance(DAY * 6);
            token = next(&refresh(&staff, &token, &[]).await);
        }
        staff.advance(DAY * 7);
        assert_eq!(refresh(&staff, &token, &[]).await.error(), (400, "invalid_grant".into()));
    }
}

#[tokio::test]
async fn a_family_ends_with_its_lifetime_however_often_it_is_used() {
    for app in [client("app"), client("app").rotate(Duration::ZERO)] {
        let staff = serve(app);
        let mut token = offline(&staff).await;
        for _ in 0..5 {
            staff.advance(DAY * 6 - MINUTE);
            token = next(&refresh(&staff, &token, &[]).await);
        }
        staff.advance(MINUTE * 5);
        assert_eq!(refresh(&staff, &token, &[]).await.error(), (400, "invalid_grant".into()));
    }
}

#[tokio::test]
async fn without_offline_access_it_ends_with_the_session_and_with_it_it_does_not() {
    for (scopes, survives) in [("openid", false), ("openid offline_access", true)] {
        let staff = serve(client("app"));
        let token = first(&staff, scopes).await;
        let access = refresh(&staff, &token, &[]).await.json()["access_token"].as_str().unwrap().to_owned();
        assert!(staff.is_active("app", &access).await);
        staff.provider.store.commit(vec![Change::RemoveSession(IdHash::of("sid-ada"))], staff.now()).await.unwrap();
        assert_eq!(staff.is_active("app", &access).await, survives, "{scopes}");
        assert_eq!(refresh(&staff, &token, &[]).await.status.is_success(), survives, "{scopes}");

        let staff = serve(client("app"));
        let token = first(&staff, scopes).await;
        // The session's absolute end.
        staff.advance(DAY);
        assert_eq!(refresh(&staff, &token, &[]).await.status.is_success(), survives, "{scopes}");
    }
}

#[tokio::test]
async fn scopes_may_be_narrowed_and_never_widened() {
    let staff = serve(client("app").rotate(Duration::ZERO));
    let token = offline(&staff).await;
    for more in ["openid groups", "admin", "openid openid profile"] {
        assert_eq!(refresh(&staff, &token, &[("scope", more)]).await.error(), (400, "invalid_scope".into()));
    }
    let reply = refresh(&staff, &token, &[("scope", "email")]).await;
    let body = reply.json();
    assert_eq!((&body["scope"], body.get("id_token")), (&Value::from("email"), None));
    assert_eq!(verified(body["access_token"].as_str().unwrap()).1["scope"], "email");
    // The refresh token keeps what was authorised (RFC 6749 section 6).
    let reply = refresh(&staff, &next(&reply), &[]).await.json();
    assert_eq!(reply["scope"], "openid email offline_access");
}

#[tokio::test]
async fn what_was_refused_has_used_nothing_up() {
    let staff = serve(client("app").rotate(Duration::ZERO));
    let token = offline(&staff).await;
    assert_eq!(refresh(&staff, &token, &[("scope", "admin")]).await.error().1, "invalid_scope");
    assert_eq!(refresh(&staff, &token, &[("resource", "https://x.example/")]).await.error().1, "invalid_target");
    let other = [("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
    assert_eq!(staff.token("other", &other).await.error(), (400, "invalid_grant".into()));
    assert_eq!(staff.token("app", &other[..1]).await.error(), (400, "invalid_request".into()));
    assert_eq!(refresh(&staff, &token, &[]).await.status.as_u16(), 200);
}

#[tokio::test]
async fn it_is_refused_without_its_person_its_client_or_the_grant_type() {
    let staff = serve(client("app"));
    let token = offline(&staff).await;
    let before = staff.realm();
    let refused = async |realm: crate::realm::Realm, want: (u16, &str)| {
        staff.publish(realm);
        assert_eq!(refresh(&staff, &token, &[]).await.error(), (want.0, want.1.to_owned()));
    };
    refused(realm().client(client("app")).user(user("ada").disabled()).build(), (400, "invalid_grant")).await;
    refused(realm().client(client("app")).build(), (400, "invalid_grant")).await;
    let admins = client("app").access_groups(&["admins"]);
    refused(realm().client(admins).user(user("ada")).build(), (400, "invalid_grant")).await;
    let codes = client("app").grants(&[GrantType::AuthorizationCode]);
    refused(realm().client(codes).user(user("ada")).build(), (400, "unauthorized_client")).await;
    refused(realm().user(user("ada")).build(), (401, "invalid_client")).await;
    staff.publish(crate::realm::Realm::clone(&before));
    assert_eq!(refresh(&staff, &token, &[]).await.status.as_u16(), 200);
}

#[tokio::test]
async fn it_is_refused_in_another_realm_and_for_another_kind_of_token() {
    let staff = serve(client("app"));
    staff.publish(realm().named("guests").client(client("app")).user(user("ada")).build());
    let guests = staff.at(&ObjectName::new("identity", "guests"));
    let tokens = staff.tokens(authorization("app", "ada", "openid offline_access")).await;
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    assert_eq!(refresh(&guests, refresh_token, &[]).await.error(), (400, "invalid_grant".into()));
    for name in ["access_token", "id_token"] {
        let wrong = tokens[name].as_str().unwrap();
        assert_eq!(refresh(&staff, wrong, &[]).await.error(), (400, "invalid_grant".into()));
    }
}

#[tokio::test]
async fn no_access_token_outlives_its_family() {
    let staff = serve(client("app").tokens(|tokens| {
        tokens.access_token = Duration::from_secs(3600);
        tokens.refresh_token.lifetime = DAY;
    }));
    let token = offline(&staff).await;
    // A policy that becomes longer does not lengthen what was granted.
    staff.advance(DAY - MINUTE);
    let longer = client("app").tokens(|tokens| tokens.access_token = DAY);
    staff.publish(realm().client(longer).user(user("ada")).build());
    let reply = refresh(&staff, &token, &[]).await.json();
    assert_eq!(reply["expires_in"], 3600 + 60);
    staff.advance(Duration::from_secs(3659));
    assert!(staff.is_active("app", reply["access_token"].as_str().unwrap()).await);
}
