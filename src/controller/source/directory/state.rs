//! What the directory said last, and the events by which that becomes what it says now.
//!
//! Nothing good is given up for something broken: the objects of a file that can't be read are kept, and so is an object whose new
//! form is not valid; both are reported. And nothing is taken for deleted that may only be between two writes of an editor.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde_json::{Value, json};

use super::super::manifest::{self, FileProblem, Manifest, Manifests};
use super::super::{Event, FieldProblem, Kind, Malformed, Object, ObjectKey};
use super::files::{self, Cache};
use super::layout;
use super::overrides::{self, Overrides};
use super::status::{Kept, Statuses};
use crate::api::{READABLE_LABEL, READABLE_VALUE};

/// So long an object must be missing before it is taken for deleted.
pub const GRACE: Duration = Duration::from_millis(200);

/// What Kubernetes sets, and no manifest.
const SERVER_SET: [&str; 8] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// A directory of manifests, and what is known of it.
pub struct Directory {
    root: PathBuf,
    files: Cache,
    statuses: Statuses,
    objects: BTreeMap<ObjectKey, Entry>,
    /// What was reported at the last look, so that each problem is logged once.
    reported: BTreeSet<FileProblem>,
    version: u64,
    started: bool,
}

/// What a look at the directory brought.
#[derive(Debug, Default)]
pub struct Scan {
    /// What has changed.
    pub events: Vec<Event>,
    /// Problems that were not there at the last look.
    pub problems: Vec<FileProblem>,
    /// True where something is missing and must be looked for again after [`GRACE`].
    pub again: bool,
}

/// An object that was seen.
struct Entry {
    /// The file in which it stands.
    path: Option<PathBuf>,
    /// What stood there at the last look.
    candidate: Value,
    /// Its last good form; none where it never had one.
    good: Option<Value>,
    status: Option<Value>,
    generation: i64,
    created: Timestamp,
    problems: Vec<FieldProblem>,
    missing_since: Option<Timestamp>,
}

/// What a look found of an object.
struct Found<'a> {
    value: Value,
    /// None for a Namespace that is only named by what stands in it.
    manifest: Option<&'a Manifest>,
    path: Option<PathBuf>,
}

/// What keeps the objects of a file from being read.
type Broken = BTreeMap<PathBuf, Vec<FieldProblem>>;

impl Directory {
    /// The directory at `root`; nothing is read yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            files: Cache::default(),
            statuses: Statuses::default(),
            objects: BTreeMap::new(),
            reported: BTreeSet::new(),
            version: 0,
            started: false,
        }
    }

    /// Looks at every file that has changed. The first look gives one [`Event::Replaced`] for each kind, the later ones what has
    /// changed since.
    pub fn scan(&mut self, now: Timestamp) -> Scan {
        let (paths, mut problems) = self.paths();
        // A folder that can't be listed says nothing about what stood in it.
        let all_listed = problems.is_empty();
        let read = self.files.read(&self.root, &paths, SystemTime::from(now));
        let broken = broken(&read);
        problems.extend(read.iter().flat_map(|(_, manifests)| manifests.problems.iter().cloned()));
        let (replacing, read): (Vec<_>, Vec<_>) =
            read.into_iter().partition(|(path, _)| path.starts_with(layout::passwords(&self.root)));
        let overrides = overrides::collect(replacing.iter().map(|(_, manifests)| &**manifests));
        let found = find(&read, &broken, &overrides, &mut problems);
        let mut scan = Scan::default();
        let mut changes = Vec::new();
        for (key, found) in &found {
            changes.extend(self.look_at(key, found, &broken, now, &mut problems));
        }
        if all_listed {
            changes.extend(self.look_for_missing(&found, &broken, now, &mut scan.again));
        }
        scan.events = if self.started { changes } else { replaced(changes) };
        self.started = true;
        let problems: BTreeSet<_> = problems.into_iter().collect();
        scan.problems = problems.difference(&self.reported).cloned().collect();
        self.reported = problems;
        scan
    }

    fn paths(&self) -> (Vec<PathBuf>, Vec<FileProblem>) {
        let (mut paths, mut problems) = files::list(&self.root);
        for folder in [layout::resources(&self.root), layout::secrets(&self.root), layout::passwords(&self.root)] {
            if folder.is_dir() {
                let (more, wrong) = files::list(&folder);
                paths.extend(more);
                problems.extend(wrong);
            }
        }
        (paths, problems)
    }

    /// The event for an object that stands in the directory, if there is anything new to say of it.
    fn look_at(
        &mut self,
        key: &ObjectKey,
        found: &Found<'_>,
        broken: &Broken,
        now: Timestamp,
        log: &mut Vec<FileProblem>,
    ) -> Option<Event> {
        let status_file = layout::status(&self.root, key).filter(|_| key.kind.is_ours());
        let kept = status_file.map(|file| self.statuses.read(&file)).unwrap_or_default();
        let entry = self.objects.entry(key.clone()).or_insert_with(|| Entry::new(found, &kept, now));
        let status = kept.status;
        entry.missing_since = None;
        entry.path.clone_from(&found.path);
        if let Some(problems) = found.path.as_ref().and_then(|path| broken.get(path)) {
            entry.candidate.clone_from(&found.value);
            return entry.report(key, problems.clone());
        }
        let problems = match found.manifest {
            Some(manifest) => entry.judge(manifest, &found.value, log),
            None => Vec::new(),
        };
        entry.candidate.clone_from(&found.value);
        if !problems.is_empty() {
            return entry.report(key, problems);
        }
        let changed = entry.good.as_ref() != Some(&found.value);
        if !changed && entry.status == status && entry.problems.is_empty() {
            return None;
        }
        // As in a cluster, what was bad in between was a generation too.
        let mended = !entry.problems.is_empty();
        let edited = entry.good.as_ref().is_some_and(|good| without_metadata(good) != without_metadata(&found.value));
        if mended || (changed && edited) {
            entry.generation += 1;
        }
        self.version += 1;
        match entry.object(key.kind, &found.value, status.as_ref(), self.version) {
            Ok(object) => {
                entry.good = Some(found.value.clone());
                entry.status = status;
                entry.problems.clear();
                Some(Event::Applied(object))
            }
            Err(problem) => entry.report(key, vec![problem]),
        }
    }

    /// What was there and is not: kept with its broken file, or deleted once it has been missing for long enough.
    fn look_for_missing(
        &mut self,
        found: &BTreeMap<ObjectKey, Found<'_>>,
        broken: &Broken,
        now: Timestamp,
        again: &mut bool,
    ) -> Vec<Event> {
        let mut events = Vec::new();
        self.objects.retain(|key, entry| {
            if found.contains_key(key) {
                return true;
            }
            if let Some(problems) = entry.path.as_ref().and_then(|path| broken.get(path)) {
                entry.missing_since = None;
                events.extend(entry.report(key, problems.clone()));
                return true;
            }
            let since = *entry.missing_since.get_or_insert(now);
            let gone = now.duration_since(since) >= SignedDuration::try_from(GRACE).unwrap_or_default();
            if gone {
                events.push(Event::Deleted(key.clone()));
            } else {
                *again = true;
            }
            !gone
        });
        events
    }
}

