//! Every way in which ID tokens and UserInfo are signed and encrypted, read by npm's `jose`: cryptography that we did not write.

use std::{path::Path, process::Stdio, sync::Arc, time::Duration};

use serde_json::{Value, json};

use crate::{
    directory::demo,
    serve::Serve,
    suite::served::{PASSWORD, Served},
};

const SIGNATURES: [&str; 11] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"];
const CODES: [&str; 3] = ["HS256", "HS384", "HS512"];
const KEYS: [&str; 6] = ["RSA-OAEP", "RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW", "dir"];
const CONTENTS: [&str; 4] = ["A128GCM", "A256GCM", "A128CBC-HS256", "A256CBC-HS512"];

#[tokio::test]
async fn oidc_10_every_signature_and_every_encryption_is_understood_by_a_foreign_library() {
    let serve = Arc::new(Serve::start(&[], &[]).await);
    let served = demo(&serve);
    served.apply_realm_with_ada().await;
    // ES256 and RS256 are there by themselves.
    let rings = SIGNATURES.into_iter().filter(|name| !matches!(*name, "RS256" | "ES256" | "EdDSA"));
    for name in rings.clone() {
        served.apply([served.child("SigningKey", &name.to_lowercase(), json!({"algorithm": name}))]).await;
    }
    for name in rings {
        served.until_ready("SigningKey", &name.to_lowercase()).await;
    }
    let pairs: Value = serde_json::from_str(&node(&["keys"], &[]).await).unwrap();
    let clients = apply_clients(&served, &pairs).await;
    let environment = [
        ("ISSUER", served.issuer().await),
        ("CLIENTS", Value::from(clients.clone()).to_string()),
        ("USERNAME", "ada".to_owned()),
        ("PASSWORD", PASSWORD.to_owned()),
        ("REDIRECT_URI", "http://127.0.0.1:7777/callback".to_owned()),
    ];
    let said = node(&[], &environment).await;
    // One each, and the flow that openid-client runs as a whole.
    let passed = format!("pass {}", clients.len() + 1);
    assert!(said.contains(&passed) && said.contains("fail 0"), "every test must have run:\n{said}\n{}", serve.log());
}

/// A client each way; what node must know of each.
async fn apply_clients(served: &Served, pairs: &Value) -> Vec<Value> {
    let mut wanted = Vec::new();
    for signing in SIGNATURES.into_iter().chain(CODES).chain(["none"]) {
        wanted.push((Some(signing), None));
    }
    for key in KEYS {
        wanted.extend(CONTENTS.map(|content| (Some("ES384"), Some((key, content)))));
    }
    // What is encrypted and not signed: UserInfo only.
    wanted.push((None, Some(("ECDH-ES", "A128GCM"))));
    let mut clients = Vec::new();
    for (at, (signing, encryption)) in wanted.into_iter().enumerate() {
        let name = format!("client-{at}");
        let mut spec = json!({"tokenEndpointAuthMethod": "client_secret_basic", "credentials": {"secret": {}}});
        for kind in ["idToken", "userinfo"].into_iter().filter(|kind| signing.is_some() || *kind == "userinfo") {
            if let Some(signing) = signing {
                spec[format!("{kind}SignedResponseAlg")] = json!(signing);
            }
            if let Some((key, content)) = encryption {
                spec[format!("{kind}EncryptedResponseAlg")] = json!(key);
                spec[format!("{kind}EncryptedResponseEnc")] = json!(content);
            }
        }
        let pair = encryption.map(|(key, _)| &pairs[key]).filter(|pair| !pair.is_null());
        if let Some(pair) = pair {
            spec["credentials"]["jwks"] = json!({"keys": [pair["public"]]});
        }
        served.apply([served.client(&name, spec)]).await;
        clients.push((name, signing, encryption, pair.map(|pair| pair["private"].clone())));
    }
    let mut known = Vec::new();
    for (name, signing, encryption, private) in clients {
        let party = served.relying_party(&name).await;
        known.push(json!({
            "id": party.client_id, "secret": party.secret.unwrap(), "signing": signing, "private": private,
            "encryption": encryption.map(|(alg, enc)| json!({"alg": alg, "enc": enc})),
        }));
    }
    let robot = json!({"grantTypes": ["client_credentials"], "tokenEndpointAuthMethod": "client_secret_jwt"});
    served.apply([served.child("OidcClient", "robot", robot)]).await;
    let robot = served.relying_party("robot").await;
    known.push(json!({"id": robot.client_id, "secret": robot.secret.unwrap(), "method": "client_secret_jwt"}));
    known
}

/// Runs the peer and returns what it says.
async fn node(arguments: &[&str], environment: &[(&str, String)]) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/openid-client");
    assert!(
        folder.join("node_modules/jose").is_dir(),
        "jose is needed by this test: run `npm ci` in {} (`make test` does)",
        folder.display()
    );
    let mut node = tokio::process::Command::new("setpriv");
    node.args(["--pdeathsig", "KILL", "node", "--test-reporter=spec", "protected-tokens.mjs"]).args(arguments);
    node.current_dir(&folder).envs(environment.iter().map(|(name, value)| (name, value)));
    let node = node.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(Duration::from_secs(180), node).await.unwrap();
    let output = output.expect("node is needed by this test: scripts/setup installs it");
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{said}");
    said
}
