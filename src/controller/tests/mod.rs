//! What the house does, seen from its two ends: objects go in; published realms, Secrets, statuses and events come out.

mod bindings;
mod client_secrets;
mod encryption_keys;
mod fleet;
mod key_sources;
mod keys;
mod killed;
mod lag;
mod members;
mod order;
mod pairwise;
mod rotation;
mod run;
mod serving;
mod statuses;
