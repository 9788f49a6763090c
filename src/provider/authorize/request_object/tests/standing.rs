use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{ISSUER, app, ask, members, of, signed, staff, told, unsigned};
use crate::{
    provider::testing::{START, TestProvider, client, realm, signer},
    realm::AuthMethod,
};

/// Each change, and whether an object with it is taken.
async fn judge(staff: &TestProvider, cases: &[(Value, bool)]) {
    for (change, is_taken) in cases {
        for object in [signed(change.clone()), unsigned(change.clone())] {
            let want = if *is_taken { "sign-in" } else { "invalid_request_object" };
            assert_eq!(ask(staff, &[("request", &object)]).await, want, "{change}");
        }
    }
}

#[tokio::test]
async fn core_6_1_iss_and_aud_are_not_required_but_must_be_right() {
    judge(
        &staff(),
        &[
            (json!({"iss": null, "aud": null}), true),
            (json!({"iss": "other"}), false),
            (json!({"iss": 7}), false),
            (json!({"iss": ISSUER}), false),
            (json!({"aud": [ISSUER, "https://other.example"]}), true),
            (json!({"aud": ["https://other.example"]}), false),
            (json!({"aud": "https://other.example"}), false),
            (json!({"aud": format!("{ISSUER}/")}), false),
            (json!({"aud": []}), false),
            (json!({"aud": 7}), false),
        ],
    )
    .await;
}

#[tokio::test]
async fn core_6_1_client_id_must_match_where_it_is_there() {
    judge(
        &staff(),
        &[
            (json!({"client_id": null}), true),
            (json!({"client_id": "other"}), false),
            (json!({"client_id": ["app"]}), false),
        ],
    )
    .await;
}

#[tokio::test]
async fn core_6_1_request_and_request_uri_must_not_be_included() {
    judge(
        &staff(),
        &[
            (json!({"request": "e30.e30."}), false),
            (json!({"request": ""}), false),
            (json!({"request_uri": "https://app.example/r"}), false),
        ],
    )
    .await;
    assert!(told(&staff(), &signed(json!({"request_uri": "x"}))).await.contains("request_uri must not stand"));
}

#[tokio::test]
async fn rfc7519_4_1_4_to_4_1_6_times_are_heeded_where_they_are_there() {
    judge(
        &staff(),
        &[
            (json!({"exp": START + 1, "nbf": START, "iat": START}), true),
            (json!({"exp": START as f64 + 0.5}), true),
            (json!({"exp": START}), false),
            (json!({"exp": START - 3600}), false),
            (json!({"nbf": START + 30}), true),
            (json!({"nbf": START + 31}), false),
            (json!({"iat": START + 31}), false),
            (json!({"iat": 0}), true),
            (json!({"exp": "soon"}), false),
            (json!({"nbf": {}}), false),
            (json!({"iat": [START]}), false),
        ],
    )
    .await;
    let told = told(&staff(), &signed(json!({"exp": (START + 60).to_string()}))).await;
    assert!(told.contains("exp must be a number"), "{told}");
}

#[tokio::test]
async fn rfc7519_4_a_member_that_stands_there_twice_is_refused_and_named() {
    let payload = format!(r#"{{"iss":"app","aud":"{ISSUER}","scope":"openid","scope":"openid email"}}"#);
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
    let object = format!("{header}.{}.", URL_SAFE_NO_PAD.encode(payload));
    let told = told(&staff(), &object).await;
    assert!(told.contains("scope stands there more than once"), "{told}");
    for payload in ["[]", "7", "null", "\"x\"", ""] {
        let object = format!("{header}.{}.", URL_SAFE_NO_PAD.encode(payload));
        assert_eq!(ask(&staff(), &[("request", &object)]).await, "invalid_request_object", "{payload}");
    }
}

#[tokio::test]
async fn rfc9101_10_8_a_jwt_of_another_kind_is_no_request_object() {
    let staff = staff();
    for (typ, is_taken) in [
        ("oauth-authz-req+jwt", true),
        ("application/oauth-authz-req+jwt", true),
        ("OAuth-AuthZ-Req+JWT", true),
        ("JWT", true),
        ("at+jwt", false),
        ("client-authentication+jwt", false),
        ("logout+jwt", false),
        ("", false),
    ] {
        let object = signer(0).sign_jwt(typ, &members(json!({}))).unwrap();
        let want = if is_taken { "sign-in" } else { "invalid_request_object" };
        assert_eq!(ask(&staff, &[("request", &object)]).await, want, "{typ}");
    }
    let (header, payload) = (json!({"alg": "none"}), members(json!({})));
    let [header, payload] = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    assert_eq!(ask(&staff, &[("request", &format!("{header}.{payload}."))]).await, "sign-in", "no typ at all");
}

#[tokio::test]
async fn rfc9101_10_8_neither_a_client_assertion_nor_a_request_object_passes_for_the_other() {
    let staff = of(app(|policy| policy.required = true).method(AuthMethod::PrivateKeyJwt)).serve();
    // A client assertion that somebody has got hold of would be a signed request that asks for nothing in particular.
    let assertion = json!({"iss": "app", "sub": "app", "aud": ISSUER, "exp": START + 60, "jti": "1"});
    let jwt = signer(0).sign_jwt("JWT", &assertion).unwrap();
    assert_eq!(ask(&staff, &[("request", &jwt)]).await, "invalid_request_object");
    judge(&self::staff(), &[(json!({"sub": "app"}), false), (json!({"sub": "ada"}), true)]).await;
    let present = async |token: &str| {
        let assertion_type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", assertion_type),
            ("client_assertion", token),
        ];
        staff.post_form("/token", &[], &form).await.status.as_u16()
    };
    assert_eq!(present(&jwt).await, 200);
    let object = json!({"exp": START + 60, "jti": "2"});
    assert_eq!(present(&signed(object)).await, 401, "it has no sub");
    let typed = json!({"iss": "app", "sub": "app", "aud": ISSUER, "exp": START + 60, "jti": "3"});
    assert_eq!(present(&signer(0).sign_jwt("oauth-authz-req+jwt", &typed).unwrap()).await, 401);
}

#[tokio::test]
async fn core_6_3_2_a_key_of_one_client_signs_for_no_other() {
    let staff = realm().client(app(|_| ())).client(client("other")).serve();
    let object = signed(json!({"iss": "other", "client_id": "other"}));
    assert_eq!(ask(&staff, &[("client_id", "other"), ("request", &object)]).await, "invalid_request_object");
    assert_eq!(ask(&staff, &[("client_id", "other"), ("request", &signed(json!({})))]).await, "invalid_request_object");
}
