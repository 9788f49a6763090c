//! `realmkeeper serve` as people run it: its own process, real HTTP, a real browser, relying parties that we did not write.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    dead_code,
    missing_docs
)]

#[path = "../support/control_plane"]
mod control_plane {
    pub mod process;
    pub mod wait;
}
mod directory;
#[path = "../support/go_peers.rs"]
mod go_peers;
#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../support/readme.rs"]
mod readme;
#[path = "../support/serve.rs"]
mod serve;
#[path = "../support/suite.rs"]
mod suite;

mod browser;
mod claims;
mod conformance;
mod crash;
mod go_relying_parties;
mod hostile;
mod legacy_flows;
mod logout;
mod openid_client;
mod operation;
mod plugin_explain;
mod plugin_token;
mod protected_tokens;
mod reference;
mod register;
mod replicas;
mod request_objects;
mod tour;
