use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    jose::foreign::ForeignKeys,
    provider::testing::{RealmBuilder, START, TestProvider, client, realm, signer, signer_jwks, verified},
    realm::workload::ClusterIssuer,
};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const ISSUER: &str = "https://id.example.com/realms/staff";
const CLUSTER: &str = "https://kubernetes.default.svc";

/// Client `app` is `apps/app`, and its ServiceAccount is `apps/worker`.
fn builder() -> RealmBuilder {
    realm().client(client("app").service_accounts(&["worker"])).client(client("other"))
}

fn serve(realm: RealmBuilder) -> TestProvider {
    let staff = realm.serve();
    staff.provider.cluster.set(ClusterIssuer {
        issuer: CLUSTER.into(),
        keys: ForeignKeys::parse(signer_jwks(2).to_string().as_bytes()).unwrap(),
        max_age_without_jti: Duration::from_secs(600),
    });
    staff
}

/// What TokenRequest gives, with these claims in their place; null takes one out.
fn token(change: Value) -> String {
    let mut claims = json!({
        "iss": CLUSTER, "sub": "system:serviceaccount:apps:worker", "aud": [ISSUER], "exp": START + 3600,
        "iat": START - 10, "nbf": START - 10, "jti": "2f0a",
        "kubernetes.io": {"namespace": "apps", "serviceaccount": {"name": "worker", "uid": "1"}},
    });
    for (name, value) in change.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    signer(2).sign_jwt("JWT", &claims).unwrap()
}

async fn present(staff: &TestProvider, token: &str, more: &[(&str, &str)]) -> (u16, String) {
    let form = [("grant_type", "client_credentials"), ("client_assertion_type", TYPE), ("client_assertion", token)];
    staff.post_form("/token", &[], &[&form, more].concat()).await.error()
}

