use base64::Engine;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::controller::{
    index::{Index, Options},
    source::{Event, Kind, ObjectKey},
    testing::{House, client, object, realm, secret, signing_key},
};

fn house(spec: Value) -> House {
    House::with([realm("staff", json!({})), client("apps", "app", spec), allow()])
}

fn allow() -> Value {
    realm("staff", json!({"allowed": {"oidcClients": {"namespaces": {"from": "All"}}}}))
}

fn has_secret(house: &House, name: &str) -> bool {
    house.cluster.objects.contains_key(&ObjectKey::new(Kind::Secret, "apps", name))
}

fn works(house: &House, secret: &str) -> bool {
    let client = house.client("apps.app");
    client.is_some_and(|client| {
        client.authentication.secrets.iter().any(|known| known.matches(secret.as_bytes(), house.now))
    })
}

#[test]
fn a_client_gets_a_secret_in_the_shape_of_service_binding() {
    let house = house(json!({}));
    let object = house.object(Kind::Secret, "apps", "app-oidc");
    assert_eq!(object["type"], "servicebinding.io/oauth2");
    let entry = |name: &str| house.entry("apps", "app-oidc", name).unwrap();
    assert_eq!(object["data"].as_object().unwrap().len(), 6);
    assert_eq!(entry("client-id"), "apps.app");
    assert_eq!(entry("issuer"), "http://localhost:8080/realms/staff");
    assert_eq!(entry("token-endpoint"), "http://localhost:8080/realms/staff/token");
    assert_eq!((entry("type"), entry("provider")), ("oauth2".into(), "realmkeeper".into()));
    let meta = &object["metadata"];
    assert_eq!(
        meta["labels"],
        json!({"app.kubernetes.io/managed-by": "realmkeeper", "realmkeeper.dev/readable": "true"})
    );
    let owner = &meta["ownerReferences"][0];
    let uid = &house.object(Kind::OidcClient, "apps", "app")["metadata"]["uid"];
    assert_eq!((&owner["kind"], &owner["name"], &owner["uid"]), (&json!("OidcClient"), &json!("app"), uid));
    assert!(works(&house, &entry("client-secret")));
    let status = &house.object(Kind::OidcClient, "apps", "app")["status"];
    assert_eq!((&status["clientId"], &status["binding"]["name"]), (&json!("apps.app"), &json!("app-oidc")));
    let current = &status["credentials"]["current"];
    assert_eq!(current["id"], meta["annotations"]["realmkeeper.dev/credential-id"]);
    assert_eq!(current["issuedAt"], meta["annotations"]["realmkeeper.dev/issued-at"]);
    assert_eq!(house.events_about(Kind::OidcClient, "app"), ["CredentialsCreated"]);
}

#[test]
fn a_client_is_not_served_before_its_secret_is_written() {
    let mut house = House::new();
    house.put(allow()).settle();
    house.put(client("apps", "app", json!({})));
    let plan = house.plan();
    assert!(house.client("apps.app").is_none());
    house.perform(plan);
    assert_eq!(house.ready(Kind::OidcClient, "apps", "app"), "", "one status is enough, when the Secret is there");
    house.settle();
    assert_eq!(house.ready(Kind::OidcClient, "apps", "app"), "True:Ready");
}

#[test]
fn a_secret_that_can_not_be_written_is_told_in_the_status() {
    let mut house = House::new();
    house.put(allow()).settle();
    house.cluster.forbidden.push(Kind::Secret);
    house.put(client("apps", "app", json!({})));
    for _ in 0..2 {
        let plan = house.plan();
        house.perform(plan);
    }
    assert_eq!(house.ready(Kind::OidcClient, "apps", "app"), "Unknown:CredentialsPending");
    assert!(house.message(Kind::OidcClient, "apps", "app").contains("forbidden"));
}

