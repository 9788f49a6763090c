use serde_json::json;

use crate::controller::{
    source::{Event, FieldProblem, Kind, Malformed, ObjectKey},
    testing::{House, client, namespace, realm, secret, user},
};

const ALL: &str = r#"{"oidcClients": {"namespaces": {"from": "All"}}, "users": {"namespaces": {"from": "All"}}}"#;

fn open_realm() -> serde_json::Value {
    realm("staff", json!({"allowed": serde_json::from_str::<serde_json::Value>(ALL).unwrap()}))
}

#[test]
fn an_empty_realm_gets_its_keys_and_is_ready() {
    let house = House::with([realm("staff", json!({}))]);
    assert_eq!(
        house.conditions(Kind::Realm, "identity", "staff"),
        "Ready=True:Ready Accepted=True:Accepted ResolvedRefs=True:ResolvedRefs Programmed=True:Programmed"
    );
    let status = &house.object(Kind::Realm, "identity", "staff")["status"];
    assert_eq!(status["issuer"], "http://localhost:8080/realms/staff");
    assert_eq!(status["observedGeneration"], 1);
    assert_eq!(status["keys"].as_array().unwrap().len(), 2);
    assert!(house.registry.load().find("localhost:8080", "/realms/staff/token").is_some());
    assert!(house.registry.load().without_key(house.now).is_empty());
}

#[test]
fn children_may_be_applied_before_their_realm_and_wait_for_it() {
    let mut house = House::with([client("identity", "app", json!({})), user("identity", "ada", json!({}))]);
    assert_eq!(
        house.conditions(Kind::OidcClient, "identity", "app"),
        "Ready=Unknown:RealmNotFound Accepted=Unknown:RealmNotFound ResolvedRefs=False:RealmNotFound \
         Programmed=Unknown:RealmNotFound Reconciling=True:RealmNotFound"
    );
    assert_eq!(house.events_about(Kind::OidcClient, "app"), ["RealmNotFound"]);
    house.put(realm("staff", json!({}))).settle();
    assert_eq!(house.ready(Kind::OidcClient, "identity", "app"), "True:Ready");
    assert_eq!(house.ready(Kind::User, "identity", "ada"), "True:Ready");
    assert!(house.client("app").is_some() && house.user("ada").is_some());
    let attached = &house.object(Kind::Realm, "identity", "staff")["status"]["attached"];
    assert_eq!(attached, &json!({"oidcClients": 1, "users": 1, "groups": 0}));
}

#[test]
fn children_of_a_deleted_realm_are_not_served_and_wait() {
    let mut house = House::with([
        realm("staff", json!({})),
        client("identity", "app", json!({})),
        user("identity", "ada", json!({})),
    ]);
    let secret = house.entry("identity", "app-oidc", "client-secret");
    house.delete(Kind::Realm, "identity", "staff").settle();
    assert!(house.realm("staff").is_none());
    assert_eq!(house.ready(Kind::OidcClient, "identity", "app"), "Unknown:RealmNotFound");
    assert_eq!(house.ready(Kind::User, "identity", "ada"), "Unknown:RealmNotFound");
    assert_eq!(house.entry("identity", "app-oidc", "client-secret"), secret);
    house.put(realm("staff", json!({}))).settle();
    assert_eq!(house.ready(Kind::OidcClient, "identity", "app"), "True:Ready");
    assert_eq!(house.entry("identity", "app-oidc", "client-secret"), secret);
}

#[test]
fn a_deleted_client_is_out_at_once() {
    let mut house = House::with([realm("staff", json!({})), client("identity", "app", json!({}))]);
    house.delete(Kind::OidcClient, "identity", "app");
    let plan = house.plan();
    assert!(house.client("app").is_none());
    house.perform(plan);
    house.settle();
    assert_eq!(house.object(Kind::Realm, "identity", "staff")["status"]["attached"]["oidcClients"], 0);
}

#[test]
fn an_object_that_is_being_deleted_is_out_and_nothing_is_written_for_it() {
    let mut house = House::with([realm("staff", json!({})), client("identity", "app", json!({}))]);
    let mut leaving = house.object(Kind::OidcClient, "identity", "app").clone();
    leaving["metadata"]["deletionTimestamp"] = json!(house.now.to_string());
    leaving["metadata"]["finalizers"] = json!(["example.com/theirs"]);
    house.put(leaving);
    // The garbage collector goes first, in a foreground deletion.
    house.delete(Kind::Secret, "identity", "app-oidc");
    assert_eq!(house.settle(), ["status Realm/identity/staff"]);
    assert!(house.client("app").is_none());
}

