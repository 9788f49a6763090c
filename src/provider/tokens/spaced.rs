use std::fmt;

use serde::{Serialize, Serializer};

/// Words with a space between them (RFC 6749 section 3.3), written without joining them first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spaced<'a>(pub(crate) &'a [&'a str]);

impl Spaced<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Spaced<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = self.0.iter();
        if let Some(first) = words.next() {
            f.write_str(first)?;
        }
        words.try_for_each(|word| write!(f, " {word}"))
    }
}

impl Serialize for Spaced<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
