use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, de::DeserializeOwned};

use super::{Algorithm, Compact, Error, KeyManagement, KeyMaterial, PublicKey, jwe::EncryptionKey};

/// JWS names of the algorithms that [`ForeignKeys::verify`] accepts, in the order of metadata. Ed25519 has two (RFC 8037, RFC 9864).
pub const ALGORITHMS: &[&str] =
    &["ES256", "ES384", "ES512", "EdDSA", "Ed25519", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];

/// The public keys of somebody else, as their JWK Set has them. Symmetric keys in it are never used.
#[derive(Debug, Clone, Default)]
pub struct ForeignKeys(Vec<ForeignKey>);

/// One of them, and what it says of itself.
#[derive(Debug, Clone)]
struct ForeignKey {
    kid: Option<String>,
    alg: Option<String>,
    usage: Option<String>,
    operations: Option<Vec<String>>,
    material: KeyMaterial,
}

/// A JWK as it stands there; unknown members are passed over (RFC 7517 section 4).
#[derive(Deserialize)]
struct Raw {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl ForeignKeys {
    /// Parses a JWK Set (RFC 7517 section 5) as it was received; keys of unknown types and malformed ones are passed over, as the RFC asks.
    ///
    /// # Errors
    /// [`Error::PublicKey`] where the text is no JWK Set.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<serde_json::Value>,
        }
        let set: Set = serde_json::from_slice(json)
            .map_err(|_| Error::PublicKey("not a JWK Set: an object with the array \"keys\" is needed"))?;
        let raw = set.keys.into_iter().filter_map(|key| serde_json::from_value::<Raw>(key).ok());
        Ok(Self(raw.filter_map(ForeignKey::of).collect()))
    }

    /// True where there is no usable key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True where a key of this `kid` is known: an unknown one is a reason to fetch the set again.
    pub fn contains(&self, kid: &str) -> bool {
        self.0.iter().any(|key| key.kid.as_deref() == Some(kid))
    }

    /// Verifies the signature of `token` with the key that its `kid` names, or with each that fits where it names none, and
    /// decodes its claims. Only asymmetric algorithms that fit the key are accepted; times, issuer and audience are the caller's
    /// to check, so that each has its own answer.
    ///
    /// # Errors
    /// [`Error::Malformed`] for what is no JWT or is signed in a way that is never accepted, [`Error::Signature`] where no key
    /// verifies it.
    pub fn verify<T: DeserializeOwned>(&self, token: &str) -> Result<T, Error> {
        let compact = Compact::parse(token)?;
        let algorithm: Algorithm =
            compact.alg().parse().map_err(|_| Error::Malformed("it is not signed by an algorithm that is accepted"))?;
        let may_be_meant = |key: &&ForeignKey| match (compact.kid(), &key.kid) {
            (Some(wanted), Some(has)) => wanted == has,
            (Some(_), None) | (None, _) => true,
        };
        for key in self.0.iter().filter(may_be_meant).filter(|key| key.verifies(algorithm)) {
            let Ok(public) = PublicKey::new(algorithm, &key.material) else { continue };
            match compact.verify(&public) {
                Err(Error::Signature) => {}
                result => return result,
            }
        }
        Err(Error::Signature)
    }

    /// The key to encrypt for with `algorithm`: of the right type and curve, and not said to be for something else by its `use`, `alg` or
    /// `key_ops` (OpenID Connect Core section 10.2). One that says that it is for this goes before one that says nothing. None where there
    /// is no such key.
    pub fn encryption_key(&self, algorithm: KeyManagement) -> Option<EncryptionKey> {
        let mut fitting: Vec<_> = self.0.iter().filter(|key| key.encrypts(algorithm)).collect();
        fitting.sort_by_key(|key| (key.alg.is_none(), key.usage.is_none()));
        fitting.into_iter().find_map(|key| EncryptionKey::new(algorithm, &key.material, key.kid.clone()).ok())
    }
}

