use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{ClaimRequest, Purpose, claims, grant::after, id_token_algorithm, protect};
use crate::{
    jose::JwsAlgorithm,
    provider::{Authorization, Call, Endpoint, ErrorCode, OAuthError},
    realm::{Client, Protection, User},
};

/// The claims of an ID token (OpenID Connect Core section 2), and those about the person.
///
/// There is no `azp`: the one audience is always the client that asked.
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
    #[serde(skip_serializing_if = "Option::is_none")]
    at_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    c_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    s_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<&'a str>,
    #[serde(flatten)]
    released: Map<String, Value>,
}

/// What an ID token comes with: by the hash of each it can be told that they belong together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Companions<'a> {
    /// Which claims about the person it has.
    pub(crate) purpose: Purpose,
    /// That of the authentication request; none when a token is refreshed (section 12.2).
    pub(crate) nonce: Option<&'a str>,
    /// `at_hash` (sections 3.1.3.6, 3.2.2.9 and 3.3.2.11).
    pub(crate) access_token: Option<&'a str>,
    /// `c_hash` (section 3.3.2.11).
    pub(crate) code: Option<&'a str>,
    /// `s_hash` (FAPI 1.0 part 2 section 5.1): `state` of the request, where the token comes with the authorization response.
    pub(crate) state: Option<&'a str>,
}

impl<'a> Companions<'a> {
    /// Of the token endpoint.
    pub(crate) fn of_token_endpoint(access_token: &'a str, nonce: Option<&'a str>) -> Self {
        let access_token = Some(access_token);
        Self { purpose: Purpose::IdToken, nonce, access_token, code: None, state: None }
    }
}

/// Makes an ID token, protected as the client has registered. Without a signature it is never handed out but by the token endpoint (section 2).
pub(crate) async fn mint(
    call: &Call,
    client: &Client,
    person: (&User, &Authorization),
    scopes: &[&str],
    with: Companions<'_>,
) -> Result<String, OAuthError> {
    let (user, authorization) = person;
    let algorithm = id_token_algorithm(&call.realm, client);
    if algorithm == JwsAlgorithm::None && call.endpoint != Endpoint::Token {
        let why = "the client has registered ID tokens without a signature, which are for the token endpoint only";
        return Err(OAuthError::new(ErrorCode::UnauthorizedClient, why));
    }
    let request = ClaimRequest { realm: &call.realm, client, person: Some(person), scopes };
    let hash = |value: Option<&str>| value.map(|value| half_hash(algorithm, value));
    let claims = Claims {
        iss: call.realm.issuer.as_str(),
        sub: &call.realm.subject_for(client, user),
        aud: client.id.as_str(),
        exp: after(call.now, client.tokens.id_token).as_second(),
        iat: call.now.as_second(),
        auth_time: authorization.auth_time,
        nonce: with.nonce,
        acr: authorization.acr.as_deref(),
        amr: &authorization.amr,
        at_hash: hash(with.access_token),
        c_hash: hash(with.code),
        s_hash: hash(with.state),
        sid: authorization.sid.as_deref(),
        released: claims(&request, with.purpose),
    };
    let protection = Protection { signing: Some(algorithm), ..client.id_token };
    protect(call, client, protection, "JWT", &claims).await
}

/// `at_hash`, `c_hash` and `s_hash`: the left half of the hash of the value, by the hash of the ID token's `alg` (section 3.1.3.6).
pub(crate) fn half_hash(algorithm: JwsAlgorithm, value: &str) -> String {
    let hash = digest::digest(algorithm.hash(), value.as_bytes());
    let (half, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
    URL_SAFE_NO_PAD.encode(half)
}
