//! `sector_identifier_uri` (OpenID Connect Registration section 5): what stands there names every redirect URI.

use super::InvalidMetadata;
use crate::{
    provider::{Call, OAuthError, outbound::Get},
    realm::registration::ClientMetadata,
};

/// The list may be this long.
const MAX_LENGTH: usize = 64 * 1024;
const MEMBER: &str = "sector_identifier_uri";

pub(super) async fn check(call: &Call, metadata: &ClientMetadata) -> Result<(), OAuthError> {
    let Some(uri) = metadata.text(MEMBER) else { return Ok(()) };
    let problem = |message: String| OAuthError::from(InvalidMetadata::new(MEMBER, message));
    let get = Get { uri, accept: "application/json", max_length: MAX_LENGTH };
    let fetched = call.provider.outbound.get(&call.realm, get, call.now).await;
    let fetched = fetched.map_err(|error| {
        tracing::info!(uri, %error, "a sector_identifier_uri could not be fetched");
        problem("it could not be fetched".to_owned())
    })?;
    let listed: Vec<String> = serde_json::from_slice(&fetched.body)
        .map_err(|_| problem("what stands there must be a JSON array of redirect URIs".to_owned()))?;
    match metadata.texts("redirect_uris").iter().all(|uri| listed.iter().any(|listed| listed == uri)) {
        true => Ok(()),
        false => Err(problem("what stands there must name every one of redirect_uris".to_owned())),
    }
}
