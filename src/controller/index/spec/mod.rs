//! Specs parsed once into values that can't be wrong, one file a kind. What needs other objects is a check, not parsing.

mod binding;
mod group;
mod oidc_client;
mod realm;
mod signing_key;
mod template;
mod user;

use std::fmt::Display;

pub use binding::{BindingSpec, Entry, Facts};
pub use group::GroupSpec;
pub use oidc_client::{ClientSecretSpec, OidcClientSpec, Scopes};
pub use realm::RealmSpec;
pub use signing_key::{KeySource, SigningKeySpec};
pub use user::UserSpec;

use super::super::source::FieldProblem;
use crate::{api, jose::Algorithm, realm as hall};

/// Collects what is wrong, so that a person reads all of it at once.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<FieldProblem>);

impl Problems {
    pub(super) fn push(&mut self, field: impl Into<String>, message: impl Display) {
        self.0.push(FieldProblem { field: field.into(), message: message.to_string() });
    }

    pub(super) fn take<T, E: Display>(&mut self, field: impl Into<String>, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.push(field, error)).ok()
    }

    /// Parses each item; its problem carries its index.
    pub(super) fn each<'a, T, E: Display>(
        &mut self,
        field: &str,
        items: &'a [String],
        parse: impl Fn(&'a str) -> Result<T, E>,
    ) -> Vec<T> {
        let parse = |(index, item): (usize, &'a String)| self.take(format!("{field}[{index}]"), parse(item));
        items.iter().enumerate().filter_map(parse).collect()
    }

    pub(super) fn finish<T>(self, spec: T) -> Result<T, Vec<FieldProblem>> {
        if self.0.is_empty() { Ok(spec) } else { Err(self.0) }
    }
}

pub(super) fn realm_name(reference: &api::RealmRef, namespace: Option<&str>) -> hall::ObjectName {
    hall::ObjectName::new(reference.namespace_or(namespace.unwrap_or_default()), reference.name.as_str())
}

pub(super) fn algorithm(name: api::SigningAlgorithm) -> Algorithm {
    match name {
        api::SigningAlgorithm::RS256 => Algorithm::Rs256,
        api::SigningAlgorithm::RS384 => Algorithm::Rs384,
        api::SigningAlgorithm::RS512 => Algorithm::Rs512,
        api::SigningAlgorithm::PS256 => Algorithm::Ps256,
        api::SigningAlgorithm::PS384 => Algorithm::Ps384,
        api::SigningAlgorithm::PS512 => Algorithm::Ps512,
        api::SigningAlgorithm::ES256 => Algorithm::Es256,
        api::SigningAlgorithm::ES384 => Algorithm::Es384,
        api::SigningAlgorithm::ES512 => Algorithm::Es512,
        api::SigningAlgorithm::Ed25519 => Algorithm::Ed25519,
    }
}

/// The name of an algorithm in a resource.
pub(in crate::controller) fn algorithm_name(algorithm: Algorithm) -> api::SigningAlgorithm {
    match algorithm {
        Algorithm::Rs256 => api::SigningAlgorithm::RS256,
        Algorithm::Rs384 => api::SigningAlgorithm::RS384,
        Algorithm::Rs512 => api::SigningAlgorithm::RS512,
        Algorithm::Ps256 => api::SigningAlgorithm::PS256,
        Algorithm::Ps384 => api::SigningAlgorithm::PS384,
        Algorithm::Ps512 => api::SigningAlgorithm::PS512,
        Algorithm::Es256 => api::SigningAlgorithm::ES256,
        Algorithm::Es384 => api::SigningAlgorithm::ES384,
        Algorithm::Es512 => api::SigningAlgorithm::ES512,
        Algorithm::Ed25519 => api::SigningAlgorithm::Ed25519,
    }
}

pub(super) fn grant_type(name: api::GrantType) -> hall::GrantType {
    match name {
        api::GrantType::AuthorizationCode => hall::GrantType::AuthorizationCode,
        api::GrantType::RefreshToken => hall::GrantType::RefreshToken,
        api::GrantType::ClientCredentials => hall::GrantType::ClientCredentials,
    }
}

pub(super) fn response_type(name: api::ResponseType) -> hall::ResponseType {
    match name {
        api::ResponseType::Code => hall::ResponseType::Code,
    }
}

pub(super) fn access_token_format(name: api::AccessTokenFormat) -> hall::AccessTokenFormat {
    match name {
        api::AccessTokenFormat::Jwt => hall::AccessTokenFormat::Jwt,
        api::AccessTokenFormat::Opaque => hall::AccessTokenFormat::Opaque,
    }
}

pub(super) fn refresh_rotation(name: api::RefreshTokenRotation) -> hall::RefreshRotation {
    match name {
        api::RefreshTokenRotation::PublicClients => hall::RefreshRotation::PublicClients,
        api::RefreshTokenRotation::Always => hall::RefreshRotation::Always,
    }
}
