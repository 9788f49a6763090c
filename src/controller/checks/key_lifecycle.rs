//! Where a key stands in its life. A state is never stored: it follows from the key's times, so every replica sees it change at the
//! same instant.

use jiff::Timestamp;

use crate::api::KeyState;

/// The times of a key, as its Secret's annotations have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// In the JWKS from then on.
    pub published_at: Timestamp,
    /// Signs from then on, until a later key of its algorithm does.
    pub active_from: Timestamp,
    /// Out of the JWKS from then on; none: not planned yet.
    pub removed_at: Option<Timestamp>,
}

/// The state of a key at `now`; `signs` says that it is the one that signs.
pub fn state(times: Times, is_revoked: bool, signs: bool, now: Timestamp) -> KeyState {
    if is_revoked {
        KeyState::Revoked
    } else if times.removed_at.is_some_and(|end| end <= now) {
        KeyState::Removed
    } else if now < times.published_at {
        KeyState::Pending
    } else if now < times.active_from {
        KeyState::Published
    } else if signs {
        KeyState::Active
    } else {
        KeyState::Retired
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{KeyState, Times, state};

    #[test]
    fn a_key_goes_through_its_states_by_its_times() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let times = Times { published_at: at(10), active_from: at(20), removed_at: Some(at(30)) };
        for (now, signs, want) in [
            (9, false, KeyState::Pending),
            (10, false, KeyState::Published),
            (20, true, KeyState::Active),
            (25, false, KeyState::Retired),
            (30, false, KeyState::Removed),
        ] {
            assert_eq!(state(times, false, signs, at(now)), want, "{now}");
        }
        assert_eq!(state(times, true, true, at(20)), KeyState::Revoked);
    }
}
