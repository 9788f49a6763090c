//! A relying party in a few lines: what any client library does, so that the tests say what travels.

use std::collections::BTreeMap;

use aws_lc_rs::{digest, rand};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use reqwest::{StatusCode, header};
use serde_json::Value;
use url::Url;

use super::agent::{Agent, Landing};

/// A client of an issuer.
#[derive(Clone)]
pub struct RelyingParty {
    pub http: reqwest::Client,
    /// What discovery says.
    pub metadata: Value,
    pub client_id: String,
    /// None: a public client.
    pub secret: Option<String>,
    pub redirect_uri: String,
}

/// An answer in JSON.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: header::HeaderMap,
    pub body: Value,
}

/// A request for authorization that is under way.
pub struct Attempt {
    pub url: String,
    pub state: String,
    pub nonce: String,
    pub verifier: String,
}

impl RelyingParty {
    /// A client that knows its issuer by discovery.
    pub async fn discover(http: reqwest::Client, issuer: &str, client_id: &str, secret: Option<&str>) -> Self {
        let url = format!("{issuer}/.well-known/openid-configuration");
        let metadata: Value = http.get(&url).send().await.unwrap().error_for_status().unwrap().json().await.unwrap();
        assert_eq!(metadata["issuer"], issuer, "OpenID Connect Discovery section 4.3");
        Self {
            http,
            metadata,
            client_id: client_id.to_owned(),
            secret: secret.map(str::to_owned),
            redirect_uri: "http://127.0.0.1:7777/callback".to_owned(),
        }
    }

