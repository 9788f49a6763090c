use std::{collections::BTreeSet, sync::Arc};

use ipnet::IpNet;

use super::{
    InitialAccessTokenSpec, Problems, access_token_format, algorithm, grant_type, refresh_rotation, registration,
    response_type, subject_type,
};
use crate::{
    api,
    controller::source::FieldProblem,
    jose::Algorithm,
    realm::{
        AssertionAudience, ClaimSource, ClaimSources, InvalidIssuer, Issuer, Lockout, LoginPolicy, Pkce, RefreshPolicy,
        STANDARD_SCOPES, Scope, SessionPolicy, Settings, TokenPolicy,
        claims::{ClaimRules, InvalidClaimRule},
    },
};

/// A Realm's spec.
#[derive(Debug)]
pub struct RealmSpec {
    /// `spec.issuer`; none: below the public URL.
    pub issuer: Option<Issuer>,
    /// What the provider needs to know.
    pub settings: Arc<Settings>,
    /// The Secret with the salt of pairwise subjects, in the Realm's namespace.
    pub salt_secret: Option<Arc<str>>,
    /// The Secrets with access tokens for Claims Providers, each after the name of its source and its place in the list.
    pub claim_source_secrets: Vec<ClaimSourceSecret>,
    /// Whether missing rings are created.
    default_keys: bool,
    /// Who may attach.
    pub allowed: api::Allowed,
    /// The Secrets with tokens that let their holders register clients.
    pub initial_access_tokens: Vec<InitialAccessTokenSpec>,
}

/// The Secret with the access token of a source of claims, in the Realm's namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimSourceSecret {
    /// The source.
    pub source: Arc<str>,
    /// The Secret.
    pub secret: Arc<str>,
    /// Where it is named.
    pub field: String,
}

/// The first segments of the routes below an issuer. An issuer with one of them in its path could hide an endpoint of the issuer
/// above it, which may be somebody else's.
const ROUTES: [&str; 17] = [
    ".well-known",
    "authorize",
    "token",
    "userinfo",
    "jwks",
    "introspect",
    "revoke",
    "logout",
    "par",
    "device_authorization",
    "device",
    "register",
    "bc-authorize",
    "session",
    "login",
    "consent",
    "account",
];

impl RealmSpec {
    /// The algorithms for which rings are created where there are none: ES256, RS256 (which OpenID Connect requires of every
    /// provider), and the default, without which nothing could be signed.
    pub fn default_rings(&self) -> Vec<Algorithm> {
        let mut rings = vec![Algorithm::Es256, Algorithm::Rs256];
        let default = self.settings.default_algorithm;
        if !rings.contains(&default) {
            rings.push(default);
        }
        if self.default_keys { rings } else { Vec::new() }
    }
}

impl TryFrom<&api::Realm> for RealmSpec {
    type Error = Vec<FieldProblem>;

    fn try_from(realm: &api::Realm) -> Result<Self, Self::Error> {
        let mut problems = Problems::default();
        let issuer = realm.spec.issuer.as_deref();
        let issuer = issuer.and_then(|text| problems.take("spec.issuer", parse_issuer(text)));
        let salt = realm.spec.pairwise_salt_secret_ref.as_ref();
        if realm.spec.subject_type == api::SubjectType::Pairwise && salt.is_none() {
            problems.push("spec.pairwiseSaltSecretRef", "subjectType pairwise needs it");
        }
        let settings = Arc::new(settings(realm, &mut problems));
        let initial_access_tokens = registration::initial_access_tokens(&realm.spec.registration, &mut problems);
        problems.finish(Self {
            issuer,
            settings,
            claim_source_secrets: claim_source_secrets(&realm.spec.claim_sources),
            salt_secret: salt.map(|reference| reference.name.as_str().into()),
            default_keys: realm.spec.signing.default_keys == api::DefaultKeys::Create,
            allowed: realm.spec.allowed.clone(),
            initial_access_tokens,
        })
    }
}

