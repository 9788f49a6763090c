//! How what is meant for a client is protected: signed, authenticated by its secret, or neither, then encrypted where it has asked for that
//! (OpenID Connect Core sections 2, 5.3.2, 10.1 and 10.2, OpenID Connect Registration section 2).

use serde::Serialize;

use crate::{
    jose::{
        self, Algorithm, JwsAlgorithm, KeyManagement,
        jwe::{DirectKey, EncryptionKey},
    },
    provider::{Call, ErrorCode, OAuthError},
    realm::{Client, ClientKeys, Encryption, JweKey, Protection, Realm},
    secret::Secret,
};

/// What ID tokens for the client are signed with: what it has registered, or the realm's default. May be [`JwsAlgorithm::None`].
pub(crate) fn id_token_algorithm(realm: &Realm, client: &Client) -> JwsAlgorithm {
    client.id_token.signing.unwrap_or(realm.settings.default_algorithm.into())
}

/// Makes a JWT of `claims` for the client: signed as `protection` says, by the realm's default where it does not say, and then encrypted
/// where it says so: a nested JWT with `cty` `JWT` (RFC 7519 section 5.2). `typ` goes into the header of what is signed.
///
/// # Errors
/// `server_error` where the realm has no key or the client no secret that is fit for the algorithm; as [`encrypt`].
pub(crate) async fn protect(
    call: &Call,
    client: &Client,
    protection: Protection,
    typ: &str,
    claims: &impl Serialize,
) -> Result<String, OAuthError> {
    let signed = sign(call, client, protection.signing, typ, claims)?;
    match protection.encryption {
        None => Ok(signed),
        // Boxed, so that the many requests without one stay small.
        Some(encryption) => Box::pin(encrypt(call, client, encryption, Some("JWT"), signed.as_bytes())).await,
    }
}

fn sign(
    call: &Call,
    client: &Client,
    algorithm: Option<JwsAlgorithm>,
    typ: &str,
    claims: &impl Serialize,
) -> Result<String, OAuthError> {
    let algorithm = algorithm.unwrap_or(call.realm.settings.default_algorithm.into());
    match algorithm {
        JwsAlgorithm::None => Ok(jose::unsecured_jwt(typ, claims)?),
        JwsAlgorithm::Hmac(hmac) => Ok(jose::authenticate_jwt(hmac, secret(call, client)?.expose(), typ, claims)?),
        JwsAlgorithm::Signature(key) => sign_by_key(call, key, algorithm, typ, claims),
        JwsAlgorithm::Ed25519 => sign_by_key(call, Algorithm::Ed25519, algorithm, typ, claims),
    }
}

fn sign_by_key(
    call: &Call,
    key: Algorithm,
    algorithm: JwsAlgorithm,
    typ: &str,
    claims: &impl Serialize,
) -> Result<String, OAuthError> {
    let signer = call.realm.keyring.signer(key, call.now).ok_or_else(|| no_key(key))?;
    Ok(signer.sign_jwt_as(algorithm.name(), typ, claims)?)
}

/// Encrypts for the client; `cty` says what the content is, none for JSON.
///
/// # Errors
/// `invalid_client_metadata` where none of the client's keys fits, `temporarily_unavailable` where its `jwks_uri` can't be fetched, and
/// `server_error` where its secret is not known.
pub(crate) async fn encrypt(
    call: &Call,
    client: &Client,
    encryption: Encryption,
    cty: Option<&str>,
    plaintext: &[u8],
) -> Result<String, OAuthError> {
    let Encryption { key, content } = encryption;
    match key {
        JweKey::Secret => Ok(DirectKey::of_secret(secret(call, client)?.expose()).encrypt(content, cty, plaintext)?),
        JweKey::Public(algorithm) => Ok(recipient(call, client, algorithm).await?.encrypt(content, cty, plaintext)?),
    }
}

/// The client's key to encrypt for. The error is not `invalid_client`: whoever asks has proven who it is, and asking again with another
/// credential would not help.
async fn recipient(call: &Call, client: &Client, algorithm: KeyManagement) -> Result<EncryptionKey, OAuthError> {
    let found = match &client.authentication.keys {
        ClientKeys::None => None,
        ClientKeys::Inline(keys) => keys.encryption_key(algorithm),
        ClientKeys::Uri(uri) => {
            let found = call.provider.client_keys.encryption_key(&call.realm, uri, algorithm, call.now).await;
            found.map_err(|error| {
                let description = format!("the key to encrypt with can't be had from the client's jwks_uri: {error}");
                OAuthError::new(ErrorCode::TemporarilyUnavailable, description)
            })?
        }
    };
    found.ok_or_else(|| {
        let description =
            format!("the client has no key to encrypt with by {algorithm}: its type, curve, use and alg must fit");
        OAuthError::new(ErrorCode::InvalidClientMetadata, description)
    })
}

/// The secret that the client shares with us: the current one, also while the one before is still accepted.
fn secret<'a>(call: &Call, client: &'a Client) -> Result<&'a Secret, OAuthError> {
    let why = "the client has no secret that is fit for how its tokens are to be protected";
    client.authentication.secret_value(call.now).ok_or_else(|| OAuthError::new(ErrorCode::ServerError, why))
}

/// Readiness waits for a key, so this is a realm that has lost it.
pub(super) fn no_key(algorithm: Algorithm) -> OAuthError {
    OAuthError::new(ErrorCode::ServerError, format!("the realm has no key that signs with {algorithm} now"))
}

#[cfg(test)]
mod tests;
