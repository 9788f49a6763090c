//! OpenID Connect Core sections 8, 10 and 15.2: subject types, keys and what they sign.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use serde_json::Value;

use super::{ask, signed_in, text};
use crate::{
    jose::{Algorithm, Compact, HmacAlgorithm, JwsAlgorithm, PrivateKey, Signer},
    provider::testing::{TestProvider, authorization, client, open_registration, realm, user},
    realm::{ClientSecret, Key, Keyring, ResponseType},
};

async fn discovered(at: &TestProvider) -> Value {
    at.get("/.well-known/openid-configuration", &[]).await.json()
}

async fn jwks(at: &TestProvider) -> Vec<Value> {
    at.get("/jwks", &[]).await.json()["keys"].as_array().unwrap().clone()
}

#[tokio::test]
async fn core_8_discovery_lists_the_subject_types_that_there_are() {
    assert_eq!(discovered(&realm().serve()).await["subject_types_supported"], serde_json::json!(["public"]));
    let both = discovered(&realm().pairwise().serve()).await;
    let both: Vec<_> = both["subject_types_supported"].as_array().unwrap().iter().map(|name| name.as_str()).collect();
    assert!(both.len() == 2 && both.contains(&Some("public")) && both.contains(&Some("pairwise")), "{both:?}");
}

#[tokio::test]
async fn core_10_1_every_signature_names_a_key_of_the_jwks_that_may_sign() {
    for algorithm in Algorithm::ALL {
        let app = client("app").algorithm(algorithm).with(|client| client.userinfo.signing = Some(algorithm.into()));
        let provider = realm().every_key().client(app).user(user("ada")).serve();
        let keys = jwks(&provider).await;
        let tokens = provider.tokens(authorization("app", "ada", "openid")).await;
        let access = text(&tokens, "access_token");
        let userinfo = provider.get("/userinfo", &[("authorization", &format!("Bearer {access}"))]).await;
        for token in [text(&tokens, "id_token"), access, userinfo.text()] {
            let compact = Compact::parse(token).unwrap();
            let named: Vec<_> = keys.iter().filter(|key| key["kid"].as_str() == compact.kid()).collect();
            assert_eq!(named.len(), 1, "{algorithm}: {:?}", compact.kid());
            assert_eq!(named[0]["use"], "sig", "{algorithm}");
            // A key of Ed25519 has two names for what it signs by (RFC 9864 section 4), so it says none.
            let says = named[0].get("alg").and_then(Value::as_str).unwrap_or(compact.alg());
            assert_eq!(says, compact.alg(), "{algorithm}");
        }
    }
}

#[tokio::test]
async fn core_10_1_the_key_of_a_mac_is_the_utf_8_octets_of_the_secret() {
    let secret =
        "Gr\u{fc}\u{df}e an alle, die einen \u{1f511} haben: l\u{e4}nger als der l\u{e4}ngste Hash, + & \"%41\" == %";
    let with_secret = ClientSecret::new("1", secret.as_bytes(), None).unwrap().with_value(secret.as_bytes());
    let app = client("app").with(|client| {
        client.authentication.secrets = vec![with_secret];
        client.id_token.signing = Some(JwsAlgorithm::Hmac(HmacAlgorithm::Hs512));
    });
    let provider = realm().client(app).user(user("ada")).serve();
    let code = provider.code(authorization("app", "ada", "openid"), |_| ()).await;
    let tokens = provider.redeem_with("app", secret, &code).await.json();
    let token = text(&tokens, "id_token");
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA512, secret.as_bytes());
    let (signed, tag) = token.rsplit_once('.').unwrap();
    use base64::Engine;
    let tag = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(tag).unwrap();
    aws_lc_rs::hmac::verify(&key, signed.as_bytes(), &tag).unwrap();
}

#[tokio::test]
async fn core_10_1_1_a_key_is_published_before_it_signs_and_after() {
    let provider = realm().client(client("app")).user(user("ada")).serve();
    let (start, day) = (provider.now(), SignedDuration::from_hours(24));
    let key = |published_at, active_from, removed_at| {
        let pem = PrivateKey::generate_pem(Algorithm::Es256).unwrap();
        let private = PrivateKey::from_pem(Algorithm::Es256, &pem).unwrap();
        let public = private.public_key().unwrap();
        Key { signer: Signer::new(private), public, published_at, active_from, removed_at }
    };
    let former = key(start, start, Some(start + day * 3));
    let next = key(start + day, start + day * 2, None);
    let kids = [&former, &next].map(|key| key.signer.jwk().kid.clone());
    provider.change(|realm| {
        realm.keyring = Arc::new(Keyring::new(vec![former, next], Duration::from_secs(60)));
    });
    let signs = async || {
        let mut authorized = authorization("app", "ada", "openid");
        authorized.auth_time = provider.now().as_second();
        let tokens = provider.tokens(authorized).await;
        Compact::parse(text(&tokens, "id_token")).unwrap().kid().unwrap().to_owned()
    };
    let published = async || -> Vec<String> {
        jwks(&provider).await.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    };
    let a_day = Duration::from_secs(86_400);
    provider.advance(a_day);
    assert_eq!(signs().await, kids[0]);
    assert!(published().await.contains(&kids[1]), "before it signs");
    provider.advance(a_day);
    assert_eq!(signs().await, kids[1]);
    assert!(published().await.contains(&kids[0]), "its tokens still live");
    provider.advance(a_day);
    assert_eq!(published().await, kids[1..]);
}

#[tokio::test]
async fn core_15_2_the_response_types_of_a_dynamic_provider_are_there() {
    let dynamic = realm().every_flow().settings(|settings| settings.registration = Some(open_registration()));
    let dynamic = dynamic.client(client("app").every_flow()).user(user("ada").password("hunter2")).serve();
    let listed = discovered(&dynamic).await["response_types_supported"].clone();
    let mut browser = signed_in(&dynamic).await;
    for (response_type, brings) in [("code", "code"), ("id_token", "id_token"), ("id_token token", "access_token")] {
        assert!(listed.as_array().unwrap().contains(&response_type.into()), "{listed}");
        let answer = ask(&mut browser, &[("response_type", response_type), ("nonce", "n")]).await;
        assert!(answer.contains_key(brings), "{response_type}: {answer:?}");
    }
    assert_eq!(listed.as_array().unwrap().len(), ResponseType::ALL.len());
}

#[tokio::test]
async fn core_15_2_keys_are_bare_jwks() {
    let keys = jwks(&realm().every_key().serve()).await;
    assert!(!keys.is_empty());
    for key in keys {
        let members: &[&str] = match key["kty"].as_str().unwrap() {
            "RSA" => &["n", "e"],
            "EC" => &["crv", "x", "y"],
            "OKP" => &["crv", "x"],
            other => panic!("{other}"),
        };
        for member in members {
            assert!(!text(&key, member).is_empty(), "{key}");
        }
        // RFC 7518 section 6: nothing of the private half, and no shared secret.
        for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert!(key.get(private).is_none(), "{private}");
        }
    }
}
