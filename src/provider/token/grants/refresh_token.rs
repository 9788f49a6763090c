use std::sync::Arc;

use jiff::Timestamp;

use super::{granted_scopes, invalid_grant, personal_tokens};
use crate::{
    provider::{
        Call, ErrorCode, OAuthError, Params,
        token::{response::TokenResponse, scope},
        tokens::{self, Grant},
    },
    realm::{Client, RefreshPolicy, RefreshRotation},
    store::{Artifact, Change, Consumed, IdHash, Kind, StoreError},
};

/// A commit that loses to another looks again, so often; each loss means that somebody else got on.
const ATTEMPTS: usize = 64;

/// `grant_type=refresh_token` (RFC 6749 section 6, OpenID Connect Core section 12, RFC 9700 section 4.14.2).
///
/// Where tokens are rotated, one of a family is good at any time. One that comes a second time revokes the family, unless it comes
/// within the reuse interval and its successor has not been used: then the answer was lost, and a new successor takes the place of the
/// lost one.
pub(in crate::provider::token) async fn exchange(
    call: &Call,
    client: &Arc<Client>,
    params: &Params,
) -> Result<TokenResponse, OAuthError> {
    let Some(token) = params.get("refresh_token") else {
        return Err(OAuthError::new(ErrorCode::InvalidRequest, "refresh_token is missing"));
    };
    let id = IdHash::of(token);
    let (mut presented, grant) = find(call, client, &id).await?;
    let scopes = narrow(&granted_scopes(client, &grant), params)?;
    let mut minted = None;
    for _ in 0..ATTEMPTS {
        let usage = match judge(call, client, &presented).await? {
            Verdict::Good(usage) => usage,
            Verdict::Reused => return Err(revoke_family(call, &grant).await?),
            Verdict::Changed => {
                presented = find(call, client, &id).await?.0;
                continue;
            }
        };
        let (response, stored) = match &mut minted {
            Some(minted) => minted,
            none => none.insert(personal_tokens(call, client, &grant, &scopes, None, params).await?),
        };
        let (successor, mut changes) = advance(call, client, &grant, &presented, usage)?;
        changes.extend(stored.clone());
        match call.commit(changes).await {
            Ok(()) => {
                response.refresh_token = Some(successor.unwrap_or_else(|| token.to_owned()));
                return minted.map(|(response, _)| response).ok_or_else(busy);
            }
            Err(StoreError::Conflict) => presented = find(call, client, &id).await?.0,
            Err(error) => return Err(error.into()),
        }
    }
    Err(busy())
}

/// The token and its family, where it is this client's.
async fn find(call: &Call, client: &Client, id: &IdHash) -> Result<(Artifact, Grant), OAuthError> {
    let unknown = || invalid_grant("the refresh token is unknown, has expired or was revoked");
    let artifact = call.find(Kind::RefreshToken, id).await?.ok_or_else(unknown)?;
    let grant = match artifact.grant {
        Some(grant) => Grant::find(call, &grant).await?.ok_or_else(unknown)?,
        None => return Err(unknown()),
    };
    match grant.authorization().is_of(client) {
        true => Ok((artifact, grant)),
        false => Err(invalid_grant("the refresh token was issued to another client")),
    }
}

/// The scopes of the new tokens: those asked for, all of them authorised; the refresh token keeps its own (RFC 6749 section 6).
fn narrow<'a>(granted: &[&'a str], params: &'a Params) -> Result<Vec<&'a str>, OAuthError> {
    let Some(requested) = scope::requested(params)? else { return Ok(granted.to_vec()) };
    match requested.iter().find(|scope| !granted.contains(scope)) {
        Some(scope) => Err(scope::refused(scope, "was not authorised")),
        None => Ok(requested),
    }
}

/// What a token is good for now.
enum Verdict {
    Good(Usage),
    /// Nothing: it has been used before, and this is no retry.
    Reused,
    /// Somebody has changed it while we looked.
    Changed,
}

