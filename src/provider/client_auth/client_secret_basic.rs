use std::borrow::Cow;

use axum::http::HeaderValue;
use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::{Refusal, presented::Presented};
use crate::{provider::params, realm::AuthMethod};

/// `client_secret_basic`: identifier and secret, each form-encoded, then joined and encoded as RFC 7617 has it (RFC 6749 section
/// 2.3.1). A `client_id` in the body is not needed; where it stands there it must be the same.
pub(super) fn read<'a>(header: &HeaderValue, client_id: Option<&str>) -> Result<Presented<'a>, Refusal> {
    let (scheme, encoded) = header.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(Refusal::NotBasic)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(Refusal::AnotherMethod);
    }
    let decoded = Zeroizing::new(STANDARD.decode(encoded.trim()).map_err(|_| Refusal::NotBasic)?);
    let colon = decoded.iter().position(|byte| *byte == b':').ok_or(Refusal::NotBasic)?;
    let (name, secret) = decoded.split_at_checked(colon).ok_or(Refusal::NotBasic)?;
    let form_decode = |text| params::decode(text).map_err(|_| Refusal::NotBasic);
    let name = form_decode(name)?.into_owned();
    let secret = Zeroizing::new(form_decode(secret.strip_prefix(b":").unwrap_or_default())?.into_owned());
    if client_id.is_some_and(|other| other != name) {
        return Err(Refusal::Malformed("client_id in the body is another than in the Authorization header"));
    }
    Ok(Presented::Secret { method: AuthMethod::ClientSecretBasic, client_id: Cow::Owned(name), secret })
}
