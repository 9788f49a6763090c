use jiff::Timestamp;

use super::{Refusal, assertion::Claims};
use crate::{
    jose::{Compact, Error, HmacAlgorithm},
    realm::Client,
};

/// `client_secret_jwt` (OpenID Connect Core section 9): the code is by the client's secret, its octets as they are (section 10.1); during an
/// overlap also by the one before.
pub(super) fn verify(
    client: &Client,
    assertion: &Compact<'_>,
    algorithm: HmacAlgorithm,
    now: Timestamp,
) -> Result<Claims, Refusal> {
    let mut refusal = Refusal::NoKeys;
    for (secret, value) in client.authentication.secret_values(now) {
        match assertion.verify_mac(algorithm, value.expose()) {
            Ok(claims) => {
                secret.note_use(now);
                return Ok(claims);
            }
            Err(error @ Error::Malformed(_)) => return Err(error.into()),
            Err(error) => refusal = error.into(),
        }
    }
    Err(refusal)
}
