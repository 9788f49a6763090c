//! Whether people can sign in to a client from their shell.

use url::Url;

use crate::api::{GrantType, OidcClientSpec, TokenEndpointAuthMethod};

/// The scopes that kube-apiserver has use for, and the one that keeps people signed in.
const WANTED: [&str; 4] = ["openid", "email", "groups", "offline_access"];
/// What a client may ask for that names no scopes.
const DEFAULT: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// Those of the scopes that the client may ask for.
pub fn scopes(spec: &OidcClientSpec) -> String {
    let may = |scope: &&str| match spec.scopes.as_slice() {
        [] => DEFAULT.contains(scope),
        named => named.iter().any(|name| name == scope),
    };
    WANTED.into_iter().filter(may).collect::<Vec<_>>().join(" ")
}

/// What will not work, a sentence each.
pub fn doubts(spec: &OidcClientSpec) -> Vec<String> {
    let mut doubts = Vec::new();
    if spec.auth_method() != TokenEndpointAuthMethod::None {
        doubts.push(
            "the client is not public (tokenEndpointAuthMethod: none), and kubectl has no credentials of the client"
                .to_owned(),
        );
    }
    if !spec.grant_types().contains(&GrantType::AuthorizationCode) {
        doubts.push("people can't sign in to the client: it lacks the grant type authorization_code".to_owned());
    }
    if !spec.redirect_uris.iter().any(|uri| is_ours(uri)) {
        doubts.push(
            "the client lacks http://127.0.0.1/callback among its redirectUris, where the plugin waits for the answer"
                .to_owned(),
        );
    }
    let lacks = |scope: &str| !scopes(spec).split(' ').any(|name| name == scope);
    if lacks("openid") {
        doubts
            .push("the client may not ask for the scope openid, so there is no ID token for kube-apiserver".to_owned());
    }
    if lacks("groups") {
        doubts.push("the client may not ask for the scope groups, so kube-apiserver learns of no groups".to_owned());
    }
    doubts
}

/// The port of a loopback address is free (RFC 8252 section 7.3).
fn is_ours(uri: &str) -> bool {
    let Ok(url) = Url::parse(uri) else { return false };
    url.scheme() == "http" && url.host_str() == Some("127.0.0.1") && url.path() == "/callback" && url.query().is_none()
}
