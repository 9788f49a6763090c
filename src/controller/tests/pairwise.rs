//! Pairwise subjects (OpenID Connect Core section 8), from the resources to what a client would see.

use serde_json::{Value, json};

use crate::controller::{
    source::Kind,
    testing::{House, client, realm, secret, user},
};

const SALT: &str = "0123456789abcdef0123456789abcdef";

fn pairwise() -> Value {
    realm("staff", json!({"subjectType": "pairwise", "pairwiseSaltSecretRef": {"name": "salt"}}))
}

fn salt(value: &str) -> Value {
    secret("identity", "salt", &[("salt", value)])
}

fn app(name: &str, host: &str, more: Value) -> Value {
    let mut spec = json!({"redirectUris": [format!("https://{host}/cb")]});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client("identity", name, spec)
}

/// The `sub` of ada that the client sees; none: it is not served.
fn sub(house: &House, client: &str) -> Option<String> {
    let realm = house.realm("staff").unwrap();
    let client = realm.client(client)?;
    Some(realm.subject_for(client, realm.user_by_name("ada").unwrap()).into_owned())
}

fn house() -> House {
    let mut house = House::with([pairwise(), user("identity", "ada", json!({})), app("one", "one.example", json!({}))]);
    house.put(app("two", "two.example", json!({}))).put(app("open", "one.example", json!({"subjectType": "public"})));
    house.put(app("sibling", "one.example", json!({})));
    house
}

#[test]
fn a_salt_that_comes_late_is_waited_for_and_no_public_subject_is_shown_in_its_place() {
    let mut house = house();
    house.settle();
    assert_eq!(house.ready(Kind::Realm, "identity", "staff"), "Unknown:SecretNotFound");
    assert_eq!(house.ready(Kind::OidcClient, "identity", "one"), "Unknown:SaltNotFound");
    assert_eq!(sub(&house, "one"), None);
    assert!(sub(&house, "open").is_some(), "who sees public subjects needs no salt");
    house.put(salt(SALT)).settle();
    assert_eq!(house.ready(Kind::Realm, "identity", "staff"), "True:Ready");
    assert_eq!(house.ready(Kind::OidcClient, "identity", "one"), "True:Ready");
    let (one, two, open) = (sub(&house, "one").unwrap(), sub(&house, "two").unwrap(), sub(&house, "open").unwrap());
    assert!(one != two && one != open && two != open);
    assert_eq!(sub(&house, "sibling").unwrap(), one, "one sector, one subject");
}

#[test]
fn a_salt_that_is_short_unlabelled_or_misnamed_is_a_thing_to_mend() {
    let mut house = house();
    let mut unlabelled = salt(SALT);
    unlabelled["metadata"]["labels"] = json!({});
    for (wrong, why) in [
        (salt("short"), "False:SecretInvalid"),
        (unlabelled, "False:SecretNotReadable"),
        (secret("identity", "salt", &[("pepper", SALT)]), "False:SecretEntryMissing"),
    ] {
        house.put(wrong).settle();
        assert_eq!(house.ready(Kind::Realm, "identity", "staff"), why);
        assert!(!house.message(Kind::Realm, "identity", "staff").contains("0123456789abcdef"));
        assert_eq!(sub(&house, "one"), None);
    }
    house.put(salt(SALT)).settle();
    assert_eq!(house.ready(Kind::Realm, "identity", "staff"), "True:Ready");
}

#[test]
fn subjects_survive_a_restart_and_another_salt_changes_every_one_of_them() {
    let (mut house, mut again) = (house(), house());
    house.put(salt(SALT)).settle();
    again.put(salt(SALT)).settle();
    let before = sub(&house, "one");
    assert_eq!(before, sub(&again, "one"));
    house.put(salt(&SALT.replace('0', "x"))).settle();
    assert!(sub(&house, "one").is_some() && sub(&house, "one") != before);
    house.put(salt(SALT)).settle();
    assert_eq!(sub(&house, "one"), before);
    house.delete(Kind::Secret, "identity", "salt").settle();
    assert_eq!(sub(&house, "one"), None);
}

#[test]
fn a_client_may_be_pairwise_in_a_realm_that_is_not_where_that_has_a_salt() {
    let mut house = House::with([realm("staff", json!({})), user("identity", "ada", json!({}))]);
    house.put(app("one", "one.example", json!({"subjectType": "pairwise"}))).settle();
    assert_eq!(house.ready(Kind::OidcClient, "identity", "one"), "False:SubjectTypeNotAllowed");
    house.put(realm("staff", json!({"pairwiseSaltSecretRef": {"name": "salt"}}))).put(salt(SALT)).settle();
    assert_eq!(house.ready(Kind::OidcClient, "identity", "one"), "True:Ready");
    assert_eq!(sub(&house, "one").unwrap().len(), 43);
}

#[test]
fn oidc_8_1_redirect_uris_of_several_hosts_need_a_sector_identifier_uri() {
    let mut house = house();
    let several = json!({"redirectUris": ["https://one.example/cb", "https://two.example/cb"]});
    house.put(salt(SALT)).put(app("many", "one.example", several.clone())).settle();
    assert_eq!(house.ready(Kind::OidcClient, "identity", "many"), "False:SectorRequired");
    assert!(house.message(Kind::OidcClient, "identity", "many").contains("one.example, two.example"));
    let mut named = several;
    named["sectorIdentifierUri"] = json!("https://two.example/sector.json");
    house.put(app("many", "one.example", named)).settle();
    assert_eq!(house.ready(Kind::OidcClient, "identity", "many"), "True:Ready");
    assert_eq!(sub(&house, "many"), sub(&house, "two"), "the sector is the host of the URI");
}
