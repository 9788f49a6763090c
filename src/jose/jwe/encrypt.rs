use aws_lc_rs::{
    agreement::{self, ECDH_P256, UnparsedPublicKey},
    encoding::{AsDer, PublicKeyX509Der},
    key_wrap::{AES_128, AES_256, AesKek, KeyWrap},
    rand,
    rsa::{OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey},
    signature::RsaPublicKeyComponents,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::{
    ContentEncryption,
    derive::{Parties, agree},
};
use crate::jose::{Error, KeyManagement, KeyMaterial};

/// Somebody's public key to encrypt for, parsed once and bound to one algorithm.
#[derive(Debug)]
pub struct EncryptionKey {
    algorithm: KeyManagement,
    kid: Option<String>,
    public: Public,
}

#[derive(Debug)]
enum Public {
    Rsa(OaepPublicEncryptingKey),
    /// An uncompressed point on P-256.
    Ecdh(Vec<u8>),
}

impl EncryptionKey {
    /// Parses JWK parameters for `algorithm`; `kid` goes into the header of what is encrypted.
    ///
    /// # Errors
    /// [`Error::PublicKey`] where they are malformed, of another key type or curve, or an RSA key of fewer than 2048 bits.
    pub fn new(algorithm: KeyManagement, material: &KeyMaterial, kid: Option<String>) -> Result<Self, Error> {
        let decode =
            |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| Error::PublicKey("a parameter is not base64url"));
        let public = match material {
            KeyMaterial::Rsa { e, n } if algorithm.is_rsa() => {
                let unfit = Error::PublicKey("the RSA parameters do not fit the algorithm");
                let components = RsaPublicKeyComponents { n: decode(n)?, e: decode(e)? };
                let der: PublicKeyX509Der<'_> = components.as_der().map_err(|_| unfit.clone())?;
                let key = PublicEncryptingKey::from_der(der.as_ref()).map_err(|_| unfit.clone())?;
                Public::Rsa(OaepPublicEncryptingKey::new(key).map_err(|_| unfit)?)
            }
            KeyMaterial::Ec { crv: "P-256", x, y } if !algorithm.is_rsa() => {
                let point = [&[4u8][..], &decode(x)?, &decode(y)?].concat();
                agreement::ParsedPublicKey::try_from(&UnparsedPublicKey::new(&ECDH_P256, &point))
                    .map_err(|_| Error::PublicKey("no point on P-256"))?;
                Public::Ecdh(point)
            }
            _ => return Err(Error::PublicKey("a key of another type than the algorithm needs")),
        };
        Ok(Self { algorithm, kid, public })
    }

    /// Encrypts as a compact JWE (RFC 7516 section 5.1); `cty` says what the content is, `JWT` for a nested token.
    ///
    /// # Errors
    /// [`Error::Crypto`] where the library fails.
    pub fn encrypt(&self, enc: ContentEncryption, cty: Option<&str>, plaintext: &[u8]) -> Result<String, Error> {
        let mut header = Map::new();
        header.insert("alg".into(), self.algorithm.name().into());
        header.insert("enc".into(), enc.name().into());
        let optional = [("kid", self.kid.as_deref()), ("cty", cty)];
        header.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?)))));
        let (cek, encrypted_key) = self.content_key(enc, &mut header).ok_or(Error::Crypto)?;
        let protected = URL_SAFE_NO_PAD.encode(Value::Object(header).to_string());
        let sealed = enc.seal(&cek, plaintext, protected.as_bytes())?;
        let parts = [encrypted_key, sealed.iv, sealed.ciphertext, sealed.tag].map(|part| URL_SAFE_NO_PAD.encode(part));
        Ok(format!("{protected}.{}", parts.join(".")))
    }

    /// The content encryption key, and as it is sent.
    fn content_key(
        &self,
        enc: ContentEncryption,
        header: &mut Map<String, Value>,
    ) -> Option<(Zeroizing<Vec<u8>>, Vec<u8>)> {
        let mut cek = Zeroizing::new(vec![0; enc.key_length()]);
        rand::fill(&mut cek).ok()?;
        match &self.public {
            Public::Rsa(key) => {
                let is_sha1 = self.algorithm == KeyManagement::RsaOaep;
                let hash = if is_sha1 { &OAEP_SHA1_MGF1SHA1 } else { &OAEP_SHA256_MGF1SHA256 };
                let mut encrypted = vec![0; key.ciphertext_size()];
                let length = key.encrypt(hash, &cek, &mut encrypted, None).ok()?.len();
                encrypted.truncate(length);
                Some((cek, encrypted))
            }
            Public::Ecdh(point) => {
                let ephemeral = agreement::PrivateKey::generate(&ECDH_P256).ok()?;
                let own = ephemeral.compute_public_key().ok()?;
                let (x, y) = own.as_ref().get(1..)?.split_at_checked(32)?;
                let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
                header.insert("epk".into(), json!({"kty": "EC", "crv": "P-256", "x": b64(x), "y": b64(y)}));
                let agree = |name, length| agree(&ephemeral, point, name, Parties::default(), length);
                let (cipher, length) = match self.algorithm {
                    KeyManagement::EcdhEsA128Kw => (&AES_128, 16),
                    KeyManagement::EcdhEsA256Kw => (&AES_256, 32),
                    _ => return Some((agree(enc.name(), enc.key_length())?, Vec::new())),
                };
                let wrapping = agree(self.algorithm.name(), length)?;
                let mut wrapped = vec![0; cek.len() + 8];
                AesKek::new(cipher, &wrapping).ok()?.wrap(&cek, &mut wrapped).ok()?;
                Some((cek, wrapped))
            }
        }
    }
}
