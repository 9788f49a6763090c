use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::controller::source::ObjectKey;

/// When which object must be planned again though no event says so; one time an object.
#[derive(Debug, Default)]
pub struct Timers {
    times: BTreeMap<ObjectKey, Timestamp>,
    queue: BTreeSet<(Timestamp, ObjectKey)>,
}

impl Timers {
    /// Sets the time of an object, or takes it away.
    pub fn set(&mut self, key: &ObjectKey, at: Option<Timestamp>) {
        let old = match at {
            Some(at) => self.times.insert(key.clone(), at),
            None => self.times.remove(key),
        };
        if let Some(old) = old {
            self.queue.remove(&(old, key.clone()));
        }
        if let Some(at) = at {
            self.queue.insert((at, key.clone()));
        }
    }

    /// The objects whose time has come, each given once.
    pub fn due(&mut self, now: Timestamp) -> Vec<ObjectKey> {
        let mut due = Vec::new();
        while self.queue.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, key)) = self.queue.pop_first() else { break };
            self.times.remove(&key);
            due.push(key);
        }
        due
    }

    /// The next time of any.
    pub fn next(&self) -> Option<Timestamp> {
        self.queue.first().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::Timers;
    use crate::controller::source::{Kind, ObjectKey};

    #[test]
    fn each_object_has_one_time_and_is_given_once() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let [a, b, c] = ["a", "b", "c"].map(|name| ObjectKey::new(Kind::SigningKey, "n", name));
        let mut timers = Timers::default();
        timers.set(&a, Some(at(10)));
        timers.set(&a, Some(at(30)));
        timers.set(&b, Some(at(20)));
        timers.set(&c, Some(at(5)));
        timers.set(&c, None);
        assert_eq!(timers.next(), Some(at(20)));
        assert!(timers.due(at(19)).is_empty());
        assert_eq!(timers.due(at(20)), [b]);
        assert_eq!(timers.due(at(99)), [a]);
        assert!(timers.due(at(99)).is_empty() && timers.next().is_none());
    }
}
