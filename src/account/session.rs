//! An SSO session: one sign-in that every client of the realm may rely on. The browser holds a secret of 256 bits, the store its
//! hash; `sid`, which clients get to see, is another number.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{AccountError, find, payload, span};
use crate::{
    realm::{Realm, Subject, User},
    secret::unguessable,
    store::{Artifact, Change, IdHash, Kind, Store, StoreError},
};

/// That a session is in use is written down this often at the most.
const TOUCH_INTERVAL: SignedDuration = SignedDuration::from_mins(1);

/// Authentication context class of a password (OpenID Connect Core section 2, `acr`): one factor, checked by this provider.
pub const ACR: &str = "1";

/// Authentication methods of a password (RFC 8176 section 2).
pub const AMR: [&str; 1] = ["pwd"];

/// A session that lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    id: IdHash,
    state: State,
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
    clients: BTreeSet<String>,
}

/// A session that has just begun.
#[derive(Debug)]
pub struct Begun {
    /// The session.
    pub session: Session,
    /// What the browser must hold.
    pub cookie: String,
    /// What makes it so.
    pub changes: Vec<Change>,
}

impl Session {
    /// The session of this cookie: of this realm, within its limits, of a user that is there and enabled. One that is none of this any
    /// more is taken out.
    ///
    /// # Errors
    /// The store's.
    pub async fn find(
        store: &dyn Store,
        realm: &Realm,
        cookie: &str,
        now: Timestamp,
    ) -> Result<Option<Self>, StoreError> {
        let id = IdHash::of(cookie);
        let Some((state, _)) = find::<State>(store, realm, Kind::Session, &id, now).await? else { return Ok(None) };
        let session = Self { id, state };
        // The limits may have been tightened since it was written.
        if session.ends_at(realm) <= now || realm.user(&session.state.subject).is_none() {
            store.commit(session.end(), now).await?;
            return Ok(None);
        }
        Ok(Some(session))
    }

    /// A session for a user who has just signed in, always under a new cookie. Where the browser had a session of the same user, its
    /// `sid` stays, so that a later sign-out reaches every client; that of another user ends.
    ///
    /// # Errors
    /// [`AccountError::NoEntropy`].
    pub fn begin(realm: &Realm, user: &User, before: Option<&Self>, now: Timestamp) -> Result<Begun, AccountError> {
        let cookie = unguessable()?;
        let same = before.filter(|before| before.state.subject == *user.subject);
        let (sid, clients, created_at) = match same {
            Some(before) => (before.state.sid.clone(), before.state.clients.clone(), before.state.created_at),
            None => (unguessable()?, BTreeSet::new(), now),
        };
        let state = State {
            sid,
            subject: user.subject.as_str().to_owned(),
            authenticated_at: now,
            amr: AMR.map(str::to_owned).to_vec(),
            created_at,
            last_seen: now,
            clients,
        };
        let session = Self { id: IdHash::of(&cookie), state };
        let mut changes = match (same, before) {
            (Some(before), _) => vec![Change::Remove { kind: Kind::Session, id: before.id }],
            (None, Some(before)) => before.end(),
            (None, None) => Vec::new(),
        };
        changes.push(Change::Insert(session.artifact(realm)));
        Ok(Begun { session, cookie, changes })
    }

    /// What writes down that it was used for `client` now; nothing where that is known already and [`TOUCH_INTERVAL`] has not passed.
    /// The commit conflicts where the session has ended in the meantime.
    #[must_use]
    pub fn used(&self, realm: &Realm, client: &str, now: Timestamp) -> (Self, Vec<Change>) {
        let mut next = self.clone();
        let is_new = next.state.clients.insert(client.to_owned());
        let interval = TOUCH_INTERVAL.min(span(realm.settings.sessions.idle) / 4);
        if !is_new && now.duration_since(self.state.last_seen) < interval {
            return (next, Vec::new());
        }
        next.state.last_seen = now;
        let changes =
            vec![Change::RemoveUnused { kind: Kind::Session, id: self.id }, Change::Insert(next.artifact(realm))];
        (next, changes)
    }

    /// What ends it: the session, and every code and refresh token that is bound to it.
    #[must_use]
    pub fn end(&self) -> Vec<Change> {
        vec![Change::RemoveSession(self.sid_hash()), Change::Remove { kind: Kind::Session, id: self.id }]
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

    /// How the person signed in (RFC 8176).
    pub fn amr(&self) -> &[String] {
        &self.state.amr
    }

    /// The clients that it has been used for: whom a sign-out concerns.
    pub fn clients(&self) -> impl Iterator<Item = &str> {
        self.state.clients.iter().map(String::as_str)
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
            payload: payload(&self.state),
            expires_at: self.ends_at(realm),
            consumed: None,
        }
    }
}
