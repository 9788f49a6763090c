//! The order of events makes no difference, and what was written is enough.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    controller::{
        source::{Event, Kind},
        testing::{House, client, group, namespace, object, realm, secret, signing_key, user},
    },
    realm::Registry,
};

/// A world with some of everything that depends on something else.
fn world() -> Vec<Value> {
    let from_all = json!({"namespaces": {"from": "All"}});
    let selector = json!({"namespaces": {"from": "Selector", "selector": {"matchLabels": {"team": "a"}}}});
    let staff = json!({"allowed": {"oidcClients": selector, "users": from_all, "groups": from_all}});
    let of_other = |mut spec: Value| {
        spec["realmRef"] = json!({"name": "other", "namespace": "identity"});
        spec
    };
    vec![
        realm("staff", staff),
        realm("other", json!({"issuer": "https://id.example.com/o", "signing": {"defaultKeys": "None"}})),
        realm("third", json!({"issuer": "https://id.example.com/o"})),
        namespace("apps", json!({"team": "a"})),
        namespace("identity", json!({"team": "a"})),
        namespace("left", json!({"team": "b"})),
        client("apps", "app", json!({"redirectUris": ["https://a/cb"], "access": {"groups": ["dev", "apps.ops"]}})),
        client("left", "app", json!({})),
        client("identity", "one", json!({"clientId": "same"})),
        client("identity", "two", json!({"clientId": "same"})),
        client("identity", "ref", json!({"credentials": {"secret": {"name": "own", "source": "Reference"}}})),
        client("identity", "choosy", json!({"idTokenSignedResponseAlg": "Ed25519"})),
        client("identity", "elsewhere", of_other(json!({}))),
        client("identity", "lost", json!({"realmRef": {"name": "nowhere"}})),
        secret("identity", "own", &[("client-secret", "s")]),
        secret("identity", "ada-login", &[("password", "p")]),
        signing_key("ed", json!({"algorithm": "Ed25519"})),
        signing_key("es", of_other(json!({"algorithm": "ES256"}))),
        user("identity", "ada", json!({"passwordSecretRef": {"name": "ada-login"}})),
        user("identity", "bob", json!({"username": "ADA"})),
        user("apps", "eve", json!({"subject": "eve"})),
        user("apps", "mal", json!({"subject": "eve"})),
        group("identity", "dev", json!({"users": ["ada", "nobody"], "groups": ["sub"]})),
        group("identity", "sub", json!({"selector": {}})),
        group("identity", "loop", json!({"groups": ["loop"]})),
        group("apps", "ops", json!({"users": ["eve"]})),
    ]
}

/// All that a provider could see.
fn seen(registry: &Registry, house: &House) -> BTreeMap<String, String> {
    let snapshot = registry.load();
    let mut seen = BTreeMap::new();
    for realm in snapshot.realms() {
        let (authority, path) = (realm.issuer.authority(), realm.issuer.path());
        let found = snapshot.find(authority, path).map(|(found, _)| found.name == realm.name);
        seen.insert(realm.name.to_string(), format!("{} {found:?} {:?}", realm.issuer, realm.settings));
        let keys: Vec<_> = realm.keyring.published(house.now).map(|jwk| &jwk.kid).collect();
        seen.insert(format!("{} keys", realm.name), format!("{keys:?}"));
        for client in realm.clients.values() {
            seen.insert(format!("{} client {}", realm.name, client.id), format!("{client:?}"));
        }
        for user in realm.users.values() {
            let by_name = realm.user_by_name(&user.username).map(|user| &user.name);
            seen.insert(format!("{} user {}", realm.name, user.subject), format!("{by_name:?} {user:?}"));
        }
    }
    seen
}

/// The status of every object, without times of transition: those depend on when each was seen.
fn statuses(house: &mut House) -> BTreeMap<String, String> {
    house.index.replan_all();
    let plan = house.plan();
    assert!(plan.secrets.is_empty() && plan.resources.is_empty() && plan.deletions.is_empty(), "{plan:?}");
    plan.statuses.into_iter().map(|patch| (patch.key.to_string(), patch.status.to_string())).collect()
}

struct Random(u64);

impl Random {
    /// xorshift64*
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap() % bound
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}

#[test]
fn events_in_any_order_give_the_same_realms_and_statuses() {
    let settled = House::with(world());
    let mut objects: Vec<Value> = settled.cluster.objects.values().cloned().collect();
    for object in &mut objects {
        object.as_object_mut().unwrap().remove("status");
    }
    let replay = |seed: u64| {
        let mut random = Random(seed);
        let mut house = House::unsynced();
        house.now = settled.now;
        let mut events: Vec<_> = objects.iter().map(|value| Event::Applied(object(value))).collect();
        random.shuffle(&mut events);
        // Some come twice, some were there, went, and came again.
        for _ in 0..10 {
            let again = random.below(objects.len());
            let value = object(&objects[again]);
            let at = random.below(events.len());
            if random.below(2) == 0 {
                events.insert(at, Event::Deleted(value.key()));
            }
            events.push(Event::Applied(value));
        }
        for event in Kind::ALL.map(Event::Synced).into_iter().chain(events) {
            house.index.apply(event);
            if random.below(3) == 0 {
                house.plan();
            }
        }
        let statuses = statuses(&mut house);
        (seen(&house.registry, &house), statuses)
    };
    let first = replay(1);
    assert!(first.0.len() >= 11 && first.1.len() == 23, "{} {}", first.0.len(), first.1.len());
    assert_eq!(first.0, seen(&settled.registry, &settled));
    for seed in 2..60 {
        let other = replay(seed);
        assert_eq!(other.0, first.0, "seed {seed}");
        assert_eq!(other.1, first.1, "seed {seed}");
    }
}

