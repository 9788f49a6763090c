//! Dynamic registration (RFC 7591, RFC 7592, OpenID Connect Registration): what a realm lets others register, and what it takes to
//! keep it. The provider speaks the protocol, and the controller keeps the clients, behind [`ClientRegistrar`].

mod hosts;
mod metadata;
mod policy;
mod registrar;

pub use hosts::allows_host;
pub use metadata::{ClientMetadata, InvalidMetadata, MEMBERS, Member, Shape};
pub use policy::{
    AccessTokenRotation, ApplicationType, InitialAccessToken, LinkHosts, RegistrationMode, RegistrationPolicy,
    StatementIssuer, StatementPolicy,
};
pub use registrar::{
    ClientRegistrar, NewClient, Registered, RegistrarError, Registration, RegistrationUse, TokenHash, Update,
};
