//! What a Realm says of registration: who may, what, for how long, by whose word.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Office, documents, realm};
use crate::{
    directory::demo,
    serve::{Serve, http},
    suite::registrant::register,
};

#[tokio::test]
async fn a_registration_outlives_a_restart() {
    let mut office = Office::open().await;
    let one = office.registrant(json!({"grant_types": ["client_credentials"]})).await;
    Arc::get_mut(&mut office.serve).unwrap().restart().await;
    assert_eq!(one.ask(Method::GET, None).await.body, one.document);
    let party = one.relying_party(&demo(&office.serve)).await;
    party.token(&[("grant_type", "client_credentials")]).await.text("access_token");
    assert_eq!(one.ask(Method::DELETE, None).await.status, 204);
    Arc::get_mut(&mut office.serve).unwrap().restart().await;
    one.ask(Method::GET, None).await.assert_error(401, "invalid_token");
    let left = office.serve.written(&format!("secrets/default/{}-oidc.yaml", one.text("client_id")));
    assert_eq!(left, None, "its secret went with it");
}

#[tokio::test]
async fn the_realms_policy_bounds_what_is_registered() {
    let office = Office::with(json!({
        "grantTypes": ["authorization_code"], "responseTypes": ["code"], "scopes": ["openid", "email"],
        "redirectHosts": ["*.example.com"], "tokenEndpointAuthMethods": ["client_secret_post", "none"],
        "applicationTypes": ["web"], "maxClients": 2, "linkHosts": "OfRedirectUris", "clientSecretLifetime": "90d",
    }))
    .await;
    let good = json!({"redirect_uris": ["https://a.example.com/cb"]});
    for (code, change) in [
        ("invalid_redirect_uri", json!({"redirect_uris": ["https://a.example.org/cb"]})),
        ("invalid_client_metadata", json!({"grant_types": ["authorization_code", "refresh_token"]})),
        ("invalid_client_metadata", json!({"response_types": ["id_token"]})),
        ("invalid_client_metadata", json!({"token_endpoint_auth_method": "client_secret_basic"})),
        ("invalid_client_metadata", json!({"application_type": "native", "redirect_uris": ["com.example:/a"]})),
        ("invalid_client_metadata", json!({"scope": "profile"})),
        ("invalid_client_metadata", json!({"logo_uri": "https://bank.example/logo.png"})),
        ("invalid_client_metadata", json!({"post_logout_redirect_uris": ["https://b.example.org/"]})),
    ] {
        let mut metadata = good.clone();
        metadata.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        office.register(metadata).await.assert_error(400, code);
    }
    let one = office.registrant(good.clone()).await.document;
    assert_eq!(one["scope"], "openid email");
    assert_eq!(one["token_endpoint_auth_method"], "client_secret_post", "the first that is allowed");
    let lifetime = one["client_secret_expires_at"].as_i64().unwrap() - one["client_id_issued_at"].as_i64().unwrap();
    assert_eq!(lifetime, 90 * 24 * 3600);
    office.registrant(json!({"redirect_uris": ["https://a.example.com/cb"], "scope": "email profile"})).await;
    office.register(good).await.assert_error(429, "temporarily_unavailable");
}

#[tokio::test]
async fn a_secret_ends_when_it_was_said_to_and_an_update_brings_the_next() {
    let office = Office::with(json!({"clientSecretLifetime": "3s"})).await;
    let mut one = office.registrant(json!({"grant_types": ["client_credentials"]})).await;
    let party = one.relying_party(&demo(&office.serve)).await;
    let form = [("grant_type", "client_credentials")];
    party.token(&form).await.text("access_token");
    tokio::time::sleep(std::time::Duration::from_millis(3500)).await;
    party.token(&form).await.assert_error(401, "invalid_client");
    let before = one.text("client_secret").to_owned();
    one.update(&json!({})).await;
    assert_ne!(one.text("client_secret"), before);
    one.relying_party(&demo(&office.serve)).await.token(&form).await.text("access_token");
    party.token(&form).await.assert_error(401, "invalid_client");
}

