use std::{sync::Arc, time::Duration};

use super::{REDIRECT_URI, realms::salt, secret_of, signer_jwks};
use crate::{
    jose::{Algorithm, foreign::ForeignKeys},
    realm::{
        AccessTokenFormat, AuthMethod, AuthenticationDefaults, Client, ClientAuthentication, ClientId, ClientKeys,
        ClientSecret, Consent, GrantType, Incarnation, LogoutPolicy, ObjectName, Pairwise, Presentations, Protection,
        RedirectUri, RefreshPolicy, RefreshRotation, RequestObjectPolicy, ResponseType, SubjectPolicy, TokenPolicy,
        registration::RegistrationUse,
    },
};

/// The secret of [`ClientBuilder::long_secret`]: 64 bytes.
pub(crate) const LONG_SECRET: &str = "s3cret+of/64 bytes: as long as the longest hash of HMAC has them";

/// A client; see [`client`].
pub(crate) struct ClientBuilder(pub(crate) Client);

/// A confidential client `apps/ID` with a secret ([`secret_of`]), every grant, the standard scopes and `reports`, and no consent page.
pub(crate) fn client(id: &str) -> ClientBuilder {
    let scopes =
        ["openid", "profile", "email", "address", "phone", "offline_access", "groups", "department", "reports"];
    ClientBuilder(Client {
        id: ClientId::new(id),
        name: ObjectName::new("apps", id),
        incarnation: Incarnation::of("1"),
        display_name: format!("The app {id}").into(),
        redirect_uris: vec![RedirectUri::parse(REDIRECT_URI).unwrap()],
        post_logout_redirect_uris: vec![RedirectUri::parse("https://app.example/").unwrap()],
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::ClientCredentials],
        response_types: vec![ResponseType::Code],
        scopes: scopes.map(Arc::from).to_vec(),
        audiences: Vec::new(),
        authentication: ClientAuthentication {
            method: AuthMethod::ClientSecretBasic,
            signing_algorithm: None,
            secrets: vec![ClientSecret::new("1", secret_of(id).as_bytes(), None).unwrap()],
            keys: ClientKeys::None,
            service_accounts: Vec::new(),
        },
        access_groups: Vec::new(),
        consent: Consent::Skip,
        tokens: Arc::new(token_policy()),
        subject: SubjectPolicy::default(),
        id_token: Protection::default(),
        userinfo: Protection::default(),
        request_object: RequestObjectPolicy::default(),
        defaults: AuthenticationDefaults::default(),
        logout: LogoutPolicy::default(),
        initiate_login_uri: None,
        presentation: Presentations::default(),
        registration: None,
        registration_use: RegistrationUse::default(),
    })
}

impl ClientBuilder {
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Client)) -> Self {
        change(&mut self.0);
        self
    }

    /// Deleted, and created anew under its old name.
    pub(crate) fn anew(self) -> Self {
        self.with(|client| client.incarnation = Incarnation::of("2"))
    }

    pub(crate) fn method(self, method: AuthMethod) -> Self {
        self.with(|client| client.authentication.method = method)
    }

    /// A public client: no secret, and client credentials are not for it.
    pub(crate) fn public(self) -> Self {
        self.method(AuthMethod::None).with(|client| {
            client.authentication.secrets.clear();
            client.grant_types.retain(|grant| *grant != GrantType::ClientCredentials);
        })
    }

    /// `private_key_jwt` with the key `signer(number)` in its resource.
    pub(crate) fn key(self, number: usize) -> Self {
        let keys = ForeignKeys::parse(signer_jwks(number).to_string().as_bytes()).unwrap();
        self.method(AuthMethod::PrivateKeyJwt).with(|client| {
            client.authentication.secrets.clear();
            client.authentication.keys = ClientKeys::Inline(Arc::new(keys));
        })
    }

    pub(crate) fn service_accounts(self, names: &[&str]) -> Self {
        self.with(|client| client.authentication.service_accounts = names.iter().map(|name| Arc::from(*name)).collect())
    }

    pub(crate) fn audiences(self, audiences: &[&str]) -> Self {
        self.with(|client| client.audiences = audiences.iter().map(|name| Arc::from(*name)).collect())
    }

    pub(crate) fn scopes(self, scopes: &str) -> Self {
        self.with(|client| client.scopes = scopes.split_whitespace().map(Arc::from).collect())
    }

    pub(crate) fn grants(self, grants: &[GrantType]) -> Self {
        self.with(|client| client.grant_types = grants.to_vec())
    }

    /// May use every response type, and the grants that belong to them.
    pub(crate) fn every_flow(self) -> Self {
        self.with(|client| {
            client.grant_types.push(GrantType::Implicit);
            client.response_types = ResponseType::ALL.to_vec();
        })
    }

    pub(crate) fn access_groups(self, groups: &[&str]) -> Self {
        self.with(|client| client.access_groups = groups.iter().map(|name| Arc::from(*name)).collect())
    }

    /// It sees the subjects of a sector.
    pub(crate) fn pairwise(self, sector: &str) -> Self {
        let pairwise = Pairwise { sector: sector.into(), sector_identifier_uri: None, salt: salt() };
        self.with(|client| client.subject = SubjectPolicy::Pairwise(pairwise))
    }

    pub(crate) fn consent(self) -> Self {
        self.with(|client| client.consent = Consent::Ask)
    }

    /// Its secret is known itself and long enough for every algorithm: [`LONG_SECRET`].
    pub(crate) fn long_secret(self) -> Self {
        self.with(|client| {
            let secret = ClientSecret::new("1", LONG_SECRET.as_bytes(), None).unwrap();
            client.authentication.secrets = vec![secret.with_value(LONG_SECRET.as_bytes())];
        })
    }

    /// Has these public keys beside its own way to authenticate.
    pub(crate) fn jwks(self, jwks: &serde_json::Value) -> Self {
        let keys = ForeignKeys::parse(jwks.to_string().as_bytes()).unwrap();
        self.with(|client| client.authentication.keys = ClientKeys::Inline(Arc::new(keys)))
    }

    pub(crate) fn algorithm(self, algorithm: Algorithm) -> Self {
        self.with(|client| client.id_token.signing = Some(algorithm.into()))
    }

    /// Its own lifetimes and formats.
    pub(crate) fn tokens(self, change: impl FnOnce(&mut TokenPolicy)) -> Self {
        self.with(|client| change(Arc::make_mut(&mut client.tokens)))
    }

    pub(crate) fn opaque(self) -> Self {
        self.tokens(|tokens| tokens.access_token_format = AccessTokenFormat::Opaque)
    }

    /// Its refresh tokens are rotated, and a lost answer may be asked for again for so long.
    pub(crate) fn rotate(self, reuse_interval: Duration) -> Self {
        self.tokens(|tokens| {
            tokens.refresh_token.rotation = RefreshRotation::Always;
            tokens.refresh_token.reuse_interval = reuse_interval;
        })
    }
}

/// The defaults of a Realm's spec.
pub(crate) fn token_policy() -> TokenPolicy {
    let day = Duration::from_secs(86_400);
    TokenPolicy {
        id_token: Duration::from_secs(600),
        access_token: Duration::from_secs(600),
        authorization_code: Duration::from_secs(60),
        access_token_format: AccessTokenFormat::Jwt,
        refresh_token: RefreshPolicy {
            lifetime: 30 * day,
            idle: 7 * day,
            rotation: RefreshRotation::PublicClients,
            reuse_interval: Duration::ZERO,
        },
    }
}
