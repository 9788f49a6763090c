use super::{Authenticated, Method, Refusal};
use crate::realm::Realm;

/// `none`: a public client says who it is (RFC 6749 section 3.2.1). A confidential client that only does so is refused.
pub(super) fn verify(realm: &Realm, client_id: &str) -> Result<Authenticated, Refusal> {
    let client = realm.client(client_id).ok_or(Refusal::UnknownClient)?;
    match client.is_public() {
        true => Ok(Authenticated { client: client.clone(), by: Method::None }),
        false => Err(Refusal::AnotherMethod),
    }
}
