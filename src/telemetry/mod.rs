//! Logs and metrics. No secret ever gets here: labels and fields are names, codes and counts.

mod latency;
/// Log lines on standard error.
pub mod logs;
mod management;
mod metrics;
/// Which request a log line belongs to.
pub mod request;

pub use latency::Latency;
pub use management::{Management, Readiness};
pub use metrics::{Counter, Gauge, Load, LogoutOutcome, Metrics, ReconcileOutcome, SignInOutcome};
pub use prometheus_client as metrics_library;
