//! What a person has agreed to, remembered for each client: asked again only for more than that, after a year, or where the client
//! asks for it (`prompt=consent`).

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{find, payload};
use crate::{
    realm::{Client, Realm},
    store::{Artifact, Change, IdHash, Kind, Store, StoreError},
};

/// Who does not use a client for this long is asked again.
const LIFETIME: SignedDuration = SignedDuration::from_hours(24 * 365);

/// What a person has agreed to for one client.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    scopes: BTreeSet<String>,
    resources: BTreeSet<String>,
}

impl Consent {
    /// What is remembered; nothing is the empty consent.
    ///
    /// # Errors
    /// The store's.
    pub async fn find(
        store: &dyn Store,
        realm: &Realm,
        subject: &str,
        client: &Client,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let found = find::<Self>(store, realm, Kind::Consent, &id(realm, subject, client), now).await?;
        Ok(found.map(|(consent, _)| consent).unwrap_or_default())
    }

    /// True where it covers all of this.
    pub fn covers<'a>(
        &self,
        scopes: impl IntoIterator<Item = &'a str>,
        resources: impl IntoIterator<Item = &'a str>,
    ) -> bool {
        scopes.into_iter().all(|scope| self.scopes.contains(scope))
            && resources.into_iter().all(|resource| self.resources.contains(resource))
    }

    /// Adds to it.
    pub fn extend<'a>(
        &mut self,
        scopes: impl IntoIterator<Item = &'a str>,
        resources: impl IntoIterator<Item = &'a str>,
    ) {
        self.scopes.extend(scopes.into_iter().map(str::to_owned));
        self.resources.extend(resources.into_iter().map(str::to_owned));
    }

    /// Remembers it for a year.
    ///
    /// # Errors
    /// The store's.
    pub async fn remember(
        &self,
        store: &dyn Store,
        realm: &Realm,
        subject: &str,
        client: &Client,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let artifact = Artifact {
            kind: Kind::Consent,
            id: id(realm, subject, client),
            realm: realm.name.to_string().into(),
            grant: None,
            session: None,
            subject: Some(subject.into()),
            payload: payload(self),
            expires_at: now + LIFETIME,
            consumed: None,
        };
        store.commit(vec![Change::Put(artifact)], now).await
    }
}

/// For one life of the client: who takes over its name takes over no consent.
fn id(realm: &Realm, subject: &str, client: &Client) -> IdHash {
    IdHash::of(format!("consent\0{}\0{subject}\0{}\0{}", realm.name, client.id, client.incarnation.as_str()))
}
