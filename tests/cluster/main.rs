//! The operator against a real kube-apiserver and etcd. One shared control plane a run, a namespace a test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    missing_docs
)]

#[allow(dead_code, unused_imports, reason = "the tests of other binaries need more of it")]
#[path = "../support/control_plane/mod.rs"]
mod control_plane;
#[path = "../support/go_peers.rs"]
mod go_peers;
mod harness;
mod history;
#[allow(dead_code, reason = "the tests of other binaries need more of it")]
#[path = "../support/readme.rs"]
mod readme;
#[allow(dead_code, reason = "the tests of other binaries need more of it")]
#[path = "../support/suite.rs"]
mod suite;

mod client_secrets;
mod conformance;
mod explain;
mod gitops;
mod installation;
mod kubectl_sign_in;
mod lease;
mod lifecycle;
mod passwords;
mod paused;
mod plugin;
mod quiet;
mod registration;
mod replica;
mod replicas;
mod rival_secrets;
mod rivals;
mod schema;
mod startup;
mod states;
mod statuses;
mod steady;
mod tenancy;
mod tour;
mod upgrade;
mod watches;
mod workload;
mod writes;
