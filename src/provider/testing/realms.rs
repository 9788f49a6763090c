use std::{sync::Arc, time::Duration};

use serde_json::{Map, json};

use super::{ClientBuilder, TestProvider, clients::token_policy, full_keyring, keyring};
use crate::{
    jose::Algorithm,
    realm::{
        AssertionAudience, AuthMethod, ClaimSources, GrantType, Issuer, Keyring, Lockout, LoginPolicy, ObjectName,
        PairwiseSalt, Password, Pkce, Realm, ResponseType, STANDARD_SCOPES, Scope, SessionPolicy, Settings, Subject,
        SubjectType, User,
        claims::ClaimRules,
        registration::{
            AccessTokenRotation, ApplicationType, LinkHosts, RegistrationMode, RegistrationPolicy, StatementPolicy,
        },
    },
    secret::Secret,
};

/// A realm; see [`realm`].
pub(crate) struct RealmBuilder {
    name: ObjectName,
    issuer: Issuer,
    settings: Settings,
    keyring: Arc<Keyring>,
    salt: Option<PairwiseSalt>,
    clients: Vec<ClientBuilder>,
    users: Vec<UserBuilder>,
}

/// The realm `identity/staff`, `https://id.example.com/realms/staff`, with the defaults of a Realm's spec, keys for ES256 and RS256, the
/// scopes `department` (a claim of that name, which a CEL rule makes of the attribute) and `reports` (no claim), no client and no user.
pub(crate) fn realm() -> RealmBuilder {
    let custom: [(&str, &str, &[&str]); 2] =
        [("department", "Your department", &["department"]), ("reports", "Read your reports", &[])];
    let scope = |(name, description, claims): (&str, &str, &[&str])| Scope {
        name: name.into(),
        description: description.into(),
        claims: claims.iter().map(|claim| Arc::from(*claim)).collect(),
    };
    let seconds = Duration::from_secs;
    let settings = Settings {
        display_name: "Staff".into(),
        tokens: Arc::new(token_policy()),
        sessions: SessionPolicy { idle: seconds(8 * 3600), absolute: seconds(24 * 3600) },
        default_algorithm: Algorithm::Es256,
        subject_type: SubjectType::Public,
        pkce: Pkce::Required,
        assertion_audience: AssertionAudience::IssuerOrTokenEndpoint,
        login: LoginPolicy {
            passwords: true,
            password_change: false,
            lockout: Lockout { max_failures: 10, window: seconds(300), duration: seconds(900) },
        },
        scopes: STANDARD_SCOPES
            .map(|(name, claims)| (name, name, claims))
            .into_iter()
            .chain(custom)
            .map(scope)
            .collect(),
        claims: ClaimRules::compile([("department", "user.attributes.department[0]")]).unwrap(),
        claim_sources: ClaimSources::default(),
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::ClientCredentials],
        response_types: vec![ResponseType::Code],
        web_finger_domains: Vec::new(),
        allowed_scopes: Vec::new(),
        allowed_networks: Vec::new(),
        registration: None,
    };
    RealmBuilder {
        name: ObjectName::new("identity", "staff"),
        issuer: Issuer::parse("https://id.example.com/realms/staff").unwrap(),
        settings,
        keyring: keyring(),
        salt: None,
        clients: Vec::new(),
        users: Vec::new(),
    }
}

impl RealmBuilder {
    /// Another realm: `identity/NAME`, `https://id.example.com/realms/NAME`.
    pub(crate) fn named(mut self, name: &str) -> Self {
        self.name = ObjectName::new("identity", name);
        self.issuer(&format!("https://id.example.com/realms/{name}"))
    }

    pub(crate) fn issuer(mut self, issuer: &str) -> Self {
        self.issuer = Issuer::parse(issuer).unwrap();
        self
    }