fn parse_issuer(text: &str) -> Result<Issuer, InvalidIssuer> {
    let issuer = Issuer::parse(text)?;
    if issuer.path().split('/').any(|segment| ROUTES.contains(&segment)) {
        return Err(InvalidIssuer("no part of its path may be the name of an endpoint, such as token or login"));
    }
    Ok(issuer)
}

fn settings(realm: &api::Realm, problems: &mut Problems) -> Settings {
    let spec = &realm.spec;
    let claims = claims(&spec.claims, problems);
    let networks = &spec.outbound.allowed_networks;
    let name = || realm.metadata.name.as_deref().unwrap_or_default();
    let claim_sources = claim_sources(&spec.claim_sources, problems);
    let scopes = scopes(&spec.scopes, &claims, &spec.claim_sources, problems);
    let grant_types = in_order(&spec.allowed.oidc_clients.grant_types, grant_type);
    let response_types = in_order(&spec.allowed.oidc_clients.response_types, response_type);
    let bounds = registration::Bounds {
        grant_types: &grant_types,
        response_types: &response_types,
        scopes: &scopes,
        allowed: &spec.allowed.oidc_clients,
    };
    let registration = registration::policy(&spec.registration, &bounds, problems);
    Settings {
        display_name: spec.display_name.as_deref().unwrap_or_else(name).into(),
        tokens: Arc::new(tokens(&spec.tokens)),
        sessions: SessionPolicy { idle: spec.sessions.idle.as_std(), absolute: spec.sessions.absolute.as_std() },
        default_algorithm: algorithm(spec.signing.default_algorithm),
        subject_type: subject_type(spec.subject_type),
        pkce: match spec.pkce {
            api::Pkce::Required => Pkce::Required,
            api::Pkce::PublicClients => Pkce::PublicClients,
            api::Pkce::Optional => Pkce::Optional,
        },
        assertion_audience: match spec.assertion_audience {
            api::AssertionAudience::IssuerOrTokenEndpoint => AssertionAudience::IssuerOrTokenEndpoint,
            api::AssertionAudience::Issuer => AssertionAudience::Issuer,
        },
        login: login(&spec.login),
        web_finger_domains: spec.web_finger.domains.iter().map(|domain| domain.as_str().into()).collect(),
        scopes,
        claims,
        claim_sources,
        grant_types,
        response_types,
        registration,
        allowed_scopes: spec.allowed.oidc_clients.scopes.iter().map(|scope| scope.as_str().into()).collect(),
        allowed_networks: problems.each("spec.outbound.allowedNetworks", networks, |text| {
            text.parse::<IpNet>().map(|network| network.trunc())
        }),
    }
}

/// Sorted and without repetition: the order of metadata is that of the hall's type.
fn in_order<T: Copy, U: Ord>(given: &[T], convert: impl Fn(T) -> U) -> Vec<U> {
    given.iter().copied().map(convert).collect::<BTreeSet<_>>().into_iter().collect()
}

fn tokens(tokens: &api::Tokens) -> TokenPolicy {
    let refresh = &tokens.refresh_token;
    TokenPolicy {
        id_token: tokens.id_token.as_std(),
        access_token: tokens.access_token.as_std(),
        authorization_code: tokens.authorization_code.as_std(),
        access_token_format: access_token_format(tokens.access_token_format),
        refresh_token: RefreshPolicy {
            lifetime: refresh.lifetime.as_std(),
            idle: refresh.idle.as_std(),
            rotation: refresh_rotation(refresh.rotation),
            reuse_interval: refresh.reuse_interval.as_std(),
        },
    }
}

fn login(login: &api::Login) -> LoginPolicy {
    LoginPolicy {
        passwords: login.passwords == api::Switch::Enabled,
        password_change: login.password_change == api::Switch::Enabled,
        lockout: Lockout {
            max_failures: login.lockout.max_failures.max(1),
            window: login.lockout.window.as_std(),
            duration: login.lockout.duration.as_std(),
        },
    }
}