#[tokio::test]
async fn a_workload_gets_its_token_without_a_secret_and_may_come_again() {
    let staff = serve(builder());
    let form = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", TYPE),
        ("client_assertion", &token(json!({}))),
    ];
    for _ in 0..3 {
        let reply = staff.post_form("/token", &[], &form).await.json();
        assert_eq!(verified(reply["access_token"].as_str().unwrap()).1["sub"], "app");
    }
    assert_eq!(present(&staff, &token(json!({})), &[("client_id", "app")]).await.0, 200);
    assert_eq!(present(&staff, &token(json!({"aud": ISSUER})), &[]).await.0, 200);
    // Beside it, the registered method stays good.
    assert_eq!(staff.post_as("app", "/token", &form[..1]).await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_token_that_is_not_for_us_or_not_of_that_workload_is_refused() {
    let staff = serve(builder());
    for change in [
        json!({"sub": "system:serviceaccount:apps:other"}),
        json!({"sub": "system:serviceaccount:apps:default"}),
        json!({"sub": "system:serviceaccount:elsewhere:worker"}),
        json!({"sub": "system:serviceaccount:apps:worker:x"}),
        json!({"sub": "system:serviceaccount:worker"}),
        json!({"sub": "worker"}),
        json!({"sub": ""}),
        json!({"aud": ["https://kubernetes.default.svc"]}),
        json!({"aud": [format!("{ISSUER}/token")]}),
        json!({"aud": null}),
        json!({"exp": START}),
        json!({"exp": null}),
        json!({"nbf": START + 60}),
        json!({"iat": START + 60}),
        json!({"iss": "https://elsewhere.example"}),
    ] {
        let expected = (401, "invalid_client".to_owned());
        assert_eq!(present(&staff, &token(change.clone()), &[]).await, expected, "{change}");
        assert_eq!(present(&staff, &token(change.clone()), &[("client_id", "app")]).await, expected, "{change}");
    }
}

#[tokio::test]
async fn a_forged_signature_is_refused() {
    let staff = serve(builder());
    let claims: Value = json!({
        "iss": CLUSTER, "sub": "system:serviceaccount:apps:worker", "aud": [ISSUER], "exp": START + 60, "jti": "1",
    });
    for number in [0, 1] {
        let forged = signer(number).sign_jwt("JWT", &claims).unwrap();
        assert_eq!(present(&staff, &forged, &[]).await, (401, "invalid_client".into()));
    }
    let payload = token(json!({})).split('.').nth(1).unwrap().to_owned();
    let unsigned = format!("eyJhbGciOiJub25lIn0.{payload}.");
    assert_eq!(present(&staff, &unsigned, &[]).await, (401, "invalid_client".into()));
    // With the realm's own key, which is no key of the cluster.
    let own = staff.realm();
    let own = own.keyring.signer(crate::jose::Algorithm::Es256, staff.now()).unwrap();
    assert_eq!(present(&staff, &own.sign_jwt("JWT", &claims).unwrap(), &[]).await, (401, "invalid_client".into()));
}

/// The API server may sign with a key that it did not have when its keys were fetched.
#[tokio::test]
async fn a_token_of_an_unknown_key_asks_for_the_clusters_keys_anew() {
    let staff = serve(builder());
    let wanted = || tokio::time::timeout(Duration::from_millis(10), staff.provider.cluster.refresh_wanted());
    present(&staff, &token(json!({})), &[]).await;
    present(&staff, &token(json!({"aud": ["https://other.example"]})), &[]).await;
    assert!(wanted().await.is_err(), "the keys are known");
    let claims =
        json!({"iss": CLUSTER, "sub": "system:serviceaccount:apps:worker", "aud": [ISSUER], "exp": START + 60});
    present(&staff, &signer(1).sign_jwt("JWT", &claims).unwrap(), &[]).await;
    assert!(wanted().await.is_ok());
}

#[tokio::test]
async fn the_default_service_account_is_nobody_unless_it_is_named() {
    let default = token(json!({"sub": "system:serviceaccount:apps:default"}));
    assert_eq!(present(&serve(builder()), &default, &[("client_id", "app")]).await.0, 401);
    let named = realm().client(client("app").service_accounts(&["default"]));
    assert_eq!(present(&serve(named), &default, &[("client_id", "app")]).await.0, 200);
}

#[tokio::test]
async fn a_token_without_jti_must_be_young() {
    let staff = serve(builder());
    let aged = |iat: i64| token(json!({"jti": null, "iat": iat}));
    assert_eq!(present(&staff, &aged(START - 600), &[]).await.0, 200);
    assert_eq!(present(&staff, &aged(START - 601), &[]).await, (401, "invalid_client".into()));
    assert_eq!(present(&staff, &token(json!({"jti": null, "iat": null})), &[]).await.0, 401);
    assert_eq!(present(&staff, &token(json!({"iat": START - 3000})), &[]).await.0, 200, "with a jti it may be older");
}

#[tokio::test]
async fn without_a_client_id_exactly_one_client_must_name_the_workload() {
    let two = builder().client(client("second").service_accounts(&["worker"]));
    let staff = serve(two);
    assert_eq!(present(&staff, &token(json!({})), &[]).await, (401, "invalid_client".into()));
    for id in ["app", "second"] {
        assert_eq!(present(&staff, &token(json!({})), &[("client_id", id)]).await.0, 200, "{id}");
    }
    for id in ["other", "nobody"] {
        assert_eq!(present(&staff, &token(json!({})), &[("client_id", id)]).await, (401, "invalid_client".into()));
    }
}

#[tokio::test]
async fn a_client_of_another_namespace_is_not_reached_by_a_name_alone() {
    let elsewhere = client("app").service_accounts(&["worker"]).with(|client| {
        client.name = crate::realm::ObjectName::new("elsewhere", "app");
    });
    let staff = serve(realm().client(elsewhere));
    assert_eq!(present(&staff, &token(json!({})), &[("client_id", "app")]).await.0, 401);
    assert_eq!(present(&staff, &token(json!({"sub": "system:serviceaccount:elsewhere:worker"})), &[]).await.0, 200);
}

#[tokio::test]
async fn without_a_trusted_cluster_no_workload_is_let_in() {
    for more in [&[("client_id", "app")][..], &[]] {
        let refused = present(&builder().serve(), &token(json!({})), more).await;
        assert_eq!(refused, (401, "invalid_client".into()));
    }
}

#[tokio::test]
async fn a_workload_that_has_proven_who_it_is_may_introspect() {
    let staff = serve(builder());
    let form = [("client_assertion_type", TYPE), ("client_assertion", &token(json!({}))), ("token", "unknown")];
    assert_eq!(staff.post_form("/introspect", &[], &form).await.json(), json!({"active": false}));
}
