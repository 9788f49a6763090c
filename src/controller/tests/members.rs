use serde_json::json;

use crate::controller::{
    source::Kind,
    testing::{House, group, realm, user},
};

fn house() -> House {
    let mut house = House::with([realm("staff", json!({})), user("identity", "ada", json!({}))]);
    let mut bob = user("identity", "bob", json!({}));
    bob["metadata"]["labels"] = json!({"team": "ops"});
    house.put(bob);
    house
}

#[test]
fn nested_groups_flatten_and_selectors_follow_labels() {
    let mut house = house();
    house
        .put(group("identity", "all", json!({"groups": ["dev", "ops"]})))
        .put(group("identity", "dev", json!({"users": ["ada"]})))
        .put(group("identity", "ops", json!({"selector": {"matchLabels": {"team": "ops"}}})))
        .settle();
    assert_eq!((house.groups_of("ada"), house.groups_of("bob")), ("all dev".into(), "all ops".into()));
    let members = |house: &House, name: &str| house.object(Kind::Group, "identity", name)["status"]["members"].clone();
    assert_eq!((members(&house, "all"), members(&house, "ops")), (json!(2), json!(1)));
    let mut ada = user("identity", "ada", json!({}));
    ada["metadata"]["labels"] = json!({"team": "ops"});
    house.put(ada).settle();
    assert_eq!(house.groups_of("ada"), "all dev ops");
    assert_eq!((members(&house, "all"), members(&house, "ops")), (json!(2), json!(2)));
    house.delete(Kind::Group, "identity", "ops").settle();
    assert_eq!((house.groups_of("ada"), house.groups_of("bob")), ("all dev".into(), "".into()));
    assert_eq!(house.ready(Kind::Group, "identity", "all"), "Unknown:GroupNotFound");
    assert_eq!(members(&house, "all"), json!(1));
}

#[test]
fn a_missing_member_is_waited_for_and_the_others_belong_to_the_group() {
    let mut house = house();
    house.put(group("identity", "dev", json!({"users": ["ada", "eve"]}))).settle();
    assert_eq!(house.ready(Kind::Group, "identity", "dev"), "Unknown:UserNotFound");
    assert!(house.message(Kind::Group, "identity", "dev").contains("eve"));
    assert_eq!(house.groups_of("ada"), "dev");
    house.put(user("identity", "eve", json!({}))).settle();
    assert_eq!(house.ready(Kind::Group, "identity", "dev"), "True:Ready");
    assert_eq!(house.groups_of("eve"), "dev");
    house.delete(Kind::User, "identity", "eve").settle();
    assert_eq!(house.ready(Kind::Group, "identity", "dev"), "Unknown:UserNotFound");
}

#[test]
fn a_cycle_gives_nobody_a_group() {
    let mut house = house();
    house
        .put(group("identity", "a", json!({"groups": ["b"], "users": ["ada"]})))
        .put(group("identity", "b", json!({"groups": ["a"]})))
        .put(group("identity", "c", json!({"groups": ["a"], "users": ["bob"]})))
        .settle();
    assert_eq!(house.ready(Kind::Group, "identity", "a"), "False:Cycle");
    assert_eq!(house.ready(Kind::Group, "identity", "b"), "False:Cycle");
    assert_eq!(house.ready(Kind::Group, "identity", "c"), "Unknown:GroupNotFound");
    assert_eq!((house.groups_of("ada"), house.groups_of("bob")), ("".into(), "c".into()));
    house.put(group("identity", "b", json!({}))).settle();
    assert_eq!((house.groups_of("ada"), house.groups_of("bob")), ("a c".into(), "c".into()));
    assert_eq!(house.ready(Kind::Group, "identity", "c"), "True:Ready");
}

#[test]
fn a_group_of_another_namespace_can_not_take_the_name_of_one_of_the_realms() {
    let from_all = json!({"namespaces": {"from": "All"}});
    let open = realm("staff", json!({"allowed": {"groups": from_all, "users": from_all}}));
    let mut house = House::with([group("apps", "admins", json!({"users": ["eve"]})), open]);
    house
        .put(group("identity", "admins", json!({"users": ["ada"]})))
        .put(user("apps", "eve", json!({})))
        .put(user("identity", "ada", json!({})))
        .settle();
    assert_eq!((house.groups_of("ada"), house.groups_of("eve")), ("admins".into(), "apps.admins".into()));
    house.put(group("identity", "apps.admins", json!({"users": ["ada"]}))).settle();
    assert_eq!(house.ready(Kind::Group, "identity", "apps.admins"), "False:Conflicted");
    house.put(realm("staff", json!({"allowed": {"users": from_all}}))).settle();
    assert_eq!(house.ready(Kind::Group, "apps", "admins"), "False:NamespaceNotAllowed");
    assert_eq!((house.groups_of("ada"), house.groups_of("eve")), ("admins apps.admins".into(), "".into()));
}

#[test]
fn a_namesake_of_another_realm_is_no_member() {
    let mut house = house();
    house.put(realm("other", json!({}))).put(user("identity", "eve", json!({"realmRef": {"name": "other"}})));
    house.put(group("identity", "dev", json!({"users": ["eve"]}))).settle();
    assert_eq!(house.ready(Kind::Group, "identity", "dev"), "Unknown:UserNotFound");
    assert_eq!(house.realm("other").unwrap().user_by_name("eve").unwrap().groups.len(), 0);
}
