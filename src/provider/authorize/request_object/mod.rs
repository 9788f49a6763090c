//! OpenID Connect Core section 6 and RFC 9101: parameters that come in a JWT, by value (`request`) or by reference (`request_uri`). They are
//! opened, verified and merged with those of the query once, before any other check; what comes of it is a request like any other, which
//! [`super::check`] goes through and the pages of a sign-in keep.
//!
//! | rule | file |
//! |---|---|
//! | where it may be fetched, and for how long it is kept (section 6.2) | [`reference`] |
//! | decryption and signature (sections 6.3.1 and 6.3.2) | [`verify`] |
//! | what the JWT says of itself: `iss`, `aud`, `exp`, … (section 6.1, RFC 9101 sections 4 and 10.8) | [`standing`] |
//! | members as parameters, and what counts where both say something (sections 6.1 and 6.3.3) | [`assemble`] |
//!
//! Where the two standards differ, Core goes before, but for clients with `require_signed_request_object`, which is RFC 9101's own: of
//! their requests only what is signed counts (sections 5 and 6.3).

mod assemble;
mod members;
mod reference;
mod standing;
#[cfg(test)]
mod tests;
mod verify;

use std::{borrow::Cow, sync::Arc};

pub(crate) use self::reference::RequestObjects;
use self::verify::Verified;
use super::{Refusal, ResponseMode, client, redirect_uri, repeated, reply::ReplyTo};
use crate::{
    account::interaction::Interaction,
    provider::{Call, ErrorCode, InvalidParams, OAuthError, Params, steps::Steps},
    realm::Client,
};

/// The parameters of a request, all in one place.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(super) params: Params,
    pub(super) origin: Origin,
    /// What a rehearsal had to take for granted.
    assumed: Option<&'static str>,
}

/// Where the parameters come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The query or the form.
    Plain,
    /// Also a request object that nobody has signed.
    Unsigned,
    /// Also a request object that the client has signed.
    Signed,
}

/// How much can be seen from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    /// All that the provider sees.
    Provider,
    /// Nothing that must be fetched, and no secret.
    Rehearsal,
}

/// Why there is no [`Resolved`].
#[derive(Debug)]
pub(crate) enum Unresolved {
    /// It is refused.
    Refused(Refusal),
    /// Only the provider can tell: [`Sight::Rehearsal`].
    Unseen(Arc<Client>, &'static str),
}

impl From<Refusal> for Unresolved {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// What is wrong with a request object.
#[derive(Debug)]
enum Problem {
    /// The client is told, where these parameters say, else those of the query.
    Refused(OAuthError, Option<Params>),
    Unseen(&'static str),
}

impl From<OAuthError> for Problem {
    fn from(error: OAuthError) -> Self {
        Self::Refused(error, None)
    }
}

/// An error about the request object itself.
fn invalid(description: impl Into<Cow<'static, str>>) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidRequestObject, description)
}

impl Resolved {
    /// The parameters as they came, for what has no request object.
    pub(crate) fn plain(params: Params) -> Self {
        Self { params, origin: Origin::Plain, assumed: None }
    }

    /// What was resolved when the sign-in began.
    ///
    /// # Errors
    /// The store holds what can't be read.
    pub(crate) fn kept(interaction: &Interaction) -> Result<Self, InvalidParams> {
        let params = Params::parse_repeating(interaction.request().as_bytes(), |_| true)?;
        let origin = if interaction.is_signed() { Origin::Signed } else { Origin::Plain };
        Ok(Self { params, origin, assumed: None })
    }

    pub(crate) fn params(&self) -> &Params {
        &self.params
    }

