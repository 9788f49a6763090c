//! npm's `openid-client`, in its own process: a relying party that we did not write.

use std::{path::Path, process::Stdio, sync::Arc, time::Duration};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

use crate::{
    directory::demo,
    serve::Serve,
    suite::served::{PASSWORD, Served, secret},
};

#[tokio::test]
async fn openid_client_runs_every_flow() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/openid-client");
    assert!(
        folder.join("node_modules/openid-client").is_dir(),
        "openid-client is needed by this test: run `npm ci` in {} (`make test` does)",
        folder.display()
    );
    let serve = Arc::new(Serve::start(&[], &[]).await);
    let served = demo(&serve);
    served.apply_realm_with_ada().await;
    let (pem, jwks) = key_pair();
    let environment = apply_clients(&served, &jwks).await;

    let mut node = tokio::process::Command::new("setpriv");
    node.args(["--pdeathsig", "KILL", "node", "--test-reporter=spec", "relying-party.mjs"]).current_dir(&folder);
    node.envs(environment).env("KEYED_PEM", pem).env("ISSUER", served.issuer().await);
    node.env("USERNAME", "ada").env("PASSWORD", PASSWORD).env("AUDIENCE", API);
    node.env("REDIRECT_URI", "http://127.0.0.1:7777/callback").env("POST_LOGOUT_REDIRECT_URI", BYE);
    let node = node.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(Duration::from_secs(120), node).await.unwrap();
    let output = output.expect("node is needed by this test: scripts/setup installs it");
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{said}\n--- and the provider:\n{}", serve.log());
    assert!(said.contains("pass 9") && said.contains("fail 0"), "every test must have run:\n{said}");
}

#[tokio::test]
async fn openid_client_registers_itself() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/openid-client");
    assert!(
        folder.join("node_modules/openid-client").is_dir(),
        "openid-client is needed by this test: run `npm ci` in {} (`make test` does)",
        folder.display()
    );
    let serve = Arc::new(Serve::start(&[], &[]).await);
    let served = demo(&serve);
    let token = "an-initial-access-token";
    served.apply([secret("partners", &[("token", token)])]).await;
    let registration = json!({"mode": "InitialAccessToken", "initialAccessTokens": [{"name": "partners"}]});
    served.apply([served.realm(json!({"registration": registration}))]).await;
    served.apply_ada().await;
    let mut node = tokio::process::Command::new("setpriv");
    node.args(["--pdeathsig", "KILL", "node", "--test-reporter=spec", "registration.mjs"]).current_dir(&folder);
    node.env("ISSUER", served.issuer().await).env("INITIAL_ACCESS_TOKEN", token);
    node.env("USERNAME", "ada").env("PASSWORD", PASSWORD).env("REDIRECT_URI", "http://127.0.0.1:7777/callback");
    let node = node.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(Duration::from_secs(120), node).await.unwrap();
    let output = output.expect("node is needed by this test: scripts/setup installs it");
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{said}\n--- and the provider:\n{}", serve.log());
    assert!(said.contains("pass 5") && said.contains("fail 0"), "every test must have run:\n{said}");
}

const API: &str = "https://api.example.com";
const BYE: &str = "https://app.example/bye";

/// A client each way of authentication; the environment that names them.
async fn apply_clients(served: &Served, jwks: &Value) -> Vec<(String, String)> {
    let mut environment = Vec::new();
    for (name, method, credentials) in [
        ("basic", "client_secret_basic", json!({})),
        ("post", "client_secret_post", json!({})),
        ("keyed", "private_key_jwt", json!({"jwks": jwks})),
        ("public", "none", json!({})),
    ] {
        let method =
            json!({"tokenEndpointAuthMethod": method, "credentials": credentials, "postLogoutRedirectUris": [BYE]});
        let client = served.with_client(name, method).await;
        assert_eq!(client.secret.is_some(), credentials == json!({}) && name != "public", "{name}");
        environment.push((format!("{}_ID", name.to_uppercase()), client.client_id));
        environment.extend(client.secret.map(|secret| (format!("{}_SECRET", name.to_uppercase()), secret)));
    }
    let robot = json!({"grantTypes": ["client_credentials"], "audiences": [API]});
    served.apply([served.child("OidcClient", "robot", robot)]).await;
    let robot = served.relying_party("robot").await;
    environment.push(("ROBOT_ID".into(), robot.client_id));
    environment.push(("ROBOT_SECRET".into(), robot.secret.unwrap()));
    environment
}

/// A P-256 key: the private one as PEM, the public one as a JWK Set.
pub fn key_pair() -> (String, Value) {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let der = key.to_pkcs8v1().unwrap();
    let pem =
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", BASE64_STANDARD.encode(der.as_ref()));
    let (x, y) = key.public_key().as_ref()[1..].split_at(32);
    let [x, y] = [x, y].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
    (pem, json!({"keys": [{"kty": "EC", "crv": "P-256", "x": x, "y": y}]}))
}
