use crate::provider::fuzzing;

/// The parameter `claims` of an authorization request (OpenID Connect Core section 5.5).
pub(super) fn run(data: &[u8]) -> bool {
    std::str::from_utf8(data).is_ok_and(fuzzing::claims)
}
