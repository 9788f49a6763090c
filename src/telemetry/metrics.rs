use std::sync::atomic::AtomicU64;

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, text::encode},
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

/// Every metric of the process, in OpenMetrics text at `/metrics`.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    sign_ins: Family<SignInLabels, Counter<u64, AtomicU64>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    realm: String,
    endpoint: &'static str,
    outcome: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SignInLabels {
    realm: String,
    outcome: SignInOutcome,
}

/// How a sign-in ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(missing_docs)]
pub enum SignInOutcome {
    Success,
    WrongCredentials,
    LockedOut,
    AccessDenied,
    Overloaded,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("realmkeeper");
        let (requests, sign_ins) = (Family::default(), Family::default());
        registry.register("requests", "Requests by realm, endpoint and outcome", requests.clone());
        registry.register("sign_ins", "Sign-ins by realm and outcome", sign_ins.clone());
        Self { registry, requests, sign_ins }
    }
}

impl Metrics {
    /// Counts a request: `realm` is `namespace/name`, `outcome` is `ok` or the error code that was answered.
    pub fn request(&self, realm: &str, endpoint: &'static str, outcome: &str) {
        let labels = RequestLabels { realm: realm.to_owned(), endpoint, outcome: outcome.to_owned() };
        self.requests.get_or_create(&labels).inc();
    }

    /// Counts a sign-in.
    pub fn sign_in(&self, realm: &str, outcome: SignInOutcome) {
        self.sign_ins.get_or_create(&SignInLabels { realm: realm.to_owned(), outcome }).inc();
    }

    /// The OpenMetrics text.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
