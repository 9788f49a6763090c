use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::Unverified;
use crate::{
    jose::{Compact, Error, HmacAlgorithm},
    realm::Client,
};

/// `client_secret_jwt` (OpenID Connect Core section 9), and whatever else a client authenticates: the code is by its secret, its octets as
/// they are (section 10.1); during an overlap also by the one before.
pub(crate) fn verify<T: DeserializeOwned>(
    client: &Client,
    token: &Compact<'_>,
    algorithm: HmacAlgorithm,
    now: Timestamp,
) -> Result<T, Unverified> {
    let mut unverified = Unverified::NoKeys;
    for (secret, value) in client.authentication.secret_values(now) {
        match token.verify_mac(algorithm, value.expose()) {
            Ok(claims) => {
                secret.note_use(now);
                return Ok(claims);
            }
            Err(error @ Error::Malformed(_)) => return Err(error.into()),
            Err(error) => unverified = error.into(),
        }
    }
    Err(unverified)
}
