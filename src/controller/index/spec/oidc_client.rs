use std::{sync::Arc, time::Duration};

use url::{Host, Url};

use super::{
    BindingSpec, Entry, Problems, access_token_format, client_metadata, client_metadata::jws_algorithm, grant_type,
    realm_name, refresh_rotation, response_type, subject_type,
};
use crate::{
    api,
    controller::{checks::key_lifecycle::seconds, marks, source::FieldProblem},
    jose::{Algorithm, JwsAlgorithm, foreign::ForeignKeys},
    realm::{
        AccessTokenFormat, AuthMethod, AuthenticationDefaults, ClientId, ClientKeys, Consent, GrantType, LogoutPolicy,
        ObjectName, Presentations, Protection, RedirectUri, RefreshRotation, RequestObjectPolicy, ResponseType,
        SubjectType, TokenPolicy, registration::Registration,
    },
};

/// An OidcClient's spec.
#[derive(Debug)]
pub struct OidcClientSpec {
    /// Its Realm.
    pub realm: ObjectName,
    /// `spec.clientId`; none: made of its name.
    pub client_id: Option<ClientId>,
    /// `spec.clientName`; none: the client identifier.
    pub display_name: Option<Arc<str>>,
    /// Where people are sent back to; never empty where the code flow is granted.
    pub redirect_uris: Vec<RedirectUri>,
    /// Where people may be sent after sign-out.
    pub post_logout_redirect_uris: Vec<RedirectUri>,
    /// Grants in force.
    pub grant_types: Vec<GrantType>,
    /// Response types in force.
    pub response_types: Vec<ResponseType>,
    /// What it may ask for.
    pub scopes: Scopes,
    /// Resource servers.
    pub audiences: Vec<Arc<str>>,
    /// How it proves who it is.
    pub method: AuthMethod,
    /// Where its secret stands.
    pub secret: ClientSecretSpec,
    /// The keys of `private_key_jwt`.
    pub keys: ClientKeys,
    /// ServiceAccounts whose tokens authenticate it.
    pub service_accounts: Vec<Arc<str>>,
    /// What its assertions must be signed with.
    pub assertion_algorithm: Option<JwsAlgorithm>,
    /// The secret itself is needed, not only its digest.
    pub needs_secret_value: bool,
    /// The least number of bytes that the secret must have.
    pub min_secret_length: usize,
    /// `spec.subjectType`; none: the realm's.
    pub subject_type: Option<SubjectType>,
    /// `spec.sectorIdentifierUri`.
    pub sector_identifier_uri: Option<Arc<str>>,
    /// How its ID tokens are protected.
    pub id_token: Protection,
    /// How UserInfo answers it.
    pub userinfo: Protection,
    /// What its request objects must be.
    pub request_object: RequestObjectPolicy,
    /// What holds where an authentication request does not say.
    pub defaults: AuthenticationDefaults,
    /// Whom to tell that a person has signed out.
    pub logout: LogoutPolicy,
    /// `spec.initiateLoginUri`.
    pub initiate_login_uri: Option<Arc<str>>,
    /// What people read about it.
    pub presentation: Presentations,
    /// Groups whose members may sign in to it.
    pub access_groups: Vec<Arc<str>>,
    /// Whether people are asked.
    pub consent: Consent,
    /// How it was registered, where it registered itself.
    pub registration: Option<Arc<Registration>>,
    tokens: TokenOverrides,
}

/// The scopes that a client may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scopes {
    /// None were named: those of [`Scopes::DEFAULT`] that the realm allows, where people sign in to it.
    Default,
    /// These.
    Named(Vec<Arc<str>>),
}

