//! An operator that comes before its CRDs, and objects that no schema has kept out.

use std::time::Duration;

use serde_json::json;

use crate::{
    conformance::by,
    control_plane::{
        Namespace,
        objects::{self, kustomize},
        wait::eventually,
    },
    harness::{Cluster, OperatorOptions, SOON, repository},
};

#[tokio::test]
async fn missing_crds_are_waited_for_and_a_malformed_object_harms_nobody() {
    let cluster = Cluster::without_crds(false).await;
    let manifests = kustomize(&repository("deploy"));
    let (crds, rest): (Vec<_>, Vec<_>) =
        manifests.split("\n---\n").partition(|text| text.contains("kind: CustomResourceDefinition"));
    objects::apply(&cluster.plane, &rest.join("\n---\n"));
    let options = OperatorOptions { without_readiness: true, ..Default::default() };
    let operator = cluster.operator("early", options).await;
    eventually("it says what is missing", SOON, || async {
        let log = operator.process.log();
        let all = ["realms", "oidcclients", "users", "groups", "signingkeys"];
        let said = all.iter().all(|kind| log.contains(&format!("the CRD {kind}.realmkeeper.dev is not installed")));
        said.then_some(()).ok_or(log)
    })
    .await;
    assert!(!operator.is_ready().await);

    // As an older or looser version of the CRDs would be: these fields may be anything.
    let loose: Vec<_> = crds.iter().map(|crd| loosened(crd)).collect();
    objects::apply(&cluster.plane, &loose.join("\n---\n"));
    eventually("it is ready", Duration::from_secs(30), || async {
        operator.is_ready().await.then_some(()).ok_or("not ready")
    })
    .await;

    let namespace = Namespace::create(&cluster.plane, "malformed", json!({})).await;
    let served = by(&operator, &namespace);
    served.apply([served.realm(json!({})), served.client("good", json!({}))]).await;
    let bad = served.client("bad", json!({"scopes": {"not": "a list"}}));
    served.apply([bad, served.client("later", json!({}))]).await;
    let condition = namespace.until_condition("OidcClient", "bad", "Ready", "False", "Invalid").await;
    assert!(condition["message"].as_str().unwrap().contains("spec.scopes"), "{condition}");
    let generation = namespace.get("OidcClient", "bad").await.unwrap()["status"]["observedGeneration"].clone();
    assert_eq!(generation, 1);
    for name in ["good", "later"] {
        served.relying_party(name).await;
    }
    // Mended, it is served like any other.
    served.apply([served.client("bad", json!({}))]).await;
    served.relying_party("bad").await;
    // And spoilt again, what was known of it is served on, and its status says why.
    let party = served.relying_party("bad").await;
    served.apply([served.client("bad", json!({"scopes": {"not": "a list"}}))]).await;
    namespace.until_condition("OidcClient", "bad", "Ready", "False", "Invalid").await;
    assert_eq!(party.introspect("made up").await.body, json!({"active": false}));
}

/// The CRD with `spec.scopes` of OidcClients free of any schema.
fn loosened(crd: &str) -> String {
    let mut crd: serde_json::Value = serde_saphyr::from_str(crd).unwrap();
    let spec = &mut crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    if let Some(scopes) = spec["properties"].get_mut("scopes") {
        *scopes = json!({"x-kubernetes-preserve-unknown-fields": true, "description": "anything"});
    }
    crd.to_string()
}
