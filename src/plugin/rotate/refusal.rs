use crate::{
    api::{KeySource, OidcClientSpec, RECONCILE_ANNOTATION, SecretSource, SigningKeySpec, TokenEndpointAuthMethod},
    plugin::{names::Kind, seen::Seen},
};

/// Whether the object can rotate at all.
///
/// # Errors
/// The sentence that says why not, and what to do instead.
pub fn check(seen: &Seen) -> Result<(), String> {
    let name = format!("{} {}", seen.kind, seen.place.name);
    if seen.is_deleting {
        return Err(format!("{name} is being deleted"));
    }
    if seen.is_frozen {
        return Err(format!(
            "{name} is frozen by the annotation {RECONCILE_ANNOTATION}: disabled, so nothing is written for it; take the \
             annotation away first"
        ));
    }
    of_spec(seen).map_or(Ok(()), |why| Err(format!("{name} {why}")))
}

/// Why there is nothing to rotate, whatever becomes of the object.
pub fn of_spec(seen: &Seen) -> Option<String> {
    match seen.kind {
        Kind::SigningKey => seen.spec().and_then(|spec: SigningKeySpec| signing_key(&spec)),
        Kind::OidcClient => seen.spec().and_then(|spec: OidcClientSpec| oidc_client(&spec, &seen.place.name)),
        other => Some(format!("a {other} has nothing to rotate")),
    }
}

fn signing_key(spec: &SigningKeySpec) -> Option<String> {
    match &spec.source {
        KeySource::Generate => None,
        KeySource::SecretRef(secret) => Some(format!(
            "takes its keys from the Secret {}, which somebody else writes: put a new key there, and it takes over",
            secret.name
        )),
    }
}

fn oidc_client(spec: &OidcClientSpec, name: &str) -> Option<String> {
    if spec.auth_method() == TokenEndpointAuthMethod::None {
        return Some("is a public client: it has no secret".to_owned());
    }
    if !spec.has_secret() {
        return Some("has no secret: it authenticates with keys of its own or as a ServiceAccount".to_owned());
    }
    match spec.credentials.secret.as_ref().map(|secret| secret.source) {
        Some(SecretSource::Reference) => Some(format!(
            "takes its secret from the Secret {}, which somebody else writes: change it there, and it is picked up",
            spec.credentials.secret_name(name)
        )),
        Some(SecretSource::Generate) | None => None,
    }
}
