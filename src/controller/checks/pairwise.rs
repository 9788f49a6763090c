//! Which `sub` a client sees (OpenID Connect Core section 8): what it says itself, else what its Realm says. A client that can't have the
//! pairwise subjects that it was promised has none at all: it is not served, rather than shown public ones.

use std::{collections::BTreeSet, sync::Arc};

use url::Url;

use super::{Finding, Reason, list};
use crate::{
    controller::index::{Serving, spec::OidcClientSpec},
    realm::{Pairwise, SubjectPolicy, SubjectType},
};

/// The policy of a client, with its sector and the salt of its Realm.
///
/// # Errors
/// A finding where its subjects are pairwise, and the Realm has no salt or the client no sector.
pub fn policy(spec: &OidcClientSpec, realm: &Serving) -> Result<SubjectPolicy, Finding> {
    let subject_type = spec.subject_type.unwrap_or(realm.spec.settings.subject_type);
    // Who is never told of a person needs no sector.
    let is_needed = !spec.redirect_uris.is_empty();
    if subject_type == SubjectType::Public || !is_needed {
        return Ok(SubjectPolicy::Public);
    }
    let sector = sector(spec)?;
    match (&realm.salt, &realm.spec.salt_secret) {
        (Some(salt), _) => Ok(SubjectPolicy::Pairwise(Pairwise {
            sector,
            sector_identifier_uri: spec.sector_identifier_uri.clone(),
            salt: salt.clone(),
        })),
        (None, Some(_)) => {
            let message =
                format!("the Realm {} lacks the salt of pairwise subjects: its conditions say why", spec.realm);
            Err(Finding::new(Reason::SaltNotFound, "spec.subjectType", message))
        }
        (None, None) => {
            let message =
                format!("the Realm {} has no pairwiseSaltSecretRef, which pairwise subjects need", spec.realm);
            Err(Finding::new(Reason::SubjectTypeNotAllowed, "spec.subjectType", message))
        }
    }
}

/// Section 8.1: the host of `sectorIdentifierUri`, else the one host of all redirect URIs.
fn sector(spec: &OidcClientSpec) -> Result<Arc<str>, Finding> {
    const FIELD: &str = "spec.sectorIdentifierUri";
    if let Some(uri) = &spec.sector_identifier_uri {
        let host = Url::parse(uri).ok().and_then(|url| url.host_str().map(Arc::from));
        return host.ok_or_else(|| Finding::new(Reason::Invalid, FIELD, "it must be a URL with a host"));
    }
    let hosts: BTreeSet<Option<&str>> = spec.redirect_uris.iter().map(|uri| uri.host()).collect();
    let known: Vec<&str> = hosts.iter().copied().flatten().collect();
    match (hosts.len(), known.as_slice()) {
        (1, [host]) => Ok(Arc::from(*host)),
        (_, []) => {
            let message = "pairwise subjects need it: the redirect URIs have no host that would tell the sector";
            Err(Finding::new(Reason::SectorRequired, FIELD, message))
        }
        _ => {
            let message = format!(
                "pairwise subjects need it: the redirect URIs are of several hosts ({}) (OpenID Connect Core section 8.1)",
                list(known)
            );
            Err(Finding::new(Reason::SectorRequired, FIELD, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{OidcClientSpec, sector};
    use crate::{api, controller::checks::Reason};

    fn of(redirects: &[&str], uri: Option<&str>) -> Result<String, Reason> {
        let spec = json!({"realmRef": {"name": "staff"}, "redirectUris": redirects, "sectorIdentifierUri": uri});
        let client = api::OidcClient::new("app", serde_json::from_value(spec).unwrap());
        sector(&OidcClientSpec::try_from(&client).unwrap()).map(|host| host.to_string()).map_err(|f| f.reason)
    }

    #[test]
    fn oidc_8_1_the_sector_is_the_host_of_the_uri_else_the_one_host_of_the_redirect_uris() {
        assert_eq!(of(&["https://A.example/1", "https://a.example:8443/2"], None), Ok("a.example".into()));
        assert_eq!(of(&["https://a.example/1", "https://b.example/"], None), Err(Reason::SectorRequired));
        assert_eq!(of(&["com.example.app:/cb"], None), Err(Reason::SectorRequired));
        assert_eq!(of(&["https://a.example/1", "com.example.app:/cb"], None), Err(Reason::SectorRequired));
        let uri = Some("https://Sector.example/uris.json");
        assert_eq!(of(&["https://a.example/1", "https://b.example/"], uri), Ok("sector.example".into()));
    }
}
