//! Client secrets that are replaced, while both are accepted for a while.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    api::ROTATE_ANNOTATION,
    controller::{
        source::{Kind, ObjectKey},
        testing::{House, client, realm, secret},
    },
};

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

fn app(secret: Value) -> Value {
    client("identity", "app", json!({"credentials": {"secret": secret}}))
}

fn asked(mut app: Value, request: &str) -> Value {
    app["metadata"]["annotations"] = json!({ROTATE_ANNOTATION: request});
    app
}

fn house(secret: Value) -> House {
    House::with([realm("staff", json!({"signing": {"defaultKeys": "None"}})), app(secret)])
}

fn status(house: &House) -> &Value {
    &house.object(Kind::OidcClient, "identity", "app")["status"]
}

fn entry(house: &House, name: &str) -> Option<String> {
    house.entry("identity", "app-oidc", name)
}

fn accepts(house: &House, value: &str) -> bool {
    let client = house.client("app").unwrap();
    client.authentication.secrets.iter().any(|secret| secret.matches(value.as_bytes(), house.now))
}

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

fn events(house: &mut House) -> Vec<&'static str> {
    let events = house.events_about(Kind::OidcClient, "app");
    house.cluster.events.clear();
    events
}

#[test]
fn a_new_secret_takes_over_when_it_is_time_and_the_former_one_is_accepted_for_the_overlap() {
    let mut house = house(json!({"rotation": {"every": "90d", "overlap": "24h"}}));
    let (start, first) =
        (time(&status(&house)["credentials"]["current"]["issuedAt"]), entry(&house, "client-secret").unwrap());
    assert_eq!(time(&status(&house)["credentials"]["current"]["rotateAfter"]), start + DAY * 90);
    events(&mut house);
    house.until(start + DAY * 90 - seconds(1));
    assert_eq!(entry(&house, "client-secret").as_ref(), Some(&first));
    house.until(start + DAY * 90);
    let second = entry(&house, "client-secret").unwrap();
    assert_ne!(second, first);
    assert_eq!(entry(&house, "client-secret-previous").as_ref(), Some(&first));
    assert!(accepts(&house, &first) && accepts(&house, &second));
    let end = start + DAY * 91;
    assert_eq!(time(&status(&house)["credentials"]["previous"]["validUntil"]), end);
    assert_eq!(events(&mut house), ["CredentialsRotated"]);
    house.until(end - seconds(1));
    assert!(accepts(&house, &first));
    house.now = end;
    assert!(!accepts(&house, &first), "also before anything is written");
    house.until(end);
    assert_eq!((entry(&house, "client-secret-previous"), entry(&house, "client-secret")), (None, Some(second)));
    assert!(status(&house)["credentials"].get("previous").is_none());
    assert_eq!(events(&mut house), ["PreviousSecretRemoved"]);
    assert!(house.settle().is_empty());
}

#[test]
fn years_of_rotation_are_a_few_writes_each() {
    let mut house = house(json!({"rotation": {"every": "90d", "overlap": "24h"}}));
    let mut writes = 0;
    let mut secrets = std::collections::BTreeSet::new();
    for _ in 0..365 * 5 {
        writes += house.pass(DAY).len();
        secrets.insert(entry(&house, "client-secret").unwrap());
    }
    assert_eq!(secrets.len(), 365 * 5 / 90 + 1);
    assert_eq!(writes, 365 * 5 / 90 * 4, "two of the Secret and two of the status");
}

#[test]
fn a_rotation_that_is_asked_for_is_answered_at_once_and_once() {
    let spec = json!({"rotation": {"overlap": "1h"}});
    let mut house = house(spec.clone());
    let first = entry(&house, "client-secret").unwrap();
    house.put(asked(app(spec.clone()), "one")).settle();
    let second = entry(&house, "client-secret").unwrap();
    assert_eq!(
        (status(&house)["lastRotateRequest"].as_str(), entry(&house, "client-secret-previous")),
        (Some("one"), Some(first.clone()))
    );
    house.put(asked(app(spec.clone()), "two")).settle();
    assert_eq!(entry(&house, "client-secret-previous").as_ref(), Some(&second), "one former secret, not two");
    assert!(!accepts(&house, &first));
    let third = entry(&house, "client-secret");
    house.pass(DAY);
    house.put(app(spec.clone())).settle();
    house.put(asked(app(spec), "two")).settle();
    assert_eq!(entry(&house, "client-secret"), third);
    assert_eq!(entry(&house, "client-secret-previous"), None);
}