impl ForeignKey {
    fn of(raw: Raw) -> Option<Self> {
        let octets = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
        let is_wide = |part: &Option<String>, width: usize| octets(part).is_some_and(|bytes| bytes.len() == width);
        let material = match (raw.kty.as_str(), raw.crv.as_deref()) {
            ("RSA", _) => {
                octets(&raw.n)?;
                octets(&raw.e)?;
                KeyMaterial::Rsa { e: raw.e?, n: raw.n? }
            }
            ("EC", Some(name)) => {
                // Each coordinate in the full width of the curve (RFC 7518 section 6.2.1.2).
                let (crv, width) =
                    [("P-256", 32), ("P-384", 48), ("P-521", 66)].into_iter().find(|(crv, _)| *crv == name)?;
                (is_wide(&raw.x, width) && is_wide(&raw.y, width)).then_some(())?;
                KeyMaterial::Ec { crv, x: raw.x?, y: raw.y? }
            }
            ("OKP", Some(name)) => {
                let crv = ["Ed25519", "X25519"].into_iter().find(|crv| *crv == name)?;
                is_wide(&raw.x, 32).then_some(())?;
                KeyMaterial::Okp { crv, x: raw.x? }
            }
            _ => return None,
        };
        Some(Self { kid: raw.kid, alg: raw.alg, usage: raw.usage, operations: raw.key_ops, material })
    }

    /// The algorithm must fit the key's type, and what the key itself says (RFC 8725 section 3.1).
    fn verifies(&self, algorithm: Algorithm) -> bool {
        let fits_type = match &self.material {
            KeyMaterial::Rsa { .. } => algorithm.is_rsa(),
            KeyMaterial::Ec { crv, .. } => matches!(
                (*crv, algorithm),
                ("P-256", Algorithm::Es256) | ("P-384", Algorithm::Es384) | ("P-521", Algorithm::Es512)
            ),
            KeyMaterial::Okp { crv, .. } => *crv == "Ed25519" && algorithm == Algorithm::Ed25519,
        };
        fits_type
            && self.alg.as_deref().is_none_or(|own| own.parse() == Ok(algorithm))
            && self.is_for("sig", &["verify"])
    }

    fn encrypts(&self, algorithm: KeyManagement) -> bool {
        let fits_type = match &self.material {
            KeyMaterial::Rsa { .. } => algorithm.is_rsa(),
            KeyMaterial::Ec { .. } => !algorithm.is_rsa(),
            KeyMaterial::Okp { crv, .. } => *crv == "X25519" && !algorithm.is_rsa(),
        };
        fits_type
            && self.alg.as_deref().is_none_or(|own| own == algorithm.name())
            && self.is_for("enc", &["encrypt", "wrapKey", "deriveKey", "deriveBits"])
    }

