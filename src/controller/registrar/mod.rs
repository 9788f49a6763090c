//! Clients that register themselves, kept as OidcClients with their Secrets, as if somebody had applied them. The Secret is written here
//! and now, in the very form in which a plan would have written it, so the plan finds it done, and it makes no difference which replica
//! the request reached.

mod directory;
mod document;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod kubernetes;
mod secret;
#[cfg(test)]
mod tests;

pub use directory::DirectoryRegistrar;
pub use kubernetes::KubernetesRegistrar;
