use std::{borrow::Cow, sync::Arc};

use jiff::Timestamp;
use serde::Deserialize;

use super::{Audience, Grant, access_token::OpaquePayload};
use crate::{
    jose::{Compact, foreign::ForeignKeys},
    provider::{Call, steps::Steps},
    realm::{Client, Keyring, Realm, User},
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
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct OwnClaims {
    pub(crate) iss: String,
    pub(crate) sub: String,
    aud: Audience<'static>,
    pub(crate) exp: i64,
    iat: i64,
    pub(crate) jti: String,
    pub(crate) client_id: String,
    #[serde(default)]
    scope: String,
}

/// Why a token is not active: what introspection never tells (RFC 7662 section 2.2), and the owner of the realm may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Inactive {
    /// RFC 7515 section 7.1.
    #[error("it is no JWS in compact serialisation")]
    Malformed,
    /// RFC 9068 section 4: an ID token, say.
    #[error("it is no access token: its header has another typ than at+jwt")]
    Type,
    /// No key of the realm is called so, or none any more.
    #[error("no key that the realm publishes has its kid")]
    Key,
    /// It was changed, or signed by somebody else.
    #[error("its signature does not verify")]
    Signature,
    /// `iss`.
    #[error("it is of another issuer")]
    Issuer,
    /// `exp`.
    #[error("it has expired")]
    Expired,
    /// RFC 7009.
    #[error("it was revoked")]
    Revoked,
    /// The sign-in that it comes from was revoked, has ended, or is of another person.
    #[error("the authorization that it comes from is gone: revoked, signed out or ended")]
    Authorization,
    /// No opaque token of this realm.
    #[error("it is unknown, has expired or was revoked")]
    Unknown,
    /// The OidcClient is not served.
    #[error("its client is not served by this realm")]
    Client,
    /// The OidcClient was deleted and made anew.
    #[error("it was issued to an earlier client of this name")]
    Incarnation,
    /// The User is not served, or not enabled.
    #[error("its user is gone or not enabled")]
    User,
    /// The client has come to see another `sub` since.
    #[error(
        "its client knows the user by another sub now: its sector, its subject type or the realm's salt has changed"
    )]
    Subject,
    /// The Secret of the User.
    #[error("its user's password has been changed since")]
    Password,
    /// `access.groups`.
    #[error("its user is in no group that may sign in to the client")]
    Access,
}

/// Names of the steps of [`judge_access_token`] for a JWT, in their order.
pub(crate) const JUDGEMENTS: [&str; 10] =
    ["form", "type", "key", "signature", "issuer", "lifetime", "revocation", "authorization", "client", "user"];

/// The token, where it is an access token of this realm that nothing speaks against: it is signed and has not expired, it and its
/// grant are not revoked, its client is there, and its person is enabled and may still sign in to that client.
pub(crate) async fn active_access_token(call: &Call, token: &str) -> Result<Option<ActiveToken>, StoreError> {
    // No opaque token has a dot in it, and every JWT has.
    let judged = match token.contains('.') {
        true => match own_jwt(call, token) {
            Some(claims) => active_jwt(call, claims, &mut Steps::unnoted()).await?,
            None => return Ok(None),
        },
        false => active_opaque(call, token).await?,
    };
    Ok(judged.inspect_err(|inactive| tracing::debug!(reason = %inactive, "an access token is not active")).ok())
}

/// The claims of an access token in JWT form, where this realm has signed it (RFC 9068 section 4) and it has not expired.
pub(crate) fn own_jwt(call: &Call, token: &str) -> Option<OwnClaims> {
    let verified = verify(&call.realm, token, Keys::Ring(&call.realm.keyring), call.now, &mut Steps::unnoted());
    verified.inspect_err(|inactive| tracing::debug!(reason = %inactive, "an access token is not active")).ok()
}

