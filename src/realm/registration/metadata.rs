use std::collections::HashSet;

use serde_json::{Map, Value};

/// What a member of client metadata may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A string that is not empty.
    Text,
    /// An array of such strings.
    Texts,
    /// True or false.
    Flag,
    /// Whole seconds, not negative.
    Seconds,
    /// A JSON object.
    Object,
}

/// A member of client metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Its registered name.
    pub name: &'static str,
    /// What it holds.
    pub shape: Shape,
    /// True where `NAME#LANGUAGE` is a member too, the language by BCP 47 (RFC 7591 section 2.2).
    pub is_localized: bool,
}

const fn member(name: &'static str, shape: Shape) -> Member {
    Member { name, shape, is_localized: false }
}

const fn localized(name: &'static str) -> Member {
    Member { name, shape: Shape::Text, is_localized: true }
}

/// All client metadata that is understood: RFC 7591 section 2, OpenID Connect Registration section 2, RP-Initiated Logout section 3.1,
/// Front-Channel and Back-Channel Logout section 2, RFC 9101 section 10.5.
pub const MEMBERS: [Member; 39] = [
    member("redirect_uris", Shape::Texts),
    member("response_types", Shape::Texts),
    member("grant_types", Shape::Texts),
    member("application_type", Shape::Text),
    member("contacts", Shape::Texts),
    localized("client_name"),
    localized("client_uri"),
    localized("logo_uri"),
    localized("policy_uri"),
    localized("tos_uri"),
    member("scope", Shape::Text),
    member("jwks_uri", Shape::Text),
    member("jwks", Shape::Object),
    member("sector_identifier_uri", Shape::Text),
    member("subject_type", Shape::Text),
    member("id_token_signed_response_alg", Shape::Text),
    member("id_token_encrypted_response_alg", Shape::Text),
    member("id_token_encrypted_response_enc", Shape::Text),
    member("userinfo_signed_response_alg", Shape::Text),
    member("userinfo_encrypted_response_alg", Shape::Text),
    member("userinfo_encrypted_response_enc", Shape::Text),
    member("request_object_signing_alg", Shape::Text),
    member("request_object_encryption_alg", Shape::Text),
    member("request_object_encryption_enc", Shape::Text),
    member("require_signed_request_object", Shape::Flag),
    member("token_endpoint_auth_method", Shape::Text),
    member("token_endpoint_auth_signing_alg", Shape::Text),
    member("default_max_age", Shape::Seconds),
    member("require_auth_time", Shape::Flag),
    member("default_acr_values", Shape::Texts),
    member("initiate_login_uri", Shape::Text),
    member("request_uris", Shape::Texts),
    member("post_logout_redirect_uris", Shape::Texts),
    member("frontchannel_logout_uri", Shape::Text),
    member("frontchannel_logout_session_required", Shape::Flag),
    member("backchannel_logout_uri", Shape::Text),
    member("backchannel_logout_session_required", Shape::Flag),
    member("software_id", Shape::Text),
    member("software_version", Shape::Text),
];

/// Client metadata by their registered names. Each member is one of [`MEMBERS`] and has its shape; no list is without items, and none of
/// its items stands there twice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientMetadata(Map<String, Value>);

/// A member that can't be registered as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{member}: {message}")]
pub struct InvalidMetadata {
    /// The member.
    pub member: String,
    /// What is wrong with it.
    pub message: String,
}

impl InvalidMetadata {
    /// The member and what is wrong with it.
    pub fn new(member: impl Into<String>, message: impl Into<String>) -> Self {
        Self { member: member.into(), message: message.into() }
    }
}

impl ClientMetadata {
    /// Takes what is understood out of a JSON object; the rest is passed over (RFC 7591 section 2). `null` and an empty list are as
    /// good as nothing.
    ///
    /// # Errors
    /// A member of another shape.
    pub fn parse(document: &Map<String, Value>) -> Result<Self, InvalidMetadata> {
        let mut metadata = Self::default();
        for (name, value) in document {
            let Some(member) = member_of(name) else { continue };
            if let Some(value) = shaped(member.shape, name, value)? {
                metadata.0.insert(name.clone(), value);
            }
        }
        Ok(metadata)
    }

    /// The members of `other` take the place of these (RFC 7591 section 2.3).
    pub fn overlay(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// A member that is a string.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// The items of a member that is a list.
    pub fn texts(&self, name: &str) -> Vec<&str> {
        self.0.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// A member that is true or false; false where it is absent.
    pub fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    /// True where the member is there.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Sets a string; an empty one takes the member away.
    pub fn set(&mut self, name: &'static str, text: impl Into<String>) {
        let text = text.into();
        if text.is_empty() {
            self.0.remove(name);
        } else {
            self.0.insert(name.to_owned(), Value::String(text));
        }
    }

    /// Sets a list; an empty one takes the member away.
    pub fn set_all<T: Into<String>>(&mut self, name: &'static str, texts: impl IntoIterator<Item = T>) {
        let texts: Vec<Value> = texts.into_iter().map(|text| Value::String(text.into())).collect();
        if texts.is_empty() {
            self.0.remove(name);
        } else {
            self.0.insert(name.to_owned(), Value::Array(texts));
        }
    }

    /// Sets an object.
    pub fn set_object(&mut self, name: &'static str, object: Map<String, Value>) {
        self.0.insert(name.to_owned(), Value::Object(object));
    }

    /// Takes a member away.
    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// Name, language and value of each member, the language of `client_name#de` being `de`.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>, &Value)> {
        self.0.iter().map(|(name, value)| match name.split_once('#') {
            Some((name, language)) => (name, Some(language), value),
            None => (name.as_str(), None, value),
        })
    }

    /// As a JSON object.
    pub fn into_map(self) -> Map<String, Value> {
        self.0
    }
}

fn member_of(name: &str) -> Option<&'static Member> {
    match name.split_once('#') {
        Some((name, language)) => {
            MEMBERS.iter().find(|member| member.is_localized && member.name == name && is_language_tag(language))
        }
        None => MEMBERS.iter().find(|member| member.name == name),
    }
}

