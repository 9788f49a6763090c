//! `kubectl realmkeeper explain` with the rights of whoever asks.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::{
    conformance::by,
    control_plane::{Namespace, apply},
    harness::{shared_cluster, shared_operator},
};

/// The report, or what was said on standard error.
fn explain(kubeconfig: &Path, namespace: &str, arguments: &[&str]) -> Result<Value, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_realmkeeper"));
    command.args(["kubectl", "explain", "-o", "json", "-n", namespace]).args(arguments);
    command.env_clear().env("KUBECONFIG", kubeconfig).stdin(Stdio::null());
    let output = command.output().unwrap();
    match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout).unwrap()),
        false => Err(String::from_utf8(output.stderr).unwrap()),
    }
}

#[tokio::test]
async fn whoever_asks_sees_with_rights_of_their_own_and_without_secrets() {
    let (plane, namespace) =
        (&shared_cluster().plane, Namespace::create(&shared_cluster().plane, "explain", json!({})).await);
    let served = by(shared_operator(), &namespace);
    served.apply_realm_with_ada().await;
    let web = served.with_client("web", json!({"scopes": ["openid"]})).await;
    let bad = served.client("bad", json!({"access": {"groups": ["nobody"]}}));
    served.apply([bad]).await;
    served.until_condition("OidcClient", "bad", "Ready", "Unknown/GroupNotFound").await;
    namespace.service_account("tenant").await;
    namespace.service_account("stranger").await;
    let (name, kinds) = (&namespace.name, "realms, signingkeys, groups, users, oidcclients");
    apply(
        plane,
        &format!(
            "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: tenant, namespace: {name}}}
rules: [{{apiGroups: [realmkeeper.dev], resources: [{kinds}], verbs: [list]}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: tenant, namespace: {name}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: tenant}}
subjects: [{{kind: ServiceAccount, name: tenant, namespace: {name}}}]
"
        ),
    );
    let tenant = plane.write_kubeconfig(&format!("{name}-tenant"), &namespace.token("tenant", "").await, name);
    let stranger = plane.write_kubeconfig(&format!("{name}-stranger"), &namespace.token("stranger", "").await, name);

    let good = web.attempt("openid", &[]).url;
    let wrong = web.attempt("openid email", &[]).url;
    let robot = served.child("OidcClient", "robot", json!({"grantTypes": ["client_credentials"]}));
    served.apply([robot]).await;
    let robot = served.relying_party("robot").await;
    let token = robot.token(&[("grant_type", "client_credentials")]).await.text("access_token");
    for (kubeconfig, is_admin) in [(plane.admin_kubeconfig(), true), (tenant, false)] {
        let ask = |arguments: &[&str]| explain(&kubeconfig, name, arguments).unwrap();
        let report = ask(&[&good, "--user", "ada"]);
        assert_eq!(report["outcome"], "Accepted", "{report}");
        let says_so = report["notes"].to_string().contains("you may not list users everywhere");
        assert_eq!(says_so, !is_admin, "{report}");
        let report = ask(&[&wrong]);
        assert_eq!(report["error"]["code"], "invalid_scope", "{report}");
        let report = ask(&["--token", &token]);
        assert_eq!(report["outcome"], "Accepted", "{report}");
        let report = ask(&["oidcclient/bad"]);
        assert!(report["problems"][0].as_str().unwrap().starts_with("GroupNotFound"), "{report}");
    }
    let said = explain(&stranger, name, &[&good]).unwrap_err();
    assert!(said.contains("list") && said.contains("realms"), "{said}");
    let said = explain(&plane.admin_kubeconfig(), name, &["oidcclient/nobody"]).unwrap_err();
    assert!(said.contains("there is no OidcClient nobody"), "{said}");
}
