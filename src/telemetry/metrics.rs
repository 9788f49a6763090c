use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use prometheus_client::{
    collector::Collector,
    encoding::{EncodeLabelSet, EncodeLabelValue, text::encode},
    metrics::family::Family,
    registry::{Registry, Unit},
};

use super::latency::Latency;

/// A number that only grows; a clone counts the same.
pub type Counter = prometheus_client::metrics::counter::Counter;

/// A number that goes up and down; a clone counts the same.
pub type Gauge = prometheus_client::metrics::gauge::Gauge;

/// What goes on on a listener.
#[derive(Debug, Clone, Default)]
pub struct Load {
    /// Open connections.
    pub connections: Gauge,
    /// Requests under way.
    pub in_flight: Gauge,
    /// Requests that were refused because there were too many at once.
    pub shed: Counter,
}

/// Every metric of the process, in OpenMetrics text at `/metrics`.
pub struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<RequestLabels, Counter>,
    request_durations: Family<EndpointLabels, Latency>,
    sign_ins: Family<SignInLabels, Counter>,
    logout_deliveries: Family<LogoutLabels, Counter>,
    reconciles: Family<ReconcileLabels, Latency>,
    unrouted: Counter,
    load: Load,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    realm: String,
    endpoint: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndpointLabels {
    endpoint: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SignInLabels {
    realm: String,
    outcome: SignInOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LogoutLabels {
    realm: String,
    outcome: LogoutOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReconcileLabels {
    step: &'static str,
    outcome: ReconcileOutcome,
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

/// How an attempt to tell a client that a session has ended came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum LogoutOutcome {
    /// The client has heard it.
    Delivered,
    /// It is tried again.
    Failed,
    /// The client said that it can't, and is not asked any more.
    Refused,
    /// It failed for the last time.
    GivenUp,
    /// The client is gone, or does not want to be told any more.
    Obsolete,
}

/// How a pass of the controller ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(missing_docs)]
pub enum ReconcileOutcome {
    Success,
    Error,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("realmkeeper");
        let (requests, request_durations, sign_ins, reconciles) =
            (Family::default(), Family::default(), Family::default(), Family::default());
        registry.register("requests", "Requests by realm, endpoint and outcome", requests.clone());
        let help = "From the end of a request's head to the start of its answer, by endpoint";
        registry.register_with_unit("request_duration", help, Unit::Seconds, request_durations.clone());
        registry.register("sign_ins", "Sign-ins by realm and outcome", sign_ins.clone());
        let logout_deliveries = Family::default();
        let help = "Attempts to deliver a logout token by realm and outcome";
        registry.register("logout_deliveries", help, logout_deliveries.clone());
        let help = "Passes of the controller by step (index, plan, apply) and outcome";
        registry.register_with_unit("reconcile_duration", help, Unit::Seconds, reconciles.clone());
        let (unrouted, load) = (Counter::default(), Load::default());
        registry.register("unrouted_requests", "Requests for no realm or no endpoint", unrouted.clone());
        registry.register("connections", "Open connections of the provider", load.connections.clone());
        registry.register("requests_in_flight", "Requests of the provider under way", load.in_flight.clone());
        registry.register("requests_shed", "Requests refused because there were too many at once", load.shed.clone());
        Self {
            registry: Mutex::new(registry),
            requests,
            request_durations,
            sign_ins,
            logout_deliveries,
            reconciles,
            unrouted,
            load,
        }
    }
}

impl Metrics {
    /// The counter of requests that end so: `realm` is `namespace/name`, `outcome` is `ok` or the error code that was answered. Keep
    /// it: the look-up takes a lock.
    pub fn request_counter(&self, realm: &str, endpoint: &'static str, outcome: &'static str) -> Counter {
        self.requests.get_or_create_owned(&RequestLabels { realm: realm.to_owned(), endpoint, outcome })
    }

    /// Counts a request that is for no realm or no endpoint.
    pub fn unrouted(&self) {
        self.unrouted.inc();
    }

    /// What the provider's listener counts.
    pub fn load(&self) -> Load {
        self.load.clone()
    }

    /// The histogram of an endpoint's durations. Keep it: the look-up takes a lock.
    pub fn request_duration(&self, endpoint: &'static str) -> Latency {
        self.request_durations.get_or_create_owned(&EndpointLabels { endpoint })
    }

    /// Counts a sign-in; `realm` is `namespace/name`.
    pub fn sign_in(&self, realm: &str, outcome: SignInOutcome) {
        self.sign_ins.get_or_create(&SignInLabels { realm: realm.to_owned(), outcome }).inc();
    }

    /// Counts an attempt to deliver a logout token; `realm` is `namespace/name`.
    pub fn logout_delivery(&self, realm: &str, outcome: LogoutOutcome) {
        self.logout_deliveries.get_or_create(&LogoutLabels { realm: realm.to_owned(), outcome }).inc();
    }

    /// Counts a pass of the controller; `step` is one of a few fixed words.
    pub fn reconcile(&self, step: &'static str, outcome: ReconcileOutcome, took: Duration) {
        self.reconciles.get_or_create(&ReconcileLabels { step, outcome }).observe(took);
    }

    /// Forgets a request counter: that of a realm that is gone, so that names that come and go do not pile up.
    pub fn forget_request_counter(&self, realm: &str, endpoint: &'static str, outcome: &'static str) {
        self.requests.remove(&RequestLabels { realm: realm.to_owned(), endpoint, outcome });
    }

    /// Adds metrics that are computed when they are asked for.
    pub fn register(&self, collector: Box<dyn Collector>) {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner).register_collector(collector);
    }

    /// The OpenMetrics text.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = encode(&mut text, &self.registry.lock().unwrap_or_else(PoisonError::into_inner));
        text
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Metrics, ReconcileOutcome, SignInOutcome};

    #[test]
    fn the_text_has_what_was_counted_and_forgets_a_realm() {
        let metrics = Metrics::default();
        metrics.request_counter("a/b", "token", "invalid_client").inc();
        metrics.request_duration("token").observe(Duration::from_micros(300));
        metrics.sign_in("a/b", SignInOutcome::LockedOut);
        metrics.reconcile("plan", ReconcileOutcome::Success, Duration::from_millis(3));
        let text = metrics.encode();
        for line in [
            r#"realmkeeper_requests_total{realm="a/b",endpoint="token",outcome="invalid_client"} 1"#,
            r#"realmkeeper_request_duration_seconds_bucket{le="0.0005",endpoint="token"} 1"#,
            r#"realmkeeper_request_duration_seconds_sum{endpoint="token"} 0.0003"#,
            r#"realmkeeper_request_duration_seconds_count{endpoint="token"} 1"#,
            r#"realmkeeper_sign_ins_total{realm="a/b",outcome="LockedOut"} 1"#,
            r#"realmkeeper_reconcile_duration_seconds_count{step="plan",outcome="Success"} 1"#,
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
        metrics.forget_request_counter("a/b", "token", "invalid_client");
        assert!(!metrics.encode().contains(r#"endpoint="token",outcome"#));
    }
}