/// How a token is used.
#[derive(Clone, Copy)]
enum Usage {
    /// It is replaced.
    Rotate,
    /// It stays, and its time begins anew.
    Keep,
    /// It was used a moment ago, and its successor got lost.
    Replace { lost: IdHash },
}

async fn judge(call: &Call, client: &Client, presented: &Artifact) -> Result<Verdict, StoreError> {
    let policy = &client.tokens.refresh_token;
    let Some(consumed) = presented.consumed else {
        return Ok(Verdict::Good(match policy.rotation {
            RefreshRotation::Always => Usage::Rotate,
            RefreshRotation::PublicClients if client.is_public() => Usage::Rotate,
            RefreshRotation::PublicClients | RefreshRotation::Never => Usage::Keep,
        }));
    };
    let Some(lost) = consumed.successor.filter(|_| is_retry(&consumed, policy, call.now)) else {
        return Ok(Verdict::Reused);
    };
    Ok(match call.find(Kind::RefreshToken, &lost).await? {
        Some(successor) if successor.consumed.is_none() => Verdict::Good(Usage::Replace { lost }),
        Some(_) => Verdict::Reused,
        // Another retry has replaced it since; or it is the successor still, and has ended.
        None => match call.find(Kind::RefreshToken, &presented.id).await? {
            Some(again) if again.consumed == presented.consumed => Verdict::Reused,
            _ => Verdict::Changed,
        },
    })
}

/// True within the reuse interval. The first use may be in the future, by a request that came after this one and was faster, or by
/// another replica's clock: where there is no interval, that is none either.
fn is_retry(consumed: &Consumed, policy: &RefreshPolicy, now: Timestamp) -> bool {
    !policy.reuse_interval.is_zero() && now < tokens::after(consumed.at, policy.reuse_interval)
}

/// The answer to a token that comes a second time: thief or owner, one of them has been before the other (RFC 9700 section 4.14.2).
async fn revoke_family(call: &Call, grant: &Grant) -> Result<OAuthError, StoreError> {
    call.commit(vec![Change::RemoveGrant(grant.id())]).await?;
    tracing::warn!("a refresh token was used twice; its family is revoked");
    Ok(invalid_grant("the refresh token has been used before; its whole family is revoked"))
}

/// What a use changes, and the token that comes of it where it is another.
fn advance(
    call: &Call,
    client: &Client,
    grant: &Grant,
    presented: &Artifact,
    usage: Usage,
) -> Result<(Option<String>, Vec<Change>), OAuthError> {
    let kind = Kind::RefreshToken;
    let id = presented.id;
    let ended = || invalid_grant("the authorization has ended: the person must sign in again");
    let mut changes = match usage {
        Usage::Keep => {
            let expires_at = tokens::refresh_token_expiry(call, client, grant).ok_or_else(ended)?;
            // Not `Put`, which would bring back what has been revoked since.
            let kept = Artifact { expires_at, ..presented.clone() };
            return Ok((None, vec![Change::RemoveUnused { kind, id }, Change::Insert(kept)]));
        }
        Usage::Rotate => Vec::with_capacity(3),
        Usage::Replace { lost } => vec![Change::RemoveUnused { kind, id: lost }],
    };
    let (token, successor) = tokens::mint_refresh_token(call, client, grant)?.ok_or_else(ended)?;
    let to = successor.id;
    changes.push(match usage {
        Usage::Replace { lost } => Change::Resucceed { kind, id, from: lost, to },
        Usage::Rotate | Usage::Keep => Change::Consume { kind, id, successor: Some(to) },
    });
    changes.push(Change::Insert(successor));
    Ok((Some(token), changes))
}

fn busy() -> OAuthError {
    OAuthError::new(ErrorCode::TemporarilyUnavailable, "too many refresh at once with this token, try again")
}
