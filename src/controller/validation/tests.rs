use serde_json::{Value, json};

use super::super::source::Kind;
use super::node::KEYWORDS;
use super::{SCHEMAS, prune, validate};
use crate::api::crds;

fn object(kind: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "realmkeeper.dev/v1alpha1", "kind": kind, "metadata": {"name": "a", "namespace": "b"}, "spec": spec,
    })
}

fn client(spec: Value) -> Value {
    let mut full = json!({"realmRef": {"name": "staff"}, "redirectUris": ["https://a.example/cb"]});
    full.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    object("OidcClient", full)
}

/// The fields of the problems, each with its message.
fn problems(kind: Kind, object: &Value, old: Option<&Value>) -> Vec<String> {
    let found = validate(kind, object, old);
    found.into_iter().map(|problem| format!("{}: {}", problem.field, problem.message)).collect()
}

/// The one problem.
fn only(kind: Kind, object: &Value) -> String {
    let found = problems(kind, object, None);
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}

#[test]
fn every_schema_compiles_and_uses_only_what_is_read() {
    fn visit(schema: &Value) {
        for keyword in schema.as_object().unwrap().keys() {
            assert!(KEYWORDS.contains(&keyword.as_str()), "{keyword}");
        }
        for child in schema["properties"].as_object().into_iter().flatten().map(|(_, child)| child) {
            visit(child);
        }
        for keyword in ["items", "additionalProperties"] {
            if schema[keyword].is_object() {
                visit(&schema[keyword]);
            }
        }
    }
    fn compiled(schema: &kube::core::cel::CompiledSchema) -> usize {
        assert!(!schema.has_errors(), "{:?}", schema.compilation_errors());
        let children =
            schema.properties.values().chain(schema.items.as_deref()).chain(schema.additional_properties.as_deref());
        schema.validations.len() + children.map(compiled).sum::<usize>()
    }
    for crd in crds() {
        let mut crd = serde_json::to_value(crd).unwrap();
        let schema = &mut crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        // Nothing here reads a status, nor gives one where there is none.
        schema["properties"]["status"].as_object_mut().unwrap().remove("default");
        visit(schema);
    }
    assert_eq!(SCHEMAS.len(), 5);
    for (kind, schema) in SCHEMAS.iter() {
        assert!(compiled(&schema.rules) > 0, "{kind}");
    }
}

#[test]
fn what_is_right_passes() {
    for (kind, object) in [
        (Kind::Realm, object("Realm", json!({}))),
        (Kind::Realm, object("Realm", json!({"issuer": "https://id.example.com:8443/staff"}))),
        (Kind::Realm, object("Realm", json!({"issuer": "http://[::1]:8080/realms/x"}))),
        (Kind::OidcClient, client(json!({}))),
        (
            Kind::OidcClient,
            client(json!({"redirectUris": ["http://127.0.0.1/cb", "com.example.app:/cb", "http://[::1]:1/"]})),
        ),
        (Kind::OidcClient, client(json!({"tokenEndpointAuthMethod": "none"}))),
        (Kind::OidcClient, client(json!({"credentials": {"secret": {"source": "Reference", "name": "x"}}}))),
        (Kind::User, object("User", json!({"realmRef": {"name": "staff"}, "attributes": {"department": ["maths"]}}))),
        (Kind::Group, object("Group", json!({"realmRef": {"name": "staff"}, "members": {"users": ["ada"]}}))),
        (
            Kind::SigningKey,
            object(
                "SigningKey",
                json!({"realmRef": {"name": "staff"}, "algorithm": "ES256", "source": {"generate": {}}}),
            ),
        ),
        (Kind::Secret, json!({"metadata": {"name": "a"}, "data": {"x": "aGk="}, "stringData": {"y": "hi"}})),
        (Kind::Namespace, json!({"metadata": {"name": "a", "labels": {"a.b/c": ""}}})),
    ] {
        assert_eq!(problems(kind, &object, None), Vec::<String>::new(), "{object}");
    }
}

#[test]
fn a_redirect_uri_is_held_to_its_rules_at_its_index() {
    for (uri, message) in [
        ("http://app.example/cb", "must be https, or http on a loopback address"),
        ("https://app.example/cb#x", "must have no fragment"),
        ("https://*.example/cb", "must be written out in full"),
        ("myapp:/cb", "must be https, or http on a loopback address"),
        ("javascript:alert(1)", "must be https, or http on a loopback address"),
        ("http://localhost.evil.example/cb", "must be https, or http on a loopback address"),
        ("http://127.0.0.1@evil.example/", "must be https, or http on a loopback address"),
        ("https://user@app.example/", "must be https, or http on a loopback address"),
        ("/relative", "must be https, or http on a loopback address"),
        ("https:///cb", "must be https, or http on a loopback address"),
        ("https://app.example/a b", "must be https, or http on a loopback address"),
    ] {
        let found = only(Kind::OidcClient, &client(json!({"redirectUris": ["https://a.example/", uri]})));
        assert!(found.starts_with(&format!("spec.redirectUris[1]: {message}")), "{uri}: {found}");
    }
}

