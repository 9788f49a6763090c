//! README.md works as it is printed.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use crate::serve::Serve;

fn repository(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A block of a section, by its language.
struct Block<'t> {
    language: &'t str,
    text: &'t str,
}

/// The fenced blocks below a heading.
fn blocks<'t>(text: &'t str, heading: &str) -> Vec<Block<'t>> {
    let section = text.split(&format!("\n## {heading}\n")).nth(1).unwrap_or_else(|| panic!("no section {heading}"));
    let section = section.split("\n## ").next().unwrap();
    let fenced = section.split("\n```").skip(1).step_by(2);
    fenced.map(|block| block.split_once('\n').unwrap()).map(|(language, text)| Block { language, text }).collect()
}

#[tokio::test]
async fn the_tour_with_curl_works_as_printed() {
    let files = ["realm.yaml", "clients.yaml", "people.yaml"]
        .map(|name| (name, repository(&format!("examples/quickstart/{name}"))));
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let serve = Serve::start(&files, &[]).await;
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("examples")).unwrap();
    symlink(serve.manifests(), folder.path().join("examples/quickstart")).unwrap();

    let readme = repository("README.md");
    let tour = blocks(&readme, "Five minutes with curl");
    let mut script = "set -euo pipefail\n".to_owned();
    let mut expected = Vec::new();
    for (index, block) in tour.iter().enumerate() {
        if block.language == "sh" {
            script += &format!("{{\n{}\n}} > output.{index}\n", block.text);
            if let Some(answer) = tour.get(index + 1).filter(|next| !matches!(next.language, "sh" | "yaml")) {
                expected.push((index, answer.text));
            }
        }
    }
    assert!(expected.len() >= 4, "the tour shows what it gives");
    let script = script.replace("http://localhost:8080", &serve.public_url);
    let output = Command::new("bash").arg("-c").arg(&script).current_dir(folder.path()).output().unwrap();
    let page = fs::read_to_string(folder.path().join("page.html")).unwrap_or_default();
    assert!(output.status.success(), "{script}\n{}\n{page}\n{}", String::from_utf8_lossy(&output.stderr), serve.log());
    for (index, answer) in expected {
        let given = fs::read_to_string(folder.path().join(format!("output.{index}"))).unwrap();
        assert!(matches(answer.trim(), given.trim()), "expected:\n{answer}\ngot:\n{given}");
    }
}

/// Whether a text is like a pattern in which `…` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let parts: Vec<_> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[test]
fn the_pattern_of_the_tour_is_no_rubber_stamp() {
    assert!(matches("{\"a\":…,\"b\":…}", "{\"a\":1,\"b\":2}"));
    assert!(!matches("{\"a\":…,\"b\":…}", "{\"a\":1,\"c\":2}"));
    assert!(!matches("200\n400", "200\n200"));
    assert!(!matches("a…", "ba"));
}

#[test]
fn the_readme_names_every_command_and_option() {
    let readme = repository("README.md");
    let help = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_realmkeeper")).args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let commands = help(&["--help"]);
    let commands = commands.split("Commands:").nth(1).unwrap().split("\n\n").next().unwrap();
    for command in commands.lines().filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help") {
        assert!(readme.contains(&format!("`realmkeeper {command}")), "README.md does not name the command {command}");
        let text = help(&[command, "--help"]);
        let options = text.lines().filter_map(|line| line.trim().strip_prefix("--"));
        let options: Vec<_> = options.map(|rest| rest.split([' ', '=']).next().unwrap()).collect();
        assert!(options.len() > 5 || !matches!(command, "serve" | "operator"), "the help is read: {options:?}");
        for option in options {
            assert!(readme.contains(&format!("`--{option}`")), "README.md does not name {command} --{option}");
        }
    }
}

#[test]
fn links_of_the_documentation_lead_somewhere() {
    for page in [
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "docs/workloads.md",
        "docs/kubernetes-api.md",
        "docs/performance.md",
    ] {
        let text = repository(page);
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            let target = link.split('#').next().unwrap();
            if !target.is_empty() && !target.starts_with("http") {
                let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page).parent().unwrap().join(target);
                assert!(path.exists(), "{page} links to {target}");
            }
        }
    }
}

#[test]
fn the_quickstart_passes_its_own_check() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart");
    let output = Command::new(env!("CARGO_BIN_EXE_realmkeeper")).arg("check").arg(folder).output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