fn claims(claims: &[api::CustomClaim], problems: &mut Problems) -> ClaimRules {
    let pair = |claim: &'_ api::CustomClaim| -> (String, String) { (claim.name.clone(), claim.expression.clone()) };
    let rules: Vec<_> = claims.iter().map(pair).collect();
    let all = ClaimRules::compile(rules.iter().map(|(name, expression)| (name.as_str(), expression.as_str())));
    let Err(_) = &all else { return all.unwrap_or_default() };
    for (index, (name, expression)) in rules.iter().enumerate() {
        if let Err((_, error)) = ClaimRules::compile([(name.as_str(), expression.as_str())]) {
            problems.push(format!("spec.claims[{index}].expression"), error);
        }
    }
    ClaimRules::default()
}

fn claim_sources(sources: &[api::ClaimSource], problems: &mut Problems) -> ClaimSources {
    let mut parsed = Vec::with_capacity(sources.len());
    for (index, source) in sources.iter().enumerate() {
        let field = format!("spec.claimSources[{index}]");
        let (name, claims) = (&source.name, &source.claims);
        let (field, source) = match (&source.aggregated, &source.distributed) {
            (Some(aggregated), None) => {
                let source = ClaimSource::aggregated(name, claims, &aggregated.jwt_expression);
                (format!("{field}.aggregated.jwtExpression"), source)
            }
            (None, Some(distributed)) if distributed.access_token_secret_ref.is_some() => {
                (field, ClaimSource::distributed_with_secret(name, claims, &distributed.endpoint))
            }
            (None, Some(distributed)) => {
                let token = distributed.access_token_expression.as_deref();
                let source = ClaimSource::distributed(name, claims, &distributed.endpoint, token);
                (format!("{field}.distributed.accessTokenExpression"), source)
            }
            _ => {
                problems.push(field, "claims are either aggregated or distributed: give one of them");
                continue;
            }
        };
        let field = match &source {
            Err(InvalidClaimRule::Reserved(_)) => format!("spec.claimSources[{index}].claims"),
            _ => field,
        };
        parsed.extend(problems.take(field, source));
    }
    ClaimSources::new(parsed)
}

fn claim_source_secrets(sources: &[api::ClaimSource]) -> Vec<ClaimSourceSecret> {
    let secret = |(index, source): (usize, &api::ClaimSource)| {
        let secret = source.distributed.as_ref()?.access_token_secret_ref.as_ref()?;
        Some(ClaimSourceSecret {
            source: source.name.as_str().into(),
            secret: secret.name.as_str().into(),
            field: format!("spec.claimSources[{index}].distributed.accessTokenSecretRef"),
        })
    };
    sources.iter().enumerate().filter_map(secret).collect()
}

