//! OpenID Connect Core section 3.1.2.1, `id_token_hint`: an ID token of ours, also an expired one, that says who is meant. One that is
//! forged or of somebody else is an error; one whose key has left the key ring says nobody any more.

use jiff::Timestamp;

use crate::{
    provider::{OAuthError, Params, id_token_hint},
    realm::{KnownAs, Realm},
};

/// Whom the request means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meant {
    /// Anybody.
    Anybody,
    /// Who is known by this `sub`.
    Subject(KnownAs),
    /// Somebody; the hint is too old to tell who.
    Unknown,
}

pub(super) fn check(realm: &Realm, params: &Params, now: Timestamp) -> Result<Meant, OAuthError> {
    let Some(token) = params.get("id_token_hint") else { return Ok(Meant::Anybody) };
    let hint = id_token_hint::verify(realm, token, params.get("client_id"), now)?;
    Ok(hint.map_or(Meant::Unknown, |hint| Meant::Subject(hint.known_as(realm))))
}
