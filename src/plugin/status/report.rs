use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::{
    gather::{Coverage, Gathered, Scope},
    problems::{self, Problem},
};
use crate::{
    api::{
        Attached, CredentialsStatus, GroupStatus, KeyAlgorithm, KeyUse, LostKey, OidcClientSpec, OidcClientStatus,
        RealmStatus, SigningKeySpec, SigningKeyStatus, SigningKeyVersion, TokenEndpointAuthMethod, UserSpec,
        UserStatus,
    },
    plugin::{
        names::Kind,
        rotate,
        seen::{Place, Seen},
    },
};

/// All that is shown. Its names are those of `-o json`, which stay.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// How many problems there are.
    pub problem_count: usize,
    /// What is wrong, the worst first.
    pub problems: Vec<Problem>,
    /// What could not be seen.
    pub not_visible: Vec<NotVisible>,
    /// The Realms, by namespace and name.
    pub realms: Vec<RealmReport>,
}

/// A kind that could not be seen in full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotVisible {
    /// The kind.
    pub kind: Kind,
    /// The one namespace in which it could be seen; absent where it could be seen in none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub except_namespace: Option<String>,
}

/// Whether a Realm is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Presence {
    /// It is.
    Found,
    /// It isn't, though objects name it.
    NotFound,
    /// There is no right to see it.
    NotVisible,
}

/// A Realm and all that belongs to it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RealmReport {
    /// Where it stands, and how; `ready` is absent where the Realm is not there.
    #[serde(flatten)]
    pub place: Place,
    /// Whether it is there.
    pub presence: Presence,
    /// Its state.
    #[serde(flatten)]
    pub state: Option<State>,
    /// The issuer in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// How many objects the operator counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attached: Option<Attached>,
    /// Its rings of keys.
    pub signing_keys: Vec<Entry<SigningKeyDetail>>,
    /// Its clients.
    pub oidc_clients: Vec<Entry<OidcClientDetail>>,
    /// Its people.
    pub users: Vec<Entry<UserDetail>>,
    /// Its groups.
    pub groups: Vec<Entry<GroupDetail>>,
}

/// An object of a Realm.
#[derive(Clone, Debug, Serialize)]
pub struct Entry<D> {
    /// Where it stands.
    #[serde(flatten)]
    pub place: Place,
    /// How it is.
    #[serde(flatten)]
    pub state: State,
    /// What is particular to the kind.
    #[serde(flatten)]
    pub detail: D,
}

/// How an object is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Its condition `Ready`.
    pub ready: Ready,
    /// It has the annotation `realmkeeper.dev/reconcile: disabled`.
    pub frozen: bool,
    /// It has been deleted, and is not gone yet.
    pub deleting: bool,
    /// It stands among the problems.
    #[serde(skip)]
    pub is_wrong: bool,
}

/// The condition `Ready`.
#[derive(Clone, Debug, Serialize)]
pub struct Ready {
    /// `True`, `False` or `Unknown`; `Unknown` also where no operator has looked at it.
    pub status: String,
    /// Why.
    pub reason: String,
    /// The same as a sentence.
    pub message: String,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// What is particular to a SigningKey.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SigningKeyDetail {
    /// The algorithm; absent where the spec can't be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<KeyAlgorithm>,
    /// What the keys are for; absent where the spec can't be read.
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    pub use_: Option<KeyUse>,
    /// When the next key takes over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_rotation: Option<Timestamp>,
    /// A rotation was asked for that no operator has acknowledged yet.
    pub rotation_requested: bool,
    /// The keys of the ring, the newest first.
    pub keys: Vec<SigningKeyVersion>,
    /// Keys that are gone, and not because their time was over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lost_keys: Vec<LostKey>,
}

/// What is particular to an OidcClient.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OidcClientDetail {
    /// It registered itself.
    pub registered: bool,
    /// The client identifier in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// How it authenticates; absent where the spec can't be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_method: Option<TokenEndpointAuthMethod>,
    /// The Secret with its credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<String>,
    /// Its secrets, by their ids and times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<CredentialsStatus>,
    /// A rotation was asked for that no operator has acknowledged yet.
    pub rotation_requested: bool,
}

/// What is particular to a User.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserDetail {
    /// The username in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Whether the person can sign in; absent where the spec can't be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// What is particular to a Group.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupDetail {
    /// How many people belong to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<u32>,
}

impl Report {
    /// What was gathered, sorted; objects of Realms that `scope` does not cover are left out.
    pub fn of(gathered: &Gathered, scope: &Scope, now: Timestamp) -> Self {
        let mut builder = Builder { now, problems: Vec::new(), realms: BTreeMap::new() };
        let see_realms = gathered.listing(Kind::Realm).is_some_and(|listing| listing.coverage != Coverage::Nothing);
        let absent = if see_realms { Presence::NotFound } else { Presence::NotVisible };
        for (kind, listing) in &gathered.0 {
            for seen in &listing.objects {
                match &seen.realm {
                    Some(realm) if scope.covers(realm) => builder.add(*kind, seen, realm, absent),
                    _ => {}
                }
            }
        }
        let Builder { mut problems, realms, .. } = builder;
        problems
            .sort_by(|a, b| (a.severity, a.kind, &a.place, &a.reason).cmp(&(b.severity, b.kind, &b.place, &b.reason)));
        let realms: Vec<_> = realms.into_values().map(RealmReport::sorted).collect();
        let not_visible = gathered.0.iter().filter_map(|(kind, listing)| match &listing.coverage {
            Coverage::Everything => None,
            Coverage::Namespace(namespace) => {
                Some(NotVisible { kind: *kind, except_namespace: Some(namespace.clone()) })
            }
            Coverage::Nothing => Some(NotVisible { kind: *kind, except_namespace: None }),
        });
        Self { problem_count: problems.len(), problems, not_visible: not_visible.collect(), realms }
    }
}

