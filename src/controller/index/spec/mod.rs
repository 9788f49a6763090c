//! Specs parsed once into values that can't be wrong, one file a kind. What needs other objects is a check, not parsing.

mod binding;
mod client_metadata;
mod group;
mod oidc_client;
mod realm;
mod registration;
mod signing_key;
mod template;
mod user;

use std::fmt::Display;

pub use binding::{BindingSpec, Entry, Facts, SecretRotation};
pub use group::GroupSpec;
pub use oidc_client::{ClientSecretSpec, OidcClientSpec, Scopes};
pub use realm::{ClaimSourceSecret, RealmSpec};
pub use registration::InitialAccessTokenSpec;
pub use signing_key::{KeySource, SigningKeySpec};
pub use user::UserSpec;

use super::super::source::FieldProblem;
use crate::{
    api,
    jose::{Algorithm, KeyAlgorithm, KeyManagement},
    realm as hall,
};

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

/// What a resource's key algorithm is.
pub(super) fn key_algorithm(name: api::KeyAlgorithm) -> KeyAlgorithm {
    match name {
        api::KeyAlgorithm::RS256 => Algorithm::Rs256.into(),
        api::KeyAlgorithm::RS384 => Algorithm::Rs384.into(),
        api::KeyAlgorithm::RS512 => Algorithm::Rs512.into(),
        api::KeyAlgorithm::PS256 => Algorithm::Ps256.into(),
        api::KeyAlgorithm::PS384 => Algorithm::Ps384.into(),
        api::KeyAlgorithm::PS512 => Algorithm::Ps512.into(),
        api::KeyAlgorithm::ES256 => Algorithm::Es256.into(),
        api::KeyAlgorithm::ES384 => Algorithm::Es384.into(),
        api::KeyAlgorithm::ES512 => Algorithm::Es512.into(),
        api::KeyAlgorithm::Ed25519 => Algorithm::Ed25519.into(),
        api::KeyAlgorithm::RsaOaep => KeyManagement::RsaOaep.into(),
        api::KeyAlgorithm::RsaOaep256 => KeyManagement::RsaOaep256.into(),
        api::KeyAlgorithm::EcdhEs => KeyManagement::EcdhEs.into(),
        api::KeyAlgorithm::EcdhEsA128Kw => KeyManagement::EcdhEsA128Kw.into(),
        api::KeyAlgorithm::EcdhEsA256Kw => KeyManagement::EcdhEsA256Kw.into(),
    }
}

/// The name of an algorithm in a resource.
pub(in crate::controller) fn algorithm_name(algorithm: KeyAlgorithm) -> api::KeyAlgorithm {
    use KeyAlgorithm::{Encrypt, Sign};
    match algorithm {
        Sign(Algorithm::Rs256) => api::KeyAlgorithm::RS256,
        Sign(Algorithm::Rs384) => api::KeyAlgorithm::RS384,
        Sign(Algorithm::Rs512) => api::KeyAlgorithm::RS512,
        Sign(Algorithm::Ps256) => api::KeyAlgorithm::PS256,
        Sign(Algorithm::Ps384) => api::KeyAlgorithm::PS384,
        Sign(Algorithm::Ps512) => api::KeyAlgorithm::PS512,
        Sign(Algorithm::Es256) => api::KeyAlgorithm::ES256,
        Sign(Algorithm::Es384) => api::KeyAlgorithm::ES384,
        Sign(Algorithm::Es512) => api::KeyAlgorithm::ES512,
        Sign(Algorithm::Ed25519) => api::KeyAlgorithm::Ed25519,
        Encrypt(KeyManagement::RsaOaep) => api::KeyAlgorithm::RsaOaep,
        Encrypt(KeyManagement::RsaOaep256) => api::KeyAlgorithm::RsaOaep256,
        Encrypt(KeyManagement::EcdhEs) => api::KeyAlgorithm::EcdhEs,
        Encrypt(KeyManagement::EcdhEsA128Kw) => api::KeyAlgorithm::EcdhEsA128Kw,
        Encrypt(KeyManagement::EcdhEsA256Kw) => api::KeyAlgorithm::EcdhEsA256Kw,
    }
}

pub(super) fn grant_type(name: api::GrantType) -> hall::GrantType {
    match name {
        api::GrantType::AuthorizationCode => hall::GrantType::AuthorizationCode,
        api::GrantType::Implicit => hall::GrantType::Implicit,
        api::GrantType::RefreshToken => hall::GrantType::RefreshToken,
        api::GrantType::ClientCredentials => hall::GrantType::ClientCredentials,
    }
}

pub(super) fn response_type(name: api::ResponseType) -> hall::ResponseType {
    match name {
        api::ResponseType::Code => hall::ResponseType::Code,
        api::ResponseType::IdToken => hall::ResponseType::IdToken,
        api::ResponseType::IdTokenToken => hall::ResponseType::IdTokenToken,
        api::ResponseType::CodeIdToken => hall::ResponseType::CodeIdToken,
        api::ResponseType::CodeToken => hall::ResponseType::CodeToken,
        api::ResponseType::CodeIdTokenToken => hall::ResponseType::CodeIdTokenToken,
        api::ResponseType::None => hall::ResponseType::None,
    }
}

pub(super) fn subject_type(name: api::SubjectType) -> hall::SubjectType {
    match name {
        api::SubjectType::Public => hall::SubjectType::Public,
        api::SubjectType::Pairwise => hall::SubjectType::Pairwise,
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
