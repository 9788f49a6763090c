use std::time::Duration;

use super::{Authenticated, Method, Refusal, assertion, client_secret_jwt, private_key_jwt};
use crate::{
    jose::{Compact, JwsAlgorithm},
    provider::{Call, Endpoint},
    realm::{AssertionAudience, AuthMethod, Client},
    store::{Change, IdHash, Kind, StoreError},
};

/// An assertion that ends later than so far from now is refused (RFC 7523 section 3, rule 4): its `jti` is kept until then.
const MAX_LIFETIME: Duration = Duration::from_secs(3600);

/// A JWT that the client has made itself, for `private_key_jwt` or `client_secret_jwt` (OpenID Connect Core section 9, RFC 7523 section 3): `iss`
/// and `sub` are the client, `aud` is us, `exp` is near, `jti` is new, and it is signed in the one way that the client is registered for.
pub(super) async fn verify(call: &Call, client_id: Option<&str>, assertion: &str) -> Result<Authenticated, Refusal> {
    assertion::check_type(assertion)?;
    let subject = assertion::subject(assertion)?;
    if client_id.is_some_and(|other| other != subject) {
        return Err(Refusal::claim("sub", "it is another than client_id (RFC 7521 section 4.2)"));
    }
    let client = call.realm.client(&subject).ok_or(Refusal::UnknownClient)?;
    let (claims, by) = signed(call, client, assertion).await?;
    if claims.iss != subject || claims.sub != subject {
        return Err(Refusal::claim("iss", "it must be the client_id, as sub"));
    }
    check_audience(call, &claims)?;
    claims.check_times(call.now)?;
    claims.check_lifetime(MAX_LIFETIME, call.now)?;
    let jti = claims.jti.as_deref().filter(|jti| !jti.is_empty()).ok_or(Refusal::claim("jti", "it is missing"))?;
    // Last of all: an assertion that is refused is not used up.
    let id = IdHash::of(format!("{}\0{subject}\0{jti}", call.realm.name));
    let marker = call.artifact(Kind::Assertion, id, &(), claims.expires_at())?;
    match call.commit(vec![Change::Insert(marker)]).await {
        Ok(()) => Ok(Authenticated { client: client.clone(), by }),
        Err(StoreError::Conflict) => Err(Refusal::Replayed),
        Err(error) => Err(error.into()),
    }
}

/// Verifies the signature by the registered method, and by the registered algorithm where there is one (`token_endpoint_auth_signing_alg`).
async fn signed(call: &Call, client: &Client, assertion: &str) -> Result<(assertion::Claims, Method), Refusal> {
    let compact = Compact::parse(assertion)?;
    let algorithm: JwsAlgorithm = compact.alg().parse().map_err(|_| Refusal::Algorithm)?;
    let registered = &client.authentication;
    if registered.signing_algorithm.is_some_and(|registered| registered != algorithm) {
        return Err(Refusal::Algorithm);
    }
    match (registered.method, algorithm) {
        (AuthMethod::PrivateKeyJwt, JwsAlgorithm::Signature(_) | JwsAlgorithm::Ed25519) => {
            Ok((private_key_jwt::verify(call, client, assertion).await?, Method::PrivateKeyJwt))
        }
        (AuthMethod::ClientSecretJwt, JwsAlgorithm::Hmac(hmac)) => {
            Ok((client_secret_jwt::verify(client, &compact, hmac, call.now)?, Method::ClientSecretJwt))
        }
        (AuthMethod::PrivateKeyJwt | AuthMethod::ClientSecretJwt, _) => Err(Refusal::Algorithm),
        _ => Err(Refusal::AnotherMethod),
    }
}

/// The issuer; where the realm takes it, also the URL of the token endpoint (RFC 7523 section 3, rule 3), or of the endpoint that is asked.
/// Where it does not, nobody else may be meant beside us.
fn check_audience(call: &Call, claims: &assertion::Claims) -> Result<(), Refusal> {
    let issuer = call.realm.issuer.as_str();
    match call.realm.settings.assertion_audience {
        AssertionAudience::Issuer => claims.check_sole_audience(issuer),
        AssertionAudience::IssuerOrTokenEndpoint => {
            let ours = ["", Endpoint::Token.path(), call.endpoint.path()];
            claims.check_audience(|audience| audience.strip_prefix(issuer).is_some_and(|rest| ours.contains(&rest)))
        }
    }
}
