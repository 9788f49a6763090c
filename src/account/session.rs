//! An SSO session: one sign-in that every client of the realm may rely on. The browser holds a secret of 256 bits, the store its
//! hash; `sid`, which clients get to see, is another number.
//!
//! What is stored of a session is only ever replaced by who has read it as it is: two tabs that use it for two clients at once leave
//! both in it, and no client is forgotten when it ends.

mod end;

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::end::Ended;
use super::{AccountError, find, payload, span};
use crate::{
    realm::{Client, Realm, Subject, User},
    secret::unguessable,
    store::{Artifact, Change, IdHash, Kind, Store, StoreError},
};

/// That a session is in use is written down this often at the most.
const TOUCH_INTERVAL: SignedDuration = SignedDuration::from_mins(1);

/// A change is tried so often where others change the session at the same time: each time one of them has succeeded.
const ATTEMPTS: usize = 64;

/// Authentication context class of a password (OpenID Connect Core section 2, `acr`): one factor, checked by this provider.
pub const ACR: &str = "1";

/// Authentication methods of a password (RFC 8176 section 2).
pub const AMR: [&str; 1] = ["pwd"];

/// A session that lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    id: IdHash,
    state: State,
    /// The state as it is stored, byte for byte.
    stored: Vec<u8>,
}

/// What is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    sid: String,
    subject: String,
    authenticated_at: Timestamp,
    amr: Vec<String>,
    created_at: Timestamp,
    last_seen: Timestamp,
    /// The clients that it was used for, and which life of theirs.
    #[serde(default)]
    used_by: BTreeMap<String, String>,
}

/// A session that has just begun.
#[derive(Debug)]
pub struct Begun {
    /// The session.
    pub session: Session,
    /// What the browser must hold.
    pub cookie: String,
    /// What makes it so; it conflicts where the session before has changed in the meantime.
    pub changes: Vec<Change>,
}

impl Session {
    /// The session of this cookie: of this realm, within its limits, of a user that is there and enabled. One whose user is not is ended;
    /// one past its limits is taken out.
    ///
    /// # Errors
    /// The store's.
    pub async fn find(
        store: &dyn Store,
        realm: &Realm,
        cookie: &str,
        now: Timestamp,
    ) -> Result<Option<Self>, StoreError> {
        let Some(session) = Self::load(store, realm, IdHash::of(cookie), now).await? else { return Ok(None) };
        // The limits may have been tightened since it was written.
        if session.ends_at(realm) <= now {
            let changes =
                vec![Change::RemoveSession(session.sid_hash()), Change::Remove { kind: Kind::Session, id: session.id }];
            store.commit(changes, now).await?;
            return Ok(None);
        }
        if realm.user(&session.state.subject).is_none() {
            session.end(store, realm, now).await?;
            return Ok(None);
        }
        Ok(Some(session))
    }

    /// As it is stored, whatever has become of its user.
    async fn load(store: &dyn Store, realm: &Realm, id: IdHash, now: Timestamp) -> Result<Option<Self>, StoreError> {
        let found = find::<State>(store, realm, Kind::Session, &id, now).await?;
        Ok(found.map(|(state, artifact)| Self { id, state, stored: artifact.payload }))
    }