#[test]
fn of_two_realms_with_one_issuer_the_older_is_served_and_the_other_steps_in_when_it_goes() {
    let issuer = json!({"issuer": "https://id.example.com/a"});
    let mut house = House::with([realm("one", issuer.clone()), realm("two", issuer)]);
    assert_eq!(house.ready(Kind::Realm, "identity", "one"), "True:Ready");
    assert_eq!(house.ready(Kind::Realm, "identity", "two"), "False:Conflicted");
    assert!(house.message(Kind::Realm, "identity", "two").contains("identity/one"));
    assert_eq!(house.events_about(Kind::Realm, "two"), ["Conflicted"]);
    let serves = |house: &House| {
        house.registry.load().find("id.example.com", "/a/token").map(|(realm, _)| realm.name.name.to_string())
    };
    assert_eq!(serves(&house).as_deref(), Some("one"));
    house.delete(Kind::Realm, "identity", "one").settle();
    assert_eq!(serves(&house).as_deref(), Some("two"));
    assert_eq!(house.ready(Kind::Realm, "identity", "two"), "True:Ready");
}

#[test]
fn realms_of_one_name_in_two_namespaces_conflict_by_their_issuer() {
    let mut other = realm("staff", json!({}));
    other["metadata"]["namespace"] = json!("elsewhere");
    let house = House::with([realm("staff", json!({})), other]);
    assert_eq!(house.ready(Kind::Realm, "elsewhere", "staff"), "False:Conflicted");
    let child = client("elsewhere", "app", json!({"realmRef": {"name": "staff"}}));
    let mut house = house;
    house.put(child).settle();
    assert_eq!(house.ready(Kind::OidcClient, "elsewhere", "app"), "Unknown:RealmNotAccepted");
}

#[test]
fn of_two_clients_with_one_identifier_the_older_is_served() {
    let mut house = House::with([
        realm("staff", json!({})),
        client("identity", "b", json!({"clientId": "app"})),
        client("identity", "a", json!({"clientId": "app"})),
        user("identity", "b", json!({"username": "Ada"})),
        user("identity", "a", json!({"username": "ada"})),
    ]);
    assert_eq!(house.ready(Kind::OidcClient, "identity", "a"), "False:Conflicted");
    assert_eq!(house.ready(Kind::User, "identity", "a"), "False:Conflicted");
    assert_eq!(&*house.client("app").unwrap().name.name, "b");
    assert!(!house.cluster.objects.contains_key(&ObjectKey::new(Kind::Secret, "identity", "a-oidc")));
    house.delete(Kind::OidcClient, "identity", "b").delete(Kind::User, "identity", "b").settle();
    assert_eq!(house.ready(Kind::OidcClient, "identity", "a"), "True:Ready");
    assert_eq!(&*house.client("app").unwrap().name.name, "a");
    assert_eq!(&*house.user("ADA").unwrap().name.name, "a");
}

#[test]
fn who_may_not_attach_takes_no_name_from_who_may() {
    let mut house = House::with([
        client("apps", "first", json!({"clientId": "app"})),
        realm("staff", json!({})),
        client("identity", "app", json!({})),
    ]);
    assert_eq!(house.ready(Kind::OidcClient, "apps", "first"), "False:NamespaceNotAllowed");
    assert_eq!(house.ready(Kind::OidcClient, "identity", "app"), "True:Ready");
    house.put(open_realm()).settle();
    assert_eq!(house.ready(Kind::OidcClient, "apps", "first"), "False:ClientIdNotAllowed");
}

#[test]
fn a_namespace_that_leaves_the_selector_is_no_longer_served() {
    let selector = json!({"namespaces": {"from": "Selector", "selector": {"matchLabels": {"team": "a"}}}});
    let mut house = House::with([
        realm("staff", json!({"allowed": {"oidcClients": selector}})),
        namespace("apps", json!({"team": "a"})),
        client("apps", "app", json!({})),
    ]);
    assert!(house.client("apps.app").is_some());
    house.put(namespace("apps", json!({"team": "b"}))).settle();
    assert!(house.client("apps.app").is_none());
    assert_eq!(house.ready(Kind::OidcClient, "apps", "app"), "False:NamespaceNotAllowed");
    house.put(namespace("apps", json!({"team": "a"}))).settle();
    assert!(house.client("apps.app").is_some());
}

#[test]
fn a_spec_that_turns_bad_is_reported_and_its_last_good_version_served() {
    let rule = |expression: &str| realm("staff", json!({"claims": [{"name": "a", "expression": expression}]}));
    let mut house = House::with([rule("user.username"), client("identity", "app", json!({}))]);
    house.put(rule("user.")).settle();
    assert_eq!(
        house.conditions(Kind::Realm, "identity", "staff"),
        "Ready=False:Invalid Accepted=False:Invalid ResolvedRefs=True:ResolvedRefs Programmed=True:LastGoodVersion \
         Stalled=True:Invalid"
    );
    assert!(house.message(Kind::Realm, "identity", "staff").starts_with("spec.claims[0].expression: "));
    assert!(house.client("app").is_some());
    assert_eq!(house.realm("staff").unwrap().settings.claims.names().count(), 1);
    house.put(rule("user.subject")).settle();
    assert_eq!(house.ready(Kind::Realm, "identity", "staff"), "True:Ready");
}

