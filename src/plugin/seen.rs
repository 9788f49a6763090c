use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{ResourceExt, api::DynamicObject};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    api::{RECONCILE_ANNOTATION, RECONCILE_DISABLED, REGISTERED_LABEL, REGISTERED_VALUE, ROTATE_ANNOTATION, RealmRef},
    plugin::names::Kind,
};

/// Where an object stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// An object as far as it can be read. An operator of another version may write what this program does not know, so each part is
/// read by itself, and one that can't be read takes no other with it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its kind.
    pub kind: Kind,
    /// Where it stands.
    pub place: Place,
    /// The Realm that it belongs to: itself for a Realm, none where it names none.
    pub realm: Option<Place>,
    /// `metadata.uid`.
    pub uid: Option<String>,
    /// `metadata.generation`.
    pub generation: Option<i64>,
    /// `status.observedGeneration`.
    pub observed: Option<i64>,
    /// `status.conditions`.
    pub conditions: Vec<Condition>,
    /// Writes for it are turned off.
    pub is_frozen: bool,
    /// It is on its way out.
    pub is_deleting: bool,
    /// The annotation that asks for a rotation.
    pub rotate: Option<String>,
    /// A client that registered itself.
    pub is_registered: bool,
    spec: Value,
    status: Value,
}

impl Seen {
    /// As the API server has it.
    pub fn read(kind: Kind, object: DynamicObject) -> Self {
        let place = Place { namespace: object.namespace().unwrap_or_default(), name: object.name_any() };
        let annotation = |name: &str| object.annotations().get(name).cloned();
        let (is_frozen, rotate) = (
            annotation(RECONCILE_ANNOTATION).is_some_and(|value| value == RECONCILE_DISABLED),
            annotation(ROTATE_ANNOTATION),
        );
        let is_deleting = object.metadata.deletion_timestamp.is_some();
        let is_registered = object.labels().get(REGISTERED_LABEL).is_some_and(|value| value == REGISTERED_VALUE);
        let (uid, generation) = (object.uid(), object.metadata.generation);
        let mut data = object.data;
        let mut part = |name: &str| data.get_mut(name).map(Value::take).unwrap_or_default();
        let (spec, mut status) = (part("spec"), part("status"));
        let conditions = status.get_mut("conditions").map(Value::take).unwrap_or_default();
        let conditions = conditions.as_array().into_iter().flatten();
        let conditions = conditions.filter_map(|condition| serde_json::from_value(condition.clone()).ok()).collect();
        let realm = match kind {
            Kind::Realm => Some(place.clone()),
            _ => realm(&spec, &place.namespace),
        };
        let observed = status.get("observedGeneration").and_then(Value::as_i64);
        Self {
            kind,
            place,
            realm,
            uid,
            generation,
            observed,
            conditions,
            is_frozen,
            is_deleting,
            rotate,
            is_registered,
            spec,
            status,
        }
    }

    /// The condition of this type.
    pub fn condition(&self, type_: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.type_ == type_)
    }

    /// Its spec; none where this program can't read it.
    pub fn spec<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_value(self.spec.clone()).ok()
    }

    /// Its status without the conditions; the default where there is none yet.
    ///
    /// # Errors
    /// This program can't read it: the field and why.
    pub fn status<T: DeserializeOwned + Default>(&self) -> Result<T, String> {
        // The conditions have been taken out of it.
        let mut status = self.status.clone();
        let Some(members) = status.as_object_mut() else { return Ok(T::default()) };
        members.remove("conditions");
        serde_path_to_error::deserialize(&status).map_err(|error| format!("status.{}: {}", error.path(), error.inner()))
    }
}

fn realm(spec: &Value, own: &str) -> Option<Place> {
    let reference: RealmRef = serde_json::from_value(spec.get("realmRef")?.clone()).ok()?;
    Some(Place { namespace: reference.namespace_or(own).to_owned(), name: reference.name })
}
