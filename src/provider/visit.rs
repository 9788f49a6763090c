use std::borrow::Cow;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
};

use super::{
    Call, ErrorCode, OAuthError,
    cookies::{Cookie, Cookies},
    pages::{self, Display, Frame, Notice, NoticePage, Texts, WayOn},
    session::session_state,
};
use crate::{
    account::{AccountError, device::Device, session::Session},
    realm::{Client, Realm},
    secret::unguessable,
    store::StoreError,
};

/// One request of a browser: the call, its cookies, its SSO session and the languages that it asks for.
pub(crate) struct Visit<'a> {
    pub(crate) call: &'a Call,
    pub(crate) cookies: Cookies,
    pub(crate) session: Option<Session>,
    accept_language: Option<String>,
    user_agent: Option<String>,
    ui_locales: Option<String>,
    display: Display,
    set_cookies: Vec<HeaderValue>,
}

impl<'a> Visit<'a> {
    /// Reads the cookies and finds the session; where the store can't be asked, the page that says so.
    pub(crate) async fn begin(call: &'a Call, headers: &HeaderMap) -> Result<Self, Response<Body>> {
        let mut visit = Self::without_session(call, headers);
        if let Some(cookie) = &visit.cookies.session {
            let found = Session::find(&*call.provider.store, &call.realm, cookie, call.now).await;
            visit.session = found.map_err(|error| visit.trouble(&error.into()))?;
        }
        Ok(visit)
    }