#[test]
fn the_secret_keeps_its_value_whatever_else_changes() {
    let mut house = house(json!({}));
    let value = house.entry("apps", "app-oidc", "client-secret").unwrap();
    let annotations = house.object(Kind::Secret, "apps", "app-oidc")["metadata"]["annotations"].clone();
    let spec = json!({"credentials": {"secret": {
        "keyStyle": "Env",
        "keys": {"client-secret": "GF_SECRET"},
        "metadata": {"labels": {"part-of": "x"}, "annotations": {"a": "b"}},
        "template": {"config.json": "{\"id\":\"{{ client_id }}\",\"secret\":\"{{ client_secret }}\"}"},
    }}});
    assert_eq!(
        house.put(client("apps", "app", spec)).settle(),
        ["apply Secret/apps/app-oidc", "status OidcClient/apps/app"]
    );
    assert_eq!(house.entry("apps", "app-oidc", "GF_SECRET").as_ref(), Some(&value));
    let config = house.entry("apps", "app-oidc", "config.json").unwrap();
    assert_eq!(config, format!("{{\"id\":\"apps.app\",\"secret\":\"{value}\"}}"));
    assert_eq!(house.entry("apps", "app-oidc", "client-secret"), None);
    let meta = &house.object(Kind::Secret, "apps", "app-oidc")["metadata"];
    assert_eq!((&meta["labels"]["part-of"], &meta["annotations"]["a"]), (&json!("x"), &json!("b")));
    for kept in ["realmkeeper.dev/credential-id", "realmkeeper.dev/issued-at"] {
        assert_eq!(meta["annotations"][kept], annotations[kept]);
    }
    assert!(works(&house, &value));
}

#[test]
fn a_renamed_secret_takes_the_value_along_and_the_old_one_goes() {
    let mut house = house(json!({}));
    let value = house.entry("apps", "app-oidc", "client-secret").unwrap();
    house.put(client("apps", "app", json!({"credentials": {"secret": {"name": "other"}}})));
    let plan = house.plan();
    assert!(plan.deletions.is_empty(), "the old one stays until the new one stands");
    assert!(works(&house, &value), "and it is served meanwhile");
    house.perform(plan);
    house.settle();
    assert_eq!(house.entry("apps", "other", "client-secret"), Some(value));
    assert!(!has_secret(&house, "app-oidc"));
    assert_eq!(house.object(Kind::OidcClient, "apps", "app")["status"]["binding"]["name"], "other");
}

#[test]
fn a_secret_to_be_retained_has_no_owner_and_is_taken_up_again() {
    let spec = || client("apps", "app", json!({"credentials": {"secret": {"deletionPolicy": "Retain"}}}));
    let mut house = house(json!({}));
    let value = house.entry("apps", "app-oidc", "client-secret");
    assert_eq!(house.put(spec()).settle()[0], "apply Secret/apps/app-oidc");
    assert!(house.object(Kind::Secret, "apps", "app-oidc")["metadata"].get("ownerReferences").is_none());
    house.delete(Kind::OidcClient, "apps", "app").settle();
    assert_eq!(house.entry("apps", "app-oidc", "client-secret"), value);
    house.put(spec()).settle();
    assert_eq!(house.entry("apps", "app-oidc", "client-secret"), value);
    assert!(works(&house, &value.unwrap()));
}

#[test]
fn a_secret_that_is_retained_under_a_former_name_holds_the_past_and_never_comes_back() {
    let named = |name: &str, request: &str| {
        let secret = json!({"name": name, "deletionPolicy": "Retain", "rotation": {"overlap": "1h"}});
        let mut app = client("apps", "app", json!({"credentials": {"secret": secret}}));
        app["metadata"]["annotations"] = json!({"realmkeeper.dev/rotate": request});
        app
    };
    let mut house = House::with([realm("staff", json!({})), named("a", "1"), allow()]);
    let entry = |house: &House, name: &str| house.entry("apps", name, "client-secret").unwrap();
    let first = entry(&house, "a");
    house.put(named("b", "1")).settle();
    assert_eq!((entry(&house, "a"), entry(&house, "b")), (first.clone(), first.clone()), "it stays as it was");
    assert!(house.settle().is_empty());
    house.put(named("b", "2")).settle();
    let second = entry(&house, "b");

    // Back under the former name: what is in force moves on, the overlap too.
    house.put(named("a", "2")).settle();
    assert_eq!(entry(&house, "a"), second);
    assert_eq!(house.entry("apps", "a", "client-secret-previous").as_ref(), Some(&first));
    assert!(works(&house, &second) && works(&house, &first));
    let annotations = &house.object(Kind::Secret, "apps", "a")["metadata"]["annotations"];
    assert_eq!(annotations.get("realmkeeper.dev/superseded-at"), None, "it is in force again");
    house.pass(SignedDuration::from_hours(2));
    assert!(!works(&house, &first) && works(&house, &second));

    // Whoever deletes a Secret that has leaked gets a new one, and none that was refused long ago.
    house.put(named("a", "3")).settle();
    house.pass(SignedDuration::from_hours(2));
    house.delete(Kind::Secret, "apps", "a").settle();
    for past in [first, second] {
        assert_ne!(entry(&house, "a"), past);
        assert!(!works(&house, &past));
    }
    house.restart();
    assert!(house.settle().is_empty());
}

