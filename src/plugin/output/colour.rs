use clap::ValueEnum;

/// `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal only, and not where `NO_COLOR` is set (no-color.org) or `TERM` is `dumb`.
    #[default]
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

/// What a colour stands for. Nothing is said by colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// A person must mend it.
    Bad,
    /// It is waited for.
    Waiting,
    /// Beside the point.
    Faint,
    /// What one looks for.
    Strong,
}

impl Tone {
    const fn code(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Bad => "31",
            Self::Waiting => "33",
            Self::Faint => "2",
            Self::Strong => "1",
        }
    }
}

/// Paints, or doesn't.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    is_on: bool,
}

/// What the choice `auto` looks at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Surroundings<'a> {
    /// Standard output is a terminal.
    pub is_terminal: bool,
    /// `NO_COLOR`.
    pub no_color: Option<&'a str>,
    /// `TERM`.
    pub term: Option<&'a str>,
}

impl Palette {
    /// No colours.
    pub const PLAIN: Self = Self { is_on: false };

    /// What was chosen, in these surroundings.
    pub fn of(choice: ColorChoice, around: Surroundings<'_>) -> Self {
        let is_on = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                around.is_terminal && around.no_color.is_none_or(str::is_empty) && around.term != Some("dumb")
            }
        };
        Self { is_on }
    }

    /// The text in this tone.
    pub fn paint(self, tone: Tone, text: &str) -> String {
        if self.is_on && !text.is_empty() { format!("\x1b[{}m{text}\x1b[0m", tone.code()) } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::{ColorChoice, Palette, Surroundings, Tone};

    #[test]
    fn colours_are_for_terminals_unless_somebody_says_otherwise() {
        let terminal = Surroundings { is_terminal: true, term: Some("xterm"), no_color: None };
        for (choice, around, is_on) in [
            (ColorChoice::Auto, terminal, true),
            (ColorChoice::Auto, Surroundings { is_terminal: false, ..terminal }, false),
            (ColorChoice::Auto, Surroundings { no_color: Some("1"), ..terminal }, false),
            (ColorChoice::Auto, Surroundings { no_color: Some(""), ..terminal }, true),
            (ColorChoice::Auto, Surroundings { term: Some("dumb"), ..terminal }, false),
            (ColorChoice::Always, Surroundings { no_color: Some("1"), ..Default::default() }, true),
            (ColorChoice::Never, terminal, false),
        ] {
            assert_eq!(Palette::of(choice, around), Palette { is_on }, "{choice:?} {around:?}");
        }
    }

    #[test]
    fn paint_is_taken_off_again_at_the_end() {
        assert_eq!(Palette { is_on: true }.paint(Tone::Bad, "no"), "\x1b[31mno\x1b[0m");
        assert_eq!(Palette { is_on: true }.paint(Tone::Bad, ""), "");
        assert_eq!(Palette::PLAIN.paint(Tone::Bad, "no"), "no");
    }
}
