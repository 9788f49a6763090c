//! What the tests of this wing are made with: manifests in a line, a cluster that answers as an API server does, and a house in
//! which the loop of index, plan and apply runs by hand.

mod fields;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{LazyLock, Mutex},
};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    apply::{ApplyOutcome, ForeignSecret, WriteFailure},
    index::{Index, Options},
    plan::{self, EventRecord, Generator, Plan, SecretMode, SecretWrite},
    source::{Event, Kind, Object, ObjectKey},
};
use crate::{
    jose::{self, KeyAlgorithm},
    realm::{Client, ObjectName, Realm, Registry, User},
    secret::Secret,
};

/// When every test begins.
pub const START: i64 = 1_800_000_000;

fn manifest(kind: Kind, namespace: &str, name: &str) -> Value {
    json!({"apiVersion": kind.api_version(), "kind": kind.as_str(), "metadata": {"namespace": namespace, "name": name}})
}

fn ours(kind: Kind, namespace: &str, name: &str, spec: Value) -> Value {
    let mut object = manifest(kind, namespace, name);
    object["spec"] = spec;
    object
}

/// A Realm in the namespace `identity`.
pub fn realm(name: &str, spec: Value) -> Value {
    ours(Kind::Realm, "identity", name, spec)
}

/// A child of the Realm `identity/staff`, unless the spec says another.
fn child(kind: Kind, namespace: &str, name: &str, mut spec: Value) -> Value {
    if spec.get("realmRef").is_none() {
        spec["realmRef"] = json!({"name": "staff", "namespace": "identity"});
    }
    ours(kind, namespace, name, spec)
}

/// An OidcClient of `identity/staff`.
pub fn client(namespace: &str, name: &str, spec: Value) -> Value {
    child(Kind::OidcClient, namespace, name, spec)
}

/// A User of `identity/staff`.
pub fn user(namespace: &str, name: &str, spec: Value) -> Value {
    child(Kind::User, namespace, name, spec)
}

/// A Group of `identity/staff`.
pub fn group(namespace: &str, name: &str, members: Value) -> Value {
    child(Kind::Group, namespace, name, json!({"members": members}))
}

/// A SigningKey of `identity/staff`.
pub fn signing_key(name: &str, spec: Value) -> Value {
    child(Kind::SigningKey, "identity", name, spec)
}

/// A Secret with the label by which it is read.
pub fn secret(namespace: &str, name: &str, entries: &[(&str, &str)]) -> Value {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let mut object = manifest(Kind::Secret, namespace, name);
    object["metadata"]["labels"] = json!({"realmkeeper.dev/readable": "true"});
    object["data"] = entries.iter().map(|(name, value)| ((*name).to_owned(), json!(STANDARD.encode(value)))).collect();
    object
}

/// A Namespace with labels.
pub fn namespace(name: &str, labels: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
}

/// The object of a manifest.
pub fn object(value: &Value) -> Object {
    fn parse<T: serde::de::DeserializeOwned + Into<Object>>(value: &Value) -> Object {
        serde_json::from_value::<T>(value.clone()).unwrap().into()
    }
    match value["kind"].as_str().unwrap().parse().unwrap() {
        Kind::Namespace => parse::<k8s_openapi::api::core::v1::Namespace>(value),
        Kind::Secret => parse::<k8s_openapi::api::core::v1::Secret>(value),
        Kind::Realm => parse::<crate::api::Realm>(value),
        Kind::SigningKey => parse::<crate::api::SigningKey>(value),
        Kind::Group => parse::<crate::api::Group>(value),
        Kind::User => parse::<crate::api::User>(value),
        Kind::OidcClient => parse::<crate::api::OidcClient>(value),
    }
}

/// Secrets that count up, and keys that are made once for all tests.
#[derive(Debug, Default)]
pub struct TestGenerator(u32, u32, u32);

static KEYS: LazyLock<Mutex<HashMap<(KeyAlgorithm, u32), Secret>>> = LazyLock::new(Mutex::default);

impl Generator for TestGenerator {
    fn secret(&mut self, min_length: usize) -> Result<Secret, jose::Error> {
        self.0 += 1;
        Ok(Secret::new(format!("{:x<min_length$}", format!("generated-{}", self.0))))
    }

    fn id(&mut self) -> Result<String, jose::Error> {
        self.2 += 1;
        Ok(format!("id-{}", self.2))
    }

