//! Decisions as chains of small pure checks. A check looks at one thing and says either nothing or a [`Finding`]: the reason of
//! the condition, the field to look at, and a sentence. Nothing here changes anything, and no check knows of another.

/// Two objects that claim one name.
pub mod conflicts;
/// Where a key stands in its life, by its times.
pub mod key_lifecycle;
/// Secrets and whom they belong to.
pub mod ownership;
/// Which `sub` a client sees, and of which sector it is.
pub mod pairwise;
/// What an object refers to: Realms, Secrets, Users, Groups, SigningKeys.
pub mod references;
/// What is asked for, and what was answered.
pub mod requests;
/// When a new key is due.
pub mod rotation;
/// When a client secret is replaced.
pub mod secret_rotation;
/// What a Realm allows its children.
pub mod tenancy;

use std::fmt;

/// How bad a finding is for the object's `Ready`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A person must mend it: `Ready` is `False`.
    Mend,
    /// Something else must come first: `Ready` is `Unknown`.
    Wait,
    /// The operator itself is about to do it: `Ready` is `Unknown`.
    Underway,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident: $severity:ident,)+) => {
        /// Why an object is not as it should be: the `reason` of its conditions, and the word in the log.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason { $($(#[$doc])* $name),+ }

        impl Reason {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The reason of this word.
            pub fn named(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|reason| reason.as_str() == word)
            }

            /// The word.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }

            /// How bad it is.
            pub fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity),+ }
            }
        }
    };
}

reasons! {
    /// The object can't be read, or contradicts itself.
    Invalid: Mend,
    /// An older object has the name (issuer, clientId, username, subject, group name, key) that this one claims.
    Conflicted: Mend,
    /// A Group is, by way of others, a member of itself.
    Cycle: Mend,
    /// The Realm does not let objects of this namespace attach.
    NamespaceNotAllowed: Mend,
    /// The Realm does not allow the grant type.
    GrantTypeNotAllowed: Mend,
    /// The Realm does not allow the response type.
    ResponseTypeNotAllowed: Mend,
    /// The Realm does not know the scope.
    ScopeNotFound: Mend,
    /// The Realm does not allow the scope.
    ScopeNotAllowed: Mend,
    /// The Realm does not allow redirect URIs on the host.
    RedirectHostNotAllowed: Mend,
    /// The Realm does not allow tokens for the resource server.
    AudienceNotAllowed: Mend,
    /// The Realm does not allow the client identifier.
    ClientIdNotAllowed: Mend,
    /// The client's subjects are pairwise, and its Realm has no salt for them.
    SubjectTypeNotAllowed: Mend,
    /// The client's redirect URIs do not say which sector it is of.
    SectorRequired: Mend,
    /// The Realm is not there.
    RealmNotFound: Wait,
    /// The Realm is there, and not served itself.
    RealmNotAccepted: Wait,
    /// The Secret is not there, or lacks the label by which it would be seen.
    SecretNotFound: Wait,
    /// The Secret was seen, and its owner has not labelled it as readable.
    SecretNotReadable: Mend,
    /// The Realm names a salt for pairwise subjects, and does not have it.
    SaltNotFound: Wait,
    /// The Secret lacks the entry.
    SecretEntryMissing: Mend,
    /// The entry is of no use.
    SecretInvalid: Mend,
    /// A Secret of the name that would be generated is there and belongs to somebody else.
    SecretNotOwned: Mend,
    /// A member is not there.
    UserNotFound: Wait,
    /// A Group is not there, or is not accepted itself.
    GroupNotFound: Wait,
    /// The Realm has no key for the algorithm.
    SigningKeyNotFound: Wait,
    /// The client's Secret is about to be written.
    CredentialsPending: Underway,
    /// The key is about to be made.
    KeyPending: Underway,
    /// No key signs yet.
    NoActiveKey: Wait,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Why.
    pub reason: Reason,
    /// The path of the field to look at; empty for the object as a whole.
    pub field: String,
    /// A sentence; never a secret.
    pub message: String,
}

impl Finding {
    /// A finding at a field.
    pub fn new(reason: Reason, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { reason, field: field.into(), message: message.into() }
    }
}

/// Joins names for a sentence, at the most five of them.
pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().collect();
    let mut text = names.iter().take(5).copied().collect::<Vec<_>>().join(", ");
    if names.len() > 5 {
        text.push_str(&format!(" and {} more", names.len() - 5));
    }
    text
}

/// What was found about one object, by the condition that it belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What keeps it from being accepted.
    pub accepted: Vec<Finding>,
    /// References that do not resolve.
    pub resolved: Vec<Finding>,
    /// What keeps it, though it is accepted, from being in force.
    pub programmed: Vec<Finding>,
    /// It is in force.
    pub is_served: bool,
    /// What is in force is an earlier good version of it.
    pub is_last_good: bool,
}

impl Verdict {
    /// Everything that was found, in the order of the conditions.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> + Clone {
        self.accepted.iter().chain(&self.resolved).chain(&self.programmed)
    }

    /// The finding that decides about `Ready`: the first that a person must mend, else the first; none: it is ready.
    pub fn worst(&self) -> Option<&Finding> {
        self.findings().min_by_key(|finding| finding.reason.severity())
    }

    /// True where it passed every check of its own and its Realm's.
    pub fn is_accepted(&self) -> bool {
        self.accepted.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{Finding, Reason, Severity, Verdict, list};

    #[test]
    fn what_a_person_must_mend_comes_before_what_is_waited_for() {
        let finding = |reason| Finding::new(reason, "", "");
        let mut verdict = Verdict { resolved: vec![finding(Reason::GroupNotFound)], ..Verdict::default() };
        assert_eq!(verdict.worst().map(|f| f.reason), Some(Reason::GroupNotFound));
        verdict.programmed.push(finding(Reason::CredentialsPending));
        verdict.programmed.push(finding(Reason::SecretNotOwned));
        verdict.resolved.push(finding(Reason::SecretInvalid));
        assert_eq!(verdict.worst().map(|f| f.reason), Some(Reason::SecretInvalid));
    }

    #[test]
    fn every_reason_is_in_the_documentation_with_what_ready_says() {
        let page = include_str!("../../../docs/conditions.md");
        for reason in Reason::ALL {
            let status = if reason.severity() == Severity::Mend { "| `False` |" } else { "| `Unknown` |" };
            let row = page.lines().find(|line| line.starts_with('|') && line.contains(&format!("`{reason}`")));
            assert!(row.is_some_and(|row| row.contains(status)), "{reason}");
        }
    }

    #[test]
    fn a_long_list_is_cut() {
        assert_eq!(list(["a", "b"]), "a, b");
        assert_eq!(list(["a", "b", "c", "d", "e", "f", "g"]), "a, b, c, d, e and 2 more");
    }
}
