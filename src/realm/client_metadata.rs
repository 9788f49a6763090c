//! What a client has registered beside who it is: how what is meant for it is protected, what its requests may be, what happens when a
//! person signs out, and what people read about it.

use std::{sync::Arc, time::Duration};

use crate::jose::{JwsAlgorithm, KeyManagement, jwe::ContentEncryption};

/// How a JWT that is meant for a client is protected (OpenID Connect Registration section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Protection {
    /// None: for an ID token the realm's default, for UserInfo plain JSON.
    pub signing: Option<JwsAlgorithm>,
    /// None: it is not encrypted.
    pub encryption: Option<Encryption>,
}

impl Protection {
    /// The same for what must never go without a signature, such as a logout token (OpenID Connect Back-Channel Logout section 2.4): in
    /// place of `none` stands the realm's default.
    #[must_use]
    pub fn always_signed(self) -> Self {
        Self { signing: self.signing.filter(|algorithm| *algorithm != JwsAlgorithm::None), ..self }
    }
}

/// How a JWE is made (RFC 7518 sections 4.1 and 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encryption {
    /// How the content encryption key comes about.
    pub key: JweKey,
    /// How the content is encrypted.
    pub content: ContentEncryption,
}

/// How the content encryption key of a JWE comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JweKey {
    /// By a public key of the recipient.
    Public(KeyManagement),
    /// It is made of the client's secret (`dir`; OpenID Connect Core section 10.2).
    Secret,
}

impl JweKey {
    /// The value of `alg` in a JWE header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Public(algorithm) => algorithm.name(),
            Self::Secret => "dir",
        }
    }
}

/// What a client's request objects must be (OpenID Connect Core section 6, RFC 9101).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestObjectPolicy {
    /// How they must be signed; none: in any way that is supported, or not at all.
    pub signing: Option<JwsAlgorithm>,
    /// How they may be encrypted. It is only said: any way that there is a key for will do (OpenID Connect Registration section 2).
    pub encryption: Option<Encryption>,
    /// True where every request must be a signed one.
    pub required: bool,
    /// From where they may be fetched, compared without the fragment.
    pub uris: Vec<Arc<str>>,
}

/// What holds where an authentication request does not say (OpenID Connect Registration section 2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuthenticationDefaults {
    /// `default_max_age`: seconds.
    pub max_age: Option<u32>,
    /// `default_acr_values`, the preferred first.
    pub acr_values: Vec<Arc<str>>,
}

/// How long a logout token is good: a client has it in its hands a moment after it was made, and clocks differ by less (Back-Channel Logout
/// section 2.4: two minutes at the most).
pub const LOGOUT_TOKEN_LIFETIME: Duration = Duration::from_secs(120);

/// Whom to tell that a person has signed out (OpenID Connect Front-Channel and Back-Channel Logout).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogoutPolicy {
    /// `frontchannel_logout_uri`.
    pub frontchannel_uri: Option<Arc<str>>,
    /// `frontchannel_logout_session_required`.
    pub frontchannel_session_required: bool,
    /// `backchannel_logout_uri`.
    pub backchannel_uri: Option<Arc<str>>,
    /// `backchannel_logout_session_required`.
    pub backchannel_session_required: bool,
}

/// What people read about a client, in one language.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Presentation {
    /// `client_name`; for the default language see [`super::Client::display_name`].
    pub name: Option<Arc<str>>,
    /// `client_uri`.
    pub home: Option<Arc<str>>,
    /// `logo_uri`.
    pub logo: Option<Arc<str>>,
    /// `policy_uri`.
    pub policy: Option<Arc<str>>,
    /// `tos_uri`.
    pub terms: Option<Arc<str>>,
}

/// What people read about a client.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Presentations {
    /// In no language in particular.
    pub default: Presentation,
    /// In these languages (BCP 47), as the client registered them.
    pub localized: Vec<(Arc<str>, Presentation)>,
}

impl Presentations {
    /// What is to be shown to who reads `language` (a tag such as `de` or `fr-CA`): what is there in that very language, else in the same
    /// primary language, else in none; each field by itself.
    pub fn in_language(&self, language: &str) -> Presentation {
        let primary = |tag: &str| tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        let exact = self.localized.iter().find(|(tag, _)| tag.eq_ignore_ascii_case(language));
        let similar = self.localized.iter().find(|(tag, _)| primary(tag) == primary(language));
        let choose = |field: fn(&Presentation) -> &Option<Arc<str>>| {
            let candidates = [exact, similar].into_iter().flatten().map(|(_, presentation)| presentation);
            candidates.chain([&self.default]).find_map(|presentation| field(presentation).clone())
        };
        Presentation {
            name: choose(|presentation| &presentation.name),
            home: choose(|presentation| &presentation.home),
            logo: choose(|presentation| &presentation.logo),
            policy: choose(|presentation| &presentation.policy),
            terms: choose(|presentation| &presentation.terms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Presentation, Presentations};

    #[test]
    fn each_field_is_shown_in_the_nearest_language() {
        let name = |name: &str| Presentation { name: Some(name.into()), ..Presentation::default() };
        let default = Presentation { terms: Some("https://a/terms".into()), ..name("Books") };
        let localized = vec![("de".into(), name("B\u{fc}cher")), ("fr-CA".into(), name("Livres"))];
        let presentations = Presentations { default, localized };
        for (language, want) in [("de-AT", "B\u{fc}cher"), ("fr", "Livres"), ("FR-ca", "Livres"), ("en", "Books")] {
            let shown = presentations.in_language(language);
            assert_eq!(shown.name.as_deref(), Some(want), "{language}");
            assert_eq!(shown.terms.as_deref(), Some("https://a/terms"));
        }
    }
}
