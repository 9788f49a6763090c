//! Keys to encrypt for: their life beside that of the keys that sign.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    controller::{
        source::Kind,
        testing::{House, realm, secret, signing_key},
    },
    jose::{
        Algorithm, KeyManagement,
        jwe::{ContentEncryption, EncryptionKey},
    },
};

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

fn enc(spec: Value) -> Value {
    let mut all =
        json!({"algorithm": "ECDH-ES+A256KW", "use": "enc", "rotation": {"every": "10d", "prePublish": "1h"}});
    all.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    signing_key("enc", all)
}

fn house() -> House {
    let sig = signing_key("sig", json!({"algorithm": "ES256", "rotation": {"every": "10d", "prePublish": "1h"}}));
    House::with([realm("staff", json!({"signing": {"defaultKeys": "None"}})), sig, enc(json!({}))])
}

fn states(house: &House) -> String {
    let keys = &house.object(Kind::SigningKey, "identity", "enc")["status"]["keys"];
    let state = |key: &Value| key["state"].as_str().unwrap().to_owned();
    keys.as_array().unwrap().iter().map(state).collect::<Vec<_>>().join(" ")
}

/// `kid`s of the keys to encrypt for in the JWKS, newest first.
fn published(house: &House) -> Vec<String> {
    let realm = house.realm("staff").unwrap();
    let enc = realm.keyring.published(house.now).filter(|jwk| jwk.usage == "enc");
    enc.inspect(|jwk| assert_eq!(jwk.alg, "ECDH-ES+A256KW")).map(|jwk| jwk.kid.clone()).collect()
}

/// What somebody encrypts now for the key that is to be encrypted for.
fn encrypted(house: &House) -> (String, String) {
    let realm = house.realm("staff").unwrap();
    let jwk = realm.keyring.active(KeyManagement::EcdhEsA256Kw.into(), house.now).unwrap();
    let key = EncryptionKey::new(KeyManagement::EcdhEsA256Kw, &jwk.material, Some(jwk.kid.clone())).unwrap();
    (jwk.kid.clone(), key.encrypt(ContentEncryption::A256Gcm, None, b"request").unwrap())
}

fn decrypts(house: &House, (kid, token): &(String, String)) -> bool {
    let realm = house.realm("staff").unwrap();
    let key = realm.keyring.decrypter(kid, house.now);
    let by_algorithm = realm.keyring.decrypters(KeyManagement::EcdhEsA256Kw, house.now);
    assert_eq!(key.is_some(), by_algorithm.into_iter().any(|key| key.jwk().kid == *kid));
    key.is_some_and(|key| key.decrypt(token).unwrap().as_slice() == b"request")
}

#[test]
fn an_encryption_ring_lives_its_whole_life_beside_a_signing_ring() {
    let mut house = house();
    let start = house.now;
    let first = encrypted(&house);
    assert_eq!((states(&house).as_str(), published(&house)), ("Active", vec![first.0.clone()]));
    assert!(house.realm("staff").unwrap().keyring.verifier(&first.0, house.now).is_none(), "it verifies nothing");
    house.until(start + DAY * 10 - seconds(3630));
    assert_eq!((states(&house).as_str(), published(&house).len()), ("Pending Active", 1));
    let keyring = house.realm("staff").unwrap().keyring.clone();
    assert_eq!(
        keyring.decrypters(KeyManagement::EcdhEsA256Kw, house.now).count(),
        2,
        "it decrypts before it is published"
    );
    house.until(start + DAY * 10 - seconds(3600));
    assert_eq!((states(&house).as_str(), published(&house).len()), ("Published Active", 2));
    assert_eq!(encrypted(&house).0, first.0);
    house.until(start + DAY * 10);
    let second = encrypted(&house);
    assert_eq!((states(&house).as_str(), published(&house)), ("Active Retired", vec![second.0.clone()]));
    assert!(second.0 != first.0 && decrypts(&house, &first) && decrypts(&house, &second), "somebody has the old JWKS");
    house.pass(seconds(419));
    assert!(decrypts(&house, &first));
    house.pass(seconds(1));
    assert!(!decrypts(&house, &first) && decrypts(&house, &second));
    assert_eq!(states(&house), "Active Removed");
    house.pass(seconds(60));
    assert_eq!(states(&house), "Active");
    let events = house.events_about(Kind::SigningKey, "enc");
    assert_eq!(events, ["KeyCreated", "KeyCreated", "KeyActivated", "KeyRemoved"]);
    let realm = house.object(Kind::Realm, "identity", "staff");
    let keys = realm["status"]["keys"].as_array().unwrap();
    assert!(keys.iter().any(|key| key["alg"] == "ECDH-ES+A256KW" && key["kid"] == second.0.as_str()), "{keys:?}");
    assert!(house.realm("staff").unwrap().keyring.signer(Algorithm::Es256, house.now).is_some());
    let algorithms = house.realm("staff").unwrap().keyring.algorithms(house.now);
    assert_eq!(algorithms, [Algorithm::Es256], "it signs nothing");
}

#[test]
fn an_encryption_key_is_retained_and_revoked_as_it_is_asked() {
    let mut house = house();
    let start = house.now;
    let first = encrypted(&house);
    let long = json!({"rotation": {"every": "10d", "prePublish": "1h", "retain": "2d"}});
    house.put(enc(long.clone())).settle();
    house.until(start + DAY * 12 - seconds(10));
    assert!(decrypts(&house, &first) && !published(&house).contains(&first.0));
    let mut revoking = long;
    revoking["revokedKids"] = json!([first.0]);
    house.put(enc(revoking)).settle();
    assert!(!decrypts(&house, &first));
    assert_eq!(states(&house), "Active Revoked");
}

#[test]
fn a_referenced_encryption_key_is_read_and_one_that_signs_refused() {
    let source = json!({"source": {"secretRef": {"name": "theirs"}}, "rotation": {"prePublish": "1m"}});
    let jwk = |members: &str| {
        format!(
            r#"{{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            "d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"{members}}}"#
        )
    };
    let theirs = |members: &str| secret("identity", "theirs", &[("private-key.jwk", &jwk(members))]);
    let staff = realm("staff", json!({}));
    let mut house = House::with([staff, theirs(",\"use\":\"sig\""), enc(source)]);
    assert_eq!(house.ready(Kind::SigningKey, "identity", "enc"), "False:SecretInvalid");
    house.put(theirs(",\"use\":\"enc\",\"alg\":\"ECDH-ES+A256KW\",\"key_ops\":[\"deriveKey\"]")).settle();
    assert_eq!(house.ready(Kind::SigningKey, "identity", "enc"), "True:Ready");
    let one = encrypted(&house);
    assert!(decrypts(&house, &one));
}

#[test]
fn a_use_that_does_not_go_with_its_algorithm_is_refused() {
    for spec in [json!({"algorithm": "ES256"}), json!({"use": "sig"})] {
        let house = House::with([realm("staff", json!({})), enc(spec)]);
        assert_eq!(house.ready(Kind::SigningKey, "identity", "enc"), "False:Invalid");
    }
}
