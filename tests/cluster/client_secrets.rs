//! The Secret of a client through all that its OidcClient can become, and rotations of it, against a real API server.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::api::core::v1 as core;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use crate::{
    conformance::by,
    control_plane::{Namespace, wait::eventually},
    harness::{Cluster, Operator, SOON, http, shared_cluster, shared_operator, two_replicas},
    suite::{relying_party::RelyingParty, served::Served},
};

const ENTRIES: [&str; 6] = ["client-id", "client-secret", "issuer", "provider", "token-endpoint", "type"];
const ENV_ENTRIES: [&str; 6] = ["CLIENT_ID", "CLIENT_SECRET", "ISSUER", "PROVIDER", "TOKEN_ENDPOINT", "TYPE"];
const LABELS: [&str; 2] = ["app.kubernetes.io/managed-by", "realmkeeper.dev/readable"];

struct App {
    namespace: Namespace,
    served: Served,
}

/// A Realm in a namespace of its own, and no client yet.
async fn app_in(cluster: &Cluster, operator: &Operator) -> App {
    let namespace = Namespace::create(&cluster.plane, "secrets", json!({})).await;
    let served = by(operator, &namespace);
    served.apply([served.realm(json!({}))]).await;
    App { namespace, served }
}

async fn app() -> App {
    app_in(shared_cluster(), shared_operator()).await
}

impl App {
    /// The client `app` whose `credentials.secret` is this.
    async fn apply(&self, secret: Value) {
        let spec = json!({"grantTypes": ["client_credentials"], "credentials": {"secret": secret}});
        self.served.apply([self.served.child("OidcClient", "app", spec)]).await;
    }

    fn secrets(&self) -> Api<core::Secret> {
        Api::namespaced(self.namespace.client.clone(), &self.namespace.name)
    }

    /// Waits until the Secret has exactly these entries and labels, and an ownerReference or none; then, that nobody writes it again.
    async fn until_shaped(&self, name: &str, entries: &[&str], labels: &[&str], is_owned: bool) -> core::Secret {
        let what = format!("the Secret {name} with {entries:?} and {labels:?}, owned: {is_owned}");
        let found = eventually(&what, SOON, || async {
            let secret = self.secrets().get(name).await.map_err(|error| error.to_string())?;
            let names: Vec<_> = secret.data.iter().flatten().map(|(name, _)| name.as_str()).collect();
            let found: Vec<_> = secret.labels().keys().map(String::as_str).collect();
            let is_right = names == entries && found == labels && secret.owner_references().is_empty() != is_owned;
            let is_owned = !secret.owner_references().is_empty();
            if is_right { Ok(secret.clone()) } else { Err(format!("{names:?} {found:?} {is_owned}")) }
        })
        .await;
        tokio::time::sleep(Duration::from_millis(700)).await;
        let later = self.secrets().get(name).await.unwrap();
        assert_eq!(found.resource_version(), later.resource_version(), "it is written once");
        found
    }

    async fn entries(&self, name: &str) -> BTreeMap<String, String> {
        self.namespace.secret(name, SOON).await
    }

    async fn party(&self, secret: &str) -> RelyingParty {
        RelyingParty::discover(http(), &self.served.issuer().await, "app", Some(secret)).await
    }

    /// The status of the token endpoint's answer to this secret.
    async fn status(&self, secret: &str) -> u16 {
        self.party(secret).await.token(&[("grant_type", "client_credentials")]).await.status.as_u16()
    }

    async fn until_answers(&self, secrets: [&str; 2], expected: [u16; 2]) {
        let [one, two] = [self.party(secrets[0]).await, self.party(secrets[1]).await];
        let form = [("grant_type", "client_credentials")];
        eventually(&format!("the answers {expected:?}"), SOON, || async {
            let found = [one.token(&form).await.status.as_u16(), two.token(&form).await.status.as_u16()];
            (found == expected).then_some(()).ok_or(found)
        })
        .await;
    }
}

fn with<'a>(names: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    let mut all = [names, more].concat();
    all.sort_unstable();
    all
}

fn value(secret: &core::Secret, entry: &str) -> String {
    String::from_utf8(secret.data.as_ref().unwrap()[entry].0.clone()).unwrap()
}