impl Entry {
    fn new(found: &Found<'_>, kept: &Kept, now: Timestamp) -> Self {
        // Across a restart a status goes on to speak of the generation that it spoke of.
        let observed = kept.status.as_ref().and_then(|status| status.get("observedGeneration")).and_then(Value::as_i64);
        Self {
            path: found.path.clone(),
            candidate: Value::Null,
            good: None,
            status: None,
            generation: observed.unwrap_or(1).max(1),
            created: kept.created.unwrap_or(now),
            problems: Vec::new(),
            missing_since: None,
        }
    }

    /// What is wrong with the object as it stands, each with its place, which is also logged.
    fn judge(&self, manifest: &Manifest, value: &Value, log: &mut Vec<FileProblem>) -> Vec<FieldProblem> {
        let ignored = |problem: &FieldProblem| FieldProblem {
            field: problem.field.clone(),
            message: format!("{} (it is passed over)", problem.message),
        };
        log.extend(manifest.unknown.iter().map(|problem| manifest.problem(ignored(problem))));
        if self.candidate == *value && self.problems.is_empty() {
            return Vec::new();
        }
        let problems = manifest.validate(self.good.as_ref());
        let mut placed = Vec::with_capacity(problems.len());
        for problem in problems {
            let at = manifest.problem(problem.clone());
            placed.push(FieldProblem {
                message: format!("{} ({}:{})", problem.message, at.file.display(), at.line),
                field: problem.field,
            });
            log.push(at);
        }
        placed
    }

    /// Says that the object is malformed, unless that was said already.
    fn report(&mut self, key: &ObjectKey, problems: Vec<FieldProblem>) -> Option<Event> {
        // A Namespace has no status in which anything could be reported.
        if self.problems == problems || key.kind == Kind::Namespace {
            return None;
        }
        if self.good.is_some() || !self.problems.is_empty() {
            self.generation += 1;
        }
        self.problems.clone_from(&problems);
        let meta = self.good.as_ref().unwrap_or(&self.candidate).get("metadata").cloned();
        let mut meta: ObjectMeta = meta.and_then(|meta| serde_json::from_value(meta).ok()).unwrap_or_default();
        meta.generation = Some(self.generation);
        meta.creation_timestamp = Some(Time(self.created));
        Some(Event::Malformed(Malformed {
            key: key.clone(),
            meta: Box::new(meta),
            status: self.status.clone(),
            problems,
        }))
    }

