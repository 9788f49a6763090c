//! Who is at the keyboard: passwords, lockout, SSO sessions, sign-ins under way and remembered consent. Knows realms and the
//! store, and neither HTTP nor pages.

mod password;
mod pool;

pub use password::{Check, HashError};
pub use pool::{PasswordPool, PoolError, PoolLimits};
