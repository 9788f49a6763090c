//! What is encrypted for the provider (OpenID Connect Core section 10.2): by a key of the realm, or by the secret of a client.

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::{
    jose::{
        KeyManagement,
        jwe::{DecryptionFailed, DecryptionKey, DirectKey},
    },
    realm::{Client, JweKey, Realm},
};

/// Decrypts a compact JWE: by the key that its `kid` names, by each of its `alg` where it names none, and with `dir` by the secrets of
/// `client`.
///
/// # Errors
/// [`DecryptionFailed`], whatever is wrong with it.
pub(crate) fn decrypt(
    realm: &Realm,
    token: &str,
    client: Option<&Client>,
    now: Timestamp,
) -> Result<Zeroizing<Vec<u8>>, DecryptionFailed> {
    let (kid, alg) = DecryptionKey::addressee(token)?;
    if alg == JweKey::Secret.name() {
        let mut secrets = client.into_iter().flat_map(|client| client.authentication.secret_values(now));
        let plaintext = secrets.find_map(|(_, secret)| DirectKey::of_secret(secret.expose()).decrypt(token).ok());
        return plaintext.ok_or(DecryptionFailed);
    }
    match kid {
        Some(kid) => realm.keyring.decrypter(&kid, now).ok_or(DecryptionFailed)?.decrypt(token),
        None => {
            let algorithm = KeyManagement::ALL.into_iter().find(|algorithm| algorithm.name() == alg);
            let mut keys = algorithm.into_iter().flat_map(|algorithm| realm.keyring.decrypters(algorithm, now));
            keys.find_map(|key| key.decrypt(token).ok()).ok_or(DecryptionFailed)
        }
    }
}
