use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::{Map, Value};
use serde_saphyr::granit_parser::{Event, ScalarStyle, Tag};

use super::scalar;
use super::{Document, Lines, TextProblem};

/// So many nodes, and so many bytes of text in them, may a file come to when its aliases are followed.
const MAX_NODES: usize = 500_000;
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Longer keys are refused: Kubernetes has none longer than 317 characters.
const MAX_KEY_BYTES: usize = 1024;

/// A value and what it weighs.
#[derive(Clone)]
struct Node {
    value: Value,
    weight: Weight,
}

#[derive(Clone, Copy, Default)]
struct Weight {
    nodes: usize,
    bytes: usize,
}

impl Weight {
    fn add(&mut self, other: Self) {
        self.nodes = self.nodes.saturating_add(other.nodes);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// A collection that is not closed yet.
enum Frame {
    Sequence { items: Vec<Value>, weight: Weight, anchor: usize },
    Mapping(Mapping),
}

#[derive(Default)]
struct Mapping {
    members: Map<String, Value>,
    /// Where each key was first seen.
    seen: HashMap<String, usize>,
    /// What `<<` brought in.
    merged: Map<String, Value>,
    key: Option<Key>,
    weight: Weight,
    anchor: usize,
}

enum Key {
    Member(String),
    Merge,
}

/// Builds one document after the other from the parser's events.
#[derive(Default)]
pub(super) struct Builder {
    frames: Vec<Frame>,
    path: Path,
    lines: Lines,
    anchors: HashMap<usize, Node>,
    root: Option<Value>,
    total: Weight,
    pub(super) problems: Vec<TextProblem>,
}

impl Builder {
    pub(super) fn start(&mut self, line: usize) {
        self.abandon();
        self.lines = Lines::new(line);
    }

    /// Forgets the document that was begun.
    pub(super) fn abandon(&mut self) {
        self.frames.clear();
        self.anchors.clear();
        self.path = Path::default();
        self.root = None;
    }

    /// The document, unless it is empty.
    pub(super) fn end(&mut self) -> Option<Document> {
        let value = self.root.take().filter(|value| !value.is_null())?;
        Some(Document { value, lines: std::mem::take(&mut self.lines) })
    }

    pub(super) fn event(&mut self, event: Event<'_>, line: usize) -> Result<(), TextProblem> {
        let fatal = |message: String| TextProblem { line, message };
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let value = self::value(text, style, tag.as_deref()).map_err(|message| fatal(message.into()))?;
                let merge = value.as_str() == Some("<<") && matches!(style, ScalarStyle::Plain);
                let bytes = value.as_str().map_or(0, str::len);
                let node = Node { value, weight: Weight { nodes: 1, bytes } };
                self.leaf(node, anchor, merge, line).map_err(fatal)
            }
            Event::Alias(id) => {
                let node = self
                    .anchors
                    .get(&id)
                    .cloned()
                    .ok_or_else(|| fatal("the alias stands inside of its own anchor".into()))?;
                self.leaf(node, 0, false, line).map_err(fatal)
            }
            Event::SequenceStart(_, anchor, tag) => self
                .open(Frame::Sequence { items: Vec::new(), weight: Weight::default(), anchor }, tag.as_deref(), line)
                .map_err(fatal),
            Event::MappingStart(_, anchor, tag) => {
                self.open(Frame::Mapping(Mapping { anchor, ..Mapping::default() }), tag.as_deref(), line).map_err(fatal)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(line).map_err(fatal),
            _ => Ok(()),
        }
    }

    /// A scalar or an alias: a key where the mapping waits for one, otherwise a value.
    fn leaf(&mut self, node: Node, anchor: usize, merge: bool, line: usize) -> Result<(), String> {
        self.charge(node.weight)?;
        if let Some(Frame::Mapping(Mapping { key: None, .. })) = self.frames.last() {
            if anchor != 0 {
                self.anchors.insert(anchor, node.clone());
            }
            return self.key(node.value, merge, line);
        }
        self.step(line);
        self.finish(node, anchor)
    }

    fn key(&mut self, value: Value, merge: bool, line: usize) -> Result<(), String> {
        let text = match value {
            Value::String(text) => text,
            Value::Bool(flag) => flag.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Null => return Err("a key must not be empty".into()),
            Value::Array(_) | Value::Object(_) => return Err("a key must be text".into()),
        };
        if text.len() > MAX_KEY_BYTES {
            return Err(format!("a key must have at most {MAX_KEY_BYTES} bytes"));
        }
        let Some(Frame::Mapping(mapping)) = self.frames.last_mut() else { return Ok(()) };
        self.path.push_key(&text);
        if merge {
            mapping.key = Some(Key::Merge);
            return Ok(());
        }
        self.lines.insert(self.path.as_str(), line);
        match mapping.seen.get(&text) {
            Some(first) => {
                let message = format!("the key {text:?} is there twice (first in line {first})");
                self.problems.push(TextProblem { line, message });
            }
            None => drop(mapping.seen.insert(text.clone(), line)),
        }
        mapping.key = Some(Key::Member(text));
        Ok(())
    }

    fn open(&mut self, frame: Frame, tag: Option<&Tag>, line: usize) -> Result<(), String> {
        if tag.is_some_and(|tag| !matches!(tag.core_suffix(), Some("map" | "seq"))) {
            return Err("only the tags of the YAML core schema are read".into());
        }
        if let Some(Frame::Mapping(Mapping { key: None, .. })) = self.frames.last() {
            return Err("a key must be text".into());
        }
        self.charge(Weight { nodes: 1, bytes: 0 })?;
        self.step(line);
        self.frames.push(frame);
        Ok(())
    }

    fn close(&mut self, line: usize) -> Result<(), String> {
        let one = Weight { nodes: 1, bytes: 0 };
        match self.frames.pop() {
            Some(Frame::Sequence { items, mut weight, anchor }) => {
                weight.add(one);
                self.finish(Node { value: Value::Array(items), weight }, anchor)
            }
            Some(Frame::Mapping(Mapping { members, mut merged, mut weight, anchor, .. })) => {
                weight.add(one);
                merged.extend(members);
                self.finish(Node { value: Value::Object(merged), weight }, anchor)
            }
            None => Err(format!("line {line} closes nothing")),
        }
    }

    /// Where a value begins: the next item of a sequence, or the root; the value of a key has the line of its key.
    fn step(&mut self, line: usize) {
        match self.frames.last() {
            Some(Frame::Sequence { items, .. }) => {
                self.path.push_index(items.len());
                self.lines.insert(self.path.as_str(), line);
            }
            Some(Frame::Mapping(_)) => {}
            None => self.lines.insert("", line),
        }
    }

    /// A whole value takes its place.
    fn finish(&mut self, node: Node, anchor: usize) -> Result<(), String> {
        if anchor != 0 {
            self.charge(node.weight)?;
            self.anchors.insert(anchor, node.clone());
        }
        match self.frames.last_mut() {
            None => self.root = Some(node.value),
            Some(Frame::Sequence { items, weight, .. }) => {
                weight.add(node.weight);
                items.push(node.value);
                self.path.pop();
            }
            Some(Frame::Mapping(mapping)) => {
                mapping.weight.add(node.weight);
                match mapping.key.take() {
                    Some(Key::Member(key)) => drop(mapping.members.insert(key, node.value)),
                    Some(Key::Merge) => merge(&mut mapping.merged, node.value)?,
                    None => {}
                }
                self.path.pop();
            }
        }
        Ok(())
    }

    fn charge(&mut self, weight: Weight) -> Result<(), String> {
        self.total.add(weight);
        if self.total.nodes > MAX_NODES || self.total.bytes > MAX_BYTES {
            return Err("the file holds too much, once its aliases are followed".into());
        }
        Ok(())
    }
}

/// `<<: *a` or `<<: [*a, *b]`: what is named first wins, and what the mapping says itself wins over both.
fn merge(merged: &mut Map<String, Value>, value: Value) -> Result<(), String> {
    let sources = match value {
        Value::Array(sources) => sources,
        source => vec![source],
    };
    for source in sources {
        let Value::Object(members) = source else { return Err("only mappings can be merged by <<".into()) };
        for (key, value) in members {
            merged.entry(key).or_insert(value);
        }
    }
    Ok(())
}

fn value(text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, &'static str> {
    let Some(tag) = tag else {
        return match style {
            ScalarStyle::Plain => scalar::plain(&text),
            _ => Ok(Value::String(text.into_owned())),
        };
    };
    let plain = || scalar::plain(&text);
    match tag.core_suffix() {
        Some("str") => Ok(Value::String(text.into_owned())),
        Some("int" | "float") => plain()
            .and_then(|value| value.is_number().then_some(value).ok_or("the tag says a number, the text is none")),
        Some("bool") => plain()
            .and_then(|value| value.is_boolean().then_some(value).ok_or("the tag says a boolean, the text is none")),
        Some("null") => {
            plain().and_then(|value| value.is_null().then_some(value).ok_or("the tag says null, the text is not"))
        }
        _ => Err("only the tags of the YAML core schema are read"),
    }
}

/// The path of the node that is being read: `spec.redirectUris[0]`.
#[derive(Default)]
struct Path {
    text: String,
    ends: Vec<usize>,
}

impl Path {
    fn push_key(&mut self, key: &str) {
        self.ends.push(self.text.len());
        if !self.text.is_empty() {
            self.text.push('.');
        }
        self.text.push_str(key);
    }

    fn push_index(&mut self, index: usize) {
        self.ends.push(self.text.len());
        self.text.push_str(&format!("[{index}]"));
    }

    fn pop(&mut self) {
        if let Some(end) = self.ends.pop() {
            self.text.truncate(end);
        }
    }

    fn as_str(&self) -> &str {
        &self.text
    }
}
