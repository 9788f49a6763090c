//! A leader that dies at any step of a change: after each effect of each plan once. Its successor knows what the cluster has and nothing
//! else, and must come to the same end.

mod secrets;

use std::{collections::BTreeMap, sync::LazyLock};

use jiff::{SignedDuration, Timestamp};
use regex::Regex;
use serde_json::{Value, json};

use crate::{
    api::ROTATE_ANNOTATION,
    controller::{
        source::{Kind, ObjectKey},
        testing::{House, client, realm, secret, signing_key},
    },
    jose::{Algorithm, PrivateKey},
};

static TIMES: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\d{4}-\d\d-\d\dT[\d:.]+Z").unwrap());
/// As long as it may take until another replica has the Lease.
const TAKE_OVER: [SignedDuration; 2] = [SignedDuration::ZERO, SignedDuration::from_secs(20)];

/// A house whose controller dies after so many effects, once.
struct Mortal {
    house: House,
    /// Effects until its death; none: it lives for ever, or has died.
    left: Option<usize>,
    take_over: SignedDuration,
    /// Effects so far.
    effects: usize,
    has_died: bool,
}

impl Mortal {
    /// With these objects, settled before the count begins.
    fn new(objects: impl IntoIterator<Item = Value>, dies_after: Option<usize>, take_over: SignedDuration) -> Self {
        Self { house: House::with(objects), left: dies_after, take_over, effects: 0, has_died: false }
    }

    fn put(&mut self, value: Value) {
        self.house.put(value);
        self.settle();
    }

    /// Changes an object as it stands.
    fn edit(&mut self, kind: Kind, name: &str, edit: impl FnOnce(&mut Value)) {
        let mut value = self.house.object(kind, "identity", name).clone();
        edit(&mut value);
        self.put(value);
    }

    fn rotate(&mut self, kind: Kind, name: &str, request: &str) {
        self.edit(kind, name, |value| value["metadata"]["annotations"] = json!({ROTATE_ANNOTATION: request}));
    }

    fn settle(&mut self) {
        for _ in 0..40 {
            let mut plan = self.house.plan();
            if plan.is_empty() && plan.deferred.is_empty() {
                return;
            }
            self.house.index.replan(std::mem::take(&mut plan.deferred));
            for effect in plan.effects() {
                if self.left == Some(0) {
                    self.die();
                    break;
                }
                self.house.perform(effect);
                self.effects += 1;
                self.left = self.left.map(|left| left - 1);
                secrets::assert_accepted(&self.house);
            }
        }
        panic!("it does not settle: {:?}", self.house.cluster.writes);
    }

    fn die(&mut self) {
        self.house.now += self.take_over;
        self.house.restart();
        (self.left, self.has_died) = (None, true);
    }

    /// Lets time go by until then, as the controller does.
    fn until(&mut self, end: Timestamp) {
        while let Some(next) = self.house.index.next_wake().filter(|next| *next <= end) {
            self.house.now = next.max(self.house.now);
            self.house.index.wake(self.house.now);
            self.settle();
            self.assert_one_signs();
        }
        self.house.now = end;
    }

    /// There is always one that signs, and no number was given twice: names are unique, and each key stands in one Secret.
    fn assert_one_signs(&self) {
        let Some(realm) = self.house.realm("staff") else { return };
        let now = self.house.now;
        assert!(realm.keyring.signer(Algorithm::Es256, now).is_some(), "no key signs at {now}");
        for key in self.house.cluster.objects.iter().filter(|(key, _)| key.kind == Kind::SigningKey) {
            let none = Vec::new();
            let keys = key.1["status"]["keys"].as_array().unwrap_or(&none);
            assert!(keys.iter().filter(|key| key["state"] == "Active").count() <= 1, "{keys:?}");
        }
    }
}

/// The cluster as it stands, but for what may differ: times, and the values of keys, secrets and their ids, of which it still
/// matters which are the same.
fn state(house: &House) -> BTreeMap<ObjectKey, Value> {
    let mut seen = BTreeMap::new();
    let mut objects = house.cluster.objects.clone();
    for (key, value) in &mut objects {
        let metadata = value["metadata"].as_object_mut().unwrap();
        metadata.retain(|name, _| name != "uid" && name != "resourceVersion");
        for reference in metadata.get_mut("ownerReferences").and_then(Value::as_array_mut).into_iter().flatten() {
            reference["uid"] = Value::Null;
        }
        if key.kind == Kind::Secret {
            value["data"].as_object_mut().unwrap().values_mut().for_each(|value| number(value, &mut seen));
        }
        walk(value, &mut seen);
    }
    objects
}

/// What is random gets a number, the same for what is the same.
fn number(value: &mut Value, seen: &mut BTreeMap<String, usize>) {
    let next = seen.len();
    let text = value.as_str().unwrap().to_owned();
    *value = json!(format!("value {}", seen.entry(text).or_insert(next)));
}