/// No name under which the secret stood is left behind, and nothing that somebody else added is lost.
#[tokio::test]
async fn whatever_the_binding_becomes_its_secret_has_that_and_no_more() {
    let app = app().await;
    app.apply(json!({})).await;
    let first = app.until_shaped("app-oidc", &ENTRIES, &LABELS, true).await;
    let secret = value(&first, "client-secret");

    app.apply(json!({"keyStyle": "Env", "metadata": {"labels": {"team": "a"}}})).await;
    let labels = with(&LABELS, &["team"]);
    let env = app.until_shaped("app-oidc", &ENV_ENTRIES, &labels, true).await;
    assert_eq!(value(&env, "CLIENT_SECRET"), secret);

    let theirs = r#"{"metadata":{"labels":{"theirs":"x"}},"stringData":{"theirs":"y"}}"#;
    app.namespace.kubectl(&["patch", "secret", "app-oidc", "--patch", theirs]);
    app.apply(json!({
        "keys": {"client-secret": "password"}, "template": {"url": "{{ client_id }}:{{ client_secret }}"}, "deletionPolicy": "Retain",
    }))
    .await;
    let names = with(&ENTRIES.map(|name| if name == "client-secret" { "password" } else { name }), &["theirs", "url"]);
    let labels = with(&LABELS, &["theirs"]);
    let named = app.until_shaped("app-oidc", &names, &labels, false).await;
    assert_eq!((value(&named, "password"), value(&named, "url")), (secret.clone(), format!("app:{secret}")));

    app.apply(json!({"deletionPolicy": "Delete"})).await;
    let again = app.until_shaped("app-oidc", &with(&ENTRIES, &["theirs"]), &labels, true).await;
    assert_eq!((value(&again, "client-secret"), value(&again, "theirs")), (secret.clone(), "y".into()));
    assert_eq!(again.uid(), first.uid());

    app.apply(json!({"name": "other"})).await;
    let other = app.until_shaped("other", &ENTRIES, &LABELS, true).await;
    assert_eq!(value(&other, "client-secret"), secret);
    eventually("the end of the former Secret", SOON, || async {
        app.secrets().get_opt("app-oidc").await.unwrap().is_none().then_some(()).ok_or("there")
    })
    .await;
    assert_eq!(app.status(&secret).await, 200);
}

/// It stays for whoever still reads it, and what it holds is the past, whatever the binding is called next.
#[tokio::test]
async fn a_retained_secret_of_a_former_name_stays_as_it_was_and_never_comes_back() {
    let app = app().await;
    let named = |name: &str| json!({"name": name, "deletionPolicy": "Retain"});
    let mark = "realmkeeper.dev/superseded-at";
    app.apply(named("one")).await;
    let first = value(&app.until_shaped("one", &ENTRIES, &LABELS, false).await, "client-secret");
    app.apply(named("two")).await;
    app.until_shaped("two", &ENTRIES, &LABELS, false).await;
    let former = eventually("the mark", SOON, || async {
        let secret = app.secrets().get("one").await.unwrap();
        if secret.annotations().contains_key(mark) { Ok(secret) } else { Err("no mark") }
    })
    .await;
    assert_eq!(value(&former, "client-secret"), first);
    app.namespace.kubectl(&["annotate", "oidcclient", "app", "realmkeeper.dev/rotate=1"]);
    let both = with(&ENTRIES, &["client-secret-previous"]);
    let second = value(&app.until_shaped("two", &both, &LABELS, false).await, "client-secret");

    app.apply(named("one")).await;
    let again = app.until_shaped("one", &both, &LABELS, false).await;
    assert_eq!(
        (value(&again, "client-secret"), value(&again, "client-secret-previous")),
        (second.clone(), first.clone())
    );
    assert!(!again.annotations().contains_key(mark), "{:?}", again.annotations());
    app.until_answers([&first, &second], [200, 200]).await;
    app.namespace.kubectl(&["delete", "secret", "one"]);
    app.until_answers([&first, &second], [401, 401]).await;
    app.until_shaped("one", &ENTRIES, &LABELS, false).await;
}

#[tokio::test]
async fn a_rotation_that_is_asked_for_leaves_both_secrets_good_for_the_overlap() {
    let app = app().await;
    app.apply(json!({"rotation": {"overlap": "2s"}})).await;
    let first = value(&app.until_shaped("app-oidc", &ENTRIES, &LABELS, true).await, "client-secret");
    // The first rotation's overlap is long enough to be looked at, whatever else the machine does.
    app.apply(json!({"rotation": {"overlap": "1h"}})).await;
    app.namespace.kubectl(&["annotate", "oidcclient", "app", "realmkeeper.dev/rotate=1"]);
    let both = with(&ENTRIES, &["client-secret-previous"]);
    let rotated = app.until_shaped("app-oidc", &both, &LABELS, true).await;
    let second = value(&rotated, "client-secret");
    assert_eq!(value(&rotated, "client-secret-previous"), first);
    assert_ne!(second, first);
    app.until_answers([&first, &second], [200, 200]).await;

    app.apply(json!({"rotation": {"overlap": "2s"}})).await;
    app.namespace.kubectl(&["annotate", "oidcclient", "app", "realmkeeper.dev/rotate=2", "--overwrite"]);
    app.until_answers([&first, &second], [401, 200]).await;
    let third = eventually("the third secret alone", SOON, || async {
        let entries = app.entries("app-oidc").await;
        let is_third = entries["client-secret"] != second && !entries.contains_key("client-secret-previous");
        if is_third { Ok(entries["client-secret"].clone()) } else { Err(entries.into_keys().collect::<Vec<_>>()) }
    })
    .await;
    app.until_answers([&second, &third], [401, 200]).await;
    app.until_shaped("app-oidc", &ENTRIES, &LABELS, true).await;
    let status = app.served.until_ready("OidcClient", "app").await;
    assert_eq!(status["lastRotateRequest"], "2");
    assert!(status["credentials"]["previous"].is_null(), "{status}");
}

