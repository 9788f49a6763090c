//! Resources into realms, Secrets and statuses.
//!
//! A [`source`] feeds events; the [`index`], the one owner of what is known, applies them and publishes the realms that follow from
//! them; a [`plan`] says what must be written for the index to come true, and [`apply`] writes it. What was written comes back as
//! events, so the house has one direction only.

/// Does what a plan says: the only place that writes.
pub mod apply;
mod check;
/// Decisions as chains of named checks.
pub mod checks;
/// Keeps the trust in the cluster's own ServiceAccount tokens fresh.
pub mod cluster_trust;
mod credentials;
/// Events into parsed specs, and those into the published registry.
pub mod index;
mod marks;
/// What must be written, as a value.
pub mod plan;
/// Keeps the clients that registered themselves.
pub mod registrar;
mod retry;
/// A directory looked at once: what `realmkeeper check` finds.
pub mod review;
mod rings;
mod run;
/// Feeds of the same events: the API server and a directory.
pub mod source;
/// Objects judged once: what would be served of them, and why not.
pub mod survey;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
/// What the API server would say of an object, said in process.
pub mod validation;

pub use check::check_objects;
pub use index::Options;
pub use run::{Clock, Controller, ControllerError};
pub use survey::Problem;
