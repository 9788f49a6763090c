//! What to change, for each way in which a step can end badly.

use super::Gathered;
use crate::{
    provider::{Inactive, Params},
    realm::{Client, GrantType, Realm, ResponseType, User},
};

/// For an authorization request that ended at `step`.
pub fn request(gathered: &Gathered, realm: &Realm, params: &Params, step: &str, user: Option<&User>) -> Vec<String> {
    let id = params.get("client_id").unwrap_or_default();
    let Some(client) = realm.client(id) else { return no_client(gathered, realm, id) };
    let name = &client.name;
    match step {
        "target" => vec!["the client must send client_id and redirect_uri once each".to_owned()],
        "redirect_uri" => redirect_uri(client, params),
        "request_object" => request_object(client, params),
        "signed_request" => vec![
            "the client must sign its request: turn request objects (JAR) on in its settings".to_owned(),
            format!("or set spec.requireSignedRequestObject: false in the OidcClient {name}"),
        ],
        "response_type" => response_type(client, realm, params),
        "scope" => scope(client, realm, params),
        "acr" => vec!["the client must ask for another acr, or for it as a wish: without essential".to_owned()],
        "resource" => {
            let registered = list(client.audiences.iter());
            vec![format!("add it to spec.audiences of the OidcClient {name} (it has {registered})")]
        }
        "code_challenge" => vec![
            "the client must send code_challenge and code_challenge_method=S256: turn PKCE on in its settings".to_owned(),
            format!("or, for a confidential client that sends a nonce, set spec.pkce: PublicClients in the Realm {}", realm.name),
        ],
        "sign_in" => vec![
            "the client sends prompt=none: it must send the person through a sign-in first, and treat this error as \"not signed in\""
                .to_owned(),
        ],
        "user" => match user {
            Some(user) => vec![format!("set spec.enabled: true in the User {}", user.name)],
            None => Vec::new(),
        },
        "access" => access(client, user),
        "consent" => vec![
            "the client sends prompt=none: the person must have agreed before".to_owned(),
            format!("or set spec.consent: Skip in the OidcClient {name}, if the platform decides for people"),
        ],
        _ => vec!["the client must send another request: the description says which parameter".to_owned()],
    }
}

fn no_client(gathered: &Gathered, realm: &Realm, id: &str) -> Vec<String> {
    if id.is_empty() {
        return vec!["the client must send its client_id".to_owned()];
    }
    let mut advice = Vec::new();
    for name in gathered.survey.claimants(&realm.name, id) {
        let key = Gathered::key_of_client(&name);
        advice.extend(gathered.problems(&key).into_iter().map(|problem| format!("mend the {key}: {problem}")));
    }
    if !advice.is_empty() {
        return advice;
    }
    let near = realm.clients.keys().map(|known| (strsim::jaro_winkler(id, known), known));
    let near = near.filter(|(likeness, _)| *likeness > 0.8).max_by(|a, b| a.0.total_cmp(&b.0));
    advice.extend(near.map(|(_, known)| format!("did it mean {known}?")));
    let known = list(realm.clients.keys());
    advice.push(format!("no OidcClient of the Realm {} has this client_id (it has {known})", realm.name));
    advice.push(
        "by default the client_id is the OidcClient's name, with the namespace before it where that is not the Realm's"
            .into(),
    );
    advice
}

fn redirect_uri(client: &Client, params: &Params) -> Vec<String> {
    let registered = list(client.redirect_uris.iter());
    let Some(asked) = params.get("redirect_uri") else {
        return vec![format!("the client must send redirect_uri; registered are {registered}")];
    };
    let mut advice = Vec::new();
    for known in client.redirect_uris.iter().map(|uri| uri.as_str()) {
        if known.trim_end_matches('/') == asked.trim_end_matches('/') {
            advice.push(format!("only the slash at the end differs from {known}"));
        } else if known.eq_ignore_ascii_case(asked) {
            advice.push(format!("only upper and lower case differ from {known}"));
        } else if known.split_once("://").map(|(_, rest)| rest) == asked.split_once("://").map(|(_, rest)| rest) {
            advice.push(format!("only the scheme differs from {known}"));
        }
    }
    advice.push(format!("the client sends {asked}; registered are {registered}"));
    advice.push(format!(
        "add it to spec.redirectUris of the OidcClient {}, or let the client send one of those",
        client.name
    ));
    advice
}

fn request_object(client: &Client, params: &Params) -> Vec<String> {
    let (name, policy) = (&client.name, &client.request_object);
    let mut advice = vec!["the client must send another request object: the description says what is wrong".to_owned()];
    if params.get("request_uri").is_some() {
        let registered = list(policy.uris.iter());
        advice.push(format!("spec.requestUris of the OidcClient {name} has {registered}"));
    }
    if let Some(algorithm) = policy.signing {
        advice.push(format!("spec.requestObjectSigningAlg of the OidcClient {name} is {algorithm}"));
    }
    advice
}

