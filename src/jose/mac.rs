use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;

use super::{Error, HmacAlgorithm, signer::signing_input};

/// A JWT with a code by a shared secret (RFC 7518 section 3.2) and the header `{"alg","typ"}`.
///
/// # Errors
/// [`Error::ShortSecret`] where `secret` has fewer bytes than the algorithm asks for, [`Error::Malformed`] where `claims` do not serialise.
pub fn authenticate_jwt(
    algorithm: HmacAlgorithm,
    secret: &[u8],
    typ: &str,
    claims: &impl Serialize,
) -> Result<String, Error> {
    if secret.len() < algorithm.min_key_length() {
        return Err(Error::ShortSecret { algorithm });
    }
    let mut token = signing_input(&encode_header(algorithm.name(), typ), claims)?;
    let tag = hmac::sign(&hmac::Key::new(algorithm.hmac(), secret), token.as_bytes());
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(tag, &mut token);
    Ok(token)
}

/// A JWT that nobody has signed: `alg` is `none`, and the signature is empty (RFC 7518 section 3.6, RFC 7519 section 6).
///
/// # Errors
/// [`Error::Malformed`] where `claims` do not serialise.
pub fn unsecured_jwt(typ: &str, claims: &impl Serialize) -> Result<String, Error> {
    let mut token = signing_input(&encode_header("none", typ), claims)?;
    token.push('.');
    Ok(token)
}

fn encode_header(alg: &str, typ: &str) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::json!({"alg": alg, "typ": typ}).to_string())
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::{Value, json};

    use super::{authenticate_jwt, unsecured_jwt};
    use crate::jose::{Compact, Error, HmacAlgorithm};

    #[test]
    fn rfc_7515_appendix_a_1_is_verified() {
        let key = URL_SAFE_NO_PAD
            .decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
            .unwrap();
        let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let compact = Compact::parse(token).unwrap();
        let claims: Value = compact.verify_mac(HmacAlgorithm::Hs256, &key).unwrap();
        assert_eq!(claims, json!({"iss": "joe", "exp": 1_300_819_380, "http://example.com/is_root": true}));
        assert_eq!(compact.verify_mac::<Value>(HmacAlgorithm::Hs512, &key), Err(Error::Signature), "another algorithm");
        assert_eq!(compact.verify_mac::<Value>(HmacAlgorithm::Hs256, &key[1..]), Err(Error::Signature));
    }

    #[test]
    fn rfc_7515_appendix_a_5_is_read_as_what_it_is() {
        let token = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.";
        let claims: Value = Compact::parse(token).unwrap().unsecured().unwrap();
        assert_eq!(claims["iss"], "joe");
        let signed = format!("{token}AA");
        assert_eq!(
            Compact::parse(&signed).unwrap().unsecured::<Value>(),
            Err(Error::Signature),
            "RFC 7518 section 3.6"
        );
        assert_eq!(unsecured_jwt("JWT", &json!({})).unwrap(), "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.e30.");
    }

    #[test]
    fn rfc_7518_3_2_a_secret_shorter_than_the_hash_authenticates_nothing() {
        for algorithm in HmacAlgorithm::ALL {
            let secret = vec![7; algorithm.min_key_length()];
            let token = authenticate_jwt(algorithm, &secret, "JWT", &json!({"a": 1})).unwrap();
            let compact = Compact::parse(&token).unwrap();
            assert_eq!((compact.alg(), compact.kid()), (algorithm.name(), None));
            assert_eq!(compact.verify_mac(algorithm, &secret), Ok(json!({"a": 1})));
            let short = &secret[1..];
            assert_eq!(authenticate_jwt(algorithm, short, "JWT", &json!({})), Err(Error::ShortSecret { algorithm }));
            assert_eq!(compact.verify_mac::<Value>(algorithm, short), Err(Error::ShortSecret { algorithm }));
        }
        let said = Error::ShortSecret { algorithm: HmacAlgorithm::Hs384 }.to_string();
        assert_eq!(said, "the secret is shorter than the 48 bytes that HS384 needs");
    }
}