    /// The URL of an endpoint, by its name in the metadata.
    #[track_caller]
    pub fn endpoint(&self, name: &str) -> &str {
        self.metadata[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.metadata))
    }

    /// Starts a code flow with PKCE; `more` is added to the request, or replaces what is there (empty: leaves it out).
    pub fn attempt(&self, scope: &str, more: &[(&str, &str)]) -> Attempt {
        let (state, nonce, verifier) = (random(), random(), random());
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
        let mut parameters = BTreeMap::from([
            ("response_type", "code"),
            ("client_id", &self.client_id),
            ("redirect_uri", &self.redirect_uri),
            ("scope", scope),
            ("state", &state),
            ("nonce", &nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        parameters.extend(more.iter().copied());
        let mut url = Url::parse(self.endpoint("authorization_endpoint")).unwrap();
        url.query_pairs_mut().extend_pairs(parameters.iter().filter(|(_, value)| !value.is_empty()));
        Attempt { url: url.into(), state, nonce, verifier }
    }

    /// Takes the answer at the redirect URI; its `state` and `iss` must be right (RFC 6749 section 10.12, RFC 9207).
    #[track_caller]
    pub fn code(&self, attempt: &Attempt, back: &Url) -> String {
        assert!(back.as_str().starts_with(&format!("{}?", self.redirect_uri)), "sent back to {back}");
        let query: BTreeMap<_, _> = back.query_pairs().into_owned().collect();
        assert_eq!(query.get("state"), Some(&attempt.state), "{back}");
        assert_eq!(query.get("iss").map(String::as_str), self.metadata["issuer"].as_str(), "{back}");
        query.get("code").unwrap_or_else(|| panic!("no code in {back}")).clone()
    }

    /// Exchanges a code.
    pub async fn redeem(&self, attempt: &Attempt, code: &str) -> Answer {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", &attempt.verifier),
        ];
        self.token(&form).await
    }

    /// The whole code flow of a person who types these; the answer of the token endpoint.
    pub async fn sign_in(&self, agent: &Agent, username: &str, password: &str, scope: &str) -> (Attempt, Answer) {
        let attempt = self.attempt(scope, &[]);
        let back = sign_in_at(agent, &attempt.url, username, password).await;
        let code = self.code(&attempt, &back);
        let answer = self.redeem(&attempt, &code).await;
        (attempt, answer)
    }

    /// Uses a refresh token.
    pub async fn refresh(&self, token: &str) -> Answer {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// Asks the token endpoint.
    pub async fn token(&self, form: &[(&str, &str)]) -> Answer {
        self.post("token_endpoint", form).await
    }

    /// Asks about a token.
    pub async fn introspect(&self, token: &str) -> Answer {
        self.post("introspection_endpoint", &[("token", token)]).await
    }

    /// Revokes a token.
    pub async fn revoke(&self, token: &str) -> Answer {
        self.post("revocation_endpoint", &[("token", token)]).await
    }

    /// Posts a form, authenticated by client_secret_basic, or `client_id` for a public client.
    pub async fn post(&self, endpoint: &str, form: &[(&str, &str)]) -> Answer {
        let named = self.secret.is_none().then_some(("client_id", self.client_id.as_str()));
        let body =
            form_urlencoded::Serializer::new(String::new()).extend_pairs(form.iter().copied().chain(named)).finish();
        let mut request = self.http.post(self.endpoint(endpoint));
        if let Some(secret) = &self.secret {
            // RFC 6749 section 2.3.1: both are form-encoded first.
            request = request.basic_auth(encoded(&self.client_id), Some(encoded(secret)));
        }
        Answer::read(request.header(header::CONTENT_TYPE, FORM).body(body)).await
    }

    /// Who the holder of the access token is.
    pub async fn userinfo(&self, access_token: &str) -> Answer {
        Answer::read(self.http.get(self.endpoint("userinfo_endpoint")).bearer_auth(access_token)).await
    }

    /// Verifies a JWT with the issuer's published keys, as any library does, and returns its header and claims.
    #[track_caller]
    pub fn verify(&self, jwks: &Value, token: &str) -> (jsonwebtoken::Header, Value) {
        let header = jsonwebtoken::decode_header(token).unwrap_or_else(|error| panic!("{error}: {token}"));
        let keys: jsonwebtoken::jwk::JwkSet = serde_json::from_value(jwks.clone()).unwrap();
        let key = keys.find(header.kid.as_deref().expect("a kid")).expect("a published key of this kid");
        let mut validation = jsonwebtoken::Validation::new(header.alg);
        validation.validate_aud = false;
        validation.set_issuer(&[self.metadata["issuer"].as_str().unwrap()]);
        let key = jsonwebtoken::DecodingKey::from_jwk(key).unwrap();
        (header, jsonwebtoken::decode(token, &key, &validation).unwrap().claims)
    }

    /// The issuer's published keys.
    pub async fn jwks(&self) -> Value {
        self.http.get(self.endpoint("jwks_uri")).send().await.unwrap().json().await.unwrap()
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

/// Signs in on the pages that follow, agrees where asked, and returns where the browser is sent back to.
pub async fn sign_in_at(agent: &Agent, url: &str, username: &str, password: &str) -> Url {
    let login = agent.open(url).await.page();
    assert!(login.is_login(), "a login page was expected: {} {}\n{}", login.status, login.url, login.body);
    let landing = agent.submit(&login, &[("username", username), ("password", password)]).await;
    agree(agent, landing).await
}

/// Agrees, where the person is asked to.
pub async fn agree(agent: &Agent, landing: Landing) -> Url {
    match landing {
        Landing::Away(url) => url,
        Landing::Page(page) => {
            assert!(page.status.is_success() && !page.is_login(), "not signed in: {} {}", page.status, page.text());
            agent.submit(&page, &[("action", "allow")]).await.away()
        }
    }
}

impl Answer {
    /// Sends a request and reads the answer; an empty body is null.
    pub async fn read(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body =
            if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(Value::String(text)) };
        Self { status, headers, body }
    }

    /// The answer's member of this name; it must be a success.
    #[track_caller]
    pub fn text(&self, name: &str) -> String {
        assert!(self.status.is_success(), "{} {}", self.status, self.body);
        self.body[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.body)).to_owned()
    }

    /// Asserts that it is this error (RFC 6749 section 5.2).
    #[track_caller]
    pub fn assert_error(&self, status: u16, code: &str) {
        assert_eq!((self.status.as_u16(), self.body["error"].as_str()), (status, Some(code)), "{}", self.body);
    }
}

/// Percent-encoding of application/x-www-form-urlencoded.
pub fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// 256 random bits.
pub fn random() -> String {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).unwrap();
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Sees into a JWT without verifying it.
#[track_caller]
pub fn peek(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap_or_else(|| panic!("no JWT: {token}"));
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}
