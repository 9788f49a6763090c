//! OpenID Connect Core section 9: `client_secret_jwt` and `private_key_jwt`.

use serde_json::{Value, json};

use super::ISSUER;
use crate::{
    jose::{HmacAlgorithm, authenticate_jwt},
    provider::testing::{LONG_SECRET, START, TestProvider, client, realm, signer},
    realm::AuthMethod,
};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const METHODS: [&str; 2] = ["by-key", "by-secret"];

fn provider() -> TestProvider {
    realm()
        .client(client("by-key").key(0))
        .client(client("by-secret").long_secret().method(AuthMethod::ClientSecretJwt))
        .serve()
}

/// A good assertion of the client with these claims changed; null takes one out.
fn assertion(of: &str, jti: &str, changes: &Value) -> String {
    let mut claims = json!({"iss": of, "sub": of, "aud": format!("{ISSUER}/token"), "exp": START + 60, "jti": jti});
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    match of {
        "by-key" => signer(0).sign_jwt("JWT", &claims).unwrap(),
        _ => authenticate_jwt(HmacAlgorithm::Hs256, LONG_SECRET.as_bytes(), "JWT", &claims).unwrap(),
    }
}

async fn present(at: &TestProvider, kind: &str, assertion: &str) -> (u16, String) {
    let form = [("grant_type", "client_credentials"), ("client_assertion_type", kind), ("client_assertion", assertion)];
    at.post_form("/token", &[], &form).await.error()
}

fn refused() -> (u16, String) {
    (401, "invalid_client".into())
}

#[tokio::test]
async fn core_9_each_required_claim_is_missed_in_an_assertion() {
    let provider = provider();
    for of in METHODS {
        for name in ["iss", "sub", "aud", "exp", "jti"] {
            for value in [Value::Null, json!(""), json!("someone-else"), json!([]), json!({})] {
                if (name, &value) == ("jti", &json!("someone-else")) {
                    continue;
                }
                let changes = json!({name: value});
                assert_eq!(present(&provider, TYPE, &assertion(of, "1", &changes)).await, refused(), "{of} {changes}");
            }
        }
        assert_eq!(present(&provider, TYPE, &assertion(of, "1", &json!({}))).await.0, 200, "none has used it up");
        assert_eq!(present(&provider, TYPE, &assertion(of, "1", &json!({}))).await, refused(), "and it is good once");
    }
}

#[tokio::test]
async fn core_9_an_assertion_is_refused_from_the_second_in_which_it_expires() {
    let provider = provider();
    for of in METHODS {
        for (jti, exp, want) in [("1", START + 1, 200), ("2", START, 401), ("3", START - 1, 401), ("4", 0, 401)] {
            let reply = present(&provider, TYPE, &assertion(of, jti, &json!({"exp": exp}))).await;
            assert_eq!(reply.0, want, "{of} {exp}");
        }
    }
}

#[tokio::test]
async fn core_9_claims_that_are_not_understood_are_passed_over() {
    let provider = provider();
    for of in METHODS {
        let more = json!({"foo": {"bar": [1, null]}, "azp": "x", "nonce": "", "scope": 7, "iat": START, "nbf": START});
        assert_eq!(present(&provider, TYPE, &assertion(of, "1", &more)).await.0, 200, "{of}");
    }
}

#[tokio::test]
async fn core_9_client_assertion_type_has_one_value() {
    let provider = provider();
    for of in METHODS {
        for kind in [
            "urn:ietf:params:oauth:client-assertion-type:saml2-bearer",
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "URN:IETF:PARAMS:OAUTH:CLIENT-ASSERTION-TYPE:JWT-BEARER",
            "jwt-bearer",
        ] {
            assert_eq!(present(&provider, kind, &assertion(of, "1", &json!({}))).await, refused(), "{of} {kind}");
        }
        let missing = present(&provider, "", &assertion(of, "1", &json!({}))).await;
        assert_eq!(missing, (400, "invalid_request".into()), "{of}");
        assert_eq!(present(&provider, TYPE, &assertion(of, "1", &json!({}))).await.0, 200, "{of}");
    }
}
