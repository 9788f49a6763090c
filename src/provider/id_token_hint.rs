//! `id_token_hint`: an ID token of ours, expired or not (OpenID Connect Core section 3.1.2.1, RP-Initiated Logout section 2).

use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;

use super::{ErrorCode, OAuthError, decrypt::decrypt};
use crate::{
    jose::{self, Compact, HmacAlgorithm, JwsAlgorithm},
    realm::{KnownAs, Realm},
};

/// What an ID token of ours says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hint {
    pub(crate) subject: String,
    pub(crate) audience: Vec<String>,
    pub(crate) sid: Option<String>,
}

impl Hint {
    /// Whom it means: a pairwise `sub` is that of the client that the token was issued to.
    pub(crate) fn known_as(&self, realm: &Realm) -> KnownAs {
        KnownAs::new(realm, self.subject.as_str(), self.audience.iter().map(String::as_str))
    }
}

/// What can be said of a hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verified {
    /// It is ours.
    Ours(Hint),
    /// It says that it is ours, and the key that it names has left the key ring, so nobody can tell any more.
    Unvouched(Hint),
}

impl Verified {
    /// The hint, where it is known to be ours.
    pub(crate) fn ours(self) -> Option<Hint> {
        match self {
            Self::Ours(hint) => Some(hint),
            Self::Unvouched(_) => None,
        }
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    /// Required of every ID token (section 2), past or not: a signed UserInfo response has none (RFC 8725 section 3.12).
    #[serde(rename = "exp")]
    _exp: serde_json::Number,
    sid: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Verifies a hint: signed by the realm, or authenticated with the secret of the client that it was issued to. One that the client has
/// encrypted for the realm is decrypted first; where it is encrypted with a client's secret, `client_id` says whose (RP-Initiated Logout
/// section 2).
///
/// # Errors
/// `invalid_request` for what is no ID token of this realm, also for one that nobody has signed.
pub(crate) fn verify(
    realm: &Realm,
    token: &str,
    client_id: Option<&str>,
    now: Timestamp,
) -> Result<Verified, OAuthError> {
    // RFC 7516 section 9: a JWE has five parts, a JWS three.
    if token.split('.').count() != 5 {
        return verify_signed(realm, token, now);
    }
    let client = client_id.and_then(|id| realm.client(id));
    let nested = decrypt(realm, token, client.map(|client| &**client), now);
    let nested = nested.map_err(|error| invalid(error.to_string()))?;
    let nested = std::str::from_utf8(&nested).map_err(|_| invalid("what was encrypted is no ID token"))?;
    verify_signed(realm, nested, now)
}

fn invalid(reason: impl fmt::Display) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidRequest, format!("id_token_hint: {reason}"))
}

fn verify_signed(realm: &Realm, token: &str, now: Timestamp) -> Result<Verified, OAuthError> {
    let compact = Compact::parse(token).map_err(invalid)?;
    // An access token is no ID token, though the same key signs it (RFC 8725 section 3.11).
    if compact.typ().is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) {
        return Err(invalid("it is not an ID token"));
    }
    let claims: Claims = match compact.alg().parse() {
        Ok(JwsAlgorithm::Signature(_) | JwsAlgorithm::Ed25519) => {
            let kid = compact.kid().ok_or_else(|| invalid("it has no kid"))?;
            match realm.keyring.verifier(kid, now) {
                Some(key) => compact.verify(key).map_err(invalid)?,
                None => return Ok(Verified::Unvouched(hint(realm, compact.claims_unverified().map_err(invalid)?)?)),
            }
        }
        Ok(JwsAlgorithm::Hmac(algorithm)) => authenticated(realm, &compact, algorithm, now)?,
        Ok(JwsAlgorithm::None) => return Err(invalid("nobody has signed it")),
        Err(error) => return Err(invalid(error)),
    };
    hint(realm, claims).map(Verified::Ours)
}

fn hint(realm: &Realm, claims: Claims) -> Result<Hint, OAuthError> {
    match claims.iss == realm.issuer.as_str() {
        true => Ok(Hint { subject: claims.sub, audience: claims.aud.into_vec(), sid: claims.sid }),
        false => Err(invalid("it is of another issuer")),
    }
}

/// By the secret of the one client that it says it was issued to, where that client has its ID tokens so.
fn authenticated(
    realm: &Realm,
    compact: &Compact<'_>,
    algorithm: HmacAlgorithm,
    now: Timestamp,
) -> Result<Claims, OAuthError> {
    let claimed: Claims = compact.claims_unverified().map_err(invalid)?;
    let audience = claimed.aud.into_vec();
    let client = match audience.as_slice() {
        [one] => realm.client(one),
        _ => None,
    };
    let client = client.filter(|client| client.id_token.signing == Some(JwsAlgorithm::Hmac(algorithm)));
    let client = client.ok_or_else(|| invalid("no client has ID tokens of this algorithm that it could be for"))?;
    let mut secrets = client.authentication.secret_values(now);
    let verified = secrets.find_map(|(_, secret)| compact.verify_mac(algorithm, secret.expose()).ok());
    verified.ok_or_else(|| invalid(jose::Error::Signature))
}

impl Audience {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

#[cfg(test)]
mod tests;
