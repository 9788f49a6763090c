use std::sync::Arc;

use super::split_tag;

/// A scope that a realm knows (RFC 6749 section 3.3) and the claims that it releases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The scope token.
    pub name: Arc<str>,
    /// What a person reads at consent; a standard scope has its words with the pages, in each of their languages.
    pub description: Arc<str>,
    /// Names of the claims that it releases, beside those that the standard says.
    pub claims: Arc<[Arc<str>]>,
}

impl Scope {
    /// True where it releases the claim, in whatever language (`name#de`).
    pub fn releases(&self, claim: &str) -> bool {
        let base = split_tag(claim).0;
        self.claims.iter().any(|released| **released == *claim || **released == *base)
    }
}

/// The scopes of every realm: OpenID Connect Core sections 5.4 and 11, and `groups`; name and claims.
pub const STANDARD_SCOPES: [(&str, &[&str]); 7] = [
    ("openid", &["sub"]),
    (
        "profile",
        &[
            "name",
            "family_name",
            "given_name",
            "middle_name",
            "nickname",
            "preferred_username",
            "profile",
            "picture",
            "website",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
            "updated_at",
        ],
    ),
    ("email", &["email", "email_verified"]),
    ("address", &["address"]),
    ("phone", &["phone_number", "phone_number_verified"]),
    ("offline_access", &[]),
    ("groups", &["groups"]),
];

/// True for a scope of every realm.
pub fn is_standard_scope(name: &str) -> bool {
    STANDARD_SCOPES.iter().any(|(standard, _)| *standard == name)
}
