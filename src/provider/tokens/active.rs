use std::{borrow::Cow, sync::Arc};

use serde::Deserialize;

use super::{Audience, Grant, access_token::OpaquePayload};
use crate::{
    jose::Compact,
    provider::Call,
    realm::{Client, User},
    store::{IdHash, Kind, StoreError},
};

/// Whose a token is: the client, and the person for whom it acts, as they stand in the realm now.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    pub(crate) client: Arc<Client>,
    /// None where the client acts for itself.
    pub(crate) user: Option<Arc<User>>,
}

/// An access token of ours that is good now.
#[derive(Debug)]
pub(crate) struct ActiveToken {
    pub(crate) owner: Owner,
    /// Where it comes from; none where the client acts for itself.
    pub(crate) grant: Option<Grant>,
    pub(crate) scopes: Vec<String>,
    pub(crate) audience: Audience<'static>,
    pub(crate) issued_at: i64,
    pub(crate) expires_at: i64,
    /// None for an opaque token.
    pub(crate) jti: Option<String>,
}

/// The claims of an access token that we have signed; which are all that decide.
#[derive(Debug, Deserialize)]
pub(crate) struct OwnClaims {
    iss: String,
    sub: String,
    aud: Audience<'static>,
    pub(crate) exp: i64,
    iat: i64,
    pub(crate) jti: String,
    pub(crate) client_id: String,
    #[serde(default)]
    scope: String,
}

/// The token, where it is an access token of this realm that nothing speaks against: it is signed and has not expired, it and its
/// grant are not revoked, its client is there, and its person is enabled and may still sign in to that client.
pub(crate) async fn active_access_token(call: &Call, token: &str) -> Result<Option<ActiveToken>, StoreError> {
    // No opaque token has a dot in it, and every JWT has.
    match token.contains('.') {
        true => match own_jwt(call, token) {
            Some(claims) => active_jwt(call, claims).await,
            None => Ok(None),
        },
        false => active_opaque(call, token).await,
    }
}

/// The claims of an access token in JWT form, where this realm has signed it (RFC 9068 section 4) and it has not expired.
pub(crate) fn own_jwt(call: &Call, token: &str) -> Option<OwnClaims> {
    let compact = Compact::parse(token).ok().filter(|compact| compact.typ() == Some("at+jwt"))?;
    let key = call.realm.keyring.verifier(compact.kid()?, call.now)?;
    let claims: OwnClaims = compact.verify(key).ok()?;
    (claims.iss == call.realm.issuer.as_str() && claims.exp > call.now.as_second()).then_some(claims)
}

async fn active_jwt(call: &Call, claims: OwnClaims) -> Result<Option<ActiveToken>, StoreError> {
    if call.find(Kind::Revoked, &IdHash::of(&claims.jti)).await?.is_some() {
        return Ok(None);
    }
    let grant = match claims.jti.split_once('.') {
        Some((grant_id, _)) => match Grant::find(call, &IdHash::of(grant_id)).await? {
            Some(grant) if grant.authorization().subject == claims.sub => Some(grant),
            _ => return Ok(None),
        },
        None => None,
    };
    let owner = match &grant {
        Some(grant) => owner(call, &claims.client_id, grant),
        None => own(call, &claims.client_id, claims.jti.split_once('~').map_or("", |(_, incarnation)| incarnation)),
    };
    let Some(owner) = owner else { return Ok(None) };
    Ok(Some(ActiveToken {
        owner,
        grant,
        scopes: claims.scope.split_ascii_whitespace().map(str::to_owned).collect(),
        audience: claims.aud,
        issued_at: claims.iat,
        expires_at: claims.exp,
        jti: Some(claims.jti),
    }))
}

async fn active_opaque(call: &Call, token: &str) -> Result<Option<ActiveToken>, StoreError> {
    let Some(artifact) = call.find(Kind::AccessToken, &IdHash::of(token)).await? else { return Ok(None) };
    let payload = OpaquePayload::read(&artifact)?;
    let grant = match artifact.grant {
        Some(id) => match Grant::find(call, &id).await? {
            Some(grant) => Some(grant),
            None => return Ok(None),
        },
        None => None,
    };
    let owner = match &grant {
        Some(grant) => owner(call, &payload.client_id, grant),
        None => own(call, &payload.client_id, &payload.incarnation),
    };
    let Some(owner) = owner else { return Ok(None) };
    let mut audience: Vec<_> = payload.audience.into_iter().map(Cow::Owned).collect();
    let audience = match (audience.len(), audience.pop()) {
        (1, Some(one)) => Audience::One(one),
        (_, last) => {
            audience.extend(last);
            Audience::Many(audience)
        }
    };
    Ok(Some(ActiveToken {
        owner,
        grant,
        scopes: payload.scopes,
        audience,
        issued_at: payload.issued_at,
        expires_at: artifact.expires_at.as_second(),
        jti: None,
    }))
}

/// The client and the person of a grant's token, where both may still have it.
pub(super) fn owner(call: &Call, client_id: &str, grant: &Grant) -> Option<Owner> {
    let client = call.realm.client(client_id).filter(|client| grant.authorization().is_of(client))?.clone();
    let user = call.realm.user(&grant.authorization().subject).filter(|user| client.admits(user))?.clone();
    Some(Owner { client, user: Some(user) })
}

/// The client of a token that speaks for itself.
fn own(call: &Call, client_id: &str, incarnation: &str) -> Option<Owner> {
    let client = call.realm.client(client_id).filter(|client| client.incarnation.as_str() == incarnation)?.clone();
    Some(Owner { client, user: None })
}
