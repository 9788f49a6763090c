//! RP-Initiated Logout 1.0. The SSO session ends with every code and refresh token that is bound to it, and its clients are told: in frames
//! of the person's browser ([`front_channel`]) and behind its back ([`back_channel`]). The person is asked first unless the request comes
//! with an ID token of this very session (section 2: "MUST ask" without one), and no hint that means somebody else, so no page on the
//! web can sign anybody out.

pub(crate) mod back_channel;
mod front_channel;
mod request;

use axum::{
    body::Body,
    http::{Method, Request, Response, StatusCode},
};

use self::request::LogoutRequest;
use super::{
    Call, Params,
    authorize::{MAX_BOUNCED, with_query},
    csrf,
    id_token_hint::Hint,
    pages::{self, LogoutPage, NoticePage, Person, SignedOutPage, WayOn},
    sign_out,
    visit::{Visit, back_to, see_other},
};
use crate::{
    account::session::Session,
    realm::{Client, Realm},
};

const PATH: &str = "/logout";
/// Parameters of a request that the form brings again.
const KEPT: [&str; 6] =
    ["id_token_hint", "logout_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"];

/// Answers GET and POST (section 2 wants both).
pub(crate) async fn handle(call: &Call, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let mut visit = match Visit::begin(call, &parts.headers).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    let is_post = parts.method == Method::POST;
    let params = match is_post {
        true => Params::from_body(&parts.headers, body).await,
        false => Params::parse(parts.uri.query().unwrap_or_default().as_bytes()),
    };
    let response = match params {
        Ok(params) => {
            visit.set_ui_locales(params.get("ui_locales"));
            answer(&mut visit, &params, is_post).await
        }
        Err(error) => visit.error_page(|texts| texts.bad_sign_out, error.into()),
    };
    visit.finish(response)
}

async fn answer(visit: &mut Visit<'_>, params: &Params, is_post: bool) -> Response<Body> {
    let call = visit.call;
    let request = match request::check(&call.realm, params, call.now) {
        Ok(request) => request,
        Err(error) => return visit.error_page(|texts| texts.bad_sign_out, error),
    };
    // A form of another site comes without our cookies (SameSite=Lax), the redirect after it with them.
    if is_post && visit.cookies.is_empty() {
        return see_other(&as_get(call, params, &request));
    }
    let Some(session) = visit.session.clone() else { return after(visit, &request, &[]) };
    match (params.get("action"), is_post) {
        (Some(action), true) => decided(visit, params, &request, &session, action).await,
        _ if is_meant(&call.realm, &request, &session) => end(visit, &request, &session).await,
        _ => ask(visit, params, &request, &session),
    }
}

/// The person has answered the question.
async fn decided(
    visit: &mut Visit<'_>,
    params: &Params,
    request: &LogoutRequest,
    session: &Session,
    action: &str,
) -> Response<Body> {
    let secret = visit.cookies.session.as_deref().unwrap_or_default();
    if !csrf::is_valid(secret, &["logout", session.sid()], params.get("csrf")) {
        return ask(visit, params, request, session);
    }
    match action {
        "sign-out" => end(visit, request, session).await,
        _ => visit.notice(StatusCode::OK, |texts| texts.still_signed_in, request.client.as_deref()),
    }
}

/// Section 2: the ID token is of this session, by its `sid`, or by its `sub` where it has none; and `logout_hint`, where there is one, means
/// nobody else.
fn is_meant(realm: &Realm, request: &LogoutRequest, session: &Session) -> bool {
    let is_of = |hint: &Hint| match &hint.sid {
        Some(sid) => sid == session.sid(),
        None => hint.known_as(realm).is(&session.subject()),
    };
    let names = |hint: &str| names(realm, request.client.as_deref(), session, hint);
    request.hint.as_ref().is_some_and(is_of) && request.logout_hint.as_deref().is_none_or(names)
}

/// True where `logout_hint` names who is signed in: by the session, the subject as the client knows it, or what the person signs in with.
fn names(realm: &Realm, client: Option<&Client>, session: &Session, hint: &str) -> bool {
    let subject = session.subject();
    let Some(user) = realm.user(&subject) else { return false };
    let email = user.profile.get("email").and_then(|email| email.as_str());
    hint == session.sid()
        || client.map_or(&*subject == hint, |client| *realm.subject_for(client, user) == *hint)
        || hint.to_lowercase() == user.username.to_lowercase()
        || email.is_some_and(|email| email.to_lowercase() == hint.to_lowercase())
}

/// Ends the session; it has ended before where somebody else was first.
async fn end(visit: &mut Visit<'_>, request: &LogoutRequest, session: &Session) -> Response<Body> {
    match sign_out::end(visit.call, session).await {
        Ok(ended) => {
            visit.sign_out();
            after(visit, request, &front_channel::frames(&visit.call.realm, &ended))
        }
        Err(error) => visit.trouble(&error.into()),
    }
}

/// Section 3: back to the client, or a page that says that it is done; where clients are to be told in frames, by way of a page with those.
fn after(visit: &Visit<'_>, request: &LogoutRequest, frames: &[front_channel::ClientFrame]) -> Response<Body> {
    let (frame, client) = (visit.frame(), request.client.as_deref());
    let way_back = request.redirect.as_ref().map(|redirect| match &redirect.state {
        Some(state) => with_query(&redirect.uri, &[("state", state)]),
        None => with_query(&redirect.uri, &[]),
    });
    let way_on = client.and_then(|client| back_to(client, frame.texts));
    match (way_back, frames) {
        (Some(href), []) => see_other(&href),
        (None, []) => {
            let notice = frame.texts.signed_out;
            pages::page(StatusCode::OK, &NoticePage { frame, notice, error: None, way_on })
        }
        (Some(href), frames) => {
            let label = frame.texts.go_on.to_owned();
            let notice = frame.texts.signing_out;
            front_channel::page(
                SignedOutPage::new(frame, notice).going_on(WayOn { href, label, is_secondary: false }),
                frames,
            )
        }
        (None, frames) => {
            let notice = frame.texts.signed_out;
            front_channel::page(SignedOutPage { way_on, ..SignedOutPage::new(frame, notice) }, frames)
        }
    }
}

fn ask(visit: &Visit<'_>, params: &Params, request: &LogoutRequest, session: &Session) -> Response<Body> {
    let subject = session.subject();
    let Some(user) = visit.call.realm.user(&subject) else { return after(visit, request, &[]) };
    let secret = visit.cookies.session.as_deref().unwrap_or_default();
    let page = LogoutPage {
        frame: visit.frame(),
        client: request.client.as_deref().map(|client| &*client.display_name),
        person: Person::new(user),
        action: visit.realm().issuer.endpoint(PATH),
        hidden: KEPT.into_iter().filter_map(|name| Some((name, params.get(name)?))).collect(),
        csrf: csrf::token(secret, &["logout", session.sid()]),
    };
    pages::page(StatusCode::OK, &page)
}

/// The same request as GET. What is too long for a URL is left out: the person is asked then, and stays here afterwards.
fn as_get(call: &Call, params: &Params, request: &LogoutRequest) -> String {
    let kept: Vec<_> = KEPT.into_iter().filter_map(|name| Some((name, params.get(name)?))).collect();
    let endpoint = call.realm.issuer.endpoint(PATH);
    let url = with_query(&endpoint, &kept);
    match &request.client {
        _ if url.len() <= MAX_BOUNCED => url,
        Some(client) => with_query(&endpoint, &[("client_id", &client.id)]),
        None => endpoint,
    }
}

#[cfg(test)]
mod front_channel_tests;
#[cfg(test)]
mod tests;
