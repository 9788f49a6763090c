use super::jwks_uri::Unreachable;
use crate::jose;

/// Why a JWT is not shown to be the client's own.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unverified {
    #[error(transparent)]
    Signature(#[from] jose::Error),
    #[error("the client has no keys, or no secret that is fit to authenticate a JWT")]
    NoKeys,
    #[error("the client's jwks_uri: {0}")]
    JwksUri(#[from] Unreachable),
}
