use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::controller::checks::{Finding, Severity, Verdict};

/// Longer messages are cut; Kubernetes allows 32768 bytes, a person reads fewer.
const MAX_MESSAGE: usize = 1024;

/// What conditions are made of.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What was found.
    pub verdict: &'a Verdict,
    /// `metadata.generation`.
    pub generation: Option<i64>,
    /// The message of `Ready` when it is true.
    pub ready: &'a str,
    /// What the last write failed with.
    pub failure: Option<&'a str>,
}

/// `Ready`, `Accepted`, `ResolvedRefs`, `Programmed` always (as in Gateway API); `Reconciling` and `Stalled` only while they are
/// true (kstatus). `lastTransitionTime` moves only with the status.
pub fn conditions(facts: &Facts<'_>, old: &[Condition], now: Timestamp) -> Vec<Condition> {
    let draft = Draft { facts, old, now };
    let verdict = facts.verdict;
    // What is in force may still be behind what is wanted, such as a rotation that can't be written.
    let good = [Some(facts.ready.to_owned()), facts.failure.map(failed)].into_iter().flatten().collect::<Vec<_>>();
    let ready = draft.of("Ready", verdict.findings(), &good.join("; "));
    let accepted = draft.of("Accepted", verdict.accepted.iter(), "every check of the object and its Realm passed");
    let mut all = vec![ready, accepted, draft.resolved(), draft.programmed()];
    if let Some(worst) = verdict.worst() {
        let kstatus = if worst.reason.severity() == Severity::Mend { "Stalled" } else { "Reconciling" };
        all.push(draft.condition(kstatus, "True", worst.reason.as_str(), worst.message.clone()));
    }
    all
}

/// The condition of this type.
pub fn find<'c>(conditions: &'c [Condition], type_: &str) -> Option<&'c Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

struct Draft<'a> {
    facts: &'a Facts<'a>,
    old: &'a [Condition],
    now: Timestamp,
}

impl Draft<'_> {
    /// True without findings; else as bad as the worst of them, and all of them in the message.
    fn of<'f>(&self, type_: &str, findings: impl Iterator<Item = &'f Finding> + Clone, good: &str) -> Condition {
        match findings.clone().min_by_key(|finding| finding.reason.severity()) {
            None => self.condition(type_, "True", type_, good.to_owned()),
            Some(worst) => {
                let status = if worst.reason.severity() == Severity::Mend { "False" } else { "Unknown" };
                self.condition(type_, status, worst.reason.as_str(), self.message(worst, findings))
            }
        }
    }

    fn message<'f>(&self, worst: &Finding, findings: impl Iterator<Item = &'f Finding>) -> String {
        let mut messages: Vec<String> = vec![sentence(worst)];
        for finding in findings {
            let text = sentence(finding);
            if !messages.contains(&text) {
                messages.push(text);
            }
        }
        if self.facts.verdict.is_last_good {
            messages.push("its last good version is served on".to_owned());
        }
        messages.extend(self.facts.failure.map(failed));
        messages.join("; ")
    }

    fn resolved(&self) -> Condition {
        let verdict = self.facts.verdict;
        match verdict.resolved.first() {
            Some(_) => {
                let mut condition = self.of("ResolvedRefs", verdict.resolved.iter(), "");
                // A reference that does not resolve is a fact, also where it is only waited for.
                condition.status = "False".to_owned();
                self.keep_time(condition)
            }
            None if verdict.is_accepted() || verdict.is_served => {
                self.condition("ResolvedRefs", "True", "ResolvedRefs", "every reference resolves".to_owned())
            }
            None => {
                let message = "references are looked at once the object is accepted";
                self.condition("ResolvedRefs", "Unknown", "Pending", message.to_owned())
            }
        }
    }

    fn programmed(&self) -> Condition {
        let verdict = self.facts.verdict;
        match (verdict.is_served, verdict.is_last_good) {
            (true, false) => self.condition("Programmed", "True", "Programmed", "it is in force".to_owned()),
            (true, true) => {
                self.condition("Programmed", "True", "LastGoodVersion", "its last good version is in force".to_owned())
            }
            (false, _) => self.of("Programmed", verdict.findings(), "it is not in force"),
        }
    }

    fn condition(&self, type_: &str, status: &str, reason: &str, message: String) -> Condition {
        self.keep_time(Condition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: cut(message),
            observed_generation: self.facts.generation,
            last_transition_time: Time(self.now),
        })
    }

    fn keep_time(&self, mut condition: Condition) -> Condition {
        // The epoch stands for a time that nobody knows: the API server said `Unknown` before we did.
        let is_known = |old: &&Condition| old.last_transition_time.0 > Timestamp::UNIX_EPOCH;
        let same = find(self.old, &condition.type_).filter(|old| old.status == condition.status).filter(is_known);
        condition.last_transition_time = same.map_or(Time(self.now), |old| old.last_transition_time.clone());
        condition
    }
}

fn failed(failure: &str) -> String {
    format!("the last write failed: {failure}")
}

