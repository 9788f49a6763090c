use serde_json::{Value, json};

use crate::{
    controller::{
        source::{Kind, ObjectKey},
        testing::{House, realm, secret, signing_key},
    },
    jose::{Algorithm, PrivateKey},
};

fn signer(house: &House, algorithm: Algorithm) -> Option<String> {
    let realm = house.realm("staff")?;
    realm.keyring.signer(algorithm, house.now).map(|signer| signer.jwk().kid.clone())
}

fn keys<'h>(house: &'h House, name: &str) -> &'h Value {
    &house.object(Kind::SigningKey, "identity", name)["status"]["keys"]
}

#[test]
fn a_realm_without_rings_gets_them_as_resources_that_it_owns() {
    let house = House::with([realm("staff", json!({}))]);
    let uid = &house.object(Kind::Realm, "identity", "staff")["metadata"]["uid"];
    for (name, algorithm) in [("staff-es256", "ES256"), ("staff-rs256", "RS256")] {
        let ring = house.object(Kind::SigningKey, "identity", name);
        assert_eq!(ring["spec"]["algorithm"], algorithm);
        assert_eq!(&ring["metadata"]["ownerReferences"][0]["uid"], uid);
        assert_eq!(house.ready(Kind::SigningKey, "identity", name), "True:Ready");
        assert_eq!(keys(&house, name)[0]["state"], "Active");
    }
    assert_eq!(house.events_about(Kind::SigningKey, "staff-es256"), ["KeyCreated"]);
    let key = house.object(Kind::Secret, "identity", "staff-es256-1");
    assert_eq!(key["immutable"], true);
    assert_eq!(key["metadata"]["annotations"]["realmkeeper.dev/kid"], keys(&house, "staff-es256")[0]["kid"]);
    assert!(key["metadata"].get("ownerReferences").is_none(), "a ring retains its keys unless it says otherwise");
    assert!(signer(&house, Algorithm::Es256).is_some() && signer(&house, Algorithm::Rs256).is_some());
}

#[test]
fn a_ring_that_is_there_is_enough_and_none_is_made_where_none_is_wanted() {
    let house = House::with([signing_key("mine", json!({"algorithm": "RS256"})), realm("staff", json!({}))]);
    assert!(!house.cluster.objects.contains_key(&ObjectKey::new(Kind::SigningKey, "identity", "staff-rs256")));
    assert!(signer(&house, Algorithm::Rs256).is_some());
    let mut house = House::with([realm("staff", json!({"signing": {"defaultKeys": "None"}}))]);
    assert_eq!(house.ready(Kind::Realm, "identity", "staff"), "Unknown:NoActiveKey");
    assert_eq!(house.registry.load().without_key(house.now).len(), 1);
    house.put(signing_key("mine", json!({"algorithm": "ES256"}))).settle();
    assert_eq!(house.ready(Kind::Realm, "identity", "staff"), "True:Ready");
}

#[test]
fn the_default_algorithm_gets_a_ring_too() {
    let house = House::with([realm("staff", json!({"signing": {"defaultAlgorithm": "Ed25519"}}))]);
    assert_eq!(house.ready(Kind::Realm, "identity", "staff"), "True:Ready");
    assert!(signer(&house, Algorithm::Ed25519).is_some());
}

#[test]
fn a_revoked_key_is_out_at_once_and_a_new_one_signs() {
    let mut house = House::with([realm("staff", json!({})), signing_key("mine", json!({"algorithm": "ES256"}))]);
    let kid = signer(&house, Algorithm::Es256).unwrap();
    house.put(signing_key("mine", json!({"algorithm": "ES256", "revokedKids": [kid]})));
    house.plan();
    assert!(house.realm("staff").unwrap().keyring.verifier(&kid, house.now).is_none());
    house.index.replan_all();
    house.settle();
    let new = signer(&house, Algorithm::Es256).unwrap();
    assert_ne!(new, kid);
    assert_eq!(
        (&keys(&house, "mine")[0]["state"], &keys(&house, "mine")[1]["state"]),
        (&json!("Active"), &json!("Revoked"))
    );
    assert_eq!(keys(&house, "mine")[0]["secretName"], "mine-2");
    let realm = house.object(Kind::Realm, "identity", "staff");
    assert!(!realm["status"]["keys"].to_string().contains(&kid));
}

