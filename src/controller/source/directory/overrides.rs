//! Passwords that people have changed themselves. The manifests of a directory belong to whoever wrote them, so the new password stands
//! below `.realmkeeper`, with a digest of the Secret whose place it takes. When that Secret is edited its digest is another, and what its
//! author has written counts again: the last change wins, whoever made it.

use std::{collections::BTreeMap, path::Path};

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::{
    super::{Kind, ObjectKey, manifest::Manifests},
    layout,
};

/// The annotation with the digest.
const REPLACES: &str = "realmkeeper.dev/replaces";
/// The two entries of which the later says what the password is.
const ENTRIES: [&str; 2] = ["password", "password-hash"];

/// The Secrets below `.realmkeeper/passwords`, by their names.
pub(super) type Overrides = BTreeMap<ObjectKey, Value>;

/// Those that stand in these files.
pub(super) fn collect<'a>(files: impl IntoIterator<Item = &'a Manifests>) -> Overrides {
    let manifests = files.into_iter().flat_map(|manifests| &manifests.manifests);
    let secrets = manifests.filter(|manifest| manifest.key.kind == Kind::Secret);
    secrets.map(|manifest| (manifest.key.clone(), manifest.value.clone())).collect()
}

/// The Secret with the password that takes the place of its own, where there is one that was made for it as it stands.
pub(super) fn apply(overrides: &Overrides, key: &ObjectKey, secret: Value) -> Value {
    match overrides.get(key).filter(|_| key.kind == Kind::Secret) {
        Some(replacement) => replaced(secret, replacement),
        None => secret,
    }
}

fn replaced(mut secret: Value, replacement: &Value) -> Value {
    let made_for = replacement.pointer("/metadata/annotations").and_then(|annotations| annotations.get(REPLACES));
    let hash = replacement.pointer("/data/password-hash").cloned();
    let (Some(hash), true) = (hash, made_for.and_then(Value::as_str) == Some(digest_of(&secret).as_str())) else {
        return secret;
    };
    for part in ["data", "stringData"] {
        if let Some(entries) = secret.get_mut(part).and_then(Value::as_object_mut) {
            ENTRIES.iter().for_each(|entry| drop(entries.remove(*entry)));
        }
    }
    if let Some(members) = secret.as_object_mut()
        && let Some(data) = members.entry("data").or_insert_with(|| json!({})).as_object_mut()
    {
        data.insert("password-hash".into(), hash);
    }
    secret
}

/// The Secret that takes the place of the password of `secret`, as it stands.
pub fn make_override(key: &ObjectKey, secret: &Value, hash: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": &*key.name.name,
            "namespace": &*key.name.namespace,
            "annotations": {REPLACES: digest_of(secret)},
        },
        "data": {"password-hash": STANDARD.encode(hash)},
    })
}

/// The Secret as it is in force.
pub fn with_override(root: &Path, key: &ObjectKey, secret: &Value) -> Value {
    let found = override_file(root, key).filter(|file| file.is_file());
    let found = found.map(|file| super::files::read(&file, &file.as_path().into()));
    apply(&collect(&found), key, secret.clone())
}

/// Where it stands. None for a name that leads elsewhere.
pub fn override_file(root: &Path, key: &ObjectKey) -> Option<std::path::PathBuf> {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
    };
    let is_plain = plain(&key.name.namespace) && plain(&key.name.name);
    let folder = layout::passwords(root).join(&*key.name.namespace);
    is_plain.then(|| folder.join(format!("{}.yaml", key.name.name)))
}

/// Tells whether the content is still the same. It stands in a file that only its owner may read, beside what it is made of.
fn digest_of(secret: &Value) -> String {
    let sorted = |part: &str| -> BTreeMap<String, Value> {
        let entries: Option<&Map<String, Value>> = secret.get(part).and_then(Value::as_object);
        entries.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    let content = json!([sorted("data"), sorted("stringData")]).to_string();
    STANDARD.encode(digest::digest(&digest::SHA256, content.as_bytes()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Kind, ObjectKey, Overrides, apply, make_override, override_file};

    #[test]
    fn a_new_password_takes_the_place_of_the_old_one_until_its_author_edits_it() {
        let key = ObjectKey::new(Kind::Secret, "identity", "ada-login");
        let written = json!({"kind": "Secret", "stringData": {"password": "hunter2", "more": "kept"}});
        let overrides = Overrides::from([(key.clone(), make_override(&key, &written, "$argon2id$new"))]);
        let in_force = apply(&overrides, &key, written.clone());
        assert_eq!(in_force["stringData"], json!({"more": "kept"}));
        assert_eq!(in_force["data"], json!({"password-hash": "JGFyZ29uMmlkJG5ldw=="}));
        let edited = json!({"kind": "Secret", "stringData": {"password": "hunter3", "more": "kept"}});
        assert_eq!(apply(&overrides, &key, edited.clone()), edited);
        let other = ObjectKey::new(Kind::Secret, "identity", "bob-login");
        assert_eq!(apply(&overrides, &other, written.clone()), written);
        assert!(!make_override(&key, &written, "x").to_string().contains("hunter2"));
    }

    #[test]
    fn a_name_that_leads_elsewhere_has_no_file() {
        let root = std::path::Path::new("/dir");
        for (namespace, name) in [("..", "a"), ("a", "../b"), ("a/b", "c"), ("a", ""), ("a", ".b"), ("a", "b\0")] {
            assert_eq!(override_file(root, &ObjectKey::new(Kind::Secret, namespace, name)), None, "{namespace} {name}");
        }
    }
}