/// BCP 47, loosely: subtags of letters and digits, the first of letters alone.
fn is_language_tag(text: &str) -> bool {
    let is_subtag = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let first = text.split('-').next().unwrap_or_default();
    let is_language = first.len() > 1 && first.bytes().all(|byte| byte.is_ascii_alphabetic());
    text.len() <= 64 && is_language && text.split('-').all(is_subtag)
}

fn shaped(shape: Shape, name: &str, value: &Value) -> Result<Option<Value>, InvalidMetadata> {
    let wrong = |what: &str| Err(InvalidMetadata::new(name, what));
    match (shape, value) {
        (_, Value::Null) => Ok(None),
        (Shape::Text, Value::String(text)) if text.is_empty() => wrong("must not be empty"),
        (Shape::Text, Value::String(_)) | (Shape::Flag, Value::Bool(_)) | (Shape::Object, Value::Object(_)) => {
            Ok(Some(value.clone()))
        }
        (Shape::Texts, Value::Array(items)) => texts(name, items),
        (Shape::Seconds, Value::Number(number)) if number.as_u64().is_some() => Ok(Some(value.clone())),
        (Shape::Text, _) => wrong("must be a string"),
        (Shape::Texts, _) => wrong("must be an array of strings"),
        (Shape::Flag, _) => wrong("must be true or false"),
        (Shape::Seconds, _) => wrong("must be a whole number of seconds that is not negative"),
        (Shape::Object, _) => wrong("must be an object"),
    }
}

fn texts(name: &str, items: &[Value]) -> Result<Option<Value>, InvalidMetadata> {
    // By hash: a body has room for ten thousand.
    let mut seen = HashSet::with_capacity(items.len());
    let mut texts: Vec<Value> = Vec::with_capacity(items.len());
    for item in items {
        match item.as_str() {
            None => return Err(InvalidMetadata::new(name, "must be an array of strings")),
            Some("") => return Err(InvalidMetadata::new(name, "must hold no empty string")),
            Some(text) if seen.insert(text) => texts.push(item.clone()),
            Some(_) => {}
        }
    }
    Ok((!texts.is_empty()).then_some(Value::Array(texts)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::ClientMetadata;

    fn parse(document: Value) -> Result<Value, String> {
        ClientMetadata::parse(document.as_object().unwrap())
            .map(|metadata| Value::Object(metadata.into_map()))
            .map_err(|error| error.member)
    }

    #[test]
    fn rfc7591_2_metadata_that_is_not_understood_is_passed_over() {
        let document = json!({"client_name": "A", "colour": "red", "client_id": "mine", "client_secret": "mine",
            "registration_access_token": "t", "scope#de": "x", "jwks_uri": null, "contacts": []});
        assert_eq!(parse(document).unwrap(), json!({"client_name": "A"}));
    }

    #[test]
    fn rfc7591_2_2_names_may_carry_a_language() {
        let document = json!({"client_name": "Books", "client_name#de": "B\u{fc}cher", "tos_uri#ja-Hani-JP": "https://a/tos",
            "client_name#": "x", "client_name#not a tag": "x", "client_name#1": "x", "client_name#de-": "x", "client_name#d\u{e9}": "x"});
        let want =
            json!({"client_name": "Books", "client_name#de": "B\u{fc}cher", "tos_uri#ja-Hani-JP": "https://a/tos"});
        assert_eq!(parse(document).unwrap(), want);
    }

    #[test]
    fn a_member_of_another_shape_is_named() {
        for (member, value) in [
            ("redirect_uris", json!("https://a.example/cb")),
            ("redirect_uris", json!([1])),
            ("redirect_uris", json!([""])),
            ("client_name", json!(7)),
            ("client_name", json!("")),
            ("client_name#de", json!([])),
            ("require_auth_time", json!("true")),
            ("default_max_age", json!("60")),
            ("default_max_age", json!(-1)),
            ("default_max_age", json!(1.5)),
            ("jwks", json!("{}")),
            ("scope", json!(["openid"])),
        ] {
            assert_eq!(parse(json!({member: value.clone()})), Err(member.to_owned()), "{value}");
        }
    }

    #[test]
    fn an_item_that_stands_there_twice_is_taken_once() {
        let document = json!({"response_types": ["code", "code", "id_token"]});
        assert_eq!(parse(document).unwrap(), json!({"response_types": ["code", "id_token"]}));
    }
}
