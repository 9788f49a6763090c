//! What an object refers to. A reference that is missing is waited for; nothing is invented in its place.

use k8s_openapi::api::core::v1::Secret as KubeSecret;

use super::{Finding, Reason, list, ownership};
use crate::{
    controller::index::spec::ClientSecretSpec,
    realm::{InvalidPasswordHash, MIN_SALT_LENGTH, ObjectName, PairwiseSalt, Password},
    secret::Secret,
};

/// The Realm of an object is not there.
pub fn realm_not_found(realm: &ObjectName) -> Finding {
    Finding::new(Reason::RealmNotFound, "spec.realmRef", format!("there is no Realm {realm}"))
}

/// The Realm of an object is there, and not in force.
pub fn realm_not_accepted(realm: &ObjectName) -> Finding {
    let message = format!("the Realm {realm} is not served itself: its own conditions say why");
    Finding::new(Reason::RealmNotAccepted, "spec.realmRef", message)
}

/// Members that are not there.
pub fn members<'a>(reason: Reason, field: &str, missing: impl IntoIterator<Item = &'a str>) -> Option<Finding> {
    let names = list(missing);
    let what = if reason == Reason::UserNotFound { "Users" } else { "accepted Groups" };
    let message = || format!("the Realm has no {what} of this name in this namespace: {names}");
    (!names.is_empty()).then(|| Finding::new(reason, field, message()))
}

/// Groups that a client names and its Realm does not have.
pub fn access_groups<'a>(realm: &ObjectName, missing: impl IntoIterator<Item = &'a str>) -> Option<Finding> {
    let names = list(missing);
    let message = || format!("the Realm {realm} has no accepted Group {names}: nobody signs in by it");
    (!names.is_empty()).then(|| Finding::new(Reason::GroupNotFound, "spec.access.groups", message()))
}

/// A client secret that is shorter than what the client has asked for needs (RFC 7518 section 3.2). One of ours is replaced by a longer one.
pub fn short_secret(secret: &ClientSecretSpec, length: usize, needed: usize) -> Finding {
    let (reason, field, what) = match secret {
        ClientSecretSpec::Reference { name, entry, .. } => {
            let what = format!("put a longer one into the entry {entry} of the Secret {name}");
            (Reason::SecretInvalid, "spec.credentials.secret", what)
        }
        _ => (Reason::CredentialsPending, "spec.credentials.secret", "a longer one is about to be written".to_owned()),
    };
    let message = format!(
        "the client secret has {length} bytes, and the algorithms of this client need {needed} (RFC 7518 section 3.2): {what}"
    );
    Finding::new(reason, field, message)
}

const PASSWORD_FIELD: &str = "spec.passwordSecretRef";

/// The password of a User: the entry `password-hash`, else `password`.
///
/// # Errors
/// A finding where the Secret can't be read or holds no usable hash.
pub fn password(seen: Option<&KubeSecret>, name: &str) -> Result<Password, Finding> {
    let (entry, bytes) = ownership::read(seen, name, &["password-hash", "password"], PASSWORD_FIELD)?;
    if entry == "password" {
        return Ok(Password::Plain(Secret::new(bytes)));
    }
    let hash = std::str::from_utf8(bytes).map_err(|_| "it is no text".to_owned());
    let hash = hash.and_then(|text| text.parse().map_err(|error: InvalidPasswordHash| error.to_string()));
    hash.map(Password::Phc).map_err(|error| {
        let message = format!("the entry password-hash of the Secret {name} can't be used: {error}");
        Finding::new(Reason::SecretInvalid, PASSWORD_FIELD, message)
    })
}

const SALT_FIELD: &str = "spec.pairwiseSaltSecretRef";

/// The salt of a Realm's pairwise subjects: the entry `salt`.
///
/// # Errors
/// A finding where the Secret can't be read or the salt is too short.
pub fn salt(seen: Option<&KubeSecret>, name: &str) -> Result<PairwiseSalt, Finding> {
    let (_, bytes) = ownership::read(seen, name, &["salt"], SALT_FIELD)?;
    PairwiseSalt::new(bytes).ok_or_else(|| {
        let message = format!("the entry salt of the Secret {name} must have {MIN_SALT_LENGTH} bytes or more");
        Finding::new(Reason::SecretInvalid, SALT_FIELD, message)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use k8s_openapi::ByteString;

    use super::{KubeSecret, Password, password};
    use crate::controller::checks::Reason;

    fn secret(entries: &[(&str, &str)]) -> KubeSecret {
        let mut secret = KubeSecret::default();
        secret.metadata.labels = Some(BTreeMap::from([("realmkeeper.dev/readable".into(), "true".into())]));
        let entry = |(name, value): &(&str, &str)| ((*name).to_owned(), ByteString(value.as_bytes().to_vec()));
        secret.data = Some(entries.iter().map(entry).collect());
        secret
    }

    #[test]
    fn a_hash_goes_before_a_password_and_must_be_one() {
        let phc = secret(&[
            ("password", "x"),
            ("password-hash", "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA\n"),
        ]);
        assert!(matches!(password(Some(&phc), "ada"), Ok(Password::Phc(_))));
        assert!(matches!(password(Some(&secret(&[("password", "x")])), "ada"), Ok(Password::Plain(_))));
        let finding = password(Some(&secret(&[("password-hash", "hunter2")])), "ada").unwrap_err();
        assert_eq!(finding.reason, Reason::SecretInvalid);
        assert!(!finding.message.contains("hunter2"));
    }
}