#[tokio::test]
async fn a_secret_of_somebody_else_is_taken_over_when_its_owner_says_so() {
    let app = app().await;
    let kubectl = |arguments: &[&str]| app.namespace.kubectl(arguments);
    kubectl(&[
        "create",
        "secret",
        "generic",
        "app-oidc",
        "--from-literal=client-secret=in-use-for-years",
        "--from-literal=theirs=y",
    ]);
    kubectl(&["label", "secret", "app-oidc", "realmkeeper.dev/readable=true"]);
    app.apply(json!({})).await;
    let condition = app.namespace.until_condition("OidcClient", "app", "Ready", "False", "SecretNotOwned").await;
    let message = condition["message"].as_str().unwrap();
    assert!(message.contains("realmkeeper.dev/adopt: OidcClient/app"), "{message}");
    assert_eq!(app.entries("app-oidc").await.len(), 2, "it is not touched");
    assert_eq!(app.status("in-use-for-years").await, 401);

    kubectl(&["annotate", "secret", "app-oidc", "realmkeeper.dev/adopt=OidcClient/app"]);
    app.served.until_ready("OidcClient", "app").await;
    let taken = app.until_shaped("app-oidc", &with(&ENTRIES, &["theirs"]), &LABELS, true).await;
    assert_eq!(taken.type_.as_deref(), Some("Opaque"));
    assert_eq!((value(&taken, "client-secret"), value(&taken, "theirs")), ("in-use-for-years".into(), "y".into()));
    assert_eq!(app.status("in-use-for-years").await, 200);
}

/// What both replicas remember of a Secret that is not ours stands in one of ours, which the one that writes has made.
#[tokio::test]
async fn an_edited_secret_of_somebody_else_is_followed_by_every_replica() {
    let (cluster, first, second) = two_replicas().await;
    let app = app_in(&cluster, &first).await;
    let kubectl = |arguments: &[&str]| app.namespace.kubectl(arguments);
    kubectl(&["create", "secret", "generic", "given", "--from-literal=client-secret=one"]);
    kubectl(&["label", "secret", "given", "realmkeeper.dev/readable=true"]);
    let reference = |overlap: &str| json!({"source": "Reference", "name": "given", "rotation": {"overlap": overlap}});
    app.apply(reference("8s")).await;
    let until_answers = async |expected: [u16; 2]| {
        for replica in [&first, &second] {
            eventually(&format!("{expected:?} by {}", replica.address), SOON, || async {
                let realm = &app.served.realm;
                let found = [answer(replica, realm, "one").await, answer(replica, realm, "two").await];
                (found == expected).then_some(()).ok_or(found)
            })
            .await;
        }
    };
    until_answers([200, 401]).await;
    assert_eq!(app.entries("app-oidc-seen").await["client-secret"], "one");
    kubectl(&["patch", "secret", "given", "--patch", r#"{"stringData":{"client-secret":"two"}}"#]);
    until_answers([200, 200]).await;
    until_answers([401, 200]).await;
    let seen = app.until_shaped("app-oidc-seen", &["client-secret"], &LABELS, true).await;
    assert_eq!(value(&seen, "client-secret"), "two");
    assert_eq!(app.entries("given").await, BTreeMap::from([("client-secret".into(), "two".into())]));
}

/// What a replica, at its own address, answers to the client with this secret.
async fn answer(replica: &Operator, realm: &str, secret: &str) -> u16 {
    let request = http()
        .post(format!("{}/realms/{realm}/token", replica.address))
        .header("host", replica.url.trim_start_matches("http://"))
        .basic_auth("app", Some(secret))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("grant_type=client_credentials");
    request.send().await.map_or(0, |answer| answer.status().as_u16())
}
