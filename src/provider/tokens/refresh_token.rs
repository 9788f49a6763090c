use jiff::Timestamp;

use super::{Grant, active::Owner, active::owner, grant::after};
use crate::{
    provider::{Call, OAuthError, steps::Steps},
    realm::Client,
    secret::unguessable,
    store::{Artifact, IdHash, Kind, StoreError},
};

/// A refresh token of the grant's family, and its artifact to be stored; what it is good for stands in the grant. None where the grant
/// has no refresh tokens, or they end now.
pub(crate) fn mint(call: &Call, client: &Client, grant: &Grant) -> Result<Option<(String, Artifact)>, OAuthError> {
    let Some(expires_at) = expiry(call, client, grant) else { return Ok(None) };
    let token = unguessable()?;
    let artifact = grant.adopt(call.artifact(Kind::RefreshToken, IdHash::of(&token), &(), expires_at)?);
    Ok(Some((token, artifact)))
}

/// When a refresh token ends that is minted or used now: after the time in which it must be used, or with its family.
pub(crate) fn expiry(call: &Call, client: &Client, grant: &Grant) -> Option<Timestamp> {
    let until = Timestamp::from_second(grant.payload.refresh_until?).ok()?;
    let idle = after(call.now, client.tokens.refresh_token.idle);
    Some(until.min(idle)).filter(|expires_at| *expires_at > call.now)
}

/// The family of a refresh token that could be used now, and when the token ends; for introspection and revocation.
pub(crate) async fn active_refresh_token(
    call: &Call,
    token: &str,
) -> Result<Option<(Grant, Owner, Timestamp)>, StoreError> {
    let Some(artifact) = call.find(Kind::RefreshToken, &IdHash::of(token)).await? else { return Ok(None) };
    let Some(id) = artifact.grant.filter(|_| artifact.consumed.is_none()) else { return Ok(None) };
    let Some(grant) = Grant::find(call, &id).await? else { return Ok(None) };
    let owner = owner(call, &grant.authorization().client_id, &grant, &mut Steps::unnoted());
    Ok(owner.ok().map(|owner| (grant, owner, artifact.expires_at)))
}
