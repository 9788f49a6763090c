//! `id_token_hint`: an ID token of ours, expired or not (OpenID Connect Core section 3.1.2.1, RP-Initiated Logout section 2).

use jiff::Timestamp;
use serde::Deserialize;

use super::{ErrorCode, OAuthError};
use crate::{
    jose::Compact,
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

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    sid: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Verifies a hint. None: it is signed with a key that has left the key ring, so there is no telling any more.
///
/// # Errors
/// `invalid_request` for what is no ID token of this realm.
pub(crate) fn verify(realm: &Realm, token: &str, now: Timestamp) -> Result<Option<Hint>, OAuthError> {
    let invalid = |reason| OAuthError::new(ErrorCode::InvalidRequest, format!("id_token_hint: {reason}"));
    let compact = Compact::parse(token).map_err(|error| invalid(error.to_string()))?;
    // An access token is no ID token, though the same key signs it (RFC 8725 section 3.11).
    if compact.typ().is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) {
        return Err(invalid("it is not an ID token".into()));
    }
    let kid = compact.kid().ok_or_else(|| invalid("it has no kid".into()))?;
    let Some(key) = realm.keyring.verifier(kid, now) else { return Ok(None) };
    let claims: Claims = compact.verify(key).map_err(|error| invalid(error.to_string()))?;
    if claims.iss != realm.issuer.as_str() {
        return Err(invalid("it is of another issuer".into()));
    }
    let audience = match claims.aud {
        Audience::One(one) => vec![one],
        Audience::Many(many) => many,
    };
    Ok(Some(Hint { subject: claims.sub, audience, sid: claims.sid }))
}
