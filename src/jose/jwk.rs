use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;

use super::{Algorithm, KeyManagement};

/// The public parameters of a key, base64url without padding (RFC 7518 section 6, RFC 8037 section 2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kty")]
#[allow(missing_docs)]
pub enum KeyMaterial {
    #[serde(rename = "EC")]
    Ec { crv: &'static str, x: String, y: String },
    #[serde(rename = "RSA")]
    Rsa { e: String, n: String },
    #[serde(rename = "OKP")]
    Okp { crv: &'static str, x: String },
}

impl KeyMaterial {
    /// The JWK thumbprint with SHA-256 (RFC 7638 section 3): the `kid` of every key of ours.
    pub fn thumbprint(&self) -> String {
        // The required members in lexicographic order, no white space; every value is base64url or a fixed name.
        let canonical = match self {
            Self::Ec { crv, x, y } => format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#),
            Self::Rsa { e, n } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
            Self::Okp { crv, x } => format!(r#"{{"crv":"{crv}","kty":"OKP","x":"{x}"}}"#),
        };
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, canonical.as_bytes()))
    }
}

/// A public key as it stands in a JWK Set (RFC 7517 section 4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jwk {
    /// `kty` and the parameters that it asks for.
    #[serde(flatten)]
    pub material: KeyMaterial,
    /// The RFC 7638 thumbprint.
    pub kid: String,
    /// The JOSE name of the one algorithm this key is for. It is left out for Ed25519, whose signatures go by two names, each of which
    /// some relying party compares with this one.
    #[serde(skip_serializing_if = "has_two_names")]
    pub alg: &'static str,
    /// `sig` or `enc`.
    #[serde(rename = "use")]
    pub usage: &'static str,
}

fn has_two_names(alg: &&str) -> bool {
    *alg == Algorithm::Ed25519.jws_name()
}

impl Jwk {
    /// The JWK of a signature key.
    pub fn for_signature(algorithm: Algorithm, material: KeyMaterial) -> Self {
        Self { kid: material.thumbprint(), material, alg: algorithm.jws_name(), usage: "sig" }
    }

    /// The JWK of an encryption key.
    pub fn for_encryption(algorithm: KeyManagement, material: KeyMaterial) -> Self {
        Self { kid: material.thumbprint(), material, alg: algorithm.name(), usage: "enc" }
    }
}

/// A JWK Set (RFC 7517 section 5).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct JwkSet {
    /// The keys, newest first.
    pub keys: Vec<Jwk>,
}

#[cfg(test)]
mod tests {
    use super::KeyMaterial;

    #[test]
    fn thumbprint_is_that_of_rfc_7638_section_3_1() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let key = KeyMaterial::Rsa { e: "AQAB".into(), n: n.into() };
        assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }
}
