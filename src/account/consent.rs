//! What a person has agreed to, remembered for each client: asked again only for more than that, after a year without use, or where the
//! client asks for it (`prompt=consent`). The person sees it on their own page and takes it back there.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{find, owned, payload};
use crate::{
    realm::{Client, Realm, Settings},
    store::{Artifact, Change, IdHash, Kind, Store, StoreError},
};

/// Who does not use a client for this long is asked again.
const LIFETIME: SignedDuration = SignedDuration::from_hours(24 * 365);

/// That it is in use is written down this often at the most.
const TOUCH_INTERVAL: SignedDuration = SignedDuration::from_hours(24);

/// What a person has agreed to for one client.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    scopes: BTreeSet<String>,
    resources: BTreeSet<String>,
    /// Claims that were asked for one by one, beyond those of the scopes.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    claims: BTreeSet<String>,
    /// `client_id`; none where an earlier version wrote it and it has not been used since.
    #[serde(default)]
    client: Option<String>,
    #[serde(default)]
    granted_at: Option<Timestamp>,
    #[serde(default)]
    used_at: Option<Timestamp>,
}

/// What a client asks a person for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked<'a> {
    /// Scopes.
    pub scopes: Vec<&'a str>,
    /// Resource servers (RFC 8707).
    pub resources: Vec<&'a str>,
    /// Claims, one by one, beyond those of the scopes.
    pub claims: BTreeSet<&'a str>,
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

    /// True where it covers all of this. A claim is covered by the scope that releases it too.
    pub fn covers(&self, settings: &Settings, asked: &Asked<'_>) -> bool {
        let releases = |scope: &String, claim: &str| settings.scope(scope).is_some_and(|scope| scope.releases(claim));
        let has_claim =
            |claim: &str| self.claims.contains(claim) || self.scopes.iter().any(|scope| releases(scope, claim));
        asked.scopes.iter().all(|scope| self.scopes.contains(*scope))
            && asked.resources.iter().all(|resource| self.resources.contains(*resource))
            && asked.claims.iter().all(|claim| has_claim(claim))
    }

    /// Adds to it.
    pub fn extend(&mut self, asked: &Asked<'_>) {
        self.scopes.extend(asked.scopes.iter().map(|scope| (*scope).to_owned()));
        self.resources.extend(asked.resources.iter().map(|resource| (*resource).to_owned()));
        self.claims.extend(asked.claims.iter().map(|claim| (*claim).to_owned()));
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
        let granted_at = self.granted_at.or(Some(now));
        store.commit(vec![Self { granted_at, ..self.clone() }.put(realm, subject, client, now)], now).await
    }

    /// What writes down that the client uses it now, so that it lives for another year; nothing where there is none, or that is known. The
    /// commit conflicts where the person has taken it back in the meantime.
    ///
    /// # Errors
    /// The store's.
    pub async fn used(
        store: &dyn Store,
        realm: &Realm,
        subject: &str,
        client: &Client,
        now: Timestamp,
    ) -> Result<Vec<Change>, StoreError> {
        let found = find::<Self>(store, realm, Kind::Consent, &id(realm, subject, client), now).await?;
        let is_due = |used_at: Timestamp| now.duration_since(used_at) >= TOUCH_INTERVAL;
        let due = found.filter(|(consent, _)| consent.used_at.is_none_or(is_due));
        let Some((consent, artifact)) = due else { return Ok(Vec::new()) };
        let remove = Change::RemoveUnused { kind: Kind::Consent, id: artifact.id };
        Ok(vec![remove, consent.put(realm, subject, client, now)])
    }

    /// All that the user has agreed to, with the id of each.
    ///
    /// # Errors
    /// The store's.
    pub async fn of_user(
        store: &dyn Store,
        realm: &Realm,
        subject: &str,
        now: Timestamp,
    ) -> Result<Vec<(Self, IdHash)>, StoreError> {
        let found = owned::<Self>(store, realm, Kind::Consent, subject, now).await?;
        Ok(found.into_iter().map(|(consent, artifact)| (consent, artifact.id)).collect())
    }

    /// What takes it back.
    pub fn withdraw(realm: &Realm, subject: &str, client: &Client) -> Change {
        Change::Remove { kind: Kind::Consent, id: id(realm, subject, client) }
    }

    /// The client; none where an earlier version wrote it and it has not been used since.
    pub fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }

    /// The scopes.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scopes.iter().map(String::as_str)
    }

    /// The resource servers (RFC 8707).
    pub fn resources(&self) -> impl Iterator<Item = &str> {
        self.resources.iter().map(String::as_str)
    }

    /// The claims that were asked for one by one, beyond those of the scopes.
    pub fn claims(&self) -> impl Iterator<Item = &str> {
        self.claims.iter().map(String::as_str)
    }

    /// When the person agreed first.
    pub fn granted_at(&self) -> Option<Timestamp> {
        self.granted_at
    }

    /// When the client used it last, to the day.
    pub fn used_at(&self) -> Option<Timestamp> {
        self.used_at
    }

    fn put(mut self, realm: &Realm, subject: &str, client: &Client, now: Timestamp) -> Change {
        self.client = Some(client.id.as_str().to_owned());
        self.used_at = Some(now);
        Change::Put(Artifact {
            kind: Kind::Consent,
            id: id(realm, subject, client),
            realm: realm.name.to_string().into(),
            grant: None,
            session: None,
            subject: Some(subject.into()),
            payload: payload(&self),
            expires_at: now + LIFETIME,
            consumed: None,
        })
    }
}

/// For one life of the client: who takes over its name takes over no consent.
fn id(realm: &Realm, subject: &str, client: &Client) -> IdHash {
    IdHash::of(format!("consent\0{}\0{subject}\0{}\0{}", realm.name, client.id, client.incarnation.as_str()))
}
