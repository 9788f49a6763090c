use serde_json::Value;

use crate::provider::testing::{TestProvider, authorization, client, realm, user};

fn serve(opaque: bool) -> TestProvider {
    let app = client("app");
    realm()
        .client(if opaque { app.opaque() } else { app })
        .client(client("other"))
        .client(client("spa").public())
        .user(user("ada"))
        .serve()
}

async fn tokens(staff: &TestProvider) -> [String; 2] {
    let tokens: Value = staff.tokens(authorization("app", "ada", "openid offline_access")).await;
    ["access_token", "refresh_token"].map(|name| tokens[name].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn an_access_token_is_revoked_alone() {
    for opaque in [false, true] {
        let staff = serve(opaque);
        let [access, refresh] = tokens(&staff).await;
        let reply = staff.post_as("app", "/revoke", &[("token", &access)]).await;
        assert_eq!((reply.status.as_u16(), reply.text()), (200, ""));
        assert!(!staff.is_active("app", &access).await && staff.is_active("app", &refresh).await);
    }
}

#[tokio::test]
async fn a_refresh_token_takes_its_whole_family_with_it() {
    for opaque in [false, true] {
        let staff = serve(opaque);
        let [access, refresh] = tokens(&staff).await;
        let [other_access, other_refresh] = tokens(&staff).await;
        assert_eq!(staff.post_as("app", "/revoke", &[("token", &refresh)]).await.status.as_u16(), 200);
        assert!(!staff.is_active("app", &access).await && !staff.is_active("app", &refresh).await);
        assert!(staff.is_active("app", &other_access).await && staff.is_active("app", &other_refresh).await);
    }
}

#[tokio::test]
async fn a_refresh_token_that_was_rotated_away_still_revokes_its_family() {
    let staff = realm().client(client("app").rotate(Default::default())).user(user("ada")).serve();
    let [_, first] = tokens(&staff).await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", first.as_str())];
    let second = staff.token("app", &form).await.json()["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(staff.post_as("app", "/revoke", &[("token", &first)]).await.status.as_u16(), 200);
    assert!(!staff.is_active("app", &second).await);
}

#[tokio::test]
async fn what_is_unknown_counts_as_revoked_and_again_too() {
    let staff = serve(false);
    let [access, refresh] = tokens(&staff).await;
    for token in ["unknown", "a.b.c", &access, &access, &refresh, &refresh] {
        assert_eq!(staff.post_as("app", "/revoke", &[("token", token)]).await.status.as_u16(), 200, "{token:.20}");
    }
}

#[tokio::test]
async fn another_clients_token_is_refused_and_stays() {
    for opaque in [false, true] {
        let staff = serve(opaque);
        for token in tokens(&staff).await {
            let reply = staff.post_as("other", "/revoke", &[("token", &token)]).await;
            assert_eq!(reply.error(), (400, "invalid_grant".into()));
            assert!(staff.is_active("app", &token).await);
        }
    }
}

#[tokio::test]
async fn the_hint_does_not_mislead() {
    let staff = serve(false);
    for (at, hint) in [(0, "refresh_token"), (1, "access_token"), (1, "what")] {
        let token = tokens(&staff).await[at].clone();
        let form = [("token", token.as_str()), ("token_type_hint", hint)];
        assert_eq!(staff.post_as("app", "/revoke", &form).await.status.as_u16(), 200);
        assert!(!staff.is_active("app", &token).await);
    }
}

#[tokio::test]
async fn a_public_client_revokes_by_its_name_and_nobody_without_one() {
    let staff = serve(false);
    let tokens = staff.tokens(authorization("spa", "ada", "openid")).await;
    let token = tokens["refresh_token"].as_str().unwrap();
    assert_eq!(staff.post_form("/revoke", &[], &[("token", token)]).await.error(), (401, "invalid_client".into()));
    let form = [("token", token), ("client_id", "spa")];
    assert_eq!(staff.post_form("/revoke", &[], &form).await.status.as_u16(), 200);
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    assert_eq!(staff.token("spa", &form).await.error(), (400, "invalid_grant".into()));
    assert_eq!(staff.post_as("app", "/revoke", &[]).await.error(), (400, "invalid_request".into()));
}

#[tokio::test]
async fn a_client_credentials_token_is_revoked_by_its_jti() {
    let staff = serve(false);
    let get = async || {
        let reply = staff.post_as("app", "/token", &[("grant_type", "client_credentials")]).await;
        reply.json()["access_token"].as_str().unwrap().to_owned()
    };
    let (first, second) = (get().await, get().await);
    assert_eq!(staff.post_as("app", "/revoke", &[("token", &first)]).await.status.as_u16(), 200);
    assert!(!staff.is_active("app", &first).await && staff.is_active("app", &second).await);
}
