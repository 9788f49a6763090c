//! A pod's projected ServiceAccount token as its client credential: no secret anywhere.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use realmkeeper::jose::{Algorithm, PrivateKey};
use serde_json::{Value, json};

use crate::{
    conformance::by,
    control_plane::{Namespace, process::work_folder, wait::eventually},
    harness::{http, shared_cluster, shared_operator},
    suite::relying_party::{Answer, RelyingParty, peek},
};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

struct Workload {
    namespace: Namespace,
    issuer: String,
    party: RelyingParty,
}

/// A client whose credentials are these ServiceAccounts, all of which are there beside `stranger`.
async fn workload(accounts: &[&str]) -> Workload {
    let namespace = Namespace::create(&shared_cluster().plane, "workload", json!({})).await;
    for account in accounts.iter().chain(&["stranger"]).filter(|account| **account != "default") {
        namespace.service_account(account).await;
    }
    let served = by(shared_operator(), &namespace);
    let named: Vec<_> = accounts.iter().map(|name| json!({"name": name})).collect();
    served
        .apply([
            served.realm(json!({})),
            served.child(
                "OidcClient",
                "app",
                json!({"grantTypes": ["client_credentials"], "credentials": {"serviceAccounts": named}}),
            ),
        ])
        .await;
    let issuer = served.issuer().await;
    let status = served.until_ready("OidcClient", "app").await;
    assert!(status["binding"].is_null(), "no secret is made: {status}");
    let client_id = status["clientId"].as_str().unwrap();
    let party = RelyingParty::discover(http(), &issuer, client_id, None).await;
    Workload { namespace, issuer, party }
}

impl Workload {
    /// Asks for a token with this assertion, and `client_id` unless it is empty.
    async fn ask(&self, assertion: &str, client_id: &str) -> Answer {
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion),
        ];
        form.extend((!client_id.is_empty()).then_some(("client_id", client_id)));
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = http().post(self.party.endpoint("token_endpoint"));
        Answer::read(request.header("content-type", "application/x-www-form-urlencoded").body(body)).await
    }

    async fn refused(&self, why: &str, assertion: &str) {
        let answer = self.ask(assertion, &self.party.client_id).await;
        assert_eq!(answer.body["error"], "invalid_client", "{why}: {} {}", answer.status, answer.body);
        assert!(answer.body["access_token"].is_null(), "{why}");
    }
}

