//! A request gone through without anybody waiting for the answer, for who asks why it would be refused: the provider's own steps
//! against a realm, with a store of its own that is forgotten afterwards. What only the provider's real store knows (sessions,
//! revocations) is not known here.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use jiff::Timestamp;

use super::{
    Authorization, Call, ClaimsRequest, Endpoint, OAuthError, Params, Peer, Provider,
    authorize::{self, Next, Person, Refusal, Sight, Stop, Unresolved},
    steps::{Step, Steps},
    tokens::{self, Grant, GrantPayload, Inactive, Keys, OwnClaims},
};
use crate::{
    account::{
        AccountError,
        interaction::Interaction,
        session::{Session, SignIn},
    },
    jose::{Compact, foreign::ForeignKeys},
    realm::{Client, Realm, Registry, ResponseType, User},
    store::{Change, MemoryStore, Store},
};

/// Names of the steps of an authorization request, in their order.
pub fn authorization_steps() -> impl Iterator<Item = &'static str> {
    authorize::CHECKS.into_iter().chain(authorize::DECISIONS)
}

/// Names of the steps of an access token in JWT form, in their order.
pub fn token_steps() -> impl Iterator<Item = &'static str> {
    tokens::JUDGEMENTS.into_iter()
}

/// What would become of an authorization request.
#[derive(Debug)]
pub struct AuthorizationRehearsal {
    /// The steps that were taken.
    pub steps: Vec<Step>,
    /// Where they lead.
    pub ending: Ending,
    /// What was taken for granted, in a sentence.
    pub assumed: Option<&'static str>,
    /// The parameters that counted, those of a request object among them; none: it did not come so far.
    pub params: Option<Params>,
}

/// How the browser would be answered.
#[derive(Debug)]
pub enum Ending {
    /// An error on a page of the provider: the client can't be trusted with it.
    Page(OAuthError),
    /// An error for the client.
    Reply {
        /// Whose request it is.
        client: Arc<Client>,
        /// Where the browser is sent.
        redirect_uri: String,
        /// What the client is told.
        error: OAuthError,
    },
    /// The sign-in page.
    SignIn(Granted),
    /// The consent page.
    Consent(Granted),
    /// What the response type asks for.
    Issue(Granted),
    /// Only the provider can tell.
    Unseen {
        /// Whose request it is.
        client: Arc<Client>,
        /// Why it can't be told here, in a sentence.
        reason: &'static str,
    },
}

/// A request that nothing speaks against so far.
#[derive(Debug)]
pub struct Granted {
    /// Whose request it is.
    pub client: Arc<Client>,
    /// What would be issued.
    pub response_type: ResponseType,
    /// Where it would go, and how: `query`, `fragment` or `form_post`.
    pub redirect_uri: String,
    /// `response_mode`.
    pub response_mode: &'static str,
    /// What it would be good for.
    pub scopes: Vec<Arc<str>>,
}

/// Goes through an authorization request; with a user as if that person had just signed in for it, or, where the request has
/// `prompt=none`, as if a session were there already.
///
/// # Errors
/// The machine can't do it.
pub async fn rehearse_authorization(
    realm: &Arc<Realm>,
    params: Params,
    user: Option<&User>,
    now: Timestamp,
) -> Result<AuthorizationRehearsal, AccountError> {
    let mut steps = Steps::noted();
    let call = call(realm, now);
    let resolved = match authorize::resolve(&call, params, Sight::Rehearsal, &mut steps).await {
        Ok(resolved) => resolved,
        Err(unresolved) => {
            let (steps, ending) = (steps.into_vec(), ending_of(unresolved));
            return Ok(AuthorizationRehearsal { steps, ending, assumed: None, params: None });
        }
    };
    let checked = authorize::check(realm, &resolved, now, &mut steps);
    let (params, assumed) = resolved.into_parts();
    let params = Some(params);
    let request = match checked {
        Ok(request) => request,
        Err(refusal) => {
            let (steps, ending) = (steps.into_vec(), ending_of(refusal.into()));
            return Ok(AuthorizationRehearsal { steps, ending, assumed, params });
        }
    };
    let store = MemoryStore::new();
    let session =
        user.map(|user| Session::begin(realm, &SignIn::of(user), None, now)).transpose()?.map(|begun| begun.session);
    let interaction = match &session {
        Some(_) if !request.prompt.none => Some(Interaction::begin(&store, realm, request.kept(), "", now).await?),
        _ => None,
    };
    let person = Person { session: session.as_ref(), interaction: interaction.as_ref() };
    let next = authorize::decide(&store, realm, &request, person, now, &mut steps).await;
    let (client, redirect_uri, mode) = (request.client, request.reply_to.redirect_uri, request.reply_to.mode);
    let ending = match next {
        Err(Stop::Refused(error)) => Ending::Reply { client, redirect_uri, error },
        Err(Stop::Trouble(error)) => return Err(error),
        Ok(next) => {
            let (response_type, response_mode) = (request.response_type, mode.as_str());
            let granted = Granted { client, response_type, redirect_uri, response_mode, scopes: request.scopes };
            match next {
                Next::SignIn => Ending::SignIn(granted),
                Next::Consent => Ending::Consent(granted),
                Next::Issue => Ending::Issue(granted),
            }
        }
    };
    Ok(AuthorizationRehearsal { steps: steps.into_vec(), ending, assumed, params })
}

