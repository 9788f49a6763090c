use crate::{
    provider::testing::{authorization, basic, client, realm, secret_of, user},
    realm::GrantType,
};

#[tokio::test]
async fn a_grant_type_is_needed_known_allowed_and_the_clients() {
    let staff = realm()
        .settings(|settings| settings.grant_types.retain(|grant| *grant != GrantType::RefreshToken))
        .client(client("app").grants(&[GrantType::AuthorizationCode, GrantType::RefreshToken]))
        .serve();
    for (grant_type, want) in [
        (None, "invalid_request"),
        (Some(""), "invalid_request"),
        (Some("password"), "unsupported_grant_type"),
        (Some("implicit"), "unsupported_grant_type"),
        (Some("refresh_token"), "unsupported_grant_type"),
        (Some("client_credentials"), "unauthorized_client"),
        (Some("authorization_code"), "invalid_request"),
    ] {
        let form: Vec<_> = grant_type.map(|name| ("grant_type", name)).into_iter().collect();
        assert_eq!(staff.post_as("app", "/token", &form).await.error(), (400, want.to_owned()), "{grant_type:?}");
    }
}

#[tokio::test]
async fn no_answer_is_cached_and_every_answer_is_json() {
    let staff = realm().client(client("app")).serve();
    let good = staff.post_as("app", "/token", &[("grant_type", "client_credentials")]).await;
    let bad = staff.post_as("app", "/token", &[("grant_type", "x")]).await;
    assert_eq!((good.status.as_u16(), bad.status.as_u16()), (200, 400));
    for reply in [&good, &bad] {
        assert_eq!(reply.header("cache-control"), "no-store");
        assert_eq!(reply.header("content-type"), "application/json");
    }
    assert_eq!(good.header("pragma"), "no-cache");
    assert_eq!(good.json()["token_type"], "Bearer");
}

#[tokio::test]
async fn a_parameter_that_comes_twice_is_refused_but_for_resources() {
    let audiences = ["https://a.example", "https://b.example"];
    let staff = realm().client(client("app").audiences(&audiences)).serve();
    let ask = async |form: &[(&str, &str)]| staff.post_as("app", "/token", form).await;
    let twice = [("grant_type", "client_credentials"), ("scope", "reports"), ("scope", "reports")];
    assert_eq!(ask(&twice).await.error(), (400, "invalid_request".into()));
    let resources = [("grant_type", "client_credentials"), ("resource", audiences[0]), ("resource", audiences[1])];
    assert_eq!(ask(&resources).await.status.as_u16(), 200);
}

#[tokio::test]
async fn credentials_in_the_uri_are_not_looked_at() {
    let staff = realm().client(client("app").method(crate::realm::AuthMethod::ClientSecretPost)).serve();
    let query = format!("/token?client_id=app&client_secret={}&grant_type=client_credentials", secret_of("app"));
    assert_eq!(staff.post_form(&query, &[], &[]).await.error(), (401, "invalid_client".into()));
    assert_eq!(staff.get(&query, &[]).await.status.as_u16(), 405);
}

#[tokio::test]
async fn rfc6749_5_2_a_body_of_another_media_type_is_a_bad_request() {
    let staff = realm().client(client("app")).serve();
    let headers = [("content-type", "application/json"), ("authorization", &basic("app", &secret_of("app")))];
    let body = r#"{"grant_type":"client_credentials"}"#.to_owned();
    let reply = staff.send(axum::http::Method::POST, "/token", &headers, body).await;
    assert_eq!(reply.error(), (400, "invalid_request".into()));
}

#[tokio::test]
async fn a_realm_without_a_key_says_so_and_uses_nothing_up() {
    let staff = realm().client(client("app")).user(user("ada")).serve();
    let code = staff.code(authorization("app", "ada", "openid"), |_| ()).await;
    let keyring = staff.realm().keyring.clone();
    staff.change(|realm| realm.keyring = Default::default());
    assert_eq!(staff.redeem("app", &code).await.error(), (500, "server_error".into()));
    staff.change(|realm| realm.keyring = keyring);
    assert_eq!(staff.redeem("app", &code).await.status.as_u16(), 200);
}