#[test]
fn a_ring_made_anew_takes_its_retained_keys_up_again() {
    let ring = || signing_key("mine", json!({"algorithm": "ES256"}));
    let mut house = House::with([realm("staff", json!({})), ring()]);
    let kid = signer(&house, Algorithm::Es256);
    house.delete(Kind::SigningKey, "identity", "mine").delete(Kind::SigningKey, "identity", "staff-es256");
    house.plan();
    assert_eq!(signer(&house, Algorithm::Es256), None);
    house.put(ring()).settle();
    assert_eq!(signer(&house, Algorithm::Es256), kid);
}

#[test]
fn a_change_of_the_deletion_policy_changes_the_owner_of_the_keys() {
    let ring = |policy: &str| signing_key("mine", json!({"algorithm": "ES256", "deletionPolicy": policy}));
    let mut house = House::with([realm("staff", json!({})), ring("Retain")]);
    let kid = signer(&house, Algorithm::Es256);
    assert_eq!(house.put(ring("Delete")).settle()[0], "apply Secret/identity/mine-1");
    let secret = house.object(Kind::Secret, "identity", "mine-1");
    assert_eq!(secret["metadata"]["ownerReferences"][0]["kind"], "SigningKey");
    assert_eq!(signer(&house, Algorithm::Es256), kid);
    assert!(house.settle().is_empty());
}

#[test]
fn keys_of_somebody_elses_making_are_read_from_their_secret() {
    let pem = PrivateKey::generate_pem(Algorithm::Es256).unwrap();
    let pem = pem.expose_str().unwrap();
    let ring = signing_key("theirs", json!({"algorithm": "ES256", "source": {"secretRef": {"name": "cert"}}}));
    let mut house = House::with([realm("staff", json!({"signing": {"defaultKeys": "None"}})), ring]);
    let ready = |house: &House| house.ready(Kind::SigningKey, "identity", "theirs");
    assert_eq!(ready(&house), "Unknown:SecretNotFound");
    house.put(secret("identity", "cert", &[("tls.crt", "x")])).settle();
    assert_eq!(ready(&house), "False:SecretEntryMissing");
    house.put(secret("identity", "cert", &[("tls.key", "x")])).settle();
    assert_eq!(ready(&house), "False:SecretInvalid");
    let other = PrivateKey::generate_pem(Algorithm::Es384).unwrap();
    house.put(secret("identity", "cert", &[("tls.key", other.expose_str().unwrap())])).settle();
    assert_eq!(ready(&house), "False:SecretInvalid");
    house.put(secret("identity", "cert", &[("tls.key", pem)])).settle();
    assert_eq!(ready(&house), "True:Ready");
    assert_eq!(house.ready(Kind::Realm, "identity", "staff"), "True:Ready");
    let copy = house.object(Kind::Secret, "identity", "theirs-1");
    assert_eq!(
        (&copy["immutable"], &copy["metadata"]["annotations"]["realmkeeper.dev/taken-from"]),
        (&json!(true), &json!("cert"))
    );
    assert_eq!(keys(&house, "theirs").as_array().unwrap().len(), 1);
    assert_eq!(keys(&house, "theirs")[0]["secretName"], "theirs-1");
    assert!(house.settle().is_empty());
}

#[test]
fn one_key_belongs_to_one_ring() {
    let pem = PrivateKey::generate_pem(Algorithm::Rs256).unwrap();
    let ring = |name: &str, algorithm: &str| {
        signing_key(name, json!({"algorithm": algorithm, "source": {"secretRef": {"name": "cert"}}}))
    };
    let house = House::with([
        realm("staff", json!({"signing": {"defaultKeys": "None", "defaultAlgorithm": "RS256"}})),
        secret("identity", "cert", &[("tls.key", pem.expose_str().unwrap())]),
        ring("b", "RS256"),
        ring("a", "PS256"),
    ]);
    assert_eq!(house.ready(Kind::SigningKey, "identity", "b"), "True:Ready");
    assert_eq!(house.ready(Kind::SigningKey, "identity", "a"), "False:Conflicted");
    assert_eq!(house.realm("staff").unwrap().keyring.published(house.now).count(), 1);
}

