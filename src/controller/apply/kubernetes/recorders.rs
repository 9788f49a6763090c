//! Who sends events. The library counts an event as a repetition of another whatever their notes say, and leaves the first note as it is: the
//! second rotation would be told with the key and the times of the first. So each note has a recorder of its own, for as long as that
//! would count a repetition.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use kube::{
    Client,
    runtime::events::{Recorder, Reporter},
};

use crate::controller::{marks, plan::EventRecord, source::ObjectKey};

/// For so long the library counts.
const COUNTED: SignedDuration = SignedDuration::from_mins(6);
/// With more than these, all are forgotten: repetitions are events of their own then.
const MAX: usize = 4096;

/// An event without its times: the object, the reason, and a hash of the note.
type Told = (ObjectKey, &'static str, String);

/// A recorder for each note.
pub(super) struct Recorders {
    client: Client,
    reporter: Reporter,
    told: Mutex<BTreeMap<Told, (Recorder, Timestamp)>>,
}

impl Recorders {
    /// They send with `client`; `identity` is who reports.
    pub(super) fn new(client: Client, identity: &str) -> Self {
        let instance = Some(identity.chars().take(128).collect());
        let reporter = Reporter { controller: "realmkeeper.dev/operator".into(), instance };
        Self { client, reporter, told: Mutex::default() }
    }

    /// The recorder that knows whether this was told before.
    pub(super) fn of(&self, event: &EventRecord, now: Timestamp) -> Recorder {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|_, (_, last)| now.duration_since(*last) < COUNTED);
        if told.len() >= MAX {
            told.clear();
        }
        let key = (event.regarding.clone(), event.reason, marks::hash(&event.note));
        let new = || (Recorder::new(self.client.clone(), self.reporter.clone()), now);
        let (recorder, last) = told.entry(key).or_insert_with(new);
        *last = now;
        recorder.clone()
    }
}
