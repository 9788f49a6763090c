use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;

use super::{Algorithm, Error, Jwk, PrivateKey};

/// A private key with its JWT headers encoded beforehand.
#[derive(Debug)]
pub struct Signer {
    key: PrivateKey,
    jwk: Jwk,
    headers: [(&'static str, String); 3],
}

/// The `typ` values that are minted, each encoded once: ID tokens, access tokens (RFC 9068 section 2.1) and logout tokens
/// (OpenID Connect Back-Channel Logout 2.4).
const TYPES: [&str; 3] = ["JWT", "at+jwt", "logout+jwt"];

impl Signer {
    /// Wraps a key; `kid` becomes its thumbprint.
    pub fn new(key: PrivateKey) -> Self {
        let jwk = Jwk::for_signature(key.algorithm(), key.material());
        let headers = TYPES.map(|typ| (typ, encode_header(&jwk, jwk.alg, typ)));
        Self { key, jwk, headers }
    }

    /// The public key as it is published.
    pub fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// The algorithm that it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.key.algorithm()
    }

    /// The private key, for its public half.
    pub fn private_key(&self) -> &PrivateKey {
        &self.key
    }

    /// Signs `claims` as a JWT with the header `{"alg","typ","kid"}` (RFC 7519 section 7.1).
    ///
    /// # Errors
    /// [`Error::Crypto`] where the library fails, [`Error::Malformed`] where `claims` do not serialise.
    pub fn sign_jwt(&self, typ: &str, claims: &impl Serialize) -> Result<String, Error> {
        self.sign_jwt_as(self.jwk.alg, typ, claims)
    }

    /// The same under another name of its algorithm: Ed25519 is `EdDSA` (RFC 8037) or `Ed25519` (RFC 9864).
    ///
    /// # Errors
    /// As [`Self::sign_jwt`], and [`Error::KeyMismatch`] where `alg` is no name of it.
    pub fn sign_jwt_as(&self, alg: &str, typ: &str, claims: &impl Serialize) -> Result<String, Error> {
        if alg.parse() != Ok(self.algorithm()) {
            return Err(Error::KeyMismatch(self.algorithm()));
        }
        let fresh;
        let header = match self.headers.iter().find(|(name, _)| alg == self.jwk.alg && *name == typ) {
            Some((_, header)) => header,
            None => {
                fresh = encode_header(&self.jwk, alg, typ);
                &fresh
            }
        };
        let mut token = signing_input(header, claims)?;
        let mut encoded = [0u8; 1400];
        let length = self
            .key
            .sign(token.as_bytes(), |signature| URL_SAFE_NO_PAD.encode_slice(signature, &mut encoded))?
            .map_err(|_| Error::Crypto)?;
        let signature = encoded.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok()).ok_or(Error::Crypto)?;
        token.push('.');
        token.push_str(signature);
        Ok(token)
    }
}

/// The encoded header, and the claims after it (RFC 7515 section 5.1), with room for what follows.
pub(super) fn signing_input(header: &str, claims: &impl Serialize) -> Result<String, Error> {
    let payload = serde_json::to_vec(claims).map_err(|_| Error::Malformed("the claims do not serialise"))?;
    let mut token = String::with_capacity(header.len() + payload.len() * 4 / 3 + 360);
    token.push_str(header);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(&payload, &mut token);
    Ok(token)
}

fn encode_header(jwk: &Jwk, alg: &str, typ: &str) -> String {
    let header = serde_json::json!({"alg": alg, "typ": typ, "kid": jwk.kid});
    URL_SAFE_NO_PAD.encode(header.to_string())
}