    /// What a stored session says: one of those that [`Store::owned`] lists.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    pub fn read(artifact: Artifact) -> Result<Self, StoreError> {
        let state = serde_json::from_slice(&artifact.payload)
            .map_err(|error| StoreError::Corrupt(format!("{:?}: {error}", artifact.kind)))?;
        Ok(Self { id: artifact.id, state, stored: artifact.payload })
    }

    /// Signs a user in who has just shown that it is them; see [`Self::begin`].
    ///
    /// # Errors
    /// The store's, [`AccountError::NoEntropy`].
    pub async fn sign_in(
        store: &dyn Store,
        realm: &Realm,
        user: &User,
        before: Option<&Self>,
        now: Timestamp,
    ) -> Result<Begun, AccountError> {
        let mut before = before.cloned();
        for _ in 0..ATTEMPTS {
            let begun = Self::begin(realm, user, before.as_ref(), now)?;
            match (store.commit(begun.changes.clone(), now).await, before) {
                (Err(StoreError::Conflict), Some(session)) => {
                    before = Self::load(store, realm, session.id, now).await?;
                }
                (result, _) => return Ok(result.map(|()| begun)?),
            }
        }
        Err(contended().into())
    }

    /// A session for a user who has just signed in, always under a new cookie. Where the browser had a session of the same user, its
    /// `sid` stays, so that a later sign-out reaches every client; that of another user ends, and its clients are told.
    ///
    /// # Errors
    /// [`AccountError::NoEntropy`].
    pub fn begin(realm: &Realm, user: &User, before: Option<&Self>, now: Timestamp) -> Result<Begun, AccountError> {
        let cookie = unguessable()?;
        let same = before.filter(|before| before.state.subject == *user.subject);
        let (sid, used_by, created_at) = match same {
            Some(before) => (before.state.sid.clone(), before.state.used_by.clone(), before.state.created_at),
            None => (unguessable()?, BTreeMap::new(), now),
        };
        let state = State {
            sid,
            subject: user.subject.as_str().to_owned(),
            authenticated_at: now,
            amr: AMR.map(str::to_owned).to_vec(),
            created_at,
            last_seen: now,
            used_by,
        };
        let session = Self { id: IdHash::of(&cookie), stored: payload(&state), state };
        let mut changes = match (same, before) {
            (Some(before), _) => vec![before.unchanged(), Change::Remove { kind: Kind::Session, id: before.id }],
            (None, Some(before)) => before.ending(realm, now),
            (None, None) => Vec::new(),
        };
        changes.push(Change::Insert(session.artifact(realm)));
        Ok(Begun { session, cookie, changes })
    }

    /// Writes down that it is used for `client` now, together with `more`: all or nothing, and nothing once it has ended. Gives the session
    /// as it is then. Of the session itself nothing is written where that is known already and [`TOUCH_INTERVAL`] has not passed.
    ///
    /// # Errors
    /// The store's; [`StoreError::Conflict`] where the session has ended, or a condition of `more` does not hold.
    pub async fn used_for(
        &self,
        store: &dyn Store,
        realm: &Realm,
        client: &Client,
        more: Vec<Change>,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let mut session = self.clone();
        for _ in 0..ATTEMPTS {
            let (next, mut changes) = session.used(realm, client, now);
            changes.extend(more.iter().cloned());
            match store.commit(changes, now).await {
                Err(StoreError::Conflict) => {}
                result => return result.map(|()| next),
            }
            match Self::load(store, realm, self.id, now).await? {
                // It is as it was read: the conflict is not of the session.
                Some(current) if current.stored == session.stored => return Err(StoreError::Conflict),
                Some(current) => session = current,
                None => return Err(StoreError::Conflict),
            }
        }
        Err(contended())
    }

    fn used(&self, realm: &Realm, client: &Client, now: Timestamp) -> (Self, Vec<Change>) {
        let mut next = self.clone();
        let life = client.incarnation.as_str();
        let known = next.state.used_by.insert(client.id.as_str().to_owned(), life.to_owned());
        let interval = TOUCH_INTERVAL.min(span(realm.settings.sessions.idle) / 4);
        if known.as_deref() == Some(life) && now.duration_since(self.state.last_seen) < interval {
            return (next, vec![Change::Require { kind: Kind::Session, id: self.id, payload: None }]);
        }
        next.state.last_seen = now;
        next.stored = payload(&next.state);
        let changes = vec![self.unchanged(), Change::Put(next.artifact(realm))];
        (next, changes)
    }

    /// Nobody has changed or ended it since it was read.
    fn unchanged(&self) -> Change {
        Change::Require { kind: Kind::Session, id: self.id, payload: Some(self.stored.clone()) }
    }

    /// `sid` (OpenID Connect Front-Channel Logout section 3).
    pub fn sid(&self) -> &str {
        &self.state.sid
    }

    /// What artifacts that end with it carry.
    pub fn sid_hash(&self) -> IdHash {
        IdHash::of(&self.state.sid)
    }

    /// Whose it is.
    pub fn subject(&self) -> Subject {
        Subject::new(self.state.subject.as_str())
    }

    /// When the password was checked.
    pub fn authenticated_at(&self) -> Timestamp {
        self.state.authenticated_at
    }

    /// When it began; a person who signs in again goes on with it.
    pub fn created_at(&self) -> Timestamp {
        self.state.created_at
    }

    /// When it was used last, up to a minute late.
    pub fn last_seen(&self) -> Timestamp {
        self.state.last_seen
    }

    /// How the person signed in (RFC 8176).
    pub fn amr(&self) -> &[String] {
        &self.state.amr
    }

    /// The clients that it has been used for: whom a sign-out concerns.
    pub fn clients(&self) -> impl Iterator<Item = &str> {
        self.state.used_by.keys().map(String::as_str)
    }

    /// Those of [`Self::clients`] that the realm serves now; one that was deleted and made anew under its name is another.
    pub fn served_clients<'a>(&'a self, realm: &'a Realm) -> impl Iterator<Item = &'a Arc<Client>> {
        let used = self.state.used_by.iter();
        used.filter_map(|(id, life)| realm.client(id).filter(|client| client.incarnation.as_str() == life))
    }

    /// What scripts of ours may know of it, to tell whether it is still the same (OpenID Connect Session Management section 3.2): a word of
    /// 43 letters, the same for as long as `sid` is.
    pub fn browser_state(&self) -> String {
        URL_SAFE_NO_PAD.encode(IdHash::of(format!("browser state of {}", self.state.sid)).as_bytes())
    }

    fn ends_at(&self, realm: &Realm) -> Timestamp {
        let policy = &realm.settings.sessions;
        let after = |start: Timestamp, length| start.checked_add(span(length)).unwrap_or(Timestamp::MAX);
        after(self.state.last_seen, policy.idle).min(after(self.state.authenticated_at, policy.absolute))
    }

    fn artifact(&self, realm: &Realm) -> Artifact {
        Artifact {
            kind: Kind::Session,
            id: self.id,
            realm: realm.name.to_string().into(),
            grant: None,
            session: Some(self.sid_hash()),
            subject: Some(self.state.subject.as_str().into()),
            payload: self.stored.clone(),
            expires_at: self.ends_at(realm),
            consumed: None,
        }
    }
}

/// So many change one session at once that it looks like an attack.
fn contended() -> StoreError {
    StoreError::Unavailable("too much happens to one session at once".into())
}

#[cfg(test)]
mod tests;
