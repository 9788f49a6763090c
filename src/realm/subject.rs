use std::{borrow::Cow, sync::Arc};

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{Client, Realm, User};
use crate::secret::Secret;

/// Who sees which `sub` (OpenID Connect Core section 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SubjectType {
    /// Every client the same.
    #[default]
    Public,
    /// The clients of each sector their own.
    Pairwise,
}

/// The `sub` that a client sees: the realm's choice or its own, with all that it takes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SubjectPolicy {
    /// Every public client the same.
    #[default]
    Public,
    /// One of its sector.
    Pairwise(Pairwise),
}

/// How pairwise subjects of a sector are made (OpenID Connect Core section 8.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairwise {
    /// The host of `sector_identifier_uri`, else the one host of the redirect URIs; in lower case.
    pub sector: Arc<str>,
    /// Where it says which redirect URIs are of the sector, where that is so; what stands there must be asked for before it is relied on.
    pub sector_identifier_uri: Option<Arc<str>>,
    /// The realm's.
    pub salt: PairwiseSalt,
}

/// The secret behind pairwise subjects. Another salt is another `sub` for everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairwiseSalt(Arc<Secret>);

/// A salt has this many bytes or more.
pub const MIN_SALT_LENGTH: usize = 32;

impl PairwiseSalt {
    /// None where it is shorter than [`MIN_SALT_LENGTH`].
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (bytes.len() >= MIN_SALT_LENGTH).then(|| Self(Arc::new(Secret::new(bytes))))
    }
}

/// Keeps these subjects apart from all else that may be made with the same secret.
const PURPOSE: &[u8] = b"realmkeeper pairwise subject";

impl Pairwise {
    /// Base64url of HMAC-SHA-256 under the salt, over what it is for, the sector and the public subject, each after its length, so that
    /// no two pairs read alike. Who has no salt can't tell whether two of them are of one person (section 8.1), not even by trying.
    fn subject_of(&self, public: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.salt.0.expose());
        let mut context = hmac::Context::with_key(&key);
        for part in [PURPOSE, self.sector.as_bytes(), public.as_bytes()] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        URL_SAFE_NO_PAD.encode(context.sign())
    }
}

impl SubjectPolicy {
    /// The `sub` under which the client knows whose public subject this is.
    pub fn shown<'s>(&self, public: &'s str) -> Cow<'s, str> {
        match self {
            Self::Public => Cow::Borrowed(public),
            Self::Pairwise(pairwise) => Cow::Owned(pairwise.subject_of(public)),
        }
    }

    /// True where the client sees a `sub` of its sector.
    pub fn is_pairwise(&self) -> bool {
        matches!(self, Self::Pairwise(_))
    }
}

/// A `sub` as it stands in a token, and to whom that was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownAs {
    sub: String,
    /// None: no client of the audience is there any more, and it counts as a public subject.
    audience: Vec<SubjectPolicy>,
}

impl KnownAs {
    /// What a token says: its `sub` and its audience, of which those that are clients of the realm count.
    pub fn new<'a>(realm: &Realm, sub: impl Into<String>, audience: impl IntoIterator<Item = &'a str>) -> Self {
        let clients = audience.into_iter().filter_map(|id| realm.client(id));
        Self { sub: sub.into(), audience: clients.map(|client| client.subject.clone()).collect() }
    }

    /// What a client of the realm says.
    pub fn by(client: &Client, sub: impl Into<String>) -> Self {
        Self { sub: sub.into(), audience: vec![client.subject.clone()] }
    }

    /// The public subject, where it is one.
    pub fn public(&self) -> Option<&str> {
        (!self.audience.iter().any(SubjectPolicy::is_pairwise)).then_some(self.sub.as_str())
    }

    /// True where it means the person with this public subject.
    pub fn is(&self, public: &str) -> bool {
        match self.audience.as_slice() {
            [] => self.sub == public,
            audience => audience.iter().any(|policy| policy.shown(public) == self.sub),
        }
    }
}

impl Realm {
    /// `sub` of the user wherever the client gets to see one (OpenID Connect Core sections 2, 5.3.2 and 8): always this, never the public
    /// subject itself.
    pub fn subject_for<'u>(&self, client: &Client, user: &'u User) -> Cow<'u, str> {
        client.subject.shown(&user.subject)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Pairwise, PairwiseSalt, SubjectPolicy};

    fn policy(sector: &str, salt: u8) -> SubjectPolicy {
        let salt = PairwiseSalt::new(&[salt; 32]).unwrap();
        SubjectPolicy::Pairwise(Pairwise { sector: sector.into(), sector_identifier_uri: None, salt })
    }

    #[test]
    fn oidc_8_1_no_two_sectors_people_or_salts_share_a_subject() {
        let mut seen = HashSet::new();
        let sectors: Vec<String> = (0..20).map(|n| format!("s{n}.example")).collect();
        for salt in 0..3 {
            for sector in &sectors {
                for person in 0..20 {
                    let public = format!("person-{person}");
                    let shown = policy(sector, salt).shown(&public).into_owned();
                    assert!(shown.len() <= 255 && shown.is_ascii() && !shown.contains(&public));
                    assert!(seen.insert(shown));
                }
            }
        }
        // What is one text when joined is not one pair.
        assert_ne!(policy("ab", 0).shown("c"), policy("a", 0).shown("bc"));
        assert_ne!(policy("", 0).shown("abc"), policy("abc", 0).shown(""));
    }

    #[test]
    fn oidc_8_1_a_pairwise_subject_is_the_same_for_ever() {
        // It must never change: relying parties know people by it. Computed by another implementation too.
        assert_eq!(policy("app.example", 7).shown("sub-ada"), policy("app.example", 7).shown("sub-ada"));
        assert_eq!(policy("app.example", 7).shown("sub-ada"), "vGwkf9z6edF3VBWq1FrEq_AFf9upQYihUEPQmXbq0dQ");
    }

    #[test]
    fn oidc_8_a_public_subject_is_shown_as_it_is() {
        assert_eq!(SubjectPolicy::Public.shown("sub-ada"), "sub-ada");
    }

    #[test]
    fn a_salt_has_256_bits_and_is_never_shown() {
        assert!(PairwiseSalt::new(&[1; 31]).is_none());
        assert!(!format!("{:?}", policy("a", 49)).contains("49"));
    }
}
