//! The hall between the wings: what the controller publishes and the provider reads. Values that can't be wrong, no
//! Kubernetes and no HTTP.

mod claim_sources;
/// The CEL claim rules of a realm.
pub mod claims;
mod client;
mod client_metadata;
mod issuer;
mod keyring;
mod language;
mod name;
mod password_change;
mod password_hash;
mod redirect_uri;
/// Dynamic registration of clients.
pub mod registration;
mod registry;
mod scope;
mod settings;
mod subject;
mod user;
/// Trust in the tokens of a cluster's ServiceAccounts.
pub mod workload;

use std::{collections::BTreeMap, sync::Arc};

pub use claim_sources::{ClaimSource, ClaimSources, ForeignClaims, is_bearer_token};
pub use client::{
    AuthMethod, Client, ClientAuthentication, ClientKeys, ClientSecret, Consent, GrantType, Incarnation, LastUse,
    ResponseType,
};
pub use client_metadata::{
    AuthenticationDefaults, Encryption, JweKey, LOGOUT_TOKEN_LIFETIME, LogoutPolicy, Presentation, Presentations,
    Protection, RequestObjectPolicy,
};
pub use issuer::{InvalidIssuer, Issuer};
pub use keyring::{Key, Keyring, MAX_JWKS_AGE, Recipient};
pub use language::{canonical_tag, is_within, nearest, split_tag, tagged};
pub use name::{ClientId, ObjectName, Subject};
pub use password_change::{PasswordChange, PasswordNotWritten, PasswordWriter};
pub use password_hash::{Argon2Variant, HashFunction, InvalidPasswordHash, MAX_MEMORY_KIB, PasswordHash};
pub use redirect_uri::{InvalidRedirectUri, RedirectUri};
pub use registry::{Registry, Snapshot};
pub use scope::{STANDARD_SCOPES, Scope, is_standard_scope};
pub use settings::{
    AccessTokenFormat, AssertionAudience, Lockout, LoginPolicy, Pkce, RefreshPolicy, RefreshRotation, SessionPolicy,
    Settings, TokenPolicy,
};
pub use subject::{KnownAs, MIN_SALT_LENGTH, Pairwise, PairwiseSalt, SubjectPolicy, SubjectType};
pub use user::{Password, User};

use crate::secret::Secret;

/// A map whose copy is cheap and shares structure: to change one client costs that client, not the realm.
pub type Map<K, V> = rpds::HashTrieMapSync<K, V>;

/// One issuer with all it needs to answer a request. A new value is published whole for each change; readers keep the old one
/// for as long as their request lasts.
#[derive(Debug, Clone)]
pub struct Realm {
    /// Namespace and name of the Realm resource.
    pub name: ObjectName,
    /// The issuer identifier.
    pub issuer: Issuer,
    /// What the Realm's spec says, parsed.
    pub settings: Arc<Settings>,
    /// The signing keys and when each is used.
    pub keyring: Arc<Keyring>,
    /// The secret behind pairwise subjects; none: there are public ones only.
    pub salt: Option<PairwiseSalt>,
    /// The accepted clients, each already bounded by what the Realm allows.
    pub clients: Map<ClientId, Arc<Client>>,
    /// The accepted users.
    pub users: Map<Subject, Arc<User>>,
    /// Sign-in name to user; names are compared in lower case.
    pub usernames: Map<Arc<str>, Subject>,
    /// The tokens that let their holders register clients.
    pub initial_access_tokens: Arc<[registration::InitialAccessToken]>,
    /// The access tokens that clients fetch distributed claims with, by the name of the source, where a Secret holds it.
    pub claim_source_tokens: Arc<BTreeMap<Arc<str>, Secret>>,
}

impl Realm {
    /// The client of this identifier.
    pub fn client(&self, id: &str) -> Option<&Arc<Client>> {
        self.clients.get(id)
    }

    /// The enabled user of this subject.
    pub fn user(&self, subject: &str) -> Option<&Arc<User>> {
        self.users.get(subject).filter(|user| user.enabled)
    }

    /// The user of this sign-in name, enabled or not; case does not matter.
    pub fn user_by_name(&self, username: &str) -> Option<&Arc<User>> {
        let subject = self.usernames.get(username.to_lowercase().as_str())?;
        self.users.get(subject)
    }
}
