//! Dynamic registration by section: RFC 7591, RFC 7592, OpenID Connect Registration 1.0.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::{
    control_plane::wait::eventually,
    directory::demo,
    serve::{Serve, http},
    suite::{
        registrant::{Registrant, register},
        relying_party::Answer,
        served::SOON,
    },
};

/// A directory in which everybody may register everything.
pub struct Office {
    pub serve: Arc<Serve>,
    pub http: reqwest::Client,
    pub issuer: String,
}

pub fn realm(registration: &Value) -> String {
    let all = json!({
        "grantTypes": ["authorization_code", "implicit", "refresh_token", "client_credentials"],
        "responseTypes": ["code", "id_token", "id_token token", "code id_token", "code token", "code id_token token"],
    });
    let spec = json!({
        "allowed": {"oidcClients": all},
        "outbound": {"allowedNetworks": ["127.0.0.0/8"]},
        "registration": registration,
    });
    let realm = json!({
        "apiVersion": "realmkeeper.dev/v1alpha1", "kind": "Realm", "metadata": {"name": "demo"}, "spec": spec,
    });
    realm.to_string()
}

impl Office {
    pub async fn open() -> Self {
        Self::with(json!({})).await
    }

    pub async fn with(more: Value) -> Self {
        let mut registration = json!({"mode": "Open"});
        registration.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let serve = Arc::new(Serve::start(&[("realm.yaml", &realm(&registration))], &[]).await);
        let issuer = demo(&serve).issuer().await;
        Self { serve, http: http(), issuer }
    }

    pub async fn register(&self, metadata: Value) -> Answer {
        register(&self.http, &self.issuer, None, &metadata).await
    }

    pub async fn registrant(&self, metadata: Value) -> Registrant {
        Registrant::new(&self.http, &self.issuer, &metadata).await
    }

