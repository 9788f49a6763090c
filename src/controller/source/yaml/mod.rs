//! YAML as `kubectl` reads it, with the line of every field. A file may hold several documents, and what is wrong in one of them
//! is found beside what is wrong in the others. Aliases are followed within a budget, so a file of a few lines can't become
//! gigabytes.

mod build;
mod lines;
mod scalar;

use serde_json::Value;
use serde_saphyr::granit_parser::{Event, Options, Parser, options};

use build::Builder;
pub use lines::Lines;

/// The size above which a file is not read: 4 MiB.
pub const MAX_FILE_BYTES: usize = 4 * 1024 * 1024;

/// How deep a document may be nested.
const MAX_DEPTH: usize = 64;

/// A document that could be read.
#[derive(Debug)]
pub struct Document {
    /// What it says.
    pub value: Value,
    /// Where it says it.
    pub lines: Lines,
}

/// What is wrong with a text, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TextProblem {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong; holds no value of the text, only keys.
    pub message: String,
}

/// What a text holds.
#[derive(Debug, Default)]
pub struct Parsed {
    /// The documents that are not empty, in their order. One with a duplicate key is among them, with its last value.
    pub documents: Vec<Document>,
    /// What is wrong with the text as a whole.
    pub problems: Vec<TextProblem>,
}

/// Reads all documents of a text.
pub fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    if text.len() > MAX_FILE_BYTES {
        let message = format!("the file is larger than {} MiB", MAX_FILE_BYTES / (1024 * 1024));
        parsed.problems.push(TextProblem { line: 1, message });
        return parsed;
    }
    let mut parser = Parser::new_from_str_with_options(text, parser_options());
    let mut builder = Builder::default();
    loop {
        let step = match parser.next() {
            None => break,
            Some(Ok((Event::DocumentStart(..), span))) => {
                builder.start(span.start.line());
                Ok(())
            }
            Some(Ok((Event::DocumentEnd, _))) => {
                parsed.documents.extend(builder.end());
                Ok(())
            }
            Some(Ok((event, span))) => builder.event(event, span.start.line()),
            Some(Err(error)) => Err(TextProblem { line: error.marker().line(), message: lowercase(error.info()) }),
        };
        if let Err(problem) = step {
            parsed.problems.push(problem);
            builder.abandon();
            if !parser.proceed_next_document().unwrap_or(false) {
                break;
            }
        }
    }
    parsed.problems.append(&mut builder.problems);
    parsed.problems.sort();
    parsed
}

fn parser_options() -> Options {
    let mut options = options! { flow_nesting_limit: MAX_DEPTH, block_nesting_limit: MAX_DEPTH };
    options.set_emit_comments(false);
    options
}

fn lowercase(message: String) -> String {
    let mut chars = message.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or(message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{MAX_FILE_BYTES, parse};

    fn problems(text: &str) -> Vec<(usize, String)> {
        parse(text).problems.into_iter().map(|problem| (problem.line, problem.message)).collect()
    }

    #[test]
    fn every_document_is_read_and_every_field_knows_its_line() {
        let text =
            "# a comment\nkind: A\nspec:\n  list:\n  - one\n  - two: 2\n    three: {four: 4}\n---\n---\nkind: B\n";
        let parsed = parse(text);
        assert_eq!(parsed.problems, []);
        let [first, second] = &parsed.documents[..] else { panic!("{parsed:?}") };
        assert_eq!(first.value, json!({"kind": "A", "spec": {"list": ["one", {"two": 2, "three": {"four": 4}}]}}));
        assert_eq!(second.value, json!({"kind": "B"}));
        for (field, line) in [
            ("", 2),
            ("kind", 2),
            ("spec", 3),
            ("spec.list", 4),
            ("spec.list[0]", 5),
            ("spec.list[1]", 6),
            ("spec.list[1].three.four", 7),
            ("spec.list[1].three.absent", 7),
            ("spec[list][1][three].four", 7),
            ("spec.absent.deeper[3].still", 3),
            ("absent", 2),
        ] {
            assert_eq!(first.lines.of(field), line, "{field}");
        }
        assert_eq!(second.lines.of("kind"), 10);
    }

    #[test]
    fn a_broken_document_hides_no_other() {
        let parsed = parse("a: [1\n---\nb: 2\n---\n- c: 3\n d\n---\ne: 5\n");
        assert_eq!(
            parsed.documents.iter().map(|d| d.value.clone()).collect::<Vec<_>>(),
            [json!({"b": 2}), json!({"e": 5})]
        );
        assert_eq!(parsed.problems.iter().map(|p| p.line).collect::<Vec<_>>(), [1, 6]);
    }

    #[test]
    fn a_duplicate_key_is_a_problem_at_its_second_line() {
        assert_eq!(
            problems("a:\n  b: 1\n  c: 2\n  b: 3\n"),
            [(4, "the key \"b\" is there twice (first in line 2)".into())]
        );
    }

    #[test]
    fn anchors_and_merges_are_followed() {
        let parsed = parse("one: &x {a: 1, b: 2}\ntwo:\n  <<: *x\n  b: 3\nthree: [*x]\n");
        assert_eq!(parsed.problems, []);
        assert_eq!(parsed.documents[0].value["two"], json!({"a": 1, "b": 3}));
        assert_eq!(parsed.documents[0].value["three"], json!([{"a": 1, "b": 2}]));
        assert_eq!(parsed.documents[0].lines.of("three[0].a"), 5);
    }

    #[test]
    fn a_bomb_of_aliases_is_refused_where_it_explodes() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..=9 {
            let references = vec![format!("*a{}", level - 1); 10].join(", ");
            text += &format!("a{level}: &a{level} [{references}]\n");
        }
        let found = problems(&text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].1.contains("aliases"), "{found:?}");
        let long = format!("a: &a \"{}\"\nb: [{}]\n", "x".repeat(1 << 20), vec!["*a"; 64].join(", "));
        assert!(problems(&long)[0].1.contains("aliases"));
    }

    #[test]
    fn hostile_and_odd_texts_are_problems_and_never_panics() {
        for text in [
            "a: *missing",
            "a: &a [*a]",
            "[a]: b",
            "? {a: b}\n: c",
            "~: b",
            "a: !custom b",
            "a: !!int x",
            "a: .inf",
            "a: .nan",
            "<<: 3",
            "\"unclosed",
            "a: 'b",
            "%YAML 9.9\n---\na: b: c",
            "a: \"\\q\"",
            "{",
            "]",
            "&a",
        ] {
            assert!(!problems(text).is_empty() || parse(text).documents.is_empty(), "{text:?} {:?}", parse(text));
        }
        assert!(!problems(&"[".repeat(100_000)).is_empty());
        assert!(!problems(&"a: ".repeat(1000)).is_empty());
        assert!(!problems(&" ".repeat(MAX_FILE_BYTES + 1)).is_empty());
        assert!(parse("").documents.is_empty());
        assert!(parse("# nothing\n---\n---\nnull\n").documents.is_empty());
    }
}
