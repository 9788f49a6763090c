//! The manifests in a text: which objects it holds, and what is wrong with it, each problem at its line.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::yaml::{self, Lines};
use super::{FieldProblem, Kind, Malformed, Object, ObjectKey};
use crate::api::{GROUP, VERSION};
use crate::controller::validation;

/// The namespace of an object that names none.
pub const DEFAULT_NAMESPACE: &str = "default";

/// An object as it stands in a file.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// Which object.
    pub key: ObjectKey,
    /// The object without the fields that its schema doesn't know. The values of a Secret are in it.
    pub value: Value,
    /// The fields that were taken away.
    pub unknown: Vec<FieldProblem>,
    /// Where it stands.
    pub place: Place,
}

/// Where an object stands, and each of its fields.
#[derive(Debug, Clone)]
pub struct Place {
    /// The file.
    pub file: Arc<Path>,
    lines: Arc<Lines>,
    /// For an item of a List: its path in the document.
    item: Option<String>,
}

impl Place {
    /// The line of a field; for one that is absent, the line of what it would stand in. Empty: where the object begins.
    pub fn line(&self, field: &str) -> usize {
        self.item.as_ref().map_or_else(|| self.lines.of(field), |item| self.lines.below(item, field))
    }
}

/// Something wrong at a line of a file. Prints as `file:line: kind/name: field: message`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileProblem {
    /// The file.
    pub file: Arc<Path>,
    /// The line, counted from 1.
    pub line: usize,
    /// `kind/name`, where that much could be read.
    pub object: Option<String>,
    /// The field; empty where there is none to point at.
    pub field: String,
    /// What is wrong; no value that could be secret.
    pub message: String,
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file.display(), self.line)?;
        if let Some(object) = &self.object {
            write!(f, "{object}: ")?;
        }
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        // One problem is one line, also where a parser draws its message.
        let words: Vec<_> = self.message.split('\n').map(str::trim).collect();
        f.write_str(words.join(" ").trim_end())
    }
}

/// What a file holds.
#[derive(Debug, Default)]
pub struct Manifests {
    /// The objects of kinds that are read here. They are not validated yet ([`Manifest::validate`]).
    pub manifests: Vec<Manifest>,
    /// How many objects of other kinds there are; they are passed over.
    pub others: usize,
    /// What is wrong with the file so that nobody can say which objects it means to hold.
    pub problems: Vec<FileProblem>,
}

impl Manifest {
    /// What the API server would refuse about it; with `old`, also what may not be changed.
    pub fn validate(&self, old: Option<&Value>) -> Vec<FieldProblem> {
        validation::validate(self.key.kind, &self.value, old)
    }

    /// A problem of this object, at its line.
    pub fn problem(&self, problem: FieldProblem) -> FileProblem {
        FileProblem {
            file: self.place.file.clone(),
            line: self.place.line(&problem.field),
            object: Some(format!("{}/{}", self.key.kind, self.key.name.name)),
            field: problem.field,
            message: problem.message,
        }
    }

    /// The typed object.
    ///
    /// # Errors
    /// What stands in the way; validation knows better where it is.
    pub fn object(&self) -> Result<Object, FieldProblem> {
        object(self.key.kind, self.value.clone())
    }

    /// The event for an object that is not valid.
    pub fn malformed(&self, problems: Vec<FieldProblem>) -> Malformed {
        let meta = self.value.get("metadata").cloned().and_then(|meta| serde_json::from_value(meta).ok());
        Malformed { key: self.key.clone(), meta: Box::new(meta.unwrap_or_default()), status: None, problems }
    }
}

/// The typed object of a value that is valid. `stringData` of a Secret goes into its `data`, as the API server does it.
///
/// # Errors
/// The value has not the shape of its kind.
pub fn object(kind: Kind, value: Value) -> Result<Object, FieldProblem> {
    fn typed<T: serde::de::DeserializeOwned + Into<Object>>(value: Value) -> Result<Object, FieldProblem> {
        // What serde says may repeat a value, and this may be a Secret.
        let problem = |_| FieldProblem { field: String::new(), message: "has not the shape of its kind".to_owned() };
        serde_json::from_value::<T>(value).map(Into::into).map_err(problem)
    }
    match kind {
        Kind::Namespace => typed::<k8s_openapi::api::core::v1::Namespace>(value),
        Kind::Secret => typed::<k8s_openapi::api::core::v1::Secret>(with_data(value)),
        Kind::Realm => typed::<crate::api::Realm>(value),
        Kind::SigningKey => typed::<crate::api::SigningKey>(value),
        Kind::Group => typed::<crate::api::Group>(value),
        Kind::User => typed::<crate::api::User>(value),
        Kind::OidcClient => typed::<crate::api::OidcClient>(value),
    }
}

