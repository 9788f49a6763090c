//! Keys over the years: the house is run by hand, and time goes by between its steps.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    api::ROTATE_ANNOTATION,
    controller::{
        source::{Event, Kind, ObjectKey},
        testing::{House, client, object, realm, secret, signing_key},
    },
    jose::{Algorithm, PrivateKey},
};

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

fn staff() -> Value {
    realm("staff", json!({"signing": {"defaultKeys": "None"}, "tokens": {"idToken": "10m", "accessToken": "10m"}}))
}

fn ring(rotation: Value) -> Value {
    signing_key("ring", json!({"algorithm": "ES256", "rotation": rotation}))
}

fn asked(mut ring: Value, request: &str) -> Value {
    ring["metadata"]["annotations"] = json!({ROTATE_ANNOTATION: request});
    ring
}

fn house(rotation: Value) -> House {
    House::with([staff(), ring(rotation)])
}

fn status(house: &House) -> &Value {
    &house.object(Kind::SigningKey, "identity", "ring")["status"]
}

/// `NUMBER:State` of each key, newest first.
fn states(house: &House) -> String {
    let one = |key: &Value| {
        let number = key["secretName"].as_str().unwrap().rsplit('-').next().unwrap().to_owned();
        format!("{number}:{}", key["state"].as_str().unwrap())
    };
    status(house)["keys"].as_array().map(|keys| keys.iter().map(one).collect::<Vec<_>>().join(" ")).unwrap_or_default()
}

fn signer(house: &House) -> String {
    let realm = house.realm("staff").unwrap();
    realm.keyring.signer(Algorithm::Es256, house.now).unwrap().jwk().kid.clone()
}

fn verifies(house: &House, kid: &str) -> bool {
    house.realm("staff").unwrap().keyring.verifier(kid, house.now).is_some()
}

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

fn events(house: &mut House) -> Vec<&'static str> {
    let events = house.events_about(Kind::SigningKey, "ring");
    house.cluster.events.clear();
    events
}

#[test]
fn a_key_lives_through_all_its_states() {
    let mut house = house(json!({"every": "10d", "prePublish": "1h"}));
    let (first, start) = (signer(&house), house.now);
    let published = start + DAY * 10 - HOUR;
    assert_eq!((states(&house).as_str(), time(&status(&house)["nextRotation"])), ("1:Active", start + DAY * 10));
    house.until(published - seconds(31));
    assert_eq!(states(&house), "1:Active");
    house.until(published - seconds(30));
    assert_eq!(states(&house), "2:Pending 1:Active");
    let second = status(&house)["keys"][0]["kid"].as_str().unwrap().to_owned();
    assert!(verifies(&house, &second), "every replica has it in its JWKS as soon as it sees it");
    house.until(published);
    assert_eq!(states(&house), "2:Published 1:Active");
    assert_eq!(time(&status(&house)["nextRotation"]), start + DAY * 10);
    house.until(start + DAY * 10 - seconds(1));
    assert_eq!(signer(&house), first);
    house.until(start + DAY * 10);
    assert_eq!((signer(&house), states(&house).as_str()), (second, "2:Active 1:Retired"));
    let keys = status(&house)["keys"].clone();
    assert_eq!(keys[1]["retiredAt"], keys[0]["activatedAt"]);
    let gone = house.now + seconds(630);
    assert_eq!(time(&keys[1]["removedAt"]), gone);
    house.until(gone - seconds(1));
    assert!(verifies(&house, &first));
    house.until(gone);
    assert!(!verifies(&house, &first));
    assert_eq!(states(&house), "2:Active 1:Removed");
    house.until(gone + seconds(30));
    assert_eq!(states(&house), "2:Active");
    assert!(!house.cluster.objects.contains_key(&ObjectKey::new(Kind::Secret, "identity", "ring-1")));
    assert_eq!(events(&mut house), ["KeyCreated", "KeyCreated", "KeyActivated", "KeyRemoved"]);
}