fn sentence(finding: &Finding) -> String {
    match finding.field.as_str() {
        "" => finding.message.clone(),
        field => format!("{field}: {}", finding.message),
    }
}

/// Cuts at a character.
pub fn cut(mut message: String) -> String {
    if message.len() > MAX_MESSAGE {
        let end = (0..=MAX_MESSAGE - 3).rev().find(|end| message.is_char_boundary(*end)).unwrap_or(0);
        message.truncate(end);
        message.push('…');
    }
    message
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{Condition, Facts, Finding, Verdict, conditions, cut};
    use crate::controller::checks::Reason;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn make(verdict: &Verdict, old: &[Condition], now: i64) -> Vec<Condition> {
        conditions(&Facts { verdict, generation: Some(3), ready: "good", failure: None }, old, at(now))
    }

    fn text(conditions: &[Condition]) -> String {
        let one = |condition: &Condition| format!("{}={}:{}", condition.type_, condition.status, condition.reason);
        conditions.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_good_has_four_conditions_and_nothing_is_underway() {
        let verdict = Verdict { is_served: true, ..Verdict::default() };
        assert_eq!(
            text(&make(&verdict, &[], 1)),
            "Ready=True:Ready Accepted=True:Accepted ResolvedRefs=True:ResolvedRefs Programmed=True:Programmed"
        );
    }

    #[test]
    fn a_write_that_fails_is_told_of_what_is_good_otherwise_too() {
        let verdict = Verdict { is_served: true, ..Verdict::default() };
        let facts = Facts { verdict: &verdict, generation: None, ready: "it is served", failure: Some("forbidden") };
        let told = conditions(&facts, &[], at(1));
        assert_eq!((&*told[0].status, &*told[0].message), ("True", "it is served; the last write failed: forbidden"));
        assert_eq!(told[1].message, "every check of the object and its Realm passed");
    }

    #[test]
    fn what_waits_is_unknown_and_what_a_person_must_mend_is_false() {
        let missing = Finding::new(Reason::RealmNotFound, "spec.realmRef", "there is no Realm a/b");
        let waits = Verdict { accepted: vec![missing.clone()], resolved: vec![missing], ..Verdict::default() };
        let waiting = make(&waits, &[], 1);
        assert_eq!(
            text(&waiting),
            "Ready=Unknown:RealmNotFound Accepted=Unknown:RealmNotFound ResolvedRefs=False:RealmNotFound \
             Programmed=Unknown:RealmNotFound Reconciling=True:RealmNotFound"
        );
        assert_eq!(waiting[0].message, "spec.realmRef: there is no Realm a/b");
        let invalid = Finding::new(Reason::Invalid, "spec.issuer", "no");
        let broken = Verdict { accepted: vec![invalid], ..Verdict::default() };
        assert_eq!(
            text(&make(&broken, &[], 1)),
            "Ready=False:Invalid Accepted=False:Invalid ResolvedRefs=Unknown:Pending Programmed=False:Invalid Stalled=True:Invalid"
        );
        let last_good = Verdict { is_served: true, is_last_good: true, ..broken };
        assert_eq!(
            text(&make(&last_good, &[], 1)),
            "Ready=False:Invalid Accepted=False:Invalid ResolvedRefs=True:ResolvedRefs Programmed=True:LastGoodVersion \
             Stalled=True:Invalid"
        );
    }

    #[test]
    fn the_time_of_a_transition_moves_only_with_the_status() {
        let good = Verdict { is_served: true, ..Verdict::default() };
        let missing = |name: &str| Finding::new(Reason::GroupNotFound, "", name);
        let waits = |name: &str| Verdict { resolved: vec![missing(name)], is_served: true, ..Verdict::default() };
        let time = |conditions: &[Condition], at: usize| conditions[at].last_transition_time.0.as_second();
        let first = make(&good, &[], 1);
        let second = make(&waits("a"), &first, 2);
        let third = make(&waits("b"), &second, 3);
        assert_eq!((time(&first, 0), time(&second, 0), time(&third, 0)), (1, 2, 2));
        assert_eq!((time(&second, 1), time(&second, 2), time(&third, 2)), (1, 2, 2));
        assert_eq!(third[0].message, "b");
    }

    #[test]
    fn the_status_that_an_object_is_created_with_has_no_time_to_keep() {
        let default = crate::api::crd_of("Group").unwrap();
        let schema = serde_json::to_value(default.spec.versions[0].schema.clone()).unwrap();
        let status = &schema["openAPIV3Schema"]["properties"]["status"]["default"];
        let old: Vec<Condition> = serde_json::from_value(status["conditions"].clone()).unwrap();
        let missing = Finding::new(Reason::RealmNotFound, "", "");
        let waits = Verdict { accepted: vec![missing], ..Verdict::default() };
        let first = make(&waits, &old, 7);
        assert_eq!((&*first[0].status, first[0].last_transition_time.0), ("Unknown", at(7)));
        assert_eq!(make(&waits, &first, 8)[0].last_transition_time.0, at(7));
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let long = cut("é".repeat(2000));
        assert!(long.len() <= 1024 && long.ends_with('…'));
    }
}
