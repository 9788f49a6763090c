use jiff::Timestamp;
use serde_json::Value;

use super::{invalid, members::Members};
use crate::{
    provider::OAuthError,
    realm::{Client, Realm},
};

/// Clocks may differ by so many seconds.
const LEEWAY: f64 = 30.0;

/// What a request object says of itself. None of it must be there (OpenID Connect Core section 6.1 only recommends `iss` and `aud`), but
/// what is there must be right.
pub(super) fn check(realm: &Realm, client: &Client, members: &Members, now: Timestamp) -> Result<(), OAuthError> {
    if let Some(name) = &members.repeated {
        return Err(invalid(format!("the member {name:.64} stands there more than once")));
    }
    check_nesting(members)?;
    check_client(client, members)?;
    check_audience(realm, members)?;
    check_times(members, now)
}

/// OpenID Connect Core section 6.1: no request object within a request object.
fn check_nesting(members: &Members) -> Result<(), OAuthError> {
    match ["request", "request_uri"].into_iter().find(|name| members.get(name).is_some()) {
        Some(name) => Err(invalid(format!("{name} must not stand in a request object"))),
        None => Ok(()),
    }
}

/// `client_id` is that of the query (section 6.1, RFC 9101 section 6.3), `iss` the client too. `sub` is not: a JWT whose `sub` is its client says
/// who the client is, and neither kind passes for the other (RFC 9101 section 10.8).
fn check_client(client: &Client, members: &Members) -> Result<(), OAuthError> {
    let names_client = |name| members.get(name).map(|value| value.as_str() == Some(&client.id));
    if names_client("client_id") == Some(false) {
        return Err(invalid("client_id must be that of the request"));
    }
    if names_client("iss") == Some(false) {
        return Err(invalid("iss must be the client_id"));
    }
    if names_client("sub") == Some(true) {
        return Err(invalid("sub must not be the client_id, as in a client assertion (RFC 9101 section 10.8)"));
    }
    Ok(())
}

/// `aud` is or includes the issuer (section 6.1).
fn check_audience(realm: &Realm, members: &Members) -> Result<(), OAuthError> {
    let is_us = |value: &Value| value.as_str() == Some(realm.issuer.as_str());
    let is_meant = match members.get("aud") {
        None => true,
        Some(Value::Array(audiences)) => audiences.iter().any(is_us),
        Some(one) => is_us(one),
    };
    is_meant.then_some(()).ok_or_else(|| invalid("aud must be the issuer, or include it"))
}

/// RFC 7519 sections 4.1.4 to 4.1.6.
fn check_times(members: &Members, now: Timestamp) -> Result<(), OAuthError> {
    let time = |name: &'static str| match members.get(name) {
        None => Ok(None),
        Some(value) => match value.as_f64() {
            Some(seconds) => Ok(Some(seconds)),
            None => Err(invalid(format!("{name} must be a number of seconds"))),
        },
    };
    // Whole seconds of this age are exact.
    let now = now.as_second() as f64;
    if time("exp")?.is_some_and(|exp| exp <= now) {
        return Err(invalid("it has expired (exp)"));
    }
    if time("nbf")?.is_some_and(|nbf| nbf > now + LEEWAY) {
        return Err(invalid("it is not valid yet (nbf)"));
    }
    if time("iat")?.is_some_and(|iat| iat > now + LEEWAY) {
        return Err(invalid("it was issued in the future (iat)"));
    }
    Ok(())
}
