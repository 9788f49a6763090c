use aws_lc_rs::{rsa::PublicKeyComponents, signature::ParsedPublicKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{Algorithm, Error, KeyMaterial};

/// A public signature key, parsed once and bound to one algorithm.
#[derive(Debug)]
pub struct PublicKey {
    algorithm: Algorithm,
    key: ParsedPublicKey,
}

impl PublicKey {
    /// Parses JWK parameters for `algorithm`.
    ///
    /// # Errors
    /// [`Error::PublicKey`] where they are malformed or of another key type.
    pub fn new(algorithm: Algorithm, material: &KeyMaterial) -> Result<Self, Error> {
        let decode =
            |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| Error::PublicKey("a parameter is not base64url"));
        let key = match material {
            KeyMaterial::Rsa { e, n } => PublicKeyComponents { n: decode(n)?, e: decode(e)? }
                .to_parsed_public_key(algorithm.rsa_verification().ok_or(Error::KeyMismatch(algorithm))?)
                .map_err(|_| Error::PublicKey("the RSA parameters do not fit the algorithm"))?,
            KeyMaterial::Ec { x, y, .. } => {
                let point = [&[4u8][..], &decode(x)?, &decode(y)?].concat();
                ParsedPublicKey::new(algorithm.verification(), point)
                    .map_err(|_| Error::PublicKey("no point on the algorithm's curve"))?
            }
            KeyMaterial::Okp { x, .. } => ParsedPublicKey::new(algorithm.verification(), decode(x)?)
                .map_err(|_| Error::PublicKey("not an Ed25519 key"))?,
        };
        Ok(Self { algorithm, key })
    }

    /// The one algorithm that this key verifies; a token's `alg` must be its name.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Verifies a raw JWS signature.
    ///
    /// # Errors
    /// [`Error::Signature`] where it is not this key's signature of `message`.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        self.key.verify_sig(message, signature).map_err(|_| Error::Signature)
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::{Algorithm, Error, KeyMaterial, PublicKey};

    #[track_caller]
    fn check(algorithm: Algorithm, material: &KeyMaterial, token: &str) {
        let (input, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let key = PublicKey::new(algorithm, material).unwrap();
        assert_eq!(key.verify(input.as_bytes(), &signature), Ok(()));
        assert_eq!(key.verify(&input.as_bytes()[1..], &signature), Err(Error::Signature));
        assert_eq!(
            key.verify(input.as_bytes(), &signature[1..]),
            Err(Error::Signature),
            "RFC 7518 section 3.4: the length is fixed"
        );
    }

    #[test]
    fn rfc_7515_appendix_a_3_es256_is_verified() {
        let key = KeyMaterial::Ec {
            crv: "P-256",
            x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU".into(),
            y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0".into(),
        };
        check(
            Algorithm::Es256,
            &key,
            "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        );
    }

    #[test]
    fn rfc_7515_appendix_a_4_es512_is_verified() {
        let key = KeyMaterial::Ec {
            crv: "P-521",
            x: "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk".into(),
            y: "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2".into(),
        };
        check(
            Algorithm::Es512,
            &key,
            "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
        );
    }

    #[test]
    fn rfc_8037_appendix_a_4_ed25519_is_verified() {
        let key = KeyMaterial::Okp { crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".into() };
        check(
            Algorithm::Ed25519,
            &key,
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        );
    }
}
