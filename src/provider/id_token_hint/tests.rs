//! OpenID Connect Core section 3.1.2.1 and RP-Initiated Logout section 2: which ID tokens are taken as a hint.

use serde_json::{Value, json};

use super::{Verified, verify};
use crate::{
    jose::{
        self, Algorithm, HmacAlgorithm, JwsAlgorithm, KeyManagement,
        jwe::{ContentEncryption, DirectKey, EncryptionKey},
    },
    provider::testing::{LONG_SECRET, START, client, full_keyring, realm, signer},
    realm::{ClientSecret, Realm},
};

fn claims(change: Value) -> Value {
    let mut claims =
        json!({"iss": "https://id.example.com/realms/staff", "sub": "sub-ada", "aud": "app", "exp": 1, "sid": "s"});
    claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    claims
}

const HS256: JwsAlgorithm = JwsAlgorithm::Hmac(HmacAlgorithm::Hs256);

fn staff() -> Realm {
    let app = |id: &str| client(id).long_secret().with(|client| client.id_token.signing = Some(HS256));
    realm().every_key().client(app("app")).client(client("signed").long_secret()).build()
}

fn check(realm: &Realm, token: &str, client_id: Option<&str>) -> Result<Option<String>, String> {
    let now = jiff::Timestamp::from_second(START).unwrap();
    match verify(realm, token, client_id, now) {
        Ok(verified) => Ok(verified.ours().map(|hint| hint.subject)),
        Err(error) => {
            assert_eq!(error.code.as_str(), "invalid_request");
            Err(error.description.into_owned())
        }
    }
}

fn good() -> Result<Option<String>, String> {
    Ok(Some("sub-ada".to_owned()))
}

fn by_secret(algorithm: HmacAlgorithm, secret: &str, change: Value) -> String {
    jose::authenticate_jwt(algorithm, secret.as_bytes(), "JWT", &claims(change)).unwrap()
}

fn by_key(algorithm: Algorithm) -> String {
    let ring = full_keyring();
    let signer = ring.signer(algorithm, jiff::Timestamp::UNIX_EPOCH).unwrap();
    signer.sign_jwt("JWT", &claims(json!({}))).unwrap()
}

#[test]
fn oidc_3_1_2_1_a_hint_by_any_key_of_the_realm_is_good_also_an_expired_one() {
    for algorithm in Algorithm::ALL {
        assert_eq!(check(&staff(), &by_key(algorithm), None), good(), "{algorithm}");
    }
    let ring = full_keyring();
    let ed25519 = ring.signer(Algorithm::Ed25519, jiff::Timestamp::UNIX_EPOCH).unwrap();
    let by_other_name = ed25519.sign_jwt_as("Ed25519", "JWT", &claims(json!({}))).unwrap();
    assert_eq!(check(&staff(), &by_other_name, None), good());
    assert_eq!(check(&staff(), &signer(0).sign_jwt("JWT", &claims(json!({}))).unwrap(), None), Ok(None), "a lost key");
    assert!(check(&staff(), &ed25519.sign_jwt("at+jwt", &claims(json!({}))).unwrap(), None).is_err());
}

#[test]
fn core_3_1_2_2_a_hint_whose_key_is_gone_still_says_whom_it_means_and_must_name_this_issuer() {
    let now = jiff::Timestamp::from_second(START).unwrap();
    let by_a_lost_key = |change: Value| signer(0).sign_jwt("JWT", &claims(change)).unwrap();
    let unvouched = verify(&staff(), &by_a_lost_key(json!({})), None, now).unwrap();
    assert!(matches!(&unvouched, Verified::Unvouched(hint) if hint.subject == "sub-ada" && hint.audience == ["app"]));
    assert_eq!(unvouched.ours(), None);
    for change in [json!({"iss": "https://id.example.com/realms/guests"}), json!({"sub": 7}), json!({"aud": null})] {
        assert!(check(&staff(), &by_a_lost_key(change), None).is_err());
    }
}

#[test]
fn oidc_3_1_2_1_a_hint_by_the_secret_of_its_audience_is_good_and_by_any_other_it_is_not() {
    let staff = staff();
    let hs256 = HmacAlgorithm::Hs256;
    assert_eq!(check(&staff, &by_secret(hs256, LONG_SECRET, json!({})), None), good());
    for forged in [
        by_secret(hs256, &LONG_SECRET.to_uppercase(), json!({})),
        // A client that knows its own secret speaks for nobody whose ID tokens are signed by the realm.
        by_secret(hs256, LONG_SECRET, json!({"aud": "signed"})),
        by_secret(hs256, LONG_SECRET, json!({"aud": ["app", "signed"]})),
        by_secret(hs256, LONG_SECRET, json!({"aud": "nobody"})),
        by_secret(hs256, LONG_SECRET, json!({"aud": []})),
        by_secret(hs256, LONG_SECRET, json!({"iss": "https://id.example.com/realms/guests"})),
        by_secret(HmacAlgorithm::Hs512, LONG_SECRET, json!({})),
    ] {
        assert!(check(&staff, &forged, Some("app")).is_err(), "{forged}");
    }
}

