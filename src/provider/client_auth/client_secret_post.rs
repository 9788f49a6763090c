use std::borrow::Cow;

use zeroize::Zeroizing;

use super::{Refusal, presented::Presented};
use crate::realm::AuthMethod;

/// `client_secret_post`: identifier and secret in the body (RFC 6749 section 2.3.1); never in the URI, which is not looked at.
pub(super) fn read<'a>(client_id: Option<&'a str>, secret: &str) -> Result<Presented<'a>, Refusal> {
    let client_id = client_id.ok_or(Refusal::Malformed("client_secret is there, but client_id is missing"))?;
    Ok(Presented::Secret {
        method: AuthMethod::ClientSecretPost,
        client_id: Cow::Borrowed(client_id),
        secret: Zeroizing::new(secret.to_owned()),
    })
}
