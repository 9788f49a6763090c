//! When a new key is due, and when it signs: a function of what the ring's Secrets say, of what is asked, and of the time.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{
    key_lifecycle::{Times, later, margin},
    requests::{Answers, Request},
};

/// A key of a ring, as its Secret has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// The N of the Secret `NAME-N`; none: the key of a referenced Secret that has not been taken over into one yet.
    pub number: Option<u32>,
    /// The RFC 7638 thumbprint.
    pub kid: Arc<str>,
    /// The Secret that it stands in.
    pub secret: Arc<str>,
    /// Its times.
    pub times: Times,
    /// It is never accepted again.
    pub is_revoked: bool,
    /// Its Secret was there and is gone; this process still has it.
    pub is_lost: bool,
    /// It was taken over from a Secret of somebody else.
    pub is_taken: bool,
    /// When its Secret was written again last, after somebody had deleted it.
    pub restored_at: Option<Timestamp>,
    /// The longest `max-age` that the JWK Set may have promised while it was the newest key: no later key may sign sooner.
    pub promise: SignedDuration,
    /// The longest lifetime of any token that it can have signed, as far as its Secret tells.
    pub longest_token: SignedDuration,
    /// The values of `realmkeeper.dev/rotate` that it, and those before it, are the answers to.
    pub answers: Answers,
}

impl Generation {
    /// By so much clocks may differ without harm to this key, where new ones are published for `pre_publish` now.
    pub fn tolerance(&self, pre_publish: SignedDuration) -> SignedDuration {
        margin(self.promise.max(pre_publish))
    }

    /// True where its life is over, and its Secret with it.
    pub fn is_disposed(&self, now: Timestamp) -> bool {
        self.is_lost && self.times.removed_at.is_some_and(|at| at <= now)
    }
}

/// What a ring is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// How long a key signs; none: until something else asks for a new one.
    pub every: Option<SignedDuration>,
    /// How long a key is published before it signs.
    pub pre_publish: SignedDuration,
    /// `realmkeeper.dev/rotate`.
    pub request: Option<&'a str>,
    /// Keys are made here.
    pub generates: bool,
    /// The thumbprint of another key than the newest, which stands where keys are taken from.
    pub import: Option<&'a str>,
    /// Another ring of the Realm signs with this algorithm, and the JWK Set may have promised this `max-age`.
    pub others: Option<SignedDuration>,
}

/// Why a key is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The ring has none that can be used.
    First,
    /// The time has come.
    Time,
    /// A person asked for it.
    Request,
    /// The newest was revoked.
    Revocation,
    /// The referenced Secret holds another key than before.
    Import,
    /// The newest is from a Secret of somebody else, and keys are made here by now.
    Source,
}

/// A key to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewKey {
    /// Why.
    pub cause: Cause,
    /// From when on every replica has it in its JWKS.
    pub published_at: Timestamp,
    /// From when on it signs.
    pub active_from: Timestamp,
}

/// What is to be done for a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing now; at this time something is.
    Later(Option<Timestamp>),
    /// The newest key, which does not sign yet, is the answer to the request as well: that must be noted.
    Answered,
    /// A key.
    New(NewKey),
}

/// What is due for a ring whose keys are given newest first.
///
/// A key signs `pre_publish` after every replica has it, and no sooner than a client that cached the JWK Set as it was told to can
/// know it. A ring without any other usable key can't wait: its key signs at once. A request that a former key has answered is looked at
/// again when no watch can lag so much any more. A key that comes back while its successor waits comes after that one: a ring has each
/// key once, and without the one that signs the next would do so before its time.
pub fn due(ring: &[Generation], ask: &Ask<'_>, now: Timestamp) -> Due {
    let Some(newest) = ring.first().filter(|_| ring.iter().any(|key| !key.is_revoked)) else {
        let wait = ask.others.map(|promise| ask.pre_publish.max(promise));
        return Due::New(new_key(Cause::First, wait, now));
    };
    let wait = ask.pre_publish.max(newest.promise);
    let request = newest.answers.judge(ask.request, now);
    let is_asked = request == Request::New;
    let cause = match () {
        () if newest.is_revoked => Some(Cause::Revocation),
        () if newest.times.active_from > now
            && ask.import.is_some_and(|kid| ring.iter().any(|key| *key.kid == *kid)) =>
        {
            return Due::Later(Some(newest.times.active_from));
        }
        () if ask.import.is_some() => Some(Cause::Import),
        () if ask.generates && newest.is_taken => Some(Cause::Source),
        () if is_asked && newest.times.active_from > now => return Due::Answered,
        () if is_asked => Some(Cause::Request),
        () => None,
    };
    if let Some(cause) = cause {
        return Due::New(after(newest, new_key(cause, Some(wait), now)));
    }
    let Some(every) = ask.every else { return Due::Later(request.until()) };
    let takes_over = later(newest.times.active_from, every);
    let lead = wait.saturating_add(margin(wait));
    // One key at a time is on its way: with a period shorter than the lead, the lead is the period.
    let at = takes_over.checked_sub(lead).unwrap_or(now).max(newest.times.active_from);
    if at > now {
        return Due::Later(Some(request.until().map_or(at, |until| until.min(at))));
    }
    Due::New(after(newest, new_key(Cause::Time, Some(wait), now)))
}