#[test]
fn neither_a_lost_status_nor_a_restart_asks_for_anything() {
    let mut house =
        House::with([realm("staff", json!({"signing": {"defaultKeys": "None"}})), asked(app(json!({})), "x")]);
    assert_eq!(status(&house)["lastRotateRequest"], "x", "a secret that is made for it is the answer");
    house.put(asked(app(json!({})), "y")).settle();
    let before = (entry(&house, "client-secret"), entry(&house, "client-secret-previous"));
    let key = ObjectKey::new(Kind::OidcClient, "identity", "app");
    house.cluster.objects.get_mut(&key).unwrap()["status"] = json!({});
    house.restart().settle();
    assert_eq!((entry(&house, "client-secret"), entry(&house, "client-secret-previous")), before);
    assert_eq!(status(&house)["lastRotateRequest"], "y");
    assert!(accepts(&house, before.1.as_deref().unwrap()));
}

#[test]
fn both_secrets_move_on_when_the_binding_changes_its_shape() {
    let mut house = house(json!({}));
    house.put(asked(app(json!({})), "1")).settle();
    let (current, former) = (entry(&house, "client-secret").unwrap(), entry(&house, "client-secret-previous").unwrap());
    let env = json!({"keyStyle": "Env", "keys": {"client-secret-previous": "OLD"}});
    house.put(asked(app(env), "1")).settle();
    assert_eq!(
        (entry(&house, "CLIENT_SECRET").as_ref(), entry(&house, "OLD").as_ref()),
        (Some(&current), Some(&former))
    );
    assert_eq!((entry(&house, "client-secret"), entry(&house, "client-secret-previous")), (None, None));
    house.put(asked(app(json!({"name": "other"})), "1")).settle();
    assert!(!house.cluster.objects.contains_key(&ObjectKey::new(Kind::Secret, "identity", "app-oidc")));
    assert_eq!(house.entry("identity", "other", "client-secret").as_ref(), Some(&current));
    assert_eq!(house.entry("identity", "other", "client-secret-previous").as_ref(), Some(&former));
    assert!(accepts(&house, &current) && accepts(&house, &former));
}

#[test]
fn a_deleted_secret_cuts_both_off() {
    let mut house = house(json!({}));
    house.put(asked(app(json!({})), "1")).settle();
    let old = [entry(&house, "client-secret").unwrap(), entry(&house, "client-secret-previous").unwrap()];
    house.delete(Kind::Secret, "identity", "app-oidc").settle();
    assert!(old.iter().all(|old| !accepts(&house, old)));
    assert_eq!(entry(&house, "client-secret-previous"), None);
}

#[test]
fn whoever_lags_is_seen() {
    let mut house = house(json!({"rotation": {"overlap": "24h"}}));
    house.put(asked(app(json!({"rotation": {"overlap": "24h"}})), "1")).settle();
    events(&mut house);
    let use_it = |house: &House| house.client("app").unwrap().authentication.secrets[1].note_use(house.now);
    use_it(&house);
    let used = house.now;
    house.pass(seconds(60));
    assert_eq!(time(&status(&house)["credentials"]["previous"]["lastUsed"]), used);
    assert_eq!(events(&mut house), ["PreviousSecretUsed"]);
    use_it(&house);
    house.pass(seconds(120));
    assert!(events(&mut house).is_empty(), "not at each use");
    house.pass(seconds(600));
    use_it(&house);
    let last = house.now;
    house.pass(seconds(60));
    assert_eq!(events(&mut house), ["PreviousSecretUsed"]);
    house.pass(DAY);
    let note = house.cluster.events.iter().find(|event| event.reason == "PreviousSecretRemoved").unwrap().note.clone();
    assert!(note.contains(&last.to_string()), "{note}");
}

