//! The authorization endpoint (RFC 6749 section 3.1, OpenID Connect Core section 3.1.2). What can be said of a request without a person
//! is checked in [`request::check`], in the order that stands there, once the parameters are all in one place
//! ([`request_object::resolve`]); the rest in [`proceed`], which the sign-in and consent pages come back to:
//!
//! | step | where it fails |
//! |---|---|
//! | client, redirect URI | a page: nobody is sent anywhere |
//! | request object | back to the client, where its redirect URI is known and right; else a page |
//! | repeated parameters, signed requests, registration, response type, response mode, scope, claims, acr, resource, nonce, PKCE, prompt, max age, ID token hint | back to the client |
//! | sign-in, choice of account | the sign-in page, or back to the client with `prompt=none` |
//! | access | back to the client |
//! | consent | the consent page, or back to the client with `prompt=none` |
//! | what the response type asks for: code, access token, ID token | back to the client |

mod access;
mod acr;
mod claims;
mod client;
mod consent;
mod hints;
mod id_token_hint;
mod issue;
mod login;
mod max_age;
mod nonce;
mod pkce;
mod prompt;
mod redirect_uri;
mod registration;
mod repeated;
mod reply;
mod request;
mod request_object;
mod resource;
mod response_mode;
mod response_type;
mod scope;

use axum::{
    body::Body,
    http::{Method, Request, Response},
};
use jiff::Timestamp;
use zeroize::Zeroizing;

pub(crate) use self::{
    claims::beyond_scopes,
    consent::asked,
    id_token_hint::Meant,
    login::{Standing, check as check_login},
    reply::with_query,
    request::{AuthorizationRequest, CHECKS, Refusal, check},
    request_object::{RequestObjects, Resolved, Sight, Unresolved, resolve},
    response_mode::ResponseMode,
};
use super::{
    Call, ErrorCode, OAuthError, Params,
    params::read_form,
    register,
    steps::Steps,
    visit::{Visit, see_other},
};
use crate::{
    account::{AccountError, interaction::Interaction, session::Session},
    realm::Realm,
    store::{Store, StoreError},
    telemetry::{SignInOutcome, request::set_client},
};

/// A POST without our cookies is repeated as GET where its parameters fit a URL of this length.
pub(crate) const MAX_BOUNCED: usize = 8 * 1024;

/// Answers GET and POST (OpenID Connect Core section 3.1.2.1 wants both).
pub(crate) async fn handle(call: &Call, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let mut visit = match Visit::begin(call, &parts.headers).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    let is_post = parts.method == Method::POST;
    let text = match is_post {
        true => read_form(&parts.headers, body).await,
        false => Ok(Zeroizing::new(parts.uri.query().unwrap_or_default().as_bytes().to_vec())),
    };
    // Repetition is an error that the client can be told of, so it is no reason not to read the rest.
    let (params, error) = match text.map(|text| Params::parse_as_far_as_possible(&text, |_| true)) {
        Ok(read) => read,
        Err(error) => return visit.error_page(|texts| texts.bad_request, error.into()),
    };
    visit.set_ui_locales(params.get("ui_locales"));
    visit.set_display(params.get("display"));
    let response = match error {
        Some(error) => refuse(&visit, request::unreadable(&call.realm, &params, error.into())),
        None => answer(&mut visit, params, is_post).await,
    };
    visit.finish(response)
}

async fn answer(visit: &mut Visit<'_>, params: Params, is_post: bool) -> Response<Body> {
    let call = visit.call;
    // A form of another site comes without our cookies (SameSite=Lax), the redirect after it with them.
    let is_foreign = is_post && visit.cookies.is_empty();
    let is_carried = request_object::is_carried(&params);
    // Before it is opened: what comes of it would be a request that nobody has signed.
    if is_foreign
        && is_carried
        && let Some(encoded) = request::encode(&params).ok().filter(|encoded| encoded.len() <= MAX_BOUNCED)
    {
        return bounce(call, &encoded);
    }
    let request = match find_out(visit, params).await {
        Ok(request) => request,
        Err(refusal) => return refuse(visit, refusal),
    };
    set_client(&request.client.id);
    register::note_use(call, &request.client);
    if is_foreign && !is_carried && request.encoded.len() <= MAX_BOUNCED {
        return bounce(call, &request.encoded);
    }
    proceed(visit, &request, None).await
}

