//! What the fuzz targets of `fuzz/` run: for each a function that takes any bytes, and panics where something does not hold that must hold
//! of all of them. It is there for `cargo fuzz`, which sets `cfg(fuzzing)`, and for the tests, which run each over its files in
//! `fuzz/seeds`: so neither a function nor a target goes stale, and what was found once stays found.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a fuzz target says what it has found"
)]

mod claims;
mod client_metadata;
mod jwe;
mod jwk_set;
mod jwt;
mod redirect_uri;
mod request_object;
#[cfg(test)]
mod tests;
mod token;

use crate::provider::fuzzing::authorization_request;

/// What a target runs. True: nothing was wrong with the input.
pub type Target = fn(&[u8]) -> bool;

/// The targets, by the names of their files in `fuzz/fuzz_targets`.
pub const TARGETS: [(&str, Target); 8] = [
    ("authorization_request", authorization_request),
    ("claims", claims::run),
    ("client_metadata", client_metadata::run),
    ("jwe", jwe::run),
    ("jwk_set", jwk_set::run),
    ("jwt", jwt::run),
    ("redirect_uri", redirect_uri::run),
    ("request_object", request_object::run),
];

/// Runs the target of this name.
pub fn run(name: &str, data: &[u8]) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target of this name");
    target(data);
}
