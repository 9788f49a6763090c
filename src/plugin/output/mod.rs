mod colour;
mod time;
mod tree;

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
};

use clap::ValueEnum;
use serde::Serialize;

pub use self::{
    colour::{ColorChoice, Palette, Surroundings, Tone},
    time::{relative, span},
    tree::Tree,
};
use super::PluginError;

/// `-o`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// JSON with stable names.
    Json,
    /// The same as YAML.
    Yaml,
}

/// Where a command prints. What it found goes to standard output, what it has to say about that to standard error.
pub struct Console {
    out: Box<dyn Write + Send>,
    format: Format,
    palette: Palette,
}

impl Console {
    /// The process's own standard output.
    pub fn standard(format: Format, color: ColorChoice) -> Self {
        let out = io::stdout();
        let variable = |name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        let (no_color, term) = (variable("NO_COLOR"), variable("TERM"));
        let around =
            Surroundings { is_terminal: out.is_terminal(), no_color: no_color.as_deref(), term: term.as_deref() };
        Self::new(out, format, Palette::of(color, around))
    }

    /// Another writer, as a test has it.
    pub fn new(out: impl Write + Send + 'static, format: Format, palette: Palette) -> Self {
        Self { out: Box::new(out), format, palette }
    }

    /// What `-o` says.
    pub fn format(&self) -> Format {
        self.format
    }

    /// How it paints.
    pub fn palette(&self) -> Palette {
        self.palette
    }

    /// Prints a line at once.
    ///
    /// # Errors
    /// [`PluginError::Write`].
    pub fn line(&mut self, text: impl Display) -> Result<(), PluginError> {
        self.write(&format!("{text}\n"))
    }

    /// Prints a text that ends with its own newline.
    ///
    /// # Errors
    /// [`PluginError::Write`].
    pub fn write(&mut self, text: &str) -> Result<(), PluginError> {
        self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()).map_err(PluginError::Write)
    }

    /// Prints a value as a document: YAML where `-o` says text, for commands whose result is a document in any case.
    ///
    /// # Errors
    /// [`PluginError::Write`], or that the value can't be written as such a document.
    pub fn document(&mut self, value: &impl Serialize) -> Result<(), PluginError> {
        let text = match self.format {
            Format::Json => serde_json::to_string_pretty(value).map_err(PluginError::document)? + "\n",
            Format::Text | Format::Yaml => serde_saphyr::to_string(value).map_err(PluginError::document)?,
        };
        self.write(&text)
    }

    /// Says something beside the result, on standard error. It is no loss where nobody listens.
    pub fn note(&self, text: impl Display) {
        let _ = writeln!(io::stderr(), "{}", plain(&text.to_string()));
    }
}

/// A text that somebody else wrote, without what could move the cursor or paint: control characters become `�`. Line ends stay.
pub fn plain(text: &str) -> String {
    let replace = |c: char| if c.is_control() && c != '\n' { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().map(replace).collect()
}

/// `1 problem`, `2 problems`, `no problems`.
pub fn counted(count: usize, one: &str, many: &str) -> String {
    match count {
        0 => format!("no {many}"),
        1 => format!("1 {one}"),
        count => format!("{count} {many}"),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex},
    };

    use serde_json::json;

    use super::{Console, Format, Palette, counted, plain};

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn printed(format: Format, print: impl Fn(&mut Console)) -> String {
        let paper = Paper::default();
        print(&mut Console::new(paper.clone(), format, Palette::PLAIN));
        let bytes = paper.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_document_is_what_the_format_says() {
        let value = json!({"a": 1, "pem": "one\ntwo\n"});
        let print = |console: &mut Console| console.document(&value).unwrap();
        for format in [Format::Text, Format::Yaml, Format::Json] {
            let text = printed(format, print);
            assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{text}");
            assert_eq!(serde_saphyr::from_str::<serde_json::Value>(&text).unwrap(), value, "{text}");
            assert_eq!(text.starts_with('{'), format == Format::Json);
        }
    }

    #[test]
    fn what_others_wrote_paints_nothing() {
        assert_eq!(plain("a\x1b[31mb\r\nc\u{9b}"), "a�[31mb�\nc�");
        assert_eq!(plain("schön"), "schön");
    }

    #[test]
    fn numbers_agree_with_their_nouns() {
        let problems = |count| counted(count, "problem", "problems");
        assert_eq!([problems(0), problems(1), problems(2)], ["no problems", "1 problem", "2 problems"]);
    }
}
