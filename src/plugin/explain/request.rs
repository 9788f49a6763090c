use std::sync::Arc;

use jiff::Timestamp;
use url::Url;

use super::{
    Gathered, Outcome, Report, advice,
    report::{ErrorLine, steps},
};
use crate::{
    controller::source::{Kind, Object, ObjectKey},
    plugin::PluginError,
    provider::{
        Endpoint, OAuthError, Params, Passage,
        rehearsal::{self, Ending, Granted},
    },
    realm::{Realm, ResponseType, User},
};

/// Explains an authorization request.
///
/// # Errors
/// The machine can't do it.
pub async fn explain(
    gathered: &Gathered,
    url: &Url,
    username: Option<&str>,
    now: Timestamp,
) -> Result<Report, PluginError> {
    let realm = match find(gathered, url) {
        Ok(realm) => realm,
        Err(report) => return Ok(*report),
    };
    let about = format!("An authorization request to the Realm {} ({})", realm.name, realm.issuer);
    let params = match Params::parse_repeating(url.query().unwrap_or_default().as_bytes(), |_| true) {
        Ok(params) => params,
        Err(error) => {
            let mut report = Report::new(about, Outcome::Refused, "It would be refused, before any step.");
            report.error = Some(on_a_page(&error.into()));
            return Ok(report);
        }
    };
    let user = match username.map(|name| user(gathered, &realm, name)).transpose() {
        Ok(user) => user,
        Err(mut report) => {
            report.about = about;
            return Ok(*report);
        }
    };
    let asked = Params::of_pairs(params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
    let asked = asked.map_err(|error| PluginError::Refused(format!("it can't be gone through: {error}")))?;
    let rehearsal = rehearsal::rehearse_authorization(&realm, asked, user.as_deref(), now).await;
    let rehearsal = rehearsal.map_err(|error| PluginError::Refused(format!("it can't be gone through: {error}")))?;
    let mut report = ended(about, &rehearsal.ending, user.is_some());
    if let Some(step) = rehearsal.steps.last().filter(|step| step.passage == Passage::Refused) {
        let counted = rehearsal.params.as_ref().unwrap_or(&params);
        report.advice = advice::request(gathered, &realm, counted, step.name, user.as_deref());
    }
    report.steps = steps(rehearsal::authorization_steps(), &rehearsal.steps);
    report.notes.extend(rehearsal.assumed.map(str::to_owned));
    report.problems.extend(user.iter().filter_map(|user| no_password(gathered, &realm, user)));
    if user.is_some() {
        report
            .notes
            .push("sessions, lockouts and consent given before are the provider's own and not seen here".into());
    }
    Ok(report)
}

/// The realm by host and path, as the provider finds it; the endpoint must be `/authorize`.
fn find(gathered: &Gathered, url: &Url) -> Result<Arc<Realm>, Box<Report>> {
    let refused = |summary: String, advice: Vec<String>| {
        let mut report = Report::new(format!("A request to {}", without_query(url)), Outcome::Refused, summary);
        report.advice = advice;
        Box::new(report)
    };
    let snapshot = gathered.survey.registry().load();
    let host = url.host_str().unwrap_or_default();
    let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let Some((realm, rest)) = snapshot.find(&authority, url.path()) else {
        let mut advice: Vec<_> =
            snapshot.realms().map(|realm| format!("Realm {} has the issuer {}", realm.name, realm.issuer)).collect();
        advice.sort();
        advice.extend(bad_realms(gathered));
        return Err(refused(
            "No Realm that is served has an issuer at this address: the answer is 404.".into(),
            advice,
        ));
    };
    match Endpoint::of(rest) {
        Some(Endpoint::Authorize) if Endpoint::Authorize.is_served(&realm.settings) => Ok(realm.clone()),
        Some(Endpoint::Authorize) => Err(refused(
            format!("The Realm {} has no authorization endpoint: the answer is 404.", realm.name),
            vec![format!(
                "let the Realm {} have the grant authorization_code (spec.allowed.oidcClients.grantTypes)",
                realm.name
            )],
        )),
        _ => Err(refused(
            format!("{rest} of the Realm {} is not its authorization endpoint.", realm.name),
            vec![format!("give the URL that begins with {}?", realm.issuer.endpoint("/authorize"))],
        )),
    }
}

fn bad_realms(gathered: &Gathered) -> Vec<String> {
    let realms = gathered.objects.keys().filter(|key| key.kind == Kind::Realm);
    realms.flat_map(|key| gathered.problems(key).into_iter().map(move |problem| format!("{key}: {problem}"))).collect()
}

/// What may be shown of a URL whose parameters can be anything.
fn without_query(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

/// The user of this sign-in name; the User of this name where nobody has it.
fn user(gathered: &Gathered, realm: &Realm, name: &str) -> Result<Arc<User>, Box<Report>> {
    if let Some(user) = realm.user_by_name(name) {
        return Ok(user.clone());
    }
    let summary = format!("Nobody can sign in as {name} to the Realm {}.", realm.name);
    let mut report = Report::new(String::new(), Outcome::Refused, summary);
    let is_meant = |key: &&ObjectKey| match gathered.objects.get(*key) {
        Some(Object::User(user)) => {
            *key.name.name == *name
                || user.spec.username.as_deref().is_some_and(|theirs| theirs.eq_ignore_ascii_case(name))
        }
        _ => false,
    };
    for key in gathered.objects.keys().filter(is_meant) {
        let problems = gathered.problems(key);
        if problems.is_empty() {
            report
                .advice
                .push(format!("{key} is a user of another Realm, or signs in by another name (spec.username)"));
        }
        report.problems.extend(problems.into_iter().map(|problem| format!("{key}: {problem}")));
    }
    if report.problems.is_empty() && report.advice.is_empty() {
        report.advice.push(format!("apply a User with this username whose realmRef is {}", realm.name));
    }
    Err(Box::new(report))
}

/// Why a person who would be let on can't sign in in the first place; whether the password is right nobody sees here.
fn no_password(gathered: &Gathered, realm: &Realm, user: &User) -> Option<String> {
    if !realm.settings.login.passwords {
        return Some(format!(
            "nobody can sign in with a password: the Realm {} has turned that off (spec.login)",
            realm.name
        ));
    }
    let key = ObjectKey { kind: Kind::User, name: user.name.clone() };
    match gathered.objects.get(&key) {
        Some(Object::User(object)) if object.spec.password_secret_ref.is_none() => {
            Some(format!("the {key} has no password to sign in with (spec.passwordSecretRef)"))
        }
        _ => None,
    }
}

fn on_a_page(error: &OAuthError) -> ErrorLine {
    ErrorLine {
        code: error.code.as_str().to_owned(),
        description: error.description.to_string(),
        answered: "told to the person on a page of the provider; nothing goes back to the client".to_owned(),
    }
}

fn ended(about: String, ending: &Ending, has_user: bool) -> Report {
    let whose = |client: &crate::realm::Client| format!("{about}, of the OidcClient {}", client.name);
    let granted = |outcome, summary: &str, granted: &Granted| {
        let mut report = Report::new(whose(&granted.client), outcome, summary);
        report.fact("client_id", [&granted.client.id]);
        report.fact("redirect_uri", [&granted.redirect_uri]);
        report.fact("response_type", [granted.response_type]);
        report.fact("response_mode", [granted.response_mode]);
        report.fact("scopes granted", granted.scopes.iter());
        report.fact("access groups", granted.client.access_groups.iter());
        report
    };
    match ending {
        Ending::Page(error) => {
            let mut report = Report::new(about, Outcome::Refused, "It would be refused.");
            report.error = Some(on_a_page(error));
            report
        }
        Ending::Reply { client, redirect_uri, error } => {
            let mut report = Report::new(whose(client), Outcome::Refused, "It would be refused.");
            report.error = Some(ErrorLine {
                code: error.code.as_str().to_owned(),
                description: error.description.to_string(),
                answered: format!("told to the client: the browser is sent to {redirect_uri}"),
            });
            report
        }
        Ending::SignIn(request) => {
            let mut report =
                granted(Outcome::Asked, "Nothing is wrong with it: the person is asked to sign in.", request);
            if !has_user {
                report.notes.push("with --user USERNAME it goes on as if that person had signed in".to_owned());
            }
            report
        }
        Ending::Consent(request) => {
            granted(Outcome::Asked, "Nothing is wrong with it: the person is asked for consent.", request)
        }
        Ending::Unseen { client, reason } => {
            let mut report = Report::new(whose(client), Outcome::Unknown, "It can't be told from here.");
            report.notes.push((*reason).to_owned());
            report
        }
        Ending::Issue(request) => {
            granted(Outcome::Accepted, &format!("It is answered with {}.", issued(request.response_type)), request)
        }
    }
}

/// What a response type brings, for a sentence.
fn issued(response_type: ResponseType) -> &'static str {
    match response_type {
        ResponseType::Code => "a code",
        ResponseType::IdToken => "an ID token",
        ResponseType::IdTokenToken => "an ID token and an access token",
        ResponseType::CodeIdToken => "a code and an ID token",
        ResponseType::CodeToken => "a code and an access token",
        ResponseType::CodeIdTokenToken => "a code, an ID token and an access token",
        ResponseType::None => "nothing but the word that the person is signed in",
    }
}
