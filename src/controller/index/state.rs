use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};

use super::{claimed::Claimed, spec::RealmSpec};
use crate::{
    controller::{
        checks::Verdict,
        rings::Ring,
        source::{Kind, ObjectKey},
    },
    jose::{Algorithm, KeyAlgorithm},
    realm::{ClientId, Issuer, LastUse, ObjectName, PairwiseSalt, Subject, registration::RegistrationUse},
};

/// What was judged about each object.
#[derive(Debug, Default)]
pub struct States {
    /// Realms.
    pub realms: BTreeMap<ObjectName, RealmState>,
    /// SigningKeys.
    pub signing_keys: BTreeMap<ObjectName, SigningKeyState>,
    /// Groups.
    pub groups: BTreeMap<ObjectName, GroupState>,
    /// Users.
    pub users: BTreeMap<ObjectName, UserState>,
    /// OidcClients.
    pub clients: BTreeMap<ObjectName, ClientState>,
    attached: HashMap<(ObjectName, Kind), BTreeSet<ObjectName>>,
    members: HashMap<ObjectName, usize>,
}

impl States {
    /// What was found about an object of ours.
    pub fn verdict(&self, key: &ObjectKey) -> Option<&Verdict> {
        match key.kind {
            Kind::Namespace | Kind::Secret => None,
            Kind::Realm => self.realms.get(&key.name).map(|state| &state.verdict),
            Kind::SigningKey => self.signing_keys.get(&key.name).map(|state| &state.verdict),
            Kind::Group => self.groups.get(&key.name).map(|state| &state.verdict),
            Kind::User => self.users.get(&key.name).map(|state| &state.verdict),
            Kind::OidcClient => self.clients.get(&key.name).map(|state| &state.verdict),
        }
    }

    /// How many accepted objects of a kind a Realm has.
    pub fn attached(&self, realm: &ObjectName, kind: Kind) -> usize {
        self.attached.get(&(realm.clone(), kind)).map_or(0, BTreeSet::len)
    }

    /// How many users belong to a Group, nested ones included.
    pub fn members(&self, group: &ObjectName) -> usize {
        self.members.get(group).copied().unwrap_or(0)
    }

    /// True where it changes the count.
    pub(super) fn attach(&mut self, realm: &ObjectName, kind: Kind, name: &ObjectName, accepted: bool) -> bool {
        let names = self.attached.entry((realm.clone(), kind)).or_default();
        let changed = if accepted { names.insert(name.clone()) } else { names.remove(name) };
        if names.is_empty() {
            self.attached.remove(&(realm.clone(), kind));
        }
        changed
    }

    /// Counts a user in or out of a Group.
    pub(super) fn count(&mut self, group: &ObjectName, joins: bool) {
        let members = self.members.entry(group.clone()).or_default();
        *members = if joins { members.saturating_add(1) } else { members.saturating_sub(1) };
        if *members == 0 {
            self.members.remove(group);
        }
    }
}

/// A Realm.
#[derive(Debug)]
pub struct RealmState {
    /// What was found.
    pub verdict: Verdict,
    /// In force; none: its children wait.
    pub serving: Option<Serving>,
    /// What its keys sign with, now or later.
    pub algorithms: BTreeSet<Algorithm>,
    /// The longest lifetime of any signed token of the Realm since this process knows it.
    pub longest_token: SignedDuration,
}

/// A Realm that is in force.
#[derive(Debug, Clone)]
pub struct Serving {
    /// Its issuer.
    pub issuer: Issuer,
    /// Its spec.
    pub spec: Arc<RealmSpec>,
    /// The salt of pairwise subjects, where its Secret is there and good.
    pub salt: Option<PairwiseSalt>,
}

impl PartialEq for Serving {
    fn eq(&self, other: &Self) -> bool {
        self.issuer == other.issuer && Arc::ptr_eq(&self.spec, &other.spec) && self.salt == other.salt
    }
}

/// A SigningKey.
#[derive(Debug)]
pub struct SigningKeyState {
    /// What was found.
    pub verdict: Verdict,
    /// Its Realm, where its spec says one.
    pub realm: Option<ObjectName>,
    /// What its keys are for.
    pub algorithm: Option<KeyAlgorithm>,
    /// Its keys.
    pub ring: Ring,
}

/// A Group.
#[derive(Debug)]
pub struct GroupState {
    /// What was found.
    pub verdict: Verdict,
    /// Its Realm, where its spec says one.
    pub realm: Option<ObjectName>,
}

/// A User.
#[derive(Debug)]
pub struct UserState {
    /// What was found.
    pub verdict: Verdict,
    /// Its Realm, where its spec says one.
    pub realm: Option<ObjectName>,
    /// `sub`.
    pub subject: Option<Subject>,
    /// The name to sign in with.
    pub username: Option<Arc<str>>,
    /// Its Groups.
    pub groups: BTreeSet<ObjectName>,
}

/// An OidcClient.
#[derive(Debug)]
pub struct ClientState {
    /// What was found.
    pub verdict: Verdict,
    /// Its Realm, where its spec says one.
    pub realm: Option<ObjectName>,
    /// `client_id`.
    pub client_id: Option<ClientId>,
    /// Its secret in force.
    pub credential: Option<CredentialState>,
    /// When this process saw it used last, where it registered itself.
    pub registration_use: RegistrationUse,
}

/// A client secret, without its value.
#[derive(Debug, Clone)]
pub struct CredentialState {
    /// Tells it from others.
    pub id: Arc<str>,
    /// When it was made, where that is known.
    pub issued_at: Option<Timestamp>,
    /// The value of `realmkeeper.dev/rotate` that it is the answer to.
    pub rotate_request: Option<Arc<str>>,
    /// The one before, while it is accepted.
    pub previous: Option<PreviousState>,
}

/// A former client secret, without its value.
#[derive(Debug, Clone)]
pub struct PreviousState {
    /// Tells it from others.
    pub id: Arc<str>,
    /// Until when it is accepted.
    pub valid_until: Timestamp,
    /// When this process saw it used last.
    pub last_use: LastUse,
}

/// The names that objects claim.
#[derive(Debug, Default)]
pub struct Names {
    /// Issuers, of Realms.
    pub issuers: Claimed<Arc<str>>,
    /// `client_id`, by Realm.
    pub client_ids: Claimed<(ObjectName, Arc<str>)>,
    /// User names in lower case, by Realm.
    pub usernames: Claimed<(ObjectName, Arc<str>)>,
    /// `sub`, by Realm.
    pub subjects: Claimed<(ObjectName, Arc<str>)>,
    /// Names of Groups, by Realm.
    pub groups: Claimed<(ObjectName, Arc<str>)>,
}
