//! OpenID Connect Session Management 1.0: `session_state` in the answer to an authentication request (section 2), and the page at `/session`,
//! the OP iframe, that tells a relying party in the same browser whether the session is still the one that it knows (section 3.2).

mod state;

use std::sync::LazyLock;

use askama::Template;
use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};

pub(crate) use state::session_state;

use super::{Call, cookies::Cookie, pages::sha256};

const SCRIPT: &str = include_str!("../../../templates/session.js");

/// Any site may put it into a frame: that is what it is for. It has nothing on it to click, and answers only the page around it.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let script = sha256(SCRIPT);
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{script}'; base-uri 'none'; form-action 'none'; frame-ancestors *"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

#[derive(Template)]
#[template(path = "session.html")]
struct SessionPage {
    /// The name of the browser state's cookie.
    cookie: String,
    script: &'static str,
}

/// Answers GET. The page is the same for everybody.
pub(crate) fn handle(call: &Call) -> Response<Body> {
    let page = SessionPage { cookie: Cookie::State.name(&call.realm), script: SCRIPT };
    let Ok(text) = page.render() else {
        return super::plain(StatusCode::INTERNAL_SERVER_ERROR, "the page could not be written");
    };
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}

#[cfg(test)]
mod tests;
