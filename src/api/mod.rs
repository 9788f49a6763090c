//! Group `realmkeeper.dev`, version `v1alpha1`, all namespaced. Client fields carry the names of the OAuth client metadata
//! registry (RFC 7591, OpenID Connect Dynamic Client Registration 1.0) in camelCase.
//!
//! Two habits hold for every type here. A field that may be left out and has a default holds that default once it is
//! read ([`Default`] of its section), so nobody further in asks again; the CRDs carry no OpenAPI defaults, because what the
//! API server writes into an object is a difference that GitOps then has to explain. And a rule that needs only the object
//! itself is a CEL rule with a sentence of its own; a rule that needs other objects is a check of the controller.

#![allow(clippy::duplicated_attributes, reason = "each printer column names its type again")]

mod algorithm;
mod client_metadata;
mod common;
mod crd;
mod credentials;
mod duration;
mod group;
mod labels;
mod oidc_client;
mod oidc_client_status;
mod realm;
mod registration;
mod schema;
mod selector;
mod signing_key;
mod user;

pub use algorithm::*;
pub use client_metadata::*;
pub use common::*;
pub use crd::*;
pub use credentials::*;
pub use duration::*;
pub use group::*;
pub use labels::*;
pub use oidc_client::*;
pub use oidc_client_status::*;
pub use realm::*;
pub use registration::*;
pub use selector::*;
pub use signing_key::*;
pub use user::*;