#[test]
fn a_client_made_anew_does_not_get_the_secret_of_the_one_that_was_deleted() {
    let mut house = house(json!({}));
    let value = house.entry("apps", "app-oidc", "client-secret").unwrap();
    // The garbage collector has not come by yet.
    house.cluster.objects.remove(&ObjectKey::new(Kind::OidcClient, "apps", "app"));
    house.index.apply(Event::Deleted(ObjectKey::new(Kind::OidcClient, "apps", "app")));
    house.put(client("apps", "app", json!({}))).settle();
    let new = house.entry("apps", "app-oidc", "client-secret").unwrap();
    assert_ne!(new, value);
    assert!(works(&house, &new) && !works(&house, &value));
}

#[test]
fn a_deleted_secret_is_made_anew_with_another_value() {
    let mut house = house(json!({}));
    let value = house.entry("apps", "app-oidc", "client-secret").unwrap();
    house.delete(Kind::Secret, "apps", "app-oidc").plan();
    assert!(!works(&house, &value));
    house.index.replan_all();
    house.settle();
    let new = house.entry("apps", "app-oidc", "client-secret").unwrap();
    assert_ne!(new, value);
    assert!(works(&house, &new));
    assert_eq!(house.events_about(Kind::OidcClient, "app"), ["CredentialsCreated", "CredentialsCreated"]);
}

#[test]
fn what_somebody_else_changed_in_the_secret_is_put_right_and_what_they_added_stays() {
    let mut house = house(json!({}));
    let mut object = house.object(Kind::Secret, "apps", "app-oidc").clone();
    object["data"]["extra"] = json!("eA==");
    assert!(house.put(object.clone()).settle().is_empty());
    object["data"]["issuer"] = json!("eA==");
    assert_eq!(house.put(object).settle(), ["apply Secret/apps/app-oidc"]);
    assert_eq!(house.entry("apps", "app-oidc", "issuer").unwrap(), "http://localhost:8080/realms/staff");
}

#[test]
fn a_foreign_secret_is_never_overwritten() {
    let mut house = House::with([allow(), secret("apps", "app-oidc", &[("a", "b")])]);
    assert!(house.put(client("apps", "app", json!({}))).settle().iter().all(|write| !write.contains("Secret/")));
    assert_eq!(house.ready(Kind::OidcClient, "apps", "app"), "False:SecretNotOwned");
    assert_eq!(house.events_about(Kind::OidcClient, "app"), ["SecretNotOwned"]);
    assert!(house.client("apps.app").is_none());
    house.delete(Kind::Secret, "apps", "app-oidc").settle();
    assert_eq!(house.ready(Kind::OidcClient, "apps", "app"), "True:Ready");
}

#[test]
fn a_foreign_secret_that_no_watch_sees_is_tried_again_now_and_then() {
    let mut house = House::with([allow()]);
    let key = ObjectKey::new(Kind::Secret, "apps", "app-oidc");
    house.cluster.hidden.insert(key.clone(), json!({}));
    house.put(client("apps", "app", json!({}))).settle();
    assert_eq!(house.ready(Kind::OidcClient, "apps", "app"), "False:SecretNotOwned");
    house.cluster.hidden.clear();
    house.index.replan_all();
    let plan = house.plan();
    assert!(plan.is_empty());
    let next = house.index.next_wake().unwrap();
    assert!(next > house.now && next <= house.now + SignedDuration::from_mins(5));
    house.now = next;
    house.index.wake(next);
    house.settle();
    assert_eq!(house.ready(Kind::OidcClient, "apps", "app"), "True:Ready");
}

