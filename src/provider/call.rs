use std::{net::IpAddr, sync::Arc};

use jiff::Timestamp;
use serde::Serialize;

use super::{Endpoint, Provider};
use crate::{
    realm::Realm,
    store::{Artifact, Change, IdHash, Kind, StoreError},
};

/// One request's surroundings, handed to every step: the realm as it was when the request came, and the one `now`.
#[derive(Debug, Clone)]
pub struct Call {
    /// What the endpoints share.
    pub provider: Arc<Provider>,
    /// The realm, unchanging for this request.
    pub realm: Arc<Realm>,
    /// Which endpoint.
    pub endpoint: Endpoint,
    /// Who is on the other side.
    pub peer: Peer,
    /// The time of this request.
    pub now: Timestamp,
}

impl Call {
    /// The artifact, used or not, where it is this realm's: all realms share one store.
    ///
    /// # Errors
    /// As [`crate::store::Store::find`].
    pub async fn find(&self, kind: Kind, id: &IdHash) -> Result<Option<Artifact>, StoreError> {
        let found = self.provider.store.find(kind, id, self.now).await?;
        Ok(found.filter(|artifact| is_named(&artifact.realm, &self.realm)))
    }

    /// Applies all changes or none.
    ///
    /// # Errors
    /// As [`crate::store::Store::commit`].
    pub async fn commit(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        self.provider.store.commit(changes, self.now).await
    }

    /// An unused artifact of this realm, of no grant, no session and nobody.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] where the payload can't be written as JSON.
    pub fn artifact(
        &self,
        kind: Kind,
        id: IdHash,
        payload: &impl Serialize,
        expires_at: Timestamp,
    ) -> Result<Artifact, StoreError> {
        let payload = serde_json::to_vec(payload).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let realm = self.realm.name.to_string().into();
        let (grant, session, subject) = (None, None, None);
        Ok(Artifact { kind, id, realm, grant, session, subject, payload, expires_at, consumed: None })
    }
}

/// True where `text` is the `namespace/name` of the realm.
fn is_named(text: &str, realm: &Realm) -> bool {
    text.split_once('/') == Some((&*realm.name.namespace, &*realm.name.name))
}

/// The other side of the connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Its address, as the socket has it, or a proxy that is trusted.
    pub address: IpAddr,
}
