//! Client secrets whose leader dies. Whatever a Secret says that it holds is accepted by every replica, at each step.

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Mortal, hours, kill_at_each_step, ring, staff};
use crate::controller::{
    marks,
    source::{Event, Kind},
    testing::{House, client, object, secret},
};

const APP: &str = "app";

/// Asserts that a replica that starts now accepts what the Secrets of the client hold: the secret in force and, until its time, the
/// former one.
pub(super) fn assert_accepted(house: &House) {
    let mut replica = House::new();
    house.cluster.objects.values().for_each(|value| replica.index.apply(Event::Applied(object(value))));
    replica.index.evaluate();
    replica.index.publish(&replica.registry);
    let Some(client) = replica.client(APP) else { return };
    let matches =
        |value: &str| client.authentication.secrets.iter().any(|one| one.matches(value.as_bytes(), house.now));
    for (key, secret) in house.cluster.objects.iter().filter(|(key, _)| key.kind == Kind::Secret) {
        let annotation = |name: &str| secret["metadata"]["annotations"][name].as_str();
        if annotation(marks::OWNER) != Some("OidcClient/app") {
            continue;
        }
        let entry = |name: &str| {
            let bytes = STANDARD.decode(secret["data"][name].as_str().unwrap()).unwrap();
            String::from_utf8(bytes).unwrap()
        };
        let current = entry(annotation(marks::SECRET_ENTRY).unwrap());
        assert!(matches(&current), "{key}: its secret is refused");
        let Some(former) = annotation(marks::PREVIOUS_ENTRY).map(entry) else { continue };
        let until: Timestamp = annotation(marks::PREVIOUS_UNTIL).unwrap().parse().unwrap();
        assert_eq!(
            matches(&former),
            house.now < until,
            "{key}: its former secret at {}, good until {until}",
            house.now
        );
        assert_ne!(former, current, "{key}");
    }
}

fn app(secret: Value) -> Value {
    client("identity", APP, json!({"credentials": {"secret": secret}}))
}

/// A realm that signs, and what a story needs beside it.
fn with(more: impl IntoIterator<Item = Value>) -> Vec<Value> {
    [staff(), ring(json!({}))].into_iter().chain(more).collect()
}

fn status(mortal: &Mortal) -> &Value {
    &mortal.house.object(Kind::OidcClient, "identity", APP)["status"]
}

/// The secret in force and the former one.
fn pair(mortal: &Mortal, name: &str) -> (String, Option<String>) {
    let entry = |entry: &str| mortal.house.entry("identity", name, entry);
    (entry("client-secret").unwrap(), entry("client-secret-previous"))
}

fn minutes(mortal: &Mortal, minutes: i64) -> Timestamp {
    mortal.house.now + SignedDuration::from_mins(minutes)
}

#[test]
fn a_forced_rotation() {
    kill_at_each_step(
        || with([app(json!({"rotation": {"overlap": "1h"}}))]),
        |mortal| {
            let (end, (first, _)) = (minutes(mortal, 30), pair(mortal, "app-oidc"));
            mortal.rotate(Kind::OidcClient, APP, "now");
            mortal.until(end);
            let (second, former) = pair(mortal, "app-oidc");
            assert_eq!(former.as_ref(), Some(&first), "one rotation, not two");
            assert_ne!(second, first);
            assert_eq!(status(mortal)["lastRotateRequest"], "now");
            assert!(status(mortal)["credentials"]["previous"]["validUntil"].is_string());
        },
    );
}

#[test]
fn requests_one_upon_the_other() {
    kill_at_each_step(
        || with([app(json!({"rotation": {"overlap": "1h"}}))]),
        |mortal| {
            let end = minutes(mortal, 30);
            for request in ["one", "two", "one"] {
                // Sooner, a former request would be taken for one that a watch shows late.
                mortal.until(minutes(mortal, 1));
                let (current, _) = pair(mortal, "app-oidc");
                mortal.rotate(Kind::OidcClient, APP, request);
                assert_eq!(pair(mortal, "app-oidc").1, Some(current), "of {request}");
            }
            mortal.until(end);
        },
    );
}

