use jiff::Timestamp;
use kube::api::DynamicObject;
use serde_json::{Value, json};

use super::{
    progress::{Phase, Progress},
    refusal, rotatable,
    step::Step,
};
use crate::plugin::{
    names::Kind,
    seen::{Place, Seen},
};

const REQUEST: &str = "2026-11-24T12:00:00Z";
const LATER: &str = "2026-11-24T13:00:00Z";

fn seen(kind: Kind, annotations: Value, spec: Value, status: Value) -> Seen {
    let metadata = json!({"namespace": "identity", "name": "it", "uid": "u", "annotations": annotations});
    let object = json!({"apiVersion": "realmkeeper.dev/v1alpha1", "kind": kind.as_str(), "metadata": metadata,
        "spec": spec, "status": status});
    Seen::read(kind, serde_json::from_value::<DynamicObject>(object).unwrap())
}

fn asked(kind: Kind, status: Value) -> Seen {
    seen(kind, json!({"realmkeeper.dev/rotate": REQUEST}), json!({}), status)
}

fn ring(acknowledged: bool, keys: &[(&str, &str)]) -> Seen {
    let key = |(kid, state): &(&str, &str)| {
        let mut key = json!({"kid": kid, "state": state, "secretName": format!("ring-{kid}")});
        if matches!(*state, "Pending" | "Published") {
            key["activatedAt"] = LATER.into();
        }
        key
    };
    let keys: Vec<_> = keys.iter().map(key).collect();
    let acknowledged = if acknowledged { REQUEST } else { "an earlier one" };
    asked(Kind::SigningKey, json!({"lastRotateRequest": acknowledged, "keys": keys}))
}

fn client(acknowledged: bool, current: Option<&str>, previous: Option<&str>) -> Seen {
    let credentials = json!({
        "current": current.map(|id| json!({"id": id, "issuedAt": REQUEST})),
        "previous": previous.map(|id| json!({"id": id, "validUntil": LATER})),
    });
    let acknowledged = acknowledged.then_some(REQUEST);
    let status = json!({"lastRotateRequest": acknowledged, "credentials": credentials, "binding": {"name": "it-oidc"}});
    asked(Kind::OidcClient, status)
}

fn later() -> Timestamp {
    LATER.parse().unwrap()
}

/// The steps that each look tells, and where it stands at the end.
fn observed(before: &Seen, looks: &[Seen]) -> (Vec<Vec<Step>>, Phase, String) {
    let mut progress = Progress::new(before, REQUEST.into()).unwrap();
    let steps = looks.iter().map(|seen| progress.observe(seen).unwrap()).collect();
    (steps, progress.phase(), progress.stuck())
}

fn published(kid: &str, at: Option<Timestamp>) -> Step {
    Step::KeyPublished { kid: kid.into(), takes_over: at }
}

#[test]
fn a_key_is_told_step_by_step_and_nothing_twice() {
    let before = ring(false, &[("old", "Active")]);
    let looks = [
        ring(false, &[("old", "Active")]),
        ring(true, &[("new", "Pending"), ("old", "Active")]),
        ring(true, &[("new", "Pending"), ("old", "Active")]),
        ring(true, &[("new", "Published"), ("old", "Active")]),
        ring(true, &[("new", "Published"), ("old", "Active")]),
        ring(true, &[("new", "Active"), ("old", "Retired")]),
    ];
    let (steps, phase, _) = observed(&before, &looks);
    let expected = [
        vec![],
        vec![Step::Acknowledged, Step::KeyMade { kid: "new".into(), published_at: None }],
        vec![],
        vec![published("new", Some(later()))],
        vec![],
        vec![Step::KeyActive { kid: "new".into() }, Step::KeyRetired { kid: "old".into() }],
    ];
    assert_eq!(steps, expected);
    assert_eq!(phase, Phase::Done);
}

#[test]
fn steps_that_passed_between_two_looks_are_told_too() {
    let (steps, phase, _) =
        observed(&ring(false, &[("old", "Active")]), &[ring(true, &[("new", "Active"), ("old", "Retired")])]);
    let expected = vec![
        Step::Acknowledged,
        published("new", None),
        Step::KeyActive { kid: "new".into() },
        Step::KeyRetired { kid: "old".into() },
    ];
    assert_eq!((steps, phase), (vec![expected], Phase::Done));
}

