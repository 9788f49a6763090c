use std::sync::Arc;

use jiff::Timestamp;

use super::{ATTEMPTS, Session, contended};
use crate::{
    account::logout_delivery::LogoutDelivery,
    realm::{Client, Realm},
    store::{Change, Kind, Store, StoreError},
};

/// A session that has ended, and whom that concerns.
#[derive(Debug)]
pub struct Ended {
    /// The session as it was at its end.
    pub session: Session,
    /// The clients that it was used for and that the realm serves. Those with a `backchannel_logout_uri` are told from the store, which
    /// holds a delivery for each since the very commit that ended the session.
    pub clients: Vec<Arc<Client>>,
}

impl Session {
    /// Ends it: with it goes every code, grant and refresh token that is bound to it, and in the same commit stands what its clients will
    /// be told. Where somebody else has ended it first, that is as good.
    ///
    /// The provider calls this through `provider::sign_out::end`, which wakes who delivers.
    ///
    /// # Errors
    /// The store's.
    pub async fn end(&self, store: &dyn Store, realm: &Realm, now: Timestamp) -> Result<Ended, StoreError> {
        let mut session = self.clone();
        for _ in 0..ATTEMPTS {
            match store.commit(session.ending(realm, now), now).await {
                Err(StoreError::Conflict) => {}
                result => return result.map(|()| session.ended(realm)),
            }
            // Another tab has just used it for one client more.
            match Self::load(store, realm, self.id, now).await? {
                Some(current) => session = current,
                None => return Ok(session.ended(realm)),
            }
        }
        Err(contended())
    }

    fn ended(self, realm: &Realm) -> Ended {
        let clients = self.served_clients(realm).cloned().collect();
        Ended { session: self, clients }
    }

    /// What ends it as it was read; a conflict where it is not so any more.
    pub(super) fn ending(&self, realm: &Realm, now: Timestamp) -> Vec<Change> {
        let told = self.served_clients(realm).filter(|client| client.logout.backchannel_uri.is_some());
        let deliveries = told.flat_map(|client| LogoutDelivery::new(self, client).schedule(realm, now));
        let gone =
            [Change::RemoveSession(self.sid_hash()), Change::Remove { kind: Kind::Session, id: self.id }].into_iter();
        [self.unchanged()].into_iter().chain(gone).chain(deliveries).collect()
    }
}