fn new_key(cause: Cause, wait: Option<SignedDuration>, now: Timestamp) -> NewKey {
    let published_at = wait.map_or(now, |wait| later(now, margin(wait)));
    NewKey { cause, published_at, active_from: wait.map_or(now, |wait| later(published_at, wait)) }
}

/// Keys sign in the order in which they are made, also where what they must wait for has become shorter.
fn after(newest: &Generation, key: NewKey) -> NewKey {
    let least = later(newest.times.active_from, SignedDuration::from_secs(1));
    NewKey { active_from: key.active_from.max(least), ..key }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{Answers, Ask, Cause, Due, Generation, NewKey, Times, due};
    use crate::controller::checks::requests::tests::answers;

    const HOUR: i64 = 3600;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn span(seconds: i64) -> SignedDuration {
        SignedDuration::from_secs(seconds)
    }

    fn key(number: u32, active_from: i64) -> Generation {
        let published_at = at(active_from - HOUR);
        Generation {
            number: Some(number),
            kid: format!("k{number}").into(),
            secret: format!("ring-{number}").into(),
            times: Times { published_at, active_from: at(active_from), retired_at: None, removed_at: None },
            is_revoked: false,
            is_lost: false,
            is_taken: false,
            restored_at: None,
            promise: span(60),
            longest_token: span(600),
            answers: Answers::default(),
        }
    }

    fn ask() -> Ask<'static> {
        Ask { every: None, pre_publish: span(HOUR), request: None, generates: true, import: None, others: None }
    }

    fn new(due: Due) -> (Cause, i64, i64) {
        let Due::New(NewKey { cause, published_at, active_from }) = due else { panic!("{due:?}") };
        (cause, published_at.as_second(), active_from.as_second())
    }

    #[test]
    fn the_first_key_signs_at_once_unless_another_ring_does() {
        assert_eq!(new(due(&[], &ask(), at(100))), (Cause::First, 100, 100));
        let beside = Ask { others: Some(span(60)), pre_publish: span(5), ..ask() };
        assert_eq!(new(due(&[], &beside, at(100))), (Cause::First, 130, 190));
        let revoked = Generation { is_revoked: true, ..key(1, 0) };
        assert_eq!(new(due(&[revoked], &ask(), at(100))), (Cause::First, 100, 100));
    }

    #[test]
    fn a_key_is_made_so_early_that_it_takes_over_in_time() {
        let ask = Ask { every: Some(span(24 * HOUR)), ..ask() };
        let made = 24 * HOUR - HOUR - 30;
        assert_eq!(due(&[key(1, 0)], &ask, at(made - 1)), Due::Later(Some(at(made))));
        assert_eq!(new(due(&[key(1, 0)], &ask, at(made))), (Cause::Time, made + 30, 24 * HOUR));
        let late = 48 * HOUR;
        assert_eq!(new(due(&[key(1, 0)], &ask, at(late))), (Cause::Time, late + 30, late + 30 + HOUR));
        let pending = [key(2, 24 * HOUR), key(1, 0)];
        assert_eq!(due(&pending, &ask, at(made + 1)), Due::Later(Some(at(48 * HOUR - HOUR - 30))));
    }

    #[test]
    fn a_period_that_is_shorter_than_the_lead_is_the_lead() {
        let ask = Ask { every: Some(span(1)), pre_publish: span(60), ..ask() };
        assert_eq!(due(&[key(1, 100)], &ask, at(99)), Due::Later(Some(at(100))));
        assert_eq!(new(due(&[key(1, 100)], &ask, at(100))), (Cause::Time, 130, 190));
    }

    #[test]
    fn a_request_is_answered_once() {
        let asked = Ask { request: Some("1"), ..ask() };
        assert_eq!(new(due(&[key(1, 0)], &asked, at(9))).0, Cause::Request);
        let answer = |number, active_from| Generation { answers: answers(&[("1", 9)]), ..key(number, active_from) };
        assert_eq!(due(&[answer(2, 50), key(1, 0)], &asked, at(10)), Due::Later(None));
        assert_eq!(due(&[answer(2, 50), key(1, 0)], &ask(), at(60)), Due::Later(None), "it was taken away again");
        let again = Ask { request: Some("2"), ..ask() };
        assert_eq!(due(&[answer(2, 50), key(1, 0)], &again, at(10)), Due::Answered);
        assert_eq!(new(due(&[answer(2, 50), key(1, 0)], &again, at(50))).0, Cause::Request);
    }

    #[test]
    fn a_former_request_is_seen_by_a_watch_that_lags_and_asks_for_a_key_only_after_a_minute() {
        let answer = |active_from| Generation { answers: answers(&[("0", 0), ("1", 100)]), ..key(3, active_from) };
        let lags = Ask { request: Some("0"), ..ask() };
        for active_from in [101, 5_000] {
            assert_eq!(due(&[answer(active_from)], &lags, at(101)), Due::Later(Some(at(160))), "{active_from}");
            assert_eq!(due(&[answer(active_from)], &lags, at(159)), Due::Later(Some(at(160))), "{active_from}");
        }
        assert_eq!(new(due(&[answer(101)], &lags, at(160))).0, Cause::Request);
        assert_eq!(due(&[answer(5_000)], &lags, at(160)), Due::Answered, "one is on its way");
    }

    #[test]
    fn a_former_request_holds_up_no_other_cause() {
        let answer = Generation { answers: answers(&[("0", 0), ("1", 100)]), ..key(3, 101) };
        let lags = Ask { request: Some("0"), pre_publish: span(1), ..ask() };
        let often = |every| Ask { every: Some(span(every)), ..lags };
        assert_eq!(
            due(std::slice::from_ref(&answer), &often(100), at(105)),
            Due::Later(Some(at(111))),
            "the earlier of both"
        );
        assert_eq!(
            due(std::slice::from_ref(&answer), &often(900), at(105)),
            Due::Later(Some(at(160))),
            "the earlier of both"
        );
        assert_eq!(new(due(std::slice::from_ref(&answer), &often(100), at(111))).0, Cause::Time);
        let import = Ask { import: Some("another"), ..lags };
        assert_eq!(new(due(std::slice::from_ref(&answer), &import, at(105))).0, Cause::Import);
        let revoked = Generation { is_revoked: true, ..answer };
        assert_eq!(new(due(&[revoked, key(2, 0)], &lags, at(105))).0, Cause::Revocation);
    }

    #[test]
    fn a_revoked_key_is_replaced_and_a_renewed_one_taken_over() {
        let revoked = Generation { is_revoked: true, ..key(2, 50) };
        assert_eq!(new(due(&[revoked, key(1, 0)], &ask(), at(60))), (Cause::Revocation, 90, 90 + HOUR));
        let import = Ask { import: Some("another"), ..ask() };
        assert_eq!(new(due(&[key(1, 0)], &import, at(60))), (Cause::Import, 90, 90 + HOUR));
    }

    #[test]
    fn a_key_that_comes_back_does_so_after_the_one_that_waits_to_follow_it() {
        let ring = [key(2, 5_000), key(1, 0)];
        let back = Ask { import: Some("k1"), ..ask() };
        assert_eq!(due(&ring, &back, at(60)), Due::Later(Some(at(5_000))));
        assert_eq!(new(due(&ring, &back, at(5_000))), (Cause::Import, 5_030, 5_030 + HOUR));
        let another = Ask { import: Some("k3"), ..ask() };
        assert_eq!(new(due(&ring, &another, at(60))).0, Cause::Import, "that one waits for nobody");
        let revoked = [Generation { is_revoked: true, ..key(2, 5_000) }, key(1, 0)];
        assert_eq!(new(due(&revoked, &back, at(60))).0, Cause::Revocation);
    }

    #[test]
    fn a_key_of_somebody_else_gives_way_where_keys_are_made_here_by_now() {
        let taken = Generation { is_taken: true, ..key(1, 0) };
        assert_eq!(new(due(std::slice::from_ref(&taken), &ask(), at(60))), (Cause::Source, 90, 90 + HOUR));
        assert_eq!(due(&[key(2, 5_000), taken.clone()], &ask(), at(61)), Due::Later(None));
        let theirs = Ask { generates: false, ..ask() };
        assert_eq!(due(&[taken], &theirs, at(60)), Due::Later(None));
    }

    #[test]
    fn what_the_jwk_set_has_promised_holds_also_where_less_is_asked_for_now() {
        let soon = Ask { pre_publish: span(1), request: Some("1"), ..ask() };
        assert_eq!(new(due(&[key(1, 0)], &soon, at(100))), (Cause::Request, 130, 190));
        let short = Generation { promise: span(1), ..key(1, 0) };
        assert_eq!(new(due(&[short], &soon, at(100))), (Cause::Request, 101, 102));
        let pending = Generation { promise: span(1), ..key(2, 190) };
        let import = Ask { import: Some("another"), ..soon };
        assert_eq!(new(due(&[pending, key(1, 0)], &import, at(101))).2, 191, "keys sign in their order");
    }
}
