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
    harness::{SOON, http, shared_cluster, shared_operator},
    suite::{
        relying_party::{Answer, RelyingParty, peek},
        served::{PASSWORD, Served, object, secret},
    },
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

/// What `spec.allowed` says counts at the next event, each of its fields: a client that was good before is refused, and good again
/// when it is allowed again.
#[tokio::test]
async fn each_bound_of_a_realm_holds_for_the_clients_that_are_there() {
    let (owner, tenant) = (namespace(json!({})).await, namespace(json!({})).await);
    let served = by(shared_operator(), &owner);
    let allowed = |field: &str, value: Value| {
        let mut clients = json!({"namespaces": {"from": "All"}, "clientIds": "Any", "responseTypes": ["code"],
            "grantTypes": ["authorization_code", "refresh_token", "client_credentials"]});
        clients[field] = value;
        served.realm(json!({"allowed": {"oidcClients": clients}}))
    };
    let open = || allowed("clientIds", json!("Any"));
    served.apply([open()]).await;
    let spec = json!({"clientId": "special", "grantTypes": ["authorization_code", "refresh_token", "client_credentials"],
        "redirectUris": ["https://app.example.com/cb"], "scopes": ["openid", "email"], "audiences": ["https://api.example.com"]});
    tenant.apply(&robot(&owner, spec));
    tenant.wait_for("Ready", &["oidcclient/robot"], Duration::from_secs(20));
    let secret = tenant.secret("robot-oidc", Duration::from_secs(5)).await["client-secret"].clone();
    let party = RelyingParty::discover(http(), &served.issuer().await, "special", Some(&secret)).await;
    for (field, value, reason) in [
        ("namespaces", json!({"from": "Same"}), "NamespaceNotAllowed"),
        ("grantTypes", json!(["authorization_code", "refresh_token"]), "GrantTypeNotAllowed"),
        // None at all, by server-side apply: an emptied set would be taken for one that was left out.
        ("grantTypes", json!([]), "GrantTypeNotAllowed"),
        ("responseTypes", json!([]), "ResponseTypeNotAllowed"),
        ("scopes", json!(["openid"]), "ScopeNotAllowed"),
        ("redirectHosts", json!(["other.example.com"]), "RedirectHostNotAllowed"),
        ("audiences", json!(["https://other.example.com", "https://api.example.com/*"]), "AudienceNotAllowed"),
        ("clientIds", json!("Prefixed"), "ClientIdNotAllowed"),
    ] {
        party.token(&ROBOT).await.text("access_token");
        served.apply([allowed(field, value)]).await;
        tenant.until_condition("OidcClient", "robot", "Accepted", "False", reason).await;
        party.token(&ROBOT).await.assert_error(401, "invalid_client");
        served.apply([open()]).await;
        tenant.until_condition("OidcClient", "robot", "Ready", "True", "Ready").await;
    }
    party.token(&ROBOT).await.text("access_token");
}

/// A Realm that admits clients, users and groups of the namespaces with the label `tenant`, and a namespace with the label. In the
/// Realm's own namespace stand Grace, the client `desk`, and a resource server that may ask about tokens.
struct Tenancy {
    owner: Namespace,
    tenant: Namespace,
    served: Served,
    watcher: RelyingParty,
    desk: RelyingParty,
}

const API: &str = "https://api.example.com";
const SCOPE: &str = "openid groups offline_access";

