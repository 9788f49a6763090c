//! OpenID Connect Core section 3.1.3.7: what makes an ID token one that this client may believe.

use jiff::Timestamp;
use serde::Deserialize;

use super::TokenError;
use crate::{jose::foreign::ForeignKeys, realm::Issuer, secret::Secret};

/// Two clocks may differ by so many seconds.
const LEEWAY: i64 = 60;

/// The claims that decide.
#[derive(Debug, Clone, Deserialize)]
pub struct Claims {
    iss: String,
    /// Who has signed in.
    pub sub: String,
    aud: Audience,
    #[serde(default)]
    azp: Option<String>,
    /// Seconds since the epoch.
    pub exp: i64,
    iat: i64,
    #[serde(default)]
    nonce: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// What an ID token must be.
#[derive(Debug)]
pub struct Expected<'a> {
    /// From whom.
    pub issuer: &'a Issuer,
    /// For whom: the `client_id`.
    pub client_id: &'a str,
    /// The `nonce` of the request; none for one that a refresh token gave (section 12.2).
    pub nonce: Option<&'a Secret>,
    /// Who it was before the refresh; none: anybody.
    pub subject: Option<&'a str>,
}

/// Verifies an ID token.
///
/// # Errors
/// What is wrong with it; no part of it.
pub fn verify(
    token: &Secret,
    keys: &ForeignKeys,
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<Claims, TokenError> {
    let refuse = |why| Err(TokenError::IdToken(why));
    let text = token.expose_str().unwrap_or_default();
    let Ok(claims) = keys.verify::<Claims>(text) else {
        return refuse("no key of the provider verifies its signature");
    };
    if claims.iss != expected.issuer.as_str() {
        return refuse("it is of another issuer");
    }
    let is_for_us = match &claims.aud {
        Audience::One(one) => one == expected.client_id,
        Audience::Many(many) => many.iter().any(|one| one == expected.client_id),
    };
    if !is_for_us {
        return refuse("it is for another client");
    }
    let is_shared = matches!(&claims.aud, Audience::Many(many) if many.len() > 1);
    match &claims.azp {
        Some(party) if party != expected.client_id => return refuse("it was issued to another client (azp)"),
        None if is_shared => return refuse("it has several audiences and no azp"),
        _ => {}
    }
    if claims.exp.saturating_add(LEEWAY) <= now.as_second() {
        return refuse("it has expired; is the clock of this machine right?");
    }
    if claims.iat.saturating_sub(LEEWAY) > now.as_second() {
        return refuse("it is of the future; is the clock of this machine right?");
    }
    if let Some(nonce) = expected.nonce
        && claims.nonce.as_ref().map(|nonce| Secret::new(nonce.as_str())).as_ref() != Some(nonce)
    {
        return refuse("its nonce is not that of the request");
    }
    if expected.subject.is_some_and(|before| before != claims.sub) {
        return refuse("it is of another person than the one who has signed in");
    }
    Ok(claims)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::{Expected, verify};
    use crate::{
        jose::{Algorithm, JwkSet, PrivateKey, Signer, foreign::ForeignKeys},
        realm::Issuer,
        secret::Secret,
    };

    fn signer() -> Signer {
        let pem = PrivateKey::generate_pem(Algorithm::Es256).unwrap();
        Signer::new(PrivateKey::from_pem(Algorithm::Es256, &pem).unwrap())
    }

    #[test]
    fn an_id_token_is_believed_only_where_everything_fits() {
        let (signer, stranger) = (signer(), signer());
        let set = JwkSet { keys: vec![signer.jwk().clone()] };
        let keys = ForeignKeys::parse(&serde_json::to_vec(&set).unwrap()).unwrap();
        let issuer = Issuer::parse("https://id.example/realms/staff").unwrap();
        let now = Timestamp::from_second(1_000).unwrap();
        let nonce = Secret::new("n-1");
        let expected = Expected { issuer: &issuer, client_id: "kubectl", nonce: Some(&nonce), subject: Some("ada") };
        let good =
            json!({"iss": issuer.as_str(), "sub": "ada", "aud": "kubectl", "exp": 1_100, "iat": 1_000, "nonce": "n-1"});
        let ask = |signer: &Signer, change: Value| {
            let mut claims = good.clone();
            claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            let token = Secret::new(signer.sign_jwt("JWT", &claims).unwrap());
            verify(&token, &keys, &expected, now).map(|claims| claims.sub).map_err(|error| error.to_string())
        };
        assert_eq!(ask(&signer, json!({})), Ok("ada".into()));
        assert!(ask(&signer, json!({"aud": ["kubectl", "x"], "azp": "kubectl"})).is_ok());
        for (change, why) in [
            (json!({"iss": "https://evil.example"}), "another issuer"),
            (json!({"aud": "other"}), "another client"),
            (json!({"aud": []}), "another client"),
            (json!({"aud": ["kubectl", "x"]}), "no azp"),
            (json!({"azp": "other"}), "azp"),
            (json!({"exp": 940}), "expired"),
            (json!({"iat": 2_000}), "future"),
            (json!({"nonce": "n-2"}), "nonce"),
            (json!({"nonce": null}), "nonce"),
            (json!({"sub": "eve"}), "another person"),
        ] {
            let error = ask(&signer, change.clone()).unwrap_err();
            assert!(error.contains(why), "{change}: {error}");
        }
        assert!(ask(&stranger, json!({})).unwrap_err().contains("signature"));
        assert!(verify(&Secret::new("rubbish"), &keys, &expected, now).is_err());
    }
}