    pub(crate) fn settings(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Allows every response type, and the grants that belong to them.
    pub(crate) fn every_flow(self) -> Self {
        self.settings(|settings| {
            settings.grant_types.push(GrantType::Implicit);
            settings.response_types = ResponseType::ALL.to_vec();
        })
    }

    pub(crate) fn keyring(mut self, keyring: Keyring) -> Self {
        self.keyring = Arc::new(keyring);
        self
    }

    /// With the salt of [`ClientBuilder::pairwise`].
    pub(crate) fn pairwise(mut self) -> Self {
        self.salt = Some(salt());
        self
    }

    /// With keys for every algorithm.
    pub(crate) fn every_key(mut self) -> Self {
        self.keyring = full_keyring();
        self
    }

    pub(crate) fn client(mut self, client: ClientBuilder) -> Self {
        self.clients.push(client);
        self
    }

    pub(crate) fn user(mut self, user: UserBuilder) -> Self {
        self.users.push(user);
        self
    }

    pub(crate) fn build(self) -> Realm {
        let users: Vec<_> = self.users.into_iter().map(|user| Arc::new(user.0)).collect();
        Realm {
            name: self.name,
            issuer: self.issuer,
            settings: Arc::new(self.settings),
            keyring: self.keyring,
            salt: self.salt,
            clients: self.clients.into_iter().map(|client| (client.0.id.clone(), Arc::new(client.0))).collect(),
            usernames: users.iter().map(|user| (user.username.to_lowercase().into(), user.subject.clone())).collect(),
            users: users.into_iter().map(|user| (user.subject.clone(), user)).collect(),
            initial_access_tokens: Arc::default(),
            claim_source_tokens: Arc::default(),
        }
    }

    /// A provider of this realm.
    pub(crate) fn serve(self) -> TestProvider {
        TestProvider::new(self.build())
    }
}

/// The salt of every realm that has one.
pub(crate) fn salt() -> PairwiseSalt {
    PairwiseSalt::new(&[7; 32]).unwrap()
}

/// Everybody may register all that the realm's defaults allow.
pub(crate) fn open_registration() -> Arc<RegistrationPolicy> {
    Arc::new(RegistrationPolicy {
        mode: RegistrationMode::Open,
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::ClientCredentials],
        response_types: vec![ResponseType::Code],
        scopes: ["openid", "profile", "email", "offline_access"].map(Arc::from).to_vec(),
        redirect_hosts: Vec::new(),
        auth_methods: AuthMethod::ALL.to_vec(),
        application_types: ApplicationType::ALL.to_vec(),
        link_hosts: LinkHosts::Any,
        secret_lifetime: None,
        unused_after: None,
        max_clients: 10,
        rotation: AccessTokenRotation::OnUpdate,
        statements: StatementPolicy::default(),
    })
}

/// A user; see [`user`].
pub(crate) struct UserBuilder(pub(crate) User);

/// The enabled user `identity/USERNAME` with the subject `sub-USERNAME`, a profile, an email address, an attribute `department`, the groups
/// `engineers` and `staff`, and no password.
pub(crate) fn user(username: &str) -> UserBuilder {
    let profile = json!({
        "name": format!("The user {username}"), "given_name": username, "locale": "en-GB",
        "email": format!("{username}@example.com"), "email_verified": true,
        "phone_number": "+44 1632 960961", "phone_number_verified": false,
        "address": {"locality": "London", "country": "GB"},
    });
    let map = |value: serde_json::Value| value.as_object().cloned().unwrap_or_else(Map::new);
    UserBuilder(User {
        subject: Subject::new(format!("sub-{username}")),
        name: ObjectName::new("identity", username),
        username: username.into(),
        enabled: true,
        profile: map(profile),
        attributes: map(json!({"department": ["maths"]})),
        groups: ["engineers", "staff"].map(Arc::from).into(),
        password: None,
    })
}

impl UserBuilder {
    pub(crate) fn with(mut self, change: impl FnOnce(&mut User)) -> Self {
        change(&mut self.0);
        self
    }

    pub(crate) fn disabled(self) -> Self {
        self.with(|user| user.enabled = false)
    }

    /// Signs in with this password.
    pub(crate) fn password(self, password: &str) -> Self {
        self.with(|user| user.password = Some(Password::Plain(Secret::new(password))))
    }

    pub(crate) fn groups(self, groups: &[&str]) -> Self {
        self.with(|user| user.groups = groups.iter().map(|name| Arc::from(*name)).collect())
    }
}
