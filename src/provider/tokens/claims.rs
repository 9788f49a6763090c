use serde_json::{Map, Value, json};

use crate::{
    provider::Authorization,
    realm::{Client, Realm, User, claims::RESERVED_CLAIMS, is_standard_scope},
};

/// Where claims about a person go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// ID token and UserInfo: all that the scopes release. OpenID Connect Core section 5.4 has the code flow give them at UserInfo; relying parties
    /// such as kube-apiserver read nothing but the ID token, so they stand there too, as with most providers.
    Identity,
    /// An ID token of the authorization endpoint that comes with a code or an access token: nothing about the person, which those bring
    /// (sections 3.3.3.6 and 5.4), so that it is not in the browser's history.
    FrontChannel,
    /// An access token is read by resource servers: `groups` and the claims of custom scopes, and nothing of the person's profile.
    Access,
}

/// Whose claims are asked for, by whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClaimRequest<'a> {
    pub(crate) realm: &'a Realm,
    pub(crate) client: &'a Client,
    /// None where a client acts for itself.
    pub(crate) person: Option<(&'a User, &'a Authorization)>,
    /// The scopes of the token, a part of those that were authorised.
    pub(crate) scopes: &'a [&'a str],
}

/// The claims that the scopes release: those of the profile (OpenID Connect Core sections 5.1 and 5.4), `groups`, and those of the realm's rules,
/// which come before a claim of the profile of the same name. Only rules that are wanted are evaluated.
pub(crate) fn claims(request: &ClaimRequest<'_>, purpose: Purpose) -> Map<String, Value> {
    let wanted = wanted(request, purpose);
    let mut claims = Map::new();
    if wanted.is_empty() {
        return claims;
    }
    if let Some((user, _)) = request.person {
        let from_profile = |name: &&&str| !matches!(**name, "groups");
        for name in wanted.iter().filter(from_profile) {
            if let Some(value) = user.profile.get(*name) {
                claims.insert((*name).to_owned(), value.clone());
            }
        }
        if wanted.contains(&"preferred_username") && !claims.contains_key("preferred_username") {
            claims.insert("preferred_username".to_owned(), Value::from(&*user.username));
        }
        if wanted.contains(&"groups") {
            claims.insert("groups".to_owned(), user.groups.iter().map(|group| Value::from(&**group)).collect());
        }
    }
    let rules = &request.realm.settings.claims;
    if rules.names().any(|name| wanted.contains(&name)) {
        let [user, client, asked] = variables(request);
        rules.evaluate(|name| wanted.contains(&name), [&user, &client, &asked], &mut claims);
    }
    claims
}

/// Names of the claims that the scopes release.
fn wanted<'a>(request: &ClaimRequest<'a>, purpose: Purpose) -> Vec<&'a str> {
    let realm = request.realm;
    let mut names = Vec::new();
    if purpose == Purpose::FrontChannel {
        return names;
    }
    for scope in request.scopes.iter().filter_map(|name| realm.settings.scope(name)) {
        if purpose == Purpose::Access && is_standard_scope(&scope.name) && &*scope.name != "groups" {
            continue;
        }
        for name in scope.claims.iter().map(|name| &**name) {
            if !RESERVED_CLAIMS.contains(&name) && !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

/// `user`, `client` and `request`, as the rules see them. `user` is null where a client acts for itself, so that rules which
/// need a person add nothing.
fn variables(request: &ClaimRequest<'_>) -> [Value; 3] {
    let user = match request.person {
        Some((user, _)) => json!({
            "username": &*user.username,
            "subject": user.subject.as_str(),
            "groups": user.groups.iter().map(|group| &**group).collect::<Vec<_>>(),
            "attributes": user.attributes,
            "profile": user.profile,
        }),
        None => Value::Null,
    };
    let client = json!({
        "id": request.client.id.as_str(),
        "name": &*request.client.name.name,
        "namespace": &*request.client.name.namespace,
        "displayName": &*request.client.display_name,
    });
    let authorization = request.person.map(|(_, authorization)| authorization);
    let asked = json!({
        "scopes": request.scopes,
        "acr": authorization.and_then(|authorization| authorization.acr.as_deref()),
        "amr": authorization.map(|authorization| authorization.amr.as_slice()).unwrap_or_default(),
        "locale": authorization.and_then(|authorization| authorization.locale.as_deref()),
    });
    [user, client, asked]
}