/// The same request once more, by GET.
fn bounce(call: &Call, encoded: &str) -> Response<Body> {
    see_other(&format!("{}?{encoded}", call.realm.issuer.endpoint("/authorize")))
}

/// What is asked for, by whom.
async fn find_out(visit: &mut Visit<'_>, params: Params) -> Result<AuthorizationRequest, Refusal> {
    let (call, steps) = (visit.call, &mut Steps::unnoted());
    let resolved = match resolve(call, params, Sight::Provider, steps).await {
        Ok(resolved) => resolved,
        Err(Unresolved::Refused(refusal)) => return Err(refusal),
        Err(Unresolved::Unseen(_, reason)) => {
            return Err(Refusal::Page(OAuthError::new(ErrorCode::ServerError, reason)));
        }
    };
    visit.set_ui_locales(resolved.params().get("ui_locales"));
    visit.set_display(resolved.params().get("display"));
    check(&call.realm, &resolved, call.now, steps)
}

/// Goes as far as it goes without a person: to what was asked for, to an error, or to the page that asks.
pub(crate) async fn proceed(
    visit: &mut Visit<'_>,
    request: &AuthorizationRequest,
    interaction: Option<&Interaction>,
) -> Response<Body> {
    match walk(visit, request, interaction).await {
        Ok(response) => response,
        Err(Stop::Refused(error)) => request.reply_to.error(visit, &request.client, error),
        Err(Stop::Trouble(error)) if interaction.is_none() => {
            tracing::warn!(%error, "an authorization request could not be answered");
            request.reply_to.error(visit, &request.client, error.into())
        }
        // A person is waiting: the page can be loaded again.
        Err(Stop::Trouble(error)) => visit.trouble(&error),
    }
}

/// Why a request goes no further.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The client is told.
    Refused(OAuthError),
    /// The store or the machine can't do it.
    Trouble(AccountError),
}

impl<E: Into<AccountError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Trouble(error.into())
    }
}

async fn walk(
    visit: &mut Visit<'_>,
    request: &AuthorizationRequest,
    interaction: Option<&Interaction>,
) -> Result<Response<Body>, Stop> {
    let call = visit.call;
    let (store, session) = (&*call.provider.store, visit.session.as_ref());
    let (person, mut steps) = (Person { session, interaction }, Steps::unnoted());
    let session = match decide(store, &call.realm, request, person, call.now, &mut steps).await {
        Ok(Next::Issue) => session.cloned(),
        Ok(Next::SignIn) => return ask(visit, request, interaction, "/login").await,
        Ok(Next::Consent) => return ask(visit, request, interaction, "/consent").await,
        Err(stop) => {
            if matches!(&stop, Stop::Refused(error) if error.code == ErrorCode::AccessDenied) {
                call.provider.metrics.sign_in(&call.realm.name.to_string(), SignInOutcome::AccessDenied);
            }
            return Err(stop);
        }
    };
    let Some(session) = session else { return Err(refused(ErrorCode::LoginRequired, "nobody is signed in")) };
    match issue::issue(call, request, &session).await {
        Ok((issued, session)) => {
            visit.session = Some(session);
            Ok(request.reply_to.issued(visit, &request.client, &issued))
        }
        Err(Stop::Trouble(AccountError::Store(StoreError::Conflict))) => {
            Err(refused(ErrorCode::LoginRequired, "the session has ended just now"))
        }
        Err(stop) => Err(stop),
    }
}

fn refused(code: ErrorCode, description: &'static str) -> Stop {
    Stop::Refused(OAuthError::new(code, description))
}

/// Who is at the browser, as far as it is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Person<'a> {
    pub(crate) session: Option<&'a Session>,
    pub(crate) interaction: Option<&'a Interaction>,
}

