use std::fmt;

use async_trait::async_trait;

use super::{ObjectName, Password, PasswordHash};
use crate::secret::Secret;

/// A person's new password, on its way to where passwords are kept.
#[derive(Debug, Clone)]
pub struct PasswordChange {
    /// The User resource.
    pub user: ObjectName,
    /// What the old password was checked against: where something else is kept by now, nothing is written.
    pub old: Password,
    /// The new one, as a PHC string.
    pub new: Secret,
}

/// Why a new password was not written; nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordNotWritten {
    /// It is kept where this provider does not write: a sentence for whoever runs it.
    #[error("{0}")]
    NotOurs(String),
    /// The password, or the User, has changed in the meantime: the person begins anew.
    #[error("it has been changed by somebody else in the meantime")]
    Changed,
    /// It may work later.
    #[error("{0}")]
    Unavailable(String),
}

/// Writes new passwords to where the controller reads them. The provider calls it for a person who has just shown the old one; it needs no
/// lease, for it writes only over what it has read.
#[async_trait]
pub trait PasswordWriter: fmt::Debug + Send + Sync {
    /// Writes the hash in the place of the old password. It is in force when the controller has read it back, a moment later.
    ///
    /// # Errors
    /// [`PasswordNotWritten`]; neither password is in it.
    async fn write(&self, change: PasswordChange) -> Result<(), PasswordNotWritten>;
}

impl PasswordChange {
    /// The new one as it will be read back; none where it is no hash.
    pub fn new_password(&self) -> Option<Password> {
        self.new.expose_str()?.parse::<PasswordHash>().ok().map(Password::Phc)
    }
}
