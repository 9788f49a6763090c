use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    provider::testing::{Reply, TestProvider, authorization, client, realm, user, verified},
    store::{Change, IdHash},
};

fn serve(opaque: bool) -> TestProvider {
    let app = client("app");
    realm().client(if opaque { app.opaque() } else { app }).client(client("other")).user(user("ada")).serve()
}

async fn access_token(staff: &TestProvider, scopes: &str) -> String {
    staff.tokens(authorization("app", "ada", scopes)).await["access_token"].as_str().unwrap().to_owned()
}

async fn ask(staff: &TestProvider, token: &str) -> Reply {
    staff.get("/userinfo", &[("authorization", &format!("Bearer {token}"))]).await
}

#[track_caller]
fn refused(reply: &Reply, status: u16, code: &str) {
    assert_eq!(reply.error(), (status, code.to_owned()), "{}", reply.text());
    let challenge = reply.header("www-authenticate");
    assert!(challenge.starts_with("Bearer realm=\"https://id.example.com/realms/staff\""), "{challenge}");
    assert!(challenge.contains(&format!("error=\"{code}\"")), "{challenge}");
}

#[tokio::test]
async fn core_5_4_claims_are_those_of_the_scopes_whatever_the_format() {
    for opaque in [false, true] {
        let staff = serve(opaque);
        let claims = async |scopes: &str| ask(&staff, &access_token(&staff, scopes).await).await.json();
        assert_eq!(claims("openid").await, json!({"sub": "sub-ada"}));
        assert_eq!(
            claims("openid email phone").await,
            json!({
                "sub": "sub-ada", "email": "ada@example.com", "email_verified": true,
                "phone_number": "+44 1632 960961", "phone_number_verified": false,
            })
        );
        assert_eq!(
            claims("openid profile address").await,
            json!({
                "sub": "sub-ada", "name": "The user ada", "given_name": "ada", "locale": "en-GB",
                "preferred_username": "ada", "address": {"locality": "London", "country": "GB"},
            })
        );
        assert_eq!(
            claims("openid groups department").await,
            json!({"sub": "sub-ada", "groups": ["engineers", "staff"], "department": "maths"})
        );
    }
}

#[tokio::test]
async fn core_5_3_2_the_answer_is_json_and_not_cached() {
    let staff = serve(false);
    let reply = ask(&staff, &access_token(&staff, "openid").await).await;
    assert_eq!((reply.header("content-type"), reply.header("cache-control")), ("application/json", "no-store"));
}

#[tokio::test]
async fn core_5_3_2_sub_is_always_there_and_is_that_of_the_id_token() {
    let staff = realm().pairwise().client(client("app")).client(client("paired").pairwise("app.example"));
    let staff = staff.user(user("ada")).serve();
    for name in ["app", "paired"] {
        let (realm, mut authorization) = (staff.realm(), authorization(name, "ada", "openid"));
        let shown = realm.subject_for(realm.client(name).unwrap(), realm.user("sub-ada").unwrap()).into_owned();
        authorization.pairwise_subject = Some(shown.clone()).filter(|shown| shown != "sub-ada");
        let tokens = staff.tokens(authorization).await;
        let userinfo = ask(&staff, tokens["access_token"].as_str().unwrap()).await.json();
        assert_eq!(userinfo, json!({"sub": shown}));
        assert_eq!(verified(tokens["id_token"].as_str().unwrap()).1["sub"], userinfo["sub"]);
    }
}

#[tokio::test]
async fn core_5_3_2_what_is_signed_is_a_jwt_that_says_who_made_it_and_for_whom() {
    let signs =
        |client: &mut crate::realm::Client| client.userinfo.signing = Some(crate::jose::Algorithm::Es256.into());
    let staff = realm().client(client("app").with(signs)).user(user("ada")).serve();
    let reply = ask(&staff, &access_token(&staff, "openid email").await).await;
    assert_eq!(reply.header("content-type"), "application/jwt");
    let claims = verified(reply.text()).1;
    assert_eq!(
        (&claims["iss"], &claims["aud"], &claims["sub"]),
        (&json!("https://id.example.com/realms/staff"), &json!("app"), &json!("sub-ada"))
    );
}

#[tokio::test]
async fn core_5_3_pages_of_other_origins_may_ask_by_get_and_post() {
    let staff = serve(false);
    let origin = ("origin", "https://app.example");
    for method in ["GET", "POST"] {
        let preflight =
            [origin, ("access-control-request-method", method), ("access-control-request-headers", "authorization")];
        let reply = staff.send(axum::http::Method::OPTIONS, "/userinfo", &preflight, String::new()).await;
        assert!(reply.status.is_success(), "{method}");
        assert_eq!(reply.header("access-control-allow-origin"), "*");
        assert!(reply.header("access-control-allow-methods").contains(method), "{:?}", reply.headers);
        assert!(
            reply.header("access-control-allow-headers").to_lowercase().contains("authorization"),
            "{:?}",
            reply.headers
        );
    }
    let bearer = format!("Bearer {}", access_token(&staff, "openid").await);
    for headers in [[origin, ("authorization", bearer.as_str())], [origin, ("authorization", "Bearer wrong")]] {
        assert_eq!(staff.get("/userinfo", &headers).await.header("access-control-allow-origin"), "*");
    }
}

