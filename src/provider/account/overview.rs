//! The page itself.

use std::collections::BTreeMap;

use axum::{
    body::Body,
    http::{Response, StatusCode},
};
use url::Url;

use super::{
    Here, PATH,
    apps::{self, Held},
    password,
};
use crate::{
    account::session::Session,
    provider::{
        authorize::with_query,
        consent::{claim_wish, wish},
        pages::{self, App, Door, OwnPage, PasswordForm, Person, SessionRow, Texts, name_of},
        visit::Visit,
    },
    realm::Client,
    store::StoreError,
};

/// The page; `done` names what a form has just done.
pub(super) async fn show(visit: &Visit<'_>, here: &Here<'_>, done: Option<&str>) -> Response<Body> {
    let texts = visit.texts();
    let done = done.and_then(|done| texts.own.done.iter().find(|(name, _)| *name == done)).map(|(_, text)| *text);
    page(visit, here, StatusCode::OK, done, None).await
}

/// The page, with why nothing has been done.
pub(super) async fn refuse(
    visit: &Visit<'_>,
    here: &Here<'_>,
    status: StatusCode,
    choose: impl Fn(&Texts) -> String,
) -> Response<Body> {
    page(visit, here, status, None, Some(choose(visit.texts()))).await
}

async fn page(
    visit: &Visit<'_>,
    here: &Here<'_>,
    status: StatusCode,
    done: Option<&'static str>,
    alert: Option<String>,
) -> Response<Body> {
    match gather(visit, here).await {
        Ok(page) => pages::page(status, &OwnPage { done, alert, ..page }),
        Err(error) => visit.trouble(&error.into()),
    }
}

async fn gather<'a>(visit: &Visit<'a>, here: &Here<'a>) -> Result<OwnPage<'a>, StoreError> {
    let (call, texts) = (visit.call, visit.texts());
    let held = apps::of_user(call, &here.user.subject).await?;
    let sessions = Session::of_user(&*call.provider.store, &call.realm, &here.user.subject, call.now).await?;
    let sessions: Vec<_> = sessions.iter().map(|session| session_row(visit, here, session)).collect();
    Ok(OwnPage {
        frame: visit.frame(),
        done: None,
        alert: None,
        person: Person::new(here.user),
        email: here.user.profile.get("email").and_then(|email| email.as_str()),
        action: visit.realm().issuer.endpoint(PATH),
        sign_out: visit.realm().issuer.endpoint("/logout"),
        doors: doors(visit, here),
        apps: held.into_iter().map(|(id, held)| app(visit, here, id, held)).collect(),
        end_others: (sessions.len() > 1).then(|| here.csrf("end-others", "")),
        sessions,
        password: password_form(visit, here),
        texts: texts.own,
    })
}

/// The form that changes the password, where that is possible here.
fn password_form(visit: &Visit<'_>, here: &Here<'_>) -> Option<PasswordForm> {
    password::writer(visit, here.user)?;
    let hint = visit.texts().own.password_short;
    Some(PasswordForm {
        username: here.user.username.to_string(),
        hint: format!("{}{}{}", hint.0, password::MIN_LENGTH, hint.1),
        csrf: here.csrf("change-password", ""),
    })
}

fn app(visit: &Visit<'_>, here: &Here<'_>, id: String, held: Held) -> App {
    let (realm, texts) = (visit.realm(), visit.texts());
    let name = realm.client(&id).map_or_else(|| id.as_str().into(), |client| name_of(client, texts));
    let scopes = in_order(visit, &held);
    // A claim that one of the scopes brings need not be told twice.
    let is_brought = |claim: &str| {
        let mut known = scopes.iter().filter_map(|scope| realm.settings.scope(scope));
        known.any(|scope| scope.releases(claim))
    };
    let claims = held.claims.iter().filter(|claim| !is_brought(claim));
    let claims = claims.map(|claim| claim_wish(realm, texts, claim).into_owned());
    App {
        name,
        wishes: scopes.iter().map(|scope| wish(realm, texts, scope).to_owned()).chain(claims).collect(),
        resources: held.resources.into_iter().collect(),
        since: held.since.map(|at| texts.own.day(at)),
        used: held.used.map(|at| texts.own.day(at)),
        csrf: here.csrf("withdraw", &id),
        id,
    }
}

/// The scopes in the order of the realm, and then those that it knows no more.
fn in_order<'h>(visit: &Visit<'_>, held: &'h Held) -> Vec<&'h str> {
    let known: BTreeMap<&str, usize> =
        visit.realm().settings.scopes.iter().enumerate().map(|(index, scope)| (&*scope.name, index)).collect();
    let mut scopes: Vec<_> = held.scopes.iter().map(String::as_str).collect();
    scopes.sort_by_key(|scope| known.get(scope).copied().unwrap_or(usize::MAX));
    scopes
}

fn session_row(visit: &Visit<'_>, here: &Here<'_>, session: &Session) -> SessionRow {
    let texts = visit.texts();
    let device = session.device().to_string();
    let names = session.served_clients(visit.realm()).map(|client| name_of(client, texts));
    let handle = session.handle();
    SessionRow {
        is_this: session.sid() == here.session.sid(),
        device: if device.is_empty() { texts.own.unknown_device.to_owned() } else { device },
        address: session.device().address().map(|address| address.to_canonical().to_string()),
        since: texts.own.moment(session.created_at()),
        seen: texts.own.moment(session.last_seen()),
        apps: names.map(|name| name.to_string()).collect::<Vec<_>>().join(", "),
        csrf: here.csrf("end-session", &handle),
        handle,
    }
}

/// The applications that begin a sign-in themselves when they are told to (OpenID Connect Core section 4) and that let this person in.
fn doors(visit: &Visit<'_>, here: &Here<'_>) -> Vec<Door> {
    let admits = |client: &&std::sync::Arc<Client>| client.admits(here.user);
    let clients = visit.realm().clients.values().filter(admits);
    let mut doors: Vec<_> = clients
        .filter_map(|client| Some(Door { name: name_of(client, visit.texts()), href: door(visit, here, client)? }))
        .collect();
    doors.sort_by(|a, b| a.name.to_lowercase().cmp(&b.name.to_lowercase()).then_with(|| a.href.cmp(&b.href)));
    doors
}

/// Section 4: `iss` always; who the person is and where the application shall lead, so that nobody has to be asked again. Only https.
fn door(visit: &Visit<'_>, here: &Here<'_>, client: &Client) -> Option<String> {
    let uri = client.initiate_login_uri.as_deref()?;
    Url::parse(uri).ok().filter(|url| url.scheme() == "https" && url.fragment().is_none())?;
    let home = client.presentation.in_language(visit.texts().lang).home;
    let mut parameters = vec![("iss", visit.realm().issuer.as_str()), ("login_hint", &*here.user.username)];
    parameters.extend(home.as_deref().map(|home| ("target_link_uri", home)));
    Some(with_query(uri, &parameters))
}
