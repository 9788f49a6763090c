//! Requests and answers of the registration endpoint (OpenID Connect Registration 1.0 section 3, RFC 7591 section 3).

use std::collections::BTreeSet;

use reqwest::{Method, header};
use serde_json::json;

use super::{CB, Office, documents, good, is_refused, key};
use crate::suite::relying_party::Answer;

#[tokio::test]
async fn rfc7591_3_2_1_the_answer_holds_all_that_is_registered() {
    let office = Office::open().await;
    let metadata = json!({
        "redirect_uris": ["https://app.example/cb", "https://app.example/cb2"],
        "client_name": "Punch cards", "client_name#de": "Lochkarten", "logo_uri": "https://app.example/logo.png",
        "client_uri": "https://app.example/", "client_uri#fr-CA": "https://app.example/fr",
        "policy_uri": "https://app.example/policy", "tos_uri": "https://app.example/tos", "contacts": ["ada@app.example"],
        "application_type": "web", "response_types": ["code", "id_token"],
        "grant_types": ["authorization_code", "implicit", "refresh_token"],
        "token_endpoint_auth_method": "client_secret_post", "scope": "openid email",
        "subject_type": "public", "id_token_signed_response_alg": "ES256", "default_max_age": 3600,
        "require_auth_time": true, "default_acr_values": ["1"], "initiate_login_uri": "https://app.example/login",
        "request_uris": ["https://app.example/request#hash"], "request_object_signing_alg": "ES256",
        "post_logout_redirect_uris": ["https://app.example/bye"], "frontchannel_logout_uri": "https://app.example/out",
        "frontchannel_logout_session_required": true, "backchannel_logout_uri": "https://app.example/back",
        "backchannel_logout_session_required": true, "require_signed_request_object": true,
        "userinfo_signed_response_alg": "RS256", "software_id": "4NRB1", "software_version": "2.2",
    });
    let answer = office.register(metadata.clone()).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json");
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(answer.headers[header::PRAGMA], "no-cache");
    for (member, value) in metadata.as_object().unwrap() {
        assert_eq!(answer.body[member], *value, "{member}");
    }
    let client_id = answer.body["client_id"].as_str().unwrap();
    assert_eq!(answer.body["registration_client_uri"], format!("{}/register?client_id={client_id}", office.issuer));
    assert!(answer.body["client_secret"].as_str().unwrap().len() >= 43, "256 bits");
    assert_eq!(answer.body["client_secret_expires_at"], 0);
    assert!(answer.body["registration_access_token"].as_str().unwrap().len() >= 43);
    let issued = answer.body["client_id_issued_at"].as_i64().unwrap();
    assert!((jiff::Timestamp::now().as_second() - issued).abs() < 60);
    let file = format!("resources/OidcClient/default/{client_id}.yaml");
    let object = office.serve.written(&file).unwrap();
    assert_eq!(object["metadata"]["labels"]["realmkeeper.dev/registered"], "true");
    assert_eq!(object["metadata"]["annotations"]["argocd.argoproj.io/compare-options"], "IgnoreExtraneous");
    assert_eq!(object["metadata"]["annotations"]["argocd.argoproj.io/sync-options"], "Prune=false");
    assert_eq!(object["metadata"]["annotations"]["kustomize.toolkit.fluxcd.io/prune"], "disabled");
    assert_eq!(object["spec"]["consent"], "Ask");
    let state = office.serve.manifests().join(".realmkeeper");
    for file in [file, format!("secrets/default/{client_id}-oidc.yaml")] {
        use std::os::unix::fs::PermissionsExt;
        let file = state.join(file);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(!text.contains(answer.body["registration_access_token"].as_str().unwrap()), "hashed at rest");
    }
    let log = office.serve.log();
    for secret in ["client_secret", "registration_access_token"] {
        assert!(!log.contains(answer.body[secret].as_str().unwrap()), "a secret in the log");
    }
}

#[tokio::test]
async fn rfc7591_3_1_the_request_is_one_json_object() {
    let office = Office::open().await;
    let send = async |kind: &str, body: String| {
        let request = office.http.post(format!("{}/register", office.issuer)).header(header::CONTENT_TYPE, kind);
        Answer::read(request.body(body)).await
    };
    let good = json!({"redirect_uris": ["https://app.example/cb"]}).to_string();
    send("application/x-www-form-urlencoded", good.clone()).await.assert_error(400, "invalid_request");
    assert_eq!(send("application/json; charset=utf-8", good).await.status, 201);
    for body in ["", "[]", "{", "\"x\"", "null", &"[".repeat(5000)] {
        send("application/json", body.to_owned()).await.assert_error(400, "invalid_client_metadata");
    }
    let long = json!({"redirect_uris": ["https://app.example/cb"], "client_name": "x".repeat(70_000)}).to_string();
    send("application/json", long).await.assert_error(413, "invalid_request");
    let preflight = office
        .http
        .request(Method::OPTIONS, format!("{}/register", office.issuer))
        .header(header::ORIGIN, "https://app.example")
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "PUT");
    let preflight = preflight.send().await.unwrap();
    assert_eq!(preflight.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    let methods = preflight.headers()[header::ACCESS_CONTROL_ALLOW_METHODS].to_str().unwrap().to_owned();
    assert!(["POST", "GET", "PUT", "DELETE"].iter().all(|method| methods.contains(method)), "{methods}");
}