#[test]
fn a_foreign_secret_is_taken_over_only_where_its_owner_says_so() {
    let theirs = |annotations: Value| {
        let mut secret = secret("identity", "app-oidc", &[("client-secret", "in-use-for-years"), ("more", "theirs")]);
        secret["type"] = json!("Opaque");
        secret["metadata"]["annotations"] = annotations;
        secret
    };
    let mut house = House::with([
        realm("staff", json!({"signing": {"defaultKeys": "None"}})),
        theirs(json!({"realmkeeper.dev/adopt": "OidcClient/another"})),
        app(json!({})),
    ]);
    assert_eq!(house.ready(Kind::OidcClient, "identity", "app"), "False:SecretNotOwned");
    assert!(house.message(Kind::OidcClient, "identity", "app").contains("realmkeeper.dev/adopt: OidcClient/app"));
    let mut immutable = theirs(json!({"realmkeeper.dev/adopt": "OidcClient/app"}));
    immutable["immutable"] = json!(true);
    house.put(immutable).settle();
    assert_eq!(house.ready(Kind::OidcClient, "identity", "app"), "False:SecretNotOwned");
    house.put(theirs(json!({"realmkeeper.dev/adopt": "OidcClient/app"}))).settle();
    assert_eq!(house.ready(Kind::OidcClient, "identity", "app"), "True:Ready");
    assert_eq!(entry(&house, "client-secret").as_deref(), Some("in-use-for-years"));
    assert!(accepts(&house, "in-use-for-years"));
    assert_eq!(house.object(Kind::Secret, "identity", "app-oidc")["type"], "Opaque", "it can't be changed");

    // What was theirs stays theirs, whatever becomes of ours.
    house.put(asked(app(json!({"rotation": {"overlap": "1h"}})), "1")).settle();
    house.pass(DAY);
    assert_eq!(entry(&house, "client-secret-previous"), None);
    assert_eq!(entry(&house, "more").as_deref(), Some("theirs"));
    house.put(asked(app(json!({"keyStyle": "Env"})), "1")).settle();
    assert_eq!(names(&house), ["CLIENT_ID", "CLIENT_SECRET", "ISSUER", "PROVIDER", "TOKEN_ENDPOINT", "TYPE", "more"]);
}