fn scopes(
    custom: &[api::CustomScope],
    claims: &ClaimRules,
    sources: &[api::ClaimSource],
    problems: &mut Problems,
) -> Vec<Scope> {
    let standard = STANDARD_SCOPES.iter().map(|(name, claims)| Scope {
        name: (*name).into(),
        description: (*name).into(),
        claims: claims.iter().map(|claim| Arc::from(*claim)).collect(),
    });
    let mut scopes: Vec<_> = standard.collect();
    let standard = STANDARD_SCOPES.iter().flat_map(|(_, claims)| claims.iter().copied());
    let of_others = sources.iter().flat_map(|source| source.claims.iter().map(String::as_str));
    let known: BTreeSet<&str> = standard.chain(claims.names()).chain(of_others).collect();
    for (index, scope) in custom.iter().enumerate() {
        let field = format!("spec.scopes[{index}]");
        if scopes.iter().any(|other| *other.name == *scope.name) {
            problems.push(format!("{field}.name"), format_args!("the scope \"{}\" is there already", scope.name));
        }
        for (at, claim) in scope.claims.iter().enumerate().filter(|(_, claim)| !known.contains(claim.as_str())) {
            let message = format_args!(
                "there is no claim \"{claim}\": name a standard one, or one of spec.claims or spec.claimSources"
            );
            problems.push(format!("{field}.claims[{at}]"), message);
        }
        scopes.push(Scope {
            name: scope.name.as_str().into(),
            description: scope.description.as_deref().unwrap_or(&scope.name).into(),
            claims: scope.claims.iter().map(|claim| Arc::from(claim.as_str())).collect(),
        });
    }
    scopes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RealmSpec;
    use crate::{api, jose::Algorithm, realm::GrantType};

    fn parse(spec: serde_json::Value) -> Result<RealmSpec, Vec<(String, String)>> {
        let realm = api::Realm::new("staff", serde_json::from_value(spec).unwrap());
        RealmSpec::try_from(&realm)
            .map_err(|problems| problems.into_iter().map(|problem| (problem.field, problem.message)).collect())
    }

    #[test]
    fn an_empty_spec_is_complete() {
        let spec = parse(json!({})).unwrap();
        assert!(spec.issuer.is_none() && spec.default_keys);
        assert_eq!(&*spec.settings.display_name, "staff");
        assert_eq!(spec.settings.default_algorithm, Algorithm::Es256);
        assert_eq!(spec.settings.scopes.len(), 7);
        assert_eq!(
            spec.settings.grant_types,
            [GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::ClientCredentials]
        );
    }

    #[test]
    fn every_mistake_is_named_with_its_field() {
        let problems = parse(json!({
            "issuer": "https://id.example.com/staff/token",
            "subjectType": "pairwise",
            "claims": [{"name": "a", "expression": "user."}, {"name": "b", "expression": "1"}, {"name": "c", "expression": "who"}],
            "scopes": [{"name": "more", "claims": ["email", "nothing"]}, {"name": "email"}],
            "outbound": {"allowedNetworks": ["10.0.0.0/8", "ten"]},
        }))
        .unwrap_err();
        let mut fields: Vec<_> = problems.iter().map(|(field, _)| field.as_str()).collect();
        fields.sort_unstable();
        assert_eq!(
            fields,
            [
                "spec.claims[0].expression",
                "spec.claims[2].expression",
                "spec.issuer",
                "spec.outbound.allowedNetworks[1]",
                "spec.pairwiseSaltSecretRef",
                "spec.scopes[0].claims[1]",
                "spec.scopes[1].name",
            ]
        );
    }

    #[test]
    fn core_5_6_2_a_source_is_aggregated_or_distributed_and_its_claims_may_be_in_a_scope() {
        let spec = parse(json!({
            "claimSources": [
                {"name": "hr", "claims": ["level"], "aggregated": {"jwtExpression": "user.attributes.level[0]"}},
                {"name": "bank", "claims": ["iban"], "distributed": {
                    "endpoint": "https://bank.example/claims", "accessTokenSecretRef": {"name": "bank-token"},
                }},
            ],
            "scopes": [{"name": "money", "claims": ["level", "iban"]}],
        }))
        .unwrap();
        let secret = spec.claim_source_secrets.first().unwrap();
        assert_eq!((&*secret.source, &*secret.secret), ("bank", "bank-token"));
        assert_eq!(secret.field, "spec.claimSources[1].distributed.accessTokenSecretRef");
        assert_eq!(spec.settings.claim_sources.iter().filter(|source| source.is_aggregated()).count(), 1);
        let endpoint = "https://a.example";
        let problems = parse(json!({"claimSources": [
            {"name": "a", "claims": ["x"]},
            {"name": "b", "claims": ["sub"], "distributed": {"endpoint": endpoint}},
            {"name": "c", "claims": ["x"], "distributed": {"endpoint": endpoint, "accessTokenExpression": "who"}},
            {"name": "d", "claims": ["x"], "aggregated": {"jwtExpression": "user."}},
        ]}))
        .unwrap_err();
        let fields: Vec<_> = problems.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "spec.claimSources[0]",
                "spec.claimSources[1].claims",
                "spec.claimSources[2].distributed.accessTokenExpression",
                "spec.claimSources[3].aggregated.jwtExpression",
            ]
        );
    }

    #[test]
    fn a_scope_may_release_a_computed_claim() {
        let spec = parse(json!({
            "claims": [{"name": "department", "expression": "user.attributes.department[0]"}],
            "scopes": [{"name": "department", "claims": ["department"]}],
        }))
        .unwrap();
        assert_eq!(spec.settings.scope("department").map(|scope| &*scope.description), Some("department"));
    }
}
