use serde_json::Value;

use super::{invalid, members::Members};
use crate::{
    provider::{ErrorCode, OAuthError, Params},
    realm::ResponseType,
};

/// Claims of a JWT that are no parameters (RFC 7519 section 4.1).
const CLAIMS: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];
/// Parameters that are strings in a query and in a request object.
const STRINGS: [&str; 17] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "response_mode",
    "display",
    "prompt",
    "ui_locales",
    "claims_locales",
    "id_token_hint",
    "login_hint",
    "acr_values",
    "code_challenge",
    "code_challenge_method",
    "resource",
];

/// What the parameters of the query and the members of the object make together.
#[derive(Debug)]
pub(super) struct Merged {
    pub(super) params: Params,
    /// A member is not what it has to be, and left out.
    pub(super) problem: Option<OAuthError>,
}

/// OpenID Connect Core section 6.3.3: a parameter of the object takes the place of that of the query. With `only_object` nothing of the
/// query counts but `client_id` (RFC 9101 section 6.3).
pub(super) fn merge(query: &Params, members: &Members, only_object: bool) -> Merged {
    let stays = |name: &str| match name {
        "request" | "request_uri" => false,
        "client_id" => true,
        name => !only_object && members.get(name).is_none(),
    };
    let own = |name: &str| !CLAIMS.contains(&name) && !matches!(name, "client_id" | "request" | "request_uri");
    let kept = query.iter().filter(|(name, _)| stays(name));
    let mut pairs: Vec<_> = kept.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut problem = None;
    for (name, value) in members.iter().filter(|(name, _)| own(name)) {
        match texts(name, value) {
            Ok(texts) => pairs.extend(texts.into_iter().map(|text| (name.to_owned(), text))),
            Err(must) => {
                problem.get_or_insert_with(|| invalid(format!("the member {name:.64} must be {must}")));
            }
        }
    }
    match Params::of_pairs(pairs) {
        Ok(params) => Merged { params, problem },
        Err(error) => Merged { params: Params::default(), problem: Some(invalid(error.to_string())) },
    }
}

/// A member as the values of a parameter (RFC 9101 section 4): strings are strings, numbers are numbers, and `claims` is an object (Core section
/// 5.5). `resource` may be several (RFC 8707 section 2). What nobody here knows is passed over where it is no string (RFC 6749 section 3.1).
fn texts(name: &str, value: &Value) -> Result<Vec<String>, &'static str> {
    let string = |value: &Value| value.as_str().map(str::to_owned);
    match (name, value) {
        // `registration` is refused by its own check.
        ("claims" | "registration", Value::Object(_)) => Ok(vec![value.to_string()]),
        ("claims" | "registration", _) => Err("a JSON object"),
        ("max_age", Value::Number(number)) if number.is_u64() => Ok(vec![number.to_string()]),
        ("max_age", Value::String(text)) => Ok(vec![text.clone()]),
        ("max_age", _) => Err("a whole number of seconds, zero or more"),
        ("resource", Value::Array(all)) => {
            all.iter().map(string).collect::<Option<_>>().ok_or("a string or a list of strings")
        }
        (_, Value::String(text)) => Ok(vec![text.clone()]),
        (name, _) if STRINGS.contains(&name) => Err("a string"),
        _ => Ok(Vec::new()),
    }
}

/// OpenID Connect Core section 6.1: the query is a valid request of OAuth 2.0 by itself. It has `response_type`, the same as the object, and
/// for an OpenID request `scope` with `openid`. A request of RFC 9101 (the object's `typ` says so, or the client's registration) needs
/// neither of them there (section 5).
pub(super) fn check(query: &Params, merged: &Params, members: &Members, is_rfc_9101: bool) -> Result<(), OAuthError> {
    let missing = |description: &'static str| Err(OAuthError::new(ErrorCode::InvalidRequest, description));
    let has_openid =
        |params: &Params| params.get("scope").is_some_and(|scope| scope.split(' ').any(|word| word == "openid"));
    match (query.get("response_type"), members.get("response_type").and_then(Value::as_str)) {
        (Some(outside), Some(inside)) if !is_same_type(outside, inside) => {
            return Err(invalid("response_type must be that of the request"));
        }
        (None, _) if !is_rfc_9101 => {
            return missing("response_type must stand beside the request object too (OpenID Connect Core section 6.1)");
        }
        _ => {}
    }
    if !is_rfc_9101 && has_openid(merged) && !has_openid(query) {
        return missing("scope with openid must stand beside the request object too (OpenID Connect Core section 6.1)");
    }
    Ok(())
}

/// The order of the words means nothing.
fn is_same_type(one: &str, other: &str) -> bool {
    let known = |text| ResponseType::of_words(text);
    one == other || known(one).is_some() && known(one) == known(other)
}
