use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value, json};

use super::claims::{Expression, InvalidClaimRule, Variables, check_name};
use crate::{jose::Compact, secret::Secret};

/// An access token for a Claims Provider that is longer than this many bytes is left out.
const MAX_ACCESS_TOKEN_LENGTH: usize = 4096;

/// The Claims Providers of a realm: who vouches for claims in place of the realm (OpenID Connect Core section 5.6.2).
#[derive(Debug, Default)]
pub struct ClaimSources(Vec<ClaimSource>);

/// A Claims Provider, and the claims that it vouches for.
#[derive(Debug)]
pub struct ClaimSource {
    name: Arc<str>,
    claims: Vec<Arc<str>>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// The claims are given, as a JWT that the Claims Provider has signed.
    Aggregated { jwt: Expression },
    /// The client is told where to fetch them.
    Distributed { endpoint: Arc<str>, access_token: AccessToken },
}

/// The token that a client fetches distributed claims with.
#[derive(Debug)]
enum AccessToken {
    /// None: client and Claims Provider have agreed on one.
    Agreed,
    /// Each person's own.
    Computed(Expression),
    /// That of the source's Secret ([`super::Realm::claim_source_tokens`]).
    Stored,
}

/// The claims of others for one person: `_claim_names` and `_claim_sources`.
#[derive(Default)]
pub struct ForeignClaims {
    /// Each claim, and the source that has it.
    pub names: Map<String, Value>,
    /// The sources.
    pub sources: Map<String, Value>,
}

impl ClaimSource {
    /// A source of aggregated claims; `jwt` is the expression that gives the JWT.
    ///
    /// # Errors
    /// [`InvalidClaimRule`] says what to mend.
    pub fn aggregated(name: &str, claims: &[String], jwt: &str) -> Result<Self, InvalidClaimRule> {
        Self::new(name, claims, Kind::Aggregated { jwt: Expression::compile(jwt)? })
    }

    /// A source of distributed claims; `access_token` is the expression that gives the token.
    ///
    /// # Errors
    /// [`InvalidClaimRule`] says what to mend.
    pub fn distributed(
        name: &str,
        claims: &[String],
        endpoint: &str,
        access_token: Option<&str>,
    ) -> Result<Self, InvalidClaimRule> {
        let access_token = match access_token {
            Some(expression) => AccessToken::Computed(Expression::compile(expression)?),
            None => AccessToken::Agreed,
        };
        Self::new(name, claims, Kind::Distributed { endpoint: endpoint.into(), access_token })
    }

    /// The same, with the one access token that stands in its Secret.
    ///
    /// # Errors
    /// [`InvalidClaimRule`] says what to mend.
    pub fn distributed_with_secret(name: &str, claims: &[String], endpoint: &str) -> Result<Self, InvalidClaimRule> {
        Self::new(name, claims, Kind::Distributed { endpoint: endpoint.into(), access_token: AccessToken::Stored })
    }

    fn new(name: &str, claims: &[String], kind: Kind) -> Result<Self, InvalidClaimRule> {
        claims.iter().try_for_each(|claim| check_name(claim))?;
        Ok(Self { name: name.into(), claims: claims.iter().map(|claim| claim.as_str().into()).collect(), kind })
    }

    /// The claims that it vouches for.
    pub fn claims(&self) -> impl Iterator<Item = &str> {
        self.claims.iter().map(|claim| &**claim)
    }

    /// True where its claims can't be told apart: whoever gets one gets all of them.
    pub fn is_aggregated(&self) -> bool {
        matches!(self.kind, Kind::Aggregated { .. })
    }
}

