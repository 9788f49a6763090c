use std::sync::Arc;

use jiff::Timestamp;

use crate::provider::Clock;

/// The system's clock: the one place of the process that reads it.
#[allow(clippy::disallowed_methods)]
pub(in crate::cli) fn system() -> Clock {
    Arc::new(Timestamp::now)
}