#[tokio::test]
async fn rfc7591_2_3_a_statement_is_verified_with_the_keys_that_its_issuer_publishes() {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let point = pair.public_key_raw();
    let part = |range: std::ops::Range<usize>| BASE64_URL_SAFE_NO_PAD.encode(&point[range]);
    let jwk = json!({"kty": "EC", "crv": "P-256", "kid": "k", "alg": "ES256", "x": part(1..33), "y": part(33..65)});
    let url = documents(vec![("/jwks", json!({"keys": [jwk]}))]).await;
    let issuers = json!([{"issuer": "https://directory.example", "jwksUri": format!("{url}/jwks")}]);
    let office = Office::with(json!({"softwareStatements": {"required": true, "issuers": issuers}})).await;
    let sign = |claims: Value| {
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::ES256);
        header.kid = Some("k".to_owned());
        let key = jsonwebtoken::EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).unwrap();
        jsonwebtoken::encode(&header, &claims, &key).unwrap()
    };
    let asked = |statement: &str| json!({"redirect_uris": ["https://app.example/cb"], "client_name": "Mine", "software_statement": statement});
    let statement = sign(json!({"iss": "https://directory.example", "client_name": "Checked", "software_id": "4NRB1"}));
    let mut one = office.registrant(asked(&statement)).await;
    assert_eq!((one.text("client_name"), one.text("software_id")), ("Checked", "4NRB1"));
    assert_eq!(one.text("software_statement"), statement, "section 3.2.1: unmodified");
    assert_eq!(one.ask(Method::GET, None).await.body["software_statement"], *statement);
    one.update(&json!({"client_name": "Mine"})).await;
    assert_eq!(one.text("client_name"), "Checked");
    let stranger = sign(json!({"iss": "https://stranger.example"}));
    office.register(asked(&stranger)).await.assert_error(400, "unapproved_software_statement");
    let (signed, _) = statement.rsplit_once('.').unwrap();
    office.register(asked(&format!("{signed}.AAAA"))).await.assert_error(400, "invalid_software_statement");
    let bare = office.register(json!({"redirect_uris": ["https://app.example/cb"]})).await;
    bare.assert_error(400, "unapproved_software_statement");
}

#[tokio::test]
async fn of_many_who_come_at_once_with_a_token_that_is_good_once_one_gets_in() {
    let tokens = json!([{"name": "once", "maxUses": 1}]);
    let registration = json!({"mode": "InitialAccessToken", "initialAccessTokens": tokens});
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "stringData": {"token": "one-use-only-0123456789"},
        "metadata": {"name": "once", "labels": {"realmkeeper.dev/readable": "true"}},
    });
    let files = [("realm.yaml", &*realm(&registration)), ("once.yaml", &*secret.to_string())];
    let serve = Arc::new(Serve::start(&files, &[]).await);
    let (http, issuer) = (http(), demo(&serve).issuer().await);
    let metadata = json!({"grant_types": ["client_credentials"]});
    let come = || register(&http, &issuer, Some("one-use-only-0123456789"), &metadata);
    let answers = futures::future::join_all((0..8).map(|_| come())).await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 401, 401, 401, 401, 401, 401, 401]);
}

#[tokio::test]
async fn where_registration_is_not_enabled_there_is_no_endpoint() {
    let serve = Arc::new(Serve::start(&[("realm.yaml", &realm(&json!({})))], &[]).await);
    let issuer = demo(&serve).issuer().await;
    let metadata: Value =
        http().get(format!("{issuer}/.well-known/openid-configuration")).send().await.unwrap().json().await.unwrap();
    assert_eq!(metadata.get("registration_endpoint"), None);
    let answer = register(&http(), &issuer, None, &json!({"redirect_uris": ["https://app.example/cb"]})).await;
    assert_eq!(answer.status, 404);
}
