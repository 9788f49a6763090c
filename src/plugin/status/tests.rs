use std::collections::BTreeMap;

use jiff::Timestamp;
use kube::api::DynamicObject;
use serde_json::{Value, json};

use super::{Coverage, Gathered, Listing, Report, Scope, Severity, draw::Drawing, report::Presence};
use crate::plugin::{
    names::Kind,
    output::Palette,
    seen::{Place, Seen},
};

fn now() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

fn object(kind: Kind, namespace: &str, name: &str, rest: Value) -> Seen {
    let mut object = json!({
        "apiVersion": "realmkeeper.dev/v1alpha1", "kind": kind.as_str(),
        "metadata": {"namespace": namespace, "name": name, "generation": 1},
        "spec": {"realmRef": {"name": "staff", "namespace": "identity"}},
        "status": {"observedGeneration": 1, "conditions": conditions(&[("Ready", "True", "Ready", "good")])},
    });
    merge(&mut object, rest);
    Seen::read(kind, serde_json::from_value::<DynamicObject>(object).unwrap())
}

fn merge(into: &mut Value, from: Value) {
    match from {
        Value::Object(members) => members.into_iter().for_each(|(key, value)| merge(&mut into[key], value)),
        other => *into = other,
    }
}

fn conditions(all: &[(&str, &str, &str, &str)]) -> Value {
    let condition = |(type_, status, reason, message): &(&str, &str, &str, &str)| {
        json!({"type": type_, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": "2026-11-24T09:00:00Z"})
    };
    all.iter().map(condition).collect()
}

fn realm() -> Seen {
    let status =
        json!({"issuer": "https://id.example.com/staff", "attached": {"oidcClients": 2, "users": 9, "groups": 1}});
    object(Kind::Realm, "identity", "staff", json!({"spec": {}, "status": status}))
}

fn signing_key() -> Seen {
    let keys = json!([
        {"kid": "new", "state": "Published", "secretName": "es-2", "publishedAt": "2026-11-24T11:50:00Z",
         "activatedAt": "2026-11-24T12:50:00Z", "restoredAt": "2026-11-24T11:55:00Z"},
        {"kid": "old", "state": "Active", "secretName": "es-1", "publishedAt": "2026-10-24T11:00:00Z",
         "activatedAt": "2026-10-24T12:00:00Z"},
        {"kid": "former", "state": "Retired", "secretName": "es-0", "removedAt": "2026-11-24T12:10:00Z"},
        {"kid": "gone", "state": "Removed", "secretName": "es-9"},
    ]);
    let lost = json!([{"kid": "lost", "secretName": "es-8", "noticedAt": "2026-11-24T11:58:00Z"}]);
    let status = json!({"nextRotation": "2026-11-24T12:50:00Z", "keys": keys, "lostKeys": lost});
    object(Kind::SigningKey, "identity", "es", json!({"spec": {"algorithm": "ES256"}, "status": status}))
}

fn client() -> Seen {
    let credentials = json!({
        "current": {"id": "b", "issuedAt": "2026-11-21T12:00:00Z", "rotateAfter": "2027-02-19T12:00:00Z"},
        "previous": {"id": "a", "validUntil": "2026-11-24T17:00:00Z", "lastUsed": "2026-11-24T11:57:00Z"},
    });
    let status =
        json!({"clientId": "monitoring.grafana", "binding": {"name": "grafana-oidc"}, "credentials": credentials});
    object(Kind::OidcClient, "monitoring", "grafana", json!({"status": status}))
}

/// As the operator says it of a client whose Secret belongs to somebody else.
fn broken_client() -> Seen {
    let message = "a Secret web-oidc is there and is not ours";
    let conditions = conditions(&[
        ("Ready", "False", "SecretNotOwned", message),
        ("Accepted", "True", "Accepted", ""),
        ("ResolvedRefs", "Unknown", "Pending", "references are looked at later"),
        ("Programmed", "False", "SecretNotOwned", message),
        ("Stalled", "True", "SecretNotOwned", message),
    ]);
    object(Kind::OidcClient, "identity", "web", json!({"status": {"conditions": conditions}}))
}

fn users(count: usize) -> Vec<Seen> {
    (0..count).map(|at| object(Kind::User, "identity", &format!("u{at}"), json!({}))).collect()
}

fn gathered(objects: Vec<Seen>) -> Gathered {
    let empty = || Listing { objects: Vec::new(), coverage: Coverage::Everything };
    let mut all: BTreeMap<Kind, Listing> = Kind::ALL.map(|kind| (kind, empty())).into();
    for object in objects {
        all.get_mut(&object.kind).unwrap().objects.push(object);
    }
    Gathered(all)
}

fn scope() -> Scope {
    Scope { namespace: Some("identity".into()), realm: None }
}

fn report(objects: Vec<Seen>) -> Report {
    Report::of(&gathered(objects), &scope(), now())
}

fn drawn(report: &Report, all: bool) -> String {
    Drawing { palette: Palette::PLAIN, now: now(), all }.draw(report, &scope())
}

#[test]
fn a_realm_is_drawn_with_what_is_wrong_first() {
    let mut objects = vec![realm(), signing_key(), client(), broken_client()];
    objects.extend(users(9));
    objects.push(object(Kind::Group, "identity", "engineers", json!({"status": {"members": 1}})));
    let expected = "\
1 problem
✗ OidcClient identity/web: SecretNotOwned (Ready False, Programmed False, Stalled True, since 3h ago)
  a Secret web-oidc is there and is not ours

✓ Realm identity/staff
│ issuer https://id.example.com/staff
├─ SigningKeys (1)
│  └─ ✓ es: ES256, next rotation in 50m
│     ├─ Published new (published 10m ago, takes over in 50m, restored 5m ago, Secret es-2)
│     ├─ Active old (published 31d ago, active since 31d ago, Secret es-1)
│     ├─ Retired former (leaves the JWKS in 10m, Secret es-0)
│     ├─ Lost lost (missed since 2m ago, Secret es-8)
│     └─ 1 removed
├─ OidcClients (2)
│  ├─ ✗ web SecretNotOwned
│  └─ ✓ monitoring/grafana: client id monitoring.grafana, Secret grafana-oidc, credentials 3d old, next rotation in 87d, \
the former are valid for 5h, used last 3m ago
├─ Users (9)
│  └─ ✓ 9 without problems (--all shows them)
└─ Groups (1)
   └─ ✓ engineers: 1 member
";
    assert_eq!(drawn(&report(objects), false), expected);
}

#[test]
fn a_broken_object_is_never_folded_away() {
    let mut objects = vec![realm()];
    objects.extend(users(20));
    objects.push(object(
        Kind::User,
        "identity",
        "zoe",
        json!({"status": {"conditions": conditions(&[
            ("Ready", "Unknown", "SecretNotFound", "spec.passwordSecretRef: there is no Secret zoe"),
            ("ResolvedRefs", "False", "SecretNotFound", "spec.passwordSecretRef: there is no Secret zoe"),
        ])}}),
    ));
    let report = report(objects);
    assert_eq!(report.problems[0].severity, Severity::Waiting);
    let text = drawn(&report, false);
    assert!(text.contains("… zoe SecretNotFound\n") && text.contains("20 without problems"), "{text}");
    let text = drawn(&report, true);
    assert!(text.contains("✓ u19\n") && !text.contains("without problems"), "{text}");
}

#[test]
fn two_reasons_of_one_object_are_two_problems_and_the_worse_comes_first() {
    let both = conditions(&[
        ("Ready", "False", "ScopeNotAllowed", "scopes: x; access.groups: there is no Group a"),
        ("Accepted", "False", "ScopeNotAllowed", "scopes: x"),
        ("ResolvedRefs", "False", "GroupNotFound", "access.groups: there is no Group a"),
    ]);
    let problems =
        report(vec![realm(), object(Kind::OidcClient, "identity", "a", json!({"status": {"conditions": both}}))]);
    let reasons: Vec<_> = problems.problems.iter().map(|problem| (problem.severity, &*problem.reason)).collect();
    assert_eq!(reasons, [(Severity::Error, "ScopeNotAllowed"), (Severity::Waiting, "GroupNotFound")]);
}

#[test]
fn an_object_that_no_operator_looks_at_is_a_problem_unless_it_is_frozen() {
    let unseen = json!({"status": null});
    let stale = json!({"metadata": {"generation": 3}});
    let frozen = json!({"metadata": {"generation": 3, "annotations": {"realmkeeper.dev/reconcile": "disabled"}}});
    let objects = vec![
        realm(),
        object(Kind::User, "identity", "a", unseen),
        object(Kind::User, "identity", "b", stale),
        object(Kind::User, "identity", "c", frozen),
    ];
    let report = report(objects);
    let reasons: Vec<_> = report.problems.iter().map(|problem| (&*problem.place.name, &*problem.reason)).collect();
    assert_eq!(reasons, [("a", "NotObserved"), ("b", "StatusOutOfDate")]);
    let text = drawn(&report, false);
    assert!(text.contains("✓ c frozen\n") && text.contains("… a NotObserved\n"), "{text}");
}

#[test]
fn a_rotation_that_is_late_is_a_problem() {
    let due = |at: &str| object(Kind::SigningKey, "identity", "es", json!({"status": {"nextRotation": at}}));
    assert_eq!(report(vec![realm(), due("2026-11-24T11:58:00Z")]).problem_count, 0, "clocks differ");
    let late = report(vec![realm(), due("2026-11-24T11:00:00Z")]);
    assert_eq!(late.problems[0].reason, "RotationOverdue");
}

#[test]
fn a_request_for_a_rotation_shows_until_it_is_acknowledged() {
    let asked = |acknowledged: &str| {
        object(
            Kind::OidcClient,
            "identity",
            "a",
            json!({
                "metadata": {"annotations": {"realmkeeper.dev/rotate": "2"}},
                "status": {"lastRotateRequest": acknowledged},
            }),
        )
    };
    assert!(drawn(&report(vec![asked("1")]), false).contains("✓ a: rotation requested\n"));
    assert!(!drawn(&report(vec![asked("2")]), false).contains("rotation requested"));
    // Where somebody else renews it, nobody will ever acknowledge it.
    let theirs = [
        (Kind::SigningKey, json!({"algorithm": "ES256", "source": {"secretRef": {"name": "cert"}}})),
        (Kind::OidcClient, json!({"credentials": {"secret": {"name": "given", "source": "Reference"}}})),
    ];
    for (kind, spec) in theirs {
        let metadata = json!({"annotations": {"realmkeeper.dev/rotate": "2"}});
        let asked = object(kind, "identity", "a", json!({"metadata": metadata, "spec": spec}));
        assert!(!drawn(&report(vec![asked]), false).contains("rotation requested"), "{kind}");
    }
}

#[test]
fn objects_of_a_realm_that_is_not_there_are_shown_below_its_name() {
    let report = report(vec![client()]);
    assert_eq!(report.realms[0].presence, Presence::NotFound);
    assert!(drawn(&report, false).contains("… Realm identity/staff, which is not there\n└─ OidcClients (1)"));
}

#[test]
fn only_the_realms_that_are_asked_for_are_shown() {
    let elsewhere =
        object(Kind::User, "identity", "u", json!({"spec": {"realmRef": {"name": "other", "namespace": "else"}}}));
    let homeless = object(Kind::User, "identity", "v", json!({"spec": {"realmRef": null}}));
    let all = gathered(vec![realm(), elsewhere, homeless]);
    assert_eq!(Report::of(&all, &scope(), now()).realms.len(), 1);
    assert_eq!(Report::of(&all, &Scope::default(), now()).realms.len(), 2);
    let named = Scope { realm: Some("other".into()), ..scope() };
    assert!(Report::of(&all, &named, now()).realms.is_empty());
}

#[test]
fn what_may_not_be_seen_is_said_and_the_rest_is_shown() {
    let mut all = gathered(vec![realm(), signing_key(), client()]);
    all.0.get_mut(&Kind::User).unwrap().coverage = Coverage::Nothing;
    all.0.get_mut(&Kind::OidcClient).unwrap().coverage = Coverage::Namespace("identity".into());
    let report = Report::of(&all, &scope(), now());
    let text = drawn(&report, false);
    assert!(text.starts_with("no problems in what you may see\n"), "{text}");
    assert!(text.contains("not shown: OidcClients of other namespaces than identity"), "{text}");
    assert!(text.contains("not shown: Users (you may not list them)"), "{text}");
    assert!(text.contains("└─ Users: 9 not visible to you\n"), "{text}");

    all.0.get_mut(&Kind::Realm).unwrap().objects.clear();
    all.0.get_mut(&Kind::Realm).unwrap().coverage = Coverage::Nothing;
    let report = Report::of(&all, &scope(), now());
    assert_eq!(report.realms[0].presence, Presence::NotVisible);
    assert!(drawn(&report, false).contains("Realm identity/staff, which you may not see\n"));
}

#[test]
fn a_status_of_another_version_is_a_problem_of_ours_and_spoils_nothing_else() {
    let keys = json!([{"kid": "k", "state": "Hibernating", "secretName": "s"}]);
    let odd =
        object(Kind::SigningKey, "identity", "es", json!({"spec": {"algorithm": "ML-DSA"}, "status": {"keys": keys}}));
    let report = report(vec![realm(), odd]);
    assert_eq!(report.problems[0].reason, "Unreadable");
    assert!(report.problems[0].message.contains("status.keys[0].state"), "{}", report.problems[0].message);
    assert_eq!(report.realms[0].signing_keys[0].state.ready.status, "True");
}

#[test]
fn messages_of_others_paint_nothing_on_the_terminal() {
    let evil = conditions(&[("Ready", "False", "Invalid", "\u{1b}]0;owned\u{7}\u{1b}[2J")]);
    let text = drawn(
        &report(vec![realm(), object(Kind::User, "identity", "u", json!({"status": {"conditions": evil}}))]),
        false,
    );
    assert!(!text.contains('\u{1b}') && !text.contains('\u{7}'), "{text:?}");
}

#[test]
fn the_names_of_the_data_are_stable() {
    let data = serde_json::to_value(report(vec![realm(), signing_key(), client(), broken_client()])).unwrap();
    assert_eq!(data["problemCount"], 1);
    let problem = &data["problems"][0];
    assert_eq!(
        (&problem["severity"], &problem["kind"], &problem["namespace"], &problem["name"], &problem["reason"]),
        (&json!("Error"), &json!("OidcClient"), &json!("identity"), &json!("web"), &json!("SecretNotOwned"))
    );
    assert_eq!(problem["conditions"][0], json!({"type": "Ready", "status": "False"}));
    assert_eq!(problem["realm"], json!({"namespace": "identity", "name": "staff"}));
    let realm = &data["realms"][0];
    assert_eq!((&realm["presence"], &realm["issuer"]), (&json!("Found"), &json!("https://id.example.com/staff")));
    assert_eq!(realm["ready"]["status"], "True");
    let ring = &realm["signingKeys"][0];
    assert_eq!(ring["nextRotation"], "2026-11-24T12:50:00Z");
    assert_eq!(ring["keys"][0]["kid"], "new");
    assert_eq!(ring["algorithm"], "ES256");
    let client = &realm["oidcClients"][1];
    assert_eq!((&client["clientId"], &client["secretName"]), (&json!("monitoring.grafana"), &json!("grafana-oidc")));
    assert_eq!(client["credentials"]["previous"]["validUntil"], "2026-11-24T17:00:00Z");
    assert_eq!(client["tokenEndpointAuthMethod"], "client_secret_basic");
    assert_eq!((&client["frozen"], &client["rotationRequested"]), (&json!(false), &json!(false)));
}

#[test]
fn a_place_reads_as_namespace_and_name() {
    assert_eq!(Place { namespace: "a".into(), name: "b".into() }.to_string(), "a/b");
}

#[test]
fn an_empty_namespace_says_where_else_to_look() {
    let text = drawn(&report(Vec::new()), false);
    assert_eq!(text, "no problems\nthere are no Realms in namespace identity (-A looks into all namespaces)\n");
}

#[test]
fn a_client_that_registered_itself_is_shown_as_such() {
    let mut object = json!({
        "apiVersion": "realmkeeper.dev/v1alpha1", "kind": "OidcClient",
        "metadata": {"namespace": "identity", "name": "registered-1", "labels": {"realmkeeper.dev/registered": "true"}},
        "spec": {"realmRef": {"name": "staff"}},
        "status": {"clientId": "registered-1", "conditions": conditions(&[("Ready", "True", "Ready", "good")])},
    });
    let mut drawing = |labels: Value| {
        object["metadata"]["labels"] = labels;
        let object: DynamicObject = serde_json::from_value(object.clone()).unwrap();
        drawn(&report(vec![realm(), Seen::read(Kind::OidcClient, object)]), false)
    };
    assert!(
        drawing(json!({"realmkeeper.dev/registered": "true"})).contains("client id registered-1, registered itself")
    );
    assert!(!drawing(json!({})).contains("registered itself"));
}
