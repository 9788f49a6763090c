//! When a client secret is replaced: a function of what its Secret says, of what is asked, and of the time.

use jiff::{SignedDuration, Timestamp};

use super::{
    key_lifecycle::later,
    requests::{Answers, Request},
};

/// The secrets that a client has, without their values.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// When the current one was made, where that is known.
    pub issued_at: Option<Timestamp>,
    /// Until when the former one is accepted; none: there is none.
    pub previous_until: Option<Timestamp>,
    /// The values of `realmkeeper.dev/rotate` that the current one, and those before it, are the answers to.
    pub answers: &'a Answers,
    /// The current one is not of our making, and should be; or it is too short for what it is used for.
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
/// who asks for a new secret gets it at once, and the one before the current ends with that. A request that a former secret has answered
/// is looked at again when no watch can lag so much any more.
pub fn due(standing: &Standing<'_>, ask: &Ask<'_>, now: Timestamp) -> Due {
    let request = standing.answers.judge(ask.request, now);
    if request == Request::New || standing.is_taken {
        return Due::New;
    }
    if standing.previous_until.is_some_and(|until| until <= now) {
        return Due::EndOfOverlap;
    }
    let next = match (rotate_after(standing, ask), standing.previous_until) {
        (Some(at), None) if at <= now => return Due::New,
        (at, None) => at,
        (_, until) => until,
    };
    Due::Later(next.into_iter().chain(request.until()).min())
}

/// When the current secret will be replaced; none: when a person asks for it.
pub fn rotate_after(standing: &Standing<'_>, ask: &Ask<'_>) -> Option<Timestamp> {
    let at = later(standing.issued_at?, ask.every?);
    Some(standing.previous_until.map_or(at, |until| until.max(at)))
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{Answers, Ask, Due, Standing, due, rotate_after};
    use crate::controller::checks::requests::tests::answers;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn a_secret_is_replaced_when_its_time_is_over_and_not_within_an_overlap() {
        let ask = Ask { every: Some(SignedDuration::from_secs(100)), request: None };
        let none = Answers::default();
        let alone = Standing { issued_at: Some(at(0)), previous_until: None, answers: &none, is_taken: false };
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
        let none = Answers::default();
        let alone = Standing { issued_at: Some(at(0)), previous_until: None, answers: &none, is_taken: false };
        assert_eq!(due(&alone, &asked, at(1)), Due::New);
        let overlap = Standing { previous_until: Some(at(150)), ..alone };
        assert_eq!(due(&overlap, &asked, at(1)), Due::New);
        let one = answers(&[("1", 1)]);
        let answered = Standing { answers: &one, ..overlap };
        assert_eq!(due(&answered, &asked, at(1)), Due::Later(Some(at(150))));
        let withdrawn = Ask { every: None, request: None };
        assert_eq!(due(&answered, &withdrawn, at(1)), Due::Later(Some(at(150))));
    }

    #[test]
    fn a_former_request_is_seen_by_a_watch_that_lags_and_asks_for_a_secret_only_after_a_minute() {
        let both = answers(&[("0", 0), ("1", 100)]);
        let lags = Ask { every: None, request: Some("0") };
        let alone = Standing { issued_at: Some(at(100)), previous_until: None, answers: &both, is_taken: false };
        assert_eq!(due(&alone, &lags, at(101)), Due::Later(Some(at(160))));
        assert_eq!(due(&alone, &lags, at(159)), Due::Later(Some(at(160))));
        assert_eq!(due(&alone, &lags, at(160)), Due::New);
        let overlap = |until| Standing { previous_until: Some(at(until)), ..alone };
        assert_eq!(due(&overlap(150), &lags, at(101)), Due::Later(Some(at(150))), "the earlier of both");
        assert_eq!(due(&overlap(900), &lags, at(101)), Due::Later(Some(at(160))), "the earlier of both");
        assert_eq!(due(&overlap(150), &lags, at(150)), Due::EndOfOverlap);
        assert_eq!(due(&overlap(900), &lags, at(160)), Due::New, "a person does not wait for the end of an overlap");
        let often = Ask { every: Some(SignedDuration::from_secs(10)), ..lags };
        assert_eq!(due(&alone, &often, at(110)), Due::New, "its time is over all the same");
        assert_eq!(due(&Standing { is_taken: true, ..alone }, &lags, at(101)), Due::New);
    }

    #[test]
    fn a_secret_of_somebody_elses_making_gives_way() {
        let ask = Ask { every: None, request: None };
        let none = Answers::default();
        let taken = Standing { issued_at: Some(at(0)), previous_until: None, answers: &none, is_taken: true };
        assert_eq!(due(&taken, &ask, at(1)), Due::New);
    }
}