/// A token of the cluster's own issuer that its API server would never give: its claims changed, signed with its key.
fn forge(token: &str, key: &str, change: impl FnOnce(&mut Value)) -> String {
    let header = jsonwebtoken::decode_header(token).unwrap();
    let mut claims = peek(token);
    change(&mut claims);
    jsonwebtoken::encode(&header, &claims, &jsonwebtoken::EncodingKey::from_rsa_pem(key.as_bytes()).unwrap()).unwrap()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[tokio::test]
async fn a_projected_token_is_a_client_credential() {
    let app = workload(&["app"]).await;
    let assertion = app.namespace.token("app", &app.issuer).await;
    // The operator learns the cluster's keys beside its start.
    let answer = eventually("a token", Duration::from_secs(20), || async {
        let answer = app.ask(&assertion, &app.party.client_id).await;
        answer.status.is_success().then_some(answer.clone()).ok_or(answer.body)
    })
    .await;
    let (header, claims) = app.party.verify(&app.party.jwks().await, &answer.text("access_token"));
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    assert_eq!((&claims["client_id"], &claims["sub"]), (&json!("app"), &json!("app")));
    // A pod asks again and again with the token that it has.
    app.ask(&assertion, &app.party.client_id).await.text("access_token");

    let endpoint = app.party.endpoint("token_endpoint").to_owned();
    let at_endpoint = app.namespace.token("app", &endpoint).await;
    app.refused("the audience is the issuer (the endpoint could be another's)", &at_endpoint).await;
}

#[tokio::test]
async fn the_plugin_gets_a_token_with_the_pods_own() {
    let app = workload(&["app"]).await;
    let folder = work_folder("pod");
    let file = folder.path().join("token");
    let token = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_realmkeeper"));
        command.args(["kubectl", "token", "--issuer", &app.issuer, "--service-account-token-file"]).arg(&file);
        command.args(arguments).env_clear().env("XDG_CACHE_HOME", folder.path()).output().unwrap()
    };
    std::fs::write(&file, app.namespace.token("app", &app.issuer).await).unwrap();
    let printed = eventually("a token", Duration::from_secs(20), || async {
        let output = token(&[]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap()).ok_or(said)
    })
    .await;
    let (_, claims) = app.party.verify(&app.party.jwks().await, printed.trim_end());
    assert_eq!((&claims["client_id"], &claims["sub"]), (&json!("app"), &json!("app")));
    // The same again, from the cache, also where the kubelet has renewed the file; and nobody else gets it.
    std::fs::write(&file, app.namespace.token("app", &app.issuer).await).unwrap();
    assert_eq!(String::from_utf8(token(&[]).stdout).unwrap(), printed);
    let credential: Value = serde_json::from_slice(&token(&["--exec-credential"]).stdout).unwrap();
    assert_eq!(credential["status"]["token"], printed.trim_end());
    assert!(credential["status"]["expirationTimestamp"].is_string(), "{credential}");

    std::fs::write(&file, app.namespace.token("stranger", &app.issuer).await).unwrap();
    let other = token(&[]);
    assert!(!other.status.success() && other.stdout.is_empty(), "a stranger gets nothing of the cache");
    let refused = |why: &str| {
        let output = token(&["--no-cache", "--client-id", "app"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && output.stdout.is_empty() && said.contains(why), "{said}");
        said
    };
    refused("invalid_client");
    std::fs::write(&file, "hunter2").unwrap();
    assert!(!refused("holds no ServiceAccount token").contains("hunter2"));
    std::fs::remove_file(&file).unwrap();
    refused("can't be read");
}

#[tokio::test]
async fn any_other_token_is_refused() {
    let app = workload(&["app"]).await;
    let good = app.namespace.token("app", &app.issuer).await;
    eventually("a token", Duration::from_secs(20), || async {
        let answer = app.ask(&good, &app.party.client_id).await;
        answer.status.is_success().then_some(()).ok_or(answer.body)
    })
    .await;

    app.refused("another ServiceAccount", &app.namespace.token("stranger", &app.issuer).await).await;
    app.refused("another audience", &app.namespace.token("app", "https://other.example").await).await;
    app.refused("the API server's audience", &app.namespace.token("app", "").await).await;
    let elsewhere = Namespace::create(&shared_cluster().plane, "workload", json!({})).await;
    elsewhere.service_account("app").await;
    app.refused("the same name in another namespace", &elsewhere.token("app", &app.issuer).await).await;

    let key = shared_cluster().plane.service_account_key();
    let own = |change: &dyn Fn(&mut Value)| forge(&good, key, |claims| change(claims));
    // The forger's tool works: an untouched copy is accepted.
    app.ask(&own(&|claims| claims["jti"] = "a-new-one".into()), &app.party.client_id).await.text("access_token");
    let past = now() - 7200;
    let expired = own(&|claims| {
        claims["iat"] = past.into();
        claims["nbf"] = past.into();
        claims["exp"] = (past + 600).into();
    });
    app.refused("expired", &expired).await;
    app.refused("not valid yet", &own(&|claims| claims["nbf"] = (now() + 3600).into())).await;
    app.refused("another issuer", &own(&|claims| claims["iss"] = "https://evil.example".into())).await;
    let old = own(&|claims| {
        claims.as_object_mut().unwrap().remove("jti");
        claims["iat"] = past.into();
        claims["nbf"] = past.into();
    });
    app.refused("without jti and old", &old).await;
    app.refused("without an end", &own(&|claims| drop(claims.as_object_mut().unwrap().remove("exp")))).await;
    app.refused("a subject that is none", &own(&|claims| claims["sub"] = "system:admin".into())).await;

    let strange = PrivateKey::generate_pem(Algorithm::Rs256).unwrap();
    app.refused("a stranger's key under the right kid", &forge(&good, strange.expose_str().unwrap(), |_| ())).await;
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    bytes[0] ^= 1;
    app.refused("a flipped bit", &format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))).await;
    let none = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
    let payload = good.split('.').nth(1).unwrap();
    app.refused("alg none", &format!("{none}.{payload}.")).await;
    app.refused("no JWT at all", "x").await;
}

/// `default` is the ServiceAccount of every pod that names none, so it counts only where somebody has named it.
#[tokio::test]
async fn the_default_service_account_counts_only_where_it_is_named() {
    let unnamed = workload(&["app"]).await;
    eventually("the ServiceAccount default", Duration::from_secs(20), || async {
        let accounts: kube::Api<k8s_openapi::api::core::v1::ServiceAccount> =
            kube::Api::namespaced(unnamed.namespace.client.clone(), &unnamed.namespace.name);
        accounts.get("default").await.map(drop)
    })
    .await;
    unnamed.refused("default", &unnamed.namespace.token("default", &unnamed.issuer).await).await;
    let named = workload(&["default"]).await;
    let token = named.namespace.token("default", &named.issuer).await;
    eventually("a token", Duration::from_secs(20), || async {
        let answer = named.ask(&token, &named.party.client_id).await;
        answer.status.is_success().then_some(()).ok_or(answer.body)
    })
    .await;
}