/// What comes next for a request that has passed [`check`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The sign-in page.
    SignIn,
    /// The consent page.
    Consent,
    /// What the response type asks for.
    Issue,
}

/// Names of the steps of [`decide`], in their order.
pub(crate) const DECISIONS: [&str; 4] = ["sign_in", "user", "access", "consent"];

/// The steps that need a person.
pub(crate) async fn decide(
    store: &dyn Store,
    realm: &Realm,
    request: &AuthorizationRequest,
    person: Person<'_>,
    now: Timestamp,
    steps: &mut Steps,
) -> Result<Next, Stop> {
    let Person { session, interaction } = person;
    let session = match (check_login(request, session, interaction, now), request.prompt.none) {
        (Standing::Fine, _) => session.ok_or_else(|| refused(ErrorCode::LoginRequired, "nobody is signed in")),
        (Standing::SomebodyElse, _) => Err(refused(
            ErrorCode::LoginRequired,
            "somebody else has signed in than the request means, by id_token_hint or claims",
        )),
        (_, true) => Err(refused(ErrorCode::LoginRequired, "the person must sign in")),
        (Standing::SignIn | Standing::SelectAccount, false) => {
            steps.asks("sign_in");
            return Ok(Next::SignIn);
        }
    };
    let subject = steps.take("sign_in", session)?.subject();
    // The session was found with its user; both are of the same moment.
    let user = realm.user(&subject).ok_or_else(|| refused(ErrorCode::LoginRequired, "the user is no longer there"));
    let user = steps.take("user", user)?;
    steps.take("access", access::check(&request.client, user)).map_err(Stop::Refused)?;
    if !consent::is_needed(store, realm, request, &subject, interaction, now).await? {
        steps.take::<_, Stop>("consent", Ok(()))?;
        return Ok(Next::Issue);
    }
    if request.prompt.none {
        let error = refused(ErrorCode::ConsentRequired, "the person must be asked for consent");
        return steps.take("consent", Err(error));
    }
    steps.asks("consent");
    Ok(Next::Consent)
}

/// True where `subject` must be asked.
pub(crate) async fn consent_is_needed(
    call: &Call,
    request: &AuthorizationRequest,
    subject: &str,
    interaction: Option<&Interaction>,
) -> Result<bool, StoreError> {
    consent::is_needed(&*call.provider.store, &call.realm, request, subject, interaction, call.now).await
}

/// Sends the browser to a page, with an interaction that was there or begins now.
async fn ask(
    visit: &mut Visit<'_>,
    request: &AuthorizationRequest,
    interaction: Option<&Interaction>,
    path: &str,
) -> Result<Response<Body>, Stop> {
    let call = visit.call;
    let id = match interaction {
        Some(interaction) => interaction.id.clone(),
        None => {
            let (kept, browser) = (request.kept(), visit.browser_secret()?);
            Interaction::begin(&*call.provider.store, &call.realm, kept, &browser, call.now).await?.id
        }
    };
    Ok(see_other(&page_url(call, path, &id, &request.client.id)))
}

/// The URL of a page of a sign-in under way. The client stands there so that there is a way back even when the rest is gone.
pub(crate) fn page_url(call: &Call, path: &str, interaction: &str, client: &str) -> String {
    let parameters = [("interaction", interaction), ("client_id", client)];
    with_query(&call.realm.issuer.endpoint(path), &parameters)
}

/// Tells whom it may concern.
pub(crate) fn refuse(visit: &Visit<'_>, refusal: Refusal) -> Response<Body> {
    match refusal {
        Refusal::Page(error) => visit.error_page(|texts| texts.bad_request, error),
        Refusal::Reply(client, reply_to, error) => reply_to.error(visit, &client, error),
    }
}

impl From<AccountError> for OAuthError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Store(error) => error.into(),
            AccountError::NoEntropy(_) => Self::new(ErrorCode::ServerError, "no random numbers to be had"),
        }
    }
}

#[cfg(test)]
mod tests;