impl Scopes {
    /// What a client that people sign in to may ask for by default.
    pub const DEFAULT: [&'static str; 4] = ["openid", "profile", "email", "offline_access"];
}

/// Where a client's secret stands.
#[derive(Debug)]
pub enum ClientSecretSpec {
    /// It has none, and no Secret is written.
    None,
    /// The operator writes the Secret; [`BindingSpec::has_secret`] says whether a client secret stands in it.
    Binding(BindingSpec),
    /// Somebody else writes it.
    Reference {
        /// The Secret, in the client's namespace.
        name: Arc<str>,
        /// The entry that holds the client secret.
        entry: String,
        /// What remembers its former value; none: an edit is in force at once, and alone.
        shadow: Option<Box<BindingSpec>>,
    },
}

#[derive(Debug, Default, PartialEq, Eq)]
struct TokenOverrides {
    access_token_format: Option<AccessTokenFormat>,
    access_token: Option<Duration>,
    id_token: Option<Duration>,
    refresh_lifetime: Option<Duration>,
    refresh_idle: Option<Duration>,
    refresh_rotation: Option<RefreshRotation>,
    reuse_interval: Option<Duration>,
}

impl OidcClientSpec {
    /// The keys of the realm that it needs, each with the field that says so.
    pub fn signature_algorithms(&self) -> impl Iterator<Item = (&'static str, Algorithm)> {
        let fields = [
            ("spec.idTokenSignedResponseAlg", self.id_token.signing),
            ("spec.userinfoSignedResponseAlg", self.userinfo.signing),
        ];
        fields.into_iter().filter_map(|(field, algorithm)| Some((field, algorithm?.signature()?)))
    }

