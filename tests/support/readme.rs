//! README.md's blocks of commands, as a script, and what they are to print.

use std::{fs, path::Path, process::Command};

/// A file of the repository.
pub fn repository(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A block of a section, by its language.
struct Block<'t> {
    language: &'t str,
    text: &'t str,
}

/// Runs the `sh` blocks below a heading, but for the first `skip`, in one shell, after `prelude`; what stands in the block
/// after one (none of `sh` and `yaml`) is what it must print. `prepare` may change the script.
pub fn run_section(heading: &str, skip: usize, folder: &Path, prelude: &str, prepare: impl Fn(String) -> String) {
    let readme = repository("README.md");
    let blocks = blocks(&readme, heading);
    let mut script = format!("set -euo pipefail\n{prelude}\n");
    let mut expected = Vec::new();
    let commands = blocks.iter().enumerate().filter(|(_, block)| block.language == "sh");
    for (index, block) in commands.skip(skip) {
        script += &format!("{{\n{}\n}} > output.{index}\n", block.text);
        if let Some(answer) = blocks.get(index + 1).filter(|next| !matches!(next.language, "sh" | "yaml")) {
            expected.push((index, answer.text));
        }
    }
    assert!(!expected.is_empty(), "the tour shows what it gives");
    let script = prepare(script);
    let output = Command::new("bash").arg("-c").arg(&script).current_dir(folder).output().unwrap();
    let said = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
    assert!(output.status.success(), "{script}\n--- said:\n{said}");
    for (index, answer) in expected {
        let given = fs::read_to_string(folder.join(format!("output.{index}"))).unwrap();
        assert!(matches(answer.trim(), given.trim()), "expected:\n{answer}\ngot:\n{given}");
    }
}

/// The fenced blocks below a heading.
fn blocks<'t>(text: &'t str, heading: &str) -> Vec<Block<'t>> {
    let section = text.split(&format!("\n## {heading}\n")).nth(1).unwrap_or_else(|| panic!("no section {heading}"));
    let section = section.split("\n## ").next().unwrap();
    let fenced = section.split("\n```").skip(1).step_by(2);
    fenced.map(|block| block.split_once('\n').unwrap()).map(|(language, text)| Block { language, text }).collect()
}

/// Whether a text is like a pattern in which `…` stands for anything.
pub fn matches(pattern: &str, text: &str) -> bool {
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
