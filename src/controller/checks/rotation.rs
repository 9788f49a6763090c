//! When a new key is due. Today that is when a ring has none that can be used: the first, or the one after the last was revoked.
//! What `rotation.every` and the annotation `realmkeeper.dev/rotate` ask for is decided here too, once it is built.

use jiff::Timestamp;

use super::key_lifecycle::Times;

/// What a ring holds, for the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generation {
    /// The N of the Secret `NAME-N`.
    pub number: u32,
    /// It can sign, now or later: it is neither revoked nor broken.
    pub is_usable: bool,
}

/// A key to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewKey {
    /// The N of its Secret `NAME-N`: one more than any before, so that a number is never given twice.
    pub number: u32,
    /// Its times.
    pub times: Times,
}

/// The key to make now, if one is due. A ring without any usable key can't wait for `prePublish`: its key signs at once.
pub fn due(ring: &[Generation], now: Timestamp) -> Option<NewKey> {
    if ring.iter().any(|generation| generation.is_usable) {
        return None;
    }
    let last = ring.iter().map(|generation| generation.number).max().unwrap_or(0);
    Some(NewKey {
        number: last.checked_add(1)?,
        times: Times { published_at: now, active_from: now, removed_at: None },
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{Generation, due};

    #[test]
    fn a_key_is_due_where_none_can_be_used_and_takes_the_next_number() {
        let now = Timestamp::from_second(100).unwrap();
        let number = |ring: &[Generation]| due(ring, now).map(|key| key.number);
        assert_eq!(number(&[]), Some(1));
        assert_eq!(number(&[Generation { number: 1, is_usable: true }]), None);
        assert_eq!(
            number(&[Generation { number: 3, is_usable: false }, Generation { number: 1, is_usable: true }]),
            None
        );
        assert_eq!(number(&[Generation { number: 3, is_usable: false }]), Some(4));
        assert_eq!(due(&[], now).map(|key| key.times.active_from), Some(now));
    }
}
