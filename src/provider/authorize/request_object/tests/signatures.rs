use serde_json::json;

use super::{app, ask, members, of, signed, staff, told, unsigned};
use crate::{
    jose::{Algorithm, HmacAlgorithm, JwsAlgorithm, authenticate_jwt},
    provider::testing::{LONG_SECRET, START, client, full_keyring, signer, signer_jwks},
};

#[tokio::test]
async fn core_6_3_2_every_signature_by_a_key_of_the_client_is_accepted_and_no_stranger_s() {
    let ring = full_keyring();
    let now = jiff::Timestamp::from_second(START).unwrap();
    let keys: Vec<_> = Algorithm::ALL.iter().map(|algorithm| ring.signer(*algorithm, now).unwrap().jwk()).collect();
    let own = of(client("app").jwks(&json!({"keys": keys}))).serve();
    for algorithm in Algorithm::ALL {
        let signer = ring.signer(algorithm, now).unwrap();
        let object = signer.sign_jwt("JWT", &members(json!({}))).unwrap();
        assert_eq!(ask(&own, &[("request", &object)]).await, "sign-in", "{algorithm}");
        assert_eq!(ask(&staff(), &[("request", &object)]).await, "invalid_request_object", "{algorithm}");
    }
    let ed25519 = ring.signer(Algorithm::Ed25519, now).unwrap();
    let object = ed25519.sign_jwt_as("Ed25519", "JWT", &members(json!({}))).unwrap();
    assert_eq!(ask(&own, &[("request", &object)]).await, "sign-in", "RFC 9864");
}

#[tokio::test]
async fn core_6_3_2_an_error_is_returned_where_the_signature_does_not_verify() {
    let staff = staff();
    let good = signed(json!({}));
    let (front, signature) = good.rsplit_once('.').unwrap();
    let (header, _) = front.split_once('.').unwrap();
    let other = unsigned(json!({"scope": "openid email"}));
    let forged = format!("{header}.{}.{signature}", other.split('.').nth(1).unwrap());
    let stripped = format!("{front}.");
    let stranger = signer(1).sign_jwt("JWT", &members(json!({}))).unwrap();
    for object in [forged.as_str(), &stripped, &stranger, "x", "e30.e30.", "a.b.c", "..", "e30.e30.e30.e30.e30"] {
        assert_eq!(ask(&staff, &[("request", object)]).await, "invalid_request_object", "{object}");
    }
    let keyless = of(client("app")).serve();
    assert_eq!(ask(&keyless, &[("request", &good)]).await, "invalid_request_object");
}

#[tokio::test]
async fn core_6_3_2_alg_must_be_what_the_client_has_registered() {
    let registered = |algorithm: JwsAlgorithm| of(app(|policy| policy.signing = Some(algorithm)).long_secret()).serve();
    let code = authenticate_jwt(HmacAlgorithm::Hs256, LONG_SECRET.as_bytes(), "JWT", &members(json!({}))).unwrap();
    let objects = [
        (JwsAlgorithm::from(Algorithm::Es256), signed(json!({}))),
        (JwsAlgorithm::Hmac(HmacAlgorithm::Hs256), code),
        (JwsAlgorithm::None, unsigned(json!({}))),
    ];
    for (algorithm, _) in &objects {
        let staff = registered(*algorithm);
        for (own, object) in &objects {
            let want = if own == algorithm { "sign-in" } else { "invalid_request_object" };
            assert_eq!(ask(&staff, &[("request", object)]).await, want, "{algorithm} registered, {own} sent");
        }
        assert_eq!(ask(&staff, &[]).await, "sign-in", "a plain request is none of its business");
    }
}

#[tokio::test]
async fn registration_2_where_no_algorithm_is_registered_any_that_is_supported_may_be_used_also_none() {
    let staff = of(app(|_| ()).long_secret()).serve();
    assert_eq!(ask(&staff, &[("request", &unsigned(json!({})))]).await, "sign-in");
    assert_eq!(ask(&staff, &[("request", &signed(json!({})))]).await, "sign-in");
    for algorithm in HmacAlgorithm::ALL {
        let object = authenticate_jwt(algorithm, LONG_SECRET.as_bytes(), "JWT", &members(json!({}))).unwrap();
        assert_eq!(ask(&staff, &[("request", &object)]).await, "sign-in", "{algorithm}");
    }
    let discovered = staff.get("/.well-known/openid-configuration", &[]).await.json();
    for name in ["none", "RS256", "ES256", "PS512", "EdDSA", "HS512"] {
        let all = discovered["request_object_signing_alg_values_supported"].as_array().unwrap();
        assert!(all.contains(&name.into()), "{name}");
    }
}

#[tokio::test]
async fn rfc7518_3_6_an_unsigned_object_with_a_signature_is_none() {
    let object = format!("{}AAAA", unsigned(json!({})));
    assert_eq!(ask(&staff(), &[("request", &object)]).await, "invalid_request_object");
}

#[tokio::test]
async fn core_10_1_a_code_needs_a_secret_that_is_known_and_right() {
    let object = authenticate_jwt(HmacAlgorithm::Hs256, LONG_SECRET.as_bytes(), "JWT", &members(json!({}))).unwrap();
    // Only its digest is known.
    let unknown = of(client("app")).serve();
    assert!(told(&unknown, &object).await.contains("no secret"));
    let other = authenticate_jwt(HmacAlgorithm::Hs256, &[7; 32], "JWT", &members(json!({}))).unwrap();
    let known = of(client("app").long_secret()).serve();
    assert_eq!(ask(&known, &[("request", &other)]).await, "invalid_request_object");
    let public = of(client("app").jwks(&signer_jwks(0)).public()).serve();
    assert_eq!(ask(&public, &[("request", &object)]).await, "invalid_request_object");
    assert_eq!(ask(&public, &[("request", &signed(json!({})))]).await, "sign-in", "a public client may have a key");
}
