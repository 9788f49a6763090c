use super::Facts;
use crate::secret::Secret;

/// A text with places for what stands in a binding: `{{ client_id }}`, parsed once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Segment>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Text(String),
    Place(Place),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    ClientId,
    ClientSecret,
    Issuer,
    TokenEndpoint,
}

/// Why a text is no template.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidTemplate {
    /// A `{{` without its `}}`.
    #[error("a {{{{ has no }}}} after it")]
    Unclosed,
    /// Something else stands between the braces.
    #[error(
        "there is no {{{{ {0} }}}}: use {{{{ client_id }}}}, {{{{ client_secret }}}}, {{{{ issuer }}}} or {{{{ token_endpoint }}}}"
    )]
    Unknown(String),
    /// It asks for the secret of a client that has none.
    #[error("{{{{ client_secret }}}} is not there: the client has no secret")]
    NoSecret,
}

impl Template {
    /// Parses a text; `has_secret` says whether the client has one.
    pub fn parse(text: &str, has_secret: bool) -> Result<Self, InvalidTemplate> {
        let mut segments = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = after.split_once("}}").ok_or(InvalidTemplate::Unclosed)?;
            if !before.is_empty() {
                segments.push(Segment::Text(before.to_owned()));
            }
            segments.push(Segment::Place(place(name.trim(), has_secret)?));
            rest = after;
        }
        if !rest.is_empty() {
            segments.push(Segment::Text(rest.to_owned()));
        }
        Ok(Self(segments))
    }

    /// The text with every place filled.
    pub fn render(&self, facts: &Facts<'_>) -> Secret {
        let mut out: Vec<u8> = Vec::with_capacity(256);
        for segment in &self.0 {
            out.extend_from_slice(match segment {
                Segment::Text(text) => text.as_bytes(),
                Segment::Place(Place::ClientId) => facts.client_id.as_bytes(),
                Segment::Place(Place::ClientSecret) => facts.secret.map(Secret::expose).unwrap_or_default(),
                Segment::Place(Place::Issuer) => facts.issuer.as_bytes(),
                Segment::Place(Place::TokenEndpoint) => facts.token_endpoint.as_bytes(),
            });
        }
        Secret::new(out)
    }
}

fn place(name: &str, has_secret: bool) -> Result<Place, InvalidTemplate> {
    match name {
        "client_id" => Ok(Place::ClientId),
        "client_secret" if has_secret => Ok(Place::ClientSecret),
        "client_secret" => Err(InvalidTemplate::NoSecret),
        "issuer" => Ok(Place::Issuer),
        "token_endpoint" => Ok(Place::TokenEndpoint),
        other => Err(InvalidTemplate::Unknown(other.chars().take(64).collect())),
    }
}

#[cfg(test)]
mod tests {
    use super::{Facts, InvalidTemplate, Template};
    use crate::secret::Secret;

    #[test]
    fn every_place_is_filled_and_single_braces_are_text() {
        let secret = Secret::new("s3cret");
        let facts = Facts {
            client_id: "app",
            issuer: "https://i",
            token_endpoint: "https://i/token",
            secret: Some(&secret),
            previous: None,
        };
        let template =
            Template::parse(r#"{"id":"{{client_id}}","secret":"{{ client_secret }}","at":"{{ issuer }}"}"#, true);
        assert_eq!(
            template.unwrap().render(&facts).expose_str(),
            Some(r#"{"id":"app","secret":"s3cret","at":"https://i"}"#)
        );
        assert_eq!(
            Template::parse("{{ token_endpoint }}", false).unwrap().render(&facts).expose_str(),
            Some("https://i/token")
        );
    }

    #[test]
    fn what_is_no_template_says_why() {
        assert_eq!(Template::parse("{{ client_id", true), Err(InvalidTemplate::Unclosed));
        assert_eq!(Template::parse("{{ env.X }}", true), Err(InvalidTemplate::Unknown("env.X".into())));
        assert_eq!(Template::parse("{{ client_secret }}", false), Err(InvalidTemplate::NoSecret));
        assert!(
            InvalidTemplate::Unknown("x".into()).to_string().starts_with("there is no {{ x }}: use {{ client_id }}")
        );
    }
}