    fn key(&mut self, algorithm: KeyAlgorithm) -> Result<Secret, jose::Error> {
        self.1 += 1;
        let mut keys = KEYS.lock().unwrap();
        Ok(keys.entry((algorithm, self.1)).or_insert_with(|| algorithm.generate_pem().unwrap()).clone())
    }
}

/// Answers as an API server does, as far as a plan can tell.
#[derive(Debug, Default)]
pub struct FakeCluster {
    /// Every object as it stands.
    pub objects: BTreeMap<ObjectKey, Value>,
    /// Objects that are there and that no watch sees.
    pub hidden: BTreeMap<ObjectKey, Value>,
    /// Every event that was sent.
    pub events: Vec<EventRecord>,
    /// Every write that was made, as `verb Kind/namespace/name`.
    pub writes: Vec<String>,
    /// What it wrote comes back by no answer, as with a directory: only by the source, later.
    pub is_quiet: bool,
    /// Writes to these are refused.
    pub forbidden: Vec<Kind>,
    fields: fields::Fields,
    counter: u64,
}

impl FakeCluster {
    fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// As `kubectl replace` with all that an API server adds.
    pub fn put(&mut self, value: Value, now: Timestamp) -> Event {
        let key = object(&value).key();
        if key.kind == Kind::Secret {
            self.fields.put(&key, self.objects.get(&key), &value);
        }
        self.store(value, now)
    }

    fn store(&mut self, mut value: Value, now: Timestamp) -> Event {
        let version = self.next();
        let key = object(&value).key();
        let old = self.objects.get(&key);
        let same_spec = old.is_some_and(|old| old["spec"] == value["spec"]);
        let meta = &mut value["metadata"];
        meta["resourceVersion"] = json!(version.to_string());
        match old {
            None => {
                meta["uid"] = json!(format!("uid-{version}"));
                meta["generation"] = json!(1);
                if meta.get("creationTimestamp").is_none() {
                    meta["creationTimestamp"] = json!(now.to_string());
                }
            }
            Some(old) => {
                let generation = old["metadata"]["generation"].as_i64().unwrap();
                meta["uid"] = old["metadata"]["uid"].clone();
                meta["creationTimestamp"] = old["metadata"]["creationTimestamp"].clone();
                meta["generation"] = json!(generation + i64::from(!same_spec));
                if let Some(status) = old.get("status").cloned() {
                    value["status"] = status;
                }
            }
        }
        self.objects.insert(key, value.clone());
        Event::Applied(object(&value))
    }

    /// Takes an object away, and what it owns with it.
    pub fn delete(&mut self, key: &ObjectKey) -> Vec<Event> {
        let Some(gone) = self.objects.remove(key) else { return Vec::new() };
        let uid = &gone["metadata"]["uid"];
        let is_owned = |value: &Value| {
            let references = value["metadata"]["ownerReferences"].as_array();
            references.is_some_and(|references| references.iter().any(|reference| &reference["uid"] == uid))
        };
        let owned: Vec<_> =
            self.objects.iter().filter(|(_, value)| is_owned(value)).map(|(key, _)| key.clone()).collect();
        let mut events = vec![Event::Deleted(key.clone())];
        events.extend(owned.iter().flat_map(|key| self.delete(key)));
        events
    }

    /// Does what a plan says.
    pub fn perform(&mut self, plan: Plan, now: Timestamp) -> ApplyOutcome {
        let mut outcome = ApplyOutcome::default();
        for write in plan.secrets {
            self.write_secret(write, now, &mut outcome);
        }
        for deletion in plan.deletions {
            self.writes.push(format!("delete {}", deletion.key()));
            outcome.observed.extend(self.delete(&deletion.key()));
        }
        for create in plan.resources {
            let value = serde_json::to_value(&create.object).unwrap();
            let key = object(&value).key();
            if !self.objects.contains_key(&key) {
                self.writes.push(format!("create {key}"));
                outcome.observed.push(self.put(value, now));
            }
        }
        for patch in plan.statuses {
            self.writes.push(format!("status {}", patch.key));
            let mut value = self.objects.get(&patch.key).unwrap().clone();
            assert_eq!(value["metadata"]["uid"].as_str(), patch.uid.as_deref());
            value["status"] = patch.status;
            value["metadata"]["resourceVersion"] = json!(self.next().to_string());
            if !self.is_quiet {
                outcome.observed.push(Event::Applied(object(&value)));
            }
            self.objects.insert(patch.key, value);
        }
        self.events.extend(plan.events);
        outcome
    }

