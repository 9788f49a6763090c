//! The sign-in page (OpenID Connect Core section 3.1.2.3). Wrong name, wrong password, a user that is disabled or has no password: one
//! answer, one status, one time.
//!
//! The page may be loaded and its form sent any number of times within the half hour that a sign-in may take: a double click, the back
//! button or a second tab end where the first one does, each with a code of its own.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderValue, Request, Response, StatusCode, header},
};
use jiff::Timestamp;

use super::{
    Call, ErrorCode, OAuthError,
    authorize::{self, Standing},
    pages::{self, AccountPage, LoginPage},
    under_way::UnderWay,
    visit::{Visit, see_other, with_error},
};
use crate::{
    account::{
        AccountError, Check, Place, PoolError,
        lockout::{self, Admission, Attempt},
        session::{Session, SignIn},
    },
    realm::{KnownAs, Password, User},
    secret::Secret,
    store::StoreError,
    telemetry::SignInOutcome,
};

const PATH: &str = "/login";

/// Answers GET and POST.
pub(crate) async fn handle(call: &Call, request: Request<Body>) -> Response<Body> {
    UnderWay::answer(call, request, show, submit).await
}

/// The page that the sign-in needs now; where it needs none any more (somebody signed in in another tab), on to the client.
async fn show(under_way: &mut UnderWay<'_>) -> Response<Body> {
    let visit = &under_way.visit;
    let standing = authorize::check_login(
        &under_way.request,
        visit.session.as_ref(),
        Some(&under_way.interaction),
        visit.call.now,
    );
    let wants_other = under_way.query.get("account") == Some("other");
    match standing {
        Standing::SelectAccount if !wants_other => account_page(under_way),
        Standing::Fine | Standing::SomebodyElse if !wants_other => under_way.proceed().await,
        _ => login_page(under_way, &name_to_begin_with(under_way), None),
    }
}

async fn submit(under_way: &mut UnderWay<'_>) -> Response<Body> {
    if !under_way.csrf_is_valid(["login", ""]) {
        return under_way.outdated(PATH);
    }
    match under_way.form.get("action") {
        Some("cancel") => {
            let error = OAuthError::new(ErrorCode::AccessDenied, "the person did not sign in");
            under_way.request.reply_to.error(&under_way.visit, &under_way.request.client, error)
        }
        Some("other") => see_other(&format!("{}&account=other", under_way.url(PATH))),
        Some("continue") => go_on(under_way).await,
        _ => sign_in(under_way).await,
    }
}

/// The person goes on with the account that is signed in.
async fn go_on(under_way: &mut UnderWay<'_>) -> Response<Body> {
    let call = under_way.visit.call;
    if let Err(error) = under_way.interaction.confirm_account(&*call.provider.store, &call.realm, call.now).await {
        return under_way.visit.trouble(&error.into());
    }
    under_way.proceed().await
}

async fn sign_in(under_way: &mut UnderWay<'_>) -> Response<Body> {
    if !under_way.visit.realm().settings.login.passwords {
        return under_way.notice(StatusCode::FORBIDDEN, |texts| texts.passwords_disabled);
    }
    let username = under_way.form.get("username").unwrap_or_default().trim().to_owned();
    let Some(password) = under_way.form.get("password").map(Secret::new) else {
        return login_page(under_way, &username, Some(Alert::Missing));
    };
    if username.is_empty() {
        return login_page(under_way, &username, Some(Alert::Missing));
    }
    match authenticate(under_way.visit.call, &username, password).await {
        Ok(Ok(user)) => begin_session(under_way, user).await,
        Ok(Err(alert)) => login_page(under_way, &username, Some(alert)),
        Err(error) => under_way.visit.trouble(&error),
    }
}

/// Checks a password, within the lockout and the pool. An attempt is counted once it has its place in the pool, so that overload is held
/// against nobody.
pub(super) async fn authenticate<'a>(
    call: &'a Call,
    username: &str,
    password: Secret,
) -> Result<Result<&'a User, Alert>, AccountError> {
    let (provider, realm) = (&call.provider, &call.realm);
    let count = |outcome| provider.metrics.sign_in(&realm.name.to_string(), outcome);
    let user = realm.user_by_name(username).map(|user| &**user);
    let (attempt, place) = match admit(call, username, user).await? {
        Ok(admitted) => admitted,
        Err(alert) => {
            count(if alert == Alert::Overloaded { SignInOutcome::Overloaded } else { SignInOutcome::LockedOut });
            return Ok(Err(alert));
        }
    };
    match place.verify(password).await {
        Ok(true) if let Some(user) = user.filter(|user| user.enabled) => {
            attempt.succeeded().await?;
            count(SignInOutcome::Success);
            tracing::info!(subject = %user.subject, "signed in");
            Ok(Ok(user))
        }
        Ok(_) => {
            count(SignInOutcome::WrongCredentials);
            // The name that was typed is not logged: it may be a password in the wrong field.
            tracing::info!(user = user.map(|user| user.name.to_string()), address = %call.peer.address, "sign-in refused");
            Ok(Err(attempt.failed(call.now).await?.map_or(Alert::Wrong, Alert::Locked)))
        }
        Err(error) => {
            count(SignInOutcome::Overloaded);
            tracing::warn!(%error, "a password was not checked");
            Ok(Err(Alert::Overloaded))
        }
    }
}

