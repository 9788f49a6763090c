//! The pages that people see: rendered here, readable without scripts, images or fonts from anywhere. Each carries its style within
//! itself; the Content-Security-Policy names that style (and the one line of script of a form post) by hash and bars all else.
//!
//! There is no `form-action` in the policy: browsers apply it to every redirect after a form too, and a sign-in ends with a redirect to
//! the client, which may redirect further.

mod asker;
mod de;
mod display;
mod en;
mod own;
mod texts;

use std::{borrow::Cow, sync::LazyLock};

use askama::Template;
use aws_lc_rs::digest;
use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use url::Url;

pub(crate) use asker::{Asker, name_of};
pub(crate) use display::Display;
pub(crate) use own::{App, Door, OwnPage, OwnSignInPage, OwnTexts, PasswordForm, SessionRow};
pub(crate) use texts::{LANGUAGES, Notice, Texts};

use super::OAuthError;
use crate::realm::{Realm, User};

const STYLE: &str = include_str!("../../../templates/style.css");
const SUBMIT: &str = "document.forms[0].submit()";
const GO_ON: &str = include_str!("../../../templates/signed_out.js");

static STYLE_HASH: LazyLock<String> = LazyLock::new(|| sha256(STYLE));
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| policy(""));
static POLICY_WITH_SUBMIT: LazyLock<HeaderValue> =
    LazyLock::new(|| policy(&format!("script-src 'sha256-{}'; ", sha256(SUBMIT))));

/// `more` is what this page needs beside its style, each directive with its `; `.
fn policy(more: &str) -> HeaderValue {
    let style = &*STYLE_HASH;
    let policy =
        format!("default-src 'none'; style-src 'sha256-{style}'; {more}base-uri 'none'; frame-ancestors 'none'");
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

pub(crate) fn sha256(text: &str) -> String {
    STANDARD.encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

/// What every page has.
pub(crate) struct Frame<'a> {
    pub(crate) texts: &'static Texts,
    realm: &'a str,
    host: &'a str,
    secure: bool,
    style: &'static str,
    display: Display,
}

impl<'a> Frame<'a> {
    pub(crate) fn new(realm: &'a Realm, texts: &'static Texts) -> Self {
        Self {
            texts,
            realm: &realm.settings.display_name,
            host: realm.issuer.authority(),
            secure: realm.issuer.is_secure(),
            style: STYLE,
            display: Display::default(),
        }
    }

    /// The same, laid out as the request asks.
    pub(crate) fn displayed(self, display: Display) -> Self {
        Self { display, ..self }
    }

    fn initial(&self) -> String {
        initial(self.realm)
    }
}

/// Who is signed in.
pub(crate) struct Person<'a> {
    name: &'a str,
    username: &'a str,
}

impl<'a> Person<'a> {
    pub(crate) fn new(user: &'a User) -> Self {
        let name = user.profile.get("name").and_then(|name| name.as_str()).filter(|name| !name.trim().is_empty());
        Self { name: name.unwrap_or(&user.username), username: &user.username }
    }

    fn initial(&self) -> String {
        initial(self.name)
    }
}

/// The first letter, for the mark beside a name.
fn initial(name: &str) -> String {
    name.chars().find(|c| c.is_alphanumeric()).map(|c| c.to_uppercase().collect()).unwrap_or_default()
}

/// The sign-in form.
#[derive(Template)]
#[template(path = "login.html")]
pub(crate) struct LoginPage<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) client: Asker<'a>,
    pub(crate) action: String,
    pub(crate) interaction: &'a str,
    pub(crate) csrf: String,
    pub(crate) username: &'a str,
    pub(crate) alert: Option<String>,
    /// What was typed is wrong, not the moment.
    pub(crate) invalid: bool,
}

/// The choice between the account that is signed in and another.
#[derive(Template)]
#[template(path = "account.html")]
pub(crate) struct AccountPage<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) client: Asker<'a>,
    pub(crate) person: Person<'a>,
    pub(crate) action: String,
    pub(crate) interaction: &'a str,
    pub(crate) csrf: String,
}

/// The question whether a client may have what it asks for.
#[derive(Template)]
#[template(path = "consent.html")]
pub(crate) struct ConsentPage<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) client: Asker<'a>,
    pub(crate) person: Person<'a>,
    pub(crate) wishes: Vec<Cow<'a, str>>,
    pub(crate) resources: &'a [String],
    pub(crate) action: String,
    pub(crate) switch: String,
    pub(crate) interaction: &'a str,
    pub(crate) csrf: String,
}

