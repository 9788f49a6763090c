//! What the authorization endpoint issues (RFC 6749 sections 4.1.2 and 4.2.2, OpenID Connect Core sections 3.1.2.5, 3.2.2.5 and 3.3.2.5):
//! as the response type has it, a code, an access token and an ID token.
//!
//! The code is kept as a hash, for as long as the client's token policy says, bound to the client, the redirect URI, the code challenge
//! and the SSO session. An access token belongs to a grant that is stored with it; a code beside it is redeemed into the same family, so
//! what revokes the one revokes the other. There is never a refresh token here (RFC 6749 section 4.2.2).

use super::{AuthorizationRequest, Stop};
use crate::{
    account::{consent::Consent, session, session::Session, span},
    provider::{
        Authorization, Call, CodePayload, ErrorCode, OAuthError,
        token::default_audience,
        tokens::{self, Companions, Grant, Holder, Purpose, Spaced},
    },
    realm::{self, User},
    secret::unguessable,
    store::{Artifact, Change, IdHash, Kind},
};

/// What the client gets, beside `state` and `iss`; each where the response type has it.
#[derive(Default)]
pub(super) struct Issued {
    pub(super) code: Option<String>,
    pub(super) access_token: Option<FrontChannelToken>,
    pub(super) id_token: Option<String>,
}

/// An access token with what is said of it (RFC 6749 section 4.2.2).
pub(super) struct FrontChannelToken {
    token: String,
    expires_in: String,
    scope: String,
}

impl Issued {
    /// The parameters of the answer.
    pub(super) fn parameters(&self) -> Vec<(&'static str, &str)> {
        let mut parameters: Vec<(&'static str, &str)> = Vec::with_capacity(8);
        parameters.extend(self.code.as_deref().map(|code| ("code", code)));
        if let Some(access) = &self.access_token {
            parameters.push(("access_token", &access.token));
            parameters.push(("token_type", "Bearer"));
            parameters.push(("expires_in", &access.expires_in));
            parameters.push(("scope", &access.scope));
        }
        parameters.extend(self.id_token.as_deref().map(|token| ("id_token", token)));
        parameters
    }
}

/// Issues what is asked for, and the session as it is after it was used for this.
///
/// # Errors
/// A conflict where the session has ended in the meantime.
pub(super) async fn issue(
    call: &Call,
    request: &AuthorizationRequest,
    session: &Session,
) -> Result<(Issued, Session), Stop> {
    let gone = || OAuthError::new(ErrorCode::LoginRequired, "the user is no longer there");
    let user = call.realm.user(&session.subject()).ok_or_else(gone).map_err(Stop::Refused)?;
    let authorization = authorization(request, session);
    let mut changes = Vec::new();
    let grant_id = unguessable()?;
    let mut issued = Issued::default();
    if request.response_type.has_token() {
        let grant = Grant::of_front_channel(authorization.clone(), grant_id.clone(), &request.client, call);
        let (token, stored) = access_token(call, request, user, &grant).map_err(Stop::Refused)?;
        issued.access_token = Some(token);
        changes.push(Change::Insert(grant.artifact(call)?));
        changes.extend(stored.map(Change::Insert));
    }
    if request.response_type.has_code() {
        let (code, artifact) = code(call, request, &authorization, grant_id)?;
        issued.code = Some(code);
        let subject = Some(session.subject().as_str().into());
        changes.push(Change::Insert(Artifact { session: Some(session.sid_hash()), subject, ..artifact }));
    }
    if request.response_type.has_id_token() {
        issued.id_token = Some(id_token(call, request, (user, &authorization), &issued).await.map_err(Stop::Refused)?);
    }
    let (store, realm, client) = (&*call.provider.store, &call.realm, &request.client);
    if client.consent != realm::Consent::Skip {
        changes.extend(Consent::used(store, realm, &session.subject(), client, call.now).await?);
    }
    let session = session.used_for(store, realm, client, changes, call.now).await?;
    Ok((issued, session))
}

fn access_token(
    call: &Call,
    request: &AuthorizationRequest,
    user: &User,
    grant: &Grant,
) -> Result<(FrontChannelToken, Option<Artifact>), OAuthError> {
    let scopes = scopes(request);
    let audience = default_audience(&request.client, &request.resources)?;
    let access = tokens::mint_access_token(call, &request.client, Holder::Person(user, grant), &scopes, &audience)?;
    let (expires_in, scope) = (access.expires_in.to_string(), Spaced(&scopes).to_string());
    Ok((FrontChannelToken { token: access.token, expires_in, scope }, access.artifact))
}

/// A code and its artifact, which is of no session and no subject yet.
fn code(
    call: &Call,
    request: &AuthorizationRequest,
    authorization: &Authorization,
    grant_id: String,
) -> Result<(String, Artifact), Stop> {
    let code = unguessable()?;
    let grant = Some(IdHash::of(&grant_id));
    let payload = CodePayload {
        authorization: authorization.clone(),
        grant_id,
        has_grant: request.response_type.has_token(),
        redirect_uri: request.reply_to.redirect_uri.clone(),
        redirect_uri_given: request.redirect_uri_given,
        code_challenge: request.code_challenge.clone(),
    };
    let expires_at = call.now + span(request.client.tokens.authorization_code);
    let artifact = call.artifact(Kind::AuthorizationCode, IdHash::of(&code), &payload, expires_at)?;
    Ok((code, Artifact { grant, ..artifact }))
}

/// What the scopes release stands in it only where nothing else brings it (section 5.4), what was asked for in it always (section 5.5).
async fn id_token(
    call: &Call,
    request: &AuthorizationRequest,
    person: (&User, &Authorization),
    issued: &Issued,
) -> Result<String, OAuthError> {
    let is_alone = issued.code.is_none() && issued.access_token.is_none();
    let with = Companions {
        purpose: if is_alone { Purpose::IdToken } else { Purpose::FrontChannel },
        nonce: request.nonce.as_deref(),
        access_token: issued.access_token.as_ref().map(|access| access.token.as_str()),
        code: issued.code.as_deref(),
        state: request.reply_to.state.as_deref(),
    };
    tokens::mint_id_token(call, &request.client, person, &scopes(request), with).await
}

fn scopes(request: &AuthorizationRequest) -> Vec<&str> {
    request.scopes.iter().map(|scope| &**scope).collect()
}

fn authorization(request: &AuthorizationRequest, session: &Session) -> Authorization {
    let subject = session.subject();
    let shown = request.client.subject.shown(&subject);
    Authorization {
        client_id: request.client.id.as_str().to_owned(),
        incarnation: request.client.incarnation.as_str().to_owned(),
        subject: subject.as_str().to_owned(),
        pairwise_subject: request.client.subject.is_pairwise().then(|| shown.into_owned()),
        scopes: request.scopes.iter().map(|scope| scope.to_string()).collect(),
        resources: request.resources.clone(),
        auth_time: session.authenticated_at().as_second(),
        acr: Some(session::ACR.to_owned()),
        amr: session.amr().to_vec(),
        nonce: request.nonce.clone(),
        sid: Some(session.sid().to_owned()),
        locale: request.claims_locales.clone().or_else(|| request.ui_locales.clone()),
        claims: request.claims.clone(),
        claims_locales: request.claims_locales.clone(),
    }
}