#[test]
fn years_of_rotation_leave_nothing_behind() {
    let mut house = house(json!({"every": "30d"}));
    let mut writes = 0;
    for day in 1..=365 * 5 {
        writes += house.pass(DAY).len();
        let secrets = house.cluster.objects.keys().filter(|key| key.kind == Kind::Secret).count();
        assert!(secrets <= 2, "day {day}");
    }
    assert_eq!(states(&house), format!("{}:Active", 365 * 5 / 30 + 1));
    assert!(house.cluster.objects.len() <= 3, "{:?}", house.cluster.objects.keys());
    assert_eq!(writes, 60 * 11, "a Secret made and deleted, four states of both objects, and the end of the old key");
}

#[test]
fn a_rotation_that_is_asked_for_begins_at_once_and_is_answered_once() {
    let rotation = json!({"every": "Never", "prePublish": "2s"});
    let mut house = house(rotation.clone());
    let first = signer(&house);
    house.put(asked(ring(rotation.clone()), "one")).settle();
    assert_eq!((states(&house).as_str(), &status(&house)["lastRotateRequest"]), ("2:Pending 1:Active", &json!("one")));
    house.pass(seconds(2));
    assert_eq!((states(&house).as_str(), signer(&house)), ("2:Published 1:Active", first));
    house.put(asked(ring(rotation.clone()), "two")).settle();
    assert_eq!(states(&house), "2:Published 1:Active", "a new key is on its way already");
    assert_eq!(status(&house)["lastRotateRequest"], "two");
    house.pass(seconds(2));
    assert_eq!(states(&house), "2:Active 1:Retired");
    house.pass(DAY);
    assert_eq!(states(&house), "2:Active");
    house.put(ring(rotation.clone())).settle();
    house.put(asked(ring(rotation.clone()), "two")).settle();
    assert_eq!(states(&house), "2:Active", "it has been answered");
    house.put(asked(ring(rotation), "three")).settle();
    assert_eq!(states(&house), "3:Pending 2:Active");
}

#[test]
fn a_ring_that_is_made_with_the_annotation_does_not_rotate_for_it_nor_after_its_status_is_lost() {
    let rotation = json!({"prePublish": "1m"});
    let mut house = House::with([staff(), asked(ring(rotation.clone()), "one")]);
    assert_eq!((states(&house).as_str(), &status(&house)["lastRotateRequest"]), ("1:Active", &json!("one")));
    let before = status(&house).clone();
    let mut bare = house.object(Kind::SigningKey, "identity", "ring").clone();
    bare["status"] = json!({});
    house.cluster.objects.insert(ObjectKey::new(Kind::SigningKey, "identity", "ring"), bare);
    house.restart().settle();
    let after = status(&house).clone();
    assert_eq!((&after["keys"], &after["lastRotateRequest"]), (&before["keys"], &before["lastRotateRequest"]));
    assert_eq!(states(&house), "1:Active");
}

#[test]
fn every_replica_switches_at_the_same_instant_though_their_clocks_differ() {
    let mut house = house(json!({"every": "10d", "prePublish": "1h"}));
    let start = house.now;
    house.until(start + DAY * 10 - HOUR);
    let keyring = house.realm("staff").unwrap().keyring.clone();
    let created = start + DAY * 10 - HOUR - seconds(30);
    for skew in [-30, 0, 30] {
        let by_its_clock = |at: Timestamp| at + seconds(skew);
        let signs = |at| keyring.signer(Algorithm::Es256, by_its_clock(at)).unwrap().jwk().kid.clone();
        assert_eq!(keyring.published(by_its_clock(created)).count(), 2, "{skew}");
        assert_ne!(signs(created + HOUR - seconds(1)), signs(start + DAY * 10 + seconds(30)), "{skew}");
        assert_eq!(signs(created + HOUR - seconds(1)), signs(start), "not before it was published for an hour: {skew}");
    }
}