fn response_type(client: &Client, realm: &Realm, params: &Params) -> Vec<String> {
    let known = list(realm.settings.response_types.iter().filter(|known| realm.settings.supports(**known)));
    let one_of = format!("the client must send one of the response types of the realm: {known}");
    let Some(asked) = params.get("response_type").and_then(ResponseType::of_words) else { return vec![one_of] };
    let needed = [
        asked.has_code().then_some(GrantType::AuthorizationCode),
        asked.is_front_channel().then_some(GrantType::Implicit),
        (asked == ResponseType::None).then_some(GrantType::AuthorizationCode),
    ];
    let needed = || needed.into_iter().flatten();
    let mut advice = Vec::new();
    if !realm.settings.supports(asked) {
        let grants = list(needed());
        advice.push(one_of);
        advice.push(format!(
            "or the Realm {} must allow it: {asked} in spec.allowed.oidcClients.responseTypes, {grants} in .grantTypes",
            realm.name
        ));
    }
    if !client.response_types.contains(&asked) {
        let has = list(client.response_types.iter());
        advice.push(format!("add {asked} to spec.responseTypes of the OidcClient {} (it has {has})", client.name));
    }
    if !asked.is_granted(&client.grant_types) {
        let (missing, has) = (list(needed().filter(|grant| !client.may_use(*grant))), list(client.grant_types.iter()));
        advice.push(format!("add {missing} to spec.grantTypes of the OidcClient {} (it has {has})", client.name));
    }
    advice
}

fn scope(client: &Client, realm: &Realm, params: &Params) -> Vec<String> {
    let asked: Vec<_> = params.get("scope").unwrap_or_default().split_ascii_whitespace().collect();
    let (known, unknown): (Vec<&str>, Vec<&str>) =
        asked.into_iter().partition(|scope| realm.settings.scope(scope).is_some());
    let refused: Vec<_> = known.into_iter().filter(|scope| !client.scopes.iter().any(|has| **has == **scope)).collect();
    let mut advice = Vec::new();
    if !refused.is_empty() {
        let (refused, has) = (list(refused), list(client.scopes.iter()));
        advice.push(format!("add {refused} to spec.scopes of the OidcClient {} (it has {has})", client.name));
        advice.push(format!("the Realm {} must allow it too (spec.allowed.oidcClients.scopes)", realm.name));
    }
    if !unknown.is_empty() {
        advice.push(format!("the Realm {} does not know {} (spec.scopes)", realm.name, list(unknown)));
    }
    if advice.is_empty() {
        advice.push("the client must send a scope, such as openid".to_owned());
    }
    advice
}

fn access(client: &Client, user: Option<&User>) -> Vec<String> {
    let groups = list(client.access_groups.iter());
    let Some(user) = user else { return Vec::new() };
    vec![
        format!("make the User {} a member of {groups} (it is in {})", user.name, list(user.groups.iter())),
        format!("or change spec.access.groups of the OidcClient {}", client.name),
    ]
}

/// For a token that is not active.
pub fn token(inactive: Inactive) -> &'static str {
    match inactive {
        Inactive::Malformed => "give the access token itself: three parts of base64url with a dot between them",
        Inactive::Type => "send the access token: an ID token is for the client, not for resource servers",
        Inactive::Key => "get a new token: the key that signed this one is not published any more, or not this realm's",
        Inactive::Signature => "the token was changed on its way, cut short, or forged: get a new one",
        Inactive::Issuer => "the token is of another realm",
        Inactive::Expired => "get a new one: refresh it, or sign in again",
        Inactive::Revoked | Inactive::Authorization | Inactive::Unknown => "sign in again",
        Inactive::Client => {
            "the OidcClient is gone or not Ready: `kubectl realmkeeper explain oidcclient/NAME` says why"
        }
        Inactive::Incarnation => {
            "the OidcClient was deleted and made anew: what was issued before is not its own; get a new token"
        }
        Inactive::User => "the User is gone, not served, or has spec.enabled: false",
        Inactive::Password => "sign in again: a new password ends what was granted under the old one",
        Inactive::Subject => "sign in again: the client has come to know its users by another sub",
        Inactive::Access => "the user has left the groups of the OidcClient's spec.access.groups",
    }
}

/// Names for a sentence, at most eight of them.
fn list<T: ToString>(names: impl IntoIterator<Item = T>) -> String {
    let mut names: Vec<_> = names.into_iter().map(|name| name.to_string()).collect();
    names.sort();
    let more = names.len().saturating_sub(8);
    names.truncate(8);
    match (names.is_empty(), more) {
        (true, _) => "none".to_owned(),
        (false, 0) => names.join(", "),
        (false, more) => format!("{} and {more} more", names.join(", ")),
    }
}
