use crate::{
    provider::{ErrorCode, OAuthError, Params},
    realm::Client,
};

/// The parameters that name a resource server may come several times (RFC 8707 section 2, RFC 8693 section 2.1).
pub(super) fn may_repeat(name: &str) -> bool {
    matches!(name, "resource" | "audience")
}

/// The audience of an access token: the resource servers that are asked for by `resource` (RFC 8707 section 2.2) or `audience`, else
/// those that were authorised (`granted`), else the client's audiences, else the client itself. Never empty.
///
/// # Errors
/// `invalid_target` where one is asked for that the client may not have, or was not authorised for.
pub(super) fn audience<'a>(
    client: &'a Client,
    granted: &'a [String],
    params: &'a Params,
) -> Result<Vec<&'a str>, OAuthError> {
    let refused = |why| Err(OAuthError::new(ErrorCode::InvalidTarget, why));
    let is_own = |target: &str| client.audiences.iter().any(|own| **own == *target);
    let is_granted = |target: &str| granted.is_empty() || granted.iter().any(|granted| granted == target);
    let mut audience: Vec<&str> = Vec::new();
    for resource in params.get_all("resource") {
        if !is_absolute_uri(resource) {
            return refused("a resource must be an absolute URI without a fragment");
        }
        audience.push(resource);
    }
    audience.extend(params.get_all("audience"));
    if audience.iter().any(|target| !is_own(target)) {
        return refused("the client may not ask for tokens for this resource");
    }
    if audience.iter().any(|target| !is_granted(target)) {
        return refused("this resource was not part of the authorization");
    }
    if audience.is_empty() {
        return default_audience(client, granted);
    }
    let mut seen = Vec::with_capacity(audience.len());
    audience.retain(|target| {
        !seen.contains(target) && {
            seen.push(*target);
            true
        }
    });
    Ok(audience)
}

/// The same where nothing is asked for beside what was authorised.
pub(crate) fn default_audience<'a>(client: &'a Client, granted: &[String]) -> Result<Vec<&'a str>, OAuthError> {
    // What the client may ask for can have shrunk since.
    let own = client.audiences.iter().map(|own| &**own);
    let audience: Vec<_> =
        own.filter(|own| granted.is_empty() || granted.iter().any(|granted| granted == own)).collect();
    match (audience.is_empty(), granted.is_empty()) {
        (false, _) => Ok(audience),
        (true, true) => Ok(vec![client.id.as_str()]),
        (true, false) => {
            let why = "the client may no longer ask for tokens for the authorised resources";
            Err(OAuthError::new(ErrorCode::InvalidTarget, why))
        }
    }
}

/// RFC 8707 section 2: an absolute URI (RFC 3986 section 4.3), so with a scheme and without a fragment.
fn is_absolute_uri(text: &str) -> bool {
    url::Url::parse(text).is_ok() && !text.contains('#')
}
