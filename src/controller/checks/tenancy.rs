//! The handshake between a Realm and its children (as `allowedRoutes` in Gateway API): a child names its Realm, and the Realm says
//! who may, and what they may ask for.

use std::{collections::BTreeMap, sync::Arc};

use super::{Finding, Reason, list};
use crate::{
    api::{AllowedClients, ClientIds, Namespaces},
    controller::index::spec::{OidcClientSpec, RealmSpec, Scopes},
    realm::{ClientId, ObjectName, RedirectUri, registration::allows_host},
};

type Labels = BTreeMap<String, String>;

/// Whether a child in the namespace `child`, with these labels, may attach to the Realm `realm`.
pub fn allows_namespace(namespaces: &Namespaces, realm: &ObjectName, child: &str, labels: &Labels) -> bool {
    match namespaces {
        _ if *realm.namespace == *child => {
            !matches!(namespaces, Namespaces::Selector(selector) if !selector.matches(labels))
        }
        Namespaces::Same => false,
        Namespaces::All => true,
        Namespaces::Selector(selector) => selector.matches(labels),
    }
}

/// The finding where the namespace may not attach.
pub fn check_namespace(
    namespaces: &Namespaces,
    realm: &ObjectName,
    child: &str,
    labels: &Labels,
) -> Result<(), Finding> {
    if allows_namespace(namespaces, realm, child, labels) {
        return Ok(());
    }
    let how = match namespaces {
        Namespaces::Same => "only its own namespace",
        Namespaces::All => "every namespace",
        Namespaces::Selector(_) => "only namespaces whose labels match its selector",
    };
    let message = format!("the Realm {realm} does not let the namespace {child} attach: it allows {how}");
    Err(Finding::new(Reason::NamespaceNotAllowed, "spec.realmRef", message))
}

/// A SigningKey signs for a Realm of its own namespace only: whoever may write there may write the Realm's keys.
pub fn check_signing_key(realm: &ObjectName, child: &str) -> Result<(), Finding> {
    if *realm.namespace == *child {
        return Ok(());
    }
    let message = format!("a SigningKey stands in its Realm's own namespace, {}", realm.namespace);
    Err(Finding::new(Reason::NamespaceNotAllowed, "spec.realmRef", message))
}

/// What the checks of a client look at.
#[derive(Debug, Clone, Copy)]
pub struct ClientContext<'a> {
    /// The OidcClient.
    pub name: &'a ObjectName,
    /// Its spec.
    pub spec: &'a OidcClientSpec,
    /// The identifier in force.
    pub client_id: &'a ClientId,
    /// The Realm.
    pub realm: &'a ObjectName,
    /// The Realm's spec.
    pub realm_spec: &'a RealmSpec,
    /// The labels of the client's namespace.
    pub labels: &'a Labels,
}

impl<'a> ClientContext<'a> {
    fn allowed(&self) -> &'a AllowedClients {
        &self.realm_spec.allowed.oidc_clients
    }

    fn finding(&self, reason: Reason, field: &str, what: &str, names: &[&str]) -> Result<(), Finding> {
        match names {
            [] => Ok(()),
            names => {
                let message = format!("the Realm {} {what}: {}", self.realm, list(names.iter().copied()));
                Err(Finding::new(reason, field, message))
            }
        }
    }
}

/// Everything that a Realm finds wrong with a client, so that a person reads all of it at once.
pub fn check_client(context: &ClientContext<'_>) -> Vec<Finding> {
    CLIENT_CHECKS.iter().filter_map(|check| check(context).err()).collect()
}

