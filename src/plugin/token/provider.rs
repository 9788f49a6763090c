use serde::{Deserialize, Deserializer, de::Error};
use url::Url;

use super::{Http, Refusal, TokenError, Tokens};
use crate::{jose::foreign::ForeignKeys, realm::Issuer, secret::Secret};

/// RFC 7523 section 2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A provider as its metadata describe it (OpenID Connect Discovery section 3).
#[derive(Debug)]
pub struct Provider {
    /// Who it is.
    pub issuer: Issuer,
    http: Http,
    metadata: Metadata,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    issuer: String,
    #[serde(default, deserialize_with = "url")]
    authorization_endpoint: Option<Url>,
    #[serde(default, deserialize_with = "url")]
    token_endpoint: Option<Url>,
    #[serde(default, deserialize_with = "url")]
    revocation_endpoint: Option<Url>,
    #[serde(default, deserialize_with = "url")]
    jwks_uri: Option<Url>,
    #[serde(default)]
    code_challenge_methods_supported: Option<Vec<String>>,
    /// RFC 9207 section 3.
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// What is exchanged for tokens.
pub enum Grant<'a> {
    /// RFC 6749 section 4.1.3 and RFC 7636 section 4.5.
    Code {
        /// The code.
        code: &'a Secret,
        /// Where it came to.
        redirect_uri: &'a str,
        /// `code_verifier`.
        verifier: &'a Secret,
    },
    /// RFC 6749 section 6.
    Refresh(&'a Secret),
    /// RFC 6749 section 4.4, authenticated by RFC 7523 section 2.2.
    Workload(&'a Secret),
}

/// Who asks, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// `client_id`; none: the assertion says who it is.
    pub client_id: Option<String>,
    /// `scope`, separated by blanks; empty: the provider's default.
    pub scope: String,
    /// `resource` (RFC 8707).
    pub resources: Vec<String>,
}

impl Provider {
    /// Asks the issuer for its metadata.
    ///
    /// # Errors
    /// It can't be reached, or the metadata are of another issuer (Discovery section 4.3).
    pub async fn discover(http: Http, issuer: Issuer) -> Result<Self, TokenError> {
        let url = issuer.endpoint("/.well-known/openid-configuration");
        let metadata: Metadata = http.get(&url, "provider metadata").await?;
        if metadata.issuer != issuer.as_str() {
            let theirs: String = metadata.issuer.chars().filter(|c| !c.is_control()).take(200).collect();
            return Err(TokenError::Metadata(format!("{url} speaks for the issuer {theirs}")));
        }
        let endpoints = [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.revocation_endpoint];
        let has_clear = endpoints.into_iter().chain([&metadata.jwks_uri]).flatten().any(|url| url.scheme() != "https");
        // What is sent there must not go in the clear because a document says so.
        if has_clear && issuer.is_secure() {
            return Err(TokenError::Metadata("an endpoint of an https issuer is not https".into()));
        }
        Ok(Self { issuer, http, metadata })
    }

    /// Where people sign in.
    ///
    /// # Errors
    /// The provider has no code flow with S256.
    pub fn authorization_endpoint(&self) -> Result<&Url, TokenError> {
        let methods = self.metadata.code_challenge_methods_supported.as_ref();
        if methods.is_some_and(|methods| !methods.iter().any(|method| method == "S256")) {
            return Err(TokenError::Metadata("it has no PKCE with S256".into()));
        }
        endpoint(&self.metadata.authorization_endpoint, "authorization_endpoint")
    }

    /// Whether each authorization response says `iss`.
    pub fn says_iss(&self) -> bool {
        self.metadata.authorization_response_iss_parameter_supported
    }

    /// The keys that verify its ID tokens.
    ///
    /// # Errors
    /// They can't be read.
    pub async fn keys(&self) -> Result<ForeignKeys, TokenError> {
        let url = endpoint(&self.metadata.jwks_uri, "jwks_uri")?;
        let set: serde_json::Value = self.http.get(url.as_str(), "JWK Set").await?;
        ForeignKeys::parse(set.to_string().as_bytes()).map_err(|error| TokenError::Answer(format!("{url}: {error}")))
    }

    /// Exchanges a grant.
    ///
    /// # Errors
    /// The provider refuses or can't be reached.
    pub async fn tokens(&self, grant: Grant<'_>, wish: &Wish) -> Result<Tokens, TokenError> {
        let url = endpoint(&self.metadata.token_endpoint, "token_endpoint")?.as_str();
        let mut form: Vec<(&str, &str)> = Vec::with_capacity(8);
        match grant {
            Grant::Code { code, redirect_uri, verifier } => form.extend([
                ("grant_type", "authorization_code"),
                ("code", text(code)?),
                ("redirect_uri", redirect_uri),
                ("code_verifier", text(verifier)?),
            ]),
            Grant::Refresh(token) => form.extend([("grant_type", "refresh_token"), ("refresh_token", text(token)?)]),
            Grant::Workload(assertion) => {
                form.extend([
                    ("grant_type", "client_credentials"),
                    ("client_assertion_type", JWT_BEARER),
                    ("client_assertion", text(assertion)?),
                ]);
                form.extend((!wish.scope.is_empty()).then_some(("scope", &*wish.scope)));
            }
        }
        form.extend(wish.client_id.as_deref().map(|id| ("client_id", id)));
        form.extend(wish.resources.iter().map(|resource| ("resource", resource.as_str())));
        self.http.post(url, &form).await?.success("token response", url)
    }

    /// Revokes a refresh token, and with it all that came of the same sign-in (RFC 7009 section 2.1). A provider that no longer knows
    /// the token or the client has nothing to revoke; what it says then comes back.
    ///
    /// # Errors
    /// It can't be reached, or has no revocation endpoint.
    pub async fn revoke(&self, token: &Secret, client_id: Option<&str>) -> Result<Option<Refusal>, TokenError> {
        let url = endpoint(&self.metadata.revocation_endpoint, "revocation_endpoint")?.as_str();
        let mut form = vec![("token", text(token)?), ("token_type_hint", "refresh_token")];
        form.extend(client_id.map(|id| ("client_id", id)));
        match self.http.post(url, &form).await?.check(url) {
            Ok(()) => Ok(None),
            Err(TokenError::Refused(refusal)) => Ok(Some(refusal)),
            Err(error) => Err(error),
        }
    }
}

fn url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Url>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| Url::parse(&text).map_err(D::Error::custom)).transpose()
}

fn endpoint<'a>(url: &'a Option<Url>, name: &str) -> Result<&'a Url, TokenError> {
    url.as_ref().ok_or_else(|| TokenError::Metadata(format!("the provider has no {name}")))
}

fn text(secret: &Secret) -> Result<&str, TokenError> {
    secret.expose_str().ok_or(TokenError::Response("a token is not text"))
}