fn names(house: &House) -> Vec<&str> {
    house.object(Kind::Secret, "identity", "app-oidc")["data"].as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn whatever_the_binding_becomes_the_secret_has_that_and_what_others_added() {
    let mut house = house(json!({"metadata": {"labels": {"team": "a"}}, "template": {"url": "{{ issuer }}"}}));
    let key = ObjectKey::new(Kind::Secret, "identity", "app-oidc");
    let mut added = house.cluster.objects[&key].clone();
    added["data"]["theirs"] = json!("eQ==");
    added["metadata"]["labels"]["theirs"] = json!("x");
    house.put(added);
    let secret = entry(&house, "client-secret");
    house.put(app(json!({"keyStyle": "Env", "deletionPolicy": "Retain"}))).settle();
    assert_eq!(names(&house), ["CLIENT_ID", "CLIENT_SECRET", "ISSUER", "PROVIDER", "TOKEN_ENDPOINT", "TYPE", "theirs"]);
    assert_eq!(entry(&house, "CLIENT_SECRET"), secret);
    let metadata = &house.cluster.objects[&key]["metadata"];
    assert!(metadata.get("ownerReferences").is_none(), "{metadata}");
    let labels: Vec<_> = metadata["labels"].as_object().unwrap().keys().collect();
    assert_eq!(labels, ["app.kubernetes.io/managed-by", "realmkeeper.dev/readable", "theirs"]);
    house.put(app(json!({}))).settle();
    assert_eq!(house.cluster.objects[&key]["metadata"]["ownerReferences"].as_array().unwrap().len(), 1);
    assert!(house.settle().is_empty());
}

#[test]
fn an_edited_secret_of_somebody_else_is_in_force_at_once_and_the_former_value_only_where_that_is_wanted() {
    let given = |value: &str| secret("identity", "given", &[("client-secret", value)]);
    let reference = |rotation: Value| {
        let mut spec = json!({"name": "given", "source": "Reference"});
        if !rotation.is_null() {
            spec["rotation"] = rotation;
        }
        app(spec)
    };
    let realm = realm("staff", json!({"signing": {"defaultKeys": "None"}}));
    let mut alone = House::with([realm.clone(), given("one"), reference(Value::Null)]);
    alone.put(given("two")).settle();
    assert!(accepts(&alone, "two") && !accepts(&alone, "one"));
    assert!(!alone.cluster.objects.contains_key(&ObjectKey::new(Kind::Secret, "identity", "app-oidc-seen")));

    let mut house = House::with([realm, given("one"), reference(json!({"overlap": "1h"}))]);
    house.put(given("two"));
    house.plan();
    assert!(accepts(&house, "two") && accepts(&house, "one"), "before anything is written");
    house.index.replan_all();
    house.settle();
    house.restart().settle();
    assert!(accepts(&house, "two") && accepts(&house, "one"), "and after a restart");
    assert!(status(&house)["credentials"]["previous"]["validUntil"].is_string());
    house.pass(SignedDuration::from_hours(1));
    assert!(accepts(&house, "two") && !accepts(&house, "one"));
    house.put(reference(Value::Null)).settle();
    assert!(!house.cluster.objects.contains_key(&ObjectKey::new(Kind::Secret, "identity", "app-oidc-seen")));
    assert!(accepts(&house, "two"));
}

#[test]
fn a_client_that_gives_up_its_reference_gets_a_secret_of_its_own_with_overlap() {
    let mut house = House::with([
        realm("staff", json!({"signing": {"defaultKeys": "None"}})),
        secret("identity", "given", &[("client-secret", "theirs")]),
        app(json!({"name": "given", "source": "Reference", "rotation": {"overlap": "1h"}})),
    ]);
    assert!(accepts(&house, "theirs"));
    house.put(app(json!({}))).settle();
    let own = entry(&house, "client-secret").unwrap();
    assert_ne!(own, "theirs");
    assert!(accepts(&house, &own) && accepts(&house, "theirs"));
    assert!(house.settle().is_empty());
}

#[test]
fn where_nothing_can_rotate_the_annotation_is_answered_by_a_sentence() {
    let workload = client("identity", "app", json!({"credentials": {"serviceAccounts": [{"name": "a"}]}}));
    let house = House::with([realm("staff", json!({"signing": {"defaultKeys": "None"}})), asked(workload, "1")]);
    assert!(
        house.message(Kind::OidcClient, "identity", "app").contains("realmkeeper.dev/rotate asks for nothing here")
    );
    assert!(status(&house).get("lastRotateRequest").is_none());
}

fn with_algorithm(field: &str, algorithm: &str, secret: Value) -> Value {
    let mut app = app(secret);
    app["spec"][field] = json!(algorithm);
    app["spec"]["redirectUris"] = json!(["https://app.example/callback"]);
    app
}

/// The secret itself as the provider has it, where it is fit for what it is used for.
fn known(house: &House) -> Option<String> {
    let client = house.client("app").unwrap();
    client.authentication.secret_value(house.now).map(|value| value.expose_str().unwrap().to_owned())
}

#[test]
fn rfc7518_3_2_a_generated_secret_is_as_long_as_the_algorithms_need() {
    let realm = || realm("staff", json!({"signing": {"defaultKeys": "None"}}));
    for (field, algorithm, least) in [
        ("idTokenSignedResponseAlg", "HS256", 32),
        ("idTokenSignedResponseAlg", "HS384", 48),
        ("userinfoSignedResponseAlg", "HS512", 64),
        ("requestObjectSigningAlg", "HS512", 64),
        ("idTokenEncryptedResponseAlg", "dir", 32),
        ("tokenEndpointAuthMethod", "client_secret_jwt", 32),
    ] {
        let house = House::with([realm(), with_algorithm(field, algorithm, json!({}))]);
        let secret = entry(&house, "client-secret").unwrap();
        assert!(secret.len() >= least, "{field} {algorithm}: {}", secret.len());
        assert_eq!(known(&house), Some(secret), "{field} {algorithm}");
        assert_eq!(house.ready(Kind::OidcClient, "identity", "app"), "True:Ready");
    }
    let plain = House::with([realm(), with_algorithm("idTokenSignedResponseAlg", "none", json!({}))]);
    assert_eq!(known(&plain), None, "nobody needs to know it");
}

#[test]
fn registration_2_who_has_registered_no_algorithm_for_assertions_gets_a_secret_that_is_long_enough_for_any() {
    let by_assertion = |algorithm: Value| {
        let mut app = with_algorithm("tokenEndpointAuthMethod", "client_secret_jwt", json!({}));
        app["spec"]["tokenEndpointAuthSigningAlg"] = algorithm;
        app
    };
    let mut house =
        House::with([realm("staff", json!({"signing": {"defaultKeys": "None"}})), by_assertion(json!("HS256"))]);
    let short = entry(&house, "client-secret").unwrap();
    assert!(short.len() < 48, "{}", short.len());
    // One that is there is long enough for what it was used for, and is kept.
    house.put(by_assertion(json!(null))).settle();
    assert_eq!(entry(&house, "client-secret"), Some(short));
    let house = House::with([realm("staff", json!({"signing": {"defaultKeys": "None"}})), by_assertion(json!(null))]);
    assert_eq!(entry(&house, "client-secret").unwrap().len(), 64);
}

#[test]
fn a_secret_of_ours_that_has_become_too_short_is_replaced_with_overlap() {
    let spec = json!({"rotation": {"overlap": "1h"}});
    let mut house = house(spec.clone());
    let short = entry(&house, "client-secret").unwrap();
    house.put(with_algorithm("idTokenSignedResponseAlg", "HS512", spec.clone()));
    house.plan();
    assert_eq!(known(&house), None, "a short one authenticates nothing, not even for a moment");
    assert!(accepts(&house, &short), "but its client is who it was");
    house.index.replan_all();
    house.settle();
    let long = entry(&house, "client-secret").unwrap();
    assert_eq!((long.len(), known(&house)), (64, Some(long.clone())));
    assert!(accepts(&house, &long) && accepts(&house, &short));
    assert_eq!(house.ready(Kind::OidcClient, "identity", "app"), "True:Ready");
    house.pass(SignedDuration::from_hours(1));
    assert!(!accepts(&house, &short));
    assert!(house.settle().is_empty());
    // A shorter one would do again, and nothing is done about it.
    house.put(with_algorithm("idTokenSignedResponseAlg", "HS256", spec)).settle();
    assert_eq!(entry(&house, "client-secret"), Some(long));
}

#[test]
fn a_referenced_secret_that_is_too_short_is_reported_and_authenticates_no_token() {
    let given = |value: &str| secret("identity", "given", &[("client-secret", value)]);
    let reference = json!({"name": "given", "source": "Reference"});
    let mut house = House::with([
        realm("staff", json!({"signing": {"defaultKeys": "None"}})),
        given("forty-three characters, as many others have"),
        with_algorithm("idTokenSignedResponseAlg", "HS384", reference),
    ]);
    assert_eq!(house.ready(Kind::OidcClient, "identity", "app"), "False:SecretInvalid");
    let message = house.message(Kind::OidcClient, "identity", "app");
    assert!(message.contains("has 43 bytes") && message.contains("need 48"), "{message}");
    assert!(!message.contains("forty-three"), "{message}");
    assert!(accepts(&house, "forty-three characters, as many others have") && known(&house).is_none());
    let long = "x".repeat(48);
    house.put(given(&long)).settle();
    assert_eq!(house.ready(Kind::OidcClient, "identity", "app"), "True:Ready");
    assert_eq!(known(&house), Some(long));
}
