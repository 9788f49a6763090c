//! kube-apiserver itself as a relying party: it trusts a realm, and people use kubectl with its ID tokens.

use std::{process::Stdio, time::Duration};

use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::{
    conformance::by,
    control_plane::{
        Ca, ControlPlane, Namespace, Options, apply,
        objects::{kubectl_command, kubectl_output, token},
        process::work_folder,
        wait::eventually,
    },
    harness::{Cluster, OperatorOptions, http},
    suite::{
        relying_party::{peek, sign_in_at},
        served::{PASSWORD, Served},
    },
};

/// An operator that serves TLS with a certificate of a test's own CA.
async fn over_tls(cluster: &Cluster, ca: &Ca) -> crate::harness::Operator {
    let folder = work_folder("tls").keep();
    let (certificate, key) = ca.server(&["127.0.0.1"]);
    let path = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let arguments = vec!["--tls-cert".into(), path("tls.crt", &certificate), "--tls-key".into(), path("tls.key", &key)];
    cluster.operator("tls", OperatorOptions { arguments, ..Default::default() }).await
}

/// Structured authentication (`apiserver.config.k8s.io/v1`) that trusts `issuer` for the client `kubectl`.
fn authentication(issuer: &str, ca: &Ca) -> String {
    let configuration = json!({
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthenticationConfiguration",
        "jwt": [{
            "issuer": {"url": issuer, "audiences": ["kubectl"], "certificateAuthority": ca.pem()},
            "claimMappings": {
                "username": {"claim": "email", "prefix": "realm:"},
                "groups": {"claim": "groups", "prefix": "realm:"},
            },
        }],
    });
    configuration.to_string()
}

const RIGHTS: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: pod-reader, namespace: default}
rules: [{apiGroups: [''], resources: [pods], verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: pod-readers, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: pod-reader}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: 'realm:engineers'}]
---
apiVersion: v1
kind: Pod
metadata: {name: engine, namespace: default}
spec: {automountServiceAccountToken: false, containers: [{name: a, image: none}]}
";

