//! The CRDs in a real API server: each CEL rule refuses what its sentence says, and what is meant to be written is taken.

mod bad;
mod good;

use std::collections::BTreeSet;

use realmkeeper::{api, controller::validation};
use serde_json::{Value, json};

use self::{
    bad::{bad, changes},
    good::good,
};
use crate::{control_plane::Namespace, harness::quiet_cluster};

fn object(kind: &str, spec: Value) -> Value {
    json!({"kind": kind, "spec": spec})
}

fn realm(spec: Value) -> Value {
    object("Realm", spec)
}

/// An OidcClient with these fields beside its realmRef.
fn client(fields: Value) -> Value {
    child("OidcClient", fields)
}

/// A child of a Realm with these fields beside its realmRef.
fn child(kind: &str, fields: Value) -> Value {
    let mut spec = json!({"realmRef": {"name": "staff"}});
    spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    object(kind, spec)
}

fn secret(fields: Value) -> Value {
    client(json!({"credentials": {"secret": fields}}))
}

fn jwk(fields: Value) -> Value {
    client(json!({"credentials": {"jwks": {"keys": [fields]}}}))
}

fn key(fields: Value) -> Value {
    let mut all = json!({"algorithm": "ES256"});
    all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    child("SigningKey", all)
}

fn named(mut object: Value, name: String) -> Value {
    object["metadata"] = json!({"name": name});
    object
}

#[tokio::test]
async fn what_is_meant_to_be_written_is_accepted() {
    let namespace = Namespace::create(&quiet_cluster().plane, "schema-good", json!({})).await;
    for object in good() {
        namespace.accepts(&object).await;
    }
}

#[tokio::test]
async fn each_rule_refuses_with_its_sentence() {
    let namespace = Namespace::create(&quiet_cluster().plane, "schema-bad", json!({})).await;
    for (message, object) in bad() {
        namespace.rejects(&object, message).await;
    }
    for (message, before, after) in changes() {
        namespace.rejects_change(&before, &after, message).await;
    }
}

/// What runs in process, for a directory and for `realmkeeper check`, says what the API server says.
#[test]
fn in_process_the_same_is_accepted_and_refused() {
    let said = |object: &Value, old: Option<&Value>| -> Vec<String> {
        let kind = object["kind"].as_str().unwrap().parse().unwrap();
        let whole = |object: &Value| {
            let mut object = object.clone();
            object.as_object_mut().unwrap().entry("metadata").or_insert(json!({"name": "a"}));
            validation::prune(kind, &mut object);
            object
        };
        let problems = validation::validate(kind, &whole(object), old.map(whole).as_ref());
        problems.into_iter().map(|problem| format!("{}: {}", problem.field, problem.message)).collect()
    };
    for object in good() {
        assert_eq!(said(&object, None), Vec::<String>::new(), "{object:#}");
    }
    for (message, object) in bad() {
        let said = said(&object, None);
        // The API server's own words are shorter.
        let message = match message {
            "Unsupported value" => "must be one of",
            "Duplicate value" => "is the same as",
            "Too long" => "must have at most",
            message => message,
        };
        assert!(said.iter().any(|said| said.contains(message)), "{message}: {said:?} {object:#}");
    }
    for (message, before, after) in changes() {
        let said = said(&after, Some(&before));
        assert!(said.iter().any(|said| said.contains(message)), "{message}: {said:?}");
    }
}

/// An issuer may be set later: a Realm that lived under the default one says so by hand.
#[tokio::test]
async fn an_issuer_may_be_set_where_there_was_none() {
    let namespace = Namespace::create(&quiet_cluster().plane, "schema-issuer", json!({})).await;
    namespace.apply("{apiVersion: realmkeeper.dev/v1alpha1, kind: Realm, metadata: {name: a}, spec: {}}");
    namespace.apply(
        "{apiVersion: realmkeeper.dev/v1alpha1, kind: Realm, metadata: {name: a}, spec: {issuer: https://id.example}}",
    );
}

/// A rule without a case here is a rule that nobody has seen refuse anything.
#[test]
fn every_rule_of_the_crds_has_a_case() {
    let refusals = bad().into_iter().map(|(message, _)| message);
    let covered: Vec<_> = refusals.chain(changes().into_iter().map(|(message, ..)| message)).collect();
    let mut missing = BTreeSet::new();
    for crd in api::crds() {
        messages(&serde_json::to_value(&crd).unwrap(), &mut |message| {
            if !covered.iter().any(|covered| message.contains(covered)) {
                missing.insert(message.to_owned());
            }
        });
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

fn messages(node: &Value, visit: &mut impl FnMut(&str)) {
    for rule in node["x-kubernetes-validations"].as_array().into_iter().flatten() {
        visit(rule["message"].as_str().unwrap());
    }
    match node {
        Value::Object(fields) => fields.values().for_each(|child| messages(child, visit)),
        Value::Array(items) => items.iter().for_each(|child| messages(child, visit)),
        _ => {}
    }
}
