use std::sync::Arc;

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::{ObjectName, PasswordHash, Subject};
use crate::secret::Secret;

/// An accepted User with the groups that it belongs to.
#[derive(Debug)]
pub struct User {
    /// `sub`.
    pub subject: Subject,
    /// The User resource.
    pub name: ObjectName,
    /// The name to sign in with, as written; `preferred_username` where the profile has none.
    pub username: Arc<str>,
    /// A user that is not enabled can't sign in and its tokens are refused.
    pub enabled: bool,
    /// Standard claims (OpenID Connect Core section 5.1) under their claim names, `address` as an object; without `sub` and `groups`.
    pub profile: Map<String, Value>,
    /// Attributes for CEL claims and custom scopes.
    pub attributes: Map<String, Value>,
    /// Names of its groups, nested ones flattened, sorted.
    pub groups: Arc<[Arc<str>]>,
    /// None: it can't sign in with a password.
    pub password: Option<Password>,
}

/// What a password is checked against. `Debug` shows none of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    /// A PHC string (argon2id, argon2i, bcrypt, scrypt or pbkdf2), parsed and bounded.
    Phc(PasswordHash),
    /// The password itself (tests, generated secrets).
    Plain(Secret),
}

impl Password {
    /// Tells one hash from another and nothing of what was hashed, for what must end when it changes. None for a plain password, which could
    /// be guessed from it.
    pub fn mark(&self) -> Option<String> {
        let Self::Phc(hash) = self else { return None };
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(format!("password\0{:?}\0{}\0", hash.function(), hash.salt().len()).as_bytes());
        context.update(hash.salt());
        context.update(hash.output());
        Some(URL_SAFE_NO_PAD.encode(context.finish()))
    }
}