#[test]
fn a_revoked_key_is_out_at_once_and_the_one_before_signs_until_the_next_may() {
    let mut house = house(json!({"every": "10d", "prePublish": "1h"}));
    let (first, start) = (signer(&house), house.now);
    house.until(start + DAY * 10 + seconds(60));
    let second = signer(&house);
    events(&mut house);
    let revoking = json!({"algorithm": "ES256", "rotation": {"every": "10d"}, "revokedKids": [second]});
    house.put(signing_key("ring", revoking));
    house.plan();
    assert!(!verifies(&house, &second));
    assert_eq!(signer(&house), first, "everybody knows it still");
    house.index.replan_all();
    house.settle();
    assert_eq!(states(&house), "3:Pending 2:Revoked 1:Active");
    assert_eq!(events(&mut house), ["KeyRevoked", "KeyActivated", "KeyCreated"]);
    house.pass(HOUR + seconds(30));
    assert_eq!(states(&house), "3:Active 2:Revoked 1:Retired");
    house.pass(DAY);
    assert_eq!(states(&house), "3:Active");
}

#[test]
fn keys_are_kept_for_the_longest_token_that_they_can_have_signed() {
    let rotation = json!({"every": "10d", "prePublish": "1m"});
    let long = json!({"tokens": {"accessToken": "2h"}});
    let mut house = house(rotation);
    let start = house.now;
    house.put(client("identity", "slow", long)).settle();
    let secret = house.object(Kind::Secret, "identity", "ring-1")["metadata"]["annotations"].clone();
    assert_eq!(secret["realmkeeper.dev/longest-token"], "2h");
    house.delete(Kind::OidcClient, "identity", "slow").restart().settle();
    house.until(start + DAY * 10);
    assert_eq!(states(&house), "2:Active 1:Retired");
    let removed = time(&status(&house)["keys"][1]["removedAt"]);
    assert_eq!(removed, start + DAY * 10 + HOUR * 2 + seconds(30), "its tokens of then are about");
    house.until(start + DAY * 20);
    let removed = time(&status(&house)["keys"][1]["removedAt"]);
    assert_eq!(removed, start + DAY * 20 + seconds(630), "those of the next are not");
}

#[test]
fn keys_are_kept_for_logout_tokens_where_a_client_is_sent_them() {
    let short =
        realm("staff", json!({"signing": {"defaultKeys": "None"}, "tokens": {"idToken": "5s", "accessToken": "5s"}}));
    let mut house = House::with([short, ring(json!({"every": "1d", "prePublish": "1s"}))]);
    let longest = |house: &House| {
        house.object(Kind::Secret, "identity", "ring-1")["metadata"]["annotations"]["realmkeeper.dev/longest-token"]
            .clone()
    };
    assert_eq!(longest(&house), "5s");
    let told = json!({"redirectUris": ["https://app.example/cb"], "backchannelLogoutUri": "https://app.example/out"});
    house.put(client("identity", "app", told)).settle();
    assert_eq!(longest(&house), "2m");
    house.pass(DAY);
    let removed = time(&status(&house)["keys"][1]["removedAt"]);
    assert_eq!(removed, time(&status(&house)["keys"][1]["retiredAt"]) + seconds(121));
}

/// Else a relying party that asks a fast replica for the keys could not verify what a slow one signs at that moment.
#[test]
fn a_key_stays_published_as_long_as_the_slowest_replica_may_sign_with_it_however_short_its_tokens_are() {
    let short =
        realm("staff", json!({"signing": {"defaultKeys": "None"}, "tokens": {"idToken": "5s", "accessToken": "5s"}}));
    let mut house = House::with([short, ring(json!({"every": "1d", "prePublish": "1m"}))]);
    let (start, first) = (house.now, signer(&house));
    house.until(start + DAY);
    let keyring = house.realm("staff").unwrap().keyring.clone();
    let (slow, fast) = (start + DAY - seconds(1), start + DAY + seconds(29));
    assert_eq!(keyring.signer(Algorithm::Es256, slow).unwrap().jwk().kid, first);
    assert!(keyring.verifier(&first, fast).is_some());
    assert_eq!(time(&status(&house)["keys"][1]["removedAt"]), start + DAY + seconds(35));
}

