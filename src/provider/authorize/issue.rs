//! RFC 6749 section 4.1.2: the code. Kept as a hash, for as long as the client's token policy says, bound to the client, the redirect URI,
//! the code challenge and the SSO session.

use super::AuthorizationRequest;
use crate::{
    account::{AccountError, session, session::Session},
    provider::{Authorization, Call, CodePayload},
    secret::unguessable,
    store::{Artifact, Change, IdHash, Kind},
};

/// A code, and the session as it is after it was used for this.
pub(super) struct Issued {
    pub(super) code: String,
    pub(super) session: Session,
}

/// # Errors
/// A conflict where the session has ended in the meantime.
pub(super) async fn code(
    call: &Call,
    request: &AuthorizationRequest,
    session: &Session,
) -> Result<Issued, AccountError> {
    let (code, grant_id) = (unguessable()?, unguessable()?);
    let lifetime = crate::account::span(request.client.tokens.authorization_code);
    let (grant, payload) = (IdHash::of(&grant_id), payload(request, session, grant_id));
    let artifact = call.artifact(Kind::AuthorizationCode, IdHash::of(&code), &payload, call.now + lifetime)?;
    let (grant, session_id) = (Some(grant), Some(session.sid_hash()));
    let subject = Some(session.subject().as_str().into());
    let changes = vec![Change::Insert(Artifact { grant, session: session_id, subject, ..artifact })];
    let session = session.used_for(&*call.provider.store, &call.realm, &request.client, changes, call.now).await?;
    Ok(Issued { code, session })
}

fn payload(request: &AuthorizationRequest, session: &Session, grant_id: String) -> CodePayload {
    CodePayload {
        authorization: Authorization {
            client_id: request.client.id.as_str().to_owned(),
            incarnation: request.client.incarnation.as_str().to_owned(),
            subject: session.subject().as_str().to_owned(),
            scopes: request.scopes.iter().map(|scope| scope.to_string()).collect(),
            resources: request.resources.clone(),
            auth_time: session.authenticated_at().as_second(),
            acr: Some(session::ACR.to_owned()),
            amr: session.amr().to_vec(),
            nonce: request.nonce.clone(),
            sid: Some(session.sid().to_owned()),
            locale: request.ui_locales.clone(),
        },
        grant_id,
        redirect_uri: request.reply_to.redirect_uri.clone(),
        redirect_uri_given: request.redirect_uri_given,
        code_challenge: request.code_challenge.clone(),
    }
}
