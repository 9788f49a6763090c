use jiff::Timestamp;
use serde::Serialize;

use crate::{
    account::session::ACR,
    jose::{Algorithm, HmacAlgorithm, JwsAlgorithm, KeyManagement, foreign, jwe::ContentEncryption},
    provider::{
        Endpoint,
        authorize::ResponseMode,
        pages::{Display, LANGUAGES},
    },
    realm::{
        AuthMethod, ClaimSource, GrantType, JweKey, Realm, ResponseType, Scope, Settings, SubjectType,
        is_standard_scope,
    },
};

/// Provider metadata (OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2): what this realm allows and the router serves.
/// A list without elements is left out (Discovery section 4.2).
#[derive(Debug, Serialize)]
pub(super) struct Metadata<'a> {
    issuer: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    userinfo_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    introspection_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revocation_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_endpoint: Option<String>,
    /// OpenID Connect RP-Initiated Logout 1.0 section 2.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    end_session_endpoint: Option<String>,
    /// OpenID Connect Session Management 1.0 section 3.3.
    #[serde(skip_serializing_if = "Option::is_none")]
    check_session_iframe: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    response_types_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    response_modes_supported: &'static [&'static str],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    grant_types_supported: Vec<&'static str>,
    subject_types_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    id_token_signing_alg_values_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    id_token_encryption_alg_values_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    id_token_encryption_enc_values_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    userinfo_signing_alg_values_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    userinfo_encryption_alg_values_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    userinfo_encryption_enc_values_supported: Vec<&'static str>,
    /// OpenID Connect Core section 6.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    request_object_signing_alg_values_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    request_object_encryption_alg_values_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    request_object_encryption_enc_values_supported: Vec<&'static str>,
    token_endpoint_auth_methods_supported: Vec<&'static str>,
    token_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    introspection_endpoint_auth_methods_supported: Vec<&'static str>,
    introspection_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    revocation_endpoint_auth_methods_supported: Vec<&'static str>,
    revocation_endpoint_auth_signing_alg_values_supported: Vec<&'static str>,
    /// RFC 7636; `plain` is never accepted.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    code_challenge_methods_supported: &'static [&'static str],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    claim_types_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    claims_supported: Vec<&'a str>,
    /// Initiating User Registration via OpenID Connect 1.0 section 3.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    prompt_values_supported: &'static [&'static str],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    display_values_supported: &'static [&'static str],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    ui_locales_supported: &'static [&'static str],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    acr_values_supported: &'static [&'static str],
    claims_parameter_supported: bool,
    request_parameter_supported: bool,
    /// Its default is true, so it has to be said.
    request_uri_parameter_supported: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    require_request_uri_registration: bool,
    /// RFC 9207 section 3.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    authorization_response_iss_parameter_supported: bool,
    /// OpenID Connect Front-Channel Logout 1.0 section 3.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    frontchannel_logout_supported: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    frontchannel_logout_session_supported: bool,
    /// OpenID Connect Back-Channel Logout 1.0 section 2.1.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    backchannel_logout_supported: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    backchannel_logout_session_supported: bool,
}

/// Claims of every ID token, beside those that scopes release (OpenID Connect Core section 2).
const ID_TOKEN_CLAIMS: [&str; 10] = ["sub", "iss", "aud", "exp", "iat", "auth_time", "acr", "amr", "nonce", "sid"];
const RESPONSE_MODES: &[&str] =
    &[ResponseMode::Query.as_str(), ResponseMode::Fragment.as_str(), ResponseMode::FormPost.as_str()];
const PROMPTS: &[&str] = &["none", "login", "consent", "select_account"];