#[test]
fn it_is_known_when_the_new_key_takes_over() {
    for state in ["Pending", "Published"] {
        let (_, phase, stuck) =
            observed(&ring(false, &[("old", "Active")]), &[ring(true, &[("new", state), ("old", "Active")])]);
        assert_eq!(phase, Phase::TakesOver(later()));
        assert!(stuck.starts_with("new is there"), "{stuck}");
    }
}

#[test]
fn a_key_that_was_on_its_way_already_may_be_the_answer() {
    let before = ring(false, &[("next", "Published"), ("old", "Active")]);
    let (steps, phase, _) = observed(&before, &[ring(true, &[("next", "Published"), ("old", "Active")])]);
    assert_eq!(steps, [vec![Step::Acknowledged, published("next", Some(later()))]]);
    assert_eq!(phase, Phase::TakesOver(later()));
}

#[test]
fn a_key_that_comes_by_the_clock_before_the_request_is_read_is_not_the_answer() {
    let before = ring(false, &[("next", "Published"), ("old", "Active")]);
    let looks = [
        ring(false, &[("next", "Active"), ("old", "Retired")]),
        ring(true, &[("answer", "Published"), ("next", "Active"), ("old", "Retired")]),
    ];
    let (steps, phase, _) = observed(&before, &looks);
    assert_eq!(steps, [vec![], vec![Step::Acknowledged, published("answer", Some(later()))]]);
    assert_eq!(phase, Phase::TakesOver(later()));
}

#[test]
fn an_acknowledgement_without_a_new_key_is_not_the_end() {
    let (steps, phase, stuck) = observed(&ring(false, &[("old", "Active")]), &[ring(true, &[("old", "Active")])]);
    assert_eq!((steps, phase), (vec![vec![Step::Acknowledged]], Phase::Waiting));
    assert!(stuck.contains("nothing new has come"), "{stuck}");
    let both_sign = ring(true, &[("new", "Active"), ("old", "Active")]);
    assert_eq!(observed(&ring(false, &[("old", "Active")]), &[both_sign]).1, Phase::Waiting);
}

#[test]
fn a_ring_without_any_key_is_done_when_its_first_one_signs() {
    let (_, phase, _) = observed(&ring(false, &[]), &[ring(true, &[("new", "Active")])]);
    assert_eq!(phase, Phase::Done);
}

#[test]
fn a_revoked_key_is_not_said_to_have_retired() {
    let looks = [ring(true, &[("new", "Active"), ("old", "Revoked")])];
    let (steps, phase, _) = observed(&ring(false, &[("old", "Active")]), &looks);
    assert!(!steps[0].iter().any(|step| matches!(step, Step::KeyRetired { .. })), "{steps:?}");
    assert_eq!(phase, Phase::Done);
}

#[test]
fn without_an_operator_the_request_stands() {
    let (steps, phase, stuck) = observed(&ring(false, &[("old", "Active")]), &[ring(false, &[("old", "Active")])]);
    assert_eq!((steps, phase), (vec![vec![]], Phase::Waiting));
    assert!(stuck.contains("no operator has acknowledged") && !stuck.contains("Ready says"), "{stuck}");
    let mut served = ring(false, &[("old", "Active")]);
    let ready = json!({"type": "Ready", "status": "True", "reason": "Ready", "lastTransitionTime": LATER,
        "message": "in use; the last write failed: forbidden"});
    served.conditions = vec![serde_json::from_value(ready).unwrap()];
    let (.., stuck) = observed(&served, std::slice::from_ref(&served));
    assert!(stuck.ends_with("Its Ready says: in use; the last write failed: forbidden"), "{stuck}");
}

#[test]
fn another_request_that_comes_first_is_said() {
    let annotations = json!({"realmkeeper.dev/rotate": "theirs"});
    let status = json!({"lastRotateRequest": "theirs", "keys": []});
    let theirs = seen(Kind::SigningKey, annotations, json!({}), status);
    let (_, phase, _) = observed(&ring(false, &[]), &[theirs]);
    assert_eq!(phase, Phase::Superseded("theirs".into()));
}

