use super::{Unverified, jwks_uri::Unreachable};
use crate::{
    jose,
    provider::{ErrorCode, OAuthError},
    store::StoreError,
};

/// Why a client is not let in. But for [`Self::Malformed`] and [`Self::Store`], all of it is one answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// The request contradicts itself, which tells nobody anything about a client.
    #[error("{0}")]
    Malformed(&'static str),
    #[error("no credential, and no client_id")]
    Nothing,
    #[error("the Authorization header is not well-formed Basic")]
    NotBasic,
    #[error("there is no client of this client_id")]
    UnknownClient,
    #[error("the client is registered for another method")]
    AnotherMethod,
    #[error("the secret is wrong or has ended")]
    WrongSecret,
    #[error("the assertion is no JWT, or its signature does not verify: {0}")]
    Signature(#[from] jose::Error),
    #[error("the assertion is not signed by an algorithm that the client is registered for")]
    Algorithm,
    #[error("the assertion's claim {claim}: {problem}")]
    Claim { claim: &'static str, problem: &'static str },
    #[error("the assertion has been used before")]
    Replayed,
    #[error("the client has no keys, or no secret that is fit to authenticate assertions")]
    NoKeys,
    #[error("the client's jwks_uri: {0}")]
    JwksUri(#[from] Unreachable),
    #[error("no client, or more than one, names this ServiceAccount")]
    UnboundServiceAccount,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Unverified> for Refusal {
    fn from(error: Unverified) -> Self {
        match error {
            Unverified::Signature(error) => error.into(),
            Unverified::NoKeys => Self::NoKeys,
            Unverified::JwksUri(error) => error.into(),
        }
    }
}

impl Refusal {
    pub(super) fn claim(claim: &'static str, problem: &'static str) -> Self {
        Self::Claim { claim, problem }
    }

    /// The answer: it says nothing of which clients there are, nor what was wrong with a credential (RFC 6749 section 5.2).
    pub(super) fn into_error(self) -> OAuthError {
        match self {
            Self::Malformed(problem) => OAuthError::new(ErrorCode::InvalidRequest, problem),
            Self::Store(error) => error.into(),
            refusal => {
                tracing::info!(reason = %refusal, "client authentication failed");
                OAuthError::new(ErrorCode::InvalidClient, "client authentication failed")
            }
        }
    }
}
