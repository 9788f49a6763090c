use std::time::Duration;

use super::{Authenticated, Method, Refusal, assertion};
use crate::{
    jose::Compact,
    provider::Call,
    realm::{AuthMethod, ClientKeys, Realm},
    store::{Change, IdHash, Kind, StoreError},
};

/// An assertion that ends later than so far from now is refused (RFC 7523 section 3, rule 4): its `jti` is kept until then.
const MAX_LIFETIME: Duration = Duration::from_secs(3600);

/// `private_key_jwt` (OpenID Connect Core section 9, RFC 7523 section 3): `iss` and `sub` are the client, `aud` is the issuer or the
/// token endpoint, `exp` is near, `jti` is new, and the signature is by the client's key.
pub(super) async fn verify(call: &Call, client_id: Option<&str>, assertion: &str) -> Result<Authenticated, Refusal> {
    assertion::check_type(assertion)?;
    let subject = assertion::subject(assertion)?;
    if client_id.is_some_and(|other| other != subject) {
        return Err(Refusal::claim("sub", "it is another than client_id (RFC 7521 section 4.2)"));
    }
    let client = call.realm.client(&subject).ok_or(Refusal::UnknownClient)?;
    if client.authentication.method != AuthMethod::PrivateKeyJwt {
        return Err(Refusal::AnotherMethod);
    }
    let claims: assertion::Claims = match &client.authentication.keys {
        ClientKeys::None => return Err(Refusal::NoKeys),
        ClientKeys::Inline(keys) => keys.verify(assertion)?,
        ClientKeys::Uri(uri) => {
            let kid = Compact::parse(assertion)?.kid().map(str::to_owned);
            call.provider.client_keys.verify(&call.realm, uri, assertion, kid.as_deref(), call.now).await?
        }
    };
    if claims.iss != subject || claims.sub != subject {
        return Err(Refusal::claim("iss", "it must be the client_id, as sub"));
    }
    claims.check_audience(|audience| is_us(&call.realm, audience))?;
    claims.check_times(call.now)?;
    claims.check_lifetime(MAX_LIFETIME, call.now)?;
    let jti = claims.jti.as_deref().filter(|jti| !jti.is_empty()).ok_or(Refusal::claim("jti", "it is missing"))?;
    // Last of all: an assertion that is refused is not used up.
    let id = IdHash::of(format!("{}\0{subject}\0{jti}", call.realm.name));
    let marker = call.artifact(Kind::Assertion, id, &(), claims.expires_at())?;
    match call.commit(vec![Change::Insert(marker)]).await {
        Ok(()) => Ok(Authenticated { client: client.clone(), by: Method::PrivateKeyJwt }),
        Err(StoreError::Conflict) => Err(Refusal::Replayed),
        Err(error) => Err(error.into()),
    }
}

/// The issuer's identifier, or the URL of its token endpoint.
fn is_us(realm: &Realm, audience: &str) -> bool {
    audience.strip_prefix(realm.issuer.as_str()).is_some_and(|rest| matches!(rest, "" | "/token"))
}
