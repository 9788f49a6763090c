use std::borrow::Cow;

use axum::http::{HeaderMap, header};
use zeroize::Zeroizing;

use super::{Refusal, client_secret_basic, client_secret_post};
use crate::{provider::Params, realm::AuthMethod};

/// RFC 7523 section 2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The one credential of a request.
pub(super) enum Presented<'a> {
    /// A `client_id` and nothing else.
    Name(&'a str),
    /// A secret.
    Secret { method: AuthMethod, client_id: Cow<'a, str>, secret: Zeroizing<String> },
    /// A JWT; `client_id` need not stand beside it (RFC 7521 section 4.2).
    Assertion { client_id: Option<&'a str>, assertion: &'a str },
}

impl<'a> Presented<'a> {
    /// The credential; more than one is refused (RFC 6749 section 2.3).
    pub(super) fn of(headers: &HeaderMap, params: &'a Params) -> Result<Self, Refusal> {
        let mut authorizations = headers.get_all(header::AUTHORIZATION).iter();
        let authorization = authorizations.next();
        if authorizations.next().is_some() {
            return Err(Refusal::Malformed("there is more than one Authorization header"));
        }
        let client_id = params.get("client_id");
        let secret = params.get("client_secret");
        let assertion = (params.get("client_assertion_type"), params.get("client_assertion"));
        let with_assertion = assertion != (None, None);
        let methods =
            usize::from(authorization.is_some()) + usize::from(secret.is_some()) + usize::from(with_assertion);
        if methods > 1 {
            return Err(Refusal::Malformed("the client authenticates with more than one method at once"));
        }
        match (authorization, secret, assertion) {
            (Some(header), _, _) => client_secret_basic::read(header, client_id),
            (_, Some(secret), _) => client_secret_post::read(client_id, secret),
            (_, _, (Some(JWT_BEARER), Some(assertion))) => Ok(Self::Assertion { client_id, assertion }),
            (_, _, (Some(_), Some(_))) => Err(Refusal::AnotherMethod),
            (_, _, (Some(_), None)) => Err(Refusal::Malformed("client_assertion is missing")),
            (_, _, (None, Some(_))) => Err(Refusal::Malformed("client_assertion_type is missing")),
            (_, _, (None, None)) => client_id.map(Self::Name).ok_or(Refusal::Nothing),
        }
    }
}
