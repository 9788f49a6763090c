//! The parameter `claims` of an authorization request (OpenID Connect Core section 5.5), read.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::realm::{canonical_tag, split_tag, tagged};

/// The parameter is refused when longer than this many bytes: every code and grant of the request carries what it asks for.
pub const MAX_LENGTH: usize = 8 * 1024;
/// So many claims may be asked for in each of its members.
const MAX_CLAIMS: usize = 64;
/// A claim may have one of so many values.
const MAX_VALUES: usize = 32;
/// Objects and lists may stand in one another this deep: the parameter, its member, the claim, `values`, and a claim that is an object.
const MAX_DEPTH: usize = 8;
/// Longer names are of no claim.
const MAX_NAME_LENGTH: usize = 256;

/// The claims that a request asks for one by one, beside those of its scopes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimsRequest {
    /// From the UserInfo endpoint.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub userinfo: Vec<ClaimWish>,
    /// In the ID token.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub id_token: Vec<ClaimWish>,
}

/// One claim that is asked for (section 5.5.1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimWish {
    /// Its name; a language in it is spelled as the registry has it.
    pub name: String,
    /// `essential`. Only of `acr` it makes a difference: that another claim is not there is no error.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub essential: bool,
    /// `value`: this one and no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// `values`: one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<Value>>,
}

/// What is wrong with the parameter: the place within it, and what must stand there. No value is repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidClaimsRequest(String);

fn invalid(place: &str, what: &str) -> InvalidClaimsRequest {
    InvalidClaimsRequest(format!("{place} {what}"))
}

impl ClaimsRequest {
    /// Reads the parameter. Members that are not understood are passed over, in the parameter and in each claim.
    ///
    /// # Errors
    /// What is no JSON, of a wrong type, or beyond the bounds.
    pub fn parse(text: &str) -> Result<Self, InvalidClaimsRequest> {
        if text.len() > MAX_LENGTH {
            return Err(invalid("claims", "is longer than 8 KiB"));
        }
        let value: Value = serde_json::from_str(text).map_err(|_| invalid("claims", "is not valid JSON"))?;
        if depth(&value) > MAX_DEPTH {
            return Err(invalid("claims", "is nested too deep"));
        }
        let Value::Object(members) = value else { return Err(invalid("claims", "must be a JSON object")) };
        let member = |name: &str| members.get(name).map(|value| wishes(name, value)).transpose();
        let userinfo = member("userinfo")?.unwrap_or_default();
        Ok(Self { userinfo, id_token: member("id_token")?.unwrap_or_default() })
    }

    /// True where nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.userinfo.is_empty() && self.id_token.is_empty()
    }

    /// Both members together.
    pub fn wishes(&self) -> impl Iterator<Item = &ClaimWish> {
        self.userinfo.iter().chain(&self.id_token)
    }

    /// True where the request is not for somebody else: `sub` has the value that is asked for, if one is.
    pub fn is_for(&self, sub: &str) -> bool {
        let sub = Value::from(sub);
        self.subjects().all(|wish| wish.accepts(&sub))
    }

    /// The one `sub` that is asked for.
    pub fn subject(&self) -> Option<&str> {
        self.subjects().find_map(|wish| match (&wish.value, wish.values.as_deref()) {
            (Some(only), _) | (None, Some([only])) => only.as_str(),
            _ => None,
        })
    }

    fn subjects(&self) -> impl Iterator<Item = &ClaimWish> {
        self.wishes().filter(|wish| wish.name == "sub")
    }

    /// The authentication context classes of which the ID token must have one (section 5.5.1.1).
    pub fn essential_acr(&self) -> Option<&ClaimWish> {
        let is_bound = |wish: &&ClaimWish| wish.essential && (wish.value.is_some() || wish.values.is_some());
        self.id_token.iter().filter(|wish| wish.name == "acr").find(is_bound)
    }
}

