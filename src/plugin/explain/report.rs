use std::fmt::Write;

use serde::Serialize;

use crate::{
    plugin::output::{Palette, Tone, plain},
    provider::{Passage, Step},
};

/// How it would end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Outcome {
    /// Nothing speaks against it.
    Accepted,
    /// A person would be asked.
    Asked,
    /// It would be refused.
    Refused,
    /// It can't be told from here.
    Unknown,
}

/// An explanation. It holds no secret and no token.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What it is about.
    pub about: String,
    /// How it would end.
    pub outcome: Outcome,
    /// The same in a sentence.
    pub summary: String,
    /// What the client is told, where it is refused: the code and the description of the standard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorLine>,
    /// The provider's steps in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepLine>,
    /// What is wrong with the object.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// What is in force.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
    /// What to change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub advice: Vec<String>,
    /// What could not be seen from here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// An error as the provider gives it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorLine {
    /// `error`.
    pub code: String,
    /// `error_description`.
    pub description: String,
    /// Where it is told.
    pub answered: String,
}

/// A step.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepLine {
    /// Its name.
    pub name: String,
    /// How it ended; none: it was not reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passage: Option<&'static str>,
    /// The standard that asks for it.
    pub standard: &'static str,
}

/// Something that is in force.
#[derive(Clone, Debug, Serialize)]
pub struct Fact {
    /// What it is about.
    pub name: &'static str,
    /// What it is.
    pub values: Vec<String>,
}

impl Report {
    /// Nothing known yet but how it ends.
    pub fn new(about: impl Into<String>, outcome: Outcome, summary: impl Into<String>) -> Self {
        Self {
            about: about.into(),
            outcome,
            summary: summary.into(),
            error: None,
            steps: Vec::new(),
            problems: Vec::new(),
            facts: Vec::new(),
            advice: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Adds what is in force, unless it is nothing.
    pub fn fact<T: ToString>(&mut self, name: &'static str, values: impl IntoIterator<Item = T>) {
        let values: Vec<_> = values.into_iter().map(|value| value.to_string()).collect();
        if !values.is_empty() {
            self.facts.push(Fact { name, values });
        }
    }

    /// As people read it.
    pub fn draw(&self, palette: Palette) -> String {
        let mut text = String::new();
        let tone = match self.outcome {
            Outcome::Accepted => Tone::Good,
            Outcome::Refused => Tone::Bad,
            Outcome::Asked | Outcome::Unknown => Tone::Waiting,
        };
        // Writing to a String does not fail.
        let mut line = |line: String| {
            let _ = writeln!(text, "{line}");
        };
        line(palette.paint(Tone::Strong, &plain(&self.about)));
        line(palette.paint(tone, &plain(&self.summary)));
        if let Some(error) = &self.error {
            line(format!("  {}: {}", error.code, plain(&error.description)));
            line(format!("  {}", plain(&error.answered)));
        }
        self.problems.iter().for_each(|problem| line(format!("  {}", plain(problem))));
        if !self.advice.is_empty() {
            line("What to change:".to_owned());
            self.advice.iter().for_each(|advice| line(format!("  {}", plain(advice))));
        }
        if !self.steps.is_empty() {
            line("Steps:".to_owned());
            self.steps.iter().for_each(|step| line(step.draw(palette)));
        }
        if !self.facts.is_empty() {
            line("In force:".to_owned());
            for fact in &self.facts {
                line(format!("  {:<16} {}", fact.name, plain(&fact.values.join(", "))));
            }
        }
        self.notes.iter().for_each(|note| line(palette.paint(Tone::Faint, &format!("Note: {}", plain(note)))));
        text
    }
}

impl StepLine {
    fn draw(&self, palette: Palette) -> String {
        let tone = match self.passage {
            Some("refused") => Tone::Bad,
            Some("asked") => Tone::Waiting,
            Some(_) => Tone::Good,
            None => Tone::Faint,
        };
        // Padded before it is painted: a terminal shows the paint as nothing.
        let passage = format!("{:<8}", self.passage.unwrap_or("-"));
        format!("  {} {:<15} {}", palette.paint(tone, &passage), self.name, palette.paint(Tone::Faint, self.standard))
    }
}

/// All steps of a walk, with how those ended that were taken.
pub fn steps(all: impl Iterator<Item = &'static str>, taken: &[Step]) -> Vec<StepLine> {
    let line = |name: &'static str| {
        let step = taken.iter().find(|step| step.name == name);
        let passage = step.map(|step| match step.passage {
            Passage::Passed => "ok",
            Passage::Asked => "asked",
            Passage::Refused => "refused",
        });
        StepLine { name: name.to_owned(), passage, standard: standard(name) }
    };
    all.map(line).collect()
}

/// The section that a step goes by.
fn standard(step: &str) -> &'static str {
    match step {
        "target" | "parameters" => "RFC 6749 section 3.1: no parameter twice",
        "client_id" => "RFC 6749 section 4.1.1",
        "redirect_uri" => "RFC 6749 section 3.1.2.3, RFC 9700 section 2.1",
        "response_mode" => "OAuth 2.0 Multiple Response Types sections 2.1 and 5",
        "request_object" => "OpenID Connect Core section 6, RFC 9101",
        "signed_request" => "RFC 9101 section 10.5",
        "registration" => "OpenID Connect Core section 7.2.1",
        "response_type" => "RFC 6749 section 3.1.1",
        "scope" => "RFC 6749 section 3.3",
        "claims" => "OpenID Connect Core section 5.5",
        "acr" => "OpenID Connect Core section 5.5.1.1",
        "resource" => "RFC 8707 section 2",
        "nonce" | "prompt" | "max_age" | "id_token_hint" => "OpenID Connect Core section 3.1.2.1",
        "code_challenge" => "RFC 7636 section 4.3 (PKCE)",
        "length" => "16 KiB at the most",
        "sign_in" => "OpenID Connect Core section 3.1.2.3",
        "user" => "the User is served and enabled",
        "access" => "the OidcClient's access.groups",
        "consent" => "OpenID Connect Core section 3.1.2.4",
        "form" => "RFC 7515 section 7.1",
        "type" => "RFC 9068 section 4: typ at+jwt",
        "key" => "the realm's JWK Set has its kid",
        "signature" => "RFC 7515 section 5.2",
        "issuer" => "iss, RFC 7519 section 4.1.1",
        "lifetime" => "exp, RFC 7519 section 4.1.4",
        "revocation" => "RFC 7009",
        "authorization" => "the sign-in that it comes from",
        "client" => "the OidcClient is served, and the same as then",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::{standard, steps};
    use crate::provider::{Passage, Step, rehearsal};

    #[test]
    fn every_step_says_what_it_goes_by() {
        for name in rehearsal::authorization_steps().chain(rehearsal::token_steps()) {
            assert!(!standard(name).is_empty(), "{name}");
        }
    }

    #[test]
    fn steps_that_were_not_reached_stand_there_too() {
        let taken = [Step { name: "a", passage: Passage::Passed }, Step { name: "b", passage: Passage::Refused }];
        let lines: Vec<_> = steps(["a", "b", "c"].into_iter(), &taken).iter().map(|line| line.passage).collect();
        assert_eq!(lines, [Some("ok"), Some("refused"), None]);
    }
}