#[test]
fn what_was_written_is_enough_and_nothing_is_written_twice() {
    let mut house = House::with(world());
    house.index.replan_all();
    let plan = house.plan();
    assert!(plan.is_empty(), "{plan:?}");
    // A second replica, or a restarted one, sees the same and has nothing to write either.
    let mut other = House::unsynced();
    for kind in Kind::ALL {
        let of_kind = house.cluster.objects.iter().filter(|(key, _)| key.kind == kind);
        let objects = of_kind.map(|(_, value)| object(value)).collect();
        other.index.apply(Event::Replaced { kind, objects, malformed: Vec::new() });
    }
    other.now = house.now;
    assert!(other.index.is_synced());
    let plan = other.plan();
    assert!(plan.is_empty(), "{plan:?}");
    assert_eq!(seen(&other.registry, &other), seen(&house.registry, &house));
}

#[test]
fn what_was_written_is_known_before_the_source_says_so() {
    let mut house = House::new();
    house.cluster.is_quiet = true;
    for object in world() {
        house.put(object);
    }
    house.settle();
    house.now += jiff::SignedDuration::from_secs(10);
    house.index.replan_all();
    let plan = house.plan();
    assert!(plan.is_empty(), "{plan:?}");
    assert_eq!(house.events_about(Kind::OidcClient, "app"), ["NamespaceNotAllowed", "CredentialsCreated"]);
}

#[test]
fn a_status_that_was_read_before_ours_was_written_is_not_believed() {
    // A directory's objects have neither uid nor comparable versions.
    let bare = |house: &House| {
        let mut value = house.object(Kind::SigningKey, "identity", "staff-es256").clone();
        for field in ["uid", "resourceVersion"] {
            value["metadata"].as_object_mut().unwrap().remove(field);
        }
        value
    };
    let mut house = House::with([realm("staff", json!({}))]);
    let written = bare(&house);
    let mut before = written.clone();
    before.as_object_mut().unwrap().remove("status");
    house.index.apply(Event::Deleted(object(&written).key()));
    house.index.apply(Event::Applied(object(&before)));
    let plan = house.plan();
    let patch = plan.statuses.iter().find(|patch| patch.key.kind == Kind::SigningKey).unwrap().clone();
    house.index.wrote_status(&patch);
    let tells = |house: &mut House, value: &Value| {
        house.index.apply(Event::Applied(object(value)));
        house.plan().statuses.iter().any(|patch| patch.key.kind == Kind::SigningKey)
    };
    assert!(!tells(&mut house, &before), "a late event");
    let mut confirmed = before.clone();
    confirmed["status"] = patch.status.clone();
    assert!(!tells(&mut house, &confirmed));
    assert!(tells(&mut house, &before), "somebody took the status away");
}

#[test]
fn a_list_that_replaces_what_was_takes_away_what_is_not_in_it() {
    let mut house = House::with([
        realm("staff", json!({})),
        client("identity", "a", json!({})),
        client("identity", "b", json!({})),
    ]);
    let kept = object(house.object(Kind::OidcClient, "identity", "b"));
    house.index.apply(Event::Replaced { kind: Kind::OidcClient, objects: vec![kept], malformed: Vec::new() });
    house.plan();
    assert!(house.client("a").is_none() && house.client("b").is_some());
}

#[test]
fn a_late_event_about_an_earlier_version_changes_nothing() {
    let mut house = House::with([realm("staff", json!({})), client("identity", "a", json!({}))]);
    let early = object(house.object(Kind::OidcClient, "identity", "a"));
    house.put(client("identity", "a", json!({"clientName": "New"}))).settle();
    house.index.apply(Event::Applied(early));
    assert!(house.settle().is_empty());
    assert_eq!(&*house.client("a").unwrap().display_name, "New");
}

#[test]
fn to_change_one_client_touches_that_client_only() {
    let mut objects = vec![realm("staff", json!({}))];
    objects.extend((0..20).map(|number| client("identity", &format!("c{number}"), json!({}))));
    let mut house = House::with(objects);
    let before = house.client("c1").unwrap();
    let writes = house.put(client("identity", "c0", json!({"clientName": "New"}))).settle();
    assert_eq!(writes, ["status OidcClient/identity/c0"]);
    assert!(std::sync::Arc::ptr_eq(&before, &house.client("c1").unwrap()));
}
