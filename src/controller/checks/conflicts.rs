//! Two objects that claim one name: the older creationTimestamp wins, then namespace and name, so that every replica agrees and no
//! new object can take a name away.

use super::{Finding, Reason};
use crate::realm::ObjectName;

/// The finding for an object whose name another one holds. `what` is such as `the issuer "https://…"`.
pub fn check_holder(
    own: &ObjectName,
    holder: Option<&ObjectName>,
    field: &str,
    what: impl FnOnce() -> String,
) -> Result<(), Finding> {
    match holder {
        Some(holder) if holder != own => {
            Err(Finding::new(Reason::Conflicted, field, format!("{} belongs to the older object {holder}", what())))
        }
        _ => Ok(()),
    }
}
