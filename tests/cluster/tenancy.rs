//! Who may attach to a Realm of another namespace, and who owns a name that two claim.

use std::time::Duration;

use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::{
    conformance::by,
    control_plane::{Namespace, wait::eventually},
    harness::{http, shared_cluster, shared_operator},
    suite::{relying_party::RelyingParty, served::Served},
};

const ROBOT: [(&str, &str); 1] = [("grant_type", "client_credentials")];

async fn namespace(labels: Value) -> Namespace {
    Namespace::create(&shared_cluster().plane, "tenancy", labels).await
}

/// The Realm of an owner's namespace that admits clients of namespaces with the label `tenant`.
async fn open_realm() -> (Namespace, Served) {
    let owner = namespace(json!({})).await;
    let served = by(shared_operator(), &owner);
    let tenants = json!({"from": "Selector", "selector": {"matchLabels": {"tenant": owner.name}}});
    // As in Gateway API, a selector must select the Realm's own namespace too.
    label(&owner, Some(&owner.name)).await;
    served.apply([served.realm(json!({"allowed": {"oidcClients": {"namespaces": tenants.clone(),
        "grantTypes": ["client_credentials", "authorization_code"], "responseTypes": ["code"], "clientIds": "Prefixed"}}}))]).await;
    (owner, served)
}

fn robot(owner: &Namespace, spec: Value) -> String {
    let mut all =
        json!({"realmRef": {"name": owner.name, "namespace": owner.name}, "grantTypes": ["client_credentials"]});
    all.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    json!({"apiVersion": "realmkeeper.dev/v1alpha1", "kind": "OidcClient", "metadata": {"name": "robot"}, "spec": all})
        .to_string()
}

async fn label(namespace: &Namespace, tenant: Option<&str>) {
    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(namespace.client.clone());
    let patch = Patch::Merge(json!({"metadata": {"labels": {"tenant": tenant}}}));
    namespaces.patch(&namespace.name, &PatchParams::default(), &patch).await.unwrap();
}

/// Both sides must agree; when the namespace leaves the selector, the client is no longer served, its tokens included.
#[tokio::test]
async fn a_namespace_that_leaves_the_selector_is_no_longer_served() {
    let (owner, served) = open_realm().await;
    let tenant = namespace(json!({"tenant": owner.name})).await;
    tenant.apply(&robot(&owner, json!({})));
    tenant.wait_for("Ready", &["oidcclient/robot"], Duration::from_secs(20));
    let entries = tenant.secret("robot-oidc", Duration::from_secs(5)).await;
    assert_eq!(entries["client-id"], format!("{}.robot", tenant.name));
    let party =
        RelyingParty::discover(http(), &served.issuer().await, &entries["client-id"], Some(&entries["client-secret"]))
            .await;
    let token = party.token(&ROBOT).await.text("access_token");
    let watcher = served
        .with_client("watcher", json!({"grantTypes": ["client_credentials"], "redirectUris": [], "scopes": []}))
        .await;
    assert_eq!(watcher.introspect(&token).await.status, 200);

    label(&tenant, None).await;
    tenant.until_condition("OidcClient", "robot", "Accepted", "False", "NamespaceNotAllowed").await;
    party.token(&ROBOT).await.assert_error(401, "invalid_client");
    assert_eq!(watcher.introspect(&token).await.body, json!({"active": false}));
    label(&tenant, Some(&owner.name)).await;
    tenant.wait_for("Ready", &["oidcclient/robot"], Duration::from_secs(20));
    party.token(&ROBOT).await.text("access_token");
    assert_eq!(tenant.secret("robot-oidc", Duration::from_secs(5)).await, entries, "its credentials are as they were");
}