#[test]
fn a_hint_by_a_former_secret_is_good_while_that_is_accepted() {
    let former = LONG_SECRET.to_uppercase();
    let hint = by_secret(HmacAlgorithm::Hs256, &former, json!({}));
    for (end, want) in [(START + 1, true), (START, false)] {
        let end = jiff::Timestamp::from_second(end).unwrap();
        let secret = ClientSecret::new("0", former.as_bytes(), Some(end)).unwrap().with_value(former.as_bytes());
        let app = client("app").long_secret().with(|client| {
            client.id_token.signing = Some(HS256);
            client.authentication.secrets.push(secret);
        });
        assert_eq!(check(&realm().client(app).build(), &hint, None).is_ok(), want);
    }
}

#[test]
fn a_hint_that_nobody_has_signed_is_refused_whatever_the_client_has_registered() {
    let app = client("app").long_secret().with(|client| client.id_token.signing = Some(JwsAlgorithm::None));
    let staff = realm().every_key().client(app).build();
    let hint = jose::unsecured_jwt("JWT", &claims(json!({}))).unwrap();
    let why = check(&staff, &hint, Some("app")).unwrap_err();
    assert_eq!(why, "id_token_hint: nobody has signed it");
    let key = full_keyring();
    let jwk = key.active(KeyManagement::EcdhEs.into(), jiff::Timestamp::from_second(START).unwrap()).unwrap();
    let key = EncryptionKey::new(KeyManagement::EcdhEs, &jwk.material, None).unwrap();
    let encrypted = key.encrypt(ContentEncryption::A128Gcm, Some("JWT"), hint.as_bytes()).unwrap();
    assert!(check(&staff, &encrypted, Some("app")).is_err(), "also inside");
}

#[test]
fn oidc_3_1_2_1_a_hint_that_is_encrypted_for_the_realm_is_decrypted() {
    let (staff, now) = (staff(), jiff::Timestamp::from_second(START).unwrap());
    let signed = by_key(Algorithm::Es256);
    for algorithm in KeyManagement::ALL {
        let jwk = staff.keyring.active(algorithm.into(), now).unwrap().clone();
        for kid in [None, Some(jwk.kid.clone())] {
            let key = EncryptionKey::new(algorithm, &jwk.material, kid).unwrap();
            let hint = key.encrypt(ContentEncryption::A256CbcHs512, Some("JWT"), signed.as_bytes()).unwrap();
            assert_eq!(check(&staff, &hint, None), good(), "{algorithm}");
        }
        let lost = EncryptionKey::new(algorithm, &jwk.material, Some("lost".into())).unwrap();
        let hint = lost.encrypt(ContentEncryption::A128Gcm, Some("JWT"), signed.as_bytes()).unwrap();
        assert!(check(&staff, &hint, None).is_err());
    }
}

#[test]
fn rp_initiated_logout_2_a_hint_that_is_encrypted_with_a_secret_needs_client_id() {
    let staff = staff();
    let signed = by_secret(HmacAlgorithm::Hs256, LONG_SECRET, json!({}));
    let key = DirectKey::of_secret(LONG_SECRET.as_bytes());
    let hint = key.encrypt(ContentEncryption::A128Gcm, Some("JWT"), signed.as_bytes()).unwrap();
    assert_eq!(check(&staff, &hint, Some("app")), good());
    for client_id in [None, Some("nobody")] {
        assert!(check(&staff, &hint, client_id).is_err());
    }
}

#[test]
fn core_3_1_2_2_a_signed_userinfo_response_is_no_id_token() {
    let claims = json!({"iss": "https://id.example.com/realms/staff", "sub": "sub-ada", "aud": "app"});
    let ring = full_keyring();
    let signer = ring.signer(Algorithm::Es256, jiff::Timestamp::UNIX_EPOCH).unwrap();
    let by_key = signer.sign_jwt("JWT", &claims).unwrap();
    let by_secret = jose::authenticate_jwt(HmacAlgorithm::Hs256, LONG_SECRET.as_bytes(), "JWT", &claims).unwrap();
    for userinfo in [by_key, by_secret] {
        let why = check(&staff(), &userinfo, Some("app")).unwrap_err();
        assert!(why.contains("exp"), "{why}");
    }
}

#[test]
fn what_is_no_id_token_is_refused_and_never_a_panic() {
    let staff = staff();
    let json =
        DirectKey::of_secret(LONG_SECRET.as_bytes()).encrypt(ContentEncryption::A128Gcm, None, b"\xff{}").unwrap();
    for token in ["", ".", "..", "....", "a.b.c", "a.b.c.d.e", "e30.e30.", "e30.e30.e30.e30.e30", "\u{e9}", &json] {
        assert!(check(&staff, token, Some("app")).is_err(), "{token}");
    }
}
