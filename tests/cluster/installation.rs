//! `deploy/`, the chart and the Dockerfile: what they install is what the operator needs, and the API server takes it.

use std::collections::BTreeSet;

use k8s_openapi::api::{core::v1 as core, rbac::v1::PolicyRule};
use kube::{Api, api::PostParams};
use serde_json::{Value, json};

use crate::{
    control_plane::objects::{self, helm, kustomize},
    harness::{SYSTEM, quiet_cluster, repository},
};

fn chart() -> String {
    repository("charts/realmkeeper").to_str().unwrap().to_owned()
}

fn template(values: &[&str]) -> String {
    let chart = chart();
    let mut arguments = vec!["template", "realmkeeper", &*chart, "--namespace", SYSTEM];
    for value in values {
        arguments.extend(["--set", value]);
    }
    helm(&arguments)
}

fn documents(yaml: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(yaml).unwrap();
    documents.into_iter().filter(|document| !document.is_null()).collect()
}

fn of_kind(documents: &[Value], kind: &str) -> Value {
    documents.iter().find(|document| document["kind"] == kind).unwrap_or_else(|| panic!("no {kind}")).clone()
}

/// Chart values that lead to different manifests.
const VARIANTS: [&[&str]; 5] = [
    &[],
    &[
        "replicas=3",
        "store.type=postgres",
        "store.postgres.urlSecret.name=db",
        "topologySpreadConstraints[0].maxSkew=1",
    ],
    &[
        "replicas=2",
        "store.type=postgres",
        "store.postgres.url=postgres://ada@db.example.org/state?sslmode=verify-full",
        "store.postgres.passwordSecret.name=db",
        "store.postgres.caSecret.name=db-ca",
    ],
    &["store.type=sqlite", "tls.secretName=realmkeeper-tls", "publicUrl=https://id.example.org/auth"],
    &["ingress.enabled=true", "ingress.tlsSecretName=tls", "podDisruptionBudget.enabled=false", "crds.install=false"],
];

#[tokio::test]
async fn the_api_server_takes_the_manifests_of_deploy() {
    objects::apply_dry_run(&quiet_cluster().plane, &kustomize(&repository("deploy")));
}

#[tokio::test]
async fn the_api_server_takes_what_the_chart_renders() {
    for values in VARIANTS.iter().filter(|values| !values.iter().any(|value| value.starts_with("topology"))) {
        objects::apply_dry_run(&quiet_cluster().plane, &template(values));
    }
}

#[test]
fn the_chart_has_no_lint() {
    for values in VARIANTS {
        let chart = chart();
        let mut arguments = vec!["lint", "--strict", &*chart];
        for value in values {
            arguments.extend(["--set", value]);
        }
        helm(&arguments);
    }
}

/// The schema of the values refuses what would only be noticed in the cluster.
#[test]
fn the_chart_refuses_values_that_make_no_sense() {
    for (value, said) in [
        ("publicUrl=id.example.com", "publicUrl"),
        ("store.type=etcd", "type"),
        ("replica=2", "replica"),
        ("replicas=0", "replicas"),
    ] {
        let message = objects::helm_fails(&["template", "realmkeeper", &chart(), "--set", value]);
        assert!(message.contains(said), "{value}: {message}");
    }
    for (values, said) in [
        ("store.type=sqlite,replicas=2", "one replica"),
        ("replicas=2", "one replica"),
        ("store.type=postgres", "urlSecret"),
        ("store.type=postgres,store.postgres.url=postgres://db,store.postgres.urlSecret.name=db", "one of"),
        ("store.type=postgres,store.postgres.url=mysql://db", "url"),
    ] {
        let message = objects::helm_fails(&["template", "realmkeeper", &chart(), "--set", values]);
        assert!(message.contains(said), "{values}: {message}");
    }
}

/// The container reads the store from its environment, and what is secret there from Secrets.
#[test]
fn the_chart_takes_the_store_from_secrets() {
    let container = |values: &[&str]| {
        of_kind(&documents(&template(values)), "Deployment")["spec"]["template"]["spec"]["containers"][0].clone()
    };
    let variable = |container: &Value, name: &str| {
        let mut variables = container["env"].as_array().unwrap().iter();
        variables.find(|variable| variable["name"] == name).cloned().unwrap_or_default()
    };
    let whole = container(&["store.type=postgres", "store.postgres.urlSecret.name=db"]);
    let expected = json!({"secretKeyRef": {"name": "db", "key": "uri"}});
    assert_eq!(variable(&whole, "REALMKEEPER_STORE")["valueFrom"], expected);
    assert_eq!(variable(&whole, "PGPASSWORD"), Value::Null);
    let parts = container(VARIANTS[2]);
    let url = "postgres://ada@db.example.org/state?sslmode=verify-full";
    assert_eq!(variable(&parts, "REALMKEEPER_STORE")["value"], url);
    let expected = json!({"secretKeyRef": {"name": "db", "key": "password"}});
    assert_eq!(variable(&parts, "PGPASSWORD")["valueFrom"], expected);
    assert_eq!(parts["volumeMounts"][0]["mountPath"], "/etc/realmkeeper/store");
}