/// A place in the pool, and the attempt counted; or why there is none. Where the same name signs in many times at this instant, it takes
/// a moment to know.
async fn admit<'c>(
    call: &'c Call,
    username: &str,
    user: Option<&User>,
) -> Result<Result<(Attempt<'c>, Place), Alert>, StoreError> {
    let (store, realm, address) = (&*call.provider.store, &*call.realm, call.peer.address);
    let mut last = Alert::Overloaded;
    for pause in [0, 25, 50, 100, 200, 400, 800] {
        if pause > 0 {
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        if let Some(until) = lockout::locked(store, realm, username, address, call.now).await? {
            return Ok(Err(Alert::Locked(until)));
        }
        let Ok(place) = call.provider.passwords.place(Check::new(realm, username, user)).await else {
            return Ok(Err(Alert::Overloaded));
        };
        match Attempt::admit(store, realm, username, address, call.now).await? {
            Admission::Admitted(attempt) => return Ok(Ok((attempt, place))),
            Admission::Locked(until) => return Ok(Err(Alert::Locked(until))),
            Admission::Busy(until) => last = Alert::Locked(until),
        }
    }
    Ok(Err(last))
}

async fn begin_session(under_way: &mut UnderWay<'_>, user: &User) -> Response<Body> {
    match begin(&mut under_way.visit, user, None).await {
        Ok(()) => under_way.proceed().await,
        Err(error) => under_way.visit.trouble(&error),
    }
}

/// The browser gets a session under a new cookie, whatever it had before: a cookie that was planted there is worth nothing.
/// `new_password`: see [`SignIn`].
pub(super) async fn begin(
    visit: &mut Visit<'_>,
    user: &User,
    new_password: Option<&Password>,
) -> Result<(), AccountError> {
    let (call, before) = (visit.call, visit.session.as_ref());
    let who = SignIn { user, device: visit.device(), new_password };
    let begun = Session::sign_in(&*call.provider.store, &call.realm, &who, before, call.now).await?;
    // Where somebody else was signed in, their clients are told.
    call.provider.logout_due.notify_one();
    visit.sign_in(begun.session, &begun.cookie);
    Ok(())
}

/// Why the form is shown again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alert {
    Missing,
    Wrong,
    Locked(Timestamp),
    Overloaded,
}

impl Alert {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Missing | Self::Wrong => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Locked(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// When to try again, in seconds.
    pub(super) fn retry_after(self, now: Timestamp) -> Option<i64> {
        match self {
            Self::Missing | Self::Wrong => None,
            Self::Locked(until) => Some(until.duration_since(now).as_secs().max(0) + 1),
            Self::Overloaded => Some(2),
        }
    }

    pub(super) fn text(self, texts: &pages::Texts, now: Timestamp) -> String {
        match self {
            Self::Missing => texts.credentials_missing.to_owned(),
            Self::Wrong => texts.credentials_wrong.to_owned(),
            Self::Overloaded => texts.overloaded.to_owned(),
            Self::Locked(until) => match (until.duration_since(now).as_secs() + 59) / 60 {
                ..=1 => texts.locked_one_minute.to_owned(),
                minutes => format!("{}{minutes}{}", texts.locked_minutes.0, texts.locked_minutes.1),
            },
        }
    }
}

fn login_page(under_way: &UnderWay<'_>, username: &str, alert: Option<Alert>) -> Response<Body> {
    if !under_way.visit.realm().settings.login.passwords {
        return under_way.notice(StatusCode::FORBIDDEN, |texts| texts.passwords_disabled);
    }
    let now = under_way.visit.call.now;
    let page = LoginPage {
        frame: under_way.visit.frame(),
        client: under_way.asker(),
        action: under_way.url(PATH),
        interaction: &under_way.interaction.id,
        csrf: under_way.csrf(["login", ""]),
        username,
        alert: alert.map(|alert| alert.text(under_way.texts(), now)),
        invalid: matches!(alert, Some(Alert::Missing | Alert::Wrong)),
    };
    let mut response = pages::client_page(alert.map_or(StatusCode::OK, Alert::status), &page, &page.client);
    if let Some(seconds) = alert.and_then(|alert| alert.retry_after(now)) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    match alert {
        Some(Alert::Overloaded) => {
            with_error(response, OAuthError::new(ErrorCode::TemporarilyUnavailable, PoolError::Overloaded.to_string()))
        }
        _ => response,
    }
}

fn account_page(under_way: &UnderWay<'_>) -> Response<Body> {
    let Some(person) = under_way.person() else { return login_page(under_way, "", None) };
    let page = AccountPage {
        frame: under_way.visit.frame(),
        client: under_way.asker(),
        person,
        action: under_way.url(PATH),
        interaction: &under_way.interaction.id,
        csrf: under_way.csrf(["login", ""]),
    };
    pages::client_page(StatusCode::OK, &page, &page.client)
}

/// The name that the form begins with: whom the client means, else who is signed in and asked again, else nobody.
fn name_to_begin_with(under_way: &UnderWay<'_>) -> String {
    if under_way.query.get("account") == Some("other") {
        return String::new();
    }
    let request = &under_way.request;
    let claimed = || request.claims.subject().map(|sub| KnownAs::by(&request.client, sub));
    let known = match &request.meant {
        authorize::Meant::Subject(known) => Some(known.clone()),
        _ => claimed(),
    };
    let meant = known.and_then(|known| match known.public() {
        Some(subject) => under_way.visit.call.realm.user(subject).map(|user| &**user),
        // Whose a pairwise subject is can be tried on who is there, and looked up nowhere.
        None => under_way.user().filter(|user| known.is(&user.subject)),
    });
    match (meant, &request.login_hint) {
        (Some(user), _) => user.username.to_string(),
        (None, Some(hint)) => hint.clone(),
        (None, None) => under_way.user().map(|user| user.username.to_string()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
