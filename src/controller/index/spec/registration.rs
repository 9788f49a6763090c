//! What a Realm lets others register: its own lists, each bounded by what it allows its clients at all.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Problems, grant_type, oidc_client, response_type};
use crate::{
    api,
    controller::checks::tenancy,
    realm::{
        ClientKeys, GrantType, ResponseType, Scope,
        registration::{
            AccessTokenRotation, ApplicationType, LinkHosts, RegistrationMode, RegistrationPolicy, StatementIssuer,
            StatementPolicy,
        },
    },
};

/// A token that lets its holder register clients, of which the Secret is still to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitialAccessTokenSpec {
    /// The Secret.
    pub name: Arc<str>,
    /// It is good until then.
    pub expires_at: Option<Timestamp>,
    /// It is good for so many clients.
    pub max_uses: Option<u32>,
}

/// What the Realm allows its clients, parsed.
pub(super) struct Bounds<'a> {
    pub grant_types: &'a [GrantType],
    pub response_types: &'a [ResponseType],
    pub scopes: &'a [Scope],
    pub allowed: &'a api::AllowedClients,
}

/// None where nobody may register.
pub(super) fn policy(
    spec: &api::ClientRegistration,
    bounds: &Bounds<'_>,
    problems: &mut Problems,
) -> Option<Arc<RegistrationPolicy>> {
    let statements = statements(&spec.software_statements, problems);
    let mode = match spec.mode {
        api::RegistrationMode::Disabled => return None,
        api::RegistrationMode::InitialAccessToken => RegistrationMode::InitialAccessToken,
        api::RegistrationMode::Open => RegistrationMode::Open,
    };
    if mode == RegistrationMode::InitialAccessToken && spec.initial_access_tokens.is_empty() {
        problems.push("spec.registration.initialAccessTokens", "mode InitialAccessToken needs at least one");
    }
    let may_ask = |scope: &&Scope| {
        tenancy::allows_scope(&bounds.allowed.scopes, &scope.name) && tenancy::allows_scope(&spec.scopes, &scope.name)
    };
    Some(Arc::new(RegistrationPolicy {
        mode,
        grant_types: bounded(&spec.grant_types, bounds.grant_types, grant_type),
        response_types: bounded(&spec.response_types, bounds.response_types, response_type),
        scopes: bounds.scopes.iter().filter(may_ask).map(|scope| scope.name.clone()).collect(),
        redirect_hosts: vec![bounds.allowed.redirect_hosts.clone(), spec.redirect_hosts.clone()],
        auth_methods: auth_methods(&spec.token_endpoint_auth_methods),
        application_types: application_types(&spec.application_types),
        link_hosts: match spec.link_hosts {
            api::LinkHosts::Any => LinkHosts::Any,
            api::LinkHosts::OfRedirectUris => LinkHosts::OfRedirectUris,
        },
        secret_lifetime: spec.client_secret_lifetime.map(api::Duration::as_std),
        unused_after: spec.unused_after.map(api::Duration::as_std),
        max_clients: usize::try_from(spec.max_clients).unwrap_or(usize::MAX),
        rotation: match spec.rotate_access_tokens {
            api::RotateAccessTokens::Never => AccessTokenRotation::Never,
            api::RotateAccessTokens::OnUpdate => AccessTokenRotation::OnUpdate,
            api::RotateAccessTokens::Always => AccessTokenRotation::Always,
        },
        statements,
    }))
}

/// The tokens of a Realm in which they are of any use.
pub(super) fn initial_access_tokens(
    spec: &api::ClientRegistration,
    problems: &mut Problems,
) -> Vec<InitialAccessTokenSpec> {
    let mut tokens = Vec::with_capacity(spec.initial_access_tokens.len());
    for (at, token) in spec.initial_access_tokens.iter().enumerate() {
        let field = format!("spec.registration.initialAccessTokens[{at}].expiresAt");
        let expires_at = token.expires_at.as_deref().map(|text| problems.take(field, text.parse::<Timestamp>()));
        let (name, max_uses) = (token.name.as_str().into(), token.max_uses);
        tokens.push(InitialAccessTokenSpec { name, max_uses, expires_at: expires_at.flatten() });
    }
    if spec.mode == api::RegistrationMode::Disabled { Vec::new() } else { tokens }
}

/// Those of `allowed` that are listed; of an empty list all.
fn bounded<T: Copy, U: Copy + PartialEq>(listed: &[T], allowed: &[U], convert: impl Fn(T) -> U) -> Vec<U> {
    let listed: Vec<U> = listed.iter().copied().map(convert).collect();
    allowed.iter().copied().filter(|one| listed.is_empty() || listed.contains(one)).collect()
}

/// In the order of the list, whose first is the default where the usual one is not in it.
fn auth_methods(listed: &[api::TokenEndpointAuthMethod]) -> Vec<crate::realm::AuthMethod> {
    match listed {
        [] => crate::realm::AuthMethod::ALL.to_vec(),
        listed => listed.iter().copied().map(oidc_client::method).collect(),
    }
}

fn application_types(listed: &[api::ApplicationType]) -> Vec<ApplicationType> {
    let convert = |kind: &api::ApplicationType| match kind {
        api::ApplicationType::Web => ApplicationType::Web,
        api::ApplicationType::Native => ApplicationType::Native,
    };
    if listed.is_empty() { ApplicationType::ALL.to_vec() } else { listed.iter().map(convert).collect() }
}

fn statements(spec: &api::SoftwareStatements, problems: &mut Problems) -> StatementPolicy {
    if spec.required && spec.issuers.is_empty() {
        problems.push(
            "spec.registration.softwareStatements.issuers",
            "where they are required, somebody's must be trusted",
        );
    }
    let mut issuers = Vec::with_capacity(spec.issuers.len());
    for (at, issuer) in spec.issuers.iter().enumerate() {
        let field = format!("spec.registration.softwareStatements.issuers[{at}]");
        let keys = oidc_client::public_keys(issuer.jwks.as_ref(), issuer.jwks_uri.as_deref(), &field, problems);
        if matches!(keys, ClientKeys::None) && issuer.jwks.is_none() && issuer.jwks_uri.is_none() {
            problems.push(field, "jwks or jwksUri is needed");
        }
        issuers.push(StatementIssuer { issuer: issuer.issuer.as_str().into(), keys });
    }
    StatementPolicy { required: spec.required, issuers }
}
