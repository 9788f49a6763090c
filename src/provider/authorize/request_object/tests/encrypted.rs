use serde_json::json;

use super::{app, ask, members, of, signed, unsigned};
use crate::{
    jose::{
        Algorithm, KeyManagement,
        foreign::ForeignKeys,
        jwe::{ContentEncryption, DirectKey, EncryptionKey},
    },
    provider::testing::{LONG_SECRET, START, TestProvider, decryption_key},
    realm::{Encryption, JweKey, RequestObjectPolicy},
};

fn serve(change: impl FnOnce(&mut RequestObjectPolicy)) -> TestProvider {
    of(app(change).long_secret()).every_key().serve()
}

/// The realm's public key, as a client finds it in the JWK Set.
fn key(staff: &TestProvider, algorithm: KeyManagement) -> EncryptionKey {
    let now = jiff::Timestamp::from_second(START).unwrap();
    let realm = staff.realm();
    let set = json!({"keys": realm.keyring.published(now).collect::<Vec<_>>()});
    ForeignKeys::parse(set.to_string().as_bytes()).unwrap().encryption_key(algorithm).unwrap()
}

#[tokio::test]
async fn core_6_3_1_what_is_signed_then_encrypted_in_any_way_that_discovery_lists_is_opened() {
    let staff = serve(|_| ());
    let discovered = staff.get("/.well-known/openid-configuration", &[]).await.json();
    let lists = |list: &str, name: &str| discovered[list].as_array().unwrap().contains(&name.into());
    for content in ContentEncryption::ALL {
        assert!(lists("request_object_encryption_enc_values_supported", content.name()));
        for algorithm in KeyManagement::ALL {
            assert!(lists("request_object_encryption_alg_values_supported", algorithm.name()));
            let object = key(&staff, algorithm).encrypt(content, Some("JWT"), signed(json!({})).as_bytes()).unwrap();
            assert_eq!(ask(&staff, &[("request", &object)]).await, "sign-in", "{algorithm} {content}");
        }
        assert!(lists("request_object_encryption_alg_values_supported", "dir"));
        let direct = DirectKey::of_secret(LONG_SECRET.as_bytes());
        let object = direct.encrypt(content, Some("JWT"), signed(json!({})).as_bytes()).unwrap();
        assert_eq!(ask(&staff, &[("request", &object)]).await, "sign-in", "dir {content}");
    }
}

#[tokio::test]
async fn core_6_3_1_an_error_is_returned_where_decryption_fails() {
    let staff = serve(|_| ());
    let good =
        key(&staff, KeyManagement::EcdhEs).encrypt(ContentEncryption::A128Gcm, None, signed(json!({})).as_bytes());
    let good = good.unwrap();
    let stranger = decryption_key(KeyManagement::EcdhEs);
    let set = ForeignKeys::parse(json!({"keys": [stranger.jwk()]}).to_string().as_bytes()).unwrap();
    let foreign = set.encryption_key(KeyManagement::EcdhEs).unwrap();
    let foreign = foreign.encrypt(ContentEncryption::A128Gcm, None, signed(json!({})).as_bytes()).unwrap();
    let direct = DirectKey::of_secret(b"another secret").encrypt(ContentEncryption::A128Gcm, None, b"{}").unwrap();
    let twice = key(&staff, KeyManagement::EcdhEs).encrypt(ContentEncryption::A128Gcm, None, good.as_bytes()).unwrap();
    for object in [format!("{good}AA"), foreign, direct, twice] {
        assert_eq!(ask(&staff, &[("request", &object)]).await, "invalid_request_object");
    }
    let bare = of(app(|_| ())).serve();
    assert_eq!(ask(&bare, &[("request", &good)]).await, "invalid_request_object", "a realm without such a key");
}

#[tokio::test]
async fn core_6_3_1_what_is_in_it_may_be_unsigned_where_that_is_allowed_and_is_verified_where_it_is_signed() {
    let inside = [
        ("claims", members(json!({})).to_string()),
        ("unsigned", unsigned(json!({}))),
        ("signed", signed(json!({}))),
        ("stranger", crate::provider::testing::signer(1).sign_jwt("JWT", &members(json!({}))).unwrap()),
        ("nothing", "x".to_owned()),
    ];
    for (registered, accepted) in [
        (None, &["claims", "unsigned", "signed"][..]),
        (Some(crate::jose::JwsAlgorithm::None), &["claims", "unsigned"]),
        (Some(Algorithm::Es256.into()), &["signed"]),
    ] {
        let staff = serve(|policy| policy.signing = registered);
        for (name, text) in &inside {
            let object =
                key(&staff, KeyManagement::RsaOaep256).encrypt(ContentEncryption::A256Gcm, None, text.as_bytes());
            let want = if accepted.contains(name) { "sign-in" } else { "invalid_request_object" };
            assert_eq!(ask(&staff, &[("request", &object.unwrap())]).await, want, "{registered:?} {name}");
        }
    }
}

#[tokio::test]
async fn registration_2_request_object_encryption_alg_says_what_a_client_may_use_and_forbids_nothing() {
    let declared = Encryption { key: JweKey::Public(KeyManagement::RsaOaep), content: ContentEncryption::A128CbcHs256 };
    let staff = serve(|policy| policy.encryption = Some(declared));
    let other =
        key(&staff, KeyManagement::EcdhEs).encrypt(ContentEncryption::A256Gcm, None, signed(json!({})).as_bytes());
    assert_eq!(ask(&staff, &[("request", &other.unwrap())]).await, "sign-in");
    assert_eq!(ask(&staff, &[("request", &signed(json!({})))]).await, "sign-in");
}

#[tokio::test]
async fn discovery_3_only_keys_that_the_realm_has_are_listed() {
    let bare = of(app(|_| ())).serve();
    let discovered = bare.get("/.well-known/openid-configuration", &[]).await.json();
    assert_eq!(discovered["request_object_encryption_alg_values_supported"], json!(["dir"]), "the client's secret");
}