    /// The parameters, and what a rehearsal had to take for granted.
    pub(crate) fn into_parts(self) -> (Params, Option<&'static str>) {
        (self.params, self.assumed)
    }
}

/// True where parameters come in a request object too.
pub(crate) fn is_carried(params: &Params) -> bool {
    params.get("request").is_some() || params.get("request_uri").is_some()
}

/// Opens and merges the request object, where there is one. An error goes to the redirect URI of an object that was verified, else to that of
/// the query; to a page, where neither is one of the client's.
pub(crate) async fn resolve(
    call: &Call,
    params: Params,
    sight: Sight,
    steps: &mut Steps,
) -> Result<Resolved, Unresolved> {
    steps.take("target", repeated::check_target(&params)).map_err(Refusal::Page)?;
    let client = steps.take("client_id", client::check(&call.realm, &params)).map_err(Refusal::Page)?;
    if !is_carried(&params) {
        steps.take::<_, Unresolved>("request_object", Ok(()))?;
        return Ok(Resolved::plain(params));
    }
    if let Err(error) = repeated::check(&params) {
        return steps.take("parameters", Err(refusal(&client, &params, error).into()));
    }
    // Boxed, so that the many requests without one stay small.
    match Box::pin(open(call, &client, &params, sight)).await {
        Ok(resolved) => steps.take("request_object", Ok(resolved)),
        Err(Problem::Unseen(reason)) => {
            steps.asks("request_object");
            Err(Unresolved::Unseen(client, reason))
        }
        Err(Problem::Refused(error, object)) => {
            let told = object.filter(|object| target(&client, object).is_some()).unwrap_or(params);
            steps.take("request_object", Err(refusal(&client, &told, error).into()))
        }
    }
}

async fn open(call: &Call, client: &Client, params: &Params, sight: Sight) -> Result<Resolved, Problem> {
    let (token, uri) = match (params.get("request"), params.get("request_uri")) {
        (Some(_), Some(_)) => {
            let description = "request and request_uri can't stand together";
            return Err(OAuthError::new(ErrorCode::InvalidRequest, description).into());
        }
        (Some(value), None) => (Cow::Borrowed(value), None),
        (None, uri) => {
            let uri = uri.unwrap_or_default();
            (Cow::Owned(reference::fetch(call, client, uri, sight).await?.to_string()), Some(uri))
        }
    };
    let verified = verify::verify(call, client, &token, sight).await?;
    if let Some(uri) = uri {
        reference::check_scheme(uri, verified.is_signed)?;
    }
    let only_object = client.request_object.required;
    let merged = assemble::merge(params, &verified.members, only_object);
    let problem = standing::check(&call.realm, client, &verified.members, call.now)
        .and(merged.problem.map_or(Ok(()), Err))
        .and_then(|()| {
            let is_rfc_9101 = only_object || verified.is_typed;
            assemble::check(params, &merged.params, &verified.members, is_rfc_9101)
        });
    if let Err(error) = problem {
        return Err(Problem::Refused(error, Some(merged.params)));
    }
    let Verified { is_signed, assumed, .. } = verified;
    let origin = if is_signed { Origin::Signed } else { Origin::Unsigned };
    Ok(Resolved { params: merged.params, origin, assumed })
}

/// RFC 9101 section 10.5, `require_signed_request_object`: a client that has registered it makes no request but by an object that it has
/// signed.
pub(super) fn check_signed(client: &Client, origin: Origin) -> Result<(), OAuthError> {
    match (client.request_object.required, origin) {
        (false, _) | (true, Origin::Signed) => Ok(()),
        (true, Origin::Unsigned) => Err(invalid("the client must sign its request objects")),
        (true, Origin::Plain) => {
            let description = "the client must send its request as a signed request object";
            Err(OAuthError::new(ErrorCode::InvalidRequest, description))
        }
    }
}

fn refusal(client: &Arc<Client>, params: &Params, error: OAuthError) -> Refusal {
    match target(client, params) {
        Some(reply_to) => Refusal::Reply(client.clone(), reply_to, error),
        None => Refusal::Page(error),
    }
}

/// Where these parameters have an answer sent, if they say so and it is one of the client's.
fn target(client: &Client, params: &Params) -> Option<ReplyTo> {
    params.get("redirect_uri")?;
    let redirect_uri = redirect_uri::check(client, params).ok()?.uri;
    let state = params.get("state").map(str::to_owned);
    Some(ReplyTo { redirect_uri, mode: ResponseMode::of(params), state })
}
