//! Keeps the trust in the cluster's own ServiceAccount tokens fresh. Issuer and keys are what the API server says of itself (on
//! managed clusters a public URL); both are fetched from the API server that the client is configured for, never from the
//! `jwks_uri` that it names and never from a URL that a resource names, so the operator's token goes nowhere else.

use std::{sync::Arc, time::Duration};

use http::Request;
use kube::Client;
use serde::Deserialize;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    jose::foreign::ForeignKeys,
    realm::workload::{ClusterIssuer, ClusterTrust, MAX_AGE_WITHOUT_JTI},
};

/// Keys are fetched anew this often.
const REFRESH_EVERY: Duration = Duration::from_secs(300);
/// And this soon after a failure, doubled up to [`REFRESH_EVERY`].
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// However often the provider asks for it: at most once in this time.
const REFRESH_AT_MOST_EVERY: Duration = Duration::from_secs(10);
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the cluster's issuer is not known.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The API server did not give an answer.
    #[error("GET {path}: {source}")]
    Fetch {
        /// What was asked for.
        path: &'static str,
        /// What the client said.
        source: kube::Error,
    },
    /// It did not answer in time.
    #[error("the API server did not answer in time")]
    Timeout,
    /// The answer is not what it should be.
    #[error("GET {path}: {problem}")]
    Malformed {
        /// What was asked for.
        path: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

/// Fills `trust` and keeps it fresh until `stop`. What was trusted before stays while the API server can't be asked.
pub async fn keep_fresh(client: Client, trust: Arc<ClusterTrust>, stop: CancellationToken) {
    let work = async {
        let mut retry = RETRY_AFTER;
        loop {
            let wait = match fetch(&client).await {
                Ok(issuer) => {
                    if trust.load().is_none_or(|old| old.issuer != issuer.issuer) {
                        tracing::info!(issuer = &*issuer.issuer, "ServiceAccount tokens of this cluster are trusted");
                    }
                    trust.set(issuer);
                    retry = RETRY_AFTER;
                    REFRESH_EVERY
                }
                Err(error) => {
                    tracing::warn!(%error, "the cluster's ServiceAccount issuer could not be fetched");
                    retry = (retry * 2).min(REFRESH_EVERY);
                    retry
                }
            };
            let asked = async {
                sleep(REFRESH_AT_MOST_EVERY.min(wait)).await;
                trust.refresh_wanted().await;
            };
            tokio::select! {
                () = sleep(wait) => {}
                () = asked => {}
            }
        }
    };
    tokio::select! {
        () = work => {}
        () = stop.cancelled() => {}
    }
}

async fn fetch(client: &Client) -> Result<ClusterIssuer, TrustError> {
    timeout(FETCH_TIMEOUT, fetch_both(client)).await.unwrap_or(Err(TrustError::Timeout))
}

async fn fetch_both(client: &Client) -> Result<ClusterIssuer, TrustError> {
    const DISCOVERY: &str = "/.well-known/openid-configuration";
    const JWKS: &str = "/openid/v1/jwks";
    #[derive(Deserialize)]
    struct Discovery {
        issuer: Arc<str>,
    }
    let text = get(client, DISCOVERY).await?;
    let discovery: Discovery = serde_json::from_str(&text)
        .map_err(|error| TrustError::Malformed { path: DISCOVERY, problem: error.to_string() })?;
    if discovery.issuer.is_empty() {
        return Err(TrustError::Malformed { path: DISCOVERY, problem: "the issuer is empty".into() });
    }
    let keys = ForeignKeys::parse(get(client, JWKS).await?.as_bytes())
        .map_err(|error| TrustError::Malformed { path: JWKS, problem: error.to_string() })?;
    if keys.is_empty() {
        return Err(TrustError::Malformed { path: JWKS, problem: "it holds no usable key".into() });
    }
    Ok(ClusterIssuer { issuer: discovery.issuer, keys, max_age_without_jti: MAX_AGE_WITHOUT_JTI })
}

async fn get(client: &Client, path: &'static str) -> Result<String, TrustError> {
    let request = Request::get(path)
        .body(Vec::new())
        .map_err(|error| TrustError::Malformed { path, problem: error.to_string() })?;
    client.request_text(request).await.map_err(|source| TrustError::Fetch { path, source })
}
