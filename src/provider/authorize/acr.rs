//! OpenID Connect Core section 5.5.1.1 and Error Code `unmet_authentication_requirements`, section 1: an authentication context class that
//! is essential in the ID token is one of those that can be had here, or there is no answer. `acr_values`, `default_acr_values` and an `acr`
//! that is not essential are wishes: the ID token says which it was.

use crate::{
    account::session::ACR,
    provider::{ClaimsRequest, ErrorCode, OAuthError},
};

pub(super) fn check(claims: &ClaimsRequest) -> Result<(), OAuthError> {
    match claims.essential_acr() {
        Some(wish) if !wish.accepts(&ACR.into()) => {
            let description = format!("no acr that claims asks for can be had here: the one there is is {ACR}");
            Err(OAuthError::new(ErrorCode::UnmetAuthenticationRequirements, description))
        }
        _ => Ok(()),
    }
}