#[test]
fn a_secret_that_is_deleted_is_written_again_and_verifies_all_the_time() {
    let mut house = house(json!({"every": "10d"}));
    let kid = signer(&house);
    let before = house.object(Kind::Secret, "identity", "ring-1").clone();
    events(&mut house);
    house.delete(Kind::Secret, "identity", "ring-1").plan();
    assert_eq!(signer(&house), kid);
    house.index.replan_all();
    assert_eq!(house.settle()[0], "create Secret/identity/ring-1");
    let after = house.object(Kind::Secret, "identity", "ring-1");
    assert_eq!(after["data"], before["data"]);
    let mut annotations = after["metadata"]["annotations"].clone();
    let restored = annotations.as_object_mut().unwrap().remove("realmkeeper.dev/restored-at").unwrap();
    assert_eq!(annotations, before["metadata"]["annotations"]);
    assert_eq!((signer(&house), states(&house).as_str()), (kid, "1:Active"));
    assert_eq!((&status(&house)["keys"][0]["restoredAt"], time(&restored)), (&restored, house.now));
    assert_eq!(events(&mut house), ["KeyRestored"]);
}

#[test]
fn a_secret_that_is_lost_for_good_is_replaced_at_once_and_that_is_said() {
    let mut house = house(json!({"every": "10d"}));
    let kid = signer(&house);
    events(&mut house);
    house.cluster.objects.remove(&ObjectKey::new(Kind::Secret, "identity", "ring-1"));
    house.restart().settle();
    assert_ne!(signer(&house), kid);
    assert_eq!(house.ready(Kind::SigningKey, "identity", "ring"), "True:Ready");
    assert!(events(&mut house).contains(&"KeyLost"));
    assert_eq!(status(&house)["lostKeys"][0]["kid"], kid, "as long as somebody may wonder");
    house.pass(seconds(631));
    assert!(status(&house).get("lostKeys").is_none());
    assert!(house.settle().is_empty());
}

/// The status holds the 64 newest.
#[test]
fn a_ring_of_more_keys_than_its_status_holds_has_lost_none() {
    let mut house = house(json!({"every": "1s", "prePublish": "1s"}));
    for _ in 0..75 {
        house.pass(seconds(2));
    }
    let keys = status(&house)["keys"].as_array().unwrap().len();
    let secrets = house.cluster.objects.keys().filter(|key| key.kind == Kind::Secret).count();
    assert!(keys == 64 && secrets > 64, "{keys} {secrets}");
    assert!(status(&house).get("lostKeys").is_none());
    assert!(!events(&mut house).contains(&"KeyLost"));
    house.put(ring(json!({"every": "Never"}))).settle();
    events(&mut house);
    house.pass(DAY);
    assert_eq!(status(&house)["keys"].as_array().unwrap().len(), 1);
    let events = events(&mut house);
    assert!(!events.contains(&"KeyCreated") && !events.contains(&"KeyLost"), "{events:?}");
}

#[test]
fn a_key_secret_that_has_lost_its_labels_is_told_while_somebody_can_still_mend_it() {
    let mut house = house(json!({"every": "10d"}));
    let kid = signer(&house);
    let key = ObjectKey::new(Kind::Secret, "identity", "ring-1");
    let unlabelled = house.cluster.objects.remove(&key).unwrap();
    house.cluster.hidden.insert(key.clone(), unlabelled.clone());
    house.index.apply(Event::Deleted(key.clone()));
    house.settle();
    assert_eq!(
        (house.ready(Kind::SigningKey, "identity", "ring").as_str(), signer(&house)),
        ("False:SecretNotOwned", kid.clone())
    );
    let message = house.message(Kind::SigningKey, "identity", "ring");
    assert!(message.contains("the Secret ring-1 lacks the labels") && message.contains(&kid), "{message}");
    // It has them back.
    house.cluster.hidden.clear();
    house.cluster.objects.insert(key, unlabelled.clone());
    house.index.apply(Event::Applied(object(&unlabelled)));
    house.settle();
    assert_eq!((house.ready(Kind::SigningKey, "identity", "ring").as_str(), signer(&house)), ("True:Ready", kid));
    assert!(house.settle().is_empty());
}

