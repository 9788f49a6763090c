use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    account::logout_delivery::LogoutDelivery,
    jose::JwsAlgorithm,
    provider::{
        Call, OAuthError,
        tokens::{id_token_algorithm, protect},
    },
    realm::{Client, LOGOUT_TOKEN_LIFETIME, Protection, Realm},
    secret::unguessable,
};

/// The member of `events` that makes a JWT a logout token.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// The claims of a logout token (section 2.4). There is no `nonce`, so none can be taken for an ID token.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: &'a str,
    events: Map<String, Value>,
    sid: &'a str,
}

/// A logout token for the client. Each attempt has one of its own: with the one before it may have been refused as a replay.
pub(super) async fn mint(call: &Call, client: &Client, delivery: &LogoutDelivery) -> Result<String, OAuthError> {
    let jti = unguessable().map_err(crate::account::AccountError::from)?;
    let (now, lifetime) = (call.now.as_second(), i64::try_from(LOGOUT_TOKEN_LIFETIME.as_secs()).unwrap_or_default());
    let claims = Claims {
        iss: call.realm.issuer.as_str(),
        sub: &delivery.subject,
        aud: client.id.as_str(),
        iat: now,
        exp: now + lifetime,
        jti: &jti,
        events: [(EVENT.to_owned(), Value::Object(Map::new()))].into_iter().collect(),
        sid: &delivery.sid,
    };
    protect(call, client, protection(&call.realm, client), "logout+jwt", &claims).await
}

/// As the client's ID tokens (section 2.4), except that it is never unsecured (section 2.6).
fn protection(realm: &Realm, client: &Client) -> Protection {
    let signing = match id_token_algorithm(realm, client) {
        JwsAlgorithm::None => realm.settings.default_algorithm.into(),
        algorithm => algorithm,
    };
    Protection { signing: Some(signing), encryption: client.id_token.encryption }
}
