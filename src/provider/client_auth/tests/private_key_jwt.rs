use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use crate::{
    jose::{Algorithm, JwsAlgorithm, PrivateKey, Signer, foreign::ForeignKeys},
    provider::testing::{START, TestProvider, client, realm, signer},
    realm::{AssertionAudience, ClientKeys},
    store::MemoryStore,
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

#[tokio::test]
async fn rfc7523_3_the_endpoint_that_is_asked_is_us_too_and_another_is_not() {
    let staff = serve();
    let ask = async |path: &str, jti: &str, aud: &str| {
        let assertion = signer(0).sign_jwt("JWT", &claims(jti, json!({"aud": aud}))).unwrap();
        let form = [("token", "x"), ("client_assertion_type", TYPE), ("client_assertion", &assertion)];
        staff.post_form(path, &[], &form).await.status.as_u16()
    };
    for (at, (path, aud, want)) in [
        ("/introspect", format!("{ISSUER}/introspect"), 200),
        ("/introspect", format!("{ISSUER}/token"), 200),
        ("/introspect", ISSUER.to_owned(), 200),
        ("/introspect", format!("{ISSUER}/revoke"), 401),
        ("/revoke", format!("{ISSUER}/revoke"), 200),
        ("/revoke", format!("{ISSUER}/introspect"), 401),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(ask(path, &at.to_string(), &aud).await, want, "{path} {aud}");
    }
}

#[tokio::test]
async fn where_the_realm_says_so_the_audience_is_the_issuer_alone() {
    let strict = realm().settings(|settings| settings.assertion_audience = AssertionAudience::Issuer);
    let staff = strict.client(client("app").key(0)).serve();
    for (at, (aud, want)) in [
        (json!(ISSUER), 200),
        (json!([ISSUER]), 200),
        (json!([ISSUER, ISSUER]), 401),
        (json!([ISSUER, "https://elsewhere.example"]), 401),
        (json!(format!("{ISSUER}/token")), 401),
        (json!([ISSUER, format!("{ISSUER}/token")]), 401),
    ]
    .into_iter()
    .enumerate()
    {
        let assertion = signer(0).sign_jwt("JWT", &claims(&at.to_string(), json!({"aud": aud}))).unwrap();
        assert_eq!(present(&staff, &assertion, &[]).await.0, want, "{aud}");
    }
}

#[tokio::test]
async fn registration_2_an_assertion_by_another_than_the_registered_algorithm_is_refused() {
    for (registered, want) in [("ES256", 200), ("ES384", 401), ("RS256", 401)] {
        let registered = registered.parse::<JwsAlgorithm>().unwrap();
        let app = client("app").key(0).with(|client| client.authentication.signing_algorithm = Some(registered));
        let staff = realm().client(app).serve();
        let assertion = signer(0).sign_jwt("JWT", &claims("1", json!({}))).unwrap();
        assert_eq!(present(&staff, &assertion, &[]).await.0, want, "{registered}");
    }
}

#[tokio::test]
async fn every_algorithm_that_metadata_lists_is_accepted() {
    for algorithm in Algorithm::ALL {
        let signer =
            Signer::new(PrivateKey::from_pem(algorithm, &PrivateKey::generate_pem(algorithm).unwrap()).unwrap());
        let keys = ForeignKeys::parse(json!({"keys": [signer.jwk()]}).to_string().as_bytes()).unwrap();
        let app = client("app").key(0).with(|client| client.authentication.keys = ClientKeys::Inline(Arc::new(keys)));
        let staff = realm().client(app).serve();
        let listed = staff.get("/.well-known/openid-configuration", &[]).await.json();
        let listed = listed["token_endpoint_auth_signing_alg_values_supported"].clone();
        let names = [algorithm.jws_name(), algorithm.resource_name()];
        for (at, name) in names.into_iter().enumerate() {
            let assertion = signer.sign_jwt_as(name, "JWT", &claims(&at.to_string(), json!({}))).unwrap();
            assert_eq!(present(&staff, &assertion, &[]).await.0, 200, "{name}");
            assert!(listed.as_array().unwrap().contains(&name.into()), "{name}");
        }
        assert!(!listed.as_array().unwrap().contains(&"none".into()));
    }
}

/// OpenID Connect Core section 9, `jti`: one store stands behind all replicas.
#[tokio::test]
async fn a_replay_at_another_replica_is_refused() {
    let store = Arc::new(MemoryStore::new());
    let build = || realm().client(client("app").key(0)).client(client("other")).build();
    let (one, two) = (TestProvider::with_store(build(), store.clone()), TestProvider::with_store(build(), store));
    let assertion = signer(0).sign_jwt("JWT", &claims("1", json!({}))).unwrap();
    assert_eq!(present(&one, &assertion, &[]).await.0, 200);
    assert_eq!(present(&two, &assertion, &[]).await, (401, "invalid_client".into()));
}

#[tokio::test]
async fn rfc7523_3_clocks_may_differ_by_half_a_minute() {
    let staff = serve();
    for (at, (change, want)) in [
        (json!({"iat": START + 30}), 200),
        (json!({"iat": START + 31}), 401),
        (json!({"nbf": START + 30}), 200),
        (json!({"nbf": START + 31}), 401),
        (json!({"exp": START + 3630}), 200),
        (json!({"exp": START + 3631}), 401),
        (json!({"iat": null}), 200),
    ]
    .into_iter()
    .enumerate()
    {
        let assertion = signer(0).sign_jwt("JWT", &claims(&at.to_string(), change.clone())).unwrap();
        assert_eq!(present(&staff, &assertion, &[]).await.0, want, "{change}");
    }
}

/// RFC 7519 section 4: the names of claims are unique; of two readers of one token, none must be misled.
#[tokio::test]
async fn rfc7519_4_a_claim_that_is_there_twice_is_refused() {
    #[derive(serde::Serialize)]
    struct Twice {
        sub: &'static str,
        #[serde(rename = "sub")]
        again: &'static str,
        #[serde(flatten)]
        rest: Value,
    }
    let staff = serve();
    let rest = |jti: &str| claims(jti, json!({"sub": null}));
    for (sub, again) in [("app", "other"), ("other", "app"), ("app", "app")] {
        let assertion = signer(0).sign_jwt("JWT", &Twice { sub, again, rest: rest("1") }).unwrap();
        assert_eq!(present(&staff, &assertion, &[]).await, (401, "invalid_client".into()), "{sub} {again}");
    }
}

/// RFC 7515 section 4.1.11, RFC 7516 section 9: what is not understood, or is no JWS, is refused.
#[tokio::test]
async fn rfc7515_4_1_11_an_assertion_with_a_critical_header_or_in_a_jwe_is_refused() {
    let staff = serve();
    let good = signer(0).sign_jwt("JWT", &claims("1", json!({}))).unwrap();
    let encode = |text: &str| base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, text);
    let (_, rest) = good.split_once('.').unwrap();
    let critical = encode(r#"{"alg":"ES256","crit":["exp"],"exp":1}"#);
    for assertion in
        [format!("{critical}.{rest}"), format!("{good}.AA.AA"), format!("{good}="), good.replace('.', ". ")]
    {
        assert_eq!(present(&staff, &assertion, &[]).await, (401, "invalid_client".into()), "{assertion}");
    }
    assert_eq!(present(&staff, &good, &[]).await.0, 200);
}
