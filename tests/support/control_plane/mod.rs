//! A real control plane for tests: etcd, kube-apiserver and, where asked for, kube-controller-manager, on loopback, with its
//! own CA, ready in a few seconds. Everything is killed when it is dropped and when the test process dies, however it dies.

mod binaries;
pub mod objects;
mod pki;
pub mod process;
mod server;
pub mod wait;

pub use binaries::find as program;
pub use objects::{Namespace, apply, apply_dry_run, kubectl};
pub use pki::Ca;
pub use server::{ControlPlane, Options};
