//! Client metadata as an OidcClient, and an OidcClient as client metadata. The names differ by their case only, but for `scope`, the keys
//! and the languages.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    api::{self, MANAGED_BY_LABEL, MANAGED_BY_VALUE, OidcClient, REGISTERED_LABEL, REGISTERED_VALUE},
    controller::{
        index::spec::OidcClientSpec,
        marks,
        source::{FieldProblem, Kind, Object, manifest},
        validation,
    },
    realm::{
        ObjectName,
        registration::{ClientMetadata, InvalidMetadata, MEMBERS, Member, NewClient, Registration, Shape},
    },
    secret::NoEntropy,
};

/// GitOps tools leave it: it is in no repository, and must not be pruned for that.
const LEFT_ALONE: [(&str, &str); 3] = [
    ("argocd.argoproj.io/compare-options", "IgnoreExtraneous"),
    ("argocd.argoproj.io/sync-options", "Prune=false"),
    ("kustomize.toolkit.fluxcd.io/prune", "disabled"),
];

/// A client that is valid, and what was parsed of it.
pub(super) struct Valid {
    pub object: OidcClient,
    pub spec: OidcClientSpec,
}

/// A name that nobody else has: 96 random bits.
pub(super) fn fresh_name(realm: &ObjectName) -> Result<ObjectName, NoEntropy> {
    let mut bytes = [0; 12];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| NoEntropy)?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(ObjectName::new(realm.namespace.clone(), format!("registered-{hex}")))
}

/// The OidcClient of a client that is new. Its identifier is its name.
pub(super) fn new_object(new: &NewClient, name: &ObjectName) -> Result<Valid, InvalidMetadata> {
    let mut annotations: BTreeMap<String, String> =
        LEFT_ALONE.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    marks::set_registration(&mut annotations, &new.registration);
    let mut spec = json!({"realmRef": {"name": &*new.realm.name}, "clientId": &*name.name, "consent": "Ask"});
    set_metadata(&mut spec, &new.metadata);
    valid(json!({
        "apiVersion": Kind::OidcClient.api_version(),
        "kind": Kind::OidcClient.as_str(),
        "metadata": {
            "name": &*name.name,
            "namespace": &*name.namespace,
            "labels": {REGISTERED_LABEL: REGISTERED_VALUE, MANAGED_BY_LABEL: MANAGED_BY_VALUE},
            "annotations": annotations,
        },
        "spec": spec,
    }))
}

/// The same client with other metadata; what is not client metadata (who may sign in, token lifetimes) stays as a person has set it.
pub(super) fn changed_object(
    object: &OidcClient,
    metadata: Option<&ClientMetadata>,
    registration: &Registration,
) -> Result<Valid, InvalidMetadata> {
    let unreadable = |_| InvalidMetadata::new("client_id", "the client can't be read");
    let mut object = object.clone();
    object.status = None;
    marks::set_registration(object.metadata.annotations.get_or_insert_default(), registration);
    let mut value = serde_json::to_value(&object).map_err(unreadable)?;
    if let (Some(metadata), Some(spec)) = (metadata, value.get_mut("spec")) {
        set_metadata(spec, metadata);
    }
    let meta = object.metadata;
    let mut valid = valid(value)?;
    // Validation takes away what no manifest sets.
    valid.object.metadata = meta;
    Ok(valid)
}

/// Held against the schema, its rules, and what the index asks: the last gate, whatever was checked before.
fn valid(mut value: Value) -> Result<Valid, InvalidMetadata> {
    validation::prune(Kind::OidcClient, &mut value);
    if let Some(problem) = validation::validate(Kind::OidcClient, &value, None).first() {
        return Err(as_metadata(problem));
    }
    let object = match manifest::object(Kind::OidcClient, value) {
        Ok(Object::OidcClient(object)) => (*object).clone(),
        Ok(_) => return Err(InvalidMetadata::new("client_id", "not a client")),
        Err(problem) => return Err(as_metadata(&problem)),
    };
    match OidcClientSpec::try_from(&object) {
        Ok(spec) => Ok(Valid { object, spec }),
        Err(problems) => {
            Err(problems.first().map_or_else(|| InvalidMetadata::new("client_id", "not valid"), as_metadata))
        }
    }
}