fn with_data(mut secret: Value) -> Value {
    let Some(members) = secret.as_object_mut() else { return secret };
    if let Some(Value::Object(texts)) = members.remove("stringData") {
        let data = members.entry("data").or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(data) = data {
            let encoded = |text: &Value| Value::String(STANDARD.encode(text.as_str().unwrap_or_default()));
            data.extend(texts.iter().map(|(name, text)| (name.clone(), encoded(text))));
        }
    }
    secret
}

/// Reads the manifests of a text.
pub fn read(text: &str, file: &Arc<Path>) -> Manifests {
    let parsed = yaml::parse(text);
    let mut read = Manifests::default();
    let problem = |problem: yaml::TextProblem| FileProblem {
        file: file.clone(),
        line: problem.line,
        object: None,
        field: String::new(),
        message: problem.message,
    };
    read.problems.extend(parsed.problems.into_iter().map(problem));
    for document in parsed.documents {
        let place = Place { file: file.clone(), lines: Arc::new(document.lines), item: None };
        read.document(document.value, place);
    }
    read
}

impl Manifests {
    fn document(&mut self, mut value: Value, place: Place) {
        let is_list = text(&value, "kind") == Some("List") && text(&value, "apiVersion") == Some("v1");
        match value.get_mut("items") {
            Some(Value::Array(items)) if is_list => {
                for (index, item) in std::mem::take(items).into_iter().enumerate() {
                    self.one(item, Place { item: Some(format!("items[{index}]")), ..place.clone() });
                }
            }
            _ => self.one(value, place),
        }
    }

    fn one(&mut self, mut value: Value, place: Place) {
        match identify(&value) {
            Identity::Other => self.others += 1,
            Identity::Problem(field, message) => self.problems.push(FileProblem {
                file: place.file.clone(),
                line: place.line(field),
                object: name(&value),
                field: field.to_owned(),
                message,
            }),
            Identity::Known(kind) => {
                let unknown = validation::prune(kind, &mut value);
                let Some(key) = key(kind, &mut value) else {
                    let found = validation::validate(kind, &value, None);
                    let named = found.into_iter().filter(|problem| problem.field.starts_with("metadata"));
                    self.problems.extend(named.map(|problem| FileProblem {
                        file: place.file.clone(),
                        line: place.line(&problem.field),
                        object: Some(format!("{kind}/")),
                        field: problem.field,
                        message: problem.message,
                    }));
                    return;
                };
                self.manifests.push(Manifest { key, value, unknown, place });
            }
        }
    }
}

fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field).and_then(Value::as_str)
}

/// `kind/name`, as far as it can be read.
fn name(value: &Value) -> Option<String> {
    let name = value.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    text(value, "kind").map(|kind| format!("{kind}/{name}"))
}