#[tokio::test]
async fn an_id_token_lists_pods_as_the_mapped_user_and_rbac_refuses_the_rest() {
    let (cluster, ca) = (Cluster::start().await, Ca::new("test realm"));
    let operator = over_tls(&cluster, &ca).await;
    let namespace = Namespace::create(&cluster.plane, "kubectl", json!({})).await;
    let root = reqwest::Certificate::from_pem(ca.pem().as_bytes()).unwrap();
    let http = reqwest::Client::builder().tls_certs_only([root]).redirect(reqwest::redirect::Policy::none());
    let served = Served { http: http.build().unwrap(), ..by(&operator, &namespace) };
    served.apply_realm_with_ada().await;
    let bob =
        json!({"email": {"address": "bob@example.com", "verified": true}, "passwordSecretRef": {"name": "ada-login"}});
    served.apply([served.child("User", "bob", bob)]).await;
    served.until_ready("User", "bob").await;
    let kubectl = served.with_client("kubectl", json!({"tokenEndpointAuthMethod": "none"})).await;
    let other = served.with_client("other", json!({})).await;

    let authentication = authentication(&served.issuer().await, &ca);
    let relying = ControlPlane::start(Options { authentication: Some(authentication), ..Options::default() }).await;
    namespace_default(&relying).await;
    apply(&relying, RIGHTS);

    let (_, tokens) = kubectl.sign_in(&served.browser(), "ada", PASSWORD, "openid email groups").await;
    let ada = tokens.text("id_token");
    assert_eq!(peek(&ada)["groups"], json!(["engineers"]));
    let config = relying.write_kubeconfig("ada", &ada, "default");
    // The API server fetches the realm's keys beside its start.
    let who = eventually("the API server trusts the realm", Duration::from_secs(30), || async {
        let output = kubectl_output(&config, &["auth", "whoami", "-o", "json"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then_some(text).ok_or(String::from_utf8_lossy(&output.stderr).into_owned())
    })
    .await;
    let who: serde_json::Value = serde_json::from_str(&who).unwrap();
    assert_eq!(who["status"]["userInfo"]["username"], "realm:ada@example.com");
    assert_eq!(who["status"]["userInfo"]["groups"], json!(["realm:engineers", "system:authenticated"]));
    let pods = kubectl_output(&config, &["get", "pods", "-o", "name"]);
    assert_eq!(String::from_utf8_lossy(&pods.stdout), "pod/engine\n", "{}", String::from_utf8_lossy(&pods.stderr));

    let refused = |config: &std::path::Path, arguments: &[&str], said: &str| {
        let output = kubectl_output(config, arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && text.contains(said), "{arguments:?}: {text}");
    };
    let forbidden = "Forbidden";
    refused(&config, &["get", "secrets"], forbidden);
    refused(&config, &["delete", "pod", "engine"], forbidden);
    refused(&config, &["get", "pods", "--namespace", "kube-system"], forbidden);

    let (_, tokens) = kubectl.sign_in(&served.browser(), "bob", PASSWORD, "openid email groups").await;
    let config = relying.write_kubeconfig("bob", &tokens.text("id_token"), "default");
    refused(&config, &["get", "pods"], "realm:bob@example.com");

    kubectl_asks_the_plugin(&relying, &served, &ca).await;

    // Tokens that are not meant for it.
    let unauthorized = "You must be logged in";
    let (_, theirs) = other.sign_in(&served.browser(), "ada", PASSWORD, "openid email groups").await;
    let (signed, signature) = ada.rsplit_once('.').unwrap();
    let flipped: String = signature.chars().rev().collect();
    let access = theirs.text("access_token");
    for (why, token) in
        [("other", &theirs.text("id_token")), ("access", &access), ("forged", &format!("{signed}.{flipped}"))]
    {
        let config = relying.write_kubeconfig(why, token, "default");
        refused(&config, &["get", "pods"], unauthorized);
    }
    // The operator's own ServiceAccount token is none of that API server's either: the clusters are two.
    let own = token(&cluster.plane.admin().await, crate::harness::SYSTEM, "realmkeeper", "").await;
    refused(&relying.write_kubeconfig("operator", &own, "default"), &["get", "pods"], unauthorized);
}

/// A kubeconfig whose user is nobody yet: kubectl runs `token --exec-credential`, Ada signs in with her browser, and from then on the
/// cache answers.
async fn kubectl_asks_the_plugin(relying: &ControlPlane, served: &Served, ca: &Ca) {
    let folder = work_folder("exec");
    let authority = folder.path().join("realm-ca.pem");
    std::fs::write(&authority, ca.pem()).unwrap();
    let issuer = served.issuer().await;
    let arguments =
        ["kubectl", "token", "--exec-credential", "--no-browser", "--issuer", &issuer, "--client-id", "kubectl"];
    let more = ["--scope", "openid email groups", "--certificate-authority", authority.to_str().unwrap()];
    let exec = json!({
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": env!("CARGO_BIN_EXE_realmkeeper"),
        "args": arguments.iter().chain(&more).collect::<Vec<_>>(),
        "env": [{"name": "XDG_CACHE_HOME", "value": folder.path()}],
        "interactiveMode": "IfAvailable",
    });
    let template = std::fs::read_to_string(relying.write_kubeconfig("exec", "none", "default")).unwrap();
    let mut config: serde_json::Value = serde_saphyr::from_str(&template).unwrap();
    config["users"][0]["user"] = json!({"exec": exec});
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, config.to_string()).unwrap();

    let kubectl = |arguments: &[&str]| {
        let mut command = tokio::process::Command::from(kubectl_command(&kubeconfig));
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command.spawn().unwrap()
    };
    let mut pods = kubectl(&["get", "pods", "-o", "name"]);
    let mut lines = BufReader::new(pods.stderr.take().unwrap()).lines();
    let url = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            let line = lines.next_line().await.unwrap().expect("kubectl shows where to sign in");
            if line.starts_with("https://") {
                return line;
            }
        }
    });
    let back = sign_in_at(&served.browser(), &url.await.unwrap(), "ada", PASSWORD).await;
    assert!(http().get(back).send().await.unwrap().status().is_success());
    let output = pods.wait_with_output().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "pod/engine\n");

    // Nobody is at the browser any more.
    let who =
        kubectl(&["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"]).wait_with_output().await.unwrap();
    assert_eq!(
        String::from_utf8_lossy(&who.stdout),
        "realm:ada@example.com",
        "{}",
        String::from_utf8_lossy(&who.stderr)
    );
    let refused = kubectl(&["get", "secrets"]).wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("Forbidden") && !said.contains("https://"), "{said}");
}

/// The ServiceAccount `default`, without which no pod can be made; here no controller makes it.
async fn namespace_default(plane: &ControlPlane) {
    let account = "{apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: default}}";
    let start = std::time::Instant::now();
    eventually("the namespace default", Duration::from_secs(20), || async {
        let config = plane.admin_kubeconfig();
        let output = kubectl_output(&config, &["get", "namespace", "default"]);
        output.status.success().then_some(()).ok_or(start.elapsed())
    })
    .await;
    apply(plane, account);
}
