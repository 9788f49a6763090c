use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

use super::{Error, PAUSE};
use crate::realm::{ObjectName, Realm};

/// So many are remembered; one more, and all are forgotten.
const MAX: usize = 4096;

/// What failed a moment ago, by realm and URI: what one realm may reach another may not.
#[derive(Default)]
pub(super) struct Failures(Mutex<HashMap<Asked, Failure>>);

type Asked = (ObjectName, Arc<str>);
type Failure = (Error, Timestamp);

impl Failures {
    /// The failure of this URI, where it is so young that it is not asked again.
    pub(super) fn check(&self, realm: &Realm, uri: &str, now: Timestamp) -> Result<(), Error> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(&(realm.name.clone(), uri.into())) {
            Some((error, at)) if is_young(*at, now) => Err(error.clone()),
            _ => Ok(()),
        }
    }

    pub(super) fn note(&self, realm: &Realm, uri: &str, error: Error, now: Timestamp) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX {
            known.retain(|_, (_, at)| is_young(*at, now));
        }
        if known.len() >= MAX {
            known.clear();
        }
        known.insert((realm.name.clone(), uri.into()), (error, now));
    }
}

fn is_young(at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(at) < SignedDuration::try_from(PAUSE).unwrap_or(SignedDuration::ZERO)
}
