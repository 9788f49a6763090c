//! What is minted, and whether what was minted is still good.

mod access_token;
mod active;
mod claims;
mod grant;
mod id_token;
mod languages;
#[cfg(test)]
mod pairwise_tests;
mod protect;
mod refresh_token;
mod spaced;
#[cfg(test)]
mod tests;

pub use self::active::Inactive;
#[cfg(test)]
pub(crate) use self::id_token::half_hash;
pub(crate) use self::{
    access_token::{Audience, Holder, mint as mint_access_token, opaque_client_id},
    active::{ActiveToken, JUDGEMENTS, Keys, OwnClaims, Owner, active_access_token, active_jwt, own_jwt, verify},
    claims::{ClaimRequest, Purpose, claims},
    grant::{Grant, GrantPayload, after},
    id_token::{Companions, mint as mint_id_token},
    protect::{encrypt, id_token_algorithm, protect},
    refresh_token::{active_refresh_token, expiry as refresh_token_expiry, mint as mint_refresh_token},
    spaced::Spaced,
};
