//! OpenID Connect Core sections 5.5 and 5.2, `claims` and `claims_locales`: claims that are asked for one by one, and in which languages.
//!
//! - Without `openid` it is no OpenID Connect request, and neither means anything.
//! - A claim is given where a scope releases it that the client may ask for (`spec.scopes`), whether or not the request has that scope. One
//!   that the realm does not know or the client may not learn is passed over: that a claim is not there is never an error (section 5.3.2).
//! - The member `userinfo` needs a response type that brings an access token.
//! - Whoever asks for one claim of a source of aggregated claims asks for all of them, because they come in one JWT (section 5.6.2).

use std::collections::BTreeSet;

use crate::{
    provider::{ClaimWish, ClaimsRequest, ErrorCode, OAuthError, Params},
    realm::{Client, ResponseType, Settings, split_tag},
};

/// Longer lists of languages are passed over, and tell nobody (section 5.2).
const MAX_LOCALES_LENGTH: usize = 256;

pub(super) fn check(
    settings: &Settings,
    client: &Client,
    params: &Params,
    is_openid: bool,
    response_type: ResponseType,
) -> Result<ClaimsRequest, OAuthError> {
    let Some(text) = params.get("claims").filter(|_| is_openid) else { return Ok(ClaimsRequest::default()) };
    let refuse = |description: String| OAuthError::new(ErrorCode::InvalidRequest, description);
    let mut request = ClaimsRequest::parse(text).map_err(|error| refuse(error.to_string()))?;
    if !request.userinfo.is_empty() && !response_type.has_code() && !response_type.has_token() {
        let description = "claims: userinfo needs a response_type with code or token, which brings an access token";
        return Err(refuse(description.to_owned()));
    }
    for wishes in [&mut request.userinfo, &mut request.id_token] {
        wishes.retain(|wish| matches!(&*wish.name, "sub" | "acr") || client.may_learn(settings, &wish.name));
        add_companions(settings, client, wishes);
    }
    Ok(request)
}

/// What comes in one JWT with a claim that is asked for.
fn add_companions(settings: &Settings, client: &Client, wishes: &mut Vec<ClaimWish>) {
    let is_wished = |wishes: &[ClaimWish], claim: &str| wishes.iter().any(|wish| wish.name == claim);
    for source in settings.claim_sources.iter().filter(|source| source.is_aggregated()) {
        let may_have_all = source.claims().all(|claim| client.may_learn(settings, claim));
        if may_have_all && source.claims().any(|claim| is_wished(wishes, claim)) {
            for claim in source.claims() {
                if !is_wished(wishes, claim) {
                    wishes.push(ClaimWish::of(claim));
                }
            }
        }
    }
}

pub(super) fn locales(params: &Params) -> Option<String> {
    params.get("claims_locales").filter(|locales| locales.len() <= MAX_LOCALES_LENGTH).map(str::to_owned)
}

/// The claims that are asked for one by one and that these scopes don't release already, without their languages: what a person is asked
/// for beside the scopes.
pub(crate) fn beyond_scopes<'r>(
    settings: &Settings,
    request: &'r ClaimsRequest,
    scopes: impl IntoIterator<Item = &'r str> + Clone,
) -> BTreeSet<&'r str> {
    let released = |claim: &str| {
        let mut scopes = scopes.clone().into_iter().filter_map(|name| settings.scope(name));
        scopes.any(|scope| scope.releases(claim))
    };
    let names = request.wishes().map(|wish| split_tag(&wish.name).0);
    names.filter(|name| !matches!(*name, "sub" | "acr") && !released(name)).collect()
}
