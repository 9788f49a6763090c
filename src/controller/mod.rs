//! Resources into realms, Secrets and statuses.
//!
//! A [`source`] feeds events; the `index`, the one owner of what is known, applies them and publishes the realms that follow from
//! them; a [`plan`] says what must be written for the index to come true, and [`apply`] writes it. What was written comes back as
//! events, so the house has one direction only.

/// Does what a plan says: the only place that writes.
pub mod apply;
/// Keeps the trust in the cluster's own ServiceAccount tokens fresh.
pub mod cluster_trust;
/// What must be written, as a value.
pub mod plan;
/// A directory looked at once: what `realmkeeper check` finds.
pub mod review;
/// Feeds of the same events: the API server and a directory.
pub mod source;
/// What the API server would say of an object, said in process.
pub mod validation;
