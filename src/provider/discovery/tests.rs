use std::{collections::BTreeSet, sync::Arc, time::Duration};

use axum::http::{StatusCode, header};
use serde_json::{Value, json};

use crate::{
    jose::Algorithm,
    provider::testing::{TestProvider, realm, signer},
    realm::{GrantType, Key, Keyring},
};

const WELL_KNOWN: &str = "/.well-known/openid-configuration";

async fn metadata(staff: &TestProvider) -> Value {
    staff.get(WELL_KNOWN, &[]).await.json()
}

#[tokio::test]
async fn the_metadata_says_what_the_realm_allows() {
    let staff = realm().serve();
    let metadata = metadata(&staff).await;
    for (name, value) in [
        ("issuer", json!("https://id.example.com/realms/staff")),
        ("token_endpoint", json!("https://id.example.com/realms/staff/token")),
        ("end_session_endpoint", json!("https://id.example.com/realms/staff/logout")),
        ("response_types_supported", json!(["code"])),
        ("response_modes_supported", json!(["query", "fragment", "form_post"])),
        ("grant_types_supported", json!(["authorization_code", "refresh_token", "client_credentials"])),
        ("subject_types_supported", json!(["public"])),
        ("id_token_signing_alg_values_supported", json!(["ES256", "RS256", "HS256", "HS384", "HS512", "none"])),
        ("userinfo_signing_alg_values_supported", json!(["ES256", "RS256", "HS256", "HS384", "HS512"])),
        ("code_challenge_methods_supported", json!(["S256"])),
        (
            "token_endpoint_auth_methods_supported",
            json!(["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"]),
        ),
        (
            "introspection_endpoint_auth_methods_supported",
            json!(["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt"]),
        ),
        ("claims_parameter_supported", json!(true)),
        ("claim_types_supported", json!(["normal"])),
        ("request_parameter_supported", json!(true)),
        ("request_uri_parameter_supported", json!(true)),
        ("require_request_uri_registration", json!(true)),
        ("request_object_encryption_alg_values_supported", json!(["dir"])),
        ("authorization_response_iss_parameter_supported", json!(true)),
        ("frontchannel_logout_supported", json!(true)),
        ("frontchannel_logout_session_supported", json!(true)),
        ("backchannel_logout_supported", json!(true)),
        ("backchannel_logout_session_supported", json!(true)),
    ] {
        assert_eq!(metadata[name], value, "{name}");
    }
    let has = |list: &str, value: &str| metadata[list].as_array().unwrap().contains(&value.into());
    assert!(has("scopes_supported", "department") && has("scopes_supported", "offline_access"));
    for claim in ["sub", "iss", "auth_time", "email", "address", "phone_number_verified", "groups", "department"] {
        assert!(has("claims_supported", claim), "{claim}");
    }
    let claims = metadata["claims_supported"].as_array().unwrap();
    assert_eq!(claims.len(), claims.iter().map(Value::to_string).collect::<BTreeSet<_>>().len(), "each once");
}

#[tokio::test]
async fn a_realm_for_machines_lists_nothing_for_people() {
    let machines = realm()
        .settings(|settings| {
            settings.grant_types = vec![GrantType::ClientCredentials];
            settings.default_algorithm = Algorithm::Rs256;
        })
        .serve();
    let metadata = metadata(&machines).await;
    for name in [
        "authorization_endpoint",
        "userinfo_endpoint",
        "end_session_endpoint",
        "response_types_supported",
        "response_modes_supported",
        "code_challenge_methods_supported",
        "prompt_values_supported",
        "id_token_encryption_alg_values_supported",
        "userinfo_signing_alg_values_supported",
        "userinfo_encryption_enc_values_supported",
        "authorization_response_iss_parameter_supported",
        "frontchannel_logout_supported",
        "backchannel_logout_supported",
    ] {
        assert_eq!(metadata[name], Value::Null, "{name}");
    }
    assert!(!metadata["scopes_supported"].as_array().unwrap().contains(&"offline_access".into()));
    let signing = json!(["RS256", "ES256", "HS256", "HS384", "HS512"]);
    assert_eq!(
        metadata["id_token_signing_alg_values_supported"], signing,
        "the default is first, and no code, no none"
    );
}

#[tokio::test]
async fn documents_are_for_everybody_and_only_sent_when_they_have_changed() {
    let staff = realm().serve();
    for path in [WELL_KNOWN, "/.well-known/oauth-authorization-server", "/jwks"] {
        let first = staff.get(path, &[]).await;
        assert_eq!(first.headers[header::CONTENT_TYPE], "application/json");
        let max_age = if path == "/jwks" { "public, max-age=60" } else { "public, max-age=300" };
        assert_eq!(first.headers[header::CACHE_CONTROL], max_age);
        assert_eq!(first.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*", "for caches, whoever asks");
        let etag = first.headers[header::ETAG].to_str().unwrap();
        let again = staff.get(path, &[("if-none-match", etag)]).await;
        assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
        assert_eq!(again.headers[header::ETAG], etag);
    }
    let before = staff.get(WELL_KNOWN, &[]).await.headers[header::ETAG].clone();
    staff.publish(realm().settings(|settings| settings.scopes.truncate(3)).build());
    let after = staff.get(WELL_KNOWN, &[("if-none-match", before.to_str().unwrap())]).await;
    assert_eq!((after.status, after.json()["scopes_supported"].as_array().unwrap().len()), (StatusCode::OK, 3));
}

#[tokio::test]
async fn the_jwks_changes_when_a_key_is_removed_and_is_cached_no_longer_than_a_new_key_waits() {
    let staff = realm().serve();
    let (start, second) = (staff.now(), jiff::SignedDuration::from_secs(1));
    let key = |number: usize, published_at, removed_at| {
        let pem = crate::jose::PrivateKey::generate_pem(signer(number).algorithm()).unwrap();
        let private = crate::jose::PrivateKey::from_pem(signer(number).algorithm(), &pem).unwrap();
        let public = private.public_key().unwrap();
        Key { signer: crate::jose::Signer::new(private), public, published_at, active_from: published_at, removed_at }
    };
    let ring = Keyring::new(
        vec![key(0, start, Some(start + second * 200)), key(1, start + second * 100, None)],
        Duration::from_secs(7),
    );
    staff.change(|realm| realm.keyring = Arc::new(ring));
    let kids = async || {
        let reply = staff.get("/jwks", &[]).await;
        let keys = reply.json()["keys"].as_array().unwrap().clone();
        for key in &keys {
            assert!(key.get("d").is_none() && key["use"] == "sig" && key["alg"] == "ES256", "{key}");
        }
        (keys.len(), reply.headers[header::CACHE_CONTROL].to_str().unwrap().to_owned())
    };
    assert_eq!(kids().await, (2, "public, max-age=7".into()), "published as soon as it is known");
    staff.advance(Duration::from_secs(199));
    assert_eq!(kids().await, (2, "public, max-age=1".into()));
    staff.advance(Duration::from_secs(1));
    assert_eq!(kids().await, (1, "public, max-age=7".into()));
    let metadata = staff.get(WELL_KNOWN, &[]).await;
    assert_eq!(metadata.headers[header::CACHE_CONTROL], "public, max-age=300");
}