#[test]
fn a_key_that_was_revoked_stays_so_whatever_becomes_of_the_list() {
    let mut house = house(json!({"every": "10d"}));
    let kid = signer(&house);
    let revoking = |kids: Value| signing_key("ring", json!({"algorithm": "ES256", "revokedKids": kids}));
    house.put(revoking(json!([kid, "a kid that nobody knows"]))).settle();
    assert_eq!(states(&house), "2:Active 1:Revoked");
    house.put(revoking(json!([]))).settle();
    assert_eq!((states(&house).as_str(), verifies(&house, &kid)), ("2:Active 1:Revoked", false));
    house.restart().settle();
    assert_eq!((states(&house).as_str(), verifies(&house, &kid)), ("2:Active 1:Revoked", false));

    // Nor does it come back from where it was taken.
    let theirs = PrivateKey::generate_pem(Algorithm::Es256).unwrap();
    let spec =
        |kids: Value| json!({"algorithm": "ES256", "source": {"secretRef": {"name": "cert"}}, "revokedKids": kids});
    let mut house = House::with([
        staff(),
        secret("identity", "cert", &[("tls.key", theirs.expose_str().unwrap())]),
        signing_key("ring", spec(json!([]))),
    ]);
    let kid = signer(&house);
    house.put(signing_key("ring", spec(json!([kid])))).settle();
    house.put(signing_key("ring", spec(json!([])))).settle();
    assert_eq!((states(&house).as_str(), verifies(&house, &kid)), ("1:Revoked", false));
    assert_eq!(house.ready(Kind::SigningKey, "identity", "ring"), "False:SecretInvalid");
}

