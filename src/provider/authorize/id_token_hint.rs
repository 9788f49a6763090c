//! OpenID Connect Core section 3.1.2.1, `id_token_hint`: an ID token of ours, also an expired one, that says who is meant. One that is
//! forged or of somebody else is an error. One whose key has left the key ring is vouched for by nobody, so it lets nobody in without a page;
//! whom it means is heeded all the same, since nobody else may get an answer (section 3.1.2.2).

use jiff::Timestamp;

use crate::{
    provider::{
        OAuthError, Params,
        id_token_hint::{self, Verified},
    },
    realm::{KnownAs, Realm},
};

/// Whom the request means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meant {
    /// Anybody.
    Anybody,
    /// Who is known by this `sub`.
    Subject(KnownAs),
    /// Who is known by this `sub`, as a hint says that nobody can verify any more.
    Unvouched(KnownAs),
}

pub(super) fn check(realm: &Realm, params: &Params, now: Timestamp) -> Result<Meant, OAuthError> {
    let Some(token) = params.get("id_token_hint") else { return Ok(Meant::Anybody) };
    Ok(match id_token_hint::verify(realm, token, params.get("client_id"), now)? {
        Verified::Ours(hint) => Meant::Subject(hint.known_as(realm)),
        Verified::Unvouched(hint) => Meant::Unvouched(hint.known_as(realm)),
    })
}