/// What the last leader knew stands in the status.
#[test]
fn the_next_leader_knows_of_a_foreign_secret_and_tells_nobody_again() {
    let mut house = House::with([allow()]);
    let key = ObjectKey::new(Kind::Secret, "apps", "app-oidc");
    house.cluster.hidden.insert(key, json!({}));
    house.put(client("apps", "app", json!({}))).settle();
    house.put(signing_key("ring", json!({"algorithm": "Ed25519"})));
    house.cluster.hidden.insert(ObjectKey::new(Kind::Secret, "identity", "ring-1"), json!({}));
    house.settle();
    let is_told = |house: &House| {
        assert_eq!(house.ready(Kind::OidcClient, "apps", "app"), "False:SecretNotOwned");
        assert_eq!(house.ready(Kind::SigningKey, "identity", "ring"), "False:SecretNotOwned");
    };
    is_told(&house);
    let told = house.cluster.events.len();

    let objects: Vec<_> = house.cluster.objects.values().cloned().collect();
    let mut next = House::new();
    objects.iter().for_each(|value| next.index.apply(Event::Applied(object(value))));
    next.cluster = std::mem::take(&mut house.cluster);
    next.now = house.now;
    assert_eq!(next.settle(), [] as [String; 0]);
    is_told(&next);
    assert_eq!(next.cluster.events.len(), told);

    next.cluster.hidden.clear();
    next.now = next.index.next_wake().unwrap();
    next.index.wake(next.now);
    next.settle();
    assert_eq!(next.ready(Kind::OidcClient, "apps", "app"), "True:Ready");
    assert_eq!(next.ready(Kind::SigningKey, "identity", "ring"), "True:Ready");
}

#[test]
fn a_referenced_secret_is_waited_for_and_never_written() {
    let spec = json!({"credentials": {"secret": {"name": "own", "source": "Reference"}}});
    let mut house = house(spec);
    assert_eq!(house.ready(Kind::OidcClient, "apps", "app"), "Unknown:SecretNotFound");
    assert!(house.client("apps.app").is_none() && !has_secret(&house, "own"));
    house.put(secret("apps", "own", &[("secret", "x")])).settle();
    assert_eq!(house.ready(Kind::OidcClient, "apps", "app"), "False:SecretEntryMissing");
    let writes = house.put(secret("apps", "own", &[("client-secret", "their own\n")])).settle();
    assert!(writes.iter().all(|write| write.starts_with("status ")), "{writes:?}");
    assert!(works(&house, "their own"));
    house.put(secret("apps", "own", &[("client-secret", "another")])).settle();
    assert!(works(&house, "another") && !works(&house, "their own"));
    house.delete(Kind::Secret, "apps", "own").settle();
    assert!(house.client("apps.app").is_none());
    assert!(!house.cluster.writes.iter().any(|write| write.contains("Secret/")));
}

#[test]
fn who_has_no_secret_gets_the_rest_of_the_entries_only_by_name() {
    let public = |secret: Value| json!({"tokenEndpointAuthMethod": "none", "redirectUris": ["https://a/cb"], "credentials": secret});
    assert!(!has_secret(&house(public(json!({}))), "app-oidc"));
    let house = house(public(json!({"secret": {"name": "about"}})));
    assert_eq!(house.object(Kind::Secret, "apps", "about")["data"].as_object().unwrap().len(), 5);
    assert_eq!(house.entry("apps", "about", "client-secret"), None);
    assert!(house.client("apps.app").unwrap().is_public());
    assert_eq!(house.ready(Kind::OidcClient, "apps", "app"), "True:Ready");
}

#[test]
fn a_client_that_gives_up_its_secret_loses_it() {
    let mut house = house(json!({}));
    assert!(has_secret(&house, "app-oidc"));
    house.put(client("apps", "app", json!({"credentials": {"serviceAccounts": [{"name": "app"}]}}))).settle();
    assert!(!has_secret(&house, "app-oidc"));
    let client = house.client("apps.app").unwrap();
    assert!(client.authentication.secrets.is_empty());
    assert_eq!(client.authentication.service_accounts.len(), 1);
}

#[test]
fn two_clients_that_want_one_secret_do_not_share_it() {
    let named = || json!({"credentials": {"secret": {"name": "shared"}}});
    let mut house = House::with([allow(), client("apps", "a", named()), client("apps", "b", named())]);
    house.settle();
    assert_eq!(house.ready(Kind::OidcClient, "apps", "a"), "True:Ready");
    assert_eq!(house.ready(Kind::OidcClient, "apps", "b"), "False:SecretNotOwned");
}

