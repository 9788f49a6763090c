//! Where a key stands in its life. A state is never stored: it follows from the key's times, so every replica sees it change at the
//! same instant.

use jiff::{SignedDuration, Timestamp};

use crate::api::{KeyState, Retain};

/// By so much the clocks of two replicas may differ without harm.
pub const MAX_SKEW: SignedDuration = SignedDuration::from_secs(30);

/// For so long a key decrypts after the next one has taken over, at least. It has left the JWKS then, and whoever caches that as it is told
/// (a minute at most) encrypts for it no more; five minutes are for what was encrypted and is on its way, and the rest is for clocks. What is
/// kept encrypted for longer (a request object behind a `request_uri`) asks for a longer `retain`.
pub const DECRYPTION_GRACE: SignedDuration = SignedDuration::from_secs(390);

/// The times of a key, as its Secret's annotations and those of its successor have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Every replica has it in its JWKS from then on; each has it as soon as it sees the Secret.
    pub published_at: Timestamp,
    /// Signs from then on, until a later key of its algorithm does.
    pub active_from: Timestamp,
    /// A later key of its ring signs from then on; none: there is no later one.
    pub retired_at: Option<Timestamp>,
    /// Out of the JWKS from then on; none while it is not known when it retires.
    pub removed_at: Option<Timestamp>,
}

/// The state of a key at `now`; `signs` says that it is the one that signs.
pub fn state(times: Times, is_revoked: bool, signs: bool, now: Timestamp) -> KeyState {
    if is_revoked {
        KeyState::Revoked
    } else if times.removed_at.is_some_and(|end| end <= now) {
        KeyState::Removed
    } else if signs {
        KeyState::Active
    } else if now < times.published_at {
        KeyState::Pending
    } else if now < times.active_from {
        KeyState::Published
    } else {
        KeyState::Retired
    }
}

/// What is added to a span of time for clocks that differ: [`MAX_SKEW`], and no more than the span itself, so that short ones stay
/// short. Who asks for less than 30 seconds tolerates as little.
pub fn margin(span: SignedDuration) -> SignedDuration {
    span.min(MAX_SKEW)
}

/// When a key that retires at `retired_at` leaves the JWKS: when the longest-lived token that it can have signed has expired, or later
/// where a person wants that. A replica whose clock is slow by `skew` signs that much longer.
pub fn removal(
    retired_at: Timestamp,
    retain: Retain,
    longest_token: SignedDuration,
    skew: SignedDuration,
) -> Timestamp {
    let tokens = longest_token.saturating_add(skew);
    let span = match retain {
        Retain::Auto => tokens,
        Retain::For(duration) => tokens.max(seconds(duration)),
    };
    later(retired_at, span)
}

/// When the Secret of a key that left the JWKS at `removed_at` may go: when it has left by every replica's clock.
pub fn disposal(removed_at: Timestamp, skew: SignedDuration) -> Timestamp {
    later(removed_at, skew)
}

/// As jiff has it.
pub fn seconds(duration: crate::api::Duration) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(duration.as_secs()).unwrap_or(i64::MAX))
}

/// `at + span`, or the end of time.
pub fn later(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{KeyState, Retain, Times, disposal, margin, removal, state};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn a_key_goes_through_its_states_by_its_times() {
        let times =
            Times { published_at: at(10), active_from: at(20), retired_at: Some(at(25)), removed_at: Some(at(30)) };
        for (now, signs, want) in [
            (9, false, KeyState::Pending),
            (10, false, KeyState::Published),
            (20, true, KeyState::Active),
            (25, false, KeyState::Retired),
            (30, false, KeyState::Removed),
            (15, true, KeyState::Active),
        ] {
            assert_eq!(state(times, false, signs, at(now)), want, "{now}");
        }
        assert_eq!(state(times, true, true, at(20)), KeyState::Revoked);
    }

    #[test]
    fn a_key_is_kept_until_its_last_token_has_expired_and_longer_where_that_is_wanted_but_never_less() {
        let (hour, skew) = (SignedDuration::from_hours(1), SignedDuration::from_secs(30));
        assert_eq!(removal(at(0), Retain::Auto, hour, skew), at(3630));
        assert_eq!(removal(at(0), Retain::For("2h".parse().unwrap()), hour, skew), at(7200));
        assert_eq!(removal(at(0), Retain::For("1s".parse().unwrap()), hour, skew), at(3630));
        assert_eq!(removal(Timestamp::MAX, Retain::Auto, hour, skew), Timestamp::MAX);
        assert_eq!(disposal(at(0), skew), at(30));
    }

    #[test]
    fn short_spans_have_short_margins() {
        assert_eq!(margin(SignedDuration::from_secs(2)), SignedDuration::from_secs(2));
        assert_eq!(margin(SignedDuration::from_hours(1)), SignedDuration::from_secs(30));
    }
}
