//! Signing in to the own page. There is no client and no request that would have to wait, so the form stands on the page itself.

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};

use super::PATH;
use crate::{
    provider::{
        Params, csrf,
        login::{self, Alert},
        pages::{self, OwnSignInPage},
        visit::{Visit, see_other},
    },
    secret::Secret,
};

/// The form.
pub(super) fn show(visit: &mut Visit<'_>) -> Response<Body> {
    page(visit, "", StatusCode::OK, None)
}

/// The form has come.
pub(super) async fn submit(visit: &mut Visit<'_>, form: &Params) -> Response<Body> {
    let is_ours = visit
        .cookies
        .browser
        .as_deref()
        .is_some_and(|browser| csrf::is_valid(browser, &["account", "sign-in"], form.get("csrf")));
    if !is_ours {
        // Without cookies, from another site, or from before somebody signed out.
        let text = visit.texts().form_outdated.text.to_owned();
        return page(visit, "", StatusCode::BAD_REQUEST, Some(text));
    }
    if !visit.realm().settings.login.passwords {
        return visit.notice(StatusCode::FORBIDDEN, |texts| texts.passwords_disabled, None);
    }
    let username = form.get("username").unwrap_or_default().trim();
    let password = form.get("password").filter(|_| !username.is_empty()).map(Secret::new);
    let Some(password) = password else { return again(visit, username, Alert::Missing) };
    match login::authenticate(visit.call, username, password).await {
        Ok(Ok(user)) => match login::begin(visit, user, None).await {
            Ok(()) => see_other(&visit.realm().issuer.endpoint(PATH)),
            Err(error) => visit.trouble(&error),
        },
        Ok(Err(alert)) => again(visit, username, alert),
        Err(error) => visit.trouble(&error),
    }
}

fn again(visit: &mut Visit<'_>, username: &str, alert: Alert) -> Response<Body> {
    let now = visit.call.now;
    let mut response = page(visit, username, alert.status(), Some(alert.text(visit.texts(), now)));
    if let Some(seconds) = alert.retry_after(now) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn page(visit: &mut Visit<'_>, username: &str, status: StatusCode, alert: Option<String>) -> Response<Body> {
    if !visit.realm().settings.login.passwords {
        return visit.notice(StatusCode::FORBIDDEN, |texts| texts.passwords_disabled, None);
    }
    let browser = match visit.browser_secret() {
        Ok(browser) => browser,
        Err(error) => return visit.trouble(&error),
    };
    let page = OwnSignInPage {
        frame: visit.frame(),
        action: visit.realm().issuer.endpoint(PATH),
        csrf: csrf::token(&browser, &["account", "sign-in"]),
        username,
        alert,
    };
    pages::page(status, &page)
}