#[test]
fn a_secret_is_told_with_how_long_the_former_is_good() {
    let before = client(false, Some("a"), None);
    let looks = [client(false, Some("a"), None), client(true, Some("a"), None), client(true, Some("b"), Some("a"))];
    let (steps, phase, _) = observed(&before, &looks);
    let issued = Step::CredentialsIssued { id: "b".into(), secret_name: Some("it-oidc".into()) };
    let valid = Step::FormerValidUntil { id: "a".into(), until: later() };
    assert_eq!(steps, [vec![], vec![Step::Acknowledged], vec![issued, valid]]);
    assert_eq!(phase, Phase::Done);
}

#[test]
fn a_secret_without_overlap_ends_the_former_at_once() {
    let (steps, phase, _) = observed(&client(false, Some("a"), None), &[client(true, Some("b"), None)]);
    assert_eq!(steps[0].last(), Some(&Step::FormerEnded { id: "a".into() }));
    assert_eq!(phase, Phase::Done);
    let (steps, _, _) = observed(&client(false, None, None), &[client(true, Some("b"), None)]);
    assert_eq!(steps[0].len(), 2, "{steps:?}");
}

#[test]
fn a_status_that_this_version_does_not_know_is_an_error_and_no_end() {
    let before = ring(false, &[("old", "Active")]);
    let mut progress = Progress::new(&before, REQUEST.into()).unwrap();
    let error = progress.observe(&ring(true, &[("new", "Hibernating")])).unwrap_err().to_string();
    assert!(error.contains("status.keys[0].state"), "{error}");
}

#[test]
fn what_cannot_rotate_is_refused_with_a_sentence() {
    let realm_ref = json!({"name": "staff"});
    let key = |source: Value| json!({"realmRef": realm_ref, "algorithm": "ES256", "source": source});
    let client = |rest: Value| {
        let mut spec = json!({"realmRef": realm_ref});
        spec.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        spec
    };
    let reference = json!({"secret": {"source": "Reference", "name": "theirs"}});
    let workload = json!({"serviceAccounts": [{"name": "pod"}]});
    for (kind, spec, said) in [
        (Kind::SigningKey, key(json!({"secretRef": {"name": "tls"}})), Some("from the Secret tls")),
        (Kind::SigningKey, key(json!({"generate": {}})), None),
        (Kind::OidcClient, client(json!({"tokenEndpointAuthMethod": "none"})), Some("is a public client")),
        (Kind::OidcClient, client(json!({"credentials": workload})), Some("has no secret")),
        (Kind::OidcClient, client(json!({"credentials": reference})), Some("from the Secret theirs")),
        (Kind::OidcClient, client(json!({})), None),
        // What this program can't read is the operator's to judge.
        (Kind::OidcClient, json!({"tokenEndpointAuthMethod": "tls_client_auth"}), None),
    ] {
        match (refusal::check(&seen(kind, json!({}), spec.clone(), json!({}))), said) {
            (Ok(()), None) => {}
            (Err(why), Some(said)) => assert!(why.contains(said), "{why}"),
            other => panic!("{spec}: {other:?}"),
        }
    }
    let frozen = json!({"realmkeeper.dev/reconcile": "disabled"});
    let frozen = seen(Kind::OidcClient, frozen, client(json!({})), json!({}));
    assert!(refusal::check(&frozen).unwrap_err().contains("is frozen"));
}

#[test]
fn only_keys_and_clients_can_be_named() {
    assert!(rotatable("oidcc/a").is_ok() && rotatable("signingkeys/a").is_ok());
    assert!(rotatable("realm/a").unwrap_err().contains("nothing to rotate"));
    assert!(rotatable("a").is_err());
}

#[test]
fn each_step_is_a_sentence() {
    let place = Place { namespace: "identity".into(), name: "grafana".into() };
    let now = REQUEST.parse().unwrap();
    let sentence = |step: Step| step.sentence(Kind::OidcClient, &place, now);
    assert_eq!(
        sentence(Step::Requested { request: REQUEST.into() }),
        "OidcClient identity/grafana: rotation requested"
    );
    assert_eq!(
        sentence(published("k", Some(later()))),
        "the key k is published, and takes over in 60m (2026-11-24T13:00:00Z)"
    );
    assert_eq!(
        sentence(Step::FormerValidUntil { id: "a".into(), until: later() }),
        "the former credentials a are accepted until 2026-11-24T13:00:00Z (in 60m)"
    );
}