/// The question whether to sign out.
#[derive(Template)]
#[template(path = "logout.html")]
pub(crate) struct LogoutPage<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) client: Option<&'a str>,
    pub(crate) person: Person<'a>,
    pub(crate) action: String,
    pub(crate) hidden: Vec<(&'a str, &'a str)>,
    pub(crate) csrf: String,
}

/// A page that only tells something, and how to go on.
#[derive(Template)]
#[template(path = "notice.html")]
pub(crate) struct NoticePage<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) notice: Notice,
    pub(crate) error: Option<OAuthError>,
    pub(crate) way_on: Option<WayOn>,
}

/// A link that leads on.
pub(crate) struct WayOn {
    pub(crate) href: String,
    pub(crate) label: String,
    pub(crate) is_secondary: bool,
}

/// An answer to the client by way of a form that sends itself (OAuth 2.0 Form Post Response Mode section 2); without scripts its button
/// does.
#[derive(Template)]
#[template(path = "form_post.html")]
pub(crate) struct FormPostPage<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) client: &'a str,
    pub(crate) action: &'a str,
    pub(crate) parameters: &'a [(&'static str, &'a str)],
    script: &'static str,
}

impl<'a> FormPostPage<'a> {
    pub(crate) fn new(
        frame: Frame<'a>,
        client: &'a str,
        action: &'a str,
        parameters: &'a [(&'static str, &'a str)],
    ) -> Self {
        Self { frame, client, action, parameters, script: SUBMIT }
    }
}

/// The person is signed out here, and in frames at clients too (OpenID Connect Front-Channel Logout section 2). It leads on by itself when
/// all frames have loaded, and, also without scripts, after [`FRAMES_MAY_TAKE`].
#[derive(Template)]
#[template(path = "signed_out.html")]
pub(crate) struct SignedOutPage<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) notice: Notice,
    pub(crate) way_on: Option<WayOn>,
    /// The page leads on by itself.
    pub(crate) goes_on: bool,
    pub(crate) frames: Vec<String>,
    pub(crate) script: &'static str,
}

/// So many seconds the clients have to sign a person out in their frames.
const FRAMES_MAY_TAKE: u8 = 5;

impl<'a> SignedOutPage<'a> {
    pub(crate) fn new(frame: Frame<'a>, notice: Notice) -> Self {
        Self { frame, notice, way_on: None, goes_on: false, frames: Vec::new(), script: GO_ON }
    }

    /// Where it leads by itself.
    pub(crate) fn going_on(self, way_on: WayOn) -> Self {
        Self { way_on: Some(way_on), goes_on: true, ..self }
    }
}

/// Renders the page with frames; they may show what these origins send.
pub(crate) fn signed_out(page: &SignedOutPage<'_>, origins: &[String]) -> Response<Body> {
    let sources = format!("script-src 'sha256-{}'; frame-src {}; ", sha256(GO_ON), origins.join(" "));
    let mut response = html(StatusCode::OK, page, &policy(&sources));
    if let Some(way_on) = page.way_on.as_ref().filter(|_| page.goes_on)
        && let Ok(refresh) = HeaderValue::try_from(format!("{FRAMES_MAY_TAKE}; url={}", way_on.href))
    {
        response.headers_mut().insert(header::REFRESH, refresh);
    }
    response
}

/// The origin of an http or https URL, as a policy lists it (Content Security Policy Level 3 section 2.3.1). None where its host holds what
/// no name on the network has: a URL may have a `;`, a `,` or a `*` there, which would say something else about the whole page.
pub(crate) fn origin_in_policy(url: &Url) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_[]:".contains(c);
    let is_listed =
        matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| host.chars().all(is_plain));
    is_listed.then(|| url.origin().ascii_serialization())
}

/// Renders a page.
pub(crate) fn page(status: StatusCode, page: &impl Template) -> Response<Body> {
    html(status, page, &POLICY)
}

/// Renders a page that shows who asks: with its logo, which is the one thing on our pages that comes from elsewhere.
pub(crate) fn client_page(status: StatusCode, page: &impl Template, asker: &Asker<'_>) -> Response<Body> {
    match asker.logo_origin() {
        Some(origin) => html(status, page, &policy(&format!("img-src {origin}; "))),
        None => html(status, page, &POLICY),
    }
}

/// Renders a page that sends its form by itself.
pub(crate) fn form_post(page: &FormPostPage<'_>) -> Response<Body> {
    html(StatusCode::OK, page, &POLICY_WITH_SUBMIT)
}

fn html(status: StatusCode, page: &impl Template, policy: &HeaderValue) -> Response<Body> {
    let Ok(text) = page.render() else {
        return super::plain(StatusCode::INTERNAL_SERVER_ERROR, "the page could not be written");
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests;