#[test]
fn an_issuer_is_held_to_its_rules() {
    for (issuer, message) in [
        ("https://id.example/a?b", "must have no query"),
        ("https://id.example/a#b", "must have no query"),
        ("http://id.example/a", "must be https://HOST"),
        ("https://ID.example/a", "must be https://HOST"),
        ("https://u@id.example/a", "must be https://HOST"),
        ("https://id.example/", "must not end with a slash"),
        ("id.example", "must be https://HOST"),
        ("", "must not be empty"),
    ] {
        let found = problems(Kind::Realm, &object("Realm", json!({"issuer": issuer})), None);
        assert!(found.iter().any(|found| found.starts_with(&format!("spec.issuer: {message}"))), "{issuer}: {found:?}");
    }
}

#[test]
fn what_may_not_change_is_compared_with_what_was() {
    let realm = |spec| object("Realm", spec);
    let set = realm(json!({"issuer": "https://a.example"}));
    let message = |new: &Value, old: &Value, kind| problems(kind, new, Some(old));
    assert_eq!(message(&set, &realm(json!({})), Kind::Realm), Vec::<String>::new());
    for new in [realm(json!({})), realm(json!({"issuer": "https://b.example"}))] {
        assert!(message(&new, &set, Kind::Realm)[0].starts_with("spec.issuer: issuer can't be changed"));
    }
    let named = client(json!({"clientId": "x"}));
    for (new, old) in
        [(client(json!({})), &named), (client(json!({"clientId": "y"})), &named), (named.clone(), &client(json!({})))]
    {
        assert!(message(&new, old, Kind::OidcClient)[0].starts_with("spec.clientId: clientId can't be changed"));
    }
    let moved = client(json!({"realmRef": {"name": "staff", "namespace": "elsewhere"}}));
    assert!(message(&moved, &client(json!({})), Kind::OidcClient)[0].starts_with("spec.realmRef: "));
    let key = |algorithm| object("SigningKey", json!({"realmRef": {"name": "staff"}, "algorithm": algorithm}));
    assert!(message(&key("RS256"), &key("ES256"), Kind::SigningKey)[0].starts_with("spec.algorithm: "));
    let user = |subject| object("User", json!({"realmRef": {"name": "staff"}, "subject": subject}));
    assert!(message(&user("a"), &user("b"), Kind::User)[0].starts_with("spec.subject: "));
}

#[test]
fn how_a_client_authenticates_must_fit_what_it_has() {
    let jwk = json!({"kty": "EC", "crv": "P-256", "x": "aa", "y": "bb"});
    for (spec, field, message) in [
        (
            json!({"tokenEndpointAuthMethod": "none", "credentials": {"serviceAccounts": [{"name": "x"}]}}),
            "tokenEndpointAuthMethod",
            "a public client",
        ),
        (
            json!({"tokenEndpointAuthMethod": "none", "grantTypes": ["client_credentials"]}),
            "tokenEndpointAuthMethod",
            "a public client",
        ),
        (
            json!({"tokenEndpointAuthMethod": "private_key_jwt"}),
            "tokenEndpointAuthMethod",
            "tokenEndpointAuthMethod private_key_jwt needs",
        ),
        (
            json!({"tokenEndpointAuthMethod": "client_secret_post", "credentials": {"jwks": {"keys": [jwk]}}}),
            "tokenEndpointAuthMethod",
            "tokenEndpointAuthMethod says client secret",
        ),
        (
            json!({"credentials": {"jwks": {"keys": [jwk]}, "jwksUri": "https://a.example/jwks"}}),
            "credentials",
            "jwks and jwksUri exclude",
        ),
        (json!({"credentials": {"secret": {"source": "Reference"}}}), "credentials.secret", "source Reference needs"),
        (
            json!({"credentials": {"secret": {"source": "Reference", "name": "x", "rotation": {"every": "9d"}}}}),
            "credentials.secret",
            "rotation.every, metadata",
        ),
        (json!({"credentials": {"secret": {"keys": {"secret": "X"}}}}), "credentials.secret.keys", "the entries are"),
        (
            json!({"credentials": {"jwks": {"keys": [{"kty": "RSA", "n": "aa"}]}}}),
            "credentials.jwks.keys[0]",
            "an RSA key has",
        ),
        (
            json!({"grantTypes": ["authorization_code"], "redirectUris": []}),
            "redirectUris",
            "the grant type authorization_code needs",
        ),
        (json!({"grantTypes": ["refresh_token"]}), "grantTypes", "the grant type refresh_token needs"),
        (json!({"responseTypes": ["code"], "redirectUris": []}), "responseTypes", "a response type with code needs"),
    ] {
        let found = only(Kind::OidcClient, &client(spec.clone()));
        assert!(found.starts_with(&format!("spec.{field}: {message}")), "{spec}: {found}");
    }
}

