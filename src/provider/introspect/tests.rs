use std::time::Duration;

use serde_json::{Value, json};

use crate::provider::testing::{START, TestProvider, authorization, client, realm, user, verified};

fn serve(opaque: bool) -> TestProvider {
    let app = client("app").audiences(&["https://api.example.com/", "api"]);
    realm()
        .client(if opaque { app.opaque() } else { app })
        .client(client("api"))
        .client(client("other"))
        .client(client("spa").public())
        .user(user("ada"))
        .serve()
}

async fn tokens(staff: &TestProvider) -> Value {
    staff.tokens(authorization("app", "ada", "openid email groups department offline_access")).await
}

#[tokio::test]
async fn a_jwt_and_an_opaque_token_are_described_alike() {
    for opaque in [false, true] {
        let staff = serve(opaque);
        let tokens = tokens(&staff).await;
        let token = tokens["access_token"].as_str().unwrap();
        staff.advance(Duration::from_secs(7));
        let mut want = json!({
            "active": true, "iss": "https://id.example.com/realms/staff", "sub": "sub-ada", "client_id": "app",
            "username": "ada", "scope": "openid email groups department offline_access", "token_type": "Bearer",
            "aud": ["https://api.example.com/", "api"], "exp": START + 600, "iat": START,
            "auth_time": START, "acr": "1", "amr": ["pwd"],
            // As a JWT has them: no claim of the person's profile.
            "groups": ["engineers", "staff"], "department": "maths",
        });
        if !opaque {
            want["jti"] = verified(token).1["jti"].clone();
        }
        assert_eq!(staff.introspect("app", token).await, want);
    }
}

#[tokio::test]
async fn a_refresh_token_is_described_to_its_own_client_only() {
    let staff = serve(false);
    let tokens = tokens(&staff).await;
    let token = tokens["refresh_token"].as_str().unwrap();
    assert_eq!(
        staff.introspect("app", token).await,
        json!({
            "active": true, "iss": "https://id.example.com/realms/staff", "sub": "sub-ada", "client_id": "app",
            "username": "ada", "scope": "openid email groups department offline_access",
            "exp": START + 7 * 86_400, "auth_time": START,
        })
    );
    assert_eq!(staff.introspect("api", token).await, json!({"active": false}));
}

#[tokio::test]
async fn a_token_is_shown_to_its_client_and_its_audience_and_to_nobody_else() {
    for opaque in [false, true] {
        let staff = serve(opaque);
        let tokens = tokens(&staff).await;
        let token = tokens["access_token"].as_str().unwrap();
        assert!(staff.is_active("app", token).await && staff.is_active("api", token).await);
        assert_eq!(staff.introspect("other", token).await, json!({"active": false}));
    }
}

#[tokio::test]
async fn of_what_is_not_active_nothing_else_is_said() {
    let staff = serve(false);
    let tokens = tokens(&staff).await;
    let id_token = tokens["id_token"].as_str().unwrap();
    for token in ["unknown", "..", "a.b.c", id_token, &"a".repeat(60_000)] {
        assert_eq!(staff.introspect("app", token).await, json!({"active": false}), "{token:.40}");
    }
    staff.advance(Duration::from_secs(600));
    let access_token = tokens["access_token"].as_str().unwrap();
    assert_eq!(staff.introspect("app", access_token).await, json!({"active": false}));
}

#[tokio::test]
async fn a_client_must_prove_who_it_is() {
    let staff = serve(false);
    let tokens = tokens(&staff).await;
    let form = [("token", tokens["access_token"].as_str().unwrap())];
    assert_eq!(staff.post_form("/introspect", &[], &form).await.error(), (401, "invalid_client".into()));
    let public = [form[0], ("client_id", "spa")];
    assert_eq!(staff.post_form("/introspect", &[], &public).await.error(), (401, "invalid_client".into()));
    let named = [form[0], ("client_id", "app")];
    assert_eq!(staff.post_form("/introspect", &[], &named).await.error(), (401, "invalid_client".into()));
    assert_eq!(staff.post_as("app", "/introspect", &[]).await.error(), (400, "invalid_request".into()));
    assert_eq!(staff.get("/introspect", &[]).await.status.as_u16(), 405);
}

#[tokio::test]
async fn a_hint_is_only_a_hint() {
    let staff = serve(false);
    let tokens = tokens(&staff).await;
    for hint in ["access_token", "refresh_token", "something"] {
        for name in ["access_token", "refresh_token"] {
            let form = [("token", tokens[name].as_str().unwrap()), ("token_type_hint", hint)];
            assert_eq!(staff.post_as("app", "/introspect", &form).await.json()["active"], true, "{name} {hint}");
        }
    }
}

#[tokio::test]
async fn tokens_of_a_client_that_is_gone_are_not_active() {
    for opaque in [false, true] {
        let staff = serve(opaque);
        let tokens = tokens(&staff).await;
        let own = staff.post_as("app", "/token", &[("grant_type", "client_credentials")]).await.json();
        let all =
            [&tokens["access_token"], &tokens["refresh_token"], &own["access_token"]].map(|t| t.as_str().unwrap());
        for token in &all[..1] {
            assert!(staff.is_active("api", token).await);
        }
        staff.publish(realm().client(client("api")).user(user("ada")).build());
        for token in all {
            assert_eq!(staff.introspect("api", token).await, json!({"active": false}));
        }
    }
}

#[tokio::test]
async fn a_client_created_anew_does_not_have_the_tokens_of_the_former_one() {
    for opaque in [false, true] {
        let staff = serve(opaque);
        let tokens = tokens(&staff).await;
        let own = staff.post_as("app", "/token", &[("grant_type", "client_credentials")]).await.json();
        let all =
            [&tokens["access_token"], &tokens["refresh_token"], &own["access_token"]].map(|t| t.as_str().unwrap());
        let app = client("app").audiences(&["https://api.example.com/", "api"]).anew();
        staff.publish(realm().client(app).user(user("ada")).build());
        for token in all {
            assert_eq!(staff.introspect("app", token).await, json!({"active": false}));
        }
        let form = [("grant_type", "refresh_token"), ("refresh_token", all[1])];
        assert_eq!(staff.token("app", &form).await.error(), (400, "invalid_grant".into()));
        assert!(!staff.get("/userinfo", &[("authorization", &format!("Bearer {}", all[0]))]).await.status.is_success());
    }
}

#[tokio::test]
async fn a_key_that_is_taken_out_takes_its_tokens_with_it() {
    let staff = serve(false);
    let tokens = tokens(&staff).await;
    staff.change(|realm| realm.keyring = Default::default());
    assert!(!staff.is_active("app", tokens["access_token"].as_str().unwrap()).await);
}
