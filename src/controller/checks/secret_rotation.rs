//! When a client secret is replaced: a function of what its Secret says, of what is asked, and of the time.

use jiff::{SignedDuration, Timestamp};

use super::key_lifecycle::later;

/// The secrets that a client has, without their values.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// When the current one was made, where that is known.
    pub issued_at: Option<Timestamp>,
    /// Until when the former one is accepted; none: there is none.
    pub previous_until: Option<Timestamp>,
    /// The value of `realmkeeper.dev/rotate` that the current one is the answer to.
    pub answered: Option<&'a str>,
    /// The current one is not of our making, and should be.
    pub is_taken: bool,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// How long a secret is the current one; none: until a person asks for another.
    pub every: Option<SignedDuration>,
    /// `realmkeeper.dev/rotate`.
    pub request: Option<&'a str>,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing now; at this time something is.
    Later(Option<Timestamp>),
    /// The former secret is no longer accepted and is to be taken away.
    EndOfOverlap,
    /// A new secret, which makes the current one the former one.
    New,
}

/// What is due. A period that ends within an overlap waits for its end, so that nobody who had time until then is cut off; a person
/// who asks for a new secret gets it at once, and the one before the current ends with that.
pub fn due(standing: &Standing<'_>, ask: &Ask<'_>, now: Timestamp) -> Due {
    let is_asked = ask.request.is_some() && ask.request != standing.answered;
    if is_asked || standing.is_taken {
        return Due::New;
    }
    if standing.previous_until.is_some_and(|until| until <= now) {
        return Due::EndOfOverlap;
    }
    let period = rotate_after(standing, ask);
    match (period, standing.previous_until) {
        (Some(at), None) if at <= now => Due::New,
        (at, None) => Due::Later(at),
        (_, Some(until)) => Due::Later(Some(until)),
    }
}

/// When the current secret will be replaced; none: when a person asks for it.
pub fn rotate_after(standing: &Standing<'_>, ask: &Ask<'_>) -> Option<Timestamp> {
    let at = later(standing.issued_at?, ask.every?);
    Some(standing.previous_until.map_or(at, |until| until.max(at)))
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{Ask, Due, Standing, due, rotate_after};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn a_secret_is_replaced_when_its_time_is_over_and_not_within_an_overlap() {
        let ask = Ask { every: Some(SignedDuration::from_secs(100)), request: None };
        let alone = Standing { issued_at: Some(at(0)), previous_until: None, answered: None, is_taken: false };
        assert_eq!(due(&alone, &ask, at(99)), Due::Later(Some(at(100))));
        assert_eq!(due(&alone, &ask, at(100)), Due::New);
        let overlap = Standing { previous_until: Some(at(150)), ..alone };
        assert_eq!(due(&overlap, &ask, at(120)), Due::Later(Some(at(150))));
        assert_eq!(rotate_after(&overlap, &ask), Some(at(150)));
        assert_eq!(due(&overlap, &ask, at(150)), Due::EndOfOverlap);
        let never = Ask { every: None, request: None };
        assert_eq!(due(&alone, &never, at(9_999)), Due::Later(None));
        let unknown = Standing { issued_at: None, ..alone };
        assert_eq!(due(&unknown, &ask, at(9_999)), Due::Later(None));
    }

    #[test]
    fn a_request_is_answered_at_once_and_once() {
        let asked = Ask { every: None, request: Some("1") };
        let alone = Standing { issued_at: Some(at(0)), previous_until: None, answered: None, is_taken: false };
        assert_eq!(due(&alone, &asked, at(1)), Due::New);
        let overlap = Standing { previous_until: Some(at(150)), ..alone };
        assert_eq!(due(&overlap, &asked, at(1)), Due::New);
        let answered = Standing { answered: Some("1"), ..overlap };
        assert_eq!(due(&answered, &asked, at(1)), Due::Later(Some(at(150))));
        let withdrawn = Ask { every: None, request: None };
        assert_eq!(due(&answered, &withdrawn, at(1)), Due::Later(Some(at(150))));
    }

    #[test]
    fn a_secret_of_somebody_elses_making_gives_way() {
        let ask = Ask { every: None, request: None };
        let taken = Standing { issued_at: Some(at(0)), previous_until: None, answered: None, is_taken: true };
        assert_eq!(due(&taken, &ask, at(1)), Due::New);
    }
}