#[tokio::test]
async fn registration_3_1_and_6_a_member_is_known_by_its_code_points_however_json_writes_them() {
    let office = Office::open().await;
    let send = async |body: &str| {
        let request =
            office.http.post(format!("{}/register", office.issuer)).header(header::CONTENT_TYPE, "application/json");
        Answer::read(request.body(body.to_owned())).await
    };
    let escaped =
        send(r#"{"redirect\u005furis": ["https:\/\/app.example\/cb"], "client_n\u0061me": "B\u00fccher"}"#).await;
    assert_eq!(escaped.status, 201, "{}", escaped.body);
    assert_eq!((&escaped.body["redirect_uris"], &escaped.body["client_name"]), (&json!([CB]), &json!("B\u{fc}cher")));
    // Neither case nor normalisation is looked through.
    let other =
        send(r#"{"redirect_uris": ["https://app.example/cb"], "Client_Name": "x", "client_name": "Bu\u0308cher"}"#)
            .await;
    assert_eq!((other.body.get("Client_Name"), &other.body["client_name"]), (None, &json!("Bu\u{308}cher")));
    let url = documents(vec![("/nfc", json!(["https://app.example/\u{e9}"]))]).await;
    let with = |uri: &str| json!({"redirect_uris": [uri], "sector_identifier_uri": format!("{url}/nfc")});
    assert_eq!(office.register(with("https://app.example/\u{e9}")).await.status, 201);
    is_refused(
        &office.register(with("https://app.example/e\u{301}")).await,
        "invalid_client_metadata",
        "sector_identifier_uri",
    );
    is_refused(
        &office.register(with("https://APP.example/\u{e9}")).await,
        "invalid_client_metadata",
        "sector_identifier_uri",
    );
}

#[tokio::test]
async fn registration_3_2_no_two_clients_share_an_identifier_a_secret_or_a_token() {
    let office = Office::open().await;
    let mut seen = BTreeSet::new();
    for _ in 0..5 {
        let one = office.registrant(good(&json!({}))).await;
        for member in ["client_id", "client_secret", "registration_access_token", "registration_client_uri"] {
            assert!(seen.insert(one.text(member).to_owned()), "{member} twice");
        }
        assert!(one.text("client_id").bytes().all(|byte| (0x20..=0x7e).contains(&byte)), "RFC 6749 appendix A.1");
    }
}

#[tokio::test]
async fn registration_2_a_secret_is_long_enough_for_any_algorithm_where_none_is_registered() {
    let office = Office::open().await;
    for (algorithm, least) in [(json!(null), 64), (json!("HS384"), 48), (json!("HS512"), 64)] {
        let by_assertion = json!({
            "token_endpoint_auth_method": "client_secret_jwt", "token_endpoint_auth_signing_alg": algorithm,
        });
        let answer = office.register(good(&by_assertion)).await;
        assert_eq!(answer.status, 201, "{algorithm}: {}", answer.body);
        assert!(answer.body["client_secret"].as_str().unwrap().len() >= least, "{algorithm}");
    }
}

#[tokio::test]
async fn registration_3_2_a_secret_is_there_where_it_is_needed_and_says_when_it_ends() {
    let office = Office::open().await;
    let jwks = json!({"keys": [key()]});
    for (change, has_secret) in [
        (json!({}), true),
        (json!({"token_endpoint_auth_method": "client_secret_post"}), true),
        (json!({"token_endpoint_auth_method": "client_secret_jwt"}), true),
        (json!({"token_endpoint_auth_method": "none"}), false),
        (json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": jwks}), false),
        (
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": jwks, "id_token_encrypted_response_alg": "dir"}),
            true,
        ),
        (
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": jwks, "userinfo_signed_response_alg": "HS256"}),
            true,
        ),
        (
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": jwks, "request_object_signing_alg": "HS256"}),
            true,
        ),
        (
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": jwks, "request_object_encryption_alg": "dir"}),
            true,
        ),
    ] {
        let answer = office.register(good(&change)).await;
        assert_eq!(answer.status, 201, "{change}: {}", answer.body);
        assert_eq!(answer.body["client_secret"].is_string(), has_secret, "{change}");
        assert_eq!(answer.body.get("client_secret_expires_at"), has_secret.then_some(&json!(0)), "{change}");
        for member in ["client_id", "registration_client_uri", "registration_access_token"] {
            assert!(answer.body[member].is_string(), "{change}: both of the last or neither");
        }
        assert!(answer.body["client_id_issued_at"].is_u64());
    }
}

#[tokio::test]
async fn registration_3_3_an_error_is_json_with_its_code_and_is_kept_by_nobody() {
    let office = Office::open().await;
    for (metadata, code) in [
        (json!({}), "invalid_redirect_uri"),
        (json!({"redirect_uris": ["x"]}), "invalid_redirect_uri"),
        (good(&json!({"subject_type": "x"})), "invalid_client_metadata"),
    ] {
        let answer = office.register(metadata).await;
        assert_eq!((answer.status.as_u16(), &answer.body["error"]), (400, &json!(code)));
        assert!(answer.body["error_description"].is_string());
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json");
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(answer.body.as_object().unwrap().len(), 2, "nothing of a client is in it");
    }
}