#[test]
fn the_shape_comes_before_the_rules() {
    for (spec, expected) in [
        (json!({"redirectUris": "https://a.example/cb"}), "spec.redirectUris: must be a list, and is text"),
        (json!({"clientName": true}), "spec.clientName: must be text, and is true or false: put it in quotes"),
        (json!({"consent": "Maybe"}), "spec.consent: must be one of Skip, Ask"),
        (json!({"realmRef": {}}), "spec.realmRef.name: is required"),
        (json!({"scopes": ["a", "b", "a"]}), "spec.scopes[2]: is the same as item [0]: each may be there once"),
        (
            json!({"credentials": {"serviceAccounts": []}}),
            "spec.credentials.serviceAccounts: must have at least 1 item",
        ),
        (json!({"clientName": "x".repeat(300)}), "spec.clientName: must have at most 256 characters, and has 300"),
        (json!({"tokens": {"idToken": "0s"}}), "spec.tokens.idToken: must be one second or more"),
    ] {
        assert_eq!(only(Kind::OidcClient, &client(spec)), expected);
    }
    assert_eq!(only(Kind::User, &json!({"metadata": {"name": "a"}})), "spec: is required");
    assert_eq!(
        only(Kind::Realm, &object("Realm", json!({"login": {"lockout": {"maxFailures": 0}}}))),
        "spec.login.lockout.maxFailures: must be 1 or more"
    );
}

#[test]
fn metadata_is_checked_as_for_every_kind() {
    for (metadata, expected) in [
        (json!({"name": "A"}), "metadata.name: must be lower-case"),
        (json!({}), "metadata.name: is required"),
        (json!({"name": 3}), "metadata.name: must be text, and is a whole number: put it in quotes"),
        (json!({"name": "a", "namespace": "a.b"}), "metadata.namespace: must be lower-case"),
        (json!({"name": "a", "labels": {"team": "a b"}}), "metadata.labels.team: must be letters"),
        (json!({"name": "a", "labels": {"te am": "a"}}), "metadata.labels.te am: its key must be"),
        (json!({"name": "a", "annotations": {"a": true}}), "metadata.annotations.a: must be text"),
        (json!({"name": "x".repeat(64)}), "metadata.name: the name of a Realm must have at most 63"),
    ] {
        let found = problems(Kind::Realm, &json!({"metadata": metadata, "spec": {}}), None);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{found:?}");
    }
}

#[test]
fn unknown_fields_and_nulls_are_pruned_and_the_fields_named() {
    let mut object = client(json!({
        "redirectURIs": [], "clientName": null, "credentials": {"secret": {"nmae": "x"}, "jwks": {"keys": [{"kty": "RSA", "d": "private"}]}},
    }));
    object["metadata"]["lables"] = json!({});
    object["status"] = json!({"clientId": "forged"});
    object["extra"] = json!(1);
    let mut unknown: Vec<_> =
        prune(Kind::OidcClient, &mut object).into_iter().map(|p| format!("{}: {}", p.field, p.message)).collect();
    unknown.sort();
    assert_eq!(
        unknown,
        [
            "extra: is no field that the schema knows",
            "metadata.lables: is no field that the schema knows: did you mean labels?",
            "spec.credentials.jwks.keys[0].d: is no field that the schema knows",
            "spec.credentials.secret.nmae: is no field that the schema knows: did you mean name?",
            "spec.redirectURIs: is no field that the schema knows: did you mean redirectUris?",
        ]
    );
    assert_eq!(object["spec"]["credentials"], json!({"secret": {}, "jwks": {"keys": [{"kty": "RSA"}]}}));
    assert!(object["spec"].get("clientName").is_none() && object.get("status").is_none());
}

#[test]
fn secrets_are_checked_without_a_word_of_their_content() {
    for (object, expected) in [
        (json!({"metadata": {"name": "a"}, "data": {"x": "hunter2!"}}), "data.x: must be base64"),
        (json!({"metadata": {"name": "a"}, "data": {"x": 3}}), "data.x: must be text"),
        (json!({"metadata": {"name": "a"}, "stringData": {"x y": "hunter2!"}}), "stringData.x y: the name of an entry"),
        (json!({"metadata": {"name": "a"}, "data": ["hunter2!"]}), "data: must be a mapping"),
        (
            json!({"metadata": {"name": "a"}, "type": "kubernetes.io/tls", "stringData": {"tls.crt": "x"}}),
            "data.tls.key: is required",
        ),
        (json!({"metadata": {"name": "a"}, "stringData": {"x": "x".repeat(1 << 21)}}), "data: must have at most 1 MiB"),
    ] {
        let found = only(Kind::Secret, &object);
        assert!(found.starts_with(expected) && !found.contains("hunter2"), "{found}");
    }
}

#[test]
fn nothing_makes_it_panic() {
    for kind in Kind::ALL {
        for odd in [
            json!(null),
            json!([]),
            json!("x"),
            json!({}),
            json!({"metadata": []}),
            json!({"metadata": {"name": "a"}, "spec": []}),
        ] {
            let mut object = odd.clone();
            prune(kind, &mut object);
            assert!(!validate(kind, &object, None).is_empty() || !kind.is_ours(), "{kind} {odd}");
        }
    }
}
