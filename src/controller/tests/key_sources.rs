//! Keys of somebody else's making, in every form that they come in.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    controller::{
        source::Kind,
        testing::{House, realm, secret, signing_key},
    },
    jose::{Algorithm, PrivateKey},
};

/// RFC 7515 appendix A.3.1, and its thumbprint.
const JWK: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;
const D: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";

fn ring(algorithm: &str) -> Value {
    let source = json!({"secretRef": {"name": "theirs"}});
    signing_key("ring", json!({"algorithm": algorithm, "source": source, "rotation": {"prePublish": "1m"}}))
}

fn house(algorithm: &str, entries: &[(&str, &str)]) -> House {
    let staff = realm("staff", json!({"signing": {"defaultKeys": "None"}}));
    House::with([staff, secret("identity", "theirs", entries), ring(algorithm)])
}

fn ready(house: &House) -> (String, String) {
    let status = &house.object(Kind::SigningKey, "identity", "ring")["status"];
    let conditions = status["conditions"].as_array().unwrap();
    let message =
        conditions.iter().find(|condition| condition["type"] == "Ready").unwrap()["message"].as_str().unwrap();
    (house.ready(Kind::SigningKey, "identity", "ring"), message.to_owned())
}

fn signer(house: &House) -> String {
    house.realm("staff").unwrap().keyring.signer(Algorithm::Es256, house.now).unwrap().jwk().kid.clone()
}

#[test]
fn a_jwk_is_taken_over_as_pem_and_a_renewed_one_starts_a_new_generation() {
    let mut house = house("ES256", &[("private-key.jwk", JWK)]);
    let first = signer(&house);
    let pem = house.entry("identity", "ring-1", "private-key.pem").unwrap();
    assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----"), "{pem}");
    assert_eq!(house.object(Kind::Secret, "identity", "ring-1")["immutable"], true);
    house.put(secret("identity", "theirs", &[("private-key.jwk", &JWK.replace('{', "{\"kid\":\"x\", "))])).settle();
    assert_eq!(signer(&house), first, "the same key in other words is no other key");
    assert!(!house.cluster.objects.keys().any(|key| &*key.name.name == "ring-2"));
    let next = PrivateKey::generate_pem(Algorithm::Es256).unwrap();
    house.put(secret("identity", "theirs", &[("tls.key", next.expose_str().unwrap())])).settle();
    assert_eq!(
        signer(&house),
        first,
        "the form may change with the key, and the old one signs until the new one is known"
    );
    house.pass(SignedDuration::from_secs(90));
    assert_ne!(signer(&house), first);
    assert!(house.realm("staff").unwrap().keyring.verifier(&first, house.now).is_some());
}

#[test]
fn what_is_wrong_with_a_source_is_said_with_its_entry_and_without_its_content() {
    let es384 = PrivateKey::generate_pem(Algorithm::Es384).unwrap();
    let es384 = es384.expose_str().unwrap();
    let other = PrivateKey::generate_pem(Algorithm::Es256).unwrap();
    let other = other.expose_str().unwrap();
    let contrary = JWK.replace('{', "{\"alg\":\"ES384\",");
    let for_encryption = JWK.replace('{', "{\"use\":\"enc\",");
    let public = JWK.replace("\"d\"", "\"x-d\"");
    for (entries, wanted) in [
        (
            &[("tls.key", es384)][..],
            "the entry tls.key of the Secret theirs is a P-384 key, which fits ES384 and not ES256",
        ),
        (
            &[("private-key.jwk", &contrary)],
            "the entry private-key.jwk of the Secret theirs is a JWK whose own alg is ES384",
        ),
        (
            &[("private-key.jwk", &for_encryption)],
            "is a JWK whose own use is enc, which contradicts ES256 with use sig",
        ),
        (&[("private-key.jwk", &public)], "it is a public key: the member d is missing"),
        (
            &[("private-key.jwk", "{")],
            "the entry private-key.jwk of the Secret theirs is not a JWK (RFC 7517): it is not JSON",
        ),
        (&[("tls.key", JWK)], "the entry tls.key of the Secret theirs holds no private key in PEM form"),
        (
            &[("private-key.pem", other), ("private-key.jwk", JWK)],
            "the entries private-key.pem and private-key.jwk of the Secret theirs hold different keys: one must go",
        ),
        (&[("tls.crt", "x")], "the Secret theirs has no entry tls.key or private-key.pem or private-key.jwk"),
    ] {
        let house = house("ES256", entries);
        let (ready, message) = ready(&house);
        assert!(ready.starts_with("False:Secret") && message.contains(wanted), "{ready} {message}");
        assert!(!message.contains(D), "{message}");
        assert!(house.realm("staff").unwrap().keyring.signer(Algorithm::Es256, house.now).is_none());
    }
}

#[test]
fn the_same_key_may_stand_there_in_two_forms() {
    let first = house("ES256", &[("private-key.jwk", JWK)]);
    let pem = first.entry("identity", "ring-1", "private-key.pem").unwrap();
    let both = house("ES256", &[("private-key.jwk", JWK), ("tls.key", &pem), ("tls.crt", "x")]);
    assert_eq!((ready(&both).0.as_str(), signer(&both)), ("True:Ready", signer(&first)));
}
