//! `realmkeeper check`, as it is run: what is wrong is found in its line, and what is right is left in peace.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn check(directory: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_realmkeeper")).arg("check").arg(directory).output().unwrap()
}

fn bad() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manifests/bad")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// What the comments of a file want: the line, and a part of the problem. `# want: TEXT` is about its own line, `# want@N: TEXT`
/// about line N; there may be several in a line.
fn wanted(text: &str) -> Vec<(usize, String)> {
    let in_line = |(index, line): (usize, &str)| -> Vec<(usize, String)> {
        let parts = line.split("# want").skip(1);
        let want = |part: &str| {
            let (at, message) = part.split_once(": ").unwrap_or_else(|| panic!("line {}: {part}", index + 1));
            (at.strip_prefix('@').map_or(index + 1, |number| number.parse().unwrap()), message.trim().to_owned())
        };
        parts.map(want).collect()
    };
    text.lines().enumerate().flat_map(in_line).collect()
}

#[test]
fn every_seeded_mistake_is_found_in_its_line_and_nothing_else_is() {
    let output = check(&bad());
    assert_eq!(output.status.code(), Some(1));
    let printed = String::from_utf8(output.stdout).unwrap();
    let mut left: BTreeSet<&str> = printed.lines().collect();
    assert_eq!(left.len(), printed.lines().count(), "nothing is said twice");
    let (mut mistakes, mut missing) = (0, Vec::new());
    for file in files(&bad()).into_iter().filter(|file| file.extension().is_some_and(|extension| extension != "md")) {
        for (line, message) in wanted(&fs::read_to_string(&file).unwrap()) {
            mistakes += 1;
            let place = format!("{}:{line}: ", file.display());
            let found = left.iter().find(|problem| problem.starts_with(&place) && problem.contains(&message)).copied();
            match found {
                Some(problem) => drop(left.remove(problem)),
                None => missing.push(format!("{place}{message}")),
            }
        }
    }
    assert!(missing.is_empty() && left.is_empty(), "missing: {missing:#?}\nnot wanted: {left:#?}");
    assert!(mistakes >= 25, "{mistakes}");
    assert!(!printed.contains("hunter2"), "no value of a Secret is printed");
}

/// `file:line: kind/name: field: message`, so that an editor jumps there.
#[test]
fn problems_are_printed_in_the_fixed_form() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("a.yaml"),
        "apiVersion: realmkeeper.dev/v1alpha1\nkind: Realm\nmetadata: {name: a}\nspec:\n  issuer: ftp://x\n",
    )
    .unwrap();
    let output = check(folder.path());
    let expected = format!(
        "{}/a.yaml:5: Realm/a: spec.issuer: must be https://HOST[:PORT][/PATH] with the host in lower case; http is accepted for \
         a loopback address only\n",
        folder.path().display()
    );
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "realmkeeper: 1 problem\n");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_part_may_refer_to_what_stands_elsewhere_and_still_not_contradict_itself() {
    let folder = tempfile::tempdir().unwrap();
    let client = |name: &str| {
        format!(
            "apiVersion: realmkeeper.dev/v1alpha1\nkind: OidcClient\nmetadata: {{name: {name}}}\nspec:\n  realmRef: {{name: staff}}\n  \
             clientId: app\n"
        )
    };
    let partial = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_realmkeeper"));
        command.args(["check", "--partial"]).arg(folder.path()).output().unwrap()
    };
    fs::write(folder.path().join("a.yaml"), client("one")).unwrap();
    assert!(
        String::from_utf8(check(folder.path()).stdout)
            .unwrap()
            .contains("a.yaml:5: OidcClient/one: spec.realmRef: there is no Realm")
    );
    assert!(partial().status.success());
    let realm = "apiVersion: realmkeeper.dev/v1alpha1\nkind: Realm\nmetadata: {name: staff}\nspec: {}\n";
    fs::write(folder.path().join("b.yaml"), format!("{realm}---\n{}", client("two"))).unwrap();
    assert!(String::from_utf8(partial().stdout).unwrap().contains("b.yaml:11: OidcClient/two: spec.clientId: "));
}

#[test]
fn the_examples_have_no_problems() {
    let output = check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart"));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && printed.ends_with("files: no problems\n"), "{printed}");
}

#[test]
fn a_directory_without_manifests_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(".realmkeeper")).unwrap();
    fs::write(folder.path().join(".realmkeeper/x.yaml"), "[").unwrap();
    for path in [folder.path(), &folder.path().join("absent")] {
        let output = check(path);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
        assert!(String::from_utf8(output.stderr).unwrap().starts_with("realmkeeper: there is no "));
    }
}
