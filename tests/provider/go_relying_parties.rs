//! `github.com/coreos/go-oidc` and `github.com/zitadel/oidc`, in their own process: relying parties in Go that we did not write.

use std::{process::Stdio, sync::Arc, time::Duration};

use serde_json::{Map, Value, json};

use crate::{
    control_plane::process::free_port,
    directory::demo,
    go_peers::go_peer,
    openid_client::key_pair,
    serve::Serve,
    suite::served::{PASSWORD, Served},
};

const API: &str = "https://api.example.com";
/// The tests of the program that every run must have passed, those inside of others too.
const TESTS: [&str; 16] = [
    "TestGoOIDC/basic",
    "TestGoOIDC/post",
    "TestGoOIDC/rs256",
    "TestGoOIDC/signed-userinfo",
    "TestGoOIDC/public",
    "TestGoOIDC",
    "TestGoOIDCDiscovery",
    "TestGoOIDCClientCredentials",
    "TestGoOIDCBackChannelLogout",
    "TestZitadel/basic",
    "TestZitadel/post",
    "TestZitadel/public",
    "TestZitadel/rs256",
    "TestZitadel/keyed",
    "TestZitadel",
    "TestZitadelClientCredentials",
];

#[tokio::test]
async fn go_oidc_and_zitadel_oidc_run_every_flow() {
    let program = tokio::task::spawn_blocking(|| go_peer("go-relying-parties")).await.unwrap();
    let serve = Arc::new(Serve::start(&[], &[]).await);
    let served = demo(&serve);
    served.apply([served.realm(json!({"outbound": {"allowedNetworks": ["127.0.0.0/8"]}}))]).await;
    served.apply_ada().await;
    let listen = format!("127.0.0.1:{}", free_port());
    let clients = apply_clients(&served, &listen).await;

    let mut go = tokio::process::Command::new("setpriv");
    go.args(["--pdeathsig", "KILL"]).arg(program).args(["-test.v", "-test.timeout=100s"]);
    go.env("ISSUER", served.issuer().await).env("USERNAME", "ada").env("PASSWORD", PASSWORD).env("AUDIENCE", API);
    go.env("CLIENTS", clients.to_string()).env("LISTEN", listen);
    let go = go.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(Duration::from_secs(120), go).await.unwrap().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{said}\n--- and the provider:\n{}", serve.log());
    for test in TESTS {
        assert!(said.contains(&format!("--- PASS: {test} ")), "{test} must have run:\n{said}");
    }
}

/// A client each way; what the program must know of each.
async fn apply_clients(served: &Served, listen: &str) -> Value {
    let (pem, jwks) = key_pair();
    let web = json!({"postLogoutRedirectUris": [format!("http://{listen}/bye")]});
    let with = |more: Value| {
        let mut spec = web.clone();
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    let rs256 = json!({"idTokenSignedResponseAlg": "RS256"});
    let signed = json!({"idTokenSignedResponseAlg": "ES256", "userinfoSignedResponseAlg": "ES256"});
    let told = json!({
        "backchannelLogoutUri": format!("http://{listen}/back-channel"), "backchannelLogoutSessionRequired": true,
    });
    let mut clients = Map::new();
    for (name, spec) in [
        ("basic", with(json!({"tokenEndpointAuthMethod": "client_secret_basic"}))),
        ("post", with(json!({"tokenEndpointAuthMethod": "client_secret_post"}))),
        ("public", with(json!({"tokenEndpointAuthMethod": "none"}))),
        ("keyed", with(json!({"tokenEndpointAuthMethod": "private_key_jwt", "credentials": {"jwks": jwks}}))),
        ("rs256", with(rs256)),
        ("signed-userinfo", with(signed)),
        ("told", with(told)),
    ] {
        let client = served.with_client(name, spec).await;
        let pem = (name == "keyed").then_some(&pem);
        clients.insert(name.into(), json!({"id": client.client_id, "secret": client.secret, "pem": pem}));
    }
    let robot = json!({"grantTypes": ["client_credentials"], "audiences": [API]});
    served.apply([served.child("OidcClient", "robot", robot)]).await;
    let robot = served.relying_party("robot").await;
    clients.insert("robot".into(), json!({"id": robot.client_id, "secret": robot.secret}));
    clients.into()
}
