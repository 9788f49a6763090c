//! What holds of the status of every kind, against a real API server.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    conformance::by,
    control_plane::{Namespace, wait::eventually},
    harness::{shared_cluster, shared_operator},
    states::{KINDS, SOON, States, condition},
};

/// `Ready`, `Accepted`, `ResolvedRefs` and `Programmed` always; `Reconciling` and `Stalled` only while they are true.
#[tokio::test]
async fn every_kind_says_in_the_same_conditions_how_it_stands() {
    let states = States::create("conditions").await;
    for kind in KINDS {
        for (state, ready, kstatus) in
            [("ready", "True", None), ("waits", "Unknown", Some("Reconciling")), ("fails", "False", Some("Stalled"))]
        {
            let object = states.get(kind, state).await;
            let generation = &object["metadata"]["generation"];
            assert_eq!(&object["status"]["observedGeneration"], generation, "{object:#}");
            let mut types = vec!["Ready", "Accepted", "ResolvedRefs", "Programmed"];
            types.extend(kstatus);
            let conditions = object["status"]["conditions"].as_array().unwrap();
            let found: Vec<_> = conditions.iter().map(|condition| condition["type"].as_str().unwrap()).collect();
            assert_eq!(found, types, "{object:#}");
            for condition in conditions {
                assert_eq!(&condition["observedGeneration"], generation);
                let time: jiff::Timestamp = condition["lastTransitionTime"].as_str().unwrap().parse().unwrap();
                assert!(jiff::Timestamp::now().duration_since(time).as_hours() < 1, "{object:#}");
            }
            assert_eq!(condition(&object, "Ready").unwrap()["status"], ready);
            assert!(kstatus.is_none_or(|type_| condition(&object, type_).unwrap()["status"] == "True"));
            let all_true = conditions.iter().all(|condition| condition["status"] == "True");
            assert_eq!(all_true, state == "ready", "{object:#}");
        }
    }
    // What kubectl waits for, on each kind.
    let named = |state: &str| KINDS.map(|kind| format!("{}/{}", kind.to_lowercase(), states.name(kind, state)));
    for (state, wanted) in [("ready", "Ready"), ("waits", "Ready=Unknown"), ("fails", "Ready=False")] {
        let names = named(state);
        states.namespace.wait_for(wanted, &names.each_ref().map(String::as_str), SOON);
    }
    states.namespace.delete().await;
}

/// What a person sees, by the short name, in the narrow and in the wide form, and all kinds at once by the category.
#[tokio::test]
async fn kubectl_get_shows_what_a_person_looks_for() {
    let states = States::create("columns").await;
    let namespace = &states.namespace;
    let rows = |arguments: &[&str]| -> Vec<Vec<String>> {
        let cells =
            |line: &str| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect();
        namespace.kubectl(arguments).lines().map(cells).collect()
    };
    for (kind, short, own, narrow, wide) in [
        ("Realm", "rlm", "issuer", &["NAME", "READY", "ISSUER", "CLIENTS", "AGE"][..], &["MESSAGE"][..]),
        ("OidcClient", "oidcc", "clientId", &["NAME", "READY", "REALM", "CLIENT-ID", "AGE"], &["SECRET", "MESSAGE"]),
        ("User", "rkuser", "username", &["NAME", "READY", "REALM", "USERNAME", "AGE"], &["MESSAGE"]),
        ("Group", "rkgroup", "members", &["NAME", "READY", "REALM", "MEMBERS", "AGE"], &["MESSAGE"]),
        ("SigningKey", "skey", "", &["NAME", "READY", "REALM", "ALGORITHM", "NEXT", "AGE"], &["MESSAGE"]),
    ] {
        let name = states.name(kind, "ready");
        let table = rows(&["get", short, &name]);
        assert_eq!(table[0], narrow, "{kind}");
        assert_eq!((&table[1][0], &*table[1][1]), (&name, "True"));
        let object = states.get(kind, "ready").await;
        let own = if own.is_empty() { object["spec"]["algorithm"].clone() } else { object["status"][own].clone() };
        let own = own.as_str().map_or_else(|| own.to_string(), str::to_owned);
        assert!(table[1].contains(&own), "{kind}: {own} in {table:?}");
        if let Some(next) = object["status"]["nextRotation"].as_str() {
            assert_eq!(table[1][4], next, "a column of dates would say <invalid> of a time to come");
        }
        if kind != "Realm" {
            assert_eq!(table[1][2], states.served.realm, "{kind}");
        }
        let table = rows(&["get", short, &states.name(kind, "fails"), "-o", "wide"]);
        assert!(wide.iter().all(|column| table[0].iter().any(|found| found == column)), "{kind}: {table:?}");
        assert_eq!(table[1][1], "False");
        let message = condition(&states.get(kind, "fails").await, "Ready").unwrap()["message"].clone();
        assert_eq!(table[1].last().unwrap(), message.as_str().unwrap(), "{kind}");
    }
    let all = namespace.kubectl(&["get", "realmkeeper", "-o", "name"]);
    for kind in KINDS {
        assert!(all.contains(&format!("{}.realmkeeper.dev/", kind.to_lowercase())), "{kind}: {all}");
    }
    states.namespace.delete().await;
}

async fn fresh(prefix: &str) -> (Namespace, crate::suite::served::Served) {
    let namespace = Namespace::create(&shared_cluster().plane, prefix, json!({})).await;
    let served = by(shared_operator(), &namespace);
    (namespace, served)
}