#[tokio::test]
async fn the_answer_is_of_the_person_as_they_are_now() {
    let staff = serve(false);
    let token = access_token(&staff, "openid groups").await;
    staff.publish(realm().client(client("app")).user(user("ada").groups(&["board"])).build());
    assert_eq!(ask(&staff, &token).await.json()["groups"], json!(["board"]));
}

#[tokio::test]
async fn core_5_3_1_the_token_comes_by_header_or_by_form_and_only_once() {
    let staff = serve(false);
    let token = access_token(&staff, "openid").await;
    let bearer = format!("bearer {token}");
    let header = [("authorization", bearer.as_str())];
    let form = [("access_token", token.as_str())];
    assert_eq!(staff.get("/userinfo", &header).await.status.as_u16(), 200);
    assert_eq!(staff.post_form("/userinfo", &header, &[]).await.status.as_u16(), 200);
    assert_eq!(staff.post_form("/userinfo", &[], &form).await.status.as_u16(), 200);
    assert_eq!(staff.send(axum::http::Method::POST, "/userinfo", &header, String::new()).await.status.as_u16(), 200);
    refused(&staff.post_form("/userinfo", &header, &form).await, 400, "invalid_request");
    refused(&staff.get("/userinfo", &[header[0], header[0]]).await, 400, "invalid_request");
    refused(&staff.get("/userinfo", &[("authorization", "Bearer")]).await, 400, "invalid_request");
    refused(&staff.get("/userinfo", &[("authorization", "Bearer a b")]).await, 401, "invalid_token");
}

#[tokio::test]
async fn core_5_3_3_without_a_token_the_challenge_has_no_error() {
    let staff = serve(false);
    let token = access_token(&staff, "openid").await;
    // RFC 6750 section 3.1; a token in the query is not taken (RFC 9700 section 4.3.2).
    let query = format!("/userinfo?access_token={token}");
    for reply in [
        staff.get("/userinfo", &[]).await,
        staff.get(&query, &[]).await,
        staff.get("/userinfo", &[("authorization", "Basic YTpi")]).await,
        staff.post_form("/userinfo", &[], &[]).await,
    ] {
        assert_eq!(reply.status.as_u16(), 401);
        assert_eq!(reply.header("www-authenticate"), "Bearer realm=\"https://id.example.com/realms/staff\"");
    }
}

#[tokio::test]
async fn core_5_3_1_openid_must_be_among_the_scopes() {
    let staff = serve(false);
    let reply = ask(&staff, &access_token(&staff, "email groups").await).await;
    refused(&reply, 403, "insufficient_scope");
    assert!(reply.header("www-authenticate").ends_with("scope=\"openid\""));
}

#[tokio::test]
async fn core_5_3_3_what_is_no_access_token_of_a_person_is_refused() {
    let staff = serve(false);
    let tokens = staff.tokens(authorization("app", "ada", "openid offline_access")).await;
    let own = staff.post_as("app", "/token", &[("grant_type", "client_credentials")]).await.json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let access = text(&tokens["access_token"]);
    let (signed, signature) = access.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}{}", if signature.starts_with('A') { 'B' } else { 'A' }, &signature[1..]);
    for token in [
        text(&tokens["id_token"]),
        text(&tokens["refresh_token"]),
        text(&own["access_token"]),
        forged,
        format!("eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{}.", access.split('.').nth(1).unwrap()),
        "unknown".to_owned(),
        "..".to_owned(),
    ] {
        refused(&ask(&staff, &token).await, 401, "invalid_token");
    }
}

#[tokio::test]
async fn a_token_of_another_realm_is_refused() {
    let staff = serve(false);
    staff.publish(realm().named("guests").client(client("app")).user(user("ada")).build());
    let guests = staff.at(&crate::realm::ObjectName::new("identity", "guests"));
    let token = access_token(&staff, "openid").await;
    assert_eq!(ask(&guests, &token).await.error(), (401, "invalid_token".into()));
}

#[tokio::test]
async fn a_token_ends_with_its_time_its_session_its_person_and_its_client() {
    for opaque in [false, true] {
        let token_of = async |staff: &TestProvider| access_token(staff, "openid").await;

        let staff = serve(opaque);
        let token = token_of(&staff).await;
        staff.advance(Duration::from_secs(599));
        assert_eq!(ask(&staff, &token).await.status.as_u16(), 200);
        staff.advance(Duration::from_secs(1));
        refused(&ask(&staff, &token).await, 401, "invalid_token");

        let staff = serve(opaque);
        let token = token_of(&staff).await;
        let sign_out = vec![Change::RemoveSession(IdHash::of("sid-ada"))];
        staff.provider.store.commit(sign_out, staff.now()).await.unwrap();
        refused(&ask(&staff, &token).await, 401, "invalid_token");

        let app = || if opaque { client("app").opaque() } else { client("app") };
        for gone in [
            realm().client(app()).user(user("ada").disabled()),
            realm().client(app()),
            realm().client(app().access_groups(&["admins"])).user(user("ada")),
            realm().user(user("ada")),
        ] {
            let staff = serve(opaque);
            let token = token_of(&staff).await;
            staff.publish(gone.build());
            refused(&ask(&staff, &token).await, 401, "invalid_token");
        }
    }
}

#[tokio::test]
async fn a_revoked_token_is_refused() {
    for opaque in [false, true] {
        let staff = serve(opaque);
        let token = access_token(&staff, "openid").await;
        assert_eq!(staff.post_as("app", "/revoke", &[("token", &token)]).await.status.as_u16(), 200);
        refused(&ask(&staff, &token).await, 401, "invalid_token");
    }
}
