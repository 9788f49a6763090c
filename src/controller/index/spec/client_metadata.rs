//! Client metadata, from the names of the registry to values that can't be wrong.

use std::sync::Arc;

use super::{Problems, algorithm};
use crate::{
    api,
    jose::{HmacAlgorithm, JwsAlgorithm, KeyManagement, jwe::ContentEncryption},
    realm::{
        AuthenticationDefaults, ClientKeys, Encryption, JweKey, LogoutPolicy, Presentation, Presentations, Protection,
        RedirectUri, RequestObjectPolicy,
    },
};

pub(super) fn jws_algorithm(name: api::JwsAlgorithm) -> JwsAlgorithm {
    use api::JwsAlgorithm as Name;
    let signature = match name {
        Name::RS256 => api::SigningAlgorithm::RS256,
        Name::RS384 => api::SigningAlgorithm::RS384,
        Name::RS512 => api::SigningAlgorithm::RS512,
        Name::PS256 => api::SigningAlgorithm::PS256,
        Name::PS384 => api::SigningAlgorithm::PS384,
        Name::PS512 => api::SigningAlgorithm::PS512,
        Name::ES256 => api::SigningAlgorithm::ES256,
        Name::ES384 => api::SigningAlgorithm::ES384,
        Name::ES512 => api::SigningAlgorithm::ES512,
        Name::EdDSA => api::SigningAlgorithm::Ed25519,
        Name::Ed25519 => return JwsAlgorithm::Ed25519,
        Name::HS256 => return JwsAlgorithm::Hmac(HmacAlgorithm::Hs256),
        Name::HS384 => return JwsAlgorithm::Hmac(HmacAlgorithm::Hs384),
        Name::HS512 => return JwsAlgorithm::Hmac(HmacAlgorithm::Hs512),
        Name::None => return JwsAlgorithm::None,
    };
    JwsAlgorithm::Signature(algorithm(signature))
}

/// The content is encrypted by A128CBC-HS256 where nothing is said (OpenID Connect Registration section 2).
fn encryption(key: Option<api::JweAlgorithm>, content: Option<api::ContentEncryption>) -> Option<Encryption> {
    use api::JweAlgorithm as Name;
    let key = match key? {
        Name::RsaOaep => JweKey::Public(KeyManagement::RsaOaep),
        Name::RsaOaep256 => JweKey::Public(KeyManagement::RsaOaep256),
        Name::EcdhEs => JweKey::Public(KeyManagement::EcdhEs),
        Name::EcdhEsA128Kw => JweKey::Public(KeyManagement::EcdhEsA128Kw),
        Name::EcdhEsA256Kw => JweKey::Public(KeyManagement::EcdhEsA256Kw),
        Name::Dir => JweKey::Secret,
    };
    let content = match content.unwrap_or(api::ContentEncryption::A128CbcHs256) {
        api::ContentEncryption::A128Gcm => ContentEncryption::A128Gcm,
        api::ContentEncryption::A256Gcm => ContentEncryption::A256Gcm,
        api::ContentEncryption::A128CbcHs256 => ContentEncryption::A128CbcHs256,
        api::ContentEncryption::A256CbcHs512 => ContentEncryption::A256CbcHs512,
    };
    Some(Encryption { key, content })
}

/// The least number of bytes that the client's secret must have for all that it is used for: those of the hash of each code (RFC 7518 section
/// 3.2), and those of the key where one is made of it (OpenID Connect Core section 16.19). Zero where any will do.
pub(super) fn min_secret_length(spec: &api::OidcClientSpec) -> usize {
    let is_authenticated_so = spec.auth_method() == api::TokenEndpointAuthMethod::ClientSecretJwt;
    let assertions = spec.token_endpoint_auth_signing_alg.unwrap_or(api::JwsAlgorithm::HS256);
    let signing = [
        spec.id_token_signed_response_alg,
        spec.userinfo_signed_response_alg,
        spec.request_object_signing_alg,
        is_authenticated_so.then_some(assertions),
    ];
    let codes = signing.into_iter().flatten().filter_map(|algorithm| match jws_algorithm(algorithm) {
        JwsAlgorithm::Hmac(algorithm) => Some(algorithm.min_key_length()),
        _ => None,
    });
    let encryption = [id_token(spec).encryption, userinfo(spec).encryption, request_object(spec).encryption];
    let direct = encryption.into_iter().flatten().filter(|encryption| encryption.key == JweKey::Secret);
    codes.chain(direct.map(|encryption| encryption.content.key_length())).max().unwrap_or_default()
}

/// The least that will do, and the least of a secret that is made anew: who authenticates by `client_secret_jwt` and has registered no
/// algorithm may use any of those that discovery lists (OpenID Connect Registration section 2), the longest included.
pub(super) fn secret_lengths(spec: &api::OidcClientSpec) -> (usize, usize) {
    let least = min_secret_length(spec);
    let is_authenticated_so = spec.auth_method() == api::TokenEndpointAuthMethod::ClientSecretJwt;
    let by_any = is_authenticated_so && spec.token_endpoint_auth_signing_alg.is_none();
    (least, if by_any { least.max(HmacAlgorithm::Hs512.min_key_length()) } else { least })
}