#[test]
fn an_object_that_can_not_be_read_is_reported_and_the_rest_is_served() {
    let mut house = House::with([realm("staff", json!({})), client("identity", "app", json!({}))]);
    let put = |house: &mut House, name: &str| {
        let event = house.cluster.put(client("identity", name, json!({})), house.now);
        let Event::Applied(object) = event else { panic!() };
        let problem = FieldProblem { field: "spec.scopes".into(), message: "not a list".into() };
        let meta = Box::new(object.meta().clone());
        house.index.apply(Event::Malformed(Malformed {
            key: object.key(),
            meta,
            status: None,
            problems: vec![problem],
        }));
    };
    put(&mut house, "new");
    put(&mut house, "app");
    house.settle();
    assert!(house.client("new").is_none());
    assert!(house.client("app").is_some());
    for name in ["new", "app"] {
        assert_eq!(house.ready(Kind::OidcClient, "identity", name), "False:Invalid");
        assert_eq!(
            house.message(Kind::OidcClient, "identity", name).split(';').next(),
            Some("spec.scopes: not a list")
        );
    }
}

#[test]
fn a_password_comes_from_a_readable_secret_and_nothing_is_invented_without() {
    let reference = json!({"passwordSecretRef": {"name": "ada-login"}});
    let mut house = House::with([realm("staff", json!({})), user("identity", "ada", reference)]);
    assert_eq!(house.ready(Kind::User, "identity", "ada"), "Unknown:SecretNotFound");
    assert!(house.user("ada").unwrap().password.is_none());
    let mut login = secret("identity", "ada-login", &[("password", "correct horse")]);
    login["metadata"]["labels"] = json!({});
    house.put(login).settle();
    assert_eq!(house.ready(Kind::User, "identity", "ada"), "False:SecretNotReadable");
    assert!(house.user("ada").unwrap().password.is_none());
    house.put(secret("identity", "ada-login", &[("password-hash", "nonsense")])).settle();
    assert_eq!(house.ready(Kind::User, "identity", "ada"), "False:SecretInvalid");
    house.put(secret("identity", "ada-login", &[("password", "correct horse")])).settle();
    assert_eq!(house.ready(Kind::User, "identity", "ada"), "True:Ready");
    assert!(house.user("ada").unwrap().password.is_some());
    let status = &house.object(Kind::User, "identity", "ada")["status"];
    assert_eq!((status["username"].as_str(), status["subject"].as_str().map(str::len)), (Some("ada"), Some(36)));
}

#[test]
fn nothing_is_written_for_a_frozen_object_while_it_is_served() {
    let freeze = |mut object: serde_json::Value| {
        object["metadata"]["annotations"] = json!({"realmkeeper.dev/reconcile": "disabled"});
        object
    };
    let reference = json!({"credentials": {"secret": {"name": "own", "source": "Reference"}}});
    let mut house = House::with([
        realm("staff", json!({})),
        secret("identity", "own", &[("client-secret", "s")]),
        freeze(client("identity", "new", json!({}))),
        freeze(client("identity", "app", reference)),
    ]);
    assert!(house.client("app").is_some() && house.client("new").is_none());
    assert!(house.object(Kind::OidcClient, "identity", "app").get("status").is_none());
    assert!(!house.cluster.objects.contains_key(&ObjectKey::new(Kind::Secret, "identity", "new-oidc")));
    house.put(client("identity", "new", json!({}))).settle();
    assert_eq!(house.ready(Kind::OidcClient, "identity", "new"), "True:Ready");
}

#[test]
fn a_client_needs_its_algorithm_and_its_groups_to_be_ready() {
    let asks =
        json!({"idTokenSignedResponseAlg": "PS256", "redirectUris": ["https://a/cb"], "access": {"groups": ["dev"]}});
    let mut house = House::with([realm("staff", json!({})), client("identity", "app", asks)]);
    assert_eq!(house.ready(Kind::OidcClient, "identity", "app"), "Unknown:GroupNotFound");
    assert!(house.client("app").is_some());
    house.put(crate::controller::testing::group("identity", "dev", json!({}))).settle();
    assert_eq!(house.ready(Kind::OidcClient, "identity", "app"), "Unknown:SigningKeyNotFound");
    house.put(crate::controller::testing::signing_key("ps", json!({"algorithm": "PS256"}))).settle();
    assert_eq!(house.ready(Kind::OidcClient, "identity", "app"), "True:Ready");
}
