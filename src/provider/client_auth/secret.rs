use std::sync::LazyLock;

use jiff::Timestamp;

use super::{Authenticated, Method, Refusal};
use crate::realm::{AuthMethod, ClientSecret, Realm};

/// As many secrets as a client has during an overlap: so many are compared whoever asks, so that the time of an answer tells neither
/// which clients there are nor what they have.
const COMPARISONS: usize = 2;

static NOBODYS: LazyLock<Option<ClientSecret>> = LazyLock::new(|| ClientSecret::new("", b"", None));

/// Compares the secret with those of the client, where it is registered for `method`.
pub(super) fn verify(
    realm: &Realm,
    method: AuthMethod,
    client_id: &str,
    presented: &[u8],
    now: Timestamp,
) -> Result<Authenticated, Refusal> {
    let client = realm.client(client_id);
    let registered = client.filter(|client| client.authentication.method == method);
    let secrets = registered.map(|client| client.authentication.secrets.as_slice()).unwrap_or_default();
    let mut is_right = false;
    for secret in secrets {
        let is_it = secret.matches(presented, now);
        if is_it {
            secret.note_use(now);
        }
        is_right |= is_it;
    }
    for _ in secrets.len()..COMPARISONS {
        std::hint::black_box(NOBODYS.as_ref().is_some_and(|nobodys| nobodys.matches(presented, now)));
    }
    match (client, registered) {
        (_, Some(client)) if is_right && !presented.is_empty() => {
            Ok(Authenticated { client: client.clone(), by: Method::Secret })
        }
        (_, Some(_)) => Err(Refusal::WrongSecret),
        (Some(_), None) => Err(Refusal::AnotherMethod),
        (None, None) => Err(Refusal::UnknownClient),
    }
}
