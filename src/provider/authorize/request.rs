use std::sync::Arc;

use jiff::Timestamp;

use super::{
    ResponseMode, acr, claims, client, hints, id_token_hint,
    id_token_hint::Meant,
    max_age, nonce, pkce, prompt,
    prompt::Prompt,
    redirect_uri, registration, repeated,
    reply::ReplyTo,
    request_object,
    request_object::{Origin, Resolved},
    resource, response_mode, response_type, scope,
};
use crate::{
    account::interaction::{KeptRequest, MAX_REQUEST_LENGTH},
    provider::{ClaimsRequest, ErrorCode, OAuthError, Params, steps::Steps},
    realm::{Client, Realm, ResponseType},
};

/// An authorization request that has passed every check that needs no person.
#[derive(Debug)]
pub(crate) struct AuthorizationRequest {
    pub(crate) client: Arc<Client>,
    pub(crate) reply_to: ReplyTo,
    pub(crate) redirect_uri_given: bool,
    pub(crate) response_type: ResponseType,
    pub(crate) scopes: Vec<Arc<str>>,
    /// Claims that are asked for one by one; only those that the client may learn.
    pub(crate) claims: ClaimsRequest,
    pub(crate) claims_locales: Option<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) code_challenge: Option<String>,
    pub(crate) prompt: Prompt,
    pub(crate) max_age: Option<u32>,
    pub(crate) login_hint: Option<String>,
    pub(crate) meant: Meant,
    pub(crate) ui_locales: Option<String>,
    /// Its parameters, form-encoded, to be kept while a person signs in.
    pub(crate) encoded: String,
    /// True where they come from a request object that the client has signed.
    pub(crate) is_signed: bool,
}

impl AuthorizationRequest {
    /// As it is kept while a person signs in.
    pub(crate) fn kept(&self) -> KeptRequest {
        KeptRequest { parameters: self.encoded.clone(), is_signed: self.is_signed }
    }
}

/// Why a request is refused, and who is told.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The person: whoever asks can't be trusted with an answer.
    Page(OAuthError),
    /// The client, at its redirect URI.
    Reply(Arc<Client>, ReplyTo, OAuthError),
}

/// Names of the checks of [`request_object::resolve`] (the first three) and of [`check`], in their order: `target`, `client_id` and
/// `redirect_uri` are told on a page, the rest to the client.
pub(crate) const CHECKS: [&str; 19] = [
    "target",
    "client_id",
    "request_object",
    "redirect_uri",
    "parameters",
    "signed_request",
    "registration",
    "response_type",
    "response_mode",
    "scope",
    "claims",
    "acr",
    "resource",
    "nonce",
    "code_challenge",
    "prompt",
    "max_age",
    "id_token_hint",
    "length",
];

/// The checks, in their order. Those before the reply is known are told on a page.
pub(crate) fn check(
    realm: &Realm,
    resolved: &Resolved,
    now: Timestamp,
    steps: &mut Steps,
) -> Result<AuthorizationRequest, Refusal> {
    let params = &resolved.params;
    let client = client::check(realm, params).map_err(Refusal::Page)?;
    let target = steps.take("redirect_uri", redirect_uri::check(&client, params)).map_err(Refusal::Page)?;
    let reply_to = ReplyTo {
        redirect_uri: target.uri,
        mode: ResponseMode::of(params),
        state: params.get("state").map(str::to_owned),
    };
    let checked = (|| {
        steps.take("parameters", repeated::check(params))?;
        steps.take("signed_request", request_object::check_signed(&client, resolved.origin))?;
        steps.take("registration", registration::check(params))?;
        let response_type = steps.take("response_type", response_type::check(realm, &client, params))?;
        steps.take("response_mode", response_mode::check(params))?;
        let scopes = steps.take("scope", scope::check(realm, &client, params, response_type))?;
        let is_openid = scopes.iter().any(|scope| &**scope == "openid");
        let claims = claims::check(&realm.settings, &client, params, is_openid, response_type);
        let claims = steps.take("claims", claims)?;
        steps.take("acr", acr::check(&claims))?;
        let resources = steps.take("resource", resource::check(&client, params))?;
        let nonce = steps.take("nonce", nonce::check(params, response_type))?;
        let code_challenge = steps.take("code_challenge", pkce::check(realm, &client, params, response_type))?;
        let prompt = steps.take("prompt", prompt::check(params))?;
        let max_age = steps.take("max_age", max_age::check(&client, params))?;
        let meant = steps.take("id_token_hint", id_token_hint::check(realm, params, now))?;
        Ok(AuthorizationRequest {
            client: client.clone(),
            reply_to: reply_to.clone(),
            redirect_uri_given: target.given,
            response_type,
            scopes,
            claims,
            claims_locales: claims::locales(params).filter(|_| is_openid),
            resources,
            nonce,
            code_challenge,
            prompt,
            max_age,
            login_hint: hints::login_hint(params),
            meant,
            ui_locales: hints::ui_locales(params),
            encoded: steps.take("length", encode(params))?,
            is_signed: resolved.origin == Origin::Signed,
        })
    })();
    checked.map_err(|error| Refusal::Reply(client, reply_to, error))
}

/// The refusal of a request that can't be read whole. Where what can be read names a client and one of its redirect URIs, the client is told
/// (RFC 6749 section 4.1.2.1).
pub(super) fn unreadable(realm: &Realm, params: &Params, error: OAuthError) -> Refusal {
    let target = || {
        repeated::check_target(params).ok()?;
        let client = client::check(realm, params).ok()?;
        // Where it is left out nobody can say that it is not what could not be read.
        let redirect_uri = params.get("redirect_uri").filter(|_| redirect_uri::check(&client, params).is_ok())?;
        Some((client, redirect_uri.to_owned()))
    };
    match target() {
        Some((client, redirect_uri)) => {
            let (mode, state) = (ResponseMode::of(params), params.get("state").map(str::to_owned));
            Refusal::Reply(client, ReplyTo { redirect_uri, mode, state }, error)
        }
        None => Refusal::Page(error),
    }
}

/// Form-encodes a request.
pub(super) fn encode(params: &Params) -> Result<String, OAuthError> {
    let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(params.iter()).finish();
    match encoded.len() > MAX_REQUEST_LENGTH {
        true => Err(OAuthError::new(ErrorCode::InvalidRequest, "the request is longer than 16 KiB")),
        false => Ok(encoded),
    }
}
