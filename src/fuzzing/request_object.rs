use super::token::token;
use crate::provider::fuzzing;

/// A request object that comes by value (OpenID Connect Core section 6.1, RFC 9101 section 4).
pub(super) fn run(data: &[u8]) -> bool {
    token(data).is_some_and(|token| fuzzing::request_object(&token))
}