/// The member that a field is made of.
pub(super) fn as_metadata(problem: &FieldProblem) -> InvalidMetadata {
    let path = problem.field.strip_prefix("spec.").unwrap_or(&problem.field);
    let path = path.strip_prefix("credentials.").unwrap_or(path);
    let first = path.split(['.', '[']).next().unwrap_or_default();
    let last = path.rsplit('.').next().unwrap_or_default().split('[').next().unwrap_or_default();
    let field = if first == "localized" { last } else { first };
    let member = match field {
        "scopes" => "scope",
        field => MEMBERS.iter().find(|member| camel(member.name) == field).map_or(field, |member| member.name),
    };
    InvalidMetadata::new(member, problem.message.clone())
}

/// `client_name` as `clientName`.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        camel.push_str(&first.to_ascii_uppercase());
        camel.push_str(rest);
    }
    camel
}

fn is_in_credentials(name: &str) -> bool {
    matches!(name, "jwks" | "jwks_uri")
}

fn set_metadata(spec: &mut Value, metadata: &ClientMetadata) {
    let Some(spec) = spec.as_object_mut() else { return };
    let mut credentials = match spec.remove("credentials") {
        Some(Value::Object(credentials)) => credentials,
        _ => Map::new(),
    };
    for Member { name, .. } in MEMBERS {
        let from = if is_in_credentials(name) { &mut credentials } else { &mut *spec };
        from.remove(&camel(name));
    }
    spec.remove("scopes");
    let mut localized: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for (name, language, value) in metadata.iter() {
        let value = value.clone();
        match (name, language) {
            (name, Some(language)) => {
                localized.entry(language).or_default().insert(camel(name), value);
            }
            ("scope", None) => {
                let scopes: Vec<&str> =
                    value.as_str().unwrap_or_default().split(' ').filter(|s| !s.is_empty()).collect();
                spec.insert("scopes".to_owned(), json!(scopes));
            }
            (name, None) if is_in_credentials(name) => {
                credentials.insert(camel(name), value);
            }
            (name, None) => {
                spec.insert(camel(name), value);
            }
        }
    }
    let localized = localized.into_iter().map(|(language, mut texts)| {
        texts.insert("locale".to_owned(), language.into());
        Value::Object(texts)
    });
    spec.insert("localized".to_owned(), localized.collect());
    // Where there are keys beside it, a secret must be asked for.
    if metadata.text("token_endpoint_auth_method").is_some_and(|method| method.starts_with("client_secret_")) {
        credentials.entry("secret").or_insert_with(|| json!({}));
    } else {
        credentials.remove("secret");
    }
    spec.insert("credentials".to_owned(), Value::Object(credentials));
}

/// All that is registered, with the defaults that hold (RFC 7591 section 3.2.1).
pub(super) fn metadata_of(client: &OidcClient) -> ClientMetadata {
    let mut document = Map::new();
    let Ok(Value::Object(spec)) = serde_json::to_value(&client.spec) else { return ClientMetadata::default() };
    for Member { name, shape, .. } in MEMBERS {
        let from =
            if is_in_credentials(name) { spec.get("credentials").and_then(Value::as_object) } else { Some(&spec) };
        match from.and_then(|from| from.get(&camel(name))) {
            Some(value) => document.insert(name.to_owned(), value.clone()),
            // What is false is not written into the resource.
            None if shape == Shape::Flag => document.insert(name.to_owned(), false.into()),
            None => continue,
        };
    }
    for texts in &client.spec.localized {
        let Ok(Value::Object(texts_of)) = serde_json::to_value(texts) else { continue };
        for Member { name, .. } in MEMBERS.iter().filter(|member| member.is_localized) {
            if let Some(text) = texts_of.get(&camel(name)) {
                document.insert(format!("{name}#{}", texts.locale), text.clone());
            }
        }
    }
    document.insert("scope".to_owned(), client.spec.scopes.join(" ").into());
    document.insert("grant_types".to_owned(), json!(client.spec.grant_types()));
    document.insert("response_types".to_owned(), json!(client.spec.response_types()));
    document.insert("token_endpoint_auth_method".to_owned(), json!(client.spec.auth_method()));
    document.insert("application_type".to_owned(), json!(client.spec.application_type));
    document.insert("subject_type".to_owned(), json!(client.spec.subject_type.unwrap_or(api::SubjectType::Public)));
    document.retain(|_, value| *value != "");
    ClientMetadata::parse(&document).unwrap_or_default()
}