/// What is encrypted by a public key needs one of the client that fits (OpenID Connect Registration section 2). Those behind a URI are not
/// known here.
pub(super) fn check_recipients(spec: &api::OidcClientSpec, keys: &ClientKeys, problems: &mut Problems) {
    let fields = [
        ("spec.idTokenEncryptedResponseAlg", id_token(spec).encryption),
        ("spec.userinfoEncryptedResponseAlg", userinfo(spec).encryption),
    ];
    let has_keys = spec.credentials.jwks.is_some() || spec.credentials.jwks_uri.is_some();
    for (field, encryption) in fields {
        let Some(Encryption { key: JweKey::Public(algorithm), .. }) = encryption else { continue };
        match keys {
            ClientKeys::None if !has_keys => problems.push(
                field,
                format_args!("{algorithm} needs a key of the client: give credentials.jwks or credentials.jwksUri"),
            ),
            ClientKeys::Inline(keys) if keys.encryption_key(algorithm).is_none() => problems.push(
                field,
                format_args!(
                    "no key of credentials.jwks can be encrypted for by {algorithm}: kty, crv, use and alg must fit"
                ),
            ),
            // The keys themselves are wrong, which is said already; or they are behind a URI.
            _ => {}
        }
    }
}

pub(super) fn id_token(spec: &api::OidcClientSpec) -> Protection {
    Protection {
        signing: spec.id_token_signed_response_alg.map(jws_algorithm),
        encryption: encryption(spec.id_token_encrypted_response_alg, spec.id_token_encrypted_response_enc),
    }
}

pub(super) fn userinfo(spec: &api::OidcClientSpec) -> Protection {
    Protection {
        signing: spec.userinfo_signed_response_alg.map(jws_algorithm),
        encryption: encryption(spec.userinfo_encrypted_response_alg, spec.userinfo_encrypted_response_enc),
    }
}

pub(super) fn request_object(spec: &api::OidcClientSpec) -> RequestObjectPolicy {
    RequestObjectPolicy {
        signing: spec.request_object_signing_alg.map(jws_algorithm),
        encryption: encryption(spec.request_object_encryption_alg, spec.request_object_encryption_enc),
        required: spec.require_signed_request_object,
        uris: spec.request_uris.iter().map(|uri| Arc::from(uri.as_str())).collect(),
    }
}

pub(super) fn defaults(spec: &api::OidcClientSpec) -> AuthenticationDefaults {
    AuthenticationDefaults {
        max_age: spec.default_max_age,
        acr_values: spec.default_acr_values.iter().map(|value| Arc::from(value.as_str())).collect(),
    }
}

pub(super) fn logout(spec: &api::OidcClientSpec) -> LogoutPolicy {
    LogoutPolicy {
        frontchannel_uri: shared(&spec.frontchannel_logout_uri),
        frontchannel_session_required: spec.frontchannel_logout_session_required,
        backchannel_uri: shared(&spec.backchannel_logout_uri),
        backchannel_session_required: spec.backchannel_logout_session_required,
    }
}

/// What is loaded in a frame when the person signs out must come from where the client itself is (OpenID Connect Front-Channel Logout
/// section 2).
pub(super) fn check_frontchannel_logout(spec: &api::OidcClientSpec, uris: &[RedirectUri], problems: &mut Problems) {
    let Some(uri) = &spec.frontchannel_logout_uri else { return };
    // What is wrong with those themselves is said already.
    let all_are_read = uris.len() == spec.redirect_uris.len();
    if all_are_read && !uris.iter().any(|redirect| redirect.shares_origin_with(uri)) {
        let message = "it must have the scheme, host and port of one of spec.redirectUris (OpenID Connect Front-Channel Logout section 2)";
        problems.push("spec.frontchannelLogoutUri", message);
    }
}

pub(super) fn presentation(spec: &api::OidcClientSpec) -> Presentations {
    let localized = spec.localized.iter().map(|text| {
        let presentation = Presentation {
            name: shared(&text.client_name),
            home: shared(&text.client_uri),
            logo: shared(&text.logo_uri),
            policy: shared(&text.policy_uri),
            terms: shared(&text.tos_uri),
        };
        (Arc::from(text.locale.as_str()), presentation)
    });
    Presentations {
        default: Presentation {
            name: shared(&spec.client_name),
            home: shared(&spec.client_uri),
            logo: shared(&spec.logo_uri),
            policy: shared(&spec.policy_uri),
            terms: shared(&spec.tos_uri),
        },
        localized: localized.collect(),
    }
}

pub(super) fn shared(text: &Option<String>) -> Option<Arc<str>> {
    text.as_deref().map(Arc::from)
}