fn walk(value: &mut Value, seen: &mut BTreeMap<String, usize>) {
    const RANDOM: [&str; 5] =
        ["kid", "id", "realmkeeper.dev/kid", "realmkeeper.dev/credential-id", "realmkeeper.dev/previous-id"];
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if RANDOM.contains(&name.as_str()) {
                    number(value, seen);
                } else {
                    walk(value, seen);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, seen)),
        Value::String(text) => {
            *text = TIMES.replace_all(text, "TIME").into_owned();
        }
        _ => {}
    }
}

/// Kills the leader after each effect of a story, once each, and compares the end with that of a leader that lived.
fn kill_at_each_step(objects: impl Fn() -> Vec<Value>, story: impl Fn(&mut Mortal)) {
    let mut lived = Mortal::new(objects(), None, SignedDuration::ZERO);
    story(&mut lived);
    let expected = state(&lived.house);
    assert!(lived.effects >= 2, "the story has steps: {}", lived.effects);
    for take_over in TAKE_OVER {
        for step in 0..lived.effects {
            let mut mortal = Mortal::new(objects(), Some(step), take_over);
            story(&mut mortal);
            assert!(mortal.has_died);
            let ended = state(&mortal.house);
            for (key, value) in &expected {
                assert_eq!(
                    ended.get(key),
                    Some(value),
                    "{key}, killed after {step} effects, taken over in {take_over}"
                );
            }
            assert_eq!(ended.len(), expected.len(), "{:?}", ended.keys());
        }
    }
}

fn staff() -> Value {
    realm("staff", json!({"signing": {"defaultKeys": "None"}}))
}

fn ring(rotation: Value) -> Value {
    signing_key("ring", json!({"algorithm": "ES256", "rotation": rotation}))
}

fn hours(mortal: &Mortal, hours: i64) -> Timestamp {
    mortal.house.now + SignedDuration::from_hours(hours)
}

#[test]
fn the_first_keys_and_secrets_of_a_realm() {
    kill_at_each_step(
        || vec![client("identity", "app", json!({}))],
        |mortal| {
            mortal.put(realm("staff", json!({})));
            mortal.until(hours(mortal, 3));
        },
    );
}

#[test]
fn a_forced_rotation_of_a_key() {
    kill_at_each_step(
        || vec![staff(), ring(json!({"prePublish": "1h"}))],
        |mortal| {
            let end = hours(mortal, 9);
            mortal.rotate(Kind::SigningKey, "ring", "now");
            mortal.until(end);
            let status = &mortal.house.object(Kind::SigningKey, "identity", "ring")["status"];
            assert_eq!((&status["lastRotateRequest"], status["keys"].as_array().unwrap().len()), (&json!("now"), 1));
            assert_eq!(status["keys"][0]["secretName"], "ring-2");
        },
    );
}

#[test]
fn timed_rotations_of_a_key() {
    kill_at_each_step(
        || vec![staff(), ring(json!({"every": "24h", "prePublish": "1h"}))],
        |mortal| {
            let end = hours(mortal, 60);
            mortal.until(end);
            let keys = &mortal.house.object(Kind::SigningKey, "identity", "ring")["status"]["keys"];
            assert_eq!(keys[0]["secretName"], "ring-3");
        },
    );
}

#[test]
fn two_requests_one_upon_the_other_and_a_change_of_the_spec() {
    kill_at_each_step(
        || vec![staff(), ring(json!({"prePublish": "1h"})), client("identity", "app", json!({}))],
        |mortal| {
            let end = hours(mortal, 30);
            mortal.rotate(Kind::SigningKey, "ring", "one");
            mortal.rotate(Kind::SigningKey, "ring", "two");
            mortal.until(hours(mortal, 4));
            mortal.edit(Kind::SigningKey, "ring", |ring| ring["spec"]["rotation"] = json!({"prePublish": "10s"}));
            mortal.rotate(Kind::SigningKey, "ring", "three");
            mortal.until(end);
        },
    );
}

#[test]
fn a_revocation() {
    kill_at_each_step(
        || vec![staff(), ring(json!({"prePublish": "1h"}))],
        |mortal| {
            let end = hours(mortal, 9);
            let kid = mortal.house.object(Kind::SigningKey, "identity", "ring")["status"]["keys"][0]["kid"].clone();
            mortal.edit(Kind::SigningKey, "ring", |ring| ring["spec"]["revokedKids"] = json!([kid]));
            mortal.until(end);
        },
    );
}

#[test]
fn a_renewed_certificate() {
    let pems = [(); 2].map(|()| PrivateKey::generate_pem(Algorithm::Es256).unwrap());
    let certificate = |number: usize| secret("identity", "tls", &[("tls.key", pems[number].expose_str().unwrap())]);
    let source = json!({"secretRef": {"name": "tls"}});
    let theirs = signing_key("ring", json!({"algorithm": "ES256", "source": source, "rotation": {"prePublish": "1h"}}));
    kill_at_each_step(
        || vec![certificate(0), staff(), theirs.clone()],
        |mortal| {
            let end = hours(mortal, 9);
            mortal.put(certificate(1));
            mortal.until(end);
        },
    );
}
