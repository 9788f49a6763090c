use std::fmt;

/// A tree as people draw it. A label may have several lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    label: String,
    branches: Vec<Tree>,
}

impl Tree {
    /// A leaf.
    pub fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), branches: Vec::new() }
    }

    /// Lets something grow from it.
    pub fn push(&mut self, branch: impl Into<Tree>) {
        self.branches.push(branch.into());
    }

    /// The same with these branches after those that it has.
    #[must_use]
    pub fn with(mut self, branches: impl IntoIterator<Item = Tree>) -> Self {
        self.branches.extend(branches);
        self
    }

    fn draw(&self, first: &str, rest: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The lines of a label are held together by the stem of its own branches.
        let stem = if self.branches.is_empty() { "" } else { "│ " };
        let mut lines = self.label.lines();
        writeln!(f, "{first}{}", lines.next().unwrap_or_default())?;
        for line in lines {
            writeln!(f, "{rest}{stem}{line}")?;
        }
        let last = self.branches.len().saturating_sub(1);
        for (at, branch) in self.branches.iter().enumerate() {
            let (fork, below) = if at == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            branch.draw(&format!("{rest}{fork}"), &format!("{rest}{below}"), f)?;
        }
        Ok(())
    }
}

impl<T: Into<String>> From<T> for Tree {
    fn from(label: T) -> Self {
        Self::new(label)
    }
}

/// Each line ends with a newline, the last one too.
impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.draw("", "", f)
    }
}

#[cfg(test)]
mod tests {
    use super::Tree;

    #[test]
    fn branches_hang_where_they_belong() {
        let ring = Tree::new("ring").with([Tree::new("new"), Tree::new("old\nretired")]);
        let mut realm = Tree::new("realm\nissuer").with([ring]);
        realm.push("users");
        let drawn = ["realm", "│ issuer", "├─ ring", "│  ├─ new", "│  └─ old", "│     retired", "└─ users", ""];
        assert_eq!(realm.to_string(), drawn.join("\n"));
    }

    #[test]
    fn a_leaf_is_its_label() {
        assert_eq!(Tree::new("a\nb").to_string(), "a\nb\n");
        assert_eq!(Tree::default().to_string(), "\n");
    }
}
