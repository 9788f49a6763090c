use std::{fs, path::Path, time::Duration};

use http_body_util::{BodyExt, Limited};
use reqwest::{StatusCode, header};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::{Refusal, TokenError};

/// Nothing that a provider answers is longer: 1 MiB.
const MAX_ANSWER: usize = 1 << 20;
const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Requests to a provider: no redirect is followed, so nothing that is sent reaches anybody else.
#[derive(Debug, Clone)]
pub struct Http(reqwest::Client);

/// An answer, read whole; its body may hold tokens.
pub struct Answer {
    status: StatusCode,
    body: Zeroizing<Vec<u8>>,
}

impl Http {
    /// Trusts the machine's certificate authorities and those of the file (PEM), if there is one.
    ///
    /// # Errors
    /// The file can't be read or holds no certificate.
    pub fn new(certificate_authority: Option<&Path>) -> Result<Self, TokenError> {
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("kubectl-realmkeeper/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT);
        if let Some(path) = certificate_authority {
            let pem = fs::read(path).map_err(|error| TokenError::File { path: path.into(), error })?;
            let certificates = reqwest::Certificate::from_pem_bundle(&pem).ok().filter(|found| !found.is_empty());
            let certificates = certificates.ok_or_else(|| TokenError::CertificateAuthority(path.into()))?;
            builder = builder.tls_certs_merge(certificates);
        }
        builder.build().map(Self).map_err(|error| TokenError::Unreachable(chain(&error)))
    }

    /// Reads a document.
    ///
    /// # Errors
    /// There is no answer, or it is not `what`.
    pub async fn get<T: DeserializeOwned>(&self, url: &str, what: &'static str) -> Result<T, TokenError> {
        let answer = read(self.0.get(url).header(header::ACCEPT, "application/json")).await?;
        match answer.status {
            StatusCode::OK => answer.json(what, url),
            status => Err(TokenError::Answer(format!("{url} answers {status}, and no {what}"))),
        }
    }

    /// Sends a form to an endpoint.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn post(&self, url: &str, form: &[(&str, &str)]) -> Result<Answer, TokenError> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self.0.post(url).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        read(request.header(header::ACCEPT, "application/json").body(body)).await
    }
}

async fn read(request: reqwest::RequestBuilder) -> Result<Answer, TokenError> {
    let response = request.send().await.map_err(|error| TokenError::Unreachable(chain(&error)))?;
    let status = response.status();
    let body = Limited::new(reqwest::Body::from(response), MAX_ANSWER).collect().await;
    let body = body.map_err(|_| TokenError::Unreachable("the answer is cut short or too long".into()))?;
    Ok(Answer { status, body: Zeroizing::new(body.to_bytes().to_vec()) })
}

/// A failed request in one line; the URLs that it names have no query.
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    text
}

impl Answer {
    /// The JSON of a success.
    ///
    /// # Errors
    /// The provider's own error, or what else it is that came back.
    pub fn success<T: DeserializeOwned>(&self, what: &'static str, url: &str) -> Result<T, TokenError> {
        self.check(url)?;
        self.json(what, url)
    }

    /// Whether it is a success, whatever it holds.
    ///
    /// # Errors
    /// As [`Self::success`].
    pub fn check(&self, url: &str) -> Result<(), TokenError> {
        #[derive(serde::Deserialize)]
        struct Error {
            error: String,
            #[serde(default)]
            error_description: String,
        }
        if self.status.is_success() {
            return Ok(());
        }
        Err(match serde_json::from_slice::<Error>(&self.body) {
            Ok(said) if self.status.is_client_error() => {
                TokenError::Refused(Refusal::new(&said.error, &said.error_description))
            }
            _ => TokenError::Answer(format!("{url} answers {}", self.status)),
        })
    }

    /// What serde says of a body could repeat a part of it.
    fn json<T: DeserializeOwned>(&self, what: &'static str, url: &str) -> Result<T, TokenError> {
        serde_json::from_slice(&self.body).map_err(|_| TokenError::Answer(format!("the answer of {url} is no {what}")))
    }
}
