//! OpenID Connect Core sections 2, 3.1.3.6, 3.3.2.11 and 15.1: what an ID token holds.

use std::time::Duration;

use aws_lc_rs::digest;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;

use super::{ISSUER, ask, code_flow, provider, signed_in, text};
use crate::{
    jose::{Algorithm, Compact, HmacAlgorithm, JwsAlgorithm},
    provider::testing::{LONG_SECRET, TestProvider, authorization, browser::Browser, client, realm, user, verified},
};

/// The claims of the ID token of a code flow in a browser of ada's.
async fn claims(parameters: &[(&str, &str)]) -> Value {
    let provider = provider();
    let tokens = code_flow(&mut signed_in(&provider).await, parameters).await;
    verified(text(&tokens, "id_token")).1
}

#[tokio::test]
async fn core_2_iss_is_the_issuer_of_discovery_character_by_character() {
    for issuer in [ISSUER, "https://id.example.com", "https://id.example.com:8443/a/b"] {
        let provider = realm().issuer(issuer).client(client("app")).user(user("ada")).serve();
        let tokens = provider.tokens(authorization("app", "ada", "openid")).await;
        let discovered = provider.get("/.well-known/openid-configuration", &[]).await.json();
        assert_eq!(discovered["issuer"], issuer);
        assert_eq!(verified(text(&tokens, "id_token")).1["iss"], issuer);
    }
}

#[tokio::test]
async fn core_2_sub_is_the_same_at_every_sign_in_of_a_person() {
    let provider = provider();
    let sub = async |username: &str, password: &str| {
        let mut browser = Browser::new(&provider);
        browser.sign_in(username, password, &[]).await;
        let tokens = code_flow(&mut browser, &[]).await;
        verified(text(&tokens, "id_token")).1["sub"].as_str().unwrap().to_owned()
    };
    let ada = sub("ada", "hunter2").await;
    assert_eq!(ada, sub("ADA", "hunter2").await);
    assert_ne!(ada, sub("bob", "hunter3").await);
}

#[tokio::test]
async fn core_2_sub_has_at_most_255_ascii_characters() {
    let longest = "s".repeat(255);
    let pairwise = client("pairwise").pairwise(&format!("{}.example", "x".repeat(245)));
    let person = user("ada").with(|user| user.subject = crate::realm::Subject::new(longest.as_str()));
    let provider = realm().pairwise().client(client("app")).client(pairwise).user(person).serve();
    for name in ["app", "pairwise"] {
        let mut authorized = authorization(name, "ada", "openid");
        authorized.subject = longest.clone();
        let realm = provider.realm();
        let shown = realm.subject_for(realm.client(name).unwrap(), realm.user(&longest).unwrap()).into_owned();
        authorized.pairwise_subject = Some(shown).filter(|shown| *shown != longest);
        let tokens = provider.tokens(authorized).await;
        let claims = verified(text(&tokens, "id_token")).1;
        let sub = claims["sub"].as_str().unwrap();
        assert!((1..=255).contains(&sub.len()) && sub.bytes().all(|byte| byte.is_ascii_graphic()), "{sub}");
    }
}

#[tokio::test]
async fn core_2_aud_is_the_client_id_of_the_client_that_asked() {
    let provider = provider();
    let mut browser = signed_in(&provider).await;
    for name in ["app", "spa", "other"] {
        let tokens = code_flow(&mut browser, &[("client_id", name)]).await;
        assert_eq!(verified(text(&tokens, "id_token")).1["aud"], name);
    }
}

#[tokio::test]
async fn core_2_exp_iat_and_auth_time_are_whole_seconds() {
    let provider = provider();
    provider.advance(Duration::from_millis(1_999));
    let mut browser = signed_in(&provider).await;
    let tokens = code_flow(&mut browser, &[("max_age", "1000")]).await;
    let payload = text(&tokens, "id_token").split('.').nth(1).unwrap();
    let payload = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    let claims: Value = serde_json::from_str(&payload).unwrap();
    for name in ["exp", "iat", "auth_time"] {
        // As it is written, too: not 1.7e9.
        assert!(payload.contains(&format!("\"{name}\":{}", claims[name].as_i64().unwrap())), "{payload}");
    }
    let order = ["auth_time", "iat", "exp"].map(|name| claims[name].as_i64().unwrap());
    assert!(order.is_sorted() && order[1] <= provider.now().as_second() && order[2] > provider.now().as_second());
}