/// Which keys verify a token.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Keys<'a> {
    /// The realm's own.
    Ring(&'a Keyring),
    /// The realm's public keys, for who may not see the private ones.
    Published(&'a ForeignKeys),
    /// None: what the token says is taken for granted.
    Unseen,
}

/// What the token itself tells.
pub(crate) fn verify(
    realm: &Realm,
    token: &str,
    keys: Keys<'_>,
    now: Timestamp,
    steps: &mut Steps,
) -> Result<OwnClaims, Inactive> {
    let compact = steps.take("form", Compact::parse(token).map_err(|_| Inactive::Malformed))?;
    steps.take("type", (compact.typ() == Some("at+jwt")).then_some(()).ok_or(Inactive::Type))?;
    let kid = compact.kid().ok_or(Inactive::Key);
    let claims = match keys {
        Keys::Ring(ring) => {
            let key = steps.take("key", kid.and_then(|kid| ring.verifier(kid, now).ok_or(Inactive::Key)))?;
            steps.take("signature", compact.verify(key).map_err(|_| Inactive::Signature))?
        }
        Keys::Published(keys) => {
            steps.take("key", kid.and_then(|kid| keys.contains(kid).then_some(()).ok_or(Inactive::Key)))?;
            steps.take("signature", keys.verify(token).map_err(|_| Inactive::Signature))?
        }
        Keys::Unseen => compact.claims_unverified::<OwnClaims>().map_err(|_| Inactive::Signature)?,
    };
    steps.take("issuer", (claims.iss == realm.issuer.as_str()).then_some(()).ok_or(Inactive::Issuer))?;
    steps.take("lifetime", (claims.exp > now.as_second()).then_some(()).ok_or(Inactive::Expired))?;
    Ok(claims)
}

/// What the store and the realm tell of a token that is ours.
pub(crate) async fn active_jwt(
    call: &Call,
    claims: OwnClaims,
    steps: &mut Steps,
) -> Result<Result<ActiveToken, Inactive>, StoreError> {
    let is_revoked = call.find(Kind::Revoked, &IdHash::of(&claims.jti)).await?.is_some();
    if let Err(inactive) = steps.take("revocation", if is_revoked { Err(Inactive::Revoked) } else { Ok(()) }) {
        return Ok(Err(inactive));
    }
    let grant = match claims.jti.split_once('.') {
        Some((grant_id, _)) => {
            let found = Grant::find(call, &IdHash::of(grant_id)).await?;
            let found = found.filter(|grant| grant.authorization().shown_subject() == claims.sub);
            match steps.take("authorization", found.ok_or(Inactive::Authorization)) {
                Ok(grant) => Some(grant),
                Err(inactive) => return Ok(Err(inactive)),
            }
        }
        None => None,
    };
    let owner = match &grant {
        Some(grant) => owner(call, &claims.client_id, grant, steps),
        None => {
            let incarnation = claims.jti.split_once('~').map_or("", |(_, incarnation)| incarnation);
            own(call, &claims.client_id, incarnation, steps)
        }
    };
    Ok(owner.map(|owner| ActiveToken {
        owner,
        grant,
        scopes: claims.scope.split_ascii_whitespace().map(str::to_owned).collect(),
        audience: claims.aud,
        issued_at: claims.iat,
        expires_at: claims.exp,
        jti: Some(claims.jti),
    }))
}

async fn active_opaque(call: &Call, token: &str) -> Result<Result<ActiveToken, Inactive>, StoreError> {
    let Some(artifact) = call.find(Kind::AccessToken, &IdHash::of(token)).await? else {
        return Ok(Err(Inactive::Unknown));
    };
    let payload = OpaquePayload::read(&artifact)?;
    let grant = match artifact.grant {
        Some(id) => match Grant::find(call, &id).await? {
            Some(grant) => Some(grant),
            None => return Ok(Err(Inactive::Authorization)),
        },
        None => None,
    };
    let steps = &mut Steps::unnoted();
    let owner = match &grant {
        Some(grant) => owner(call, &payload.client_id, grant, steps),
        None => own(call, &payload.client_id, &payload.incarnation, steps),
    };
    let owner = match owner {
        Ok(owner) => owner,
        Err(inactive) => return Ok(Err(inactive)),
    };
    let mut audience: Vec<_> = payload.audience.into_iter().map(Cow::Owned).collect();
    let audience = match (audience.len(), audience.pop()) {
        (1, Some(one)) => Audience::One(one),
        (_, last) => {
            audience.extend(last);
            Audience::Many(audience)
        }
    };
    Ok(Ok(ActiveToken {
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
pub(super) fn owner(call: &Call, client_id: &str, grant: &Grant, steps: &mut Steps) -> Result<Owner, Inactive> {
    let authorization = grant.authorization();
    let client = steps.take("client", the_client(call, client_id, |client| authorization.is_of(client)))?;
    let user = match call.realm.user(&authorization.subject) {
        None => Err(Inactive::User),
        Some(user) if !client.admits(user) => Err(Inactive::Access),
        Some(user) if grant.is_of_another_password(user) => Err(Inactive::Password),
        Some(user) if !authorization.is_shown_as(&call.realm.subject_for(&client, user)) => Err(Inactive::Subject),
        Some(user) => Ok(user.clone()),
    };
    Ok(Owner { client, user: Some(steps.take("user", user)?) })
}

/// The client of a token that speaks for itself.
fn own(call: &Call, client_id: &str, incarnation: &str, steps: &mut Steps) -> Result<Owner, Inactive> {
    let client = the_client(call, client_id, |client| client.incarnation.as_str() == incarnation);
    Ok(Owner { client: steps.take("client", client)?, user: None })
}

fn the_client(call: &Call, id: &str, is_meant: impl FnOnce(&Client) -> bool) -> Result<Arc<Client>, Inactive> {
    let client = call.realm.client(id).ok_or(Inactive::Client)?;
    if is_meant(client) { Ok(client.clone()) } else { Err(Inactive::Incarnation) }
}
