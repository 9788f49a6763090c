//! RFC 8707 section 2, `resource`: an absolute URI without a fragment, any number of them, each one of the client's audiences.

use crate::{
    provider::{ErrorCode, OAuthError, Params},
    realm::Client,
};

pub(super) fn check(client: &Client, params: &Params) -> Result<Vec<String>, OAuthError> {
    let refuse = |description: &'static str| Err(OAuthError::new(ErrorCode::InvalidTarget, description));
    let mut resources = Vec::new();
    for resource in params.get_all("resource") {
        if url::Url::parse(resource).is_err() || resource.contains('#') {
            return refuse("a resource must be an absolute URI without a fragment");
        }
        if !client.audiences.iter().any(|audience| **audience == *resource) {
            return refuse("a resource is none that the client may ask tokens for");
        }
        if !resources.iter().any(|known| known == resource) {
            resources.push(resource.to_owned());
        }
    }
    Ok(resources)
}
