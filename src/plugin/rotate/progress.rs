//! How far a rotation has come: a function of the statuses that were seen, one after the other.

use jiff::Timestamp;

use super::step::Step;
use crate::{
    api::{KeyState, OidcClientStatus, SigningKeyStatus, SigningKeyVersion},
    plugin::{PluginError, names::Kind, seen::Seen},
};

/// The status of an object that can rotate.
#[derive(Clone, Debug)]
pub enum Status {
    /// Of a SigningKey.
    SigningKey(SigningKeyStatus),
    /// Of an OidcClient.
    OidcClient(OidcClientStatus),
}

impl Status {
    fn of(seen: &Seen) -> Result<Self, PluginError> {
        let read = match seen.kind {
            Kind::SigningKey => seen.status().map(Self::SigningKey),
            _ => seen.status().map(Self::OidcClient),
        };
        read.map_err(|why| PluginError::unreadable(seen, &why))
    }

    fn acknowledged(&self) -> Option<&String> {
        match self {
            Self::SigningKey(status) => status.last_rotate_request.as_ref(),
            Self::OidcClient(status) => status.last_rotate_request.as_ref(),
        }
    }
}

/// Where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Something is still to come.
    Waiting,
    /// The new key is on its way and signs from then on, which is still to come.
    TakesOver(Timestamp),
    /// The new one is in use.
    Done,
    /// Another request came after ours, before ours was acknowledged.
    Superseded(String),
}

/// What was there before, and what of the new has been seen.
#[derive(Debug)]
pub struct Progress {
    request: String,
    /// The key that signed, or the id of the secret that was current.
    former: Option<String>,
    is_acknowledged: bool,
    /// The last step of the new key that was told, by its thumbprint.
    told: Option<(String, KeyState)>,
    former_told: bool,
    /// The message of `Ready`, as it was seen last.
    said: Option<String>,
    phase: Phase,
}

impl Progress {
    /// From the object as it was before it was asked.
    ///
    /// # Errors
    /// The status can't be read.
    pub fn new(before: &Seen, request: String) -> Result<Self, PluginError> {
        let former = match Status::of(before)? {
            Status::SigningKey(status) => active(&status).map(|key| key.kid.clone()),
            Status::OidcClient(status) => current(&status).map(|(id, _)| id.to_owned()),
        };
        Ok(Self {
            request,
            former,
            is_acknowledged: false,
            told: None,
            former_told: false,
            said: None,
            phase: Phase::Waiting,
        })
    }

    /// Where it stands.
    pub fn phase(&self) -> Phase {
        self.phase.clone()
    }

    /// What is new since the last look.
    ///
    /// # Errors
    /// The status can't be read.
    pub fn observe(&mut self, seen: &Seen) -> Result<Vec<Step>, PluginError> {
        let status = Status::of(seen)?;
        self.said = seen.condition("Ready").map(|ready| ready.message.clone());
        let mut steps = Vec::new();
        if !self.is_acknowledged {
            if status.acknowledged() != Some(&self.request) {
                if let Some(other) = seen.rotate.as_ref().filter(|value| **value != self.request) {
                    self.phase = Phase::Superseded(other.clone());
                }
                return Ok(steps);
            }
            self.is_acknowledged = true;
            steps.push(Step::Acknowledged);
        }
        match &status {
            Status::SigningKey(status) => self.keys(status, &mut steps),
            Status::OidcClient(status) => self.credentials(status, &mut steps),
        }
        Ok(steps)
    }

    /// What is missing, for whoever has waited long enough, and what the object says of itself.
    pub fn stuck(&self) -> String {
        let said = self.said.iter().map(|said| format!(". Its Ready says: {said}"));
        let missing = self.missing();
        std::iter::once(missing).chain(said).collect()
    }

    fn missing(&self) -> String {
        match (&self.told, self.is_acknowledged) {
            (_, false) => {
                "no operator has acknowledged the request in time: is one running, and does one hold the Lease? The \
                           request stands, and is acted upon when one comes"
                    .to_owned()
            }
            (None, true) => {
                "the request is acknowledged, and nothing new has come of it in time; `kubectl realmkeeper status` \
                             shows what is wrong"
                    .to_owned()
            }
            (Some((new, _)), true) => {
                format!("{new} is there, and is not in use yet; it takes over by itself: wait longer with --timeout")
            }
        }
    }

    /// The answer to the request is the newest key that can sign; that may be one which was on its way already.
    fn keys(&mut self, status: &SigningKeyStatus, steps: &mut Vec<Step>) {
        let is_new = |key: &&SigningKeyVersion| {
            let lives = matches!(key.state, KeyState::Pending | KeyState::Published | KeyState::Active);
            lives && Some(&key.kid) != self.former.as_ref()
        };
        let Some(new) = status.keys.iter().find(is_new) else { return };
        let is_told = |state| self.told.as_ref().is_some_and(|(kid, told)| *kid == new.kid && *told >= state);
        let kid = || new.kid.clone();
        let takes_over = new.activated_at.as_ref().or(status.next_rotation.as_ref()).map(|time| time.0);
        match new.state {
            _ if is_told(new.state) => {}
            KeyState::Pending => {
                steps.push(Step::KeyMade { kid: kid(), published_at: new.published_at.as_ref().map(|time| time.0) });
            }
            KeyState::Published => steps.push(Step::KeyPublished { kid: kid(), takes_over }),
            _ => {
                if !is_told(KeyState::Published) {
                    steps.push(Step::KeyPublished { kid: kid(), takes_over: None });
                }
                steps.push(Step::KeyActive { kid: kid() });
            }
        }
        self.told = Some((new.kid.clone(), new.state));
        let former = status.keys.iter().find(|key| Some(&key.kid) == self.former.as_ref());
        let has_ended = former.is_some_and(|former| !matches!(former.state, KeyState::Active));
        if new.state == KeyState::Active
            && has_ended
            && !self.former_told
            && let Some(former) = former
        {
            self.former_told = true;
            if former.state == KeyState::Retired {
                steps.push(Step::KeyRetired { kid: former.kid.clone() });
            }
        }
        self.phase = match (new.state, takes_over) {
            // A former key that is still said to sign belongs to another moment.
            (KeyState::Active, _) if former.is_none() || has_ended => Phase::Done,
            (KeyState::Pending | KeyState::Published, Some(at)) => Phase::TakesOver(at),
            _ => Phase::Waiting,
        };
    }

    fn credentials(&mut self, status: &OidcClientStatus, steps: &mut Vec<Step>) {
        let Some((id, _)) = current(status).filter(|(id, _)| Some(*id) != self.former.as_deref()) else { return };
        let secret_name = status.binding.as_ref().map(|binding| binding.name.clone());
        steps.push(Step::CredentialsIssued { id: id.to_owned(), secret_name });
        let previous = status.credentials.as_ref().and_then(|credentials| credentials.previous.as_ref());
        match (previous, &self.former) {
            (Some(previous), _) => {
                steps.push(Step::FormerValidUntil { id: previous.id.clone(), until: previous.valid_until.0 })
            }
            (None, Some(former)) => steps.push(Step::FormerEnded { id: former.clone() }),
            (None, None) => {}
        }
        self.phase = Phase::Done;
    }
}

fn active(status: &SigningKeyStatus) -> Option<&SigningKeyVersion> {
    status.keys.iter().find(|key| key.state == KeyState::Active)
}

fn current(status: &OidcClientStatus) -> Option<(&str, Option<Timestamp>)> {
    let current = status.credentials.as_ref()?.current.as_ref()?;
    Some((&current.id, current.issued_at.as_ref().map(|time| time.0)))
}