type ClientCheck = fn(&ClientContext<'_>) -> Result<(), Finding>;

/// What a Realm asks of a client, in order.
const CLIENT_CHECKS: [ClientCheck; 8] = [
    // Its namespace may attach.
    namespace,
    // It may have its grant types.
    grant_types,
    // It may have its response types.
    response_types,
    // The realm knows its scopes,
    scopes_known,
    // and allows them.
    scopes_allowed,
    // Its redirect URIs stand on hosts that are the Realm's to give.
    redirect_hosts,
    // It asks for tokens that are meant for the resource servers that it may reach.
    audiences,
    // Its identifier is not that of somebody else's.
    client_id,
];

fn namespace(context: &ClientContext<'_>) -> Result<(), Finding> {
    check_namespace(&context.allowed().namespaces, context.realm, &context.name.namespace, context.labels)
}

fn grant_types(context: &ClientContext<'_>) -> Result<(), Finding> {
    let allowed = &context.realm_spec.settings.grant_types;
    let refused: Vec<_> =
        context.spec.grant_types.iter().filter(|grant| !allowed.contains(grant)).map(|grant| grant.as_str()).collect();
    context.finding(Reason::GrantTypeNotAllowed, "spec.grantTypes", "does not allow the grant type", &refused)
}

fn response_types(context: &ClientContext<'_>) -> Result<(), Finding> {
    let allowed = &context.realm_spec.settings.response_types;
    let asked = context.spec.response_types.iter();
    let refused: Vec<_> =
        asked.filter(|response| !allowed.contains(response)).map(|response| response.as_str()).collect();
    context.finding(Reason::ResponseTypeNotAllowed, "spec.responseTypes", "does not allow the response type", &refused)
}

fn named(scopes: &Scopes) -> &[Arc<str>] {
    match scopes {
        Scopes::Default => &[],
        Scopes::Named(names) => names,
    }
}

fn scopes_known(context: &ClientContext<'_>) -> Result<(), Finding> {
    let settings = &context.realm_spec.settings;
    let asked = named(&context.spec.scopes).iter().map(|scope| &**scope);
    let unknown: Vec<_> = asked.filter(|scope| settings.scope(scope).is_none()).collect();
    context.finding(Reason::ScopeNotFound, "spec.scopes", "does not know the scope", &unknown)
}

fn scopes_allowed(context: &ClientContext<'_>) -> Result<(), Finding> {
    let allowed = &context.allowed().scopes;
    let asked = named(&context.spec.scopes).iter().map(|scope| &**scope);
    let refused: Vec<_> = asked.filter(|scope| !allows_scope(allowed, scope)).collect();
    context.finding(Reason::ScopeNotAllowed, "spec.scopes", "does not allow the scope", &refused)
}

/// Whether the list of allowed scopes, where empty means all, has this one.
pub fn allows_scope(allowed: &[String], scope: &str) -> bool {
    allowed.is_empty() || allowed.iter().any(|name| name == scope)
}

fn redirect_hosts(context: &ClientContext<'_>) -> Result<(), Finding> {
    let allowed = &context.allowed().redirect_hosts;
    let refuses =
        |uri: &&RedirectUri| !allowed.is_empty() && !uri.host().is_some_and(|host| allows_host(allowed, host));
    let uris = context.spec.redirect_uris.iter().chain(&context.spec.post_logout_redirect_uris);
    let refused: Vec<_> = uris.filter(refuses).map(RedirectUri::as_str).collect();
    context.finding(Reason::RedirectHostNotAllowed, "spec.redirectUris", "does not allow the host of", &refused)
}

fn audiences(context: &ClientContext<'_>) -> Result<(), Finding> {
    let allowed = &context.allowed().audiences;
    let refuses = |audience: &&str| !allowed.is_empty() && !allows_audience(allowed, audience);
    let refused: Vec<_> = context.spec.audiences.iter().map(|audience| &**audience).filter(refuses).collect();
    context.finding(Reason::AudienceNotAllowed, "spec.audiences", "does not allow tokens for", &refused)
}

/// Whether one of the patterns is the resource server, or ends with `/*` and is the beginning of it. What a server would take for a
/// step upwards is no way around that.
fn allows_audience(patterns: &[String], audience: &str) -> bool {
    let climbs = || audience.split(['/', '\\', '?']).any(|segment| matches!(unescaped(segment).as_str(), "." | ".."));
    patterns.iter().any(|pattern| match pattern.strip_suffix('*').filter(|start| start.ends_with('/')) {
        Some(start) => audience.len() > start.len() && audience.starts_with(start) && !climbs(),
        None => pattern == audience,
    })
}

/// Dots that are written otherwise (RFC 3986 section 6.2.2.2).
fn unescaped(segment: &str) -> String {
    segment.replace("%2e", ".").replace("%2E", ".")
}

fn client_id(context: &ClientContext<'_>) -> Result<(), Finding> {
    let own = context.name.namespace == context.realm.namespace;
    let prefixed = context.client_id.split_once('.').is_some_and(|(first, _)| *first == *context.name.namespace);
    if own || prefixed || context.allowed().client_ids == ClientIds::Any {
        return Ok(());
    }
    let message = format!(
        "the Realm {} lets clients of the namespace {namespace} have identifiers that begin with \"{namespace}.\"",
        context.realm,
        namespace = context.name.namespace
    );
    Err(Finding::new(Reason::ClientIdNotAllowed, "spec.clientId", message))
}

/// The identifier of a client: as given, or made of its name.
pub fn client_id_of(spec: &OidcClientSpec, name: &ObjectName) -> ClientId {
    spec.client_id.clone().unwrap_or_else(|| ClientId::new(name_in_realm(&spec.realm, name)))
}

/// What an object is called in its Realm: `NAME` in the Realm's own namespace, `NAMESPACE.NAME` in others, so that nobody takes the
/// name of somebody else's.
pub fn name_in_realm(realm: &ObjectName, name: &ObjectName) -> Arc<str> {
    if realm.namespace == name.namespace {
        name.name.clone()
    } else {
        format!("{}.{}", name.namespace, name.name).into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{ClientContext, check_client, client_id_of};
    use crate::{
        api,
        controller::index::spec::{OidcClientSpec, RealmSpec},
        realm::ObjectName,
    };

    fn reasons(allowed: Value, namespace: &str, client: Value) -> Vec<&'static str> {
        let realm = json!({"scopes": [{"name": "more"}], "allowed": {"oidcClients": allowed}});
        let realm_spec =
            RealmSpec::try_from(&api::Realm::new("staff", serde_json::from_value(realm).unwrap())).unwrap();
        let mut spec = client;
        spec["realmRef"] = json!({"name": "staff", "namespace": "identity"});
        let mut client = api::OidcClient::new("app", serde_json::from_value(spec).unwrap());
        client.metadata.namespace = Some(namespace.into());
        let spec = OidcClientSpec::try_from(&client).unwrap();
        let name = ObjectName::new(namespace, "app");
        let context = ClientContext {
            name: &name,
            client_id: &client_id_of(&spec, &name),
            realm: &spec.realm,
            spec: &spec,
            realm_spec: &realm_spec,
            labels: &[("team".to_owned(), "a".to_owned())].into(),
        };
        check_client(&context).iter().map(|finding| finding.reason.as_str()).collect()
    }

    #[test]
    fn a_realm_says_who_may_attach() {
        let from = |from: &str| json!({"namespaces": {"from": from}});
        let selector =
            |team: &str| json!({"namespaces": {"from": "Selector", "selector": {"matchLabels": {"team": team}}}});
        let refused = ["NamespaceNotAllowed"];
        assert!(reasons(json!({}), "identity", json!({})).is_empty());
        assert_eq!(reasons(json!({}), "apps", json!({})), refused);
        assert!(reasons(from("All"), "apps", json!({})).is_empty());
        assert!(reasons(selector("a"), "apps", json!({})).is_empty());
        assert_eq!(reasons(selector("b"), "apps", json!({})), refused);
        assert_eq!(reasons(selector("b"), "identity", json!({})), refused);
    }

    #[test]
    fn a_realm_bounds_what_a_client_may_ask_for() {
        let code = json!({"redirectUris": ["https://a.example.com/cb"], "scopes": ["openid", "more"]});
        for (allowed, client, want) in [
            (json!({}), code.clone(), &[][..]),
            (json!({"grantTypes": ["client_credentials"]}), code.clone(), &["GrantTypeNotAllowed"]),
            (json!({"responseTypes": []}), code.clone(), &["ResponseTypeNotAllowed"]),
            (json!({"scopes": ["openid"]}), code.clone(), &["ScopeNotAllowed"]),
            (json!({}), json!({"scopes": ["nothing"]}), &["ScopeNotFound"]),
            (json!({"redirectHosts": ["*.example.com"]}), code.clone(), &[]),
            (json!({"redirectHosts": ["example.com"]}), code.clone(), &["RedirectHostNotAllowed"]),
            (
                json!({"redirectHosts": ["a.example.com"]}),
                json!({"redirectUris": ["com.example.app:/cb"]}),
                &["RedirectHostNotAllowed"],
            ),
        ] {
            assert_eq!(reasons(allowed.clone(), "identity", client), want, "{allowed}");
        }
    }

    #[test]
    fn a_realm_bounds_for_which_resource_servers_tokens_are_asked() {
        let refused = ["AudienceNotAllowed"];
        let api = |audience: &str| json!({"grantTypes": ["client_credentials"], "audiences": [audience]});
        let allowed = json!({"audiences": ["https://one.example", "https://many.example/team/*"]});
        for (audience, want) in [
            ("https://one.example", true),
            ("https://one.example/", false),
            ("https://one.example.evil", false),
            ("https://many.example/team/a", true),
            ("https://many.example/team/a/b?c", true),
            ("https://many.example/team/", false),
            ("https://many.example/teams", false),
            ("https://many.example/team/../admin", false),
            ("https://many.example/team/%2E%2e/admin", false),
        ] {
            let found = reasons(allowed.clone(), "identity", api(audience));
            assert_eq!(found, if want { &[][..] } else { &refused }, "{audience}");
        }
        assert!(reasons(json!({"audiences": []}), "identity", api("urn:anything")).is_empty(), "empty means all");
        assert!(
            reasons(allowed, "identity", json!({"grantTypes": ["client_credentials"]})).is_empty(),
            "asks for none"
        );
    }

    #[test]
    fn a_client_of_another_namespace_carries_it_in_its_identifier() {
        let all = |ids: &str| json!({"namespaces": {"from": "All"}, "clientIds": ids});
        let id = |id: &str| json!({"clientId": id});
        assert!(reasons(all("Prefixed"), "apps", json!({})).is_empty());
        assert!(reasons(all("Prefixed"), "apps", id("apps.other")).is_empty());
        assert_eq!(reasons(all("Prefixed"), "apps", id("appsx.other")), ["ClientIdNotAllowed"]);
        assert_eq!(reasons(all("Prefixed"), "apps", id("other")), ["ClientIdNotAllowed"]);
        assert!(reasons(all("Any"), "apps", id("other")).is_empty());
        assert!(reasons(all("Prefixed"), "identity", id("other")).is_empty());
    }
}
