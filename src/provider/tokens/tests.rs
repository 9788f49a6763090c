use std::sync::Arc;

use serde_json::{Value, json};

use super::{ClaimRequest, Purpose, claims, half_hash};
use crate::{
    jose::Algorithm,
    provider::testing::{RealmBuilder, authorization, client, realm, user},
    realm::claims::ClaimRules,
};

fn released(realm: RealmBuilder, scopes: &str, purpose: Purpose) -> Value {
    let realm = realm.client(client("app")).user(user("ada")).build();
    let (client, user) = (realm.client("app").unwrap().clone(), realm.user("sub-ada").unwrap().clone());
    let mut authorization = authorization("app", "ada", scopes);
    authorization.locale = Some("de".into());
    let scopes: Vec<&str> = scopes.split(' ').collect();
    let person = Some((&*user, &authorization));
    Value::Object(claims(&ClaimRequest { realm: &realm, client: &client, person, scopes: &scopes }, purpose))
}

fn with_rules(rules: &[(&str, &str)], claims: &[&str]) -> RealmBuilder {
    let claims: Arc<[Arc<str>]> = claims.iter().map(|claim| Arc::from(*claim)).collect();
    realm().settings(|settings| {
        settings.claims = ClaimRules::compile(rules.iter().copied()).unwrap();
        let custom = settings.scopes.iter_mut().find(|scope| &*scope.name == "department").unwrap();
        custom.claims = claims;
    })
}

#[test]
fn at_hash_is_the_left_half_of_the_hash() {
    // OpenID Connect Core appendix A.3.
    assert_eq!(
        half_hash(Algorithm::Rs256.into(), "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"),
        "77QmUPtjPfzWtF2AnpK9RQ"
    );
    assert_eq!(half_hash(Algorithm::Es384.into(), "x").len(), 32);
    assert_eq!(half_hash(Algorithm::Ed25519.into(), "x").len(), 43);
}

#[test]
fn an_access_token_holds_nothing_of_the_profile() {
    let scopes = "openid profile email phone address groups department";
    let access = released(realm(), scopes, Purpose::Access);
    assert_eq!(access, json!({"groups": ["engineers", "staff"], "department": "maths"}));
    assert_eq!(released(realm(), "openid profile email", Purpose::Access), json!({}));
    assert_eq!(released(realm(), "unknown", Purpose::IdToken), json!({}));
}

#[test]
fn rules_see_the_person_the_client_and_the_request() {
    let rules = [
        ("a", "user.username + user.subject + user.profile.email"),
        ("b", "user.groups.exists(g, g == 'staff')"),
        ("c", "client.id + ' ' + client.name + ' ' + client.namespace + ' ' + client.displayName"),
        ("d", "request.locale + ' ' + request.acr + ' ' + request.amr[0] + ' ' + request.scopes[1]"),
        ("unwanted", "'x'"),
    ];
    assert_eq!(
        released(with_rules(&rules, &["a", "b", "c", "d"]), "openid department", Purpose::Access),
        json!({"a": "adasub-adaada@example.com", "b": true, "c": "app app apps The app app", "d": "de 1 pwd department"})
    );
}

#[test]
fn a_rule_comes_before_the_profile_in_every_language() {
    let rules = [("name", "'masked'"), ("given_name", "null"), ("given_name#fr", "'masqu\u{e9}e'")];
    let staff = with_rules(&rules, &["name", "given_name"]);
    let ada = user("ada").with(|ada| {
        let more = json!({"name#de": "Ada", "given_name#de": "Ada"});
        ada.profile.extend(more.as_object().unwrap().clone());
    });
    let realm = staff.client(client("app")).user(ada).build();
    let (client, user) = (realm.client("app").unwrap().clone(), realm.user("sub-ada").unwrap().clone());
    let mut authorization = authorization("app", "ada", "openid department");
    authorization.claims_locales = Some("de fr".into());
    let request = ClaimRequest {
        realm: &realm,
        client: &client,
        person: Some((&*user, &authorization)),
        scopes: &["openid", "department"],
    };
    assert_eq!(
        Value::Object(claims(&request, Purpose::IdToken)),
        json!({"name": "masked", "given_name": "ada", "given_name#fr": "masqu\u{e9}e"})
    );
}

#[test]
fn a_rule_comes_before_the_profile_and_nothing_before_the_tokens_own_claims() {
    let rules = [("email", "'rule@example.com'"), ("groups", "user.groups.map(g, 'x:' + g)")];
    let realm = with_rules(&rules, &["sub", "aud", "exp", "client_id"]);
    assert_eq!(
        released(realm, "openid email groups department", Purpose::IdToken),
        json!({"email": "rule@example.com", "email_verified": true, "groups": ["x:engineers", "x:staff"]})
    );
}
