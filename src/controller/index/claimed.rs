use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
};

use jiff::Timestamp;

use crate::realm::ObjectName;

/// Who goes before whom: the older, then by namespace and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// `metadata.creationTimestamp`.
    pub created: Timestamp,
    /// Which object.
    pub name: ObjectName,
}

/// Names of which each has one holder: the first in rank of those that claim it.
#[derive(Debug)]
pub struct Claimed<N> {
    claimants: HashMap<N, BTreeSet<Rank>>,
    claims: HashMap<ObjectName, (Rank, N)>,
}

impl<N> Default for Claimed<N> {
    fn default() -> Self {
        Self { claimants: HashMap::new(), claims: HashMap::new() }
    }
}

impl<N: Clone + Eq + Hash> Claimed<N> {
    /// From now on `own` claims this name and no other, or none at all. Gives the other objects whose standing changes with it.
    pub fn claim(&mut self, own: &ObjectName, claim: Option<(Rank, N)>) -> Vec<ObjectName> {
        if self.claims.get(own) == claim.as_ref() {
            return Vec::new();
        }
        let mut affected = match self.claims.remove(own) {
            Some((rank, name)) => self.change(&name, |claimants| {
                claimants.remove(&rank);
            }),
            None => Vec::new(),
        };
        if let Some((rank, name)) = claim {
            affected.extend(self.change(&name, |claimants| {
                claimants.insert(rank.clone());
            }));
            self.claims.insert(own.clone(), (rank, name));
        }
        affected.retain(|other| other != own);
        affected
    }

    /// All claimants of a name where its holder changes.
    fn change(&mut self, name: &N, change: impl FnOnce(&mut BTreeSet<Rank>)) -> Vec<ObjectName> {
        let claimants = self.claimants.entry(name.clone()).or_default();
        let before = claimants.first().cloned();
        change(claimants);
        let affected = if claimants.first() == before.as_ref() {
            Vec::new()
        } else {
            claimants.iter().map(|rank| rank.name.clone()).collect()
        };
        if claimants.is_empty() {
            self.claimants.remove(name);
        }
        affected
    }

    /// Who has the name.
    pub fn holder(&self, name: &N) -> Option<&ObjectName> {
        self.claimants.get(name)?.first().map(|rank| &rank.name)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{Claimed, Rank};
    use crate::realm::ObjectName;

    #[test]
    fn the_older_holds_a_name_and_those_who_wait_hear_of_every_change() {
        let name = |text: &str| ObjectName::new("ns", text);
        let mut claimed = Claimed::default();
        let mut claim = |own: &str, at: i64, wanted: Option<&'static str>| {
            let rank = Rank { created: Timestamp::from_second(at).unwrap(), name: name(own) };
            let affected = claimed.claim(&name(own), wanted.map(|wanted| (rank, wanted)));
            let affected: Vec<_> = affected.iter().map(|name| name.name.to_string()).collect();
            (affected.join(" "), claimed.holder(&"x").map(|name| name.name.to_string()).unwrap_or_default())
        };
        let result = |affected: &str, holder: &str| (affected.to_owned(), holder.to_owned());
        assert_eq!(claim("b", 2, Some("x")), result("", "b"));
        assert_eq!(claim("c", 3, Some("x")), result("", "b"));
        assert_eq!(claim("a", 1, Some("x")), result("b c", "a"));
        assert_eq!(claim("a", 1, Some("x")), result("", "a"));
        assert_eq!(claim("a", 1, Some("y")), result("b c", "b"));
        assert_eq!(claim("b", 2, None), result("c", "c"));
        assert_eq!(claim("a", 3, Some("x")), result("c", "a"));
    }
}