#[tokio::test]
async fn the_time_of_a_transition_moves_with_the_status_and_with_nothing_else() {
    let (namespace, served) = fresh("transition").await;
    let group = |users: &[&str]| served.child("Group", "team", json!({"members": {"users": users}}));
    served.apply([served.realm(json!({})), group(&["ada"])]).await;
    let first = namespace.until_condition("Group", "team", "Ready", "Unknown", "UserNotFound").await;
    // Times are kept in whole seconds.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    served.apply([group(&["ada", "bob"])]).await;
    let seen = |generation: i64| {
        let namespace = &namespace;
        async move {
            let object = namespace
                .until("Group", "team", SOON, |object| {
                    (object["status"]["observedGeneration"] == generation).then(|| object.clone())
                })
                .await;
            condition(&object, "Ready").unwrap().clone()
        }
    };
    let second = seen(2).await;
    assert_ne!(first["message"], second["message"], "it tells of both");
    assert_eq!((&second["status"], &first["lastTransitionTime"]), (&json!("Unknown"), &second["lastTransitionTime"]));
    served.apply([group(&[])]).await;
    let third = seen(3).await;
    assert_eq!(third["status"], "True");
    assert_ne!(third["lastTransitionTime"], second["lastTransitionTime"]);
}

/// What a Realm's status counts and lists follows a deletion at once.
#[tokio::test]
async fn a_realm_counts_what_is_there_now() {
    let (namespace, served) = fresh("counts").await;
    served.apply_realm_with_ada().await;
    served
        .apply([served.client("web", json!({})), served.child("SigningKey", "more", json!({"algorithm": "Ed25519"}))])
        .await;
    served.until_ready("SigningKey", "more").await;
    let realm = served.realm.clone();
    let until = async |what: &str, holds: &dyn Fn(&Value) -> bool| {
        eventually(what, Duration::from_secs(5), || async {
            let status = namespace.get("Realm", &realm).await.unwrap()["status"].take();
            holds(&status).then_some(()).ok_or(status)
        })
        .await;
    };
    let keys = |status: &Value| status["keys"].as_array().map_or(0, Vec::len);
    let attached =
        |clients: u32, users: u32, groups: u32| json!({"oidcClients": clients, "users": users, "groups": groups});
    until("all of them", &|status| status["attached"] == attached(1, 1, 1) && keys(status) == 3).await;
    namespace.kubectl(&["delete", "oidcclient", "web"]);
    until("no client", &|status| status["attached"] == attached(0, 1, 1)).await;
    namespace.kubectl(&["delete", "user", "ada"]);
    until("no user", &|status| status["attached"] == attached(0, 0, 1)).await;
    namespace.until("Group", "engineers", SOON, |group| (group["status"]["members"] == 0).then_some(())).await;
    namespace.kubectl(&["delete", "group", "engineers"]);
    until("no group", &|status| status["attached"] == attached(0, 0, 0)).await;
    namespace.kubectl(&["delete", "signingkey", "more"]);
    until("two keys", &|status| keys(status) == 2).await;
}

/// `realmkeeper.dev/reconcile: disabled`: neither the Secret nor the status is touched, and the object is served as it is now.
#[tokio::test]
async fn a_frozen_client_is_served_and_nothing_is_written_for_it() {
    let (namespace, served) = fresh("frozen").await;
    served.apply([served.realm(json!({}))]).await;
    let web = served.with_client("web", json!({})).await;
    let annotate = |value: &str| namespace.kubectl(&["annotate", "--overwrite", "oidcclient", "web", value]);
    annotate("realmkeeper.dev/reconcile=disabled");
    namespace.kubectl(&["label", "secret", "web-oidc", "app.kubernetes.io/part-of-"]);
    namespace.kubectl(&[
        "patch",
        "secret",
        "web-oidc",
        "--type=json",
        r#"-p=[{"op": "remove", "path": "/data/issuer"}]"#,
    ]);
    let moved = "https://moved.example/callback";
    let patch = format!(
        r#"-p={{"spec": {{"redirectUris": ["{moved}"], "credentials": {{"secret": {{"name": "another"}}}}}}}}"#
    );
    namespace.kubectl(&["patch", "oidcclient", "web", "--type=merge", &patch]);
    eventually("the change is served", SOON, || async {
        let attempt = web.attempt("openid", &[("redirect_uri", moved)]);
        let status = match served.browser().open(&attempt.url).await {
            crate::suite::agent::Landing::Page(page) => page.status.as_u16(),
            other => panic!("{other:?}"),
        };
        (status == 200).then_some(()).ok_or(status)
    })
    .await;
    let before = namespace.get("OidcClient", "web").await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let frozen = namespace.get("OidcClient", "web").await.unwrap();
    assert_eq!(frozen["metadata"]["resourceVersion"], before["metadata"]["resourceVersion"]);
    assert_eq!((&frozen["metadata"]["generation"], &frozen["status"]["observedGeneration"]), (&json!(2), &json!(1)));
    assert!(!namespace.secret("web-oidc", SOON).await.contains_key("issuer"));
    assert!(!namespace.kubectl(&["get", "secrets", "-o", "name"]).contains("another"));

    annotate("realmkeeper.dev/reconcile-");
    let entries = namespace.secret("another", SOON).await;
    assert_eq!(Some(&entries["client-secret"]), web.secret.as_ref(), "its value is taken along");
    assert!(entries.contains_key("issuer"));
    namespace
        .until("OidcClient", "web", SOON, |object| (object["status"]["observedGeneration"] == 2).then_some(()))
        .await;
}
