use std::{borrow::Cow, fmt};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use super::super::{Event, FieldProblem, Kind, Malformed, Object, ObjectKey};

/// A `K`, or what can be said of an object that is none: to read a list never fails for one bad item. It keeps what kube's
/// `DeserializeGuard` drops: the field at fault and the status that the object has. `Debug` shows no content.
#[derive(Clone)]
pub struct Lenient<K>(Result<K, Box<Unreadable>>);

#[derive(Clone)]
struct Unreadable {
    meta: ObjectMeta,
    status: Option<Value>,
    problem: FieldProblem,
}

impl<K> From<K> for Lenient<K> {
    fn from(object: K) -> Self {
        Self(Ok(object))
    }
}

impl<K> Lenient<K>
where
    K: Resource<DynamicType = ()>,
    Object: From<K>,
{
    /// As the object, or as malformed.
    ///
    /// # Errors
    /// What is to be reported of an object that can't be read.
    pub fn read(self, kind: Kind) -> Result<Object, Box<Malformed>> {
        self.0.map(Object::from).map_err(|unreadable| {
            let Unreadable { meta, status, problem } = *unreadable;
            let key = ObjectKey::of(kind, &meta);
            Box::new(Malformed { key, meta: Box::new(meta), status, problems: vec![problem] })
        })
    }

    /// As the event that says that it was applied.
    pub fn event(self, kind: Kind) -> Event {
        self.read(kind).map_or_else(|malformed| Event::Malformed(*malformed), Event::Applied)
    }
}

impl<'de, K: DeserializeOwned> Deserialize<'de> for Lenient<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut value = Value::deserialize(deserializer)?;
        if let Some(Value::Object(metadata)) = value.get_mut("metadata") {
            metadata.remove("managedFields");
        }
        let read: Result<K, _> = serde_path_to_error::deserialize(&value);
        Ok(Self(read.map_err(|error| Box::new(Unreadable::new(value, &error)))))
    }
}

impl Unreadable {
    fn new(mut value: Value, error: &serde_path_to_error::Error<serde_json::Error>) -> Self {
        let field = match error.path().to_string() {
            whole if whole == "." => String::new(),
            field => field,
        };
        let meta = value.get_mut("metadata").map(Value::take).unwrap_or_default();
        Self {
            meta: serde_json::from_value(meta).unwrap_or_default(),
            status: value.get_mut("status").map(Value::take).filter(Value::is_object),
            problem: FieldProblem { field, message: error.inner().to_string() },
        }
    }
}

impl<K> fmt::Debug for Lenient<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_ok() { "Lenient(object)" } else { "Lenient(malformed)" })
    }
}

impl<K: Resource> Resource for Lenient<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::kind(dt)
    }

    fn group(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::group(dt)
    }

    fn version(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::version(dt)
    }

    fn plural(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::plural(dt)
    }

    fn meta(&self) -> &ObjectMeta {
        match &self.0 {
            Ok(object) => object.meta(),
            Err(unreadable) => &unreadable.meta,
        }
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match &mut self.0 {
            Ok(object) => object.meta_mut(),
            Err(unreadable) => &mut unreadable.meta,
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Secret;
    use kube::core::ObjectList;
    use serde_json::json;

    use super::Lenient;
    use crate::{
        api::OidcClient,
        controller::source::{Kind, Object},
    };

    #[test]
    fn one_bad_item_spoils_no_list_and_says_where_it_is_wrong() {
        let good = json!({"metadata": {"name": "good", "namespace": "a", "managedFields": [{"manager": "x"}]},
            "spec": {"realmRef": {"name": "staff"}}});
        let bad = json!({"metadata": {"name": "bad", "namespace": "a", "uid": "u", "generation": 2}, "status": {"clientId": "bad"},
            "spec": {"realmRef": {"name": "staff"}, "tokens": {"idToken": 5}}});
        let list = json!({"apiVersion": "realmkeeper.dev/v1alpha1", "kind": "OidcClientList", "metadata": {}, "items": [good, bad]});
        let list: ObjectList<Lenient<OidcClient>> = serde_json::from_value(list).unwrap();
        let [good, bad] = <[_; 2]>::try_from(list.items).unwrap();
        let Ok(Object::OidcClient(good)) = good.read(Kind::OidcClient) else { panic!("not read") };
        assert_eq!(good.metadata.managed_fields, None);
        let malformed = bad.read(Kind::OidcClient).unwrap_err();
        assert_eq!(malformed.key.to_string(), "OidcClient/a/bad");
        assert_eq!((malformed.meta.uid.as_deref(), malformed.meta.generation), (Some("u"), Some(2)));
        assert_eq!(malformed.status, Some(json!({"clientId": "bad"})));
        assert_eq!(malformed.problems[0].field, "spec.tokens.idToken");
        assert!(malformed.problems[0].message.contains("expected"), "{:?}", malformed.problems);
    }

    #[test]
    fn debug_shows_no_content() {
        let secret: Lenient<Secret> = serde_json::from_value(json!({"stringData": {"a": "hunter2"}})).unwrap();
        assert!(!format!("{secret:?}").contains("hunter2"));
    }
}
