use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::document::{Valid, as_metadata, changed_object, metadata_of, new_object};
use crate::{
    controller::source::FieldProblem,
    realm::{
        Issuer, ObjectName,
        registration::{ClientMetadata, MEMBERS, NewClient, Registration, Shape, TokenHash},
    },
};

fn metadata(document: Value) -> ClientMetadata {
    ClientMetadata::parse(document.as_object().unwrap()).unwrap()
}

fn registration() -> Registration {
    Registration {
        access_token: TokenHash::of(b"token"),
        issued_at: Timestamp::UNIX_EPOCH,
        secret_expires_at: Some(Timestamp::from_second(99).unwrap()),
        last_used: None,
        revision: 1,
        statement: Some("a.b.c".into()),
    }
}

fn object(document: Value) -> Result<Valid, String> {
    let new = NewClient {
        realm: ObjectName::new("identity", "staff"),
        issuer: Issuer::parse("https://id.example.com/staff").unwrap(),
        metadata: metadata(document),
        registration: registration(),
        now: Timestamp::UNIX_EPOCH,
    };
    new_object(&new, &ObjectName::new("identity", "registered-1")).map_err(|error| error.member)
}

/// A value of each member that can stand with all the others.
fn everything() -> Value {
    let ec = json!({"kty": "EC", "crv": "P-256", "kid": "1", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"});
    let mut all = Map::new();
    for member in MEMBERS {
        let value = match (member.name, member.shape) {
            ("redirect_uris" | "post_logout_redirect_uris" | "request_uris", _) => json!(["https://a.example/x"]),
            ("grant_types", _) => json!(["authorization_code", "implicit"]),
            ("response_types", _) => json!(["code", "code id_token"]),
            ("application_type", _) => json!("native"),
            ("subject_type", _) => json!("pairwise"),
            ("scope", _) => json!("openid email"),
            ("jwks", _) => json!({"keys": [ec.clone()]}),
            ("jwks_uri", _) => continue,
            ("token_endpoint_auth_method", _) => json!("private_key_jwt"),
            (name, _) if name.ends_with("_enc") => json!("A256GCM"),
            (name, _) if name.contains("encrypt") => json!("ECDH-ES"),
            (name, _) if name.ends_with("_alg") => json!("ES256"),
            (name, Shape::Text) if name.ends_with("_uri") => json!("https://a.example/x"),
            (_, Shape::Flag) => json!(true),
            (_, Shape::Seconds) => json!(60),
            (_, Shape::Texts) => json!(["one", "two"]),
            _ => json!("a line"),
        };
        if member.is_localized {
            all.insert(format!("{}#de", member.name), value.clone());
        }
        all.insert(member.name.to_owned(), value);
    }
    Value::Object(all)
}

#[test]
fn rfc7591_3_2_1_every_member_has_its_field_and_comes_back_as_it_went() {
    let made = object(everything()).unwrap().object;
    let back = Value::Object(metadata_of(&made).into_map());
    let keys = back["jwks"]["keys"][0].clone();
    assert_eq!(keys["kty"], "EC");
    assert_eq!(back, everything());
}

#[test]
fn what_is_not_client_metadata_survives_an_update_and_the_rest_is_replaced() {
    let mut made = object(everything()).unwrap().object;
    made.spec.access.groups = vec!["engineers".to_owned()];
    made.metadata.annotations.get_or_insert_default().insert("who".to_owned(), "me".to_owned());
    made.metadata.resource_version = Some("7".to_owned());
    let next = metadata(json!({"redirect_uris": ["https://b.example/x"], "token_endpoint_auth_method": "none",
        "client_name#fr": "Livres"}));
    let changed = changed_object(&made, Some(&next), &registration()).unwrap().object;
    assert_eq!(changed.spec.access.groups, ["engineers"]);
    assert_eq!(changed.spec.client_id, made.spec.client_id);
    assert_eq!((changed.spec.jwks_and_uris(), changed.spec.contacts.len()), ((false, 1), 0));
    assert_eq!(changed.spec.localized.len(), 1);
    assert_eq!(changed.metadata.resource_version.as_deref(), Some("7"), "the version that it is made of");
    assert_eq!(changed.metadata.annotations.unwrap()["who"], "me");
    let same = changed_object(&made, None, &registration()).unwrap().object;
    assert_eq!(same.spec, made.spec);
}

impl crate::api::OidcClientSpec {
    fn jwks_and_uris(&self) -> (bool, usize) {
        (self.credentials.jwks.is_some(), self.redirect_uris.len())
    }
}

#[test]
fn what_the_schema_refuses_is_said_by_the_names_of_the_standard() {
    for (field, member) in [
        ("spec.redirectUris[0]", "redirect_uris"),
        ("spec.credentials.jwksUri", "jwks_uri"),
        ("spec.credentials.jwks.keys[0].kty", "jwks"),
        ("spec.scopes[2]", "scope"),
        ("spec.localized[0].tosUri", "tos_uri"),
        ("spec.idTokenEncryptedResponseEnc", "id_token_encrypted_response_enc"),
    ] {
        let problem = FieldProblem { field: field.to_owned(), message: "is wrong".to_owned() };
        assert_eq!(as_metadata(&problem).member, member);
    }
    let refused = object(json!({"redirect_uris": ["https://a.example/x"], "client_name": "x".repeat(300)}));
    assert_eq!(refused.err().unwrap(), "client_name");
    let refused = object(json!({"redirect_uris": ["https://a.example/*"], "grant_types": ["authorization_code"]}));
    assert_eq!(refused.err().unwrap(), "redirect_uris");
}
