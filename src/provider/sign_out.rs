use super::Call;
use crate::{
    account::session::{Ended, Session},
    store::StoreError,
};

/// Ends a session, however that came about: all that is bound to it goes with it, and every client that was used in it and has a
/// `backchannel_logout_uri` is told, whatever happens to this process in between. What the person's browser still holds is the caller's
/// ([`super::visit::Visit::sign_out`]).
pub(crate) async fn end(call: &Call, session: &Session) -> Result<Ended, StoreError> {
    let ended = session.end(&*call.provider.store, &call.realm, call.now).await?;
    call.provider.logout_due.notify_one();
    tracing::info!(subject = %session.subject(), clients = ended.clients.len(), "a session has ended");
    Ok(ended)
}
