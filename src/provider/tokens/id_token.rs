use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{ClaimRequest, Purpose, claims, grant::after};
use crate::{
    jose::{Algorithm, JwsAlgorithm},
    provider::{Authorization, Call, ErrorCode, OAuthError},
    realm::{Client, User},
};

/// The claims of an ID token (OpenID Connect Core section 2), and those that the scopes release.
///
/// There is no `azp`: the one audience is always the client that asked. `c_hash` is for ID tokens of the authorization endpoint (section
/// 3.3.2.11), which does not issue any.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
    iat: i64,
    auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    amr: &'a [String],
    at_hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
    #[serde(flatten)]
    released: Map<String, Value>,
}

/// Signs an ID token of the token endpoint. `nonce` is that of the authentication request, and none when a token is refreshed (section
/// 12.2).
pub(crate) fn mint(
    call: &Call,
    client: &Client,
    person: (&User, &Authorization),
    scopes: &[&str],
    access_token: &str,
    nonce: Option<&str>,
) -> Result<String, OAuthError> {
    let (user, authorization) = person;
    let asked = client.id_token.signing.and_then(JwsAlgorithm::signature);
    let algorithm = asked.unwrap_or(call.realm.settings.default_algorithm);
    let signer = call.realm.keyring.signer(algorithm, call.now).ok_or_else(|| no_key(algorithm))?;
    let request = ClaimRequest { realm: &call.realm, client, person: Some(person), scopes };
    let claims = Claims {
        iss: call.realm.issuer.as_str(),
        sub: user.subject.as_str(),
        aud: client.id.as_str(),
        exp: after(call.now, client.tokens.id_token).as_second(),
        iat: call.now.as_second(),
        auth_time: authorization.auth_time,
        nonce,
        acr: authorization.acr.as_deref(),
        amr: &authorization.amr,
        at_hash: half_hash(algorithm, access_token),
        sid: authorization.sid.as_deref(),
        released: claims(&request, Purpose::Identity),
    };
    Ok(signer.sign_jwt("JWT", &claims)?)
}

/// `at_hash`: the left half of the hash of the token, by the hash of the ID token's `alg` (section 3.1.3.6).
pub(crate) fn half_hash(algorithm: Algorithm, token: &str) -> String {
    let hash = digest::digest(algorithm.hash(), token.as_bytes());
    let (half, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
    URL_SAFE_NO_PAD.encode(half)
}

/// Readiness waits for a key, so this is a realm that has lost it.
pub(super) fn no_key(algorithm: Algorithm) -> OAuthError {
    OAuthError::new(ErrorCode::ServerError, format!("the realm has no key that signs with {algorithm} now"))
}
