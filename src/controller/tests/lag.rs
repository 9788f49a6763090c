//! A watch that lags: the object as it was before, together with the Secrets as they are.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    api::ROTATE_ANNOTATION,
    controller::{
        plan::Plan,
        source::{Event, Kind},
        testing::{House, client, object, realm, signing_key},
    },
};

const RING: (Kind, &str) = (Kind::SigningKey, "ring");
const APP: (Kind, &str) = (Kind::OidcClient, "app");

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

fn staff() -> Value {
    realm("staff", json!({"signing": {"defaultKeys": "None"}, "tokens": {"idToken": "1s", "accessToken": "1s"}}))
}

fn ring(rotation: Value) -> Value {
    signing_key("ring", json!({"algorithm": "ES256", "rotation": rotation}))
}

fn app(secret: Value) -> Value {
    client("identity", "app", json!({"credentials": {"secret": secret}}))
}

fn asked(mut object: Value, request: &str) -> Value {
    object["metadata"]["annotations"] = json!({ROTATE_ANNOTATION: request});
    object
}

/// The requests 0 and 1 were made, with so much time before each, and the answers written. Gives the object as it was at 0.
fn answered(object: &Value, (kind, name): (Kind, &str), before: SignedDuration) -> (House, Value) {
    let mut house = House::with([staff(), object.clone()]);
    house.pass(before);
    house.put(asked(object.clone(), "0")).settle();
    house.pass(before);
    let former = house.object(kind, "identity", name).clone();
    house.put(asked(object.clone(), "1")).settle();
    assert_eq!(answer(&house, (kind, name)), "1");
    (house, former)
}

fn answer<'h>(house: &'h House, (kind, name): (Kind, &str)) -> &'h str {
    house.object(kind, "identity", name)["status"]["lastRotateRequest"].as_str().unwrap()
}

/// A replica that sees all as it is, and this object as it was; and its plan. (One that has seen it later looks at nothing older.)
fn seen(house: &House, former: &Value) -> (House, Plan) {
    let mut replica = House::new();
    replica.now = house.now;
    let behind = object(former).key();
    for (key, value) in &house.cluster.objects {
        replica.index.apply(Event::Applied(object(if *key == behind { former } else { value })));
    }
    let plan = replica.plan();
    (replica, plan)
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.secrets.iter().map(|write| &*write.name.name).collect()
}

/// Nothing is planned by whoever sees the former object, nor when it sees the present one then.
fn assert_nothing(house: &House, former: &Value, (kind, name): (Kind, &str)) {
    let (mut replica, plan) = seen(house, former);
    assert!(plan.secrets.is_empty() && plan.deletions.is_empty(), "{:?}", names(&plan));
    for patch in &plan.statuses {
        assert_ne!(patch.status["lastRotateRequest"], "0", "{}", patch.key);
    }
    replica.index.apply(Event::Applied(object(house.object(kind, "identity", name))));
    let plan = replica.plan();
    assert!(plan.is_empty(), "{:?}", names(&plan));
}

/// Asserts that whoever sees the former object still, a second before the minute is over, looks again then; gives what it plans.
fn planned_after_a_minute(house: &House, former: &Value) -> Plan {
    let (mut replica, plan) = seen(house, former);
    assert!(plan.secrets.is_empty());
    assert_eq!(replica.index.next_wake(), Some(house.now + seconds(1)));
    replica.now += seconds(1);
    replica.index.wake(replica.now);
    replica.plan()
}

#[test]
fn a_former_request_of_a_ring_is_not_answered_again_for_a_minute_and_is_then() {
    let rotation = json!({"every": "Never", "prePublish": "2s"});
    let (mut house, former) = answered(&ring(rotation), RING, SignedDuration::from_hours(1));
    for _ in 0..12 {
        assert_nothing(&house, &former, RING);
        house.pass(seconds(4));
    }
    house.pass(seconds(11));
    let secrets: Vec<_> = house.cluster.objects.keys().filter(|key| key.kind == Kind::Secret).collect();
    assert_eq!(secrets.len(), 1, "the key that answered the former request is gone: {secrets:?}");
    assert_nothing(&house, &former, RING);
    assert_eq!(names(&planned_after_a_minute(&house, &former)), ["ring-4"]);
}