enum Identity {
    Known(Kind),
    Other,
    Problem(&'static str, String),
}

/// Which kind a document is of. What was meant to be ours and is not quite, is a problem; what is plainly another's is not.
fn identify(value: &Value) -> Identity {
    let problem = |field, message: &str| Identity::Problem(field, message.to_owned());
    if !value.is_object() {
        return problem("", "must be a mapping with apiVersion and kind");
    }
    for field in ["apiVersion", "kind"] {
        match value.get(field) {
            None | Some(Value::Null) => return problem(field, "is required"),
            Some(Value::String(_)) => {}
            Some(_) => return problem(field, "must be text"),
        }
    }
    let (version, kind) = (text(value, "apiVersion").unwrap_or_default(), text(value, "kind").unwrap_or_default());
    let known: Option<Kind> = kind.parse().ok();
    if let Some(known) = known.filter(|known| known.api_version() == version) {
        return Identity::Known(known);
    }
    let ours = known.is_some_and(Kind::is_ours);
    let (group, _) = version.split_once('/').unwrap_or(("", version));
    match (group == GROUP, ours) {
        (true, true) => {
            Identity::Problem("apiVersion", format!("must be {GROUP}/{VERSION}: there is no other version"))
        }
        (true, false) => Identity::Problem("kind", format!("is no kind of {GROUP}: {}", kinds(kind))),
        (false, true) if group.is_empty() || group.contains("realmkeeper") => {
            Identity::Problem("apiVersion", format!("must be {GROUP}/{VERSION}"))
        }
        _ => Identity::Other,
    }
}

fn kinds(kind: &str) -> String {
    let ours: Vec<_> = Kind::ALL.into_iter().filter(|kind| kind.is_ours()).map(Kind::as_str).collect();
    match ours.iter().find(|known| strsim::damerau_levenshtein(&kind.to_lowercase(), &known.to_lowercase()) <= 2) {
        Some(known) => format!("did you mean {known}?"),
        None => format!("there are {}", ours.join(", ")),
    }
}

/// The key of an object, which gets the default namespace where it names none; none for an object without a readable name.
fn key(kind: Kind, value: &mut Value) -> Option<ObjectKey> {
    let metadata = value.get_mut("metadata")?.as_object_mut()?;
    let name = metadata.get("name")?.as_str()?.to_owned();
    if kind == Kind::Namespace {
        return Some(ObjectKey::new(kind, "", name));
    }
    let namespace = metadata.entry("namespace").or_insert_with(|| DEFAULT_NAMESPACE.into()).as_str()?.to_owned();
    Some(ObjectKey::new(kind, namespace, name))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::{Object, read};
    use crate::controller::source::Kind;

    fn file() -> Arc<Path> {
        Path::new("a.yaml").into()
    }

    #[test]
    fn objects_are_found_wherever_they_stand() {
        let read = read(
            "apiVersion: realmkeeper.dev/v1alpha1\nkind: Realm\nmetadata: {name: staff, namespace: identity}\nspec: {}\n---\n\
             apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n---\n\
             apiVersion: v1\nkind: List\nitems:\n\
             - apiVersion: realmkeeper.dev/v1alpha1\n  kind: User\n  metadata: {name: ada}\n  spec:\n    realmRef: {name: staff}\n    \
             username: a b\n",
            &file(),
        );
        assert_eq!(read.problems, []);
        assert_eq!(read.others, 1);
        let keys: Vec<_> = read.manifests.iter().map(|manifest| manifest.key.to_string()).collect();
        assert_eq!(keys, ["Realm/identity/staff", "User/default/ada"]);
        let ada = &read.manifests[1];
        let problem = ada.problem(ada.validate(None).remove(0)).to_string();
        assert_eq!(problem, "a.yaml:18: User/ada: spec.username: must hold no spaces and no control characters");
    }

    #[test]
    fn what_was_meant_to_be_ours_is_a_problem_and_what_is_anothers_is_not() {
        for (version, kind, expected) in [
            (
                "realmkeeper.dev/v1",
                "Realm",
                Some("apiVersion: must be realmkeeper.dev/v1alpha1: there is no other version"),
            ),
            ("realmkeeper.io/v1alpha1", "Realm", Some("apiVersion: must be realmkeeper.dev/v1alpha1")),
            ("v1alpha1", "Realm", Some("apiVersion: must be realmkeeper.dev/v1alpha1")),
            (
                "realmkeeper.dev/v1alpha1",
                "OidcCleint",
                Some("kind: is no kind of realmkeeper.dev: did you mean OidcClient?"),
            ),
            ("realmkeeper.dev/v1alpha1", "Secret", Some("kind: is no kind of realmkeeper.dev: there are Realm,")),
            ("keycloak.org/v2", "Realm", None),
            ("v1", "ConfigMap", None),
        ] {
            let read = read(&format!("\napiVersion: {version}\nkind: {kind}\nmetadata: {{name: x}}\n"), &file());
            let found = read.problems.first().map(ToString::to_string);
            match expected {
                None => assert_eq!((found, read.others), (None, 1), "{version} {kind}"),
                Some(expected) => {
                    let line = if expected.starts_with("kind") { 3 } else { 2 };
                    let found = found.unwrap();
                    assert!(found.starts_with(&format!("a.yaml:{line}: {kind}/x: {expected}")), "{found}");
                }
            }
        }
        for text in ["- a\n", "kind: Realm\n", "apiVersion: 3\nkind: Realm\n", "just text\n"] {
            assert_eq!(read(text, &file()).problems.len(), 1, "{text}");
        }
    }

    #[test]
    fn an_object_without_a_name_is_a_problem_of_its_file() {
        let found = read("apiVersion: realmkeeper.dev/v1alpha1\nkind: Realm\nmetadata: {}\nspec: {}\n", &file());
        assert!(found.manifests.is_empty());
        assert_eq!(found.problems[0].to_string(), "a.yaml:3: Realm/: metadata.name: is required");
    }

    #[test]
    fn string_data_becomes_data() {
        let read = read(
            "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: {a: aGk=, b: aGk=}\nstringData: {b: ho}\n",
            &file(),
        );
        assert_eq!(read.manifests[0].key.kind, Kind::Secret);
        let Ok(Object::Secret(secret)) = read.manifests[0].object() else { panic!() };
        let data = secret.data.as_ref().unwrap();
        assert_eq!((&data["a"].0[..], &data["b"].0[..]), (&b"hi"[..], &b"ho"[..]));
        assert!(secret.string_data.is_none());
    }
}