/// Whoever may create an OidcClient in one namespace reaches no further than the Realm's owner said.
#[tokio::test]
async fn a_stranger_gets_nothing_and_a_tenant_no_more_than_the_realm_allows() {
    let (owner, served) = open_realm().await;
    served.issuer().await;
    let stranger = namespace(json!({})).await;
    stranger.apply(&robot(&owner, json!({})));
    stranger.until_condition("OidcClient", "robot", "Ready", "False", "NamespaceNotAllowed").await;
    let secrets: Api<k8s_openapi::api::core::v1::Secret> = Api::namespaced(stranger.client.clone(), &stranger.name);
    assert!(secrets.get_opt("robot-oidc").await.unwrap().is_none(), "no credentials for a client that is not accepted");

    let web = json!(["https://app.example/cb"]);
    for (spec, reason) in [
        (json!({"clientId": "admin"}), "ClientIdNotAllowed"),
        (json!({"grantTypes": ["authorization_code", "refresh_token"], "redirectUris": web}), "GrantTypeNotAllowed"),
        (json!({"scopes": ["root"]}), "ScopeNotFound"),
    ] {
        let tenant = namespace(json!({"tenant": owner.name})).await;
        tenant.apply(&robot(&owner, spec));
        tenant.until_condition("OidcClient", "robot", "Accepted", "False", reason).await;
    }
    // Users and groups of other namespaces were not admitted at all.
    let tenant = namespace(json!({"tenant": owner.name})).await;
    for kind in ["User", "Group"] {
        let spec = json!({"realmRef": {"name": owner.name, "namespace": owner.name}});
        let object = json!({"apiVersion": "realmkeeper.dev/v1alpha1", "kind": kind, "metadata": {"name": "mallory"}, "spec": spec});
        tenant.apply(&object.to_string());
        tenant.until_condition(kind, "mallory", "Accepted", "False", "NamespaceNotAllowed").await;
    }
}

/// The older Realm keeps its issuer; the younger says who has it, serves nothing, and takes over when the other is gone.
#[tokio::test]
async fn of_two_realms_with_one_issuer_the_older_is_served() {
    let (first, second) = (namespace(json!({})).await, namespace(json!({})).await);
    let issuer = format!("{}/shared/{}", shared_operator().url, first.name);
    let realm = |name: &str| json!({"apiVersion": "realmkeeper.dev/v1alpha1", "kind": "Realm", "metadata": {"name": name}, "spec": {"issuer": issuer}});
    first.apply(&realm("older").to_string());
    first.wait_for("Ready", &["realm/older"], Duration::from_secs(20));
    let keys = || async { http().get(format!("{issuer}/jwks")).send().await.unwrap().json::<Value>().await.unwrap() };
    let before = keys().await;
    // Creation is told apart by whole seconds.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    second.apply(&realm("younger").to_string());
    let condition = second.until_condition("Realm", "younger", "Accepted", "False", "Conflicted").await;
    assert!(condition["message"].as_str().unwrap().contains(&format!("{}/older", first.name)), "{condition}");
    assert_eq!(keys().await, before);
    first.kubectl(&["delete", "realm", "older"]);
    second.wait_for("Ready", &["realm/younger"], Duration::from_secs(20));
    eventually("the keys of the other", Duration::from_secs(5), || async {
        let after = keys().await;
        (after["keys"].is_array() && after != before).then_some(()).ok_or(after)
    })
    .await;
}

/// Two Users with one name to sign in with.
#[tokio::test]
async fn of_two_users_with_one_username_the_older_is_served() {
    let namespace = namespace(json!({})).await;
    let served = by(shared_operator(), &namespace);
    served.apply_realm_with_ada().await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    served
        .apply([served.child("User", "imposter", json!({"username": "ADA", "passwordSecretRef": {"name": "other"}}))])
        .await;
    served.apply([crate::suite::served::secret("other", &[("password", "other")])]).await;
    let condition = namespace.until_condition("User", "imposter", "Accepted", "False", "Conflicted").await;
    assert!(condition["message"].as_str().unwrap().contains("/ada"), "{condition}");
}