fn ending_of(unresolved: Unresolved) -> Ending {
    match unresolved {
        Unresolved::Refused(Refusal::Page(error)) => Ending::Page(error),
        Unresolved::Refused(Refusal::Reply(client, to, error)) => {
            Ending::Reply { client, redirect_uri: to.redirect_uri, error }
        }
        Unresolved::Unseen(client, reason) => Ending::Unseen { client, reason },
    }
}

/// What would be said of an access token.
#[derive(Debug)]
pub struct TokenRehearsal {
    /// The steps that were taken.
    pub steps: Vec<Step>,
    /// Why it is not active; none: as far as can be seen from here, it is.
    pub inactive: Option<Inactive>,
    /// It comes from a person's sign-in, and whether that was revoked only the provider's store knows.
    pub assumes_authorization: bool,
    /// Its `sub` is pairwise: nobody but the provider can tell whose it is, so nothing was said of the person.
    pub hides_person: bool,
}

/// Goes through an access token in JWT form. Without the realm's published keys the signature is taken for granted, and the steps about
/// it are left out.
///
/// # Errors
/// The machine can't do it.
pub async fn rehearse_token(
    realm: &Arc<Realm>,
    token: &str,
    keys: Option<&ForeignKeys>,
    now: Timestamp,
) -> Result<TokenRehearsal, AccountError> {
    let mut steps = Steps::noted();
    let claims = match tokens::verify(realm, token, keys.map_or(Keys::Unseen, Keys::Published), now, &mut steps) {
        Ok(claims) => claims,
        Err(inactive) => {
            let (steps, inactive) = (steps.into_vec(), Some(inactive));
            return Ok(TokenRehearsal { steps, inactive, assumes_authorization: false, hides_person: false });
        }
    };
    let is_pairwise = realm.client(&claims.client_id).is_some_and(|client| client.subject.is_pairwise());
    if is_pairwise && claims.jti.contains('.') {
        let steps = steps.into_vec();
        return Ok(TokenRehearsal { steps, inactive: None, assumes_authorization: true, hides_person: true });
    }
    let call = call(realm, now);
    let grant = presumed(realm, &claims);
    if let Some(grant) = &grant {
        call.commit(vec![Change::Insert(grant.artifact(&call)?)]).await?;
    }
    let judged = tokens::active_jwt(&call, claims, &mut steps).await?;
    let (inactive, assumes_authorization) = (judged.err(), grant.is_some());
    Ok(TokenRehearsal { steps: steps.into_vec(), inactive, assumes_authorization, hides_person: false })
}

/// What a token says of itself, believed or not: which realm is meant.
pub fn claimed_issuer(token: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Claims {
        iss: String,
    }
    Compact::parse(token).ok()?.claims_unverified::<Claims>().ok().map(|claims| claims.iss)
}

/// The authorization that a person's token comes from, as it must have been.
fn presumed(realm: &Realm, claims: &OwnClaims) -> Option<Grant> {
    let (grant_id, _) = claims.jti.split_once('.')?;
    let incarnation = realm.client(&claims.client_id).map_or("", |client| client.incarnation.as_str());
    let authorization = Authorization {
        client_id: claims.client_id.clone(),
        incarnation: incarnation.to_owned(),
        subject: claims.sub.clone(),
        pairwise_subject: None,
        scopes: Vec::new(),
        resources: Vec::new(),
        auth_time: 0,
        acr: None,
        amr: Vec::new(),
        nonce: None,
        sid: None,
        locale: None,
        claims: ClaimsRequest::default(),
        claims_locales: None,
    };
    let payload = GrantPayload { authorization, grant_id: grant_id.to_owned(), refresh_until: None, password: None };
    Some(Grant { payload, session: None, expires_at: Timestamp::from_second(claims.exp).ok()? })
}

fn call(realm: &Arc<Realm>, now: Timestamp) -> Call {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let registry = Arc::new(Registry::default());
    let provider = Provider::new(registry, store, Arc::default(), Arc::default(), Arc::new(move || now));
    let peer = Peer { address: IpAddr::V4(Ipv4Addr::LOCALHOST) };
    Call { provider: Arc::new(provider), realm: realm.clone(), endpoint: Endpoint::Introspect, peer, now }
}

#[cfg(test)]
mod tests;
