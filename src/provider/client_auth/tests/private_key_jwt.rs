use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    provider::testing::{START, TestProvider, client, realm, signer},
    realm::ClientKeys,
};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const ISSUER: &str = "https://id.example.com/realms/staff";

fn serve() -> TestProvider {
    realm().client(client("app").key(0)).client(client("other")).serve()
}

/// Good claims with these in their place; null takes one out.
fn claims(jti: &str, change: Value) -> Value {
    let mut claims = json!({"iss": "app", "sub": "app", "aud": ISSUER, "exp": START + 60, "iat": START, "jti": jti});
    for (name, value) in change.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

async fn present(staff: &TestProvider, assertion: &str, more: &[(&str, &str)]) -> (u16, String) {
    let form = [("grant_type", "client_credentials"), ("client_assertion_type", TYPE), ("client_assertion", assertion)];
    staff.post_form("/token", &[], &[&form, more].concat()).await.error()
}

#[tokio::test]
async fn a_good_assertion_is_accepted_once() {
    let staff = serve();
    let assertion = signer(0).sign_jwt("JWT", &claims("1", json!({}))).unwrap();
    assert_eq!(present(&staff, &assertion, &[]).await.0, 200);
    assert_eq!(present(&staff, &assertion, &[]).await, (401, "invalid_client".into()));
    let next = signer(0).sign_jwt("client-authentication+jwt", &claims("2", json!({}))).unwrap();
    assert_eq!(present(&staff, &next, &[("client_id", "app")]).await.0, 200);
}

#[tokio::test]
async fn one_assertion_that_many_present_at_once_is_accepted_once() {
    let staff = serve();
    let assertion = signer(0).sign_jwt("JWT", &claims("1", json!({}))).unwrap();
    let all = futures::future::join_all((0..16).map(|_| present(&staff, &assertion, &[]))).await;
    assert_eq!(all.iter().filter(|(status, _)| *status == 200).count(), 1);
}

#[tokio::test]
async fn the_audience_is_the_issuer_or_the_token_endpoint() {
    let staff = serve();
    for (at, (aud, want)) in [
        (json!(ISSUER), 200),
        (json!(format!("{ISSUER}/token")), 200),
        (json!(["https://elsewhere.example", ISSUER]), 200),
        (json!(format!("{ISSUER}/")), 401),
        (json!(format!("{ISSUER}/tokens")), 401),
        (json!(format!("{ISSUER}2")), 401),
        (json!("https://id.example.com"), 401),
        (json!([]), 401),
        (json!(7), 401),
        (Value::Null, 401),
    ]
    .into_iter()
    .enumerate()
    {
        let assertion = signer(0).sign_jwt("JWT", &claims(&at.to_string(), json!({"aud": aud}))).unwrap();
        assert_eq!(present(&staff, &assertion, &[]).await.0, want, "{aud}");
    }
}

#[tokio::test]
async fn claims_that_are_wrong_are_refused_and_use_no_jti_up() {
    let staff = serve();
    for change in [
        json!({"iss": "other"}),
        json!({"sub": "other"}),
        json!({"iss": null}),
        json!({"sub": null}),
        json!({"exp": null}),
        json!({"exp": START}),
        json!({"exp": START + 4000}),
        json!({"exp": 1e300}),
        json!({"exp": "soon"}),
        json!({"nbf": START + 60}),
        json!({"iat": START + 60}),
        json!({"jti": null}),
        json!({"jti": ""}),
    ] {
        let assertion = signer(0).sign_jwt("JWT", &claims("1", change.clone())).unwrap();
        assert_eq!(present(&staff, &assertion, &[]).await, (401, "invalid_client".into()), "{change}");
    }
    let good = claims("1", json!({"exp": START as f64 + 59.5, "nbf": START + 20}));
    assert_eq!(present(&staff, &signer(0).sign_jwt("JWT", &good).unwrap(), &[]).await.0, 200);
}

#[tokio::test]
async fn a_signature_by_somebody_else_or_by_nobody_is_refused() {
    let staff = serve();
    let good = claims("1", json!({}));
    let payload = signer(0).sign_jwt("JWT", &good).unwrap().split('.').nth(1).unwrap().to_owned();
    for assertion in [
        signer(1).sign_jwt("JWT", &good).unwrap(),
        signer(2).sign_jwt("JWT", &good).unwrap(),
        // A token that the key signed for another purpose.
        signer(0).sign_jwt("dpop+jwt", &good).unwrap(),
        format!("eyJhbGciOiJub25lIn0.{payload}."),
        format!("eyJhbGciOiJIUzI1NiJ9.{payload}.AAAA"),
        "a.b.c".to_owned(),
        "x".repeat(60_000),
    ] {
        assert_eq!(present(&staff, &assertion, &[]).await, (401, "invalid_client".into()), "{assertion:.30}");
    }
}

#[tokio::test]
async fn the_client_is_the_one_of_the_assertion_and_registered_for_it() {
    let staff = serve();
    let assertion = signer(0).sign_jwt("JWT", &claims("1", json!({}))).unwrap();
    assert_eq!(present(&staff, &assertion, &[("client_id", "other")]).await, (401, "invalid_client".into()));
    let other = signer(0).sign_jwt("JWT", &claims("2", json!({"iss": "other", "sub": "other"}))).unwrap();
    assert_eq!(present(&staff, &other, &[]).await, (401, "invalid_client".into()));
    let nobody = signer(0).sign_jwt("JWT", &claims("3", json!({"iss": "nobody", "sub": "nobody"}))).unwrap();
    assert_eq!(present(&staff, &nobody, &[]).await, (401, "invalid_client".into()));
    staff.publish(realm().client(client("app").key(0).with(|app| app.authentication.keys = ClientKeys::None)).build());
    assert_eq!(present(&staff, &assertion, &[]).await, (401, "invalid_client".into()));
}

#[tokio::test]
async fn a_jti_may_come_again_once_its_assertion_has_ended_and_from_another_client() {
    let staff = realm().client(client("app").key(0)).client(client("two").key(0)).serve();
    let sign = |change: Value| signer(0).sign_jwt("JWT", &claims("1", change)).unwrap();
    assert_eq!(present(&staff, &sign(json!({})), &[]).await.0, 200);
    assert_eq!(present(&staff, &sign(json!({"iss": "two", "sub": "two"})), &[]).await.0, 200);
    staff.advance(Duration::from_secs(60));
    assert_eq!(present(&staff, &sign(json!({"exp": START + 90})), &[]).await.0, 200);
}