    fn write_secret(&mut self, write: SecretWrite, now: Timestamp, outcome: &mut ApplyOutcome) {
        let key = write.key();
        let verb = if write.mode == SecretMode::Create { "create" } else { "apply" };
        if self.forbidden.contains(&Kind::Secret) {
            let (subject, secret) = (write.subject, Some(write.name));
            return outcome.failed.push(WriteFailure { subject, secret, message: "forbidden".into() });
        }
        let value = serde_json::to_value(write.manifest()).unwrap();
        match (&write.mode, self.objects.get(&key).cloned()) {
            (SecretMode::Create, _) if self.hidden.contains_key(&key) => {
                outcome.foreign.push(ForeignSecret { name: write.name, subject: write.subject });
            }
            (SecretMode::Create, Some(old)) => {
                if old["metadata"]["labels"]["app.kubernetes.io/managed-by"] != "realmkeeper" {
                    outcome.foreign.push(ForeignSecret { name: write.name, subject: write.subject });
                }
            }
            (SecretMode::Create, None) => {
                self.writes.push(format!("{verb} {key}"));
                self.fields.created(&key, &value);
                outcome.observed.push(self.store(value, now));
            }
            (SecretMode::Apply { uid, resource_version }, old) => {
                let Some(old) = old else { return };
                let is_meant = |field: &str, meant: &Option<String>| {
                    meant.is_none() || old["metadata"][field].as_str() == meant.as_deref()
                };
                if !is_meant("uid", uid) || !is_meant("resourceVersion", resource_version) {
                    return;
                }
                assert!(old["immutable"] != json!(true) || old["data"] == value["data"]);
                self.writes.push(format!("{verb} {key}"));
                let value = self.fields.apply(&key, &old, value);
                outcome.observed.push(self.store(value, now));
            }
        }
    }
}

/// Index, registry and cluster, run by hand.
#[derive(Debug)]
pub struct House {
    pub index: Index,
    pub registry: Registry,
    pub cluster: FakeCluster,
    pub generator: TestGenerator,
    pub now: Timestamp,
}

impl House {
    /// An empty cluster, seen whole.
    pub fn new() -> Self {
        let mut house = Self::unsynced();
        for kind in Kind::ALL {
            house.index.apply(Event::Synced(kind));
        }
        house
    }

    /// An empty index.
    pub fn unsynced() -> Self {
        Self {
            index: Index::new(Options::new("http://localhost:8080", false).unwrap()),
            registry: Registry::default(),
            cluster: FakeCluster::default(),
            generator: TestGenerator::default(),
            now: Timestamp::from_second(START).unwrap(),
        }
    }

    /// A house with these objects, a second apart, settled.
    pub fn with(objects: impl IntoIterator<Item = Value>) -> Self {
        let mut house = Self::new();
        for object in objects {
            house.put(object);
        }
        house.settle();
        house
    }

    /// Applies a manifest, a second later.
    pub fn put(&mut self, value: Value) -> &mut Self {
        self.now += SignedDuration::from_secs(1);
        let event = self.cluster.put(value, self.now);
        self.index.apply(event);
        self
    }

    /// Deletes an object, with what it owns.
    pub fn delete(&mut self, kind: Kind, namespace: &str, name: &str) -> &mut Self {
        for event in self.cluster.delete(&ObjectKey::new(kind, namespace, name)) {
            self.index.apply(event);
        }
        self
    }

    /// Judges, publishes and plans once.
    pub fn plan(&mut self) -> Plan {
        self.index.forget_removed_keys(self.now);
        self.index.evaluate();
        self.index.publish(&self.registry);
        let objects = self.index.take_unplanned(usize::MAX);
        let plan = plan::build(&self.index, objects.clone(), self.now, &mut self.generator);
        self.index.planned(&objects, &plan);
        plan
    }

    /// Performs a plan as the controller does.
    pub fn perform(&mut self, plan: Plan) {
        self.index.replan(plan.deferred.iter().cloned());
        let statuses = plan.statuses.clone();
        let outcome = self.cluster.perform(plan, self.now);
        for patch in statuses {
            self.index.wrote_status(&patch);
        }
        for event in outcome.observed {
            self.index.apply(event);
        }
        for foreign in outcome.foreign {
            self.index.refused(&foreign.name, &foreign.subject, self.now + SignedDuration::from_mins(5));
        }
        for failure in outcome.failed {
            self.index.set_failure(&failure.subject, Some(failure.message));
        }
    }

