use std::{
    cmp::Reverse,
    collections::BTreeSet,
    fmt,
    str::FromStr,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicI64, Ordering},
    },
};

use aws_lc_rs::{digest, hmac, rand::SystemRandom};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;

use super::{
    AuthenticationDefaults, ClientId, LogoutPolicy, ObjectName, Presentations, Protection, RedirectUri,
    RequestObjectPolicy, Settings, SubjectPolicy, TokenPolicy, User,
    claims::RESERVED_CLAIMS,
    registration::{Registration, RegistrationUse},
    split_tag,
};
use crate::{
    jose::{JwsAlgorithm, foreign::ForeignKeys},
    secret::Secret,
};

/// An accepted OidcClient, already bounded by what its Realm allows.
#[derive(Debug)]
pub struct Client {
    /// `client_id`.
    pub id: ClientId,
    /// The OidcClient resource.
    pub name: ObjectName,
    /// Tells it from an earlier OidcClient of the same name, whose tokens are not its own.
    pub incarnation: Incarnation,
    /// What people read at sign-in and consent.
    pub display_name: Arc<str>,
    /// Registered redirect URIs; never empty where the code flow is granted.
    pub redirect_uris: Vec<RedirectUri>,
    /// Where a person may be sent after sign-out.
    pub post_logout_redirect_uris: Vec<RedirectUri>,
    /// Grants that it may use.
    pub grant_types: Vec<GrantType>,
    /// Response types that it may use.
    pub response_types: Vec<ResponseType>,
    /// Scopes that it may ask for.
    pub scopes: Vec<Arc<str>>,
    /// Resource servers that it may ask tokens for (RFC 8707).
    pub audiences: Vec<Arc<str>>,
    /// How it proves who it is.
    pub authentication: ClientAuthentication,
    /// Groups whose members may sign in to it; empty: every user of the realm.
    pub access_groups: Vec<Arc<str>>,
    /// Whether a person is asked.
    pub consent: Consent,
    /// Lifetimes and formats: the realm's, or its own.
    pub tokens: Arc<TokenPolicy>,
    /// Which `sub` it sees.
    pub subject: SubjectPolicy,
    /// How its ID tokens are protected.
    pub id_token: Protection,
    /// How UserInfo answers it: plain JSON where nothing is asked for.
    pub userinfo: Protection,
    /// What its request objects must be.
    pub request_object: RequestObjectPolicy,
    /// What holds where an authentication request does not say.
    pub defaults: AuthenticationDefaults,
    /// Whom to tell that a person has signed out.
    pub logout: LogoutPolicy,
    /// `initiate_login_uri` (OpenID Connect Core section 4).
    pub initiate_login_uri: Option<Arc<str>>,
    /// What people read about it, beside [`Self::display_name`].
    pub presentation: Presentations,
    /// How it was registered, where it registered itself.
    pub registration: Option<Arc<Registration>>,
    /// When it was used last, where it registered itself.
    pub registration_use: RegistrationUse,
}

impl Client {
    /// True for a public client (RFC 6749 section 2.1).
    pub fn is_public(&self) -> bool {
        self.authentication.method == AuthMethod::None
    }

    /// True where it may use the grant.
    pub fn may_use(&self, grant: GrantType) -> bool {
        self.grant_types.contains(&grant)
    }

    /// True where it may be told this claim, in whatever language: one of the scopes that it may ask for releases it, and it is none that
    /// tokens have by themselves.
    pub fn may_learn(&self, settings: &Settings, claim: &str) -> bool {
        !RESERVED_CLAIMS.contains(&split_tag(claim).0)
            && settings.scopes.iter().any(|scope| scope.releases(claim) && self.scopes.contains(&scope.name))
    }

    /// True where this user may sign in to it, and its tokens for that user stay valid.
    pub fn admits(&self, user: &User) -> bool {
        user.enabled
            && (self.access_groups.is_empty() || self.access_groups.iter().any(|group| user.groups.contains(group)))
    }
}

/// One life of a resource. Deleted and created anew under its old name, it is another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incarnation(Arc<str>);

impl Incarnation {
    /// Of whatever tells the lives apart: `metadata.uid`, or the time of creation where there is no cluster.
    pub fn of(identity: &str) -> Self {
        let digest = digest::digest(&digest::SHA256, identity.as_bytes());
        let (mark, _) = digest.as_ref().split_at(6);
        Self(URL_SAFE_NO_PAD.encode(mark).into())
    }