impl RealmReport {
    fn absent(place: &Place, presence: Presence) -> Self {
        Self {
            place: place.clone(),
            presence,
            state: None,
            issuer: None,
            attached: None,
            signing_keys: Vec::new(),
            oidc_clients: Vec::new(),
            users: Vec::new(),
            groups: Vec::new(),
        }
    }

    /// What is wrong comes first; then those of the Realm's own namespace.
    fn sorted(mut self) -> Self {
        fn sort<D>(entries: &mut [Entry<D>], own: &str) {
            let rank = |entry: &Entry<D>| (!entry.state.is_wrong, entry.place.namespace != own, entry.place.clone());
            entries.sort_by_cached_key(rank);
        }
        let own = self.place.namespace.clone();
        sort(&mut self.signing_keys, &own);
        sort(&mut self.oidc_clients, &own);
        sort(&mut self.users, &own);
        sort(&mut self.groups, &own);
        self
    }
}

struct Builder {
    now: Timestamp,
    problems: Vec<Problem>,
    realms: BTreeMap<Place, RealmReport>,
}

impl Builder {
    fn add(&mut self, kind: Kind, seen: &Seen, realm: &Place, absent: Presence) {
        let mut found = problems::of_conditions(seen);
        match kind {
            Kind::Realm => {
                let status = read::<RealmStatus>(seen, &mut found);
                let realm = self.realm(realm, absent);
                realm.presence = Presence::Found;
                realm.issuer = status.issuer;
                realm.attached = status.attached;
                realm.state = Some(state(seen, &found));
            }
            Kind::SigningKey => {
                let detail = signing_key(seen, &mut found, self.now);
                self.realm(realm, absent).signing_keys.push(entry(seen, detail, &found));
            }
            Kind::OidcClient => {
                let detail = oidc_client(seen, &mut found, self.now);
                self.realm(realm, absent).oidc_clients.push(entry(seen, detail, &found));
            }
            Kind::User => {
                let status = read::<UserStatus>(seen, &mut found);
                let enabled = seen.spec::<UserSpec>().map(|spec| spec.enabled);
                let detail = UserDetail { username: status.username, enabled };
                self.realm(realm, absent).users.push(entry(seen, detail, &found));
            }
            Kind::Group => {
                let status = read::<GroupStatus>(seen, &mut found);
                let detail = GroupDetail { members: status.members };
                self.realm(realm, absent).groups.push(entry(seen, detail, &found));
            }
        }
        self.problems.extend(found);
    }

    fn realm(&mut self, place: &Place, absent: Presence) -> &mut RealmReport {
        self.realms.entry(place.clone()).or_insert_with(|| RealmReport::absent(place, absent))
    }
}

fn read<S: serde::de::DeserializeOwned + Default>(seen: &Seen, found: &mut Vec<Problem>) -> S {
    seen.status().unwrap_or_else(|why| {
        found.push(problems::unreadable(seen, &why));
        S::default()
    })
}

fn entry<D>(seen: &Seen, detail: D, found: &[Problem]) -> Entry<D> {
    Entry { place: seen.place.clone(), state: state(seen, found), detail }
}

fn state(seen: &Seen, found: &[Problem]) -> State {
    let ready = match seen.condition("Ready") {
        Some(ready) => Ready {
            status: ready.status.clone(),
            reason: ready.reason.clone(),
            message: ready.message.clone(),
            since: Some(ready.last_transition_time.0),
        },
        None => Ready {
            status: "Unknown".to_owned(),
            reason: "NotObserved".to_owned(),
            message: "no operator has looked at it yet".to_owned(),
            since: None,
        },
    };
    State { ready, frozen: seen.is_frozen, deleting: seen.is_deleting, is_wrong: !found.is_empty() }
}

fn signing_key(seen: &Seen, found: &mut Vec<Problem>, now: Timestamp) -> SigningKeyDetail {
    let status = read::<SigningKeyStatus>(seen, found);
    let spec = seen.spec::<SigningKeySpec>();
    let next_rotation = status.next_rotation.map(|time| time.0);
    found.extend(problems::overdue(seen, next_rotation, now));
    SigningKeyDetail {
        algorithm: spec.as_ref().map(|spec| spec.algorithm),
        use_: spec.as_ref().map(|spec| spec.use_),
        next_rotation,
        rotation_requested: is_requested(seen, status.last_rotate_request.as_ref()),
        keys: status.keys,
        lost_keys: status.lost_keys,
    }
}

fn oidc_client(seen: &Seen, found: &mut Vec<Problem>, now: Timestamp) -> OidcClientDetail {
    let status = read::<OidcClientStatus>(seen, found);
    let current = status.credentials.as_ref().and_then(|credentials| credentials.current.as_ref());
    let due = current.and_then(|current| current.rotate_after.as_ref()).map(|time| time.0);
    found.extend(problems::overdue(seen, due, now));
    OidcClientDetail {
        registered: seen.is_registered,
        client_id: status.client_id,
        token_endpoint_auth_method: seen.spec::<OidcClientSpec>().map(|spec| spec.auth_method()),
        secret_name: status.binding.map(|binding| binding.name),
        credentials: status.credentials,
        rotation_requested: is_requested(seen, status.last_rotate_request.as_ref()),
    }
}

/// Where nothing is generated, nobody will acknowledge it.
fn is_requested(seen: &Seen, acknowledged: Option<&String>) -> bool {
    let is_new = |request: &String| !request.is_empty() && Some(request) != acknowledged;
    seen.rotate.as_ref().is_some_and(is_new) && rotate::refusal::of_spec(seen).is_none()
}