#[tokio::test]
async fn core_2_a_request_without_nonce_gets_an_id_token_without_nonce() {
    assert_eq!(claims(&[]).await.get("nonce"), None);
    assert_eq!(claims(&[("nonce", "")]).await.get("nonce"), None);
    assert_eq!(claims(&[("nonce", "N-0s6_wza2mJ")]).await["nonce"], "N-0s6_wza2mJ", "case matters");
}

#[tokio::test]
async fn core_2_there_is_no_azp() {
    assert_eq!(claims(&[]).await.get("azp"), None);
}

#[tokio::test]
async fn core_15_1_id_tokens_can_be_signed_with_rs256() {
    let provider = realm().client(client("app").algorithm(Algorithm::Rs256)).user(user("ada")).serve();
    let tokens = provider.tokens(authorization("app", "ada", "openid")).await;
    let token = text(&tokens, "id_token");
    assert_eq!(Compact::parse(token).unwrap().alg(), "RS256");
    assert_eq!(verified(token).1["sub"], "sub-ada");
    let discovered = provider.get("/.well-known/openid-configuration", &[]).await.json();
    let listed = discovered["id_token_signing_alg_values_supported"].as_array().unwrap();
    assert!(listed.contains(&"RS256".into()), "Discovery section 3");
}

/// Each algorithm with the hash that its name promises: RFC 7518 section 3.1; Ed25519 is defined with SHA-512 (RFC 8032 section 5.1).
fn every_hash() -> Vec<(JwsAlgorithm, &'static digest::Algorithm)> {
    let signatures = Algorithm::ALL.map(JwsAlgorithm::Signature).into_iter().chain([JwsAlgorithm::Ed25519]);
    let all = signatures.chain(HmacAlgorithm::ALL.map(JwsAlgorithm::Hmac));
    let hash = |name: &str| match name.get(name.len() - 3..) {
        Some("256") => &digest::SHA256,
        Some("384") => &digest::SHA384,
        Some("512") => &digest::SHA512,
        _ => &digest::SHA512,
    };
    all.map(|algorithm| {
        let name = if algorithm.name() == "Ed25519" { "EdDSA" } else { algorithm.name() };
        (algorithm, hash(name))
    })
    .collect()
}

fn left_half(hash: &'static digest::Algorithm, value: &str) -> String {
    let hash = digest::digest(hash, value.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(&hash.as_ref()[..hash.as_ref().len() / 2])
}

fn with_algorithm(algorithm: JwsAlgorithm) -> TestProvider {
    let app = client("app").every_flow().long_secret().with(|client| client.id_token.signing = Some(algorithm));
    realm().every_key().every_flow().client(app).user(user("ada").password("hunter2")).serve()
}

fn unverified(token: &str) -> Value {
    Compact::parse(token).unwrap().claims_unverified().unwrap()
}

#[tokio::test]
async fn core_3_1_3_6_at_hash_is_by_the_hash_of_each_algorithm() {
    for (algorithm, hash) in every_hash() {
        let provider = with_algorithm(algorithm);
        let code = provider.code(authorization("app", "ada", "openid"), |_| ()).await;
        let tokens = provider.redeem_with("app", LONG_SECRET, &code).await.json();
        let claims = unverified(text(&tokens, "id_token"));
        assert_eq!(claims["at_hash"], left_half(hash, text(&tokens, "access_token")), "{algorithm}");
    }
}

#[tokio::test]
async fn core_3_3_2_11_at_hash_and_c_hash_are_by_the_hash_of_each_algorithm() {
    for (algorithm, hash) in every_hash() {
        let provider = with_algorithm(algorithm);
        let mut browser = signed_in(&provider).await;
        let answer = ask(&mut browser, &[("response_type", "code id_token token"), ("nonce", "n")]).await;
        let claims = unverified(&answer["id_token"]);
        assert_eq!(claims["at_hash"], left_half(hash, &answer["access_token"]), "{algorithm}");
        assert_eq!(claims["c_hash"], left_half(hash, &answer["code"]), "{algorithm}");
        assert_eq!(claims["s_hash"], left_half(hash, &answer["state"]), "{algorithm}");
    }
}