    /// Eight characters of base64url, enough to tell a few lives apart; they say nothing of the identity.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! names {
    ($(#[$doc:meta])* $type:ident, $unknown:literal, $($variant:ident = $name:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(missing_docs)]
        pub enum $type { $($variant),+ }

        impl $type {
            /// All of them, in the order of metadata.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The registered name.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }

        impl FromStr for $type {
            type Err = &'static str;

            fn from_str(text: &str) -> Result<Self, &'static str> {
                match text { $($name => Ok(Self::$variant),)+ _ => Err($unknown) }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

names! {
    /// A grant type that is built (RFC 6749 section 4, RFC 7591 section 2).
    GrantType, "not a grant type that is supported",
    AuthorizationCode = "authorization_code",
    Implicit = "implicit",
    RefreshToken = "refresh_token",
    ClientCredentials = "client_credentials",
}

names! {
    /// A response type that is built (OAuth 2.0 Multiple Response Type Encoding Practices).
    ResponseType, "not a response type that is supported",
    Code = "code",
    IdToken = "id_token",
    IdTokenToken = "id_token token",
    CodeIdToken = "code id_token",
    CodeToken = "code token",
    CodeIdTokenToken = "code id_token token",
    None = "none",
}

impl ResponseType {
    /// The response type of these words, in any order, each as often as it likes (RFC 6749 section 3.1.1, OAuth 2.0 Multiple Response Type
    /// Encoding Practices section 3).
    pub fn of_words(text: &str) -> Option<Self> {
        let words: BTreeSet<_> = text.split(' ').filter(|word| !word.is_empty()).collect();
        Self::ALL.iter().copied().find(|known| known.as_str().split(' ').collect::<BTreeSet<_>>() == words)
    }

    /// True where the answer holds a code.
    pub fn has_code(self) -> bool {
        matches!(self, Self::Code | Self::CodeIdToken | Self::CodeToken | Self::CodeIdTokenToken)
    }

    /// True where the answer holds an ID token.
    pub fn has_id_token(self) -> bool {
        matches!(self, Self::IdToken | Self::IdTokenToken | Self::CodeIdToken | Self::CodeIdTokenToken)
    }

    /// True where the answer holds an access token.
    pub fn has_token(self) -> bool {
        matches!(self, Self::IdTokenToken | Self::CodeToken | Self::CodeIdTokenToken)
    }

    /// True where the answer holds what must not travel in a query (Multiple Response Type Encoding Practices section 5).
    pub fn is_front_channel(self) -> bool {
        self.has_id_token() || self.has_token()
    }

    /// True where a client of these grants may use it: a code is of `authorization_code`, a token of the authorization endpoint of
    /// `implicit` (RFC 7591 section 2.1, OpenID Connect Registration section 2).
    pub fn is_granted(self, grants: &[GrantType]) -> bool {
        let has = |grant| grants.contains(&grant);
        (!self.has_code() || has(GrantType::AuthorizationCode))
            && (!self.is_front_channel() || has(GrantType::Implicit))
            && (self != Self::None || has(GrantType::AuthorizationCode) || has(GrantType::Implicit))
    }
}

names! {
    /// `token_endpoint_auth_method` (RFC 7591 section 2, OpenID Connect Core section 9).
    AuthMethod, "not a client authentication method that is supported",
    ClientSecretBasic = "client_secret_basic",
    ClientSecretPost = "client_secret_post",
    ClientSecretJwt = "client_secret_jwt",
    PrivateKeyJwt = "private_key_jwt",
    None = "none",
}

/// How a client proves who it is. Where `service_accounts` is not empty, a projected ServiceAccount token is accepted beside the
/// registered method.
#[derive(Debug)]
pub struct ClientAuthentication {
    /// The registered method.
    pub method: AuthMethod,
    /// What its assertions must be signed with (`token_endpoint_auth_signing_alg`); none: anything that fits the method.
    pub signing_algorithm: Option<JwsAlgorithm>,
    /// Current and, during an overlap, previous secret.
    pub secrets: Vec<ClientSecret>,
    /// Its public keys.
    pub keys: ClientKeys,
    /// Names of ServiceAccounts in the client's own namespace whose projected tokens authenticate it.
    pub service_accounts: Vec<Arc<str>>,
}

impl ClientAuthentication {
    /// The secret itself that authenticates and encrypts what is meant for the client (OpenID Connect Core sections 10.1 and 10.2): of those
    /// that are valid the one that is so for longest. None where the client has none, or it is not known but by its digest.
    pub fn secret_value(&self, now: Timestamp) -> Option<&Secret> {
        let valid = self.secrets.iter().filter(|secret| secret.is_valid(now));
        let newest = valid.min_by_key(|secret| Reverse(secret.valid_until.unwrap_or(Timestamp::MAX)))?;
        newest.value.as_ref()
    }

    /// The secrets themselves that what the client has made may be authenticated or encrypted with: those that are valid.
    pub fn secret_values(&self, now: Timestamp) -> impl Iterator<Item = (&ClientSecret, &Secret)> {
        let known = self.secrets.iter().filter(move |secret| secret.is_valid(now));
        known.filter_map(|secret| Some((secret, secret.value.as_ref()?)))
    }
}

/// Where the keys of a client come from: what it signs is verified with them, and what is meant for it is encrypted with them.
#[derive(Debug, Clone)]
pub enum ClientKeys {
    /// The client has none.
    None,
    /// `jwks`: they stand in the resource.
    Inline(Arc<ForeignKeys>),
    /// `jwksUri`: fetched and cached by the provider.
    Uri(Arc<str>),
}

/// Whether a person is asked before a client gets its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// Never: the platform decided.
    Skip,
    /// Once for each client and set of scopes.
    Ask,
}

/// A client secret as a keyed hash: the key is made at random in each process, so neither a core dump of the table nor the time
/// of a comparison says anything. Generated secrets have 256 bits, so a slow hash would add nothing.
#[derive(Clone)]
pub struct ClientSecret {
    digest: hmac::Tag,
    /// Which secret this is, for events and metrics: no part of it.
    pub id: Arc<str>,
    /// A previous secret ends then; the current one has no end.
    pub valid_until: Option<Timestamp>,
    /// When a previous secret was used last.
    pub last_use: LastUse,
    /// The secret itself, where JWTs are authenticated or encrypted with it (OpenID Connect Core sections 10.1 and 10.2).
    pub value: Option<Secret>,
}

/// When something was used last, in whole seconds; clones share it. Written without a lock where it is used, and read where a person is
/// told.
#[derive(Debug, Clone, Default)]
pub struct LastUse(Arc<AtomicI64>);

impl LastUse {
    /// None: it has not been used.
    pub fn get(&self) -> Option<Timestamp> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            seconds => Timestamp::from_second(seconds).ok(),
        }
    }

    fn set(&self, now: Timestamp) {
        self.0.store(now.as_second(), Ordering::Relaxed);
    }
}

static PROCESS_KEY: LazyLock<Option<hmac::Key>> =
    LazyLock::new(|| hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok());

impl ClientSecret {
    /// Hashes a secret. None where the machine has no entropy.
    pub fn new(id: impl Into<Arc<str>>, secret: &[u8], valid_until: Option<Timestamp>) -> Option<Self> {
        let digest = hmac::sign(PROCESS_KEY.as_ref()?, secret);
        Some(Self { digest, id: id.into(), valid_until, last_use: LastUse::default(), value: None })
    }

    /// The same, with the secret itself.
    #[must_use]
    pub fn with_value(self, secret: &[u8]) -> Self {
        Self { value: Some(Secret::new(secret)), ..self }
    }

    /// True where `presented` is this secret and it is still valid; takes the same time for any wrong secret of one length.
    pub fn matches(&self, presented: &[u8], now: Timestamp) -> bool {
        let Some(key) = PROCESS_KEY.as_ref() else { return false };
        let same = hmac::verify(key, presented, self.digest.as_ref()).is_ok();
        same && self.is_valid(now)
    }

    /// True until its end.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.valid_until.is_none_or(|end| now < end)
    }

    /// Notes that a previous secret was used; of the current one nobody wants to know.
    pub fn note_use(&self, now: Timestamp) {
        if self.valid_until.is_some() {
            self.last_use.set(now);
        }
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSecret")
            .field("id", &self.id)
            .field("valid_until", &self.valid_until)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{AuthMethod, ClientAuthentication, ClientKeys, ClientSecret};

    #[test]
    fn the_secret_that_is_valid_for_longest_is_the_one_to_use() {
        let now = Timestamp::UNIX_EPOCH;
        let secret = |value: &str, end: Option<i64>| {
            let end = end.map(|seconds| now + SignedDuration::from_secs(seconds));
            ClientSecret::new("1", value.as_bytes(), end).unwrap().with_value(value.as_bytes())
        };
        let authentication = |secrets| ClientAuthentication {
            method: AuthMethod::ClientSecretBasic,
            signing_algorithm: None,
            secrets,
            keys: ClientKeys::None,
            service_accounts: Vec::new(),
        };
        let chosen = |secrets| {
            let authentication = authentication(secrets);
            authentication.secret_value(now).map(|value| value.expose_str().unwrap().to_owned())
        };
        let (old, new) = (|| secret("old", Some(10)), || secret("new", None));
        assert_eq!(chosen(vec![new(), old()]).as_deref(), Some("new"));
        assert_eq!(chosen(vec![old(), new()]).as_deref(), Some("new"));
        // A secret that was given for a time is the current one all the same.
        assert_eq!(chosen(vec![secret("registered", Some(90)), old()]).as_deref(), Some("registered"));
        assert_eq!(chosen(vec![secret("ended", Some(0))]), None);
        assert_eq!(chosen(vec![ClientSecret::new("1", b"digest", None).unwrap(), old()]), None);
        let both = authentication(vec![new(), old(), secret("ended", Some(0))]);
        assert_eq!(both.secret_values(now).count(), 2);
    }

    #[test]
    fn a_secret_matches_itself_until_its_end() {
        let now = Timestamp::UNIX_EPOCH;
        let end = now + SignedDuration::from_secs(10);
        let secret = ClientSecret::new("1", b"s3cret", Some(end)).unwrap();
        assert!(secret.matches(b"s3cret", now));
        assert!(!secret.matches(b"s3cret", end));
        assert!(!secret.matches(b"s3creT", now));
        assert!(!secret.matches(b"", now));
        assert!(!format!("{secret:?}").contains("s3cret"));
    }
}
