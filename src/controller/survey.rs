use super::{
    checks::{Finding, Reason, Severity, Verdict, tenancy},
    index::{Index, Options, state::ClientState},
    source::{Event, Kind, Malformed, Object, ObjectKey},
};
use crate::realm::{ObjectName, Registry};

/// What the controller would say of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The object.
    pub key: ObjectKey,
    /// The path of the field to look at, such as `spec.realmRef`; empty for the object as a whole.
    pub field: String,
    /// Why: the reason that its condition would have.
    pub reason: Reason,
    /// A sentence.
    pub message: String,
    /// True where it refers to something that is not among the objects: in a cluster it might be there, or come later.
    pub is_waiting: bool,
}

/// Objects judged once, as if they were all there is, and what would be served of them; nothing is written.
#[derive(Debug)]
pub struct Survey {
    index: Index,
    registry: Registry,
}

impl Survey {
    /// Judges these objects. What the CRD's own rules refuse is [`super::validation`]'s.
    pub fn of(
        objects: impl IntoIterator<Item = Object>,
        malformed: impl IntoIterator<Item = Malformed>,
        options: Options,
    ) -> Self {
        let mut index = Index::new(options);
        objects.into_iter().map(Event::Applied).for_each(|event| index.apply(event));
        malformed.into_iter().map(Event::Malformed).for_each(|event| index.apply(event));
        Kind::ALL.map(Event::Synced).into_iter().for_each(|event| index.apply(event));
        index.evaluate();
        let registry = Registry::default();
        index.publish(&registry);
        Self { index, registry }
    }

    /// The realms that would be served.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// What is wrong, in the order of kinds and names.
    pub fn problems(&self) -> Vec<Problem> {
        let mut keys: Vec<_> = self.index.world.keys().collect();
        keys.sort();
        keys.iter().flat_map(|key| self.problems_of(key)).collect()
    }

    /// What is wrong with one object.
    pub fn problems_of(&self, key: &ObjectKey) -> Vec<Problem> {
        problems(key, self.index.states.verdict(key))
    }

    /// An OidcClient, served or not; none: it is not among the objects.
    pub fn client(&self, name: &ObjectName) -> Option<&ClientState> {
        self.index.states.clients.get(name)
    }

    /// The OidcClients that would have this `client_id` in the realm, served or not.
    pub fn claimants(&self, realm: &ObjectName, client_id: &str) -> Vec<ObjectName> {
        let clients = self.index.world.clients.iter();
        let claims = clients.filter_map(|(name, record)| Some((name, record.spec.as_ref()?)));
        let theirs = claims
            .filter(|(name, spec)| spec.realm == *realm && tenancy::client_id_of(spec, name).as_str() == client_id);
        theirs.map(|(name, _)| name.clone()).collect()
    }
}

/// What an object's verdict comes to.
fn problems(key: &ObjectKey, verdict: Option<&Verdict>) -> Vec<Problem> {
    let mut problems: Vec<Problem> = Vec::new();
    for finding in verdict.into_iter().flat_map(Verdict::findings) {
        let Finding { reason, field, message } = finding.clone();
        let is_waiting = reason.severity() == Severity::Wait;
        let problem = Problem { key: key.clone(), field, reason, message, is_waiting };
        // What the operator would do by itself is no problem.
        if reason.severity() != Severity::Underway && !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    problems
}
