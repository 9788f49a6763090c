use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Map, Value};

/// The members of a JWT's claims set. RFC 7519 section 4 leaves it open what a name means that stands there twice; it is noted here, and
/// refused by [`super::standing`].
#[derive(Debug, Default)]
pub(super) struct Members {
    map: Map<String, Value>,
    pub(super) repeated: Option<String>,
}

impl Members {
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.map.get(name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.map.iter().map(|(name, value)| (name.as_str(), value))
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Members::default();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if members.map.insert(name.clone(), value).is_some() {
                        members.repeated.get_or_insert(name);
                    }
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Object)
    }
}
