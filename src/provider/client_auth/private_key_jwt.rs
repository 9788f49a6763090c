use super::{Refusal, assertion::Claims};
use crate::{
    jose::Compact,
    provider::Call,
    realm::{Client, ClientKeys},
};

/// `private_key_jwt` (OpenID Connect Core section 9): the signature is by one of the client's keys.
pub(super) async fn verify(call: &Call, client: &Client, assertion: &str) -> Result<Claims, Refusal> {
    match &client.authentication.keys {
        ClientKeys::None => Err(Refusal::NoKeys),
        ClientKeys::Inline(keys) => Ok(keys.verify(assertion)?),
        ClientKeys::Uri(uri) => {
            let kid = Compact::parse(assertion)?.kid().map(str::to_owned);
            call.provider.client_keys.verify(&call.realm, uri, assertion, kid.as_deref(), call.now).await
        }
    }
}
