use serde::de::DeserializeOwned;

use super::{Problem, Sight, invalid, members::Members};
use crate::{
    jose::{Compact, JwsAlgorithm},
    provider::{
        Call, OAuthError,
        client_auth::{Unverified, verify_code, verify_signature},
        decrypt::decrypt,
    },
    realm::{Client, ClientKeys},
};

/// A request object that is the client's, as far as anybody can tell.
#[derive(Debug)]
pub(super) struct Verified {
    pub(super) members: Members,
    /// By the client's key or by its secret.
    pub(super) is_signed: bool,
    /// It says by its `typ` that it is a request object of RFC 9101.
    pub(super) is_typed: bool,
    pub(super) assumed: Option<&'static str>,
}

/// OpenID Connect Core sections 6.3.1 and 6.3.2: decrypted with a key of the realm (or with the client's secret) where it is encrypted,
/// then verified as the client registered it. What is encrypted may be a JWT, signed or not, or the claims as they are (section 6.1). How a
/// client may encrypt, its `request_object_encryption_alg` only announces: Registration section 2 leaves it free to do otherwise, or not to.
pub(super) async fn verify(call: &Call, client: &Client, token: &str, sight: Sight) -> Result<Verified, Problem> {
    // RFC 7516 section 9: a JWE has five parts, a JWS three.
    if token.split('.').count() != 5 {
        return signed(call, client, token, sight).await;
    }
    if sight == Sight::Rehearsal {
        return Err(Problem::Unseen("the request object is encrypted: only the provider can open it"));
    }
    let nested = decrypt(&call.realm, token, Some(client), call.now).map_err(|error| invalid(error.to_string()))?;
    let nested = std::str::from_utf8(&nested).map_err(|_| invalid("what was encrypted is no request object"))?;
    if !nested.trim_start().starts_with('{') {
        return signed(call, client, nested, sight).await;
    }
    check_algorithm(client, JwsAlgorithm::None)?;
    let members = serde_json::from_str(nested).map_err(|_| invalid("what was encrypted is no JSON object"))?;
    Ok(Verified { members, is_signed: false, is_typed: false, assumed: None })
}

async fn signed(call: &Call, client: &Client, token: &str, sight: Sight) -> Result<Verified, Problem> {
    let compact = Compact::parse(token).map_err(|error| invalid(error.to_string()))?;
    let is_typed = check_type(&compact)?;
    let algorithm = compact.alg().parse().map_err(|_| invalid("its alg is none that is supported"))?;
    check_algorithm(client, algorithm)?;
    let is_signed = algorithm != JwsAlgorithm::None;
    let unseen = (sight == Sight::Rehearsal).then(|| unseen(client, algorithm)).flatten();
    let members = match algorithm {
        _ if unseen.is_some() => Ok(compact.claims_unverified()?),
        JwsAlgorithm::None => Ok(compact.unsecured()?),
        JwsAlgorithm::Hmac(hmac) => verify_code(client, &compact, hmac, call.now),
        JwsAlgorithm::Signature(_) | JwsAlgorithm::Ed25519 => by_key(call, client, token).await,
    };
    let members = members.map_err(unverified)?;
    Ok(Verified { members, is_signed, is_typed, assumed: unseen })
}

async fn by_key<T: DeserializeOwned>(call: &Call, client: &Client, token: &str) -> Result<T, Unverified> {
    verify_signature(call, client, token).await
}

/// RFC 8725 section 3.11 and RFC 9101 section 10.8: a JWT that says that it is for something else is none. Most say nothing, as Core has it,
/// so that can't be asked of all.
fn check_type(compact: &Compact<'_>) -> Result<bool, OAuthError> {
    let typ = compact.typ().unwrap_or("JWT").to_ascii_lowercase();
    match typ.strip_prefix("application/").unwrap_or(&typ) {
        "oauth-authz-req+jwt" => Ok(true),
        "jwt" => Ok(false),
        _ => Err(invalid("its typ says that it is a token of another kind: oauth-authz-req+jwt or JWT is right")),
    }
}

/// OpenID Connect Registration section 2, `request_object_signing_alg`: any other is refused. Where the client has registered none, it may use
/// all that are supported; also `none`, by which it can say no more than by the query.
fn check_algorithm(client: &Client, algorithm: JwsAlgorithm) -> Result<(), OAuthError> {
    match client.request_object.signing {
        Some(registered) if registered != algorithm => Err(invalid(format!(
            "its alg is {algorithm}, but the client has registered {registered} (request_object_signing_alg)"
        ))),
        _ => Ok(()),
    }
}

/// What a rehearsal takes for granted, since neither secrets nor what must be fetched are seen there.
fn unseen(client: &Client, algorithm: JwsAlgorithm) -> Option<&'static str> {
    match (algorithm, &client.authentication.keys) {
        (JwsAlgorithm::Hmac(_), _) => Some("the request object is signed with the client's secret: taken for granted"),
        (JwsAlgorithm::Signature(_) | JwsAlgorithm::Ed25519, ClientKeys::Uri(_)) => {
            Some("the request object is signed with a key behind the client's jwksUri: taken for granted")
        }
        _ => None,
    }
}

fn unverified(error: Unverified) -> OAuthError {
    match error {
        Unverified::JwksUri(error) => {
            tracing::warn!(%error, "the keys of a client can't be had, so its request object can't be verified");
            invalid("the keys behind the client's jwks_uri can't be had")
        }
        error => invalid(error.to_string()),
    }
}

impl From<crate::jose::Error> for Problem {
    fn from(error: crate::jose::Error) -> Self {
        invalid(error.to_string()).into()
    }
}