impl ClaimWish {
    /// A claim in the default manner.
    pub fn of(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// True where this is the value that is asked for, or one of them.
    pub fn accepts(&self, value: &Value) -> bool {
        self.value.as_ref().is_none_or(|wanted| wanted == value)
            && self.values.as_ref().is_none_or(|wanted| wanted.contains(value))
    }
}

fn wishes(member: &str, value: &Value) -> Result<Vec<ClaimWish>, InvalidClaimsRequest> {
    let Value::Object(claims) = value else {
        return Err(invalid(&format!("claims: {member}"), "must be an object of claims"));
    };
    if claims.len() > MAX_CLAIMS {
        return Err(invalid(&format!("claims: {member}"), "asks for more than 64 claims"));
    }
    claims.iter().map(|(name, value)| wish(member, name, value)).collect()
}

fn wish(member: &str, name: &str, value: &Value) -> Result<ClaimWish, InvalidClaimsRequest> {
    let place = format!("claims: {member}.{name:.64}");
    if name.is_empty() || name.len() > MAX_NAME_LENGTH {
        return Err(invalid(&place, "is no name of a claim"));
    }
    let (base, tag) = split_tag(name);
    let tag = tag.and_then(canonical_tag);
    let name = if tag.is_some() { tagged(base, tag.as_deref()).into_owned() } else { name.to_owned() };
    let members = match value {
        Value::Null => return Ok(ClaimWish { name, ..ClaimWish::default() }),
        Value::Object(members) => members,
        _ => return Err(invalid(&place, "must be null or an object")),
    };
    let essential = match members.get("essential") {
        None => false,
        Some(Value::Bool(essential)) => *essential,
        Some(_) => return Err(invalid(&format!("{place}.essential"), "must be true or false")),
    };
    let (value, values) = acceptable(&place, members)?;
    let wish = ClaimWish { name, essential, value, values };
    check_strings(&place, &wish)?;
    Ok(wish)
}

type Acceptable = (Option<Value>, Option<Vec<Value>>);

fn acceptable(place: &str, members: &Map<String, Value>) -> Result<Acceptable, InvalidClaimsRequest> {
    let value = match members.get("value") {
        Some(Value::Null) => return Err(invalid(&format!("{place}.value"), "must be a value, and null is none")),
        value => value.cloned(),
    };
    let place = format!("{place}.values");
    let values = match members.get("values") {
        None => None,
        Some(Value::Array(values)) if values.is_empty() => return Err(invalid(&place, "must hold a value")),
        Some(Value::Array(values)) if values.len() > MAX_VALUES => {
            return Err(invalid(&place, "holds more than 32 values"));
        }
        Some(Value::Array(values)) if values.contains(&Value::Null) => {
            return Err(invalid(&place, "must hold values, and null is none"));
        }
        Some(Value::Array(values)) => Some(values.clone()),
        Some(_) => return Err(invalid(&place, "must be a list")),
    };
    Ok((value, values))
}

/// The values of `sub` and `acr`, which decide whether there is an answer, must be ones that they may have.
fn check_strings(place: &str, wish: &ClaimWish) -> Result<(), InvalidClaimsRequest> {
    let mut values = wish.value.iter().chain(wish.values.iter().flatten());
    match matches!(wish.name.as_str(), "sub" | "acr") && !values.all(Value::is_string) {
        true => Err(invalid(place, "may be asked for by values that are strings only")),
        false => Ok(()),
    }
}

fn depth(value: &Value) -> usize {
    let deepest = match value {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(members) => members.values().map(depth).max(),
        _ => return 0,
    };
    deepest.unwrap_or_default() + 1
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{ClaimWish, ClaimsRequest};

    fn parse(value: &Value) -> ClaimsRequest {
        ClaimsRequest::parse(&value.to_string()).unwrap()
    }

    fn error(text: &str) -> String {
        ClaimsRequest::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn core_5_5_each_claim_is_null_or_an_object_and_what_is_not_understood_is_passed_over() {
        let request = parse(&json!({
            "userinfo": {
                "given_name": {"essential": true}, "nickname": null, "http://example.info/claims/groups": null,
                "family_name#JA-kana-jp": {"other": [1]}, "odd#": null,
            },
            "id_token": {"acr": {"values": ["a", "b"]}, "auth_time": {"essential": false, "value": 5}},
            "other": [{"member": 1}],
        }));
        let wish = ClaimWish::of;
        assert_eq!(
            request.userinfo,
            [
                ClaimWish { essential: true, ..wish("given_name") },
                wish("nickname"),
                wish("http://example.info/claims/groups"),
                wish("family_name#ja-Kana-JP"),
                wish("odd#"),
            ]
        );
        assert_eq!(
            request.id_token,
            [
                ClaimWish { values: Some(vec!["a".into(), "b".into()]), ..wish("acr") },
                ClaimWish { value: Some(5.into()), ..wish("auth_time") },
            ]
        );
        assert!(ClaimsRequest::parse("{}").unwrap().is_empty());
    }

    #[test]
    fn core_5_5_1_what_is_malformed_is_named() {
        for (text, want) in [
            ("{", "claims is not valid JSON"),
            ("[]", "claims must be a JSON object"),
            ("null", "claims must be a JSON object"),
            (r#"{"userinfo": null}"#, "claims: userinfo must be an object of claims"),
            (r#"{"id_token": ["email"]}"#, "claims: id_token must be an object of claims"),
            (r#"{"userinfo": {"email": true}}"#, "claims: userinfo.email must be null or an object"),
            (r#"{"userinfo": {"": null}}"#, "claims: userinfo. is no name of a claim"),
            (r#"{"userinfo": {"email": {"essential": 1}}}"#, "claims: userinfo.email.essential must be true or false"),
            (
                r#"{"userinfo": {"email": {"value": null}}}"#,
                "claims: userinfo.email.value must be a value, and null is none",
            ),
            (r#"{"userinfo": {"email": {"values": "a"}}}"#, "claims: userinfo.email.values must be a list"),
            (r#"{"userinfo": {"email": {"values": []}}}"#, "claims: userinfo.email.values must hold a value"),
            (
                r#"{"userinfo": {"email": {"values": [null]}}}"#,
                "claims: userinfo.email.values must hold values, and null is none",
            ),
            (
                r#"{"id_token": {"sub": {"value": 1}}}"#,
                "claims: id_token.sub may be asked for by values that are strings only",
            ),
            (
                r#"{"id_token": {"acr": {"values": ["1", 2]}}}"#,
                "claims: id_token.acr may be asked for by values that are strings only",
            ),
        ] {
            assert_eq!(error(text), want);
        }
    }

    #[test]
    fn the_parameter_is_bounded_in_length_depth_and_count() {
        let claims = |count: usize| json!({"userinfo": (0..count).map(|n| (format!("c{n}"), Value::Null)).collect::<serde_json::Map<_, _>>()});
        assert_eq!(parse(&claims(64)).userinfo.len(), 64);
        assert_eq!(error(&claims(65).to_string()), "claims: userinfo asks for more than 64 claims");
        let values = |count: usize| json!({"userinfo": {"a": {"values": vec![1; count]}}}).to_string();
        assert!(ClaimsRequest::parse(&values(32)).is_ok());
        assert_eq!(error(&values(33)), "claims: userinfo.a.values holds more than 32 values");
        let deep = |lists: usize| {
            format!(r#"{{"userinfo": {{"a": {{"value": {}1{}}}}}}}"#, "[".repeat(lists), "]".repeat(lists))
        };
        assert!(ClaimsRequest::parse(&deep(5)).is_ok());
        assert_eq!(error(&deep(6)), "claims is nested too deep");
        assert_eq!(error(&deep(3000)), "claims is not valid JSON");
        assert_eq!(error(&" ".repeat(8193)), "claims is longer than 8 KiB");
        assert_eq!(
            error(&json!({"userinfo": {"a".repeat(257): null}}).to_string()),
            format!("claims: userinfo.{} is no name of a claim", "a".repeat(64))
        );
    }

    #[test]
    fn core_5_5_1_a_subject_that_is_asked_for_is_the_only_one() {
        let request = parse(&json!({"id_token": {"sub": {"value": "a"}}, "userinfo": {"sub": {"values": ["a", "b"]}}}));
        assert!(request.is_for("a") && !request.is_for("b"));
        assert_eq!(request.subject(), Some("a"));
        let one_of = parse(&json!({"id_token": {"sub": {"values": ["a", "b"]}}}));
        assert!(one_of.is_for("b") && !one_of.is_for("c"));
        assert_eq!(one_of.subject(), None);
        assert!(parse(&json!({"id_token": {"sub": {"essential": true}, "email": {"value": "x"}}})).is_for("c"));
    }

    #[test]
    fn core_5_5_1_1_only_an_essential_acr_with_values_must_be_met() {
        let acr = |wish: Value| parse(&json!({"id_token": {"acr": wish}})).essential_acr().is_some();
        assert!(acr(json!({"essential": true, "value": "1"})) && acr(json!({"essential": true, "values": ["1"]})));
        assert!(!acr(json!({"values": ["1"]})) && !acr(json!({"essential": true})) && !acr(json!(null)));
        assert!(parse(&json!({"userinfo": {"acr": {"essential": true, "value": "1"}}})).essential_acr().is_none());
    }
}