impl<'a> Metadata<'a> {
    /// The metadata of `realm` with the keys that it has at `now`.
    pub(super) fn of(realm: &'a Realm, now: Timestamp) -> Self {
        let settings = &*realm.settings;
        let url = |endpoint: Endpoint| endpoint.is_served(settings).then(|| realm.issuer.endpoint(endpoint.path()));
        let has_code = settings.grant_types.contains(&GrantType::AuthorizationCode);
        let for_code = |values: &'static [&'static str]| if has_code { values } else { &[] };
        let signs_in = Endpoint::Authorize.is_served(settings);
        let for_people = |values: &'static [&'static str]| if signs_in { values } else { &[] };
        let secret_or_key = || AuthMethod::ALL.iter().filter(|method| **method != AuthMethod::None);
        let for_tokens = |values: Vec<&'static str>| if signs_in { values } else { Vec::new() };
        Self {
            issuer: realm.issuer.as_str(),
            authorization_endpoint: url(Endpoint::Authorize),
            token_endpoint: url(Endpoint::Token),
            userinfo_endpoint: url(Endpoint::Userinfo),
            jwks_uri: url(Endpoint::Jwks),
            introspection_endpoint: url(Endpoint::Introspect),
            revocation_endpoint: url(Endpoint::Revoke),
            registration_endpoint: url(Endpoint::Register),
            end_session_endpoint: url(Endpoint::Logout),
            check_session_iframe: url(Endpoint::Session),
            scopes_supported: scopes(realm).map(|scope| &*scope.name).collect(),
            response_types_supported: response_types(realm),
            response_modes_supported: for_people(RESPONSE_MODES),
            grant_types_supported: grant_types(settings),
            subject_types_supported: subject_types(realm),
            id_token_signing_alg_values_supported: id_token_algorithms(realm, now),
            id_token_encryption_alg_values_supported: for_tokens(key_managements()),
            id_token_encryption_enc_values_supported: for_tokens(content_encryptions()),
            userinfo_signing_alg_values_supported: for_tokens(signing_algorithms(realm, now)),
            userinfo_encryption_alg_values_supported: for_tokens(key_managements()),
            userinfo_encryption_enc_values_supported: for_tokens(content_encryptions()),
            request_object_signing_alg_values_supported: for_tokens(request_object_algorithms()),
            request_object_encryption_alg_values_supported: for_tokens(request_object_encryption(realm, now)),
            request_object_encryption_enc_values_supported: for_tokens(content_encryptions()),
            token_endpoint_auth_methods_supported: AuthMethod::ALL.iter().map(|method| method.as_str()).collect(),
            token_endpoint_auth_signing_alg_values_supported: assertion_algorithms(),
            // Who asks about a token must prove who it is (RFC 7662 section 2.1).
            introspection_endpoint_auth_methods_supported: secret_or_key().map(|method| method.as_str()).collect(),
            introspection_endpoint_auth_signing_alg_values_supported: assertion_algorithms(),
            revocation_endpoint_auth_methods_supported: AuthMethod::ALL.iter().map(|method| method.as_str()).collect(),
            revocation_endpoint_auth_signing_alg_values_supported: assertion_algorithms(),
            code_challenge_methods_supported: for_code(&["S256"]),
            claim_types_supported: if signs_in { claim_types(realm) } else { Vec::new() },
            claims_supported: if signs_in { claims(realm) } else { Vec::new() },
            prompt_values_supported: for_people(PROMPTS),
            display_values_supported: for_people(Display::NAMES),
            ui_locales_supported: for_people(LANGUAGES),
            acr_values_supported: for_people(&[ACR]),
            claims_parameter_supported: signs_in,
            request_parameter_supported: signs_in,
            request_uri_parameter_supported: signs_in,
            require_request_uri_registration: signs_in,
            authorization_response_iss_parameter_supported: signs_in,
            frontchannel_logout_supported: signs_in,
            frontchannel_logout_session_supported: signs_in,
            backchannel_logout_supported: signs_in,
            backchannel_logout_session_supported: signs_in,
        }
    }
}

/// `offline_access` only means something where there are refresh tokens, and what tells of people where they sign in.
fn scopes(realm: &Realm) -> impl Iterator<Item = &Scope> {
    let settings = &realm.settings;
    let refreshes = settings.grant_types.contains(&GrantType::RefreshToken);
    let signs_in = Endpoint::Authorize.is_served(settings);
    settings.scopes.iter().filter(move |scope| {
        let means_something = match &*scope.name {
            "offline_access" => refreshes,
            name => signs_in || !is_standard_scope(name),
        };
        means_something && settings.allows_scope(&scope.name)
    })
}

/// Those that lead anywhere: a grant that begins with a response type needs one that is served.
fn grant_types(settings: &Settings) -> Vec<&'static str> {
    let begins = |grant: &GrantType| match grant {
        GrantType::AuthorizationCode | GrantType::RefreshToken => {
            settings.supports(ResponseType::None)
                || ResponseType::ALL.iter().any(|kind| kind.has_code() && settings.supports(*kind))
        }
        GrantType::Implicit => ResponseType::ALL.iter().any(|kind| kind.is_front_channel() && settings.supports(*kind)),
        GrantType::ClientCredentials => true,
    };
    settings.grant_types.iter().filter(|grant| begins(grant)).map(|grant| grant.as_str()).collect()
}

