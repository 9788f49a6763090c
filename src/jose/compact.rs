use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use super::{Error, HmacAlgorithm, PublicKey};

/// Longer texts are refused before anything is decoded: 64 KiB.
pub const MAX_COMPACT_LENGTH: usize = 64 * 1024;

/// A JWS in compact serialisation, split and its header decoded; nothing is verified yet (RFC 7515 section 7.1).
#[derive(Debug)]
pub struct Compact<'a> {
    signing_input: &'a str,
    payload: &'a str,
    signature: Vec<u8>,
    header: Header,
}

#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    /// Also `null` counts: it is there, and no list of names.
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl<'a> Compact<'a> {
    /// Splits a token and decodes its header.
    ///
    /// # Errors
    /// [`Error::Malformed`] for what is too long, has not three parts, is not base64url or JSON, or has a `crit` header (none is
    /// understood, RFC 7515 section 4.1.11).
    pub fn parse(token: &'a str) -> Result<Self, Error> {
        if token.len() > MAX_COMPACT_LENGTH {
            return Err(Error::Malformed("longer than 64 KiB"));
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(Error::Malformed("not three parts"))?;
        let (header, payload) = signing_input.split_once('.').ok_or(Error::Malformed("not three parts"))?;
        if payload.contains('.') {
            return Err(Error::Malformed("not three parts"));
        }
        let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| Error::Malformed("the header is not base64url"))?;
        let header: Header =
            serde_json::from_slice(&header).map_err(|_| Error::Malformed("the header is not a JWS header"))?;
        if header.crit {
            return Err(Error::Malformed("it has critical header parameters that are not understood"));
        }
        let signature =
            URL_SAFE_NO_PAD.decode(signature).map_err(|_| Error::Malformed("the signature is not base64url"))?;
        Ok(Self { signing_input, payload, signature, header })
    }

    /// `alg` as it stands there.
    pub fn alg(&self) -> &str {
        &self.header.alg
    }

    /// `typ` as it stands there.
    pub fn typ(&self) -> Option<&str> {
        self.header.typ.as_deref()
    }

    /// `kid` as it stands there.
    pub fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// Verifies with `key` (whose algorithm must be the header's, RFC 8725 section 3.1) and decodes the claims.
    ///
    /// # Errors
    /// [`Error::KeyMismatch`], [`Error::Signature`], or [`Error::Malformed`] where the payload is not what `T` needs.
    pub fn verify<T: DeserializeOwned>(&self, key: &PublicKey) -> Result<T, Error> {
        if self.alg().parse() != Ok(key.algorithm()) {
            return Err(Error::KeyMismatch(key.algorithm()));
        }
        key.verify(self.signing_input.as_bytes(), &self.signature)?;
        self.claims_unverified()
    }

    /// Verifies a code by a shared secret, in constant time, and decodes the claims (RFC 7518 section 3.2).
    ///
    /// # Errors
    /// [`Error::ShortSecret`] for a secret that is shorter than the algorithm needs, [`Error::Signature`] where the header says another
    /// algorithm or the code is wrong, or [`Error::Malformed`] where the payload is not what `T` needs.
    pub fn verify_mac<T: DeserializeOwned>(&self, algorithm: HmacAlgorithm, secret: &[u8]) -> Result<T, Error> {
        if secret.len() < algorithm.min_key_length() {
            return Err(Error::ShortSecret { algorithm });
        }
        if self.alg() != algorithm.name() {
            return Err(Error::Signature);
        }
        let key = hmac::Key::new(algorithm.hmac(), secret);
        hmac::verify(&key, self.signing_input.as_bytes(), &self.signature).map_err(|_| Error::Signature)?;
        self.claims_unverified()
    }

    /// The claims of an unsecured JWS: `alg` is `none` and the signature is empty (RFC 7518 section 3.6). Whoever asks must have decided
    /// that nobody needs to have signed it.
    ///
    /// # Errors
    /// [`Error::Signature`] for any other, [`Error::Malformed`] where the payload is not what `T` needs.
    pub fn unsecured<T: DeserializeOwned>(&self) -> Result<T, Error> {
        if self.alg() != "none" || !self.signature.is_empty() {
            return Err(Error::Signature);
        }
        self.claims_unverified()
    }

    /// The claims without any verification: to find out whom a token claims to be from, never to believe it.
    ///
    /// # Errors
    /// [`Error::Malformed`] where the payload is not what `T` needs.
    pub fn claims_unverified<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let payload =
            URL_SAFE_NO_PAD.decode(self.payload).map_err(|_| Error::Malformed("the payload is not base64url"))?;
        serde_json::from_slice(&payload)
            .map_err(|_| Error::Malformed("the payload is not a JSON object of the expected claims"))
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::{Value, json};

    use super::{Compact, Error};
    use crate::jose::{Algorithm, PrivateKey, Signer};

    fn signer(algorithm: Algorithm) -> Signer {
        Signer::new(PrivateKey::from_pem(algorithm, &PrivateKey::generate_pem(algorithm).unwrap()).unwrap())
    }

    #[test]
    fn what_is_signed_verifies_and_carries_its_header() {
        let signer = signer(Algorithm::Es256);
        let token = signer.sign_jwt("at+jwt", &json!({"sub": "ada"})).unwrap();
        let compact = Compact::parse(&token).unwrap();
        assert_eq!(
            (compact.alg(), compact.typ(), compact.kid()),
            ("ES256", Some("at+jwt"), Some(signer.jwk().kid.as_str()))
        );
        let claims: Value = compact.verify(&signer.private_key().public_key().unwrap()).unwrap();
        assert_eq!(claims, json!({"sub": "ada"}));
    }

    #[test]
    fn another_algorithm_in_the_header_is_refused_whatever_the_signature() {
        let rs256 = signer(Algorithm::Rs256);
        let token = rs256.sign_jwt("JWT", &json!({})).unwrap();
        let es256 = signer(Algorithm::Es256).private_key().public_key().unwrap();
        let error = Compact::parse(&token).unwrap().verify::<Value>(&es256).unwrap_err();
        assert_eq!(error, Error::KeyMismatch(Algorithm::Es256));
    }

    #[test]
    fn malformed_tokens_are_errors_and_never_panics() {
        let long = "a".repeat(70_000);
        for token in ["", ".", "..", "a.b", "a.b.c.d", "e30.e30.", "é.é.é", "eyJhbGciOiJub25lIn0.e30.\0", &long] {
            assert!(matches!(Compact::parse(token), Err(Error::Malformed(_))), "{token:.20}");
        }
        assert!(Compact::parse("eyJhbGciOiJFUzI1NiIsImNyaXQiOlsiYiJdfQ.e30.AA").is_err(), "crit is not understood");
    }

    #[test]
    fn rfc_7515_4_1_11_crit_in_any_form_is_refused() {
        for crit in [json!(["b64"]), json!([]), json!(null), json!("exp")] {
            let header = URL_SAFE_NO_PAD.encode(json!({"alg": "ES256", "crit": crit}).to_string());
            assert!(matches!(Compact::parse(&format!("{header}.e30.AA")), Err(Error::Malformed(_))), "{crit}");
        }
    }

    #[test]
    fn rfc_7515_4_a_header_parameter_that_is_there_twice_is_refused() {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","alg":"ES256"}"#);
        assert!(matches!(Compact::parse(&format!("{header}.e30.AA")), Err(Error::Malformed(_))));
    }
}