impl ClaimSources {
    /// Those of a realm.
    pub fn new(sources: Vec<ClaimSource>) -> Self {
        Self(sources)
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &ClaimSource> {
        self.0.iter()
    }

    /// The claims of others among those that are wanted, as far as there are any for this person. `tokens` are those of the sources'
    /// Secrets.
    ///
    /// A JWT can't be taken apart: it is given where all claims that it is declared to have are wanted, and `_claim_names` names those that
    /// it does have. Of two sources of one claim the first that has it is named.
    pub fn give(
        &self,
        wanted: impl Fn(&str) -> bool,
        variables: Variables<'_>,
        tokens: &BTreeMap<Arc<str>, Secret>,
    ) -> ForeignClaims {
        let mut given = ForeignClaims::default();
        let Some(context) = variables.context() else { return given };
        for source in &self.0 {
            let is_new = |claim: &&str| wanted(claim) && !given.names.contains_key(*claim);
            let mut names: Vec<&str> = source.claims().filter(is_new).collect();
            let value = match &source.kind {
                Kind::Aggregated { jwt } => {
                    if !source.claims().all(&wanted) {
                        continue;
                    }
                    let Some(Value::String(jwt)) = jwt.evaluate(&context) else { continue };
                    let Some(has) = claims_of(&jwt) else { continue };
                    names.retain(|name| has.as_ref().is_none_or(|has| has.contains_key(*name)));
                    json!({"JWT": jwt})
                }
                Kind::Distributed { endpoint, access_token } => {
                    let token = match access_token {
                        AccessToken::Agreed => None,
                        AccessToken::Computed(expression) => match expression.evaluate(&context) {
                            Some(Value::String(token)) if is_bearer_token(&token) => Some(token),
                            _ => continue,
                        },
                        AccessToken::Stored => match tokens.get(&source.name).and_then(|token| token.expose_str()) {
                            Some(token) if is_bearer_token(token) => Some(token.to_owned()),
                            _ => continue,
                        },
                    };
                    match token {
                        Some(token) => json!({"endpoint": &**endpoint, "access_token": token}),
                        None => json!({"endpoint": &**endpoint}),
                    }
                }
            };
            if !names.is_empty() {
                given.names.extend(names.into_iter().map(|name| (name.to_owned(), Value::from(&*source.name))));
                given.sources.insert(source.name.to_string(), value);
            }
        }
        given
    }
}

/// What a JWT says, for whoever is to verify it. The inner none: it is encrypted, so nobody but its reader can tell. The outer: it is no
/// JWT (RFC 7519 section 7.2).
fn claims_of(jwt: &str) -> Option<Option<Map<String, Value>>> {
    let is_encoded = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    match jwt.split('.').collect::<Vec<_>>().as_slice() {
        parts @ [_, _, _, _, _] if parts.iter().all(|part| is_encoded(part)) => Some(None),
        _ => Compact::parse(jwt).ok()?.claims_unverified().ok().map(Some),
    }
}

/// `b64token` (RFC 6750 section 2.1), and not too long to be handed out.
pub fn is_bearer_token(token: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    (1..=MAX_ACCESS_TOKEN_LENGTH).contains(&token.len()) && token.bytes().all(is_token)
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::{Value, json};

    use super::{ClaimSource, ClaimSources, ForeignClaims};
    use crate::{
        realm::claims::{InvalidClaimRule, Variables},
        secret::Secret,
    };

    fn names(claims: &[&str]) -> Vec<String> {
        claims.iter().map(|claim| (*claim).to_owned()).collect()
    }

    fn jwt(claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2ln", part(&json!({"alg": "ES256"})), part(claims))
    }

    fn give(sources: Vec<ClaimSource>, attributes: &Value, wanted: &[&str]) -> (Value, Value) {
        let (user, nothing) = (json!({"attributes": attributes}), json!({}));
        let variables = Variables { user: &user, client: &nothing, request: &nothing };
        let tokens = [("stored".into(), Secret::new("from-a-secret"))].into();
        let ForeignClaims { names, sources } =
            ClaimSources::new(sources).give(|name| wanted.contains(&name), variables, &tokens);
        (names.into(), sources.into())
    }

    #[test]
    fn core_5_6_2_an_aggregated_jwt_is_named_for_the_claims_that_it_has() {
        let source =
            || vec![ClaimSource::aggregated("hr", &names(&["level", "grade"]), "user.attributes.jwt[0]").unwrap()];
        let (both, one) = (jwt(&json!({"level": 1, "grade": 2})), jwt(&json!({"level": 1})));
        let wanted = ["level", "grade", "other"];
        assert_eq!(
            give(source(), &json!({"jwt": [both]}), &wanted),
            (json!({"level": "hr", "grade": "hr"}), json!({"hr": {"JWT": both}}))
        );
        assert_eq!(give(source(), &json!({"jwt": [one]}), &wanted).0, json!({"level": "hr"}));
        // It can't be taken apart.
        assert_eq!(give(source(), &json!({"jwt": [both]}), &["level"]), (json!({}), json!({})));
        let encrypted = "a.b.c.d.e";
        assert_eq!(give(source(), &json!({"jwt": [encrypted]}), &wanted).1, json!({"hr": {"JWT": encrypted}}));
        for none in [json!({}), json!({"jwt": ["no JWT"]}), json!({"jwt": ["a.b.c"]}), json!({"jwt": [{}]})] {
            assert_eq!(give(source(), &none, &wanted), (json!({}), json!({})), "{none}");
        }
    }

    #[test]
    fn core_5_6_2_a_distributed_claim_is_an_endpoint_and_perhaps_a_token() {
        let at = "https://bank.example/claims";
        let source = || {
            vec![
                ClaimSource::distributed("bank", &names(&["iban", "score"]), at, Some("user.attributes.token[0]"))
                    .unwrap(),
                ClaimSource::distributed("agreed", &names(&["score", "shoe"]), at, None).unwrap(),
                ClaimSource::distributed_with_secret("stored", &names(&["hat"]), at).unwrap(),
                ClaimSource::distributed_with_secret("missing", &names(&["hat", "tie"]), at).unwrap(),
            ]
        };
        let wanted = ["iban", "score", "shoe", "hat", "tie"];
        assert_eq!(
            give(source(), &json!({"token": ["t0k"]}), &wanted),
            (
                json!({"iban": "bank", "score": "bank", "shoe": "agreed", "hat": "stored"}),
                json!({
                    "bank": {"endpoint": at, "access_token": "t0k"}, "agreed": {"endpoint": at},
                    "stored": {"endpoint": at, "access_token": "from-a-secret"},
                })
            )
        );
        // Who has no token there has no such claims; another source may.
        assert_eq!(give(source(), &json!({}), &["iban", "score"]).0, json!({"score": "agreed"}));
        assert_eq!(give(source(), &json!({"token": ["a b"]}), &["iban"]).0, json!({}));
        assert_eq!(
            give(source(), &json!({"token": ["t"]}), &["iban"]).1,
            json!({"bank": {"endpoint": at, "access_token": "t"}})
        );
    }

    #[test]
    fn no_source_has_the_claims_of_the_token_itself() {
        let error = ClaimSource::distributed("a", &names(&["x", "sub"]), "https://a", None).unwrap_err();
        assert_eq!(error, InvalidClaimRule::Reserved("sub".into()));
        assert!(matches!(ClaimSource::aggregated("a", &names(&["x"]), "user."), Err(InvalidClaimRule::Syntax(_))));
    }
}