    fn without_session(call: &'a Call, headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Self {
            call,
            cookies: Cookies::of(headers, &call.realm),
            session: None,
            accept_language: text(header::ACCEPT_LANGUAGE),
            user_agent: text(header::USER_AGENT),
            ui_locales: None,
            display: Display::default(),
            set_cookies: Vec::new(),
        }
    }

    pub(crate) fn realm(&self) -> &'a Realm {
        &self.call.realm
    }

    /// From where the request comes, as the person may recognise it.
    pub(crate) fn device(&self) -> Device {
        Device::of(self.user_agent.as_deref(), self.call.peer.address)
    }

    /// `ui_locales` of the request, which goes before what the browser asks for.
    pub(crate) fn set_ui_locales(&mut self, ui_locales: Option<&str>) {
        self.ui_locales = ui_locales.map(str::to_owned);
    }

    /// `display` of the request.
    pub(crate) fn set_display(&mut self, display: Option<&str>) {
        self.display = Display::of(display);
    }

    /// The words in the language that the request or the browser asks for.
    pub(crate) fn texts(&self) -> &'static Texts {
        Texts::negotiate(self.ui_locales.as_deref(), self.accept_language.as_deref())
    }

    pub(crate) fn frame(&self) -> Frame<'a> {
        Frame::new(self.realm(), self.texts()).displayed(self.display)
    }

    /// The browser's secret; one that has none gets one with the answer.
    pub(crate) fn browser_secret(&mut self) -> Result<String, AccountError> {
        if let Some(secret) = &self.cookies.browser {
            return Ok(secret.clone());
        }
        let secret = unguessable()?;
        self.set_cookies.extend(Cookie::Browser.set(self.realm(), &secret));
        self.cookies.browser = Some(secret.clone());
        Ok(secret)
    }

    /// The browser is signed in by this session from now on.
    pub(crate) fn sign_in(&mut self, session: Session, cookie: &str) {
        self.set_cookies.extend(Cookie::Session.set(self.realm(), cookie));
        self.session = Some(session);
    }

    /// The browser is signed out.
    pub(crate) fn sign_out(&mut self) {
        self.set_cookies.extend(Cookie::Session.clear(self.realm()));
        self.session = None;
    }

    /// Adds the cookies that were set on the way, and the browser state where it is not that of the session.
    pub(crate) fn finish(mut self, mut response: Response<Body>) -> Response<Body> {
        self.set_cookies.extend(self.browser_state());
        for cookie in self.set_cookies {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }

    /// `session_state` for the answer to the client at this redirect URI ([`super::session::session_state`]): by the browser state as it
    /// is after the answer ([`Self::browser_state`]).
    pub(crate) fn session_state(&self, client: &Client, redirect_uri: &str) -> Option<String> {
        let state = match (&self.session, &self.cookies.session) {
            (Some(session), _) => Cow::Owned(session.browser_state()),
            (None, Some(_)) => Cow::Borrowed(""),
            (None, None) => Cow::Borrowed(self.cookies.state.as_deref().unwrap_or_default()),
        };
        session_state(&state, client, redirect_uri).ok()
    }

    /// What makes the browser state that of the session. Without a session it goes where there was one: a request from another site comes
    /// with the browser state and without the session's cookie, and says nothing.
    fn browser_state(&self) -> Option<HeaderValue> {
        let (known, realm) = (self.cookies.state.as_deref(), self.realm());
        match &self.session {
            Some(session) => {
                let state = session.browser_state();
                if known == Some(&*state) { None } else { Cookie::State.set(realm, &state) }
            }
            None if known.is_some() && self.cookies.session.is_some() => Cookie::State.clear(realm),
            None => None,
        }
    }

    /// A page that only tells something; where `client` is known it leads back there.
    pub(crate) fn notice(
        &self,
        status: StatusCode,
        choose: fn(&Texts) -> Notice,
        client: Option<&Client>,
    ) -> Response<Body> {
        let frame = self.frame();
        let way_on = client.and_then(|client| back_to(client, frame.texts));
        let notice = choose(frame.texts);
        pages::page(status, &NoticePage { frame, notice, error: None, way_on })
    }

    /// An error on a page: the client or its redirect URI can't be trusted, so nothing goes back to it (RFC 6749 section 4.1.2.1).
    pub(crate) fn error_page(&self, choose: fn(&Texts) -> Notice, error: OAuthError) -> Response<Body> {
        let frame = self.frame();
        let notice = choose(frame.texts);
        let status = error.status.unwrap_or(StatusCode::BAD_REQUEST);
        let page = NoticePage { frame, notice, error: Some(error.clone()), way_on: None };
        with_error(pages::page(status, &page), error)
    }

    /// The page for when the store or the machine can't do it.
    pub(crate) fn trouble(&self, error: &AccountError) -> Response<Body> {
        tracing::warn!(%error, "a sign-in could not go on");
        match error {
            AccountError::Store(StoreError::Corrupt(_)) | AccountError::NoEntropy(_) => {
                let response = self.notice(StatusCode::INTERNAL_SERVER_ERROR, |texts| texts.failed, None);
                with_error(response, OAuthError::new(ErrorCode::ServerError, error.to_string()))
            }
            AccountError::Store(StoreError::Unavailable(_) | StoreError::Conflict) => {
                let mut response = self.notice(StatusCode::SERVICE_UNAVAILABLE, |texts| texts.unavailable, None);
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
                with_error(response, OAuthError::new(ErrorCode::TemporarilyUnavailable, "the store is unavailable"))
            }
        }
    }
}

/// Lets the rim count and log a response under the error that it tells.
pub(crate) fn with_error(mut response: Response<Body>, error: OAuthError) -> Response<Body> {
    response.extensions_mut().insert(error);
    response
}

/// 303: the browser goes on with GET, whatever it came with (RFC 9700 section 4.12).
pub(crate) fn see_other(location: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    match HeaderValue::try_from(location) {
        Ok(location) => {
            *response.status_mut() = StatusCode::SEE_OTHER;
            response.headers_mut().insert(header::LOCATION, location);
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(_) => super::plain(StatusCode::INTERNAL_SERVER_ERROR, "there is no way back to the application"),
    }
}

/// A link to the origin of the client's first web address; applications without one are found by the person.
pub(crate) fn back_to(client: &Client, texts: &Texts) -> Option<WayOn> {
    let origin = client.redirect_uris.iter().find_map(|uri| {
        let url = url::Url::parse(uri.as_str()).ok()?;
        // Nobody answers at a loopback address whose port is free.
        let is_web = url.scheme() == "https" || (url.scheme() == "http" && url.port().is_some());
        is_web.then(|| format!("{}/", url.origin().ascii_serialization()))
    })?;
    let label = format!("{}{}{}", texts.back_to.0, pages::name_of(client, texts), texts.back_to.1);
    Some(WayOn { href: origin, label, is_secondary: false })
}
