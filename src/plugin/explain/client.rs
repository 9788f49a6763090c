use super::{Gathered, Outcome, Report};
use crate::{
    plugin::PluginError,
    realm::{Client, ClientKeys, Consent, Realm},
};

/// Explains an OidcClient: what is wrong with it, and what it may do after the Realm's bounds.
///
/// # Errors
/// It is not there.
pub fn explain(gathered: &Gathered, name: &str, username: Option<&str>) -> Result<Report, PluginError> {
    let key = gathered.client_key(name);
    let Some(state) = gathered.survey.client(&key.name) else {
        let namespace = &gathered.namespace;
        return Err(PluginError::Refused(format!("there is no OidcClient {name} in the namespace {namespace}")));
    };
    let snapshot = gathered.survey.registry().load();
    let realm = state.realm.as_ref().and_then(|realm| snapshot.realm(realm));
    let client = realm.zip(state.client_id.as_ref()).and_then(|(realm, id)| realm.client(id));
    let problems = gathered.problems(&key);
    let (outcome, summary) = match (client, problems.is_empty()) {
        (Some(_), true) => (Outcome::Accepted, "It is served, and nothing is wrong with it."),
        (Some(_), false) => (Outcome::Accepted, "It is served, and something is wrong with it:"),
        (None, _) => (Outcome::Refused, "It is not served:"),
    };
    let mut report = Report::new(key.to_string(), outcome, summary);
    report.problems = problems;
    if let Some(realm) = &state.realm {
        report.fact("realm", [realm]);
    }
    if let (Some(realm), Some(client)) = (realm, client) {
        facts(&mut report, realm, client);
        if let Some(username) = username {
            admit(&mut report, realm, client, username);
        }
    }
    report
        .notes
        .push("Secrets are not read: whether a password or client secret is right can't be seen here".to_owned());
    Ok(report)
}

fn facts(report: &mut Report, realm: &Realm, client: &Client) {
    report.fact("issuer", [&realm.issuer]);
    report.fact("client_id", [&client.id]);
    report.fact("authentication", [client.authentication.method]);
    report.fact("ServiceAccounts", client.authentication.service_accounts.iter());
    if let ClientKeys::Uri(uri) = &client.authentication.keys {
        report.fact("jwks_uri", [uri]);
    }
    report.fact("grant types", client.grant_types.iter());
    report.fact("response types", client.response_types.iter());
    report.fact("redirect URIs", client.redirect_uris.iter());
    report.fact("after sign-out", client.post_logout_redirect_uris.iter());
    report.fact("scopes", client.scopes.iter());
    report.fact("audiences", client.audiences.iter());
    report.fact("access groups", client.access_groups.iter());
    report.fact("consent", [if client.consent == Consent::Skip { "Skip" } else { "Ask" }]);
    let tokens = &client.tokens;
    report.fact("access token", [format!("{} s, {:?}", tokens.access_token.as_secs(), tokens.access_token_format)]);
    report.fact("ID token", [format!("{} s", tokens.id_token.as_secs())]);
    report.fact("refresh token", [format!("{} s", tokens.refresh_token.lifetime.as_secs())]);
}

fn admit(report: &mut Report, realm: &Realm, client: &Client, username: &str) {
    let (outcome, said) = match realm.user_by_name(username) {
        None => (Outcome::Refused, "nobody of this name is served by the realm".to_owned()),
        Some(user) if !user.enabled => (Outcome::Refused, format!("the User {} is not enabled", user.name)),
        Some(user) if client.admits(user) => (Outcome::Accepted, format!("the User {} may sign in to it", user.name)),
        Some(user) => (Outcome::Refused, format!("the User {} is in no group that may sign in to it", user.name)),
    };
    report.outcome = outcome;
    report.summary = format!("{username}: {said}.");
}
