use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    provider::{Authorization, Call, CodePayload},
    realm::{Client, GrantType, User},
    secret::{NoEntropy, random},
    store::{Artifact, IdHash, Kind, StoreError},
};

/// The payload of a [`Kind::Grant`]: an authorization that has been redeemed, from which every token of its family comes. When its
/// artifact is gone (revoked, signed out, ended), all of them are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GrantPayload {
    /// What the person has authorised.
    pub(crate) authorization: Authorization,
    /// As in the code's payload; the artifact's id is its hash.
    pub(crate) grant_id: String,
    /// No refresh token lives longer (seconds since the epoch); none: there is no refresh token.
    pub(crate) refresh_until: Option<i64>,
    /// [`crate::realm::Password::mark`] of the person's password when it was made; none: whatever becomes of the password.
    #[serde(default)]
    pub(crate) password: Option<String>,
}

/// A grant as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) payload: GrantPayload,
    /// Hash of the `sid` that it ends with; none where it outlives the session (OpenID Connect Core section 11).
    pub(crate) session: Option<IdHash>,
    /// No token of its family lives longer.
    pub(crate) expires_at: Timestamp,
}

impl Grant {
    /// The grant that comes of a code.
    ///
    /// With the scope `offline_access` it outlives the SSO session and lasts for the refresh tokens' `lifetime`; otherwise it is part of
    /// the session: it ends when the person signs out, and no later than the session's `absolute` end.
    pub(crate) fn of(code: CodePayload, client: &Client, call: &Call) -> Self {
        let CodePayload { authorization, grant_id, .. } = code;
        let has_refresh = client.may_use(GrantType::RefreshToken);
        let is_offline = has_refresh && authorization.scopes.iter().any(|scope| scope == "offline_access");
        let session = authorization.sid.as_deref().filter(|_| !is_offline).map(IdHash::of);
        let lifetime_ends = after(call.now, client.tokens.refresh_token.lifetime);
        let session_ends = Timestamp::from_second(authorization.auth_time)
            .map_or(Timestamp::MAX, |began| after(began, call.realm.settings.sessions.absolute));
        let until = if session.is_some() { lifetime_ends.min(session_ends) } else { lifetime_ends };
        let refresh_until = Some(until).filter(|until| has_refresh && *until > call.now);
        let expires_at = after(refresh_until.unwrap_or(call.now), client.tokens.access_token);
        let refresh_until = refresh_until.map(Timestamp::as_second);
        let password = mark(call, &authorization);
        Self { payload: GrantPayload { authorization, grant_id, refresh_until, password }, session, expires_at }
    }

    /// The grant of an access token of the authorization endpoint: it ends with the SSO session, and has no refresh token. It lasts at least
    /// as long as a code that comes with it, whose redemption puts that of [`Self::of`] in its place, under the same id.
    pub(crate) fn of_front_channel(
        authorization: Authorization,
        grant_id: String,
        client: &Client,
        call: &Call,
    ) -> Self {
        let session = authorization.sid.as_deref().map(IdHash::of);
        let expires_at = after(call.now, client.tokens.access_token.max(client.tokens.authorization_code));
        let password = mark(call, &authorization);
        Self { payload: GrantPayload { authorization, grant_id, refresh_until: None, password }, session, expires_at }
    }

    /// The grant of this id, where it is still there.
    pub(crate) async fn find(call: &Call, id: &IdHash) -> Result<Option<Self>, StoreError> {
        call.find(Kind::Grant, id).await?.map(Self::read).transpose()
    }

    fn read(artifact: Artifact) -> Result<Self, StoreError> {
        let payload =
            serde_json::from_slice(&artifact.payload).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        Ok(Self { payload, session: artifact.session, expires_at: artifact.expires_at })
    }

    /// Under what it is found; every artifact of the family carries it.
    pub(crate) fn id(&self) -> IdHash {
        IdHash::of(&self.payload.grant_id)
    }

    pub(crate) fn authorization(&self) -> &Authorization {
        &self.payload.authorization
    }

    /// True where the person's password has been changed since. One that has none just now (its Secret is gone for a moment) is no reason
    /// to end anything.
    pub(crate) fn is_of_another_password(&self, user: &User) -> bool {
        match (&self.payload.password, &user.password) {
            (Some(known), Some(password)) => password.mark().as_ref() != Some(known),
            _ => false,
        }
    }

    /// The grant itself, to be stored.
    pub(crate) fn artifact(&self, call: &Call) -> Result<Artifact, StoreError> {
        let artifact = call.artifact(Kind::Grant, self.id(), &self.payload, self.expires_at)?;
        let subject = Some(self.payload.authorization.subject.as_str().into());
        Ok(Artifact { subject, ..self.adopt(artifact) })
    }

    /// Makes an artifact one of the family.
    pub(crate) fn adopt(&self, artifact: Artifact) -> Artifact {
        Artifact {
            grant: Some(self.id()),
            session: self.session,
            expires_at: artifact.expires_at.min(self.expires_at),
            ..artifact
        }
    }

    /// A `jti` that names the grant, so that a JWT is refused with it.
    pub(crate) fn jti(&self) -> Result<String, NoEntropy> {
        Ok(format!("{}.{}", self.payload.grant_id, random::<16>()?))
    }
}

fn mark(call: &Call, authorization: &Authorization) -> Option<String> {
    call.realm.user(&authorization.subject)?.password.as_ref()?.mark()
}

/// `duration` later; a time that can't be told is the last one.
pub(crate) fn after(now: Timestamp, duration: Duration) -> Timestamp {
    now.saturating_add(duration).unwrap_or(Timestamp::MAX)
}
