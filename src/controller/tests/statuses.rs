use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    controller::{
        source::Kind,
        testing::{House, client, group, realm, secret, signing_key, user},
    },
    jose::{Algorithm, PrivateKey},
};

const OURS: [Kind; 5] = [Kind::Realm, Kind::OidcClient, Kind::User, Kind::Group, Kind::SigningKey];

/// Two of every kind that claim one name (a User: a username, and a subject), the younger called `aa`, so that its name decides nothing.
#[test]
fn whoever_comes_second_reads_whose_the_name_is() {
    let all = json!({"namespaces": {"from": "All"}});
    let issuer = json!({"issuer": "https://id.example.com/a"});
    let pem = PrivateKey::generate_pem(Algorithm::Es384).unwrap();
    let brought = json!({"algorithm": "ES384", "source": {"secretRef": {"name": "cert"}}});
    let house = House::with([
        realm("staff", json!({"allowed": {"groups": all}})),
        secret("identity", "cert", &[("tls.key", pem.expose_str().unwrap())]),
        realm("first", issuer.clone()),
        realm("aa", issuer),
        client("identity", "first", json!({"clientId": "app"})),
        client("identity", "aa", json!({"clientId": "app"})),
        user("identity", "first", json!({"username": "ada", "subject": "7b0c"})),
        user("identity", "aa", json!({"username": "ADA"})),
        user("identity", "ab", json!({"subject": "7b0c"})),
        group("apps", "first", json!({})),
        group("identity", "apps.first", json!({})),
        signing_key("first", brought.clone()),
        signing_key("aa", brought),
    ]);
    for (kind, name, winner, claim) in [
        (Kind::Realm, "aa", "identity/first", "the issuer https://id.example.com/a"),
        (Kind::OidcClient, "aa", "identity/first", "the client identifier app"),
        (Kind::User, "aa", "identity/first", "the username"),
        (Kind::User, "ab", "identity/first", "the subject 7b0c"),
        (Kind::Group, "apps.first", "apps/first", "the group name apps.first"),
        (Kind::SigningKey, "aa", "identity/first", "the key "),
    ] {
        let conditions = house.conditions(kind, "identity", name);
        assert!(conditions.contains("Accepted=False:Conflicted"), "{kind} {name}: {conditions}");
        assert_eq!(house.ready(kind, "identity", name), "False:Conflicted", "{kind} {name}");
        let message = house.message(kind, "identity", name);
        assert!(message.contains(claim) && message.contains(winner), "{kind} {name}: {message}");
        assert_eq!(house.events_about(kind, name), ["Conflicted"], "{kind} {name}");
    }
}

fn frozen(mut object: Value) -> Value {
    object["metadata"]["annotations"] = json!({"realmkeeper.dev/reconcile": "disabled"});
    object
}

fn of_every_kind() -> [Value; 6] {
    [
        realm("staff", json!({"signing": {"defaultKeys": "None", "defaultAlgorithm": "Ed25519"}})),
        signing_key("ring", json!({"algorithm": "Ed25519"})),
        user("identity", "ada", json!({})),
        group("identity", "team", json!({"members": {}})),
        client("identity", "app", json!({})),
        client("identity", "late", json!({"credentials": {"secret": {"name": "own", "source": "Reference"}}})),
    ]
}

/// Neither Secrets nor statuses nor keys nor events: whatever becomes of what they refer to, and whatever time it is.
#[test]
fn for_frozen_objects_of_any_kind_nothing_is_written() {
    let mut house = House::with(of_every_kind());
    for object in of_every_kind() {
        house.put(frozen(object));
    }
    assert_eq!(house.settle(), [] as [String; 0]);
    let told = house.cluster.events.len();
    house.put(frozen(realm("staff", json!({"displayName": "Staff", "signing": {"defaultAlgorithm": "RS256"}}))));
    house.put(frozen(client("identity", "app", json!({"credentials": {"secret": {"name": "renamed"}}}))));
    house.put(frozen(user("identity", "ada", json!({"passwordSecretRef": {"name": "none"}}))));
    house.put(frozen(group("identity", "team", json!({"users": ["nobody"]}))));
    house.put(secret("identity", "own", &[("client-secret", "somebody-elses")]));
    house.delete(Kind::Secret, "identity", "app-oidc").delete(Kind::Secret, "identity", "ring-1");
    house.now += SignedDuration::from_hours(24 * 400);
    house.index.wake(house.now);
    house.index.replan_all();
    assert_eq!(house.settle(), [] as [String; 0]);
    assert_eq!(house.cluster.events.len(), told);
    assert!(house.client("late").is_some(), "what is good is served all the same");

    for object in of_every_kind() {
        house.put(object);
    }
    let writes: BTreeSet<_> = house.settle().into_iter().collect();
    for kind in OURS {
        assert!(writes.iter().any(|write| write.starts_with(&format!("status {kind}/"))), "{kind}: {writes:?}");
    }
    assert!(writes.contains("create Secret/identity/app-oidc"), "{writes:?}");
}
