//! An SSO session: one sign-in that every client of the realm may rely on. The browser holds a secret of 256 bits, the store its
//! hash; `sid`, which clients get to see, is another number.
//!
//! What is stored of a session is only ever replaced by who has read it as it is: two tabs that use it for two clients at once leave
//! both in it, and no client is forgotten when it ends.

mod end;

use std::{collections::BTreeMap, sync::Arc};

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::end::Ended;
use super::{AccountError, device::Device, find, owned, payload, span};
use crate::{
    realm::{Client, Password, Realm, Subject, User},
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
    #[serde(default)]
    device: Device,
    /// Fingerprints of the passwords under any of which it goes on; none: under every one.
    #[serde(default)]
    passwords: Vec<String>,
}

/// Who has just shown that it is them, and how.
#[derive(Debug, Clone)]
pub struct SignIn<'a> {
    /// Who.
    pub user: &'a User,
    /// From where.
    pub device: Device,
    /// A password beside the user's, under which the session goes on: the one that is being written, which not everybody sees yet.
    pub new_password: Option<&'a Password>,
}

impl<'a> SignIn<'a> {
    /// Of this user, from a place that nobody needs to know.
    pub fn of(user: &'a User) -> Self {
        Self { user, device: Device::default(), new_password: None }
    }
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
    /// The session of this cookie: of this realm, within its limits, of a user that is there, is enabled and has the password that it began
    /// with. One whose user is not or has not is ended; one past its limits is taken out.
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
        let user = realm.user(&session.state.subject);
        if user.is_none_or(|user| session.is_of_another_password(cookie, user)) {
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

    /// True where the user's password has been changed since. One that has none just now (its Secret is gone for a moment) is no reason
    /// to end anything.
    fn is_of_another_password(&self, cookie: &str, user: &User) -> bool {
        let (known, password) = (&self.state.passwords, user.password.as_ref());
        !known.is_empty() && password.is_some_and(|password| !known.contains(&fingerprint(cookie, password)))
    }

    /// Every session of the user that has not ended, the one used last first.
    ///
    /// # Errors
    /// The store's.
    pub async fn of_user(
        store: &dyn Store,
        realm: &Realm,
        subject: &str,
        now: Timestamp,
    ) -> Result<Vec<Self>, StoreError> {
        let found = owned::<State>(store, realm, Kind::Session, subject, now).await?;
        let read = |(state, artifact): (State, Artifact)| Self { id: artifact.id, state, stored: artifact.payload };
        let mut sessions: Vec<_> = found.into_iter().map(read).collect();
        sessions.retain(|session| session.ends_at(realm) > now);
        sessions.sort_by_key(|session| std::cmp::Reverse((session.state.last_seen, session.id)));
        Ok(sessions)
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
        who: &SignIn<'_>,
        before: Option<&Self>,
        now: Timestamp,
    ) -> Result<Begun, AccountError> {
        let mut before = before.cloned();
        for _ in 0..ATTEMPTS {
            let begun = Self::begin(realm, who, before.as_ref(), now)?;
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
    pub fn begin(
        realm: &Realm,
        who: &SignIn<'_>,
        before: Option<&Self>,
        now: Timestamp,
    ) -> Result<Begun, AccountError> {
        let (cookie, user) = (unguessable()?, who.user);
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
            device: who.device.clone(),
            passwords: user.password.iter().chain(who.new_password).map(|known| fingerprint(&cookie, known)).collect(),
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

    /// What it is called on the person's own page: tells nobody its cookie or its `sid`.
    pub fn handle(&self) -> String {
        URL_SAFE_NO_PAD.encode(IdHash::of(format!("session handle of {}", self.state.sid)).as_bytes())
    }

    /// From where the person signed in.
    pub fn device(&self) -> &Device {
        &self.state.device
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

/// Tells whether a password is still the same, and tells a reader of the store nothing: the key is the cookie, which only the browser
/// has.
fn fingerprint(cookie: &str, password: &Password) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, cookie.as_bytes()));
    match password {
        Password::Phc(hash) => {
            context.update(format!("hash\0{:?}\0{}\0", hash.function(), hash.salt().len()).as_bytes());
            context.update(hash.salt());
            context.update(hash.output());
        }
        Password::Plain(password) => {
            context.update(b"plain\0");
            context.update(password.expose());
        }
    }
    URL_SAFE_NO_PAD.encode(context.sign())
}

/// So many change one session at once that it looks like an attack.
fn contended() -> StoreError {
    StoreError::Unavailable("too much happens to one session at once".into())
}

#[cfg(test)]
mod tests;
