//! Realmkeeper: Kubernetes resources in, a running OpenID Provider out.
//!
//! Two wings meet in one hall. The controller wing turns resources into realms, the provider wing serves realms; neither
//! imports the other, and the hall between them ([`realm`]) knows neither Kubernetes nor HTTP. `now` is an argument
//! everywhere but in [`cli`] and at the rim of [`provider`].

/// Who is at the keyboard: passwords, sessions, lockout.
pub mod account;
/// The custom resources as people write them: types, CEL rules, printer columns, and nothing else.
pub mod api;
/// Arguments and wiring, one file a command.
pub mod cli;
/// Resources into realms, Secrets and statuses.
pub mod controller;
/// What the fuzz targets run; for them and the tests only.
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
/// JWS, JWE and JWK: keys parsed once, signing without parsing them again.
pub mod jose;
/// `kubectl realmkeeper`: what a person does from the shell, with their own rights at the API server.
pub mod plugin;
/// The OpenID Provider: endpoints, grants, tokens and pages.
pub mod provider;
/// The hall: pure values that the controller publishes and the provider reads.
pub mod realm;
/// Bytes that must not be seen: redacted when printed, wiped when dropped.
pub mod secret;
/// Runtime state (codes, refresh tokens, sessions): one trait, several engines, one suite of tests.
pub mod store;
/// Logs and metrics.
pub mod telemetry;