/// What `deploy/` grants and what the chart grants is the same, and nothing in it is a wildcard.
#[test]
fn both_ways_to_install_grant_the_same_and_no_wildcard() {
    let (deploy, chart) = (documents(&kustomize(&repository("deploy"))), documents(&template(&[])));
    for kind in ["ClusterRole", "Role"] {
        let rules = |documents: &[Value]| -> BTreeSet<String> {
            let role = of_kind(documents, kind);
            let rules: Vec<PolicyRule> = serde_json::from_value(role["rules"].clone()).unwrap();
            rules.iter().map(|rule| format!("{rule:?}")).collect()
        };
        assert_eq!(rules(&deploy), rules(&chart), "{kind}");
        assert!(!rules(&deploy).iter().any(|rule| rule.contains('*')), "{kind}");
    }
}

/// And what they run is the same, but for labels and names.
#[test]
fn both_ways_to_install_run_the_same_container() {
    let container = |documents: &[Value]| {
        let pod = of_kind(documents, "Deployment")["spec"]["template"]["spec"].clone();
        let container = &pod["containers"][0];
        let fields =
            ["args", "ports", "startupProbe", "livenessProbe", "readinessProbe", "securityContext", "resources"];
        let fields: Vec<_> = fields.iter().map(|field| container[field].clone()).collect();
        (pod["securityContext"].clone(), fields)
    };
    let (deploy, chart) = (documents(&kustomize(&repository("deploy"))), documents(&template(&[])));
    assert_eq!(container(&deploy), container(&chart));
}

/// The namespace enforces the restricted pod security standard; the API server itself says whether the pod meets it.
#[tokio::test]
async fn the_pods_meet_the_restricted_standard() {
    let plane = &quiet_cluster().plane;
    let pods: Api<core::Pod> = Api::namespaced(plane.admin().await, SYSTEM);
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    let sources = VARIANTS.iter().map(|values| template(values)).chain([kustomize(&repository("deploy"))]);
    for manifests in sources.filter(|manifests| !manifests.contains("maxSkew")) {
        let template = of_kind(&documents(&manifests), "Deployment")["spec"]["template"].clone();
        let pod =
            json!({"metadata": {"name": "probe", "labels": template["metadata"]["labels"]}, "spec": template["spec"]});
        pods.create(&dry_run, &serde_json::from_value(pod.clone()).unwrap()).await.unwrap();
        let mut loose = pod;
        loose["spec"]["containers"][0]["securityContext"] = json!({});
        let refused = pods.create(&dry_run, &serde_json::from_value(loose).unwrap()).await.unwrap_err();
        assert!(refused.to_string().contains("restricted"), "{refused}");
    }
}

/// One version everywhere, one toolchain everywhere.
#[test]
fn versions_agree() {
    let read = |path: &str| std::fs::read_to_string(repository(path)).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert!(read("charts/realmkeeper/Chart.yaml").contains(&format!("\nappVersion: {version}\n")));
    assert!(read("deploy/kustomization.yaml").contains(&format!("newTag: {version}\n")));
    let rust = read("rust-toolchain.toml");
    let rust = rust.split("channel = \"").nth(1).unwrap().split('"').next().unwrap();
    let minor: Vec<_> = rust.split('.').take(2).collect();
    assert!(read("Dockerfile").contains(&format!("rust:{}-", minor.join("."))), "{rust}");
}

/// Each file of `crds/` is installed by both.
#[test]
fn every_crd_is_installed() {
    let names = |documents: Vec<Value>| -> BTreeSet<String> {
        let crds = documents.iter().filter(|document| document["kind"] == "CustomResourceDefinition");
        crds.map(|crd| crd["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    };
    let expected: BTreeSet<_> = realmkeeper::api::crds().iter().map(|crd| crd.metadata.name.clone().unwrap()).collect();
    assert_eq!(names(documents(&kustomize(&repository("deploy")))), expected);
    assert_eq!(names(documents(&template(&[]))), expected);
}