    fn object(&self, kind: Kind, value: &Value, status: Option<&Value>, version: u64) -> Result<Object, FieldProblem> {
        let mut value = value.clone();
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("resourceVersion".into(), version.to_string().into());
            if kind.is_ours() {
                metadata.insert("generation".into(), self.generation.into());
                metadata.insert("creationTimestamp".into(), self.created.to_string().into());
            }
        }
        if let (Some(members), Some(status)) = (value.as_object_mut(), status) {
            members.insert("status".into(), status.clone());
        }
        manifest::object(kind, value)
    }
}

fn without_metadata(value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(members) = value.as_object_mut() {
        members.remove("metadata");
    }
    value
}

fn broken(read: &[(PathBuf, Arc<Manifests>)]) -> Broken {
    let place = |problem: &FileProblem| FieldProblem {
        field: problem.field.clone(),
        message: format!("{} ({}:{})", problem.message, problem.file.display(), problem.line),
    };
    read.iter()
        .filter(|(_, manifests)| !manifests.problems.is_empty())
        .map(|(path, manifests)| (path.clone(), manifests.problems.iter().map(place).collect()))
        .collect()
}

/// Every object that stands in a file, and the Namespaces that they stand in. Of two with one key the first is meant.
fn find<'a>(
    read: &'a [(PathBuf, Arc<Manifests>)],
    broken: &Broken,
    overrides: &Overrides,
    problems: &mut Vec<FileProblem>,
) -> BTreeMap<ObjectKey, Found<'a>> {
    let mut found: BTreeMap<ObjectKey, Found<'a>> = BTreeMap::new();
    for (path, manifests) in read {
        for manifest in manifests.manifests.iter().filter(|manifest| is_watched(manifest)) {
            if let Some(first) = found.get(&manifest.key).and_then(|found| found.manifest) {
                if !broken.contains_key(path) {
                    problems.push(twice(manifest, first));
                }
                continue;
            }
            let value = overrides::apply(overrides, &manifest.key, manifest.value.clone());
            let value = as_stored(&manifest.key, &value);
            found.insert(manifest.key.clone(), Found { value, manifest: Some(manifest), path: Some(path.clone()) });
        }
    }
    let namespaces: BTreeSet<Arc<str>> =
        found.keys().filter(|key| key.kind != Kind::Namespace).map(|key| key.name.namespace.clone()).collect();
    for namespace in namespaces {
        let key = ObjectKey::new(Kind::Namespace, "", namespace.clone());
        let value = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": &*namespace}});
        let value = as_stored(&key, &value);
        found.entry(key).or_insert(Found { value, manifest: None, path: None });
    }
    found
}

/// The problem of an object that stands somewhere else already.
pub fn twice(manifest: &Manifest, first: &Manifest) -> FileProblem {
    let place = format!("{}:{}", first.place.file.display(), first.place.line(""));
    manifest.problem(FieldProblem {
        field: "metadata.name".into(),
        message: format!("the object stands already in {place}, which is the one that counts"),
    })
}

/// In a cluster too, a Secret without the label is never seen.
fn is_watched(manifest: &Manifest) -> bool {
    let label =
        |value: &Value| value.pointer("/metadata/labels").and_then(|labels| labels.get(READABLE_LABEL)).cloned();
    manifest.key.kind != Kind::Secret || label(&manifest.value) == Some(READABLE_VALUE.into())
}

/// The object without what no manifest may set, and with what the API server sets by itself.
fn as_stored(key: &ObjectKey, value: &Value) -> Value {
    let mut value = value.clone();
    let metadata = value.get_mut("metadata").and_then(Value::as_object_mut);
    if let Some(metadata) = metadata {
        for field in SERVER_SET {
            metadata.remove(field);
        }
        if key.kind == Kind::Namespace {
            let labels = metadata.entry("labels").or_insert_with(|| json!({}));
            if let Some(labels) = labels.as_object_mut() {
                labels.insert("kubernetes.io/metadata.name".into(), Value::from(&*key.name.name));
            }
        }
    }
    value
}

/// The first events as whole lists.
fn replaced(events: Vec<Event>) -> Vec<Event> {
    let mut lists: BTreeMap<Kind, (Vec<Object>, Vec<Malformed>)> =
        Kind::ALL.into_iter().map(|kind| (kind, Default::default())).collect();
    for event in events {
        match event {
            Event::Applied(object) => lists.entry(object.kind()).or_default().0.push(object),
            Event::Malformed(malformed) => lists.entry(malformed.key.kind).or_default().1.push(malformed),
            _ => {}
        }
    }
    lists.into_iter().map(|(kind, (objects, malformed))| Event::Replaced { kind, objects, malformed }).collect()
}

/// The manifest of an object that stands in a file of the directory, a Secret whatever its labels; what the server keeps is not among
/// them.
pub fn find_manifest(root: &Path, key: &ObjectKey) -> Option<Manifest> {
    let (paths, _) = files::list(root);
    paths.iter().find_map(|path| {
        let shown: Arc<Path> = path.strip_prefix(root).unwrap_or(path).into();
        files::read(path, &shown).manifests.into_iter().find(|manifest| manifest.key == *key)
    })
}
