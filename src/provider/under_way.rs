use axum::{
    body::Body,
    http::{Method, Request, Response, StatusCode, request::Parts},
};

use super::{
    Call, Params,
    authorize::{self, AuthorizationRequest, Resolved, page_url},
    csrf,
    pages::{self, Asker, NoticePage, Person, Texts, WayOn},
    steps::Steps,
    visit::Visit,
};
use crate::{
    account::interaction::{Found, Interaction},
    realm::{Client, User},
    telemetry::request::set_client,
};

/// A page of a sign-in under way, opened by the browser that began it: what `/login` and `/consent` have in common.
pub(crate) struct UnderWay<'a> {
    pub(crate) visit: Visit<'a>,
    /// The form; empty for GET.
    pub(crate) form: Params,
    pub(crate) query: Params,
    pub(crate) interaction: Interaction,
    pub(crate) request: AuthorizationRequest,
    browser: String,
    pub(crate) is_post: bool,
}

impl<'a> UnderWay<'a> {
    /// Opens the page: `show` answers GET, `submit` answers POST.
    pub(crate) async fn answer(
        call: &Call,
        request: Request<Body>,
        show: impl AsyncFnOnce(&mut UnderWay<'_>) -> Response<Body>,
        submit: impl AsyncFnOnce(&mut UnderWay<'_>) -> Response<Body>,
    ) -> Response<Body> {
        let mut under_way = match UnderWay::open(call, request).await {
            Ok(under_way) => under_way,
            Err(response) => return response,
        };
        let response = match under_way.is_post {
            true => submit(&mut under_way).await,
            false => show(&mut under_way).await,
        };
        under_way.visit.finish(response)
    }

    /// Finds the sign-in of this request and checks what it waits for once more: the client may have changed since.
    pub(crate) async fn open(call: &'a Call, request: Request<Body>) -> Result<Self, Response<Body>> {
        let (parts, body) = request.into_parts();
        let mut visit = Visit::begin(call, &parts.headers).await?;
        let is_post = parts.method == Method::POST;
        let (query, form) = read(&parts, body, is_post)
            .await
            .map_err(|error| visit.error_page(|texts| texts.bad_request, error.into()))?;
        let client = query.get("client_id").and_then(|id| call.realm.client(id));
        let Some(id) = form.get("interaction").or_else(|| query.get("interaction")) else {
            return Err(visit.notice(StatusCode::BAD_REQUEST, |texts| texts.nothing_under_way, None));
        };
        let (interaction, browser) = find(&visit, id, client.map(|client| &**client)).await?;
        let resolved =
            Resolved::kept(&interaction).map_err(|error| visit.error_page(|texts| texts.bad_request, error.into()))?;
        visit.set_ui_locales(resolved.params().get("ui_locales"));
        visit.set_display(resolved.params().get("display"));
        let request = authorize::check(&call.realm, &resolved, call.now, &mut Steps::unnoted())
            .map_err(|refusal| authorize::refuse(&visit, refusal))?;
        set_client(&request.client.id);
        Ok(Self { visit, form, query, interaction, request, browser, is_post })
    }

    /// On to where the request stands now: a page, or back to the client.
    pub(crate) async fn proceed(&mut self) -> Response<Body> {
        authorize::proceed(&mut self.visit, &self.request, Some(&self.interaction)).await
    }

    /// The language that the request asks for.
    pub(crate) fn texts(&self) -> &'static Texts {
        self.visit.texts()
    }

    pub(crate) fn asker(&self) -> Asker<'_> {
        let (client, redirect_uri) = (&self.request.client, &self.request.reply_to.redirect_uri);
        Asker::new(client, redirect_uri, &self.visit.realm().issuer, self.texts())
    }

    /// The enabled user of the session.
    pub(crate) fn user(&self) -> Option<&'a User> {
        let session = self.visit.session.as_ref()?;
        self.visit.call.realm.user(&session.subject()).map(|user| &**user)
    }

    /// Who is signed in, for a page.
    pub(crate) fn person(&self) -> Option<Person<'a>> {
        self.user().map(Person::new)
    }

    /// The URL of one of the pages.
    pub(crate) fn url(&self, path: &str) -> String {
        page_url(self.visit.call, path, &self.interaction.id, &self.request.client.id)
    }

    /// The token of a form; `purpose` names the form and whom it is for.
    pub(crate) fn csrf(&self, purpose: [&str; 2]) -> String {
        let [form, whom] = purpose;
        csrf::token(&self.browser, &[form, whom, &self.interaction.id])
    }

    /// True where the form that came is the one that was shown.
    pub(crate) fn csrf_is_valid(&self, purpose: [&str; 2]) -> bool {
        let [form, whom] = purpose;
        csrf::is_valid(&self.browser, &[form, whom, &self.interaction.id], self.form.get("csrf"))
    }

    /// The answer to a form that is not the one that was shown; it leads back to the page.
    pub(crate) fn outdated(&self, path: &str) -> Response<Body> {
        let frame = self.visit.frame();
        let way_on = WayOn { href: self.url(path), label: frame.texts.try_again.to_owned(), is_secondary: false };
        let notice = frame.texts.form_outdated;
        pages::page(StatusCode::BAD_REQUEST, &NoticePage { frame, notice, error: None, way_on: Some(way_on) })
    }

    /// A page that only tells something and leads back to the client.
    pub(crate) fn notice(&self, status: StatusCode, choose: fn(&Texts) -> pages::Notice) -> Response<Body> {
        self.visit.notice(status, choose, Some(&self.request.client))
    }
}

async fn read(parts: &Parts, body: Body, is_post: bool) -> Result<(Params, Params), super::InvalidParams> {
    let query = Params::parse(parts.uri.query().unwrap_or_default().as_bytes())?;
    let form = match is_post {
        true => Params::from_body(&parts.headers, body).await?,
        false => Params::parse(b"")?,
    };
    Ok((query, form))
}

async fn find(visit: &Visit<'_>, id: &str, client: Option<&Client>) -> Result<(Interaction, String), Response<Body>> {
    let call = visit.call;
    let browser = visit.cookies.browser.as_deref();
    let found = Interaction::find(&*call.provider.store, &call.realm, id, browser, call.now).await;
    match (found, browser) {
        (Ok(Found::Own(interaction)), Some(browser)) => Ok((interaction, browser.to_owned())),
        (Ok(Found::Own(_) | Found::Foreign), _) => {
            Err(visit.notice(StatusCode::BAD_REQUEST, |texts| texts.no_cookies, client))
        }
        (Ok(Found::Gone), _) => Err(visit.notice(StatusCode::BAD_REQUEST, |texts| texts.expired, client)),
        (Err(error), _) => Err(visit.trouble(&error.into())),
    }
}
