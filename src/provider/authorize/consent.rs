//! OpenID Connect Core section 3.1.2.4: whether the person must be asked. Once for each client and what it asks for, again for more, and
//! again where the request has `prompt=consent`; never for a client with `consent: Skip` otherwise, which is the platform's consent.

use jiff::Timestamp;

use super::{AuthorizationRequest, claims::beyond_scopes};
use crate::{
    account::{
        consent::{Asked, Consent},
        interaction::Interaction,
    },
    realm::{self, Realm, Settings},
    store::{Store, StoreError},
};

/// True where the person must be asked.
pub(super) async fn is_needed(
    store: &dyn Store,
    realm: &Realm,
    request: &AuthorizationRequest,
    subject: &str,
    interaction: Option<&Interaction>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    if interaction.is_some_and(|interaction| interaction.has_consent_of(subject)) {
        return Ok(false);
    }
    if request.prompt.consent {
        return Ok(true);
    }
    if request.client.consent == realm::Consent::Skip {
        return Ok(false);
    }
    let remembered = Consent::find(store, realm, subject, &request.client, now).await?;
    Ok(!remembered.covers(&realm.settings, &asked(&realm.settings, request)))
}

/// What the person is asked for.
pub(crate) fn asked<'r>(settings: &Settings, request: &'r AuthorizationRequest) -> Asked<'r> {
    let scopes = request.scopes.iter().map(|scope| &**scope);
    Asked {
        claims: beyond_scopes(settings, &request.claims, scopes.clone()),
        scopes: scopes.collect(),
        resources: request.resources.iter().map(String::as_str).collect(),
    }
}
