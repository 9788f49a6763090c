//! Whether the value of `realmkeeper.dev/rotate` that is seen asks for something, or is the past.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret as KubeSecret;

use super::key_lifecycle::{MAX_SKEW, later};
use crate::controller::marks;

/// For so long after an answer the values that were answered before it are taken for the past. An object and its Secrets come over two
/// watches: one that lags shows the request before together with the answer to the one after it, and to answer the former once more
/// would make a key or a secret that nobody asked for. A watch lags for a second or so; a person who does go back to a former
/// value waits for a minute.
pub const MAX_LAG: SignedDuration = SignedDuration::from_mins(1);

/// So many former requests are remembered.
const MAX_FORMER: usize = 8;

/// The requests that a key or a client secret, and those before it, were the answers to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answers {
    /// The value that was answered last.
    pub latest: Option<Arc<str>>,
    /// When that was.
    at: Option<Timestamp>,
    /// Hashes of those answered before, the last one first: a value may be long, and an annotation must have room for them.
    former: Vec<Arc<str>>,
}

/// What a value of `realmkeeper.dev/rotate` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Nothing is asked, or the answer is there.
    Settled,
    /// To be answered.
    New,
    /// It was answered before the latest was. From this time on it is [`Self::New`].
    Former(Timestamp),
}

impl Request {
    /// When to look again.
    pub fn until(self) -> Option<Timestamp> {
        match self {
            Self::Former(until) => Some(until),
            Self::Settled | Self::New => None,
        }
    }
}

impl Answers {
    /// As the annotations of a Secret have them; what can't be read there is not remembered.
    pub fn of(secret: &KubeSecret) -> Self {
        let former = marks::annotation(secret, marks::FORMER_REQUESTS).unwrap_or_default();
        Self {
            latest: marks::annotation(secret, marks::ROTATE_REQUEST).map(Into::into),
            at: marks::time(secret, marks::ANSWERED_AT),
            former: former.split_whitespace().take(MAX_FORMER).map(Into::into).collect(),
        }
    }

    /// The annotations that say so.
    pub fn marks(&self) -> impl Iterator<Item = (&'static str, String)> + use<> {
        let former = Some(self.former.join(" ")).filter(|former| !former.is_empty());
        let latest = self.latest.as_deref().map(str::to_owned);
        let all = [
            (marks::ROTATE_REQUEST, latest),
            (marks::ANSWERED_AT, self.at.map(|at| at.to_string())),
            (marks::FORMER_REQUESTS, former),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }

    /// What this value of the annotation asks for.
    pub fn judge(&self, request: Option<&str>, now: Timestamp) -> Request {
        let Some(request) = request.filter(|request| self.latest.as_deref() != Some(request)) else {
            return Request::Settled;
        };
        let hash = marks::hash(request);
        // An answer from the future is that of a broken clock: nobody waits for it to come.
        let at =
            self.at.filter(|at| *at <= later(now, MAX_SKEW)).filter(|_| self.former.iter().any(|old| **old == *hash));
        let until = at.map(|at| later(at, MAX_LAG)).filter(|until| now < *until);
        until.map_or(Request::New, Request::Former)
    }

    /// The answers as they are once something is made now, for whatever cause: to this request too, where it is a new one.
    #[must_use]
    pub fn with(&self, request: Option<&str>, now: Timestamp) -> Self {
        let Some(request) = request.filter(|_| self.judge(request, now) == Request::New) else { return self.clone() };
        let hash = marks::hash(request);
        let latest = self.latest.as_deref().map(|latest| marks::hash(latest).into());
        let former = latest.into_iter().chain(self.former.iter().cloned()).filter(|old: &Arc<str>| **old != *hash);
        Self { latest: Some(request.into()), at: Some(now), former: former.take(MAX_FORMER).collect() }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use jiff::Timestamp;
    use k8s_openapi::{api::core::v1::Secret as KubeSecret, apimachinery::pkg::apis::meta::v1::ObjectMeta};

    use super::{Answers, MAX_FORMER, Request};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    /// The answers to these requests, by their times in seconds.
    pub fn answers(requests: &[(&str, i64)]) -> Answers {
        requests.iter().fold(Answers::default(), |answers, (request, time)| answers.with(Some(request), at(*time)))
    }

    #[test]
    fn a_request_is_new_until_it_is_answered() {
        let none = Answers::default();
        assert_eq!(none.judge(None, at(0)), Request::Settled);
        assert_eq!(none.judge(Some("1"), at(0)), Request::New);
        let one = answers(&[("1", 0)]);
        assert_eq!(one.judge(Some("1"), at(9_999)), Request::Settled);
        assert_eq!(one.judge(Some("2"), at(0)), Request::New);
        assert_eq!(one.judge(None, at(0)), Request::Settled);
    }

    #[test]
    fn a_request_that_was_answered_before_is_the_past_for_a_minute_and_a_new_one_then() {
        let answers = answers(&[("1", 0), ("2", 50), ("3", 100)]);
        for former in ["1", "2"] {
            assert_eq!(answers.judge(Some(former), at(100)), Request::Former(at(160)), "{former}");
            assert_eq!(answers.judge(Some(former), at(159)), Request::Former(at(160)), "{former}");
            assert_eq!(answers.judge(Some(former), at(160)), Request::New, "{former}");
        }
        assert_eq!(answers.judge(Some("4"), at(100)), Request::New);
    }

    #[test]
    fn a_clock_that_is_slow_waits_a_little_longer_and_an_answer_from_far_in_the_future_makes_nobody_wait() {
        let answers = answers(&[("1", 0), ("2", 100)]);
        assert_eq!(answers.judge(Some("1"), at(70)), Request::Former(at(160)));
        assert_eq!(answers.judge(Some("1"), at(69)), Request::New);
    }

    #[test]
    fn what_is_made_meanwhile_for_another_cause_answers_what_was_answered() {
        let both = answers(&[("1", 0), ("2", 100)]);
        for seen in [None, Some("1"), Some("2")] {
            assert_eq!(both.with(seen, at(110)), both, "{seen:?}");
        }
        let back = both.with(Some("1"), at(160));
        assert_eq!(back.judge(Some("1"), at(160)), Request::Settled);
        assert_eq!(back.judge(Some("2"), at(160)), Request::Former(at(220)), "now that one is the past");
    }

    #[test]
    fn what_a_secret_says_is_what_was_said_whatever_the_values_hold_and_however_long_they_are() {
        let long = "x".repeat(100_000);
        let values: Vec<_> = (0..20).map(|number| format!("{number} \n\"ü\" {long}")).collect();
        let requests: Vec<_> = values.iter().map(|value| (&**value, 7)).collect();
        let answers = answers(&requests);
        let annotations = answers.marks().map(|(name, value)| (name.to_owned(), value)).collect();
        let metadata = ObjectMeta { annotations: Some(annotations), ..ObjectMeta::default() };
        assert_eq!(Answers::of(&KubeSecret { metadata, ..KubeSecret::default() }), answers);
        assert_eq!(answers.former.len(), MAX_FORMER);
        let size: usize = answers.marks().map(|(_, value)| value.len()).sum();
        assert!(size < 101_000, "an object may have 256 KiB of annotations: {size}");
        assert_eq!(Answers::of(&KubeSecret::default()), Answers::default());
    }
}