#[test]
fn where_every_key_is_revoked_one_takes_their_place() {
    let rotation = json!({"every": "Never", "prePublish": "1h"});
    let mut house = house(rotation.clone());
    house.put(asked(ring(rotation.clone()), "one")).settle();
    assert_eq!(states(&house), "2:Pending 1:Active");
    let kids: Vec<_> = status(&house)["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect();
    let revoking = signing_key("ring", json!({"algorithm": "ES256", "rotation": rotation, "revokedKids": kids}));
    house.put(asked(revoking.clone(), "one")).settle();
    assert_eq!(states(&house), "3:Active 2:Revoked 1:Revoked", "and no other, though the second was to come later");
    assert_eq!(status(&house)["lastRotateRequest"], "one");
    house.put(asked(revoking, "two")).settle();
    assert_eq!(
        (states(&house).as_str(), &status(&house)["lastRotateRequest"]),
        ("4:Pending 3:Active 2:Revoked 1:Revoked", &json!("two"))
    );
    house.pass(DAY);
    assert_eq!((states(&house).as_str(), &status(&house)["lastRotateRequest"]), ("4:Active", &json!("two")));
    assert!(house.settle().is_empty());
}

#[test]
fn a_key_whose_secret_can_not_be_read_is_not_lost_but_told() {
    let mut house = house(json!({"every": "10d"}));
    events(&mut house);
    let mut spoilt = house.object(Kind::Secret, "identity", "ring-1").clone();
    spoilt["metadata"]["annotations"].as_object_mut().unwrap().remove("realmkeeper.dev/active-from");
    house.put(spoilt).settle();
    assert_eq!(house.ready(Kind::SigningKey, "identity", "ring"), "False:SecretInvalid");
    assert!(house.message(Kind::SigningKey, "identity", "ring").contains("realmkeeper.dev/active-from"));
    assert!(status(&house).get("lostKeys").is_none());
    assert!(!events(&mut house).contains(&"KeyLost"));
    signer(&house);
}

#[test]
fn a_ring_that_waits_for_its_realm_has_lost_nothing() {
    let mut house = house(json!({"every": "10d"}));
    let kid = signer(&house);
    house.delete(Kind::Realm, "identity", "staff").settle();
    house.put(staff()).settle();
    assert_eq!(signer(&house), kid);
    assert!(!events(&mut house).contains(&"KeyLost"));
}

#[test]
fn secrets_restored_from_a_backup_fall_into_their_place() {
    let mut house = house(json!({"every": "10d"}));
    let (start, kid) = (house.now, signer(&house));
    let backup = house.object(Kind::Secret, "identity", "ring-1").clone();
    house.until(start + DAY * 25);
    assert_eq!(states(&house), "3:Active");
    house.index.apply(Event::Applied(object(&backup)));
    house.cluster.objects.insert(ObjectKey::new(Kind::Secret, "identity", "ring-1"), backup);
    house.settle();
    assert!(!verifies(&house, &kid), "its time is over");
    assert_eq!(states(&house), "3:Active");
}

#[test]
fn a_renewed_certificate_starts_a_new_generation_with_overlap() {
    let pem = |number| {
        let _: u32 = number;
        PrivateKey::generate_pem(Algorithm::Es256).unwrap().expose_str().unwrap().to_owned()
    };
    let (old, new) = (pem(1), pem(2));
    let spec =
        json!({"algorithm": "ES256", "source": {"secretRef": {"name": "cert"}}, "rotation": {"prePublish": "1m"}});
    let cert = |pem: &str| secret("identity", "cert", &[("tls.crt", "x"), ("tls.key", pem)]);
    let mut house = House::with([staff(), cert(&old), signing_key("ring", spec)]);
    let first = signer(&house);
    assert_eq!(states(&house), "1:Active");
    house.put(cert(&new)).settle();
    assert_eq!((states(&house).as_str(), signer(&house)), ("2:Pending 1:Active", first.clone()));
    house.pass(seconds(90));
    assert_eq!(states(&house), "2:Active 1:Retired");
    assert!(verifies(&house, &first) && signer(&house) != first);
    house.put(cert("broken")).settle();
    assert_eq!(house.ready(Kind::SigningKey, "identity", "ring"), "False:SecretInvalid");
    assert_ne!(signer(&house), first, "what was there is served on");
    house.delete(Kind::Secret, "identity", "cert").restart().settle();
    assert_eq!(house.ready(Kind::SigningKey, "identity", "ring"), "Unknown:SecretNotFound");
    assert_eq!(states(&house), "2:Active 1:Retired");
    house.put(cert(&old)).settle();
    assert_eq!(states(&house), "3:Pending 2:Active", "the former key again, in a generation of its own");
    house.pass(seconds(90));
    assert_eq!((signer(&house), states(&house).as_str()), (first, "3:Active 2:Retired"));
}

/// A key that is put back before its successor signs would, in a generation of its own, leave the ring without the one that signs now.
#[test]
fn a_certificate_that_is_taken_back_while_the_next_waits_lets_no_key_sign_before_its_time() {
    let pem = || PrivateKey::generate_pem(Algorithm::Es256).unwrap().expose_str().unwrap().to_owned();
    let (old, new) = (pem(), pem());
    let spec =
        json!({"algorithm": "ES256", "source": {"secretRef": {"name": "cert"}}, "rotation": {"prePublish": "1h"}});
    let cert = |pem: &str| secret("identity", "cert", &[("tls.key", pem)]);
    let mut house = House::with([staff(), cert(&old), signing_key("ring", spec)]);
    let first = signer(&house);
    house.put(cert(&new)).settle();
    let second = status(&house)["keys"][0]["kid"].as_str().unwrap().to_owned();
    let takes_over = time(&status(&house)["nextRotation"]);
    house.put(cert(&old)).settle();
    assert_eq!((signer(&house), states(&house).as_str()), (first.clone(), "2:Pending 1:Active"));
    house.until(takes_over - seconds(1));
    assert_eq!(signer(&house), first, "{second} was not published for an hour");
    house.until(takes_over);
    assert_eq!((signer(&house), states(&house).as_str()), (second, "3:Pending 2:Active"));
    house.pass(HOUR + seconds(30));
    assert_eq!((signer(&house), states(&house).as_str()), (first.clone(), "3:Active 2:Retired"));
    house.pass(DAY);
    assert_eq!((signer(&house), states(&house).as_str()), (first, "3:Active"));
}

#[test]
fn where_the_source_changes_the_keys_follow_with_overlap() {
    let theirs = PrivateKey::generate_pem(Algorithm::Es256).unwrap();
    let spec = |source: Value| json!({"algorithm": "ES256", "source": source, "rotation": {"prePublish": "1m"}});
    let (referenced, generated) = (json!({"secretRef": {"name": "cert"}}), json!({"generate": {}}));
    let mut house = house(json!({"prePublish": "1m"}));
    let made = signer(&house);
    house.put(secret("identity", "cert", &[("tls.key", theirs.expose_str().unwrap())]));
    house.put(signing_key("ring", spec(referenced.clone()))).settle();
    assert_eq!((states(&house).as_str(), signer(&house)), ("2:Pending 1:Active", made.clone()));
    house.pass(seconds(90));
    assert_eq!(states(&house), "2:Active 1:Retired");
    assert!(verifies(&house, &made));
    assert_eq!(status(&house).get("nextRotation"), None, "nobody knows when it is renewed");
    let taken = signer(&house);
    house.put(signing_key("ring", spec(generated))).settle();
    assert_eq!((states(&house).as_str(), signer(&house)), ("3:Pending 2:Active 1:Retired", taken.clone()));
    house.pass(seconds(90));
    assert_eq!(states(&house), "3:Active 2:Retired 1:Retired");
    assert!(signer(&house) != made && verifies(&house, &taken));
    // And back, to the key that is in the ring still.
    house.put(signing_key("ring", spec(referenced))).settle();
    house.pass(seconds(90));
    assert_eq!(signer(&house), taken);
    house.pass(DAY);
    assert_eq!(states(&house), "4:Active");
}

#[test]
fn a_second_ring_of_an_algorithm_waits_as_every_new_key_does() {
    let mut house = house(json!({"every": "Never", "prePublish": "1h"}));
    let first = signer(&house);
    house.put(signing_key("other", json!({"algorithm": "ES256", "rotation": {"prePublish": "1h"}}))).settle();
    assert_eq!(signer(&house), first);
    assert_eq!(house.ready(Kind::SigningKey, "identity", "other"), "Unknown:NoActiveKey");
    house.pass(HOUR + seconds(30));
    assert_ne!(signer(&house), first);
    assert_eq!(
        (house.ready(Kind::SigningKey, "identity", "other").as_str(), states(&house).as_str()),
        ("True:Ready", "1:Retired")
    );
    house.pass(DAY * 100);
    assert!(verifies(&house, &first), "the newest of a ring stays: the other ring may go");
    house.delete(Kind::SigningKey, "identity", "other").settle();
    assert_eq!(signer(&house), first);
}

#[test]
fn the_jwk_set_is_cached_no_longer_than_the_shortest_wait() {
    let max_age = |house: &House| house.realm("staff").unwrap().keyring.max_age().as_secs();
    let mut house = house(json!({"prePublish": "5s"}));
    assert_eq!(max_age(&house), 5);
    house.put(signing_key("other", json!({"algorithm": "RS256", "rotation": {"prePublish": "2s"}}))).settle();
    assert_eq!(max_age(&house), 2);
    house.delete(Kind::SigningKey, "identity", "other").settle();
    house.put(ring(json!({"prePublish": "1h"}))).settle();
    assert_eq!(max_age(&house), 5, "the next key may have been promised to come after five seconds");
    house.put(asked(ring(json!({"prePublish": "1h"})), "1")).settle();
    assert_eq!(max_age(&house), 60);
    house.put(asked(ring(json!({"prePublish": "1s"})), "1")).settle();
    assert_eq!(max_age(&house), 1);
}

#[test]
fn a_frozen_ring_is_served_and_not_rotated() {
    let mut frozen = ring(json!({"every": "1d"}));
    frozen["metadata"]["annotations"] = json!({"realmkeeper.dev/reconcile": "disabled"});
    let mut house = house(json!({"every": "1d"}));
    let kid = signer(&house);
    house.put(frozen).settle();
    house.pass(DAY * 10);
    assert_eq!(signer(&house), kid);
    house.put(ring(json!({"every": "1d"}))).settle();
    house.pass(HOUR * 2);
    assert_ne!(signer(&house), kid, "it is late, and waits for its publication all the same");
}