#[test]
fn a_ring_stands_in_the_namespace_of_its_realm() {
    let mut ring = signing_key("mine", json!({"algorithm": "ES256"}));
    ring["metadata"]["namespace"] = json!("apps");
    let house = House::with([realm("staff", json!({})), ring]);
    assert_eq!(house.ready(Kind::SigningKey, "apps", "mine"), "False:NamespaceNotAllowed");
    assert!(!house.cluster.objects.contains_key(&ObjectKey::new(Kind::Secret, "apps", "mine-1")));
}

#[test]
fn a_foreign_secret_in_the_way_of_a_key_is_told_and_left_alone() {
    let house = House::with([
        secret("identity", "mine-1", &[("a", "b")]),
        realm("staff", json!({})),
        signing_key("mine", json!({"algorithm": "ES256"})),
    ]);
    assert_eq!(house.ready(Kind::SigningKey, "identity", "mine"), "False:SecretNotOwned");
    assert_eq!(house.entry("identity", "mine-1", "a").as_deref(), Some("b"));
}

#[test]
fn a_ring_that_signs_goes_round_a_foreign_secret() {
    let ring = |request: &str| {
        let mut ring = signing_key("mine", json!({"algorithm": "ES256", "rotation": {"prePublish": "1m"}}));
        ring["metadata"]["annotations"] = json!({"realmkeeper.dev/rotate": request});
        ring
    };
    let mut house = House::with([realm("staff", json!({"signing": {"defaultKeys": "None"}})), ring("1")]);
    let first = signer(&house, Algorithm::Es256);
    // One that our watch sees, and one that it does not.
    house.put(secret("identity", "mine-2", &[("a", "b")]));
    house.cluster.hidden.insert(ObjectKey::new(Kind::Secret, "identity", "mine-3"), json!({}));
    house.put(ring("2")).settle();
    assert_eq!(house.object(Kind::SigningKey, "identity", "mine")["status"]["keys"][0]["secretName"], "mine-4");
    house.pass(jiff::SignedDuration::from_secs(90));
    assert_ne!(signer(&house, Algorithm::Es256), first);
    assert_eq!(house.ready(Kind::SigningKey, "identity", "mine"), "True:Ready");
    assert_eq!(house.entry("identity", "mine-2", "a").as_deref(), Some("b"));
}

#[test]
fn a_key_that_is_to_sign_later_is_published_first_and_the_plan_says_when_to_look_again() {
    let mut house = House::with([realm("staff", json!({})), signing_key("mine", json!({"algorithm": "ES256"}))]);
    let old = signer(&house, Algorithm::Es256);
    let active = house.now + jiff::SignedDuration::from_hours(1);
    let pem = PrivateKey::generate_pem(Algorithm::Es256).unwrap();
    let mut next = secret("identity", "mine-2", &[("private-key.pem", pem.expose_str().unwrap())]);
    next["metadata"]["labels"]["app.kubernetes.io/managed-by"] = json!("realmkeeper");
    next["metadata"]["annotations"] = json!({
        "realmkeeper.dev/owner": "SigningKey/mine",
        "realmkeeper.dev/published-at": house.now.to_string(),
        "realmkeeper.dev/active-from": active.to_string(),
    });
    house.put(next).settle();
    let states = |house: &House| {
        let states =
            keys(house, "mine").as_array().unwrap().iter().map(|key| key["state"].as_str().unwrap().to_owned());
        states.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(states(&house), "Published Active");
    assert_eq!(signer(&house, Algorithm::Es256), old);
    assert_eq!(house.index.next_wake(), Some(active));
    house.now = active;
    house.index.wake(active);
    let writes = house.settle();
    assert_eq!(states(&house), "Active Retired");
    assert_ne!(signer(&house, Algorithm::Es256), old);
    assert_eq!(writes, ["status Realm/identity/staff", "status SigningKey/identity/mine"]);
}

#[test]
fn many_realms_get_their_keys_a_few_at_a_time() {
    let mut house = House::new();
    for number in 0..6 {
        house.put(realm(&format!("r{number}"), json!({"signing": {"defaultAlgorithm": "ES256"}})));
    }
    house.settle();
    for number in 0..6 {
        assert_eq!(house.ready(Kind::Realm, "identity", &format!("r{number}")), "True:Ready");
    }
}
