use serde::de::DeserializeOwned;

use super::Unverified;
use crate::{
    jose::Compact,
    provider::Call,
    realm::{Client, ClientKeys},
};

/// `private_key_jwt` (OpenID Connect Core section 9), and whatever else a client signs: the signature is by one of its keys.
pub(crate) async fn verify<T: DeserializeOwned>(call: &Call, client: &Client, token: &str) -> Result<T, Unverified> {
    match &client.authentication.keys {
        ClientKeys::None => Err(Unverified::NoKeys),
        ClientKeys::Inline(keys) => Ok(keys.verify(token)?),
        ClientKeys::Uri(uri) => {
            let kid = Compact::parse(token)?.kid().map(str::to_owned);
            call.provider.client_keys.verify(&call.realm, uri, token, kid.as_deref(), call.now).await
        }
    }
}
