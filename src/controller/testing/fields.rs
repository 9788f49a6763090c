//! Whose the fields of Secrets are, as server-side apply has it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::controller::source::ObjectKey;

/// A field that somebody can own: the map in which it stands, and its name there.
type Field = (&'static str, String);

const MAPS: [&str; 3] = ["/metadata/labels", "/metadata/annotations", "/data"];
const OWNERS: &str = "/metadata/ownerReferences";

/// The owners of all fields of Secrets.
#[derive(Debug, Default)]
pub struct Fields {
    ours: BTreeMap<ObjectKey, BTreeSet<Field>>,
    theirs: BTreeMap<ObjectKey, BTreeSet<Field>>,
}

impl Fields {
    /// We have created it.
    pub fn created(&mut self, key: &ObjectKey, value: &Value) {
        self.theirs.remove(key);
        self.ours.insert(key.clone(), of(value).into_keys().collect());
    }

    /// Somebody else has put it in the place of what was there: what is other than before is theirs.
    pub fn put(&mut self, key: &ObjectKey, old: Option<&Value>, value: &Value) {
        let (before, after) = (old.map(of).unwrap_or_default(), of(value));
        let theirs = self.theirs.entry(key.clone()).or_default();
        let ours = self.ours.entry(key.clone()).or_default();
        ours.retain(|field| after.contains_key(field) && before.get(field) == after.get(field));
        theirs.retain(|field| after.contains_key(field));
        theirs.extend(after.iter().filter(|(field, value)| before.get(*field) != Some(*value)).map(|(f, _)| f.clone()));
    }

    /// We apply `value` over `old` by force; gives what stands there then.
    pub fn apply(&mut self, key: &ObjectKey, old: &Value, mut value: Value) -> Value {
        let (before, wanted) = (of(old), of(&value));
        let theirs = self.theirs.entry(key.clone()).or_default();
        theirs.retain(|field| wanted.get(field).is_none_or(|value| before.get(field) == Some(value)));
        let ours = self.ours.insert(key.clone(), wanted.keys().cloned().collect()).unwrap_or_default();
        let is_kept = |field: &Field| !wanted.contains_key(field) && (theirs.contains(field) || !ours.contains(field));
        for ((map, name), kept) in before.into_iter().filter(|(field, _)| is_kept(field)) {
            let (parent, child) = map.rsplit_once('/').unwrap();
            let place = &mut value.pointer_mut(parent).unwrap()[child];
            if map != OWNERS {
                place[name] = kept;
            } else if let Some(references) = place.as_array_mut() {
                references.push(kept);
            } else {
                *place = json!([kept]);
            }
        }
        value
    }
}

fn of(secret: &Value) -> BTreeMap<Field, Value> {
    let mut fields = BTreeMap::new();
    for map in MAPS {
        let entries = secret.pointer(map).and_then(Value::as_object).into_iter().flatten();
        fields.extend(entries.map(|(name, value)| ((map, name.clone()), value.clone())));
    }
    let references = secret.pointer(OWNERS).and_then(Value::as_array).into_iter().flatten();
    fields.extend(references.map(|one| ((OWNERS, one["uid"].to_string()), one.clone())));
    fields
}
