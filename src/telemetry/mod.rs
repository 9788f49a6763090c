//! Logs and metrics. No secret ever gets here: labels and fields are names, codes and counts.

mod latency;
mod metrics;

pub use latency::Latency;
pub use metrics::{Counter, Metrics, ReconcileOutcome, SignInOutcome};
pub use prometheus_client::{collector::Collector, encoding};
