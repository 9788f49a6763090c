//! A directory looked at once, for `realmkeeper check`: everything that a cluster would refuse, and everything that the operator
//! would complain of in a status, each problem at its line.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::source::directory::{list, read, twice};
use super::source::manifest::{FileProblem, Manifest};
use super::source::{FieldProblem, Object, ObjectKey};

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

/// Looks at every manifest below `root`, or at the one file that it is.
pub fn review(root: &Path) -> Review {
    let (paths, problems) = list(root);
    let mut review = Review { problems, files: paths.len(), ..Review::default() };
    let mut manifests: BTreeMap<ObjectKey, Manifest> = BTreeMap::new();
    for path in &paths {
        let found = read(path, &Arc::from(path.as_path()));
        review.problems.extend(found.problems);
        review.others += found.others;
        review.objects += found.manifests.len();
        for manifest in found.manifests {
            match manifests.get(&manifest.key) {
                Some(first) => review.problems.push(twice(&manifest, first)),
                None => drop(manifests.insert(manifest.key.clone(), manifest)),
            }
        }
    }
    for manifest in manifests.values() {
        let alone = alone(manifest);
        review.problems.extend(alone.into_iter().map(|problem| manifest.problem(problem)));
    }
    review.problems.sort();
    review.problems.dedup();
    review
}

/// What is wrong with an object whatever stands beside it.
fn alone(manifest: &Manifest) -> Vec<FieldProblem> {
    let mut problems = manifest.unknown.clone();
    problems.extend(manifest.validate(None));
    if problems.is_empty() {
        problems.extend(manifest.object().map(drop::<Object>).err());
    }
    problems
}
