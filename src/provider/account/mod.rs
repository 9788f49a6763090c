//! A person's own page: who is signed in, which applications have access and how to take it back, where else the person is signed in and
//! how to end that, the password, and applications that can be opened from here (OpenID Connect Core section 4).
//!
//! GET changes nothing. Each form carries a token that fits this session, this action and what it is about, and the session's cookie
//! does not come with the forms of other sites (`SameSite=Lax`). After a form the browser goes on with GET, so that loading the page again
//! does nothing twice.

mod apps;
mod overview;
mod password;
mod sign_in;

use axum::{
    body::Body,
    http::{Method, Request, Response, StatusCode},
};

use super::{
    Call, Params, csrf, sign_out,
    visit::{Visit, see_other},
};
use crate::{
    account::{AccountError, session::Session},
    realm::User,
    store::StoreError,
};

const PATH: &str = "/account";

/// Answers GET and POST.
pub(crate) async fn handle(call: &Call, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let mut visit = match Visit::begin(call, &parts.headers).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    let is_post = parts.method == Method::POST;
    let query = Params::parse_repeating(parts.uri.query().unwrap_or_default().as_bytes(), |_| true);
    let form = match is_post {
        true => Params::from_body(&parts.headers, body).await,
        false => Params::parse(b""),
    };
    let response = match (query, form) {
        (Ok(query), Ok(form)) => {
            visit.set_ui_locales(query.get("ui_locales"));
            answer(&mut visit, &query, &form, is_post).await
        }
        (Err(error), _) | (_, Err(error)) => visit.error_page(|texts| texts.form_outdated, error.into()),
    };
    visit.finish(response)
}

async fn answer(visit: &mut Visit<'_>, query: &Params, form: &Params, is_post: bool) -> Response<Body> {
    let Some(here) = Here::of(visit) else {
        return match is_post {
            true => sign_in::submit(visit, form).await,
            false => sign_in::show(visit),
        };
    };
    if is_post { act(visit, &here, form).await } else { overview::show(visit, &here, query.get("done")).await }
}

/// Who is at the page, by which session.
struct Here<'a> {
    user: &'a User,
    session: Session,
    /// The session's cookie: the key of the forms' tokens.
    secret: String,
}

impl<'a> Here<'a> {
    fn of(visit: &Visit<'a>) -> Option<Self> {
        let (session, secret) = (visit.session.clone()?, visit.cookies.session.clone()?);
        let user = visit.call.realm.user(&session.subject())?;
        Some(Self { user, session, secret })
    }

    /// The token of the form that does `action` with `target`.
    fn csrf(&self, action: &str, target: &str) -> String {
        csrf::token(&self.secret, &["account", action, target])
    }
}

/// What a form on the page asks for.
async fn act(visit: &mut Visit<'_>, here: &Here<'_>, form: &Params) -> Response<Body> {
    let (action, target) = (form.get("action").unwrap_or_default(), form.get("target").unwrap_or_default());
    if !csrf::is_valid(&here.secret, &["account", action, target], form.get("csrf")) {
        return overview::refuse(visit, here, StatusCode::BAD_REQUEST, |texts| texts.form_outdated.text.into()).await;
    }
    let call = visit.call;
    if action == "change-password" {
        return password::change(visit, here, form).await;
    }
    let done = match action {
        "withdraw" => apps::withdraw(call, &here.user.subject, target).await.map(|()| "withdrawn"),
        "end-session" => end_sessions(call, here, |session| session.handle() == target).await.map(|()| "session-ended"),
        "end-others" => {
            end_sessions(call, here, |session| session.sid() != here.session.sid()).await.map(|()| "others-ended")
        }
        _ => {
            return overview::refuse(visit, here, StatusCode::BAD_REQUEST, |texts| texts.form_outdated.text.into())
                .await;
        }
    };
    match done {
        Ok(done) => {
            tracing::info!(subject = %here.user.subject, action, "a person changed what is theirs");
            see_other(&format!("{}?done={done}", call.realm.issuer.endpoint(PATH)))
        }
        Err(error) => visit.trouble(&AccountError::from(error)),
    }
}

/// Ends those of the person's sessions: nobody else's can be named.
async fn end_sessions(call: &Call, here: &Here<'_>, which: impl Fn(&Session) -> bool) -> Result<(), StoreError> {
    let sessions = Session::of_user(&*call.provider.store, &call.realm, &here.user.subject, call.now).await?;
    for session in sessions.iter().filter(|session| which(session)) {
        sign_out::end(call, session).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