    /// RFC 7517 sections 4.2 and 4.3. The public half of a key pair for ECDH has no operation of its own (`[]`).
    fn is_for(&self, usage: &str, operations: &[&str]) -> bool {
        let allows = |own: &Vec<String>| own.is_empty() || own.iter().any(|own| operations.contains(&own.as_str()));
        self.usage.as_deref().is_none_or(|own| own == usage) && self.operations.as_ref().is_none_or(allows)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::ForeignKeys;
    use crate::jose::{
        Algorithm, Error, JwkSet, KeyAlgorithm, KeyManagement, PrivateKey, Signer,
        jwe::{ContentEncryption, DecryptionKey},
    };

    fn parse(keys: Value) -> ForeignKeys {
        ForeignKeys::parse(json!({"keys": keys}).to_string().as_bytes()).unwrap()
    }

    fn signer(algorithm: Algorithm) -> Signer {
        Signer::new(PrivateKey::from_pem(algorithm, &PrivateKey::generate_pem(algorithm).unwrap()).unwrap())
    }

    #[test]
    fn verifies_every_algorithm_by_kid_and_refuses_strangers_symmetric_keys_and_none() {
        for algorithm in Algorithm::ALL {
            let (own, stranger) = (signer(algorithm), signer(algorithm));
            let set = JwkSet { keys: vec![own.jwk().clone()] };
            let keys = ForeignKeys::parse(&serde_json::to_vec(&set).unwrap()).unwrap();
            let claims = json!({"iss": "x"});
            assert_eq!(keys.verify::<Value>(&own.sign_jwt("JWT", &claims).unwrap()), Ok(claims.clone()), "{algorithm}");
            assert_eq!(keys.verify::<Value>(&stranger.sign_jwt("JWT", &claims).unwrap()), Err(Error::Signature));
        }
        let oct = parse(json!([{"kty": "oct", "k": "AAAA", "alg": "HS256"}, {"kty": "new"}, 7]));
        assert!(oct.is_empty());
        assert!(oct.verify::<Value>("eyJhbGciOiJIUzI1NiJ9.e30.AAAA").is_err());
        assert!(oct.verify::<Value>("eyJhbGciOiJub25lIn0.e30.").is_err());
    }

    #[test]
    fn rfc_9864_ed25519_is_known_by_both_of_its_names() {
        let own = signer(Algorithm::Ed25519);
        for alg in [json!(null), json!("EdDSA"), json!("Ed25519")] {
            let mut jwk = serde_json::to_value(own.jwk()).unwrap();
            jwk["alg"] = alg;
            let keys = parse(json!([jwk]));
            for name in ["EdDSA", "Ed25519"] {
                let token = own.sign_jwt_as(name, "JWT", &json!({})).unwrap();
                assert_eq!(keys.verify::<Value>(&token), Ok(json!({})), "{name} {jwk}");
            }
        }
    }

    #[test]
    fn rfc_7517_4_2_and_4_3_a_key_is_used_for_nothing_but_what_it_says() {
        let own = signer(Algorithm::Rs256);
        let token = own.sign_jwt("JWT", &json!({})).unwrap();
        let with = |name: &str, value: Value| {
            let mut jwk = serde_json::to_value(own.jwk()).unwrap();
            for name in ["alg", "use", name] {
                jwk.as_object_mut().unwrap().remove(name);
            }
            jwk[name] = value;
            parse(json!([jwk]))
        };
        for (name, value, verifies, encrypts) in [
            ("x", json!("y"), true, true),
            ("use", json!("sig"), true, false),
            ("use", json!("enc"), false, true),
            ("alg", json!("RS256"), true, false),
            ("alg", json!("PS256"), false, false),
            ("alg", json!("RSA-OAEP"), false, true),
            ("alg", json!("RSA-OAEP-256"), false, false),
            ("key_ops", json!(["verify"]), true, false),
            ("key_ops", json!(["encrypt"]), false, true),
        ] {
            let keys = with(name, value.clone());
            assert_eq!(keys.verify::<Value>(&token).is_ok(), verifies, "{name} {value}");
            assert_eq!(keys.encryption_key(KeyManagement::RsaOaep).is_some(), encrypts, "{name} {value}");
            assert!(keys.encryption_key(KeyManagement::EcdhEs).is_none());
        }
    }

    #[test]
    fn the_key_that_says_it_is_for_the_algorithm_is_encrypted_for_first() {
        let make = || {
            let pem = KeyAlgorithm::Encrypt(KeyManagement::EcdhEs).generate_pem().unwrap();
            DecryptionKey::from_pem(KeyManagement::EcdhEs, &pem).unwrap()
        };
        let (silent, stated) = (make(), make());
        let mut first = serde_json::to_value(silent.jwk()).unwrap();
        for name in ["alg", "use"] {
            first.as_object_mut().unwrap().remove(name);
        }
        let keys = parse(json!([first, stated.jwk()]));
        let token = keys.encryption_key(KeyManagement::EcdhEs).unwrap().encrypt(ContentEncryption::A128Gcm, None, b"x");
        assert!(stated.decrypt(&token.unwrap()).is_ok());
    }

    #[test]
    fn rfc_7518_6_2_1_2_a_coordinate_of_another_width_is_no_key() {
        let mut jwk = serde_json::to_value(signer(Algorithm::Es256).jwk()).unwrap();
        jwk["x"] = json!("AA");
        assert!(parse(json!([jwk])).is_empty());
    }
}