    /// Goes on until there is nothing to write; gives the writes.
    pub fn settle(&mut self) -> Vec<String> {
        self.cluster.writes.clear();
        for _ in 0..10 {
            let plan = self.plan();
            if plan.is_empty() && plan.deferred.is_empty() {
                return self.cluster.writes.clone();
            }
            self.perform(plan);
        }
        panic!("it does not settle: {:?}", self.cluster.writes);
    }

    /// Lets time go by until then, as the controller does: whatever is due on the way is done when it is due; gives the writes.
    pub fn until(&mut self, end: Timestamp) -> Vec<String> {
        let mut writes = Vec::new();
        while let Some(next) = self.index.next_wake().filter(|next| *next <= end) {
            self.now = next.max(self.now);
            self.index.wake(self.now);
            writes.extend(self.settle());
        }
        self.now = end;
        writes
    }

    /// Lets so much time go by; gives the writes.
    pub fn pass(&mut self, span: SignedDuration) -> Vec<String> {
        let end = self.now + span;
        self.until(end)
    }

    /// A process that starts now, with the same cluster: it knows what the source lists, and nothing else.
    pub fn restart(&mut self) -> &mut Self {
        let mut fresh = Self::new();
        for value in self.cluster.objects.values() {
            fresh.index.apply(Event::Applied(object(value)));
        }
        (self.index, self.registry) = (fresh.index, fresh.registry);
        self
    }

    /// The object as it stands in the cluster.
    pub fn object(&self, kind: Kind, namespace: &str, name: &str) -> &Value {
        &self.cluster.objects[&ObjectKey::new(kind, namespace, name)]
    }

    /// The conditions of an object as `Type=Status:Reason`.
    pub fn conditions(&self, kind: Kind, namespace: &str, name: &str) -> String {
        let conditions = self.object(kind, namespace, name)["status"]["conditions"].as_array().cloned();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let one = |c: &Value| format!("{}={}:{}", text(&c["type"]), text(&c["status"]), text(&c["reason"]));
        conditions.unwrap_or_default().iter().map(one).collect::<Vec<_>>().join(" ")
    }

    /// `Status:Reason` of `Ready`.
    pub fn ready(&self, kind: Kind, namespace: &str, name: &str) -> String {
        let conditions = self.conditions(kind, namespace, name);
        conditions.split(' ').find_map(|one| one.strip_prefix("Ready=")).unwrap_or_default().to_owned()
    }

    /// The message of `Ready`.
    pub fn message(&self, kind: Kind, namespace: &str, name: &str) -> String {
        self.object(kind, namespace, name)["status"]["conditions"][0]["message"].as_str().unwrap().to_owned()
    }

    /// An entry of a Secret.
    pub fn entry(&self, namespace: &str, secret: &str, name: &str) -> Option<String> {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let entry = self.object(Kind::Secret, namespace, secret)["data"].get(name)?.as_str()?;
        Some(String::from_utf8(STANDARD.decode(entry).unwrap()).unwrap())
    }

    /// The reasons of the events about an object.
    pub fn events_about(&self, kind: Kind, name: &str) -> Vec<&'static str> {
        let about = |event: &&EventRecord| event.regarding.kind == kind && &*event.regarding.name.name == name;
        self.cluster.events.iter().filter(about).map(|event| event.reason).collect()
    }

    /// A realm as it is published.
    pub fn realm(&self, name: &str) -> Option<std::sync::Arc<Realm>> {
        self.registry.load().realm(&ObjectName::new("identity", name)).cloned()
    }

    /// A client of `staff` as it is published.
    pub fn client(&self, id: &str) -> Option<std::sync::Arc<Client>> {
        self.realm("staff")?.client(id).cloned()
    }

    /// A user of `staff` as it is published.
    pub fn user(&self, username: &str) -> Option<std::sync::Arc<User>> {
        self.realm("staff")?.user_by_name(username).cloned()
    }

    /// The Groups of a user of `staff`.
    pub fn groups_of(&self, username: &str) -> String {
        self.user(username).map(|user| user.groups.join(" ")).unwrap_or_default()
    }
}
