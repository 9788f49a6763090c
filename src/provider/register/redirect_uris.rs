//! Where people are sent back to: what a redirect URI may be depends on the kind of application (OpenID Connect Registration section 2,
//! RFC 7591 sections 2 and 5).

use url::{Host, Url};

use super::{
    InvalidMetadata,
    complete::{Context, redirects},
};
use crate::realm::{
    RedirectUri,
    registration::{ApplicationType, ClientMetadata, RegistrationPolicy, allows_host},
};

const MEMBER: &str = "redirect_uris";
const POST_LOGOUT: &str = "post_logout_redirect_uris";

/// A client that uses a redirect-based flow must register where it ends (RFC 7591 section 2).
pub(super) fn check(context: &Context<'_>, metadata: &mut ClientMetadata) -> Result<(), InvalidMetadata> {
    let uris = metadata.texts(MEMBER);
    if uris.is_empty() && redirects(metadata) {
        return Err(InvalidMetadata::new(MEMBER, "at least one is needed"));
    }
    let kind = metadata.text("application_type").and_then(|name| name.parse().ok()).unwrap_or(ApplicationType::Web);
    let is_implicit = metadata.texts("grant_types").contains(&"implicit");
    for uri in uris {
        let problem = |message: &str| InvalidMetadata::new(MEMBER, message.to_owned());
        let parsed = RedirectUri::parse(uri).map_err(|error| problem(error.0))?;
        fits(kind, is_implicit, uri).map_err(problem)?;
        allowed(context.policy, &parsed).map_err(problem)?;
    }
    Ok(())
}

/// OpenID Connect RP-Initiated Logout section 3.1.
pub(super) fn check_post_logout(context: &Context<'_>, metadata: &mut ClientMetadata) -> Result<(), InvalidMetadata> {
    for uri in metadata.texts(POST_LOGOUT) {
        let problem = |message: &str| InvalidMetadata::new(POST_LOGOUT, message.to_owned());
        let parsed = RedirectUri::parse(uri).map_err(|error| problem(error.0))?;
        allowed(context.policy, &parsed).map_err(problem)?;
    }
    Ok(())
}

fn allowed(policy: &RegistrationPolicy, uri: &RedirectUri) -> Result<(), &'static str> {
    let is_in = |list: &Vec<String>| list.is_empty() || uri.host().is_some_and(|host| allows_host(list, host));
    policy.redirect_hosts.iter().all(is_in).then_some(()).ok_or("the realm does not let clients register on this host")
}

fn fits(kind: ApplicationType, is_implicit: bool, uri: &str) -> Result<(), &'static str> {
    let url = Url::parse(uri).map_err(|_| "it must be an absolute URI")?;
    match (kind, url.scheme()) {
        (ApplicationType::Web, "https") if is_implicit && is_localhost(&url) => {
            Err("a web application that uses the implicit grant must not be on localhost")
        }
        (ApplicationType::Web, "https") => Ok(()),
        (ApplicationType::Web, "http") if is_implicit => {
            Err("a web application that uses the implicit grant must use https")
        }
        // On a loopback address, as was seen before: on the developer's own machine.
        (ApplicationType::Web, "http") => Ok(()),
        (ApplicationType::Web, _) => Err("a web application must use https: register with application_type native"),
        (ApplicationType::Native, "https") => {
            Err("a native application must use a scheme of its own, or http on a loopback address")
        }
        (ApplicationType::Native, _) => Ok(()),
    }
}

fn is_localhost(url: &Url) -> bool {
    matches!(url.host(), Some(Host::Domain(name)) if name == "localhost" || name.ends_with(".localhost"))
}

#[cfg(test)]
mod tests {
    use super::fits;
    use crate::realm::registration::ApplicationType::{Native, Web};

    #[test]
    fn registration_2_redirect_uris_fit_the_application_type() {
        for (kind, is_implicit, uri, want) in [
            (Web, true, "https://app.example/cb", true),
            (Web, true, "http://app.example/cb", false),
            (Web, true, "http://127.0.0.1/cb", false),
            (Web, true, "https://localhost/cb", false),
            (Web, true, "https://LOCALHOST:8443/cb", false),
            (Web, false, "https://localhost/cb", true),
            (Web, false, "http://localhost:3000/cb", true),
            (Web, false, "com.example.app:/cb", false),
            (Native, false, "com.example.app:/cb", true),
            (Native, true, "com.example.app:/cb", true),
            (Native, false, "http://localhost:3000/cb", true),
            (Native, false, "http://127.0.0.1/cb", true),
            (Native, false, "http://[::1]/cb", true),
            (Native, false, "https://app.example/cb", false),
        ] {
            assert_eq!(fits(kind, is_implicit, uri).is_ok(), want, "{kind} {is_implicit} {uri}");
        }
    }
}
