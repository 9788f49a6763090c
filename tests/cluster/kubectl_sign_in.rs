//! kube-apiserver itself as a relying party: it trusts a realm, and people use kubectl with its ID tokens.

use std::time::Duration;

use serde_json::json;

use crate::{
    conformance::by,
    control_plane::{
        Ca, ControlPlane, Namespace, Options, apply,
        objects::{kubectl_output, token},
        process::work_folder,
        wait::eventually,
    },
    harness::{Cluster, OperatorOptions, SOON},
    plugin::{Said, Shell},
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

/// The file by which the API server trusts the realm for the client `kubectl`, as the plugin prints it.
fn authentication(cluster: &Cluster, served: &Served, ca: &Ca) -> String {
    let shell = Shell::admin(&cluster.plane);
    let ca = shell.write("realm-ca.pem", ca.pem());
    let (realm, ca) = (&*served.realm, ca.to_str().unwrap());
    let options = ["--client", "kubectl", "--username-prefix", "realm:", "--groups-prefix", "realm:"];
    let command = ["authentication-config", realm, "-n", realm, "--certificate-authority", ca];
    shell.plugin(&[&command[..], &options].concat()).good()
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

    let authentication = authentication(&cluster, &served, &ca);
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
    assert_eq!(who["status"]["userInfo"]["uid"], peek(&ada)["sub"]);
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

    kubectl_signs_people_in(&cluster, &relying, &served, &ca).await;

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

/// kubectl signs Ada in by the user that the plugin prints: it calls the plugin, which opens a browser and waits.
async fn kubectl_signs_people_in(cluster: &Cluster, relying: &ControlPlane, served: &Served, ca: &Ca) {
    let admin = Shell::admin(&cluster.plane);
    let ca = admin.write("realm-ca.pem", ca.pem());
    let (realm, ca) = (&*served.realm, ca.to_str().unwrap());
    let command = ["kubeconfig", realm, "-n", realm, "--client", "kubectl", "--name", "ada", "--user-only"];
    let said = admin.plugin(&[&command[..], &["--certificate-authority", ca]].concat());
    assert_eq!(said.err, "", "the client suits");
    let user = admin.write("user.yaml", &said.good());
    // The other cluster's address, and this user.
    let both = std::env::join_paths([relying.admin_kubeconfig(), user]).unwrap();
    let shell = Shell::new(both.into());
    let whoami = ["--user", "ada", "auth", "whoami", "-o", "json"];
    let mut first = shell.command(&whoami);
    let first = tokio::task::spawn_blocking(move || Said::of(&mut first));
    let url = eventually("the browser is opened", SOON, || async { shell.visited().ok_or("not yet") }).await;
    let back = sign_in_at(&served.browser(), &url, "ada", PASSWORD).await;
    reqwest::get(back).await.unwrap().error_for_status().unwrap();
    let who = first.await.unwrap().json();
    assert_eq!(who["status"]["userInfo"]["username"], "realm:ada@example.com");
    assert_eq!(who["status"]["userInfo"]["groups"], json!(["realm:engineers", "system:authenticated"]));
    // From now on nobody is asked.
    let pods = shell.kubectl(&["--user", "ada", "get", "pods", "-o", "name"]).good();
    assert_eq!(pods, "pod/engine\n");
    let refused = shell.kubectl(&["--user", "ada", "get", "secrets"]);
    assert!(refused.code != 0 && refused.err.contains("Forbidden"), "{refused:?}");

    // The whole file names the cluster that it was printed at.
    let whole = admin.plugin(&["kubeconfig", realm, "-n", realm, "--client-id", "kubectl"]).good();
    let whole = Shell::new(admin.write("whole.yaml", &whole));
    let view = whole.kubectl(&["config", "view", "--minify", "-o", "json"]).json();
    assert_eq!(view["clusters"][0]["cluster"]["server"], cluster.plane.url());
    assert_eq!(view["users"][0]["user"]["exec"]["command"], "kubectl-realmkeeper");
    // It is reached over its own certificates: what it refuses is the token.
    let stranger = whole.kubectl(&["--token", "nobody", "get", "pods"]);
    assert!(stranger.err.contains("You must be logged in"), "{stranger:?}");
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