impl Tenancy {
    async fn start() -> Self {
        let owner = namespace(json!({})).await;
        label(&owner, Some(&owner.name)).await;
        let tenant = namespace(json!({"tenant": owner.name})).await;
        let served = by(shared_operator(), &owner);
        let requirement = json!({"key": "tenant", "operator": "In", "values": [owner.name]});
        let from = json!({"namespaces": {"from": "Selector", "selector": {"matchExpressions": [requirement]}}});
        let allowed = json!({"oidcClients": from, "users": from, "groups": from});
        let people = json!({"scopes": ["openid", "groups", "offline_access"], "audiences": [API]});
        served
            .apply([
                served.realm(json!({"allowed": allowed})),
                secret("login", &[("password", PASSWORD)]),
                served.child("User", "grace", json!({"passwordSecretRef": {"name": "login"}})),
                served.child("OidcClient", "watcher", json!({"clientId": API, "grantTypes": ["client_credentials"]})),
                served.client("desk", people.clone()),
            ])
            .await;
        let mut web = people;
        web["redirectUris"] = json!(["http://127.0.0.1/callback"]);
        let of_tenant = |kind: &str, name: &str, mut spec: Value| {
            spec["realmRef"] = json!({"name": owner.name, "namespace": owner.name});
            object(kind, name, spec)
        };
        let objects = [
            secret("login", &[("password", PASSWORD)]),
            of_tenant("User", "ada", json!({"passwordSecretRef": {"name": "login"}})),
            of_tenant("Group", "engineers", json!({"members": {"users": ["ada"]}})),
            of_tenant("OidcClient", "web", web),
        ];
        objects.iter().for_each(|object| tenant.apply(&object.to_string()));
        tenant.wait_for("Ready", &OF_TENANT, SOON);
        served.until_ready("User", "grace").await;
        let (watcher, desk) = (served.relying_party("watcher").await, served.relying_party("desk").await);
        Self { owner, tenant, served, watcher, desk }
    }

    /// The tenant's own client.
    async fn web(&self) -> RelyingParty {
        let entries = self.tenant.secret("web-oidc", SOON).await;
        let issuer = self.served.issuer().await;
        RelyingParty::discover(http(), &issuer, &entries["client-id"], Some(&entries["client-secret"])).await
    }

    async fn assert_refused(&self, party: &RelyingParty, access: &str) {
        assert_eq!(self.watcher.introspect(access).await.body, json!({"active": false}));
        assert_eq!(party.userinfo(access).await.status, 401);
    }

    async fn assert_good(&self, party: &RelyingParty, access: &str) {
        assert_eq!(self.watcher.introspect(access).await.body["active"], true);
        assert_eq!(party.userinfo(access).await.status, 200);
    }
}

const OF_TENANT: [&str; 3] = ["user/ada", "group/engineers", "oidcclient/web"];

/// The clients, the people and the groups of a namespace go together when it loses its label: at every endpoint, with what was
/// granted before. And they come back with it.
#[tokio::test]
async fn a_namespace_that_loses_its_label_loses_everything_until_it_returns() {
    let tenancy = Tenancy::start().await;
    let Tenancy { owner, tenant, served, desk, .. } = &tenancy;
    let web = tenancy.web().await;
    // Ada of the tenant at the owner's client, and Grace of the owner at the tenant's.
    let (ada, grace) = (served.browser(), served.browser());
    let (_, at_desk) = desk.sign_in(&ada, "ada", PASSWORD, SCOPE).await;
    let (_, at_web) = web.sign_in(&grace, "grace", PASSWORD, SCOPE).await;
    let of = |answer: &Answer| (answer.text("access_token"), answer.text("refresh_token"));
    let ((ada_access, ada_refresh), (grace_access, grace_refresh)) = (of(&at_desk), of(&at_web));
    tenancy.assert_good(desk, &ada_access).await;
    tenancy.assert_good(&web, &grace_access).await;
    let engineers = json!([format!("{}.engineers", tenant.name)]);
    assert_eq!(desk.userinfo(&ada_access).await.body["groups"], engineers);

    label(tenant, None).await;
    for (kind, name) in [("User", "ada"), ("Group", "engineers"), ("OidcClient", "web")] {
        for condition in ["Accepted", "Ready"] {
            let said = tenant.until_condition(kind, name, condition, "False", "NamespaceNotAllowed").await;
            assert!(said["message"].as_str().unwrap().contains(&tenant.name), "{said}");
        }
    }
    let attached = json!({"oidcClients": 2, "users": 1, "groups": 0});
    owner.until("Realm", &owner.name, SOON, |realm| (realm["status"]["attached"] == attached).then_some(())).await;
    // Her tokens, her session, her password.
    tenancy.assert_refused(desk, &ada_access).await;
    desk.refresh(&ada_refresh).await.assert_error(400, "invalid_grant");
    let login = ada.open(&desk.attempt(SCOPE, &[]).url).await.page();
    assert!(login.is_login(), "her session has ended: {}", login.body);
    let again = ada.submit(&login, &[("username", "ada"), ("password", PASSWORD)]).await.page();
    assert!(again.is_login(), "{}", again.body);
    // The client, at every endpoint.
    tenancy.assert_refused(&web, &grace_access).await;
    web.refresh(&grace_refresh).await.assert_error(401, "invalid_client");
    web.introspect(&grace_access).await.assert_error(401, "invalid_client");
    web.revoke(&grace_refresh).await.assert_error(401, "invalid_client");
    assert_eq!(grace.open(&web.attempt(SCOPE, &[]).url).await.page().status, 400);
    // Who is at home is as before.
    let (_, at_desk) = desk.sign_in(&served.browser(), "grace", PASSWORD, SCOPE).await;
    tenancy.assert_good(desk, &at_desk.text("access_token")).await;

    label(tenant, Some(&owner.name)).await;
    tenant.wait_for("Ready", &OF_TENANT, SOON);
    tenancy.assert_good(desk, &ada_access).await;
    tenancy.assert_good(&web, &grace_access).await;
    assert_eq!(desk.userinfo(&ada_access).await.body["groups"], engineers);
    desk.refresh(&ada_refresh).await.text("access_token");
    web.refresh(&grace_refresh).await.text("access_token");
    let login = ada.open(&desk.attempt(SCOPE, &[]).url).await.page();
    assert!(login.is_login(), "a session that has ended stays so: {}", login.body);
    ada.submit(&login, &[("username", "ada"), ("password", PASSWORD)]).await.away();
}

