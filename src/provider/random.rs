use aws_lc_rs::rand;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::jose::Error;

/// 256 random bits as 43 characters of base64url: codes, opaque tokens, cookies (RFC 6749 section 10.10 asks for 128 and
/// recommends 160).
///
/// # Errors
/// [`Error::Crypto`] where the machine has no entropy.
pub(crate) fn token() -> Result<String, Error> {
    encode(&mut [0; 32])
}

/// 128 random bits as 22 characters of base64url: identifiers that are no credential, such as `jti`.
///
/// # Errors
/// As [`token`].
pub(crate) fn id() -> Result<String, Error> {
    encode(&mut [0; 16])
}

fn encode(bytes: &mut [u8]) -> Result<String, Error> {
    rand::fill(bytes).map_err(|_| Error::Crypto)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