#[test]
fn a_write_that_failed_is_told_in_the_status() {
    let mut house = House::with([allow()]);
    house.cluster.forbidden.push(Kind::Secret);
    house.put(client("apps", "app", json!({})));
    for _ in 0..3 {
        let plan = house.plan();
        house.perform(plan);
    }
    let message = house.message(Kind::OidcClient, "apps", "app");
    assert!(message.ends_with("the last write failed: forbidden"), "{message}");
}

#[test]
fn a_rotation_that_can_not_be_written_is_told_and_what_is_there_is_served_on() {
    let mut house = house(json!({}));
    let value = house.entry("apps", "app-oidc", "client-secret").unwrap();
    house.cluster.forbidden.push(Kind::Secret);
    let mut asked = client("apps", "app", json!({}));
    asked["metadata"]["annotations"] = json!({"realmkeeper.dev/rotate": "1"});
    house.put(asked);
    for _ in 0..3 {
        let plan = house.plan();
        house.perform(plan);
    }
    assert_eq!(house.ready(Kind::OidcClient, "apps", "app"), "True:Ready");
    let message = house.message(Kind::OidcClient, "apps", "app");
    assert!(message.ends_with("the last write failed: forbidden"), "{message}");
    assert!(works(&house, &value));
    house.cluster.forbidden.clear();
    house.index.set_failure(&ObjectKey::new(Kind::OidcClient, "apps", "app"), None);
    house.settle();
    assert!(!house.message(Kind::OidcClient, "apps", "app").contains("failed"));
    assert_ne!(house.entry("apps", "app-oidc", "client-secret"), Some(value));
}

#[test]
fn where_no_cluster_collects_garbage_the_plan_does_for_what_it_saw_deleted() {
    let mut house = House::new();
    house.index = Index::new(Options::new("http://localhost:8080", true).unwrap());
    for kind in Kind::ALL {
        house.index.apply(Event::Synced(kind));
    }
    house.put(allow()).put(client("apps", "app", json!({}))).settle();
    // At a start, a Secret without its client may be that of a file that can't be read today.
    let mut orphan = house.object(Kind::Secret, "apps", "app-oidc").clone();
    orphan["metadata"]["name"] = json!("lost-oidc");
    orphan["metadata"]["annotations"]["realmkeeper.dev/owner"] = json!("OidcClient/lost");
    assert!(house.put(orphan).settle().is_empty());
    house.index.apply(Event::Deleted(ObjectKey::new(Kind::OidcClient, "apps", "app")));
    house.cluster.objects.remove(&ObjectKey::new(Kind::OidcClient, "apps", "app"));
    let plan = house.plan();
    assert_eq!(plan.forgotten, [ObjectKey::new(Kind::OidcClient, "apps", "app")]);
    house.perform(plan);
    assert!(!has_secret(&house, "app-oidc"));
    assert!(has_secret(&house, "lost-oidc"));
}

#[test]
fn a_client_that_is_created_anew_is_another_one_and_an_edited_one_is_not() {
    let mut house = house(json!({}));
    house.settle();
    let incarnation = |house: &House| house.client("apps.app").unwrap().incarnation.clone();
    let first = incarnation(&house);
    house.put(client("apps", "app", json!({"clientName": "Another name"}))).settle();
    assert_eq!(incarnation(&house), first);
    house.delete(Kind::OidcClient, "apps", "app").settle();
    house.put(client("apps", "app", json!({}))).settle();
    assert_ne!(incarnation(&house), first);
}

#[test]
fn no_secret_shows_in_a_status_an_event_or_a_debug_print() {
    let mut house = house(json!({}));
    house.put(secret("apps", "own", &[("client-secret", "generated-own")]));
    let plan = {
        house.delete(Kind::Secret, "apps", "app-oidc");
        house.plan()
    };
    let printed = format!("{plan:?} {:?} {:?}", house.index, house.cluster.events);
    assert!(!printed.contains("generated-"), "{printed}");
    let encoded = base64::engine::general_purpose::STANDARD.encode("generated-");
    assert!(!printed.contains(encoded.trim_end_matches('=')));
    let statuses: Vec<_> = house.cluster.objects.values().map(|object| object["status"].to_string()).collect();
    assert!(!statuses.concat().contains("generated-"));
    let _ = object(house.object(Kind::OidcClient, "apps", "app"));
}