    /// Lifetimes and formats: the realm's, or its own.
    pub fn token_policy(&self, realm: &Arc<TokenPolicy>) -> Arc<TokenPolicy> {
        let own = &self.tokens;
        if *own == TokenOverrides::default() {
            return realm.clone();
        }
        let mut policy = TokenPolicy::clone(realm);
        set(&mut policy.access_token_format, own.access_token_format);
        set(&mut policy.access_token, own.access_token);
        set(&mut policy.id_token, own.id_token);
        set(&mut policy.refresh_token.lifetime, own.refresh_lifetime);
        set(&mut policy.refresh_token.idle, own.refresh_idle);
        set(&mut policy.refresh_token.rotation, own.refresh_rotation);
        set(&mut policy.refresh_token.reuse_interval, own.reuse_interval);
        Arc::new(policy)
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

impl TryFrom<&api::OidcClient> for OidcClientSpec {
    type Error = Vec<FieldProblem>;

    fn try_from(client: &api::OidcClient) -> Result<Self, Self::Error> {
        let mut problems = Problems::default();
        let spec = &client.spec;
        let method = method(spec.auth_method());
        check_grants(spec, method, &mut problems);
        let keys = keys(&spec.credentials, &mut problems);
        check_keys(&spec.credentials, method, &mut problems);
        client_metadata::check_recipients(spec, &keys, &mut problems);
        let shared = |texts: &[String]| texts.iter().map(|text| Arc::from(text.as_str())).collect();
        let redirect_uris = problems.each("spec.redirectUris", &spec.redirect_uris, RedirectUri::parse);
        client_metadata::check_frontchannel_logout(spec, &redirect_uris, &mut problems);
        let uris = &spec.post_logout_redirect_uris;
        let registration = marks::registration(&client.metadata).map(Arc::new);
        let parsed = Self {
            realm: realm_name(&spec.realm_ref, client.metadata.namespace.as_deref()),
            client_id: spec.client_id.as_deref().map(ClientId::new),
            display_name: spec.client_name.as_deref().map(Arc::from),
            redirect_uris,
            post_logout_redirect_uris: problems.each("spec.postLogoutRedirectUris", uris, RedirectUri::parse),
            grant_types: spec.grant_types().iter().copied().map(grant_type).collect(),
            response_types: spec.response_types().iter().copied().map(response_type).collect(),
            scopes: if spec.scopes.is_empty() { Scopes::Default } else { Scopes::Named(shared(&spec.scopes)) },
            audiences: shared(&spec.audiences),
            method,
            secret: secret(client, method, &mut problems),
            keys,
            service_accounts: spec
                .credentials
                .service_accounts
                .iter()
                .map(|account| account.name.as_str().into())
                .collect(),
            assertion_algorithm: spec.token_endpoint_auth_signing_alg.map(jws_algorithm),
            needs_secret_value: spec.needs_secret_value(),
            min_secret_length: client_metadata::min_secret_length(spec),
            subject_type: spec.subject_type.map(subject_type),
            sector_identifier_uri: client_metadata::shared(&spec.sector_identifier_uri),
            id_token: client_metadata::id_token(spec),
            userinfo: client_metadata::userinfo(spec),
            request_object: client_metadata::request_object(spec),
            defaults: client_metadata::defaults(spec),
            logout: client_metadata::logout(spec),
            initiate_login_uri: client_metadata::shared(&spec.initiate_login_uri),
            presentation: client_metadata::presentation(spec),
            access_groups: shared(&spec.access.groups),
            // For one that registered itself nobody vouches.
            consent: match spec.consent {
                api::Consent::Skip if registration.is_none() => Consent::Skip,
                _ => Consent::Ask,
            },
            registration,
            tokens: overrides(&spec.tokens),
        };
        problems.finish(parsed)
    }
}

pub(super) fn method(name: api::TokenEndpointAuthMethod) -> AuthMethod {
    match name {
        api::TokenEndpointAuthMethod::None => AuthMethod::None,
        api::TokenEndpointAuthMethod::ClientSecretBasic => AuthMethod::ClientSecretBasic,
        api::TokenEndpointAuthMethod::ClientSecretPost => AuthMethod::ClientSecretPost,
        api::TokenEndpointAuthMethod::ClientSecretJwt => AuthMethod::ClientSecretJwt,
        api::TokenEndpointAuthMethod::PrivateKeyJwt => AuthMethod::PrivateKeyJwt,
    }
}

/// What the CRD's own rules say too, for what came by without them.
fn check_grants(spec: &api::OidcClientSpec, method: AuthMethod, problems: &mut Problems) {
    let granted = |grant| spec.grant_types().contains(&grant);
    let code = granted(api::GrantType::AuthorizationCode);
    if code && spec.redirect_uris.is_empty() {
        problems.push("spec.redirectUris", "the grant type authorization_code needs at least one");
    }
    if granted(api::GrantType::RefreshToken) && !code {
        problems.push("spec.grantTypes", "the grant type refresh_token needs authorization_code beside it");
    }
    let grants: Vec<_> = spec.grant_types().iter().copied().map(grant_type).collect();
    for response in spec.response_types().iter().copied().map(response_type) {
        if !response.is_granted(&grants) {
            let needed = if response.has_code() && !code { "authorization_code" } else { "implicit" };
            let message = format_args!("the response type {response} needs the grant type {needed}");
            problems.push("spec.responseTypes", message);
        }
    }
    if granted(api::GrantType::Implicit) && spec.redirect_uris.is_empty() {
        problems.push("spec.redirectUris", "the grant type implicit needs at least one");
    }
    if method == AuthMethod::None && spec.needs_secret_value() {
        problems.push(
            "spec.tokenEndpointAuthMethod",
            "a public client has no secret: HS256, HS384, HS512 and dir are not for it",
        );
    }
    if granted(api::GrantType::ClientCredentials) && method == AuthMethod::None {
        problems.push("spec.grantTypes", "a public client can't use the grant type client_credentials");
    }
}

fn check_keys(credentials: &api::Credentials, method: AuthMethod, problems: &mut Problems) {
    match method {
        // Keys it may have: for signed request objects, and for what is encrypted for it.
        AuthMethod::None if !credentials.service_accounts.is_empty() => {
            problems.push("spec.credentials", "a public client (tokenEndpointAuthMethod none) has no credentials");
        }
        AuthMethod::PrivateKeyJwt if !credentials.has_keys() => {
            problems.push("spec.credentials", "private_key_jwt needs jwks, jwksUri or serviceAccounts");
        }
        _ => {}
    }
}

fn keys(credentials: &api::Credentials, problems: &mut Problems) -> ClientKeys {
    public_keys(credentials.jwks.as_ref(), credentials.jwks_uri.as_deref(), "spec.credentials", problems)
}

/// The keys of somebody else; `field` is where `jwks` and `jwksUri` stand.
pub(super) fn public_keys(
    jwks: Option<&api::Jwks>,
    jwks_uri: Option<&str>,
    field: &str,
    problems: &mut Problems,
) -> ClientKeys {
    match (jwks, jwks_uri) {
        (None, None) => ClientKeys::None,
        (Some(_), Some(_)) => {
            problems.push(field, "jwks and jwksUri exclude one another (RFC 7591 section 2)");
            ClientKeys::None
        }
        (Some(jwks), None) => {
            let parsed = serde_json::to_vec(jwks).ok().and_then(|json| ForeignKeys::parse(&json).ok());
            match parsed.filter(|keys| !keys.is_empty()) {
                Some(keys) => ClientKeys::Inline(Arc::new(keys)),
                None => {
                    problems.push(format!("{field}.jwks"), "it holds no key that can be used");
                    ClientKeys::None
                }
            }
        }
        (None, Some(uri)) if may_be_fetched(uri) => ClientKeys::Uri(uri.into()),
        (None, Some(_)) => {
            problems.push(format!("{field}.jwksUri"), "it must be https, or http on a loopback address");
            ClientKeys::None
        }
    }
}

fn may_be_fetched(uri: &str) -> bool {
    let Ok(url) = Url::parse(uri) else { return false };
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return false,
    };
    url.fragment().is_none()
        && url.username().is_empty()
        && (url.scheme() == "https" || url.scheme() == "http" && loopback)
}

fn secret(client: &api::OidcClient, method: AuthMethod, problems: &mut Problems) -> ClientSecretSpec {
    let credentials = &client.spec.credentials;
    let needs_value = method != AuthMethod::None && client.spec.needs_secret_value();
    let has_secret = needs_value
        || matches!(method, AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost | AuthMethod::ClientSecretJwt);
    let given = credentials.secret.clone().unwrap_or_default();
    let name = credentials.secret_name(client.metadata.name.as_deref().unwrap_or_default());
    match (has_secret, given.source) {
        (true, api::SecretSource::Reference) if given.name.is_none() => {
            problems.push("spec.credentials.secret.name", "source Reference needs the name of the Secret");
            ClientSecretSpec::None
        }
        (true, api::SecretSource::Reference) => ClientSecretSpec::Reference {
            name: name.into(),
            entry: Entry::ClientSecret.name(given.key_style, &given.keys),
            shadow: given.rotation.map(|rotation| {
                let client = client.metadata.name.as_deref().unwrap_or_default();
                Box::new(BindingSpec::shadow(client, seconds(rotation.overlap)))
            }),
        },
        (false, api::SecretSource::Reference) => {
            problems.push("spec.credentials.secret.source", "a client that uses no secret has none to refer to");
            ClientSecretSpec::None
        }
        // Without a secret, the rest of the entries is written only for who asks for it by name.
        (false, api::SecretSource::Generate) if given.name.is_none() => ClientSecretSpec::None,
        (_, api::SecretSource::Generate) => {
            let (min_length, new_length) = match has_secret {
                true => client_metadata::secret_lengths(&client.spec),
                false => (0, 0),
            };
            let binding = BindingSpec::parse(name, has_secret, &given, problems);
            ClientSecretSpec::Binding(binding.with_lengths(min_length, new_length))
        }
    }
}

fn overrides(tokens: &api::ClientTokens) -> TokenOverrides {
    let refresh = &tokens.refresh_token;
    TokenOverrides {
        access_token_format: tokens.access_token_format.map(access_token_format),
        access_token: tokens.access_token.map(api::Duration::as_std),
        id_token: tokens.id_token.map(api::Duration::as_std),
        refresh_lifetime: refresh.lifetime.map(api::Duration::as_std),
        refresh_idle: refresh.idle.map(api::Duration::as_std),
        refresh_rotation: refresh.rotation.map(refresh_rotation),
        reuse_interval: refresh.reuse_interval.map(api::DurationOrZero::as_std),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use std::sync::Arc;

    use super::{super::RealmSpec, ClientSecretSpec, OidcClientSpec};
    use crate::{
        api,
        realm::{AccessTokenFormat, AuthMethod, ClientKeys, GrantType, RefreshRotation},
    };

    fn parse(mut spec: Value) -> Result<OidcClientSpec, Vec<String>> {
        spec["realmRef"] = json!({"name": "staff"});
        let mut client = api::OidcClient::new("app", serde_json::from_value(spec).unwrap());
        client.metadata.namespace = Some("apps".into());
        OidcClientSpec::try_from(&client).map_err(|problems| problems.into_iter().map(|p| p.field).collect())
    }

    fn secret(spec: Value) -> (AuthMethod, String) {
        let spec = parse(spec).unwrap();
        let secret = match &spec.secret {
            ClientSecretSpec::None => "none".to_owned(),
            ClientSecretSpec::Binding(binding) => format!("{} {}", binding.name, binding.has_secret),
            ClientSecretSpec::Reference { name, entry, .. } => format!("{name}[{entry}]"),
        };
        (spec.method, secret)
    }

    #[test]
    fn frontchannel_2_the_logout_uri_has_the_origin_of_a_redirect_uri() {
        let uris = ["https://a.example/cb", "https://b.example:8443/cb", "http://127.0.0.1/cb"];
        for (uri, fits) in [
            ("https://a.example/out?x=1", true),
            ("https://b.example:8443/out", true),
            ("http://127.0.0.1:7000/out", true),
            ("https://b.example/out", false),
            ("https://c.example/out", false),
            ("http://a.example/out", false),
        ] {
            let parsed = parse(json!({"redirectUris": uris, "frontchannelLogoutUri": uri}));
            let problems = parsed.err().unwrap_or_default();
            assert_eq!(problems, if fits { vec![] } else { vec!["spec.frontchannelLogoutUri"] }, "{uri}");
        }
        // A redirect URI that is wrong is one problem, not two that look alike.
        let parsed = parse(json!({"redirectUris": ["/cb"], "frontchannelLogoutUri": "https://a.example/out"}));
        assert!(!parsed.unwrap_err().contains(&"spec.frontchannelLogoutUri".to_owned()));
        let elsewhere = json!({"redirectUris": uris, "backchannelLogoutUri": "https://logout.example/"});
        assert!(parse(elsewhere).is_ok(), "behind the person's back it may be any host");
    }

    #[test]
    fn a_secret_is_made_only_for_a_client_that_uses_one() {
        let basic = AuthMethod::ClientSecretBasic;
        for (spec, method, want) in [
            (json!({}), basic, "app-oidc true"),
            (json!({"credentials": {"secret": {"name": "x"}}}), basic, "x true"),
            (json!({"credentials": {"serviceAccounts": [{"name": "a"}]}}), AuthMethod::PrivateKeyJwt, "none"),
            (json!({"credentials": {"serviceAccounts": [{"name": "a"}], "secret": {}}}), basic, "app-oidc true"),
            (json!({"tokenEndpointAuthMethod": "none", "redirectUris": ["https://a/cb"]}), AuthMethod::None, "none"),
            (
                json!({"tokenEndpointAuthMethod": "none", "redirectUris": ["https://a/cb"],
                       "credentials": {"secret": {"name": "x"}}}),
                AuthMethod::None,
                "x false",
            ),
            (
                json!({"credentials": {"secret": {"name": "x", "source": "Reference", "keyStyle": "Env"}}}),
                basic,
                "x[CLIENT_SECRET]",
            ),
        ] {
            assert_eq!(secret(spec.clone()), (method, want.to_owned()), "{spec}");
        }
    }

    #[test]
    fn grants_follow_the_redirect_uris_unless_they_are_named() {
        assert_eq!(parse(json!({})).unwrap().grant_types, [GrantType::ClientCredentials]);
        let code = parse(json!({"redirectUris": ["https://a/cb"]})).unwrap();
        assert_eq!(code.grant_types, [GrantType::AuthorizationCode, GrantType::RefreshToken]);
        assert_eq!(code.response_types.len(), 1);
    }

    #[test]
    fn what_contradicts_itself_is_refused_with_its_field() {
        for (spec, field) in [
            (json!({"grantTypes": ["authorization_code"]}), "spec.redirectUris"),
            (json!({"grantTypes": ["refresh_token"]}), "spec.grantTypes"),
            (json!({"responseTypes": ["code"]}), "spec.responseTypes"),
            (json!({"tokenEndpointAuthMethod": "none"}), "spec.grantTypes"),
            (json!({"tokenEndpointAuthMethod": "private_key_jwt"}), "spec.credentials"),
            (json!({"redirectUris": ["https://a/cb", "http://a/cb"]}), "spec.redirectUris[1]"),
            (json!({"credentials": {"jwksUri": "com.example:/x"}}), "spec.credentials.jwksUri"),
            (json!({"credentials": {"jwks": {"keys": [{"kty": "EC"}]}}}), "spec.credentials.jwks"),
            (json!({"credentials": {"secret": {"source": "Reference"}}}), "spec.credentials.secret.name"),
            (json!({"idTokenEncryptedResponseAlg": "RSA-OAEP"}), "spec.idTokenEncryptedResponseAlg"),
            (
                json!({"userinfoEncryptedResponseAlg": "ECDH-ES", "credentials": {"secret": {}, "jwks": {"keys": [
                    {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
                ]}}}),
                "spec.userinfoEncryptedResponseAlg",
            ),
        ] {
            assert_eq!(parse(spec.clone()).unwrap_err(), [field], "{spec}");
        }
    }

    #[test]
    fn a_client_keeps_the_lifetimes_of_its_realm_but_for_its_own() {
        let realm = RealmSpec::try_from(&api::Realm::new("staff", api::RealmSpec::default())).unwrap();
        let tokens = &realm.settings.tokens;
        let policy = |spec: Value| parse(spec).unwrap().token_policy(tokens);
        assert!(Arc::ptr_eq(&policy(json!({})), tokens));
        let own = policy(json!({"tokens": {
            "accessTokenFormat": "opaque", "accessToken": "5m", "refreshToken": {"rotation": "Always", "reuseInterval": "10s"},
        }}));
        assert_eq!((own.access_token_format, own.access_token.as_secs()), (AccessTokenFormat::Opaque, 300));
        assert_eq!((own.id_token, own.refresh_token.lifetime), (tokens.id_token, tokens.refresh_token.lifetime));
        assert_eq!(own.refresh_token.rotation, RefreshRotation::Always);
        assert_eq!(own.refresh_token.reuse_interval.as_secs(), 10);
    }

    #[test]
    fn core_10_1_and_10_2_a_public_client_has_no_symmetric_algorithm() {
        let with = |method: &str, algorithm: &Value| {
            let mut spec = json!({"redirectUris": ["https://a/cb"], "tokenEndpointAuthMethod": method});
            spec.as_object_mut().unwrap().extend(algorithm.as_object().unwrap().clone());
            parse(spec).map(|_| ())
        };
        for algorithm in [
            json!({"idTokenSignedResponseAlg": "HS256"}),
            json!({"idTokenSignedResponseAlg": "HS512"}),
            json!({"userinfoSignedResponseAlg": "HS384"}),
            json!({"idTokenEncryptedResponseAlg": "dir"}),
            json!({"userinfoEncryptedResponseAlg": "dir"}),
        ] {
            assert_eq!(with("none", &algorithm), Err(vec!["spec.tokenEndpointAuthMethod".to_owned()]), "{algorithm}");
            assert_eq!(with("client_secret_basic", &algorithm), Ok(()), "{algorithm}");
        }
        assert_eq!(with("none", &json!({"idTokenSignedResponseAlg": "ES256"})), Ok(()));
    }

    /// They are not only for private_key_jwt.
    #[test]
    fn a_public_client_may_have_keys_that_are_encrypted_for_and_nothing_to_authenticate_with() {
        let public = |credentials: Value| {
            parse(json!({
                "tokenEndpointAuthMethod": "none", "redirectUris": ["https://a/cb"], "credentials": credentials,
                "idTokenEncryptedResponseAlg": "ECDH-ES",
            }))
        };
        let x25519 = json!({"kty": "OKP", "crv": "X25519", "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"});
        let spec = public(json!({"jwks": {"keys": [x25519]}})).unwrap();
        assert_eq!((spec.method, matches!(spec.secret, ClientSecretSpec::None)), (AuthMethod::None, true));
        assert!(public(json!({"jwksUri": "https://a.example/jwks"})).is_ok());
        let refused = public(json!({"jwksUri": "https://a.example/jwks", "serviceAccounts": [{"name": "a"}]}));
        assert_eq!(refused.unwrap_err(), ["spec.credentials"]);
    }

    #[test]
    fn keys_in_the_resource_are_parsed() {
        let jwk =
            json!({"kty": "OKP", "crv": "Ed25519", "kid": "1", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        let spec = parse(json!({"credentials": {"jwks": {"keys": [jwk]}}})).unwrap();
        assert!(matches!(spec.keys, ClientKeys::Inline(keys) if keys.contains("1")));
    }
}
