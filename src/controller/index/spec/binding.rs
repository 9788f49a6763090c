use std::{collections::BTreeMap, sync::Arc};

use jiff::SignedDuration;

use super::{Problems, template::Template};
use crate::{api, controller::checks::key_lifecycle::seconds, secret::Secret};

/// An entry of every binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Entry {
    ClientId,
    ClientSecret,
    ClientSecretPrevious,
    Issuer,
    TokenEndpoint,
    Type,
    Provider,
}

impl Entry {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::ClientId,
        Self::ClientSecret,
        Self::ClientSecretPrevious,
        Self::Issuer,
        Self::TokenEndpoint,
        Self::Type,
        Self::Provider,
    ];

    /// The name that Service Binding for Kubernetes knows.
    pub fn kebab(self) -> &'static str {
        match self {
            Self::ClientId => "client-id",
            Self::ClientSecret => "client-secret",
            Self::ClientSecretPrevious => "client-secret-previous",
            Self::Issuer => "issuer",
            Self::TokenEndpoint => "token-endpoint",
            Self::Type => "type",
            Self::Provider => "provider",
        }
    }

    /// The name in force: what `keys` says, or that of the style.
    pub fn name(self, style: api::KeyStyle, keys: &BTreeMap<String, String>) -> String {
        match (keys.get(self.kebab()), style) {
            (Some(name), _) => name.clone(),
            (None, api::KeyStyle::Kebab) => self.kebab().to_owned(),
            (None, api::KeyStyle::Env) => self.kebab().replace('-', "_").to_ascii_uppercase(),
        }
    }
}

/// The Secret that the operator writes for a client.
#[derive(Debug)]
pub struct BindingSpec {
    /// Its name, in the client's namespace.
    pub name: Arc<str>,
    /// Whether a client secret stands in it.
    pub has_secret: bool,
    /// The secret has at least so many bytes; a shorter one is replaced.
    pub min_length: usize,
    /// A new one has at least so many bytes.
    pub new_length: usize,
    /// When a new secret takes over.
    pub rotation: SecretRotation,
    /// Labels that the person wants.
    pub labels: BTreeMap<String, String>,
    /// Annotations that the person wants.
    pub annotations: BTreeMap<String, String>,
    /// Whether it goes with the client.
    pub deletion_policy: api::DeletionPolicy,
    entries: Vec<(Entry, String)>,
    templates: Vec<(String, Template)>,
}

/// When a new client secret takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretRotation {
    /// How long a secret is the current one; none: until a person asks for a new one.
    pub every: Option<SignedDuration>,
    /// For how long the former one is accepted.
    pub overlap: SignedDuration,
}

impl From<api::SecretRotation> for SecretRotation {
    fn from(rotation: api::SecretRotation) -> Self {
        Self { every: rotation.every.map(seconds), overlap: seconds(rotation.overlap) }
    }
}

/// What a binding tells.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub struct Facts<'a> {
    pub client_id: &'a str,
    pub issuer: &'a str,
    pub token_endpoint: &'a str,
    /// None for a client without one.
    pub secret: Option<&'a Secret>,
    /// The former one, while it is accepted.
    pub previous: Option<&'a Secret>,
}

impl BindingSpec {
    /// The Secret of ours beside a referenced one: it keeps the value that was seen last, and the one before while that is accepted.
    /// The referenced one is somebody else's, and forgets what it held.
    pub(super) fn shadow(client: &str, overlap: SignedDuration) -> Self {
        let entries = [Entry::ClientSecret, Entry::ClientSecretPrevious];
        Self {
            name: format!("{client}-oidc-seen").into(),
            has_secret: true,
            min_length: 0,
            new_length: 0,
            rotation: SecretRotation { every: None, overlap },
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            deletion_policy: api::DeletionPolicy::Delete,
            entries: entries.map(|entry| (entry, entry.kebab().to_owned())).into(),
            templates: Vec::new(),
        }
    }

    pub(super) fn parse(name: String, has_secret: bool, spec: &api::ClientSecret, problems: &mut Problems) -> Self {
        let is_secret = |entry: Entry| matches!(entry, Entry::ClientSecret | Entry::ClientSecretPrevious);
        let wanted = Entry::ALL.into_iter().filter(|entry| has_secret || !is_secret(*entry));
        let entries: Vec<_> = wanted.map(|entry| (entry, entry.name(spec.key_style, &spec.keys))).collect();
        for key in spec.keys.keys() {
            if Entry::ALL.iter().all(|entry| entry.kebab() != key) {
                problems.push(format!("spec.credentials.secret.keys[{key}]"), "there is no such entry");
            }
        }
        let mut templates = Vec::new();
        for (entry, text) in &spec.template {
            let field = format!("spec.credentials.secret.template[{entry}]");
            if let Some(template) = problems.take(field, Template::parse(text, has_secret)) {
                templates.push((entry.clone(), template));
            }
        }
        for repeated in repeated(entries.iter().map(|(_, name)| name).chain(spec.template.keys())) {
            let message = format_args!("two entries would have the name \"{repeated}\"");
            problems.push("spec.credentials.secret", message);
        }
        Self {
            name: name.into(),
            has_secret,
            min_length: 0,
            new_length: 0,
            rotation: spec.rotation.unwrap_or_default().into(),
            labels: spec.metadata.labels.clone(),
            annotations: spec.metadata.annotations.clone(),
            deletion_policy: spec.deletion_policy,
            entries,
            templates,
        }
    }

