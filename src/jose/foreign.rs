use jsonwebtoken::{
    DecodingKey, Validation, decode, decode_header,
    jwk::{self, AlgorithmParameters, JwkSet},
};
use serde::de::DeserializeOwned;

use super::{Error, MAX_COMPACT_LENGTH};

/// JWS names of the algorithms that [`ForeignKeys::verify`] accepts, in the order of metadata.
pub const ALGORITHMS: &[&str] = &["ES256", "ES384", "EdDSA", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];

/// The keys of somebody else, as their JWK Set has them. Symmetric keys in it are never used.
#[derive(Debug, Clone, Default)]
pub struct ForeignKeys(JwkSet);

impl ForeignKeys {
    /// Parses a JWK Set (RFC 7517 section 5) as it was received; keys of unknown types are passed over, as the RFC asks.
    ///
    /// # Errors
    /// [`Error::PublicKey`] where the text is no JWK Set.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        #[derive(serde::Deserialize)]
        struct Raw {
            keys: Vec<serde_json::Value>,
        }
        let raw: Raw = serde_json::from_slice(json)
            .map_err(|_| Error::PublicKey("not a JWK Set: an object with the array \"keys\" is needed"))?;
        let keys = raw.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
        let keys = keys.filter(|key: &jwk::Jwk| !matches!(key.algorithm, AlgorithmParameters::Other(_))).collect();
        Ok(Self(JwkSet { keys }))
    }

    /// True where there is no usable key.
    pub fn is_empty(&self) -> bool {
        self.0.keys.is_empty()
    }

    /// True where a key of this `kid` is known: an unknown one is a reason to fetch the set again.
    pub fn contains(&self, kid: &str) -> bool {
        self.0.find(kid).is_some()
    }

    /// Verifies the signature of `token` with the key that its `kid` names, or with each that fits where it names none, and
    /// decodes its claims. Only asymmetric algorithms that fit the key are accepted; times, issuer and audience are the caller's
    /// to check, so that each has its own answer.
    ///
    /// # Errors
    /// [`Error::Malformed`] for what is no JWT, [`Error::Signature`] where no key verifies it.
    pub fn verify<T: DeserializeOwned + Clone>(&self, token: &str) -> Result<T, Error> {
        if token.len() > MAX_COMPACT_LENGTH {
            return Err(Error::Malformed("longer than 64 KiB"));
        }
        let header = decode_header(token).map_err(|_| Error::Malformed("the header is not a JWS header"))?;
        let fits = |key: &&jwk::Jwk| match (&header.kid, &key.common.key_id) {
            (Some(wanted), Some(has)) => wanted == has,
            (Some(_), None) | (None, _) => true,
        };
        for key in self.0.keys.iter().filter(fits).filter(|key| accepts(key, header.alg)) {
            let Ok(decoding) = DecodingKey::from_jwk(key) else { continue };
            let mut validation = Validation::new(header.alg);
            validation.required_spec_claims.clear();
            validation.validate_exp = false;
            validation.validate_nbf = false;
            validation.validate_aud = false;
            if let Ok(data) = decode::<T>(token, &decoding, &validation) {
                return Ok(data.claims);
            }
        }
        Err(Error::Signature)
    }
}

/// The algorithm must fit the key's type, and the key's own `alg` where it has one (RFC 8725 section 3.1).
fn accepts(key: &jwk::Jwk, algorithm: jsonwebtoken::Algorithm) -> bool {
    use jsonwebtoken::Algorithm as A;
    use jwk::AlgorithmParameters as P;
    let fits_type = match (&key.algorithm, algorithm) {
        (P::RSA(_), A::RS256 | A::RS384 | A::RS512 | A::PS256 | A::PS384 | A::PS512) => true,
        (P::EllipticCurve(ec), A::ES256) => ec.curve == jwk::EllipticCurve::P256,
        (P::EllipticCurve(ec), A::ES384) => ec.curve == jwk::EllipticCurve::P384,
        (P::OctetKeyPair(okp), A::EdDSA) => okp.curve == jwk::EllipticCurve::Ed25519,
        _ => false,
    };
    let for_signatures = !matches!(key.common.public_key_use, Some(jwk::PublicKeyUse::Encryption));
    let own = key.common.key_algorithm.is_none_or(|own| own.to_string() == format!("{algorithm:?}"));
    fits_type && for_signatures && own
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::ForeignKeys;
    use crate::jose::{Algorithm, Error, JwkSet, PrivateKey, Signer};

    #[test]
    fn verifies_by_kid_and_refuses_strangers_symmetric_keys_and_none() {
        for algorithm in [Algorithm::Es256, Algorithm::Rs256, Algorithm::Ps512, Algorithm::Es384, Algorithm::Ed25519] {
            let make =
                || Signer::new(PrivateKey::from_pem(algorithm, &PrivateKey::generate_pem(algorithm).unwrap()).unwrap());
            let (signer, stranger) = (make(), make());
            let set = JwkSet { keys: vec![signer.jwk().clone()] };
            let keys = ForeignKeys::parse(&serde_json::to_vec(&set).unwrap()).unwrap();
            let claims = json!({"iss": "x"});
            assert_eq!(
                keys.verify::<Value>(&signer.sign_jwt("JWT", &claims).unwrap()),
                Ok(claims.clone()),
                "{algorithm}"
            );
            assert_eq!(keys.verify::<Value>(&stranger.sign_jwt("JWT", &claims).unwrap()), Err(Error::Signature));
        }
        let oct = ForeignKeys::parse(br#"{"keys":[{"kty":"oct","k":"AAAA","alg":"HS256"},{"kty":"new"}]}"#).unwrap();
        assert!(oct.verify::<Value>("eyJhbGciOiJIUzI1NiJ9.e30.AAAA").is_err());
        assert!(oct.verify::<Value>("eyJhbGciOiJub25lIn0.e30.").is_err());
    }
}
