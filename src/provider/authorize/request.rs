use std::sync::Arc;

use jiff::Timestamp;

use super::{
    client, hints, id_token_hint, id_token_hint::Meant, max_age, nonce, pkce, prompt, prompt::Prompt, redirect_uri,
    repeated, reply::ReplyTo, request_object, resource, response_mode, response_type, scope,
};
use crate::{
    account::interaction::MAX_REQUEST_LENGTH,
    provider::{ErrorCode, OAuthError, Params},
    realm::{Client, Realm},
};

/// An authorization request that has passed every check that needs no person.
#[derive(Debug)]
pub(crate) struct AuthorizationRequest {
    pub(crate) client: Arc<Client>,
    pub(crate) reply_to: ReplyTo,
    pub(crate) redirect_uri_given: bool,
    pub(crate) scopes: Vec<Arc<str>>,
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
}

/// Why a request is refused, and who is told.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The person: whoever asks can't be trusted with an answer.
    Page(OAuthError),
    /// The client, at its redirect URI.
    Reply(Arc<Client>, ReplyTo, OAuthError),
}

/// The checks, in their order. Those before the reply is known are told on a page.
pub(crate) fn check(realm: &Realm, params: &Params, now: Timestamp) -> Result<AuthorizationRequest, Refusal> {
    repeated::check_target(params).map_err(Refusal::Page)?;
    let client = client::check(realm, params).map_err(Refusal::Page)?;
    let target = redirect_uri::check(&client, params).map_err(Refusal::Page)?;
    let reply_to = ReplyTo {
        redirect_uri: target.uri,
        // Where it is wrong, the error goes the default way.
        mode: response_mode::check(params).unwrap_or_default(),
        state: params.get("state").map(str::to_owned),
    };
    let checked = (|| {
        repeated::check(params)?;
        response_mode::check(params)?;
        request_object::check(params)?;
        response_type::check(realm, &client, params)?;
        let scopes = scope::check(realm, &client, params)?;
        let resources = resource::check(&client, params)?;
        let nonce = nonce::check(params)?;
        let code_challenge = pkce::check(realm, &client, params)?;
        let prompt = prompt::check(params)?;
        let max_age = max_age::check(params)?;
        let meant = id_token_hint::check(realm, params, now)?;
        Ok(AuthorizationRequest {
            client: client.clone(),
            reply_to: reply_to.clone(),
            redirect_uri_given: target.given,
            scopes,
            resources,
            nonce,
            code_challenge,
            prompt,
            max_age,
            login_hint: hints::login_hint(params),
            meant,
            ui_locales: hints::ui_locales(params),
            encoded: encode(params)?,
        })
    })();
    checked.map_err(|error| Refusal::Reply(client, reply_to, error))
}

fn encode(params: &Params) -> Result<String, OAuthError> {
    let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(params.iter()).finish();
    match encoded.len() > MAX_REQUEST_LENGTH {
        true => Err(OAuthError::new(ErrorCode::InvalidRequest, "the request is longer than 16 KiB")),
        false => Ok(encoded),
    }
}
