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
#[allow(dead_code, reason = "more tests are on their way")]
mod harness;

mod installation;
mod lease;
mod schema;
mod watches;
mod writes;
