//! A directory looked at once, for `realmkeeper check`: everything that a cluster would refuse, and everything that the operator
//! would complain of in a status, each problem at its line.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::checks::Reason;
use super::index::Options;
use super::source::directory::{list, read, twice};
use super::source::manifest::{FileProblem, Manifest};
use super::source::{FieldProblem, Malformed, Object, ObjectKey};
use super::{check::check_objects, survey::Problem};

/// What a look at a directory found.
#[derive(Debug, Default)]
pub struct Review {
    /// The problems, by file and line.
    pub problems: Vec<FileProblem>,
    /// How many files were read.
    pub files: usize,
    /// How many objects they hold.
    pub objects: usize,
    /// How many objects of other kinds were passed over.
    pub others: usize,
}

/// Whether what is not there is missing, or may stand elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The directory holds all there is, as for `realmkeeper serve`: a reference to what it doesn't hold is a problem.
    Whole,
    /// The directory is a part of what goes to a cluster.
    Part,
}

/// Looks at every manifest below `root`, or at the one file that it is.
pub fn review(root: &Path, scope: Scope, options: Options) -> Review {
    let (paths, problems) = list(root);
    let mut review = Review { problems, files: paths.len(), ..Review::default() };
    let manifests = review.read(&paths);
    let (mut objects, mut malformed) = (Vec::new(), Vec::new());
    for manifest in manifests.values() {
        let problem = |problem: FieldProblem| manifest.problem(problem);
        review.problems.extend(manifest.unknown.iter().cloned().map(problem));
        match alone(manifest) {
            Ok(object) => objects.push(object),
            Err(bad) => {
                review.problems.extend(bad.problems.iter().cloned().map(problem));
                malformed.push(*bad);
            }
        }
    }
    for problem in check_objects(objects, malformed, options) {
        if let Some(manifest) = manifests.get(&problem.key).filter(|_| counts(&problem, scope)) {
            review.problems.push(manifest.problem(FieldProblem { field: problem.field, message: problem.message }));
        }
    }
    review.problems.sort();
    review.problems.dedup();
    review
}

impl Review {
    fn read(&mut self, paths: &[std::path::PathBuf]) -> BTreeMap<ObjectKey, Manifest> {
        let mut manifests: BTreeMap<ObjectKey, Manifest> = BTreeMap::new();
        for path in paths {
            let found = read(path, &Arc::from(path.as_path()));
            self.problems.extend(found.problems);
            self.others += found.others;
            self.objects += found.manifests.len();
            for manifest in found.manifests {
                match manifests.get(&manifest.key) {
                    Some(first) => self.problems.push(twice(&manifest, first)),
                    None => drop(manifests.insert(manifest.key.clone(), manifest)),
                }
            }
        }
        manifests
    }
}

/// The object, if it is good whatever stands beside it.
fn alone(manifest: &Manifest) -> Result<Object, Box<Malformed>> {
    let problems = manifest.validate(None);
    if !problems.is_empty() {
        return Err(Box::new(manifest.malformed(problems)));
    }
    manifest.object().map_err(|problem| Box::new(manifest.malformed(vec![problem])))
}

fn counts(problem: &Problem, scope: Scope) -> bool {
    // A Realm that is not accepted has problems of its own, which are listed.
    problem.reason != Reason::RealmNotAccepted && (scope == Scope::Whole || !problem.is_waiting)
}