/// The realm's default first.
fn subject_types(realm: &Realm) -> Vec<&'static str> {
    match (realm.salt.is_some(), realm.settings.subject_type) {
        (false, _) => vec!["public"],
        (true, SubjectType::Public) => vec!["public", "pairwise"],
        (true, SubjectType::Pairwise) => vec!["pairwise", "public"],
    }
}

fn response_types(realm: &Realm) -> Vec<&'static str> {
    let served = |kind: &&ResponseType| realm.settings.supports(**kind);
    realm.settings.response_types.iter().filter(served).map(|kind| kind.as_str()).collect()
}

/// By the realm's keys, its default first, Ed25519 by both of its names; then those by a client's secret.
fn signing_algorithms(realm: &Realm, now: Timestamp) -> Vec<&'static str> {
    let mut algorithms = realm.keyring.algorithms(now);
    algorithms.sort_by_key(|algorithm| *algorithm != realm.settings.default_algorithm);
    let other_name = |algorithm: Algorithm| (algorithm == Algorithm::Ed25519).then_some(JwsAlgorithm::Ed25519.name());
    let by_key = algorithms.into_iter().flat_map(|algorithm| [Some(algorithm.jws_name()), other_name(algorithm)]);
    by_key.flatten().chain(HmacAlgorithm::ALL.map(HmacAlgorithm::name)).collect()
}

/// `none` only where the token endpoint gives ID tokens to who redeems a code (OpenID Connect Core section 2).
fn id_token_algorithms(realm: &Realm, now: Timestamp) -> Vec<&'static str> {
    let settings = &realm.settings;
    let has_code = settings.response_types.iter().any(|kind| kind.has_code() && kind.is_granted(&settings.grant_types));
    let none = has_code.then_some(JwsAlgorithm::None.name());
    signing_algorithms(realm, now).into_iter().chain(none).collect()
}

/// What the assertions of clients may be signed with: by a key of their own, or by their secret. Never `none` (Core section 9).
fn assertion_algorithms() -> Vec<&'static str> {
    foreign::ALGORITHMS.iter().copied().chain(HmacAlgorithm::ALL.map(HmacAlgorithm::name)).collect()
}

/// As assertions, or not at all: Discovery section 3 asks for `none`.
fn request_object_algorithms() -> Vec<&'static str> {
    assertion_algorithms().into_iter().chain([JwsAlgorithm::None.name()]).collect()
}

/// By the keys that the realm has for it, or by a client's secret.
fn request_object_encryption(realm: &Realm, now: Timestamp) -> Vec<&'static str> {
    let own = realm.keyring.recipient_algorithms(now).into_iter().map(JweKey::Public);
    own.chain([JweKey::Secret]).map(JweKey::name).collect()
}

fn key_managements() -> Vec<&'static str> {
    KeyManagement::ALL.into_iter().map(JweKey::Public).chain([JweKey::Secret]).map(JweKey::name).collect()
}

fn content_encryptions() -> Vec<&'static str> {
    ContentEncryption::ALL.map(ContentEncryption::name).to_vec()
}

/// OpenID Connect Core section 5.6.
fn claim_types(realm: &Realm) -> Vec<&'static str> {
    let sources = &realm.settings.claim_sources;
    let aggregated = sources.iter().any(ClaimSource::is_aggregated).then_some("aggregated");
    let distributed = sources.iter().any(|source| !source.is_aggregated()).then_some("distributed");
    [Some("normal"), aggregated, distributed].into_iter().flatten().collect()
}

/// Claims of ID tokens, of the scopes, of the realm's rules, and of others, each once.
fn claims(realm: &Realm) -> Vec<&str> {
    let released = scopes(realm).flat_map(|scope| scope.claims.iter().map(|claim| &**claim));
    let mut claims: Vec<&str> = Vec::new();
    let of_others = realm.settings.claim_sources.iter().flat_map(ClaimSource::claims);
    for claim in ID_TOKEN_CLAIMS.into_iter().chain(released).chain(realm.settings.claims.names()).chain(of_others) {
        if !claims.contains(&claim) {
            claims.push(claim);
        }
    }
    claims
}