    /// The same, for a client whose secret must have at least so many bytes, and has at least so many where it is made anew.
    #[must_use]
    pub fn with_lengths(self, min_length: usize, new_length: usize) -> Self {
        Self { min_length, new_length, ..self }
    }

    /// The name of the entry with the client secret; none where it has none.
    pub fn secret_entry(&self) -> Option<&str> {
        self.entry(Entry::ClientSecret)
    }

    /// The name of the entry with the former client secret; none where it has no secret.
    pub fn previous_entry(&self) -> Option<&str> {
        self.entry(Entry::ClientSecretPrevious)
    }

    fn entry(&self, wanted: Entry) -> Option<&str> {
        self.entries.iter().find(|(entry, _)| *entry == wanted).map(|(_, name)| name.as_str())
    }

    /// Every entry with its content.
    pub fn render(&self, facts: &Facts<'_>) -> BTreeMap<String, Secret> {
        let entry = |(entry, name): &(Entry, String)| {
            let value = match entry {
                Entry::ClientId => Secret::new(facts.client_id),
                Entry::ClientSecret => facts.secret?.clone(),
                Entry::ClientSecretPrevious => facts.previous?.clone(),
                Entry::Issuer => Secret::new(facts.issuer),
                Entry::TokenEndpoint => Secret::new(facts.token_endpoint),
                Entry::Type => Secret::new("oauth2"),
                Entry::Provider => Secret::new("realmkeeper"),
            };
            Some((name.clone(), value))
        };
        let templates = self.templates.iter().map(|(name, template)| (name.clone(), template.render(facts)));
        self.entries.iter().filter_map(entry).chain(templates).collect()
    }
}

fn repeated<'a>(names: impl Iterator<Item = &'a String>) -> Vec<&'a String> {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    let mut repeated: Vec<_> =
        names.iter().zip(names.iter().skip(1)).filter(|(a, b)| a == b).map(|(name, _)| *name).collect();
    repeated.dedup();
    repeated
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{BindingSpec, Facts, Problems};
    use crate::secret::Secret;

    fn render(spec: Value, has_secret: bool) -> Result<Vec<(String, String)>, Vec<String>> {
        let mut problems = Problems::default();
        let spec = serde_json::from_value(spec).unwrap();
        let binding = BindingSpec::parse("b".into(), has_secret, &spec, &mut problems);
        let binding =
            problems.finish(binding).map_err(|problems| problems.into_iter().map(|p| p.field).collect::<Vec<_>>())?;
        let secret = Secret::new("s");
        let secret = has_secret.then_some(&secret);
        let facts =
            Facts { client_id: "app", issuer: "https://i", token_endpoint: "https://i/token", secret, previous: None };
        let text = |(name, value): (String, Secret)| (name, value.expose_str().unwrap().to_owned());
        Ok(binding.render(&facts).into_iter().map(text).collect())
    }

    fn names(spec: Value, has_secret: bool) -> Vec<String> {
        render(spec, has_secret).unwrap().into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn entries_follow_service_binding_the_style_and_the_renames() {
        let kebab = ["client-id", "client-secret", "issuer", "provider", "token-endpoint", "type"];
        assert_eq!(names(json!({}), true), kebab);
        assert_eq!(names(json!({}), false).len(), 5);
        let env = json!({"keyStyle": "Env", "keys": {"client-secret": "GF_SECRET"}, "template": {"c.json": "{{ client_id }}"}});
        assert_eq!(
            render(env, true).unwrap(),
            [
                ("CLIENT_ID", "app"),
                ("GF_SECRET", "s"),
                ("ISSUER", "https://i"),
                ("PROVIDER", "realmkeeper"),
                ("TOKEN_ENDPOINT", "https://i/token"),
                ("TYPE", "oauth2"),
                ("c.json", "app"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn names_that_meet_and_entries_that_are_not_there_are_refused() {
        let error = |spec: Value, has_secret: bool| render(spec, has_secret).unwrap_err();
        assert_eq!(error(json!({"keys": {"issuer": "client-id"}}), true), ["spec.credentials.secret"]);
        assert_eq!(error(json!({"template": {"type": "x"}}), true), ["spec.credentials.secret"]);
        assert_eq!(error(json!({"keys": {"realm": "x"}}), true), ["spec.credentials.secret.keys[realm]"]);
        let secret = json!({"template": {"a": "{{ client_secret }}"}});
        assert_eq!(error(secret, false), ["spec.credentials.secret.template[a]"]);
    }
}
