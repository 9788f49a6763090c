//! What a client is still to be told of a session that has ended (OpenID Connect Back-Channel Logout section 2.5). It stands in the store
//! from the commit that ends the session until the client has heard it, so that no restart loses one.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{payload, session::Session};
use crate::{
    realm::{Client, Realm},
    store::{Artifact, Change, IdHash, Kind, StoreError},
};

/// A client that can't be reached for so long is given up: its own sessions have ended by then.
const LIFETIME: SignedDuration = SignedDuration::from_hours(24);
/// The first pause between two attempts; each next one is twice as long.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(10);
/// No pause is longer.
const LAST_PAUSE: SignedDuration = SignedDuration::from_hours(1);

/// One client that is to be told of the end of one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogoutDelivery {
    /// `client_id`.
    pub client_id: String,
    /// Which life of the client.
    pub incarnation: String,
    /// `sub` as the client knows it.
    pub subject: String,
    /// `sid`.
    pub sid: String,
    /// How often it has been tried.
    pub attempts: u32,
}

/// A delivery of which this process has the next attempt.
#[derive(Debug)]
pub struct Claimed {
    /// What is to be told.
    pub delivery: LogoutDelivery,
    /// Nothing comes after this attempt.
    pub is_last: bool,
    /// What claims it; a conflict means that another replica was first.
    pub changes: Vec<Change>,
}

impl LogoutDelivery {
    pub(super) fn new(session: &Session, client: &Client) -> Self {
        Self {
            client_id: client.id.as_str().to_owned(),
            incarnation: client.incarnation.as_str().to_owned(),
            subject: client.subject.shown(&session.subject()).into_owned(),
            sid: session.sid().to_owned(),
            attempts: 0,
        }
    }

    /// What a stored delivery says.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    pub fn read(artifact: &Artifact) -> Result<Self, StoreError> {
        serde_json::from_slice(&artifact.payload)
            .map_err(|error| StoreError::Corrupt(format!("{:?}: {error}", artifact.kind)))
    }

    /// True where it is meant for this client and no other of its name.
    pub fn is_for(&self, client: &Client) -> bool {
        self.client_id == client.id.as_str() && self.incarnation == client.incarnation.as_str()
    }

    /// What puts it into the store, due at once.
    pub(super) fn schedule(&self, realm: &Realm, now: Timestamp) -> Vec<Change> {
        // One session tells one client once. It must not end with the session: it is what is left of it.
        let id = IdHash::of(format!("{}\0{}\0{}", realm.name, self.sid, self.client_id));
        let artifact = Artifact {
            kind: Kind::LogoutDelivery,
            id,
            realm: realm.name.to_string().into(),
            grant: None,
            session: None,
            subject: None,
            payload: payload(self),
            expires_at: later(now, LIFETIME),
            consumed: None,
        };
        vec![Change::Put(artifact), Change::Schedule { kind: Kind::LogoutDelivery, id, due: now }]
    }

    /// The next attempt at a delivery that is due. It is paid for beforehand: claimed, it is due again after the pause that follows a
    /// failure, so a process that dies in the middle loses nothing, and one that fails has nothing left to write.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    pub fn claim(artifact: &Artifact, now: Timestamp) -> Result<Claimed, StoreError> {
        let mut delivery = Self::read(artifact)?;
        delivery.attempts = delivery.attempts.saturating_add(1);
        let due = later(now, pause(delivery.attempts));
        let (kind, id) = (artifact.kind, artifact.id);
        let next = Artifact { payload: payload(&delivery), ..artifact.clone() };
        let changes = vec![
            Change::Require { kind, id, payload: Some(artifact.payload.clone()) },
            Change::Put(next),
            Change::Schedule { kind, id, due },
        ];
        Ok(Claimed { delivery, is_last: due >= artifact.expires_at, changes })
    }
}

/// The pause after the attempt of this number.
fn pause(attempts: u32) -> SignedDuration {
    let doubled = attempts.saturating_sub(1).min(16);
    FIRST_PAUSE.saturating_mul(1 << doubled).min(LAST_PAUSE)
}

fn later(now: Timestamp, duration: SignedDuration) -> Timestamp {
    now.saturating_add(duration).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::{FIRST_PAUSE, LAST_PAUSE, LIFETIME, pause};

    #[test]
    fn pauses_double_up_to_an_hour_and_a_day_has_some_thirty_attempts() {
        let seconds: Vec<_> = (1..=10).map(|attempts| pause(attempts).as_secs()).collect();
        assert_eq!(seconds, [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600]);
        assert_eq!((pause(0), pause(u32::MAX)), (FIRST_PAUSE, LAST_PAUSE));
        let mut elapsed = SignedDuration::ZERO;
        let attempts = (1..).take_while(|attempt| {
            elapsed += pause(*attempt);
            elapsed < LIFETIME
        });
        assert_eq!(attempts.count(), 31);
    }
}