/// The three handshakes stand each for itself: groups alone may be shut out, and with them who gets in by them.
#[tokio::test]
async fn groups_that_are_shut_out_leave_the_claims_and_open_no_door() {
    let tenancy = Tenancy::start().await;
    let Tenancy { owner, tenant, served, desk, .. } = &tenancy;
    let engineers = format!("{}.engineers", tenant.name);
    served
        .apply([served.client(
            "desk",
            json!({"scopes": ["openid", "groups", "offline_access"], "audiences": [API],
        "access": {"groups": [engineers]}}),
        )])
        .await;
    served.until_ready("OidcClient", "desk").await;
    let (_, tokens) = desk.sign_in(&served.browser(), "ada", PASSWORD, SCOPE).await;
    let access = tokens.text("access_token");
    assert_eq!(peek(&tokens.text("id_token"))["groups"], json!([engineers]));
    let allow = |groups: Value| {
        let all = json!({"namespaces": {"from": "All"}});
        served.realm(json!({"allowed": {"oidcClients": all, "users": all, "groups": groups}}))
    };
    served.apply([allow(json!({"namespaces": {"from": "Same"}}))]).await;
    tenant.until_condition("Group", "engineers", "Accepted", "False", "NamespaceNotAllowed").await;
    tenant.until_condition("User", "ada", "Ready", "True", "Ready").await;
    // The client names a group that is no more, and says so; nobody signs in by it.
    let said = owner.until_condition("OidcClient", "desk", "ResolvedRefs", "False", "GroupNotFound").await;
    assert!(said["message"].as_str().unwrap().contains(&engineers), "{said}");
    tenancy.assert_refused(desk, &access).await;
    desk.refresh(&tokens.text("refresh_token")).await.assert_error(400, "invalid_grant");
    // A client without that door still sees her, without the group.
    let open = served.with_client("open", json!({"scopes": ["openid", "groups"]})).await;
    let (_, answer) = open.sign_in(&served.browser(), "ada", PASSWORD, "openid groups").await;
    let groups = open.userinfo(&answer.text("access_token")).await.body["groups"].clone();
    assert!(groups.as_array().is_none_or(Vec::is_empty), "{groups}");
    served.apply([allow(json!({"namespaces": {"from": "All"}}))]).await;
    tenant.until_condition("Group", "engineers", "Ready", "True", "Ready").await;
    served.until_ready("OidcClient", "desk").await;
    tenancy.assert_good(desk, &access).await;
}
