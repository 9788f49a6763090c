//! Logs and metrics. No secret ever gets here: labels and fields are names, codes and counts.

mod metrics;

pub use metrics::{Metrics, SignInOutcome};
