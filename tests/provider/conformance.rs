//! `docs/conformance.md` names a test for each rule of the standards: it is there, under the name that the page has.

use std::{collections::BTreeMap, fs, path::Path};

const PAGE: &str = "docs/conformance.md";
const HEADER: &str = "| section | rule | test |";
/// Where a rule has no test, the cell says why after this.
const WITHOUT: &str = "none: ";

/// The lines of the tables, each with its number.
fn rows(text: &str) -> Vec<(usize, &str)> {
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    numbered.filter(|(_, line)| line.starts_with('|') && *line != HEADER && *line != "|---|---|---|").collect()
}

/// What is wrong with a row.
fn problem(row: &str, sources: &mut BTreeMap<String, String>) -> Option<String> {
    let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
    let [section, rule, tests] = cells.as_slice() else {
        return Some(format!("it has {} cells, not section, rule and test", cells.len()));
    };
    let is_section = |text: &str| {
        let (first, rest) = (text.chars().next(), text.chars().skip(1));
        first.is_some_and(|c| c.is_ascii_alphanumeric()) && rest.into_iter().all(|c| c.is_ascii_digit() || c == '.')
    };
    if !section.split(", ").all(is_section) {
        return Some(format!("\"{section}\" is no section, nor several with a comma and a space between them"));
    }
    if rule.len() < 10 {
        return Some(format!("\"{rule}\" says no rule"));
    }
    if let Some(why) = tests.strip_prefix(WITHOUT) {
        return (why.len() < 10).then(|| "it does not say why there is no test".to_owned());
    }
    tests.split("<br>").find_map(|test| missing(test.trim(), sources))
}

/// Why a test `` `path::name` `` is not there.
fn missing(test: &str, sources: &mut BTreeMap<String, String>) -> Option<String> {
    let Some((path, name)) =
        test.strip_prefix('`').and_then(|test| test.strip_suffix('`')).and_then(|test| test.rsplit_once("::"))
    else {
        return Some(format!("{test} is not `path::name`, nor \"{WITHOUT}\" and a reason"));
    };
    let read = || fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap_or_default();
    let source = sources.entry(path.to_owned()).or_insert_with(read);
    let is_test = path.starts_with("src/") || path.starts_with("tests/");
    let is_there = is_test && path.ends_with(".rs") && source.contains(&format!("fn {name}("));
    (!is_there).then(|| format!("there is no test {name} in {path}"))
}

#[test]
fn every_rule_names_a_test_that_is_there() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE)).unwrap();
    let rows = rows(&text);
    assert!(rows.len() > 50, "{} rows", rows.len());
    let mut sources = BTreeMap::new();
    let problems: Vec<_> = rows
        .into_iter()
        .filter_map(|(number, row)| problem(row, &mut sources).map(|problem| format!("{PAGE}:{number}: {problem}")))
        .collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_table_of_the_readme_names_tests_that_are_there() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let (_, section) = text.split_once("\n## What is supported\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let named: Vec<_> = section.split('`').filter(|text| text.contains(".rs::")).collect();
    assert!(named.len() > 15, "{named:?}");
    let mut sources = BTreeMap::new();
    let missing: Vec<_> = named.iter().filter_map(|test| missing(&format!("`{test}`"), &mut sources)).collect();
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn a_row_that_is_malformed_or_names_no_test_is_found() {
    let mut sources = BTreeMap::new();
    let own = "`tests/provider/conformance.rs::a_row_that_is_malformed_or_names_no_test_is_found`";
    let good = format!("| 3.1.2.1, 15.1 | the rule in a few words | {own}<br>{own} |");
    assert_eq!(problem(&good, &mut sources), None);
    assert_eq!(problem("| A.1 | the rule in a few words | none: it binds the client |", &mut sources), None);
    for row in [
        "| 2 | the rule in a few words |",
        "| 2 | the rule | in a few words | none: it binds the client |",
        "| | the rule in a few words | none: it binds the client |",
        "| section 2 | the rule in a few words | none: it binds the client |",
        "| 2 | | none: it binds the client |",
        "| 2 | the rule in a few words | |",
        "| 2 | the rule in a few words | none: |",
        "| 2 | the rule in a few words | everywhere |",
        "| 2 | the rule in a few words | `tests/provider/conformance.rs` |",
        "| 2 | the rule in a few words | `tests/provider/conformance.rs::another_name` |",
        "| 2 | the rule in a few words | `tests/provider/nowhere.rs::a_row` |",
        "| 2 | the rule in a few words | `README.md::a_row` |",
        &good.replace("<br>", ", "),
    ] {
        assert!(problem(row, &mut sources).is_some(), "{row}");
    }
}
