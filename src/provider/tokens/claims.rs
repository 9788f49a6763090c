use serde_json::{Map, Value, json};

use super::languages;
use crate::{
    provider::{Authorization, ClaimWish},
    realm::{
        Client, ForeignClaims, Realm, User,
        claims::{RESERVED_CLAIMS, Variables},
        is_standard_scope, split_tag,
    },
};

/// Where claims about a person go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// An ID token: all that the scopes release, and what was asked for in it. OpenID Connect Core section 5.4 has the code flow give the
    /// claims of scopes at UserInfo; relying parties such as kube-apiserver read nothing but the ID token, so they stand there too, as with
    /// most providers.
    IdToken,
    /// An ID token of the authorization endpoint that comes with a code or an access token: nothing that the scopes release, which those
    /// bring (sections 3.3.3.6 and 5.4), so that it is not in the browser's history; only what was asked for in it.
    FrontChannel,
    /// UserInfo: all that the scopes release, and what was asked for there.
    UserInfo,
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

/// The claims that the scopes release, and those that were asked for one by one (OpenID Connect Core sections 5.1, 5.4 and 5.5): those of
/// the profile, `groups`, those of the realm's rules, which come before a claim of the profile of the same name, and those that others
/// vouch for (section 5.6.2), which come before both. Only rules that are wanted are evaluated. A claim that is not there, or has another
/// value than was asked for, is left out.
pub(crate) fn claims(request: &ClaimRequest<'_>, purpose: Purpose) -> Map<String, Value> {
    let wishes = wishes(request, purpose);
    let mut wanted = wanted(request, purpose, wishes);
    if wanted.is_empty() {
        return Map::new();
    }
    let settings = &request.realm.settings;
    let is_computed = |rule: &str| wanted.iter().any(|name| split_tag(name).0 == split_tag(rule).0);
    let is_foreign = purpose != Purpose::Access
        && settings.claim_sources.iter().any(|source| source.claims().any(|claim| wanted.contains(&claim)));
    let mut known = known(request, &wanted);
    let mut foreign = ForeignClaims::default();
    if is_foreign || settings.claims.names().any(is_computed) {
        let [user, client, asked] = variables(request);
        let variables = Variables { user: &user, client: &client, request: &asked };
        settings.claims.evaluate(is_computed, variables, &mut known);
        if is_foreign {
            let is_wanted = |name: &str| wanted.contains(&name);
            foreign = settings.claim_sources.give(is_wanted, variables, &request.realm.claim_source_tokens);
        }
    }
    wanted.retain(|name| !foreign.names.contains_key(*name));
    let locales = request.person.and_then(|(_, authorization)| authorization.claims_locales.as_deref());
    let mut claims = languages::choose(&known, &wanted, locales);
    for wish in wishes {
        if claims.get(&wish.name).is_some_and(|value| !wish.accepts(value)) {
            claims.remove(&wish.name);
        }
    }
    if !foreign.names.is_empty() {
        claims.insert("_claim_names".to_owned(), foreign.names.into());
        claims.insert("_claim_sources".to_owned(), foreign.sources.into());
    }
    claims
}

/// What was asked for one by one, for this purpose.
fn wishes<'a>(request: &ClaimRequest<'a>, purpose: Purpose) -> &'a [ClaimWish] {
    match (request.person, purpose) {
        (Some((_, authorization)), Purpose::IdToken | Purpose::FrontChannel) => &authorization.claims.id_token,
        (Some((_, authorization)), Purpose::UserInfo) => &authorization.claims.userinfo,
        _ => &[],
    }
}

/// Names of the claims that the scopes release, and of those that were asked for one by one and that the client may still learn.
fn wanted<'a>(request: &ClaimRequest<'a>, purpose: Purpose, wishes: &'a [ClaimWish]) -> Vec<&'a str> {
    let realm = request.realm;
    let mut names = Vec::new();
    let scopes: &[&str] = if purpose == Purpose::FrontChannel { &[] } else { request.scopes };
    for scope in scopes.iter().filter_map(|name| realm.settings.scope(name)) {
        if purpose == Purpose::Access && is_standard_scope(&scope.name) && &*scope.name != "groups" {
            continue;
        }
        for name in scope.claims.iter().map(|name| &**name) {
            if !RESERVED_CLAIMS.contains(&name) && !names.contains(&name) {
                names.push(name);
            }
        }
    }
    for name in wishes.iter().map(|wish| wish.name.as_str()) {
        if request.client.may_learn(&realm.settings, name) && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// What is known of the person under these names, in every language. Where a rule makes a claim, what the profile has in some language does
/// not get past it.
fn known(request: &ClaimRequest<'_>, wanted: &[&str]) -> Map<String, Value> {
    let Some((user, _)) = request.person else { return Map::new() };
    let is_wanted = |base: &str| wanted.iter().any(|name| split_tag(name).0 == base);
    let rules = &request.realm.settings.claims;
    let is_ruled = |base: &str| rules.names().any(|rule| split_tag(rule).0 == base);
    let is_known = |name: &str| match split_tag(name) {
        (base, Some(_)) => is_wanted(base) && !is_ruled(base),
        (base, None) => is_wanted(base),
    };
    let profile = user.profile.iter().filter(|(name, _)| is_known(name));
    let mut known: Map<_, _> = profile.map(|(name, value)| (name.clone(), value.clone())).collect();
    if is_wanted("preferred_username") && !known.contains_key("preferred_username") {
        known.insert("preferred_username".to_owned(), Value::from(&*user.username));
    }
    if is_wanted("groups") {
        known.insert("groups".to_owned(), user.groups.iter().map(|group| Value::from(&**group)).collect());
    }
    known
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