#[test]
fn a_former_request_is_not_written_to_the_key_that_is_on_its_way() {
    let rotation = json!({"every": "Never", "prePublish": "1h"});
    let (mut house, former) = answered(&ring(rotation.clone()), RING, seconds(1));
    let secrets = house.cluster.objects.keys().filter(|key| key.kind == Kind::Secret).count();
    assert_eq!(secrets, 2, "one key answers both requests");
    assert_nothing(&house, &former, RING);
    let end = house.now + seconds(60);
    house.put(asked(ring(rotation), "0")).settle();
    assert_eq!(answer(&house, RING), "1");
    house.until(end);
    assert_eq!(answer(&house, RING), "0");
    let marks = &house.object(Kind::Secret, "identity", "ring-2")["metadata"]["annotations"];
    assert_eq!(marks["realmkeeper.dev/rotate-request"], "0");
    assert_eq!(marks["realmkeeper.dev/rotate-answered-at"], house.now.to_string());
}

#[test]
fn a_key_that_is_made_for_another_cause_answers_what_was_answered_and_not_what_a_watch_that_lags_says() {
    let rotation = json!({"every": "1s", "prePublish": "2s"});
    let (house, former) = answered(&ring(rotation), RING, seconds(1));
    let mut without = former.clone();
    without["metadata"]["annotations"] = json!({});
    for view in [former, without] {
        let (mut replica, mut plan) = seen(&house, &view);
        assert!(plan.secrets.is_empty(), "not yet");
        while plan.secrets.is_empty() {
            replica.now = replica.index.next_wake().unwrap();
            replica.index.wake(replica.now);
            plan = replica.plan();
        }
        assert!(replica.now < house.now + seconds(10));
        assert_eq!(plan.secrets[0].annotations["realmkeeper.dev/rotate-request"], "1");
    }
}

#[test]
fn a_former_request_of_a_client_is_not_answered_again_for_a_minute_and_is_then() {
    let (mut house, former) = answered(&app(json!({"rotation": {"overlap": "5s"}})), APP, seconds(1));
    for _ in 0..14 {
        assert_nothing(&house, &former, APP);
        house.pass(seconds(4));
    }
    house.pass(seconds(3));
    assert_nothing(&house, &former, APP);
    assert_eq!(names(&planned_after_a_minute(&house, &former)), ["app-oidc"]);
}

#[test]
fn what_a_client_was_asked_before_is_known_however_its_secret_is_written_again() {
    let shapes = [json!({}), json!({"keyStyle": "Env"}), json!({"name": "other"}), json!({"deletionPolicy": "Retain"})];
    let (mut house, former) = answered(&app(json!({})), APP, seconds(1));
    for shape in shapes {
        house.put(asked(app(shape), "1")).settle();
        let mut lags = house.object(Kind::OidcClient, "identity", "app").clone();
        lags["metadata"]["annotations"] = former["metadata"]["annotations"].clone();
        assert_nothing(&house, &lags, APP);
    }
}

#[test]
fn a_person_who_goes_back_to_a_former_value_gets_an_answer_after_a_minute_and_one() {
    let never = json!({"every": "Never", "prePublish": "2s"});
    for (object, which) in [(ring(never), RING), (app(json!({})), APP)] {
        let (mut house, _) = answered(&object, which, SignedDuration::from_hours(1));
        let at = house.now;
        house.put(asked(object.clone(), "0")).settle();
        house.until(at + seconds(59));
        assert_eq!(answer(&house, which), "1");
        house.until(at + seconds(60));
        assert_eq!(answer(&house, which), "0");
        let writes = house.pass(SignedDuration::from_hours(1));
        assert!(!writes.iter().any(|write| write.starts_with("create")), "{writes:?}");
        house.put(asked(object, "1")).settle();
        assert_eq!(answer(&house, which), "1", "nobody waits where the last answer is an hour old");
    }
}
