use aws_lc_rs::{
    agreement::{self, UnparsedPublicKey},
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
    derive::{Curve, Parties, agree},
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
    /// An uncompressed point, or what X25519 has in its place.
    Ecdh(Curve, Vec<u8>),
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
            KeyMaterial::Ec { crv, x, y } if !algorithm.is_rsa() => {
                on_curve(crv, [&[4u8][..], &decode(x)?, &decode(y)?].concat())?
            }
            KeyMaterial::Okp { crv: crv @ "X25519", x } if !algorithm.is_rsa() => on_curve(crv, decode(x)?)?,
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
        assemble(header, enc, &cek, &encrypted_key, plaintext)
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
            Public::Ecdh(curve, point) => {
                let ephemeral = agreement::PrivateKey::generate(curve.algorithm).ok()?;
                header.insert("epk".into(), epk(*curve, ephemeral.compute_public_key().ok()?.as_ref())?);
                let agree = |name, length| agree(&ephemeral, (*curve, point), name, Parties::default(), length);
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

/// The key, where it is on its curve.
fn on_curve(name: &str, point: Vec<u8>) -> Result<Public, Error> {
    let unfit = Error::PublicKey("no point on a curve that is supported");
    let curve = Curve::named(name).ok_or_else(|| unfit.clone())?;
    agreement::ParsedPublicKey::try_from(&UnparsedPublicKey::new(curve.algorithm, &point)).map_err(|_| unfit)?;
    Ok(Public::Ecdh(curve, point))
}

/// The ephemeral public key (RFC 7518 section 4.6.1.1, RFC 8037 section 3.2.1).
fn epk(curve: Curve, public: &[u8]) -> Option<Value> {
    let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    if curve.name == "X25519" {
        return Some(json!({"kty": "OKP", "crv": curve.name, "x": b64(public)}));
    }
    let (x, y) = public.get(1..)?.split_at_checked(curve.width)?;
    Some(json!({"kty": "EC", "crv": curve.name, "x": b64(x), "y": b64(y)}))
}

/// The five parts of a JWE (RFC 7516 section 5.1, steps 14 to 19).
pub(super) fn assemble(
    header: Map<String, Value>,
    enc: ContentEncryption,
    cek: &[u8],
    encrypted_key: &[u8],
    plaintext: &[u8],
) -> Result<String, Error> {
    let protected = URL_SAFE_NO_PAD.encode(Value::Object(header).to_string());
    let sealed = enc.seal(cek, plaintext, protected.as_bytes())?;
    let parts = [encrypted_key, &sealed.iv, &sealed.ciphertext, &sealed.tag].map(|part| URL_SAFE_NO_PAD.encode(part));
    Ok(format!("{protected}.{}", parts.join(".")))
}