#[test]
fn the_end_of_an_overlap() {
    kill_at_each_step(
        || with([app(json!({"rotation": {"overlap": "1h"}}))]),
        |mortal| {
            let end = hours(mortal, 2);
            mortal.rotate(Kind::OidcClient, APP, "now");
            let (second, _) = pair(mortal, "app-oidc");
            mortal.until(end);
            assert_eq!(pair(mortal, "app-oidc"), (second, None));
            let status = status(mortal);
            assert_eq!((&status["lastRotateRequest"], status["credentials"].get("previous")), (&json!("now"), None));
        },
    );
}

#[test]
fn timed_rotations() {
    kill_at_each_step(
        || with([app(json!({"rotation": {"every": "24h", "overlap": "1h"}}))]),
        |mortal| {
            let [day, next, end] = [24, 48, 60].map(|after| hours(mortal, after) + SignedDuration::from_mins(30));
            let (first, _) = pair(mortal, "app-oidc");
            mortal.until(day);
            let (second, former) = pair(mortal, "app-oidc");
            assert_eq!(former, Some(first));
            mortal.until(next);
            let (third, former) = pair(mortal, "app-oidc");
            assert_eq!(former, Some(second));
            mortal.until(end);
            assert_eq!(pair(mortal, "app-oidc"), (third, None));
        },
    );
}

#[test]
fn a_renamed_binding() {
    kill_at_each_step(
        || with([app(json!({}))]),
        |mortal| {
            let before = pair(mortal, "app-oidc");
            mortal.edit(Kind::OidcClient, APP, |app| app["spec"]["credentials"]["secret"]["name"] = json!("other"));
            mortal.until(hours(mortal, 1));
            assert_eq!(pair(mortal, "other"), before);
        },
    );
}

#[test]
fn a_renamed_binding_during_an_overlap() {
    kill_at_each_step(
        || with([app(json!({"rotation": {"overlap": "1h"}}))]),
        |mortal| {
            let (during, after) = (minutes(mortal, 30), hours(mortal, 2));
            mortal.rotate(Kind::OidcClient, APP, "now");
            let before = pair(mortal, "app-oidc");
            assert!(before.1.is_some());
            mortal.edit(Kind::OidcClient, APP, |app| app["spec"]["credentials"]["secret"]["name"] = json!("other"));
            mortal.until(during);
            assert_eq!(pair(mortal, "other"), before, "both move on");
            assert_eq!(status(mortal)["lastRotateRequest"], "now", "and what they answer");
            mortal.until(after);
            assert_eq!(pair(mortal, "other"), (before.0, None));
        },
    );
}

#[test]
fn a_referenced_secret_that_is_edited() {
    let given = |value: &str| secret("identity", "given", &[("client-secret", value)]);
    let accepted = |mortal: &Mortal| {
        let client = mortal.house.client(APP).unwrap();
        let matches = |value: &str| {
            client.authentication.secrets.iter().any(|one| one.matches(value.as_bytes(), mortal.house.now))
        };
        ["one", "two", "three"].map(matches)
    };
    let reference = json!({"name": "given", "source": "Reference", "rotation": {"overlap": "1h"}});
    kill_at_each_step(
        || with([given("one"), app(reference.clone())]),
        |mortal| {
            let (during, after) = (minutes(mortal, 30), hours(mortal, 2));
            mortal.put(given("two"));
            assert_eq!(accepted(mortal), [true, true, false]);
            mortal.put(given("three"));
            mortal.until(during);
            assert_eq!(accepted(mortal), [false, true, true], "one former secret, not two");
            mortal.until(after);
            assert_eq!(accepted(mortal), [false, false, true]);
        },
    );
}

#[test]
fn a_secret_that_is_taken_over_and_rotated() {
    let theirs = || {
        let mut secret = secret("identity", "app-oidc", &[("client-secret", "in-use-for-years")]);
        secret["type"] = json!("Opaque");
        secret["metadata"]["annotations"] = json!({"realmkeeper.dev/adopt": "OidcClient/app"});
        secret
    };
    kill_at_each_step(
        || with([theirs()]),
        |mortal| {
            mortal.put(app(json!({"rotation": {"overlap": "1h"}})));
            assert_eq!(pair(mortal, "app-oidc"), ("in-use-for-years".to_owned(), None));
            mortal.rotate(Kind::OidcClient, APP, "now");
            mortal.until(minutes(mortal, 30));
            assert_eq!(pair(mortal, "app-oidc").1.as_deref(), Some("in-use-for-years"));
        },
    );
}