    /// Each change to a registration that is good is refused with the code, and the member is named.
    pub async fn refuses(&self, cases: &[(&str, &str, Value)]) {
        for (code, member, change) in cases {
            let mut metadata = json!({"redirect_uris": ["https://app.example/cb"]});
            metadata.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            let answer = self.register(metadata).await;
            assert_eq!(answer.body["error"], *code, "{change}: {}", answer.body);
            assert_eq!(answer.status, 400, "{change}");
            let description = answer.body["error_description"].as_str().unwrap();
            assert!(description.starts_with(&format!("{member}:")), "{change}: {description}");
        }
    }
}

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
async fn rfc7591_2_members_that_are_left_out_have_their_defaults() {
    let office = Office::open().await;
    let one = office.registrant(json!({"redirect_uris": ["https://app.example/cb"]})).await.document;
    for (member, value) in [
        ("grant_types", json!(["authorization_code"])),
        ("response_types", json!(["code"])),
        ("token_endpoint_auth_method", json!("client_secret_basic")),
        ("application_type", json!("web")),
        ("id_token_signed_response_alg", json!("RS256")),
        ("subject_type", json!("public")),
        ("require_auth_time", json!(false)),
        ("scope", json!("openid profile email address phone")),
    ] {
        assert_eq!(one[member], value, "{member}");
    }
    for (metadata, grants, responses) in [
        (json!({"response_types": ["id_token token"]}), json!(["implicit"]), json!(["id_token token"])),
        (
            json!({"response_types": ["code id_token"]}),
            json!(["authorization_code", "implicit"]),
            json!(["code id_token"]),
        ),
        (json!({"grant_types": ["implicit"]}), json!(["implicit"]), json!(["id_token"])),
    ] {
        let mut metadata = metadata;
        metadata["redirect_uris"] = json!(["https://app.example/cb"]);
        let one = office.registrant(metadata).await.document;
        assert_eq!((&one["grant_types"], &one["response_types"]), (&grants, &responses));
    }
    let machine = office.registrant(json!({"grant_types": ["client_credentials"]})).await.document;
    assert_eq!(machine.get("response_types"), None, "{machine}");
    let public = office
        .registrant(json!({"redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "none"}))
        .await;
    assert_eq!(public.document.get("client_secret"), None);
    assert_eq!(public.document.get("client_secret_expires_at"), None);
}

#[tokio::test]
async fn rfc7591_2_what_is_not_understood_is_ignored_and_what_is_not_the_clients_to_say_too() {
    let office = Office::open().await;
    let one = office
        .registrant(json!({
            "redirect_uris": ["https://app.example/cb"], "client_id": "mine", "client_secret": "mine", "colour": "red",
            "client_secret_expires_at": 1, "registration_access_token": "mine", "jwks_uri": null,
            "software_statement": "not.looked.at",
        }))
        .await;
    assert_ne!(one.text("client_id"), "mine");
    assert_ne!(one.text("client_secret"), "mine");
    assert_ne!(one.text("registration_access_token"), "mine");
    assert_eq!(one.document.get("colour"), None);
    assert_eq!(one.document.get("software_statement"), None, "nobody's is trusted here");
}

#[tokio::test]
async fn registration_2_and_rfc7591_3_2_2_what_can_not_be_registered_is_named() {
    let office = Office::open().await;
    let (uri, metadata) = ("invalid_redirect_uri", "invalid_client_metadata");
    office
        .refuses(&[
            (uri, "redirect_uris", json!({"redirect_uris": []})),
            (uri, "redirect_uris", json!({"redirect_uris": "https://app.example/cb"})),
            (uri, "redirect_uris", json!({"redirect_uris": ["/cb"]})),
            (uri, "redirect_uris", json!({"redirect_uris": ["https://app.example/cb#f"]})),
            (uri, "redirect_uris", json!({"redirect_uris": ["http://app.example/cb"]})),
            (uri, "redirect_uris", json!({"redirect_uris": ["javascript:alert(1)"]})),
            (uri, "redirect_uris", json!({"redirect_uris": ["com.example.app:/cb"]})),
            (uri, "redirect_uris", json!({"application_type": "native"})),
            (
                uri,
                "redirect_uris",
                json!({"redirect_uris": ["https://localhost/cb"], "response_types": ["id_token"]}),
            ),
            (metadata, "application_type", json!({"application_type": "toaster"})),
            (metadata, "response_types", json!({"response_types": ["token"]})),
            (
                metadata,
                "response_types",
                json!({"response_types": ["code id_token"], "grant_types": ["authorization_code"]}),
            ),
            (metadata, "response_types", json!({"response_types": ["code"], "grant_types": ["implicit"]})),
            (metadata, "grant_types", json!({"grant_types": ["password"]})),
            (metadata, "grant_types", json!({"grant_types": ["refresh_token"]})),
            (metadata, "token_endpoint_auth_method", json!({"token_endpoint_auth_method": "tls_client_auth"})),
            (metadata, "token_endpoint_auth_method", json!({"token_endpoint_auth_method": "private_key_jwt"})),
            (
                metadata,
                "token_endpoint_auth_method",
                json!({"token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "client_credentials"]}),
            ),
            (
                metadata,
                "token_endpoint_auth_signing_alg",
                json!({"token_endpoint_auth_method": "client_secret_jwt", "token_endpoint_auth_signing_alg": "none"}),
            ),
            (metadata, "jwks", json!({"jwks": {"keys": []}, "jwks_uri": "https://app.example/jwks"})),
            (metadata, "jwks", json!({"jwks": {"keys": [{"kty": "oct", "k": "AAAA"}]}})),
            (metadata, "jwks", json!({"jwks": {"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "AA"}]}})),
            (metadata, "jwks", json!({"jwks": {"nothing": 1}})),
            (metadata, "jwks_uri", json!({"jwks_uri": "http://app.example/jwks"})),
            (metadata, "scope", json!({"scope": "nothing that-is known"})),
            (metadata, "subject_type", json!({"subject_type": "secret"})),
            (metadata, "id_token_signed_response_alg", json!({"id_token_signed_response_alg": "ES521"})),
            (metadata, "id_token_signed_response_alg", json!({"id_token_signed_response_alg": "PS512"})),
            (
                metadata,
                "id_token_signed_response_alg",
                json!({"id_token_signed_response_alg": "none", "response_types": ["code id_token"]}),
            ),
            (
                metadata,
                "token_endpoint_auth_method",
                json!({"id_token_signed_response_alg": "HS256", "token_endpoint_auth_method": "none"}),
            ),
            (metadata, "id_token_encrypted_response_alg", json!({"id_token_encrypted_response_alg": "RSA-OAEP"})),
            (metadata, "userinfo_encrypted_response_enc", json!({"userinfo_encrypted_response_enc": "A128GCM"})),
            (metadata, "default_max_age", json!({"default_max_age": "10"})),
            (metadata, "require_auth_time", json!({"require_auth_time": "yes"})),
            (metadata, "initiate_login_uri", json!({"initiate_login_uri": "http://app.example/login"})),
            (metadata, "request_uris", json!({"request_uris": ["http://app.example/r"]})),
            (metadata, "logo_uri", json!({"logo_uri": "ftp://app.example/logo"})),
            (metadata, "tos_uri#de", json!({"tos_uri#de": "javascript:alert(1)"})),
            (metadata, "post_logout_redirect_uris", json!({"post_logout_redirect_uris": ["https://app.example/#f"]})),
            (metadata, "frontchannel_logout_uri", json!({"frontchannel_logout_uri": "https://other.example/out"})),
            (metadata, "backchannel_logout_uri", json!({"backchannel_logout_uri": "https://app.example/#f"})),
            (metadata, "sector_identifier_uri", json!({"sector_identifier_uri": "http://app.example/sector"})),
            (metadata, "client_name", json!({"client_name": "x".repeat(300)})),
            (metadata, "client_name", json!({"client_name": "a\nb"})),
        ])
        .await;
}

#[tokio::test]
async fn registration_2_native_applications_have_schemes_of_their_own_or_loopback() {
    let office = Office::open().await;
    for uri in ["com.example.app:/cb", "http://127.0.0.1/cb", "http://[::1]/cb", "http://localhost:8000/cb"] {
        let native = office.registrant(json!({"application_type": "native", "redirect_uris": [uri]})).await;
        assert_eq!(native.document["redirect_uris"], json!([uri]));
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
async fn rfc7592_2_1_without_the_right_token_nothing_is_told() {
    let office = Office::open().await;
    let one = office.registrant(json!({"redirect_uris": ["https://app.example/cb"]})).await;
    let uri = one.text("registration_client_uri").to_owned();
    let bare = office.http.get(&uri).send().await.unwrap();
    assert_eq!(bare.status(), 401);
    assert_eq!(bare.headers()[header::WWW_AUTHENTICATE], format!("Bearer realm=\"{}\"", office.issuer));
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let answer = one.ask_with(method.clone(), "wrong", Some(&json!({}))).await;
        answer.assert_error(401, "invalid_token");
        let challenge = answer.headers[header::WWW_AUTHENTICATE].to_str().unwrap();
        assert!(challenge.contains("error=\"invalid_token\""), "{method} {challenge}");
    }
    let token = one.text("registration_access_token");
    let elsewhere = ["registered-000000000000000000000000", "web", "../../etc/passwd", ""];
    for client_id in elsewhere {
        let request = office.http.get(format!("{}/register?client_id={client_id}", office.issuer));
        Answer::read(request.bearer_auth(token)).await.assert_error(401, "invalid_token");
    }
    assert_eq!(one.ask(Method::GET, None).await.body, one.document, "nothing has changed");
}

#[tokio::test]
async fn rfc7592_2_2_an_update_replaces_all_and_may_not_say_what_is_not_the_clients() {
    let office = Office::open().await;
    let mut one = office
        .registrant(json!({
            "redirect_uris": ["https://app.example/cb"], "client_name": "Old", "client_name#de": "Alt",
            "contacts": ["ada@app.example"], "jwks": {"keys": [key()]},
        }))
        .await;
    let good = one.changed(&json!({}));
    for (member, value) in [
        ("registration_access_token", json!(one.text("registration_access_token"))),
        ("registration_client_uri", json!(one.text("registration_client_uri"))),
        ("client_secret_expires_at", json!(0)),
        ("client_id_issued_at", json!(0)),
        ("client_id", json!("another")),
        ("client_secret", json!("my-own-choice")),
    ] {
        let mut body = good.clone();
        body[member] = value;
        let answer = one.ask(Method::PUT, Some(&body)).await;
        answer.assert_error(400, "invalid_client_metadata");
        assert!(answer.body["error_description"].as_str().unwrap().starts_with(member), "{}", answer.body);
    }
    let mut without_id = good.clone();
    without_id.as_object_mut().unwrap().remove("client_id");
    one.ask(Method::PUT, Some(&without_id)).await.assert_error(400, "invalid_client_metadata");
    let bad = one.changed(&json!({"redirect_uris": ["http://app.example/"]}));
    one.ask(Method::PUT, Some(&bad)).await.assert_error(400, "invalid_redirect_uri");
    let read = one.ask(Method::GET, None).await;
    assert_eq!(read.body, one.document, "what was refused has changed nothing, not even the token");

    let client_id = one.text("client_id").to_owned();
    let body = json!({"client_id": client_id, "redirect_uris": ["https://app.example/new"]});
    let answer = one.ask(Method::PUT, Some(&body)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    for gone in ["client_name", "client_name#de", "contacts", "jwks"] {
        assert_eq!(answer.body.get(gone), None, "{gone} was left out");
    }
    assert_eq!(answer.body["client_id"], *client_id);
    assert_eq!(answer.body["client_secret"], one.document["client_secret"]);
    assert_eq!(answer.body["client_id_issued_at"], one.document["client_id_issued_at"]);
    one.document = answer.body;
    one.update(&json!({"token_endpoint_auth_method": "none", "client_secret": null})).await;
    assert_eq!(one.document.get("client_secret"), None, "a public client has none");
    one.update(&json!({"token_endpoint_auth_method": "client_secret_basic"})).await;
    assert!(one.text("client_secret").len() >= 43, "and gets another");
    let object = office.serve.written(&format!("resources/OidcClient/default/{client_id}.yaml")).unwrap();
    assert_eq!(object["spec"]["redirectUris"], json!(["https://app.example/new"]));
}

/// A public key of RFC 7517 appendix A.1.
pub fn key() -> Value {
    json!({"kty": "EC", "crv": "P-256", "kid": "1", "use": "enc",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"})
}

/// Another.
pub fn rsa_key() -> Value {
    json!({"kty": "RSA", "use": "enc", "e": "AQAB", "kid": "2",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhM\
              stn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5ha\
              jrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"})
}

#[tokio::test]
async fn rfc7592_3_tokens_are_replaced_as_the_realm_says() {
    for (rotation, on_read, on_update) in [("Never", false, false), ("OnUpdate", false, true), ("Always", true, true)] {
        let office = Office::with(json!({"rotateAccessTokens": rotation})).await;
        let mut one = office.registrant(json!({"redirect_uris": ["https://app.example/cb"]})).await;
        let first = one.text("registration_access_token").to_owned();
        let read = one.ask(Method::GET, None).await;
        let second = read.text("registration_access_token");
        assert_eq!(second != first, on_read, "{rotation}");
        one.document = read.body;
        one.update(&json!({})).await;
        assert_eq!(one.text("registration_access_token") != second, on_update, "{rotation}");
        if on_update {
            one.ask_with(Method::GET, &second, None).await.assert_error(401, "invalid_token");
        }
    }
}

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

/// Serves JSON documents by their paths on a loopback address; returns the URL below which they stand.
pub async fn documents(documents: Vec<(&'static str, Value)>) -> String {
    let mut router = axum::Router::new();
    for (path, document) in documents {
        let body = document.to_string();
        router = router.route(path, axum::routing::get(move || async move { body }));
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

#[tokio::test]
async fn registration_5_a_sector_names_every_redirect_uri() {
    let office = Office::open().await;
    let (one, two) = ("https://app.example/cb", "https://other.example/cb");
    let url = documents(vec![
        ("/both", json!([one, two, "https://third.example/cb"])),
        ("/one", json!([one])),
        ("/none", json!({"redirect_uris": [one, two]})),
    ])
    .await;
    let with = |path: &str| json!({"redirect_uris": [one, two], "sector_identifier_uri": format!("{url}{path}")});
    for path in ["/one", "/none", "/missing"] {
        let answer = office.register(with(path)).await;
        answer.assert_error(400, "invalid_client_metadata");
        let description = answer.body["error_description"].as_str().unwrap();
        assert!(description.starts_with("sector_identifier_uri:"), "{path}: {description}");
    }
    let mut client = office.registrant(with("/both")).await;
    assert_eq!(client.document["sector_identifier_uri"], format!("{url}/both"));
    let grown = json!({"redirect_uris": [one, two, "https://fourth.example/cb"]});
    let answer = client.ask(Method::PUT, Some(&client.changed(&grown))).await;
    answer.assert_error(400, "invalid_client_metadata");
    client.update(&json!({"redirect_uris": [two]})).await;
}

#[tokio::test]
async fn core_8_1_pairwise_subjects_of_several_hosts_need_a_sector() {
    let office = Office::open().await;
    let pairwise = |uris: Value| json!({"subject_type": "pairwise", "redirect_uris": uris});
    let refused = office.register(pairwise(json!(["https://app.example/cb"]))).await;
    refused.assert_error(400, "invalid_client_metadata");
    let salt = json!({
        "apiVersion": "v1", "kind": "Secret", "stringData": {"salt": "0123456789abcdef0123456789abcdef"},
        "metadata": {"name": "salt", "labels": {"realmkeeper.dev/readable": "true"}},
    });
    office.serve.write("salt.yaml", &salt.to_string());
    let spec = json!({"pairwiseSaltSecretRef": {"name": "salt"}, "registration": {"mode": "Open"}});
    let realm = json!({
        "apiVersion": "realmkeeper.dev/v1alpha1", "kind": "Realm", "metadata": {"name": "demo"}, "spec": spec,
    });
    office.serve.write("realm.yaml", &realm.to_string());
    let registered = eventually("the realm has pairwise subjects", SOON, || async {
        let answer = office.register(pairwise(json!(["https://app.example/cb", "https://app.example/cb2"]))).await;
        if answer.status == 201 { Ok(answer.body) } else { Err(answer.body) }
    })
    .await;
    assert_eq!(registered["subject_type"], "pairwise");
    let several = office.register(pairwise(json!(["https://app.example/cb", "https://other.example/cb"]))).await;
    several.assert_error(400, "invalid_client_metadata");
    assert!(several.body["error_description"].as_str().unwrap().starts_with("sector_identifier_uri:"));
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
async fn two_updates_at_once_leave_one_of_them_whole() {
    let office = Office::with(json!({"rotateAccessTokens": "Never"})).await;
    let one = office.registrant(json!({"redirect_uris": ["https://app.example/cb"]})).await;
    let update = async |name: &str| {
        let body = one.changed(&json!({"client_name": name, "contacts": [name]}));
        one.ask(Method::PUT, Some(&body)).await.status.as_u16()
    };
    let (a, b, c) = tokio::join!(update("a"), update("b"), update("c"));
    assert_eq!((a, b, c), (200, 200, 200));
    let left = one.ask(Method::GET, None).await.body;
    assert_eq!(left["contacts"], json!([left["client_name"]]));
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
async fn rfc7517_5_keys_of_unknown_types_are_passed_over() {
    let office = Office::open().await;
    let unknown = json!({"kty": "LATTICE", "x": "AA"});
    let with = |keys: Value| json!({"redirect_uris": ["https://app.example/cb"], "jwks": {"keys": keys}});
    let one = office.registrant(with(json!([unknown.clone(), key()]))).await;
    assert_eq!(one.document["jwks"]["keys"], json!([key()]));
    office.register(with(json!([unknown]))).await.assert_error(400, "invalid_client_metadata");
}

#[tokio::test]
async fn what_a_person_wrote_is_no_registration() {
    let office = Office::open().await;
    let one = office.registrant(json!({"grant_types": ["client_credentials"]})).await;
    let name = one.text("client_id");
    let mut copy = office.serve.written(&format!("resources/OidcClient/default/{name}.yaml")).unwrap();
    copy["metadata"]["name"] = json!("mine");
    copy["spec"]["clientId"] = json!("mine");
    office.serve.write("mine.yaml", &copy.to_string());
    demo(&office.serve).until_ready("OidcClient", "mine").await;
    let uri = format!("{}/register?client_id=mine", office.issuer);
    for method in [Method::GET, Method::DELETE] {
        let request = office.http.request(method, &uri).bearer_auth(one.text("registration_access_token"));
        Answer::read(request).await.assert_error(401, "invalid_token");
    }
    assert!(office.serve.manifests().join("mine.yaml").is_file());
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
