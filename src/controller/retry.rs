use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::source::ObjectKey;

const FIRST: SignedDuration = SignedDuration::from_secs(1);
const LAST: SignedDuration = SignedDuration::from_mins(5);

/// Objects whose writes failed, and when to try again: after a second, then twice as late each time.
#[derive(Debug, Default)]
pub struct Retries(BTreeMap<ObjectKey, Retry>);

#[derive(Debug)]
struct Retry {
    failures: u32,
    /// None: it is being tried.
    at: Option<Timestamp>,
}

impl Retries {
    /// A write for the object failed at `now`.
    pub fn failed(&mut self, key: &ObjectKey, now: Timestamp) {
        let retry = self.0.entry(key.clone()).or_insert(Retry { failures: 0, at: None });
        let pause = FIRST.checked_mul(1 << retry.failures.min(16)).unwrap_or(LAST).min(LAST);
        retry.failures = retry.failures.saturating_add(1);
        retry.at = now.checked_add(pause).ok();
    }

    /// Everything for the object was written.
    pub fn succeeded(&mut self, key: &ObjectKey) {
        self.0.remove(key);
    }

    /// Forgets every failure.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The objects to try again at `now`, each given once.
    pub fn due(&mut self, now: Timestamp) -> Vec<ObjectKey> {
        let due = self.0.iter_mut().filter(|(_, retry)| retry.at.is_some_and(|at| at <= now));
        due.map(|(key, retry)| {
            retry.at = None;
            key.clone()
        })
        .collect()
    }

    /// When the next is due.
    pub fn next(&self) -> Option<Timestamp> {
        self.0.values().filter_map(|retry| retry.at).min()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::Retries;
    use crate::controller::source::{Kind, ObjectKey};

    #[test]
    fn each_failure_doubles_the_pause_up_to_five_minutes_and_a_success_forgets_them() {
        let mut retries = Retries::default();
        let key = ObjectKey::new(Kind::Realm, "a", "b");
        let now = Timestamp::from_second(1000).unwrap();
        let mut pauses = Vec::new();
        for _ in 0..10 {
            retries.failed(&key, now);
            let next = retries.next().unwrap();
            pauses.push(next.as_second() - 1000);
            assert!(retries.due(now).is_empty());
            assert_eq!(retries.due(next), std::slice::from_ref(&key));
            assert!(retries.due(next).is_empty() && retries.next().is_none());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
        retries.succeeded(&key);
        retries.failed(&key, now);
        assert_eq!(retries.next().map(|at| at.as_second()), Some(1001));
    }
}
