use std::borrow::Cow;
use std::collections::HashMap;

/// The line of every field of a document, counted from 1.
#[derive(Debug, Default)]
pub struct Lines {
    start: usize,
    fields: HashMap<String, usize>,
    bytes: usize,
}

/// Beyond so many bytes of paths no more are kept: a field then has the line of what it stands in.
const MAX_BYTES: usize = 32 * 1024 * 1024;

impl Lines {
    pub(super) fn new(start: usize) -> Self {
        Self { start, ..Self::default() }
    }

    /// A field at `path`; the root tells where the document begins.
    pub(super) fn insert(&mut self, path: &str, line: usize) {
        if path.is_empty() {
            self.start = line;
        } else if self.bytes + path.len() <= MAX_BYTES {
            self.bytes += path.len();
            self.fields.insert(path.to_owned(), line);
        }
    }

    /// The line of a field such as `spec.redirectUris[0]` or `metadata.labels[a/b]`; for one that is absent, the line of what it would
    /// stand in.
    pub fn of(&self, field: &str) -> usize {
        let field = dotted(field);
        let mut path = &*field;
        while !path.is_empty() {
            if let Some(line) = self.fields.get(path) {
                return *line;
            }
            path = path.rfind(['.', '[']).and_then(|end| path.get(..end)).unwrap_or_default();
        }
        self.start
    }

    /// The line of a field that stands below `prefix`, such as an object in the `items` of a List.
    pub fn below(&self, prefix: &str, field: &str) -> usize {
        match field {
            "" => self.of(prefix),
            field => self.of(&format!("{prefix}.{field}")),
        }
    }
}

/// The field with each key in brackets as one behind a dot, as paths are kept here.
fn dotted(field: &str) -> Cow<'_, str> {
    let Some((before, rest)) = field.split_once('[') else { return field.into() };
    match rest.split_once(']') {
        Some((index, after)) if !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{before}[{index}]{}", dotted(after)).into()
        }
        Some((key, after)) => format!("{before}.{key}{}", dotted(after)).into(),
        None => field.into(),
    }
}
