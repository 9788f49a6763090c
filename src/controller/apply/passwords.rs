//! New passwords of people, who have shown the old one on their own page. Only a Secret is written that its owner has labelled to be
//! read, that the User refers to, that is not immutable, and that still holds what the old password was checked against.

mod directory;
mod kubernetes;

use k8s_openapi::api::core::v1::Secret as KubeSecret;

pub use self::{directory::DirectoryPasswords, kubernetes::KubernetesPasswords};
use crate::{
    controller::checks::references,
    realm::{Password, PasswordNotWritten},
};

/// The entry that is written.
const HASH: &str = "password-hash";
/// The entry that would say something else, and goes.
const PLAIN: &str = "password";

/// Whether a new password may be written over this Secret.
fn check(secret: Option<&KubeSecret>, name: &str, old: &Password) -> Result<(), PasswordNotWritten> {
    // A Secret that is gone, or not ours to read any more, is one that has changed since the old password was checked.
    let current = references::password(secret, name).map_err(|_| PasswordNotWritten::Changed)?;
    if secret.is_some_and(|secret| secret.immutable == Some(true)) {
        return Err(PasswordNotWritten::NotOurs(format!("the Secret {name} is immutable")));
    }
    if current == *old { Ok(()) } else { Err(PasswordNotWritten::Changed) }
}

fn no_secret() -> PasswordNotWritten {
    PasswordNotWritten::NotOurs("the User has no spec.passwordSecretRef".into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use k8s_openapi::{ByteString, api::core::v1::Secret as KubeSecret};

    use super::{PasswordNotWritten, check};
    use crate::{realm::Password, secret::Secret};

    fn secret(label: &str, immutable: Option<bool>, entry: &str, value: &str) -> KubeSecret {
        let mut secret = KubeSecret { immutable, ..KubeSecret::default() };
        secret.metadata.labels = Some(BTreeMap::from([("realmkeeper.dev/readable".into(), label.into())]));
        secret.data = Some(BTreeMap::from([(entry.into(), ByteString(value.as_bytes().to_vec()))]));
        secret
    }

    #[test]
    fn only_a_secret_that_may_be_read_and_changed_and_holds_the_old_password_is_written() {
        let old = Password::Plain(Secret::new("hunter2"));
        let outcome = |secret: &KubeSecret| check(Some(secret), "ada-login", &old);
        assert_eq!(outcome(&secret("true", None, "password", "hunter2")), Ok(()));
        assert_eq!(outcome(&secret("true", Some(false), "password", "hunter2\n")), Ok(()));
        assert_eq!(outcome(&secret("true", None, "password", "hunter3")), Err(PasswordNotWritten::Changed));
        assert_eq!(outcome(&secret("false", None, "password", "hunter2")), Err(PasswordNotWritten::Changed));
        assert_eq!(outcome(&secret("true", None, "other", "hunter2")), Err(PasswordNotWritten::Changed));
        assert_eq!(check(None, "ada-login", &old), Err(PasswordNotWritten::Changed));
        let immutable = outcome(&secret("true", Some(true), "password", "hunter2")).unwrap_err();
        assert!(matches!(&immutable, PasswordNotWritten::NotOurs(said) if said.contains("ada-login")), "{immutable}");
        assert!(!format!("{immutable} {immutable:?}").contains("hunter2"));
    }
}
