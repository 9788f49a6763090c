//! From `kubectl apply` to a token, and back to nothing, as people see it with kubectl.

use std::time::Duration;

use k8s_openapi::api::core::v1 as core;
use kube::{Api, ResourceExt, api::ListParams};
use serde_json::json;

use crate::{
    conformance::by,
    control_plane::{Namespace, wait::eventually},
    harness::{SOON, shared_cluster, shared_operator},
    suite::{relying_party::RelyingParty, served::PASSWORD},
};

async fn namespace(prefix: &str) -> Namespace {
    Namespace::create(&shared_cluster().plane, prefix, json!({})).await
}

/// What a platform team writes on the first day; the Realm comes last.
fn everything(realm: &str) -> String {
    format!(
        "
apiVersion: realmkeeper.dev/v1alpha1
kind: OidcClient
metadata: {{name: robot}}
spec: {{realmRef: {{name: {realm}}}, grantTypes: [client_credentials]}}
---
apiVersion: realmkeeper.dev/v1alpha1
kind: OidcClient
metadata: {{name: grafana}}
spec:
  realmRef: {{name: {realm}}}
  redirectUris: [http://127.0.0.1/callback]
  credentials: {{secret: {{metadata: {{labels: {{app.kubernetes.io/part-of: monitoring}}}}}}}}
---
apiVersion: realmkeeper.dev/v1alpha1
kind: User
metadata: {{name: ada}}
spec: {{realmRef: {{name: {realm}}}, passwordSecretRef: {{name: ada-login}}}}
---
apiVersion: v1
kind: Secret
metadata: {{name: ada-login, labels: {{realmkeeper.dev/readable: 'true'}}}}
stringData: {{password: {PASSWORD}}}
---
apiVersion: realmkeeper.dev/v1alpha1
kind: Group
metadata: {{name: engineers}}
spec: {{realmRef: {{name: {realm}}}, members: {{users: [ada]}}}}
---
apiVersion: realmkeeper.dev/v1alpha1
kind: Realm
metadata: {{name: {realm}}}
spec: {{}}
"
    )
}

#[tokio::test]
async fn all_kinds_are_ready_within_seconds_and_the_credentials_work() {
    let operator = shared_operator();
    let namespace = namespace("lifecycle").await;
    let realm = &namespace.name;
    namespace.apply(&everything(realm));
    let keys = [format!("signingkey/{realm}-es256"), format!("signingkey/{realm}-rs256")];
    let own = format!("realm/{realm}");
    namespace.wait_for("Ready", &[&own, "oidcclient/robot", "oidcclient/grafana", "user/ada", "group/engineers"], SOON);
    namespace.wait_for("Ready", &[&keys[0], &keys[1]], SOON);

    let secrets: Api<core::Secret> = Api::namespaced(namespace.client.clone(), &namespace.name);
    let secret = secrets.get("grafana-oidc").await.unwrap();
    assert_eq!(secret.type_.as_deref(), Some("servicebinding.io/oauth2"));
    for (label, value) in [
        ("app.kubernetes.io/managed-by", "realmkeeper"),
        ("realmkeeper.dev/readable", "true"),
        ("app.kubernetes.io/part-of", "monitoring"),
    ] {
        assert_eq!(secret.labels()[label], value);
    }
    let client = namespace.get("OidcClient", "grafana").await.unwrap();
    assert_eq!(secret.owner_references()[0].uid, client["metadata"]["uid"].as_str().unwrap());

    let entries = namespace.secret("robot-oidc", SOON).await;
    let robot = RelyingParty::discover(
        crate::harness::http(),
        &entries["issuer"],
        &entries["client-id"],
        Some(&entries["client-secret"]),
    )
    .await;
    assert_eq!(entries["issuer"], format!("{}/realms/{realm}", operator.url));
    assert_eq!(robot.endpoint("token_endpoint"), entries["token-endpoint"]);
    robot.token(&[("grant_type", "client_credentials")]).await.text("access_token");

    // What a person sees: a table that says it, and events that tell the story.
    let table = namespace.kubectl(&["get", "realmkeeper"]);
    for word in ["grafana", &entries["issuer"], "ada", "engineers", "True"] {
        assert!(table.contains(word), "{word} in\n{table}");
    }
    let events: Api<k8s_openapi::api::events::v1::Event> = Api::namespaced(namespace.client.clone(), &namespace.name);
    eventually("events of credentials and keys", SOON, || async {
        let list = events.list(&ListParams::default()).await.unwrap().items;
        let told = |kind: &str| {
            list.iter().any(|event| event.regarding.as_ref().is_some_and(|about| about.kind.as_deref() == Some(kind)))
        };
        (told("OidcClient") && told("SigningKey")).then_some(()).ok_or(format!("{list:?}"))
    })
    .await;

    // Whatever was done until here, the rights that deploy/ grants were enough, and the log holds no secret.
    let log = operator.process.log();
    assert!(!log.contains("forbidden"), "{log}");
    assert!(log.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{log}");
    for value in [&entries["client-secret"], PASSWORD] {
        assert!(!log.contains(value), "a secret in the log");
    }
}

/// No finalizers: whatever goes first, the rest follows and nothing hangs.
#[tokio::test]
async fn a_namespace_goes_without_hanging() {
    let namespace = namespace("goes").await;
    namespace.apply(&everything(&namespace.name));
    namespace.wait_for("Ready", &["oidcclient/grafana", "user/ada"], SOON);
    for kind in ["Realm", "OidcClient", "User", "Group", "SigningKey"] {
        for object in namespace.dynamic(kind).list(&ListParams::default()).await.unwrap() {
            assert!(object.finalizers().is_empty(), "{kind} {}", object.name_any());
        }
    }
    let issuer = format!("{}/realms/{}", shared_operator().url, namespace.name);
    namespace.delete().await;
    namespace.until_gone(Duration::from_secs(60)).await;
    eventually("the realm is no longer served", SOON, || async {
        let status = crate::harness::http().get(format!("{issuer}/jwks")).send().await.unwrap().status();
        (status == 404).then_some(()).ok_or(status.to_string())
    })
    .await;
}

/// A Realm that goes first takes its generated keys along; its clients wait for the next, and go in turn.
#[tokio::test]
async fn a_realm_may_go_before_its_clients() {
    let namespace = namespace("goes").await;
    let realm = namespace.name.clone();
    namespace.apply(&everything(&realm));
    namespace.wait_for("Ready", &["oidcclient/grafana", "oidcclient/robot"], SOON);
    let before = namespace.secret("grafana-oidc", SOON).await;
    namespace.kubectl(&["delete", "realm", &realm, "--timeout=20s"]);
    let keys = namespace.dynamic("SigningKey");
    eventually("the end of the Realm's SigningKeys", Duration::from_secs(60), || async {
        let left = keys.list(&ListParams::default()).await.unwrap().items.len();
        (left == 0).then_some(()).ok_or(left)
    })
    .await;
    namespace.until_condition("OidcClient", "grafana", "Ready", "Unknown", "RealmNotFound").await;
    namespace.kubectl(&["delete", "oidcclient", "robot", "--timeout=20s"]);
    let secrets: Api<core::Secret> = Api::namespaced(namespace.client.clone(), &namespace.name);
    eventually("the end of its Secret", Duration::from_secs(60), || async {
        secrets.get_opt("robot-oidc").await.unwrap().is_none().then_some(()).ok_or("there")
    })
    .await;
    // The next Realm of that name finds the client as it was.
    namespace.apply(&everything(&realm));
    namespace.wait_for("Ready", &["oidcclient/grafana"], SOON);
    assert_eq!(namespace.secret("grafana-oidc", SOON).await["client-secret"], before["client-secret"]);
}

/// Somebody else's Secret at the name to be generated is left alone and said; when it is gone, ours comes.
#[tokio::test]
async fn a_foreign_secret_at_the_generated_name_is_not_overwritten() {
    let namespace = namespace("foreign").await;
    namespace.kubectl(&["create", "secret", "generic", "robot-oidc", "--from-literal=theirs=yes"]);
    namespace.apply(&everything(&namespace.name));
    let condition = namespace.until_condition("OidcClient", "robot", "Ready", "False", "SecretNotOwned").await;
    assert!(condition["message"].as_str().unwrap().contains("robot-oidc"), "{condition}");
    assert_eq!(namespace.secret("robot-oidc", SOON).await.keys().collect::<Vec<_>>(), ["theirs"]);
    // The client is known and has no secret, so nothing authenticates it, the foreign entry included.
    let served = by(shared_operator(), &namespace);
    let issuer = served.issuer().await;
    let guess = RelyingParty::discover(served.http.clone(), &issuer, "robot", Some("yes")).await;
    guess.token(&[("grant_type", "client_credentials")]).await.assert_error(401, "invalid_client");

    namespace.kubectl(&["delete", "secret", "robot-oidc"]);
    // Nobody tells of a Secret without the label, so it is tried again after a pause.
    namespace.wait_for("Ready", &["oidcclient/robot"], Duration::from_secs(90));
    let robot = served.relying_party("robot").await;
    robot.token(&[("grant_type", "client_credentials")]).await.text("access_token");
}

/// A generated Secret that somebody deletes comes back with a secret of its own, and the old one is refused.
#[tokio::test]
async fn a_generated_secret_that_is_deleted_comes_back() {
    let namespace = namespace("deleted").await;
    namespace.apply(&everything(&namespace.name));
    let served = by(shared_operator(), &namespace);
    let before = served.relying_party("robot").await;
    namespace.kubectl(&["delete", "secret", "robot-oidc"]);
    let secrets: Api<core::Secret> = Api::namespaced(namespace.client.clone(), &namespace.name);
    eventually("a new Secret", SOON, || async {
        secrets.get_opt("robot-oidc").await.unwrap().map(drop).ok_or("not there")
    })
    .await;
    let form = [("grant_type", "client_credentials")];
    eventually("the new secret is accepted and the old one is not", SOON, || async {
        let after = served.relying_party("robot").await;
        let answers = (after.token(&form).await.status.as_u16(), before.token(&form).await.status.as_u16());
        (answers == (200, 401)).then_some(()).ok_or(answers)
    })
    .await;
}
