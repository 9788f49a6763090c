use aws_lc_rs::{
    key_wrap::{AES_128, AES_256, AesKek, KeyWrap},
    rand,
    rsa::{OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use zeroize::Zeroizing;

use super::{
    ContentEncryption, DecryptionFailed, DecryptionKey,
    content::Sealed,
    derive::{Curve, Parties, agree},
    key::Pair,
};
use crate::jose::{KeyManagement, MAX_COMPACT_LENGTH};

#[derive(Deserialize)]
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) enc: String,
    kid: Option<String>,
    #[serde(default, deserialize_with = "present")]
    zip: bool,
    #[serde(default, deserialize_with = "present")]
    crit: bool,
    epk: Option<EphemeralKey>,
    apu: Option<String>,
    apv: Option<String>,
}

/// Whatever the value, also `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl Header {
    /// Compression, or something that must be understood and is not.
    pub(super) fn has_extension(&self) -> bool {
        self.zip || self.crit
    }
}

#[derive(Deserialize)]
struct EphemeralKey {
    kty: String,
    crv: String,
    x: String,
    y: String,
}

impl DecryptionKey {
    /// The `kid` and `alg` of a compact JWE, to find the key by; none of it is verified.
    ///
    /// # Errors
    /// [`DecryptionFailed`] where it is no JWE.
    pub fn addressee(token: &str) -> Result<(Option<String>, String), DecryptionFailed> {
        let header = header(parts(token)?[0])?;
        Ok((header.kid, header.alg))
    }

    /// Decrypts a compact JWE (RFC 7516 section 5.2) whose `alg` is this key's. `zip` and `crit` are refused: compressed content betrays its
    /// length and explodes, and no extension is understood.
    ///
    /// # Errors
    /// [`DecryptionFailed`], whatever is wrong with it. Where the content encryption key can't be had, a random one takes its place, so that
    /// the answer takes as long as for content that was forged (RFC 7516 section 11.5).
    pub fn decrypt(&self, token: &str) -> Result<Zeroizing<Vec<u8>>, DecryptionFailed> {
        let [protected, encrypted_key, iv, ciphertext, tag] = parts(token)?;
        let header = header(protected)?;
        if header.has_extension() || header.alg != self.algorithm.name() {
            return Err(DecryptionFailed);
        }
        let enc: ContentEncryption = header.enc.parse()?;
        let encrypted_key = decode(encrypted_key)?;
        let sealed = Sealed { iv: decode(iv)?, ciphertext: decode(ciphertext)?, tag: decode(tag)? };
        let mut cek = Zeroizing::new(vec![0; enc.key_length()]);
        rand::fill(&mut cek).map_err(|_| DecryptionFailed)?;
        let found = match &self.pair {
            Pair::Rsa(key) => rsa(self.algorithm, key, &encrypted_key),
            Pair::Ecdh(key) => ecdh(self.algorithm, key, &header, enc, &encrypted_key),
        };
        if let Some(found) = found.filter(|found| found.len() == cek.len()) {
            cek = found;
        }
        enc.open(&cek, sealed, protected.as_bytes()).map(Zeroizing::new)
    }
}

/// The five parts (RFC 7516 section 7.1).
pub(super) fn parts(token: &str) -> Result<[&str; 5], DecryptionFailed> {
    if token.len() > MAX_COMPACT_LENGTH {
        return Err(DecryptionFailed);
    }
    let parts: Vec<_> = token.splitn(6, '.').collect();
    parts.try_into().map_err(|_| DecryptionFailed)
}

pub(super) fn header(protected: &str) -> Result<Header, DecryptionFailed> {
    serde_json::from_slice(&decode(protected)?).map_err(|_| DecryptionFailed)
}

pub(super) fn decode(text: &str) -> Result<Vec<u8>, DecryptionFailed> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| DecryptionFailed)
}

/// RFC 7518 section 4.3.
fn rsa(algorithm: KeyManagement, key: &OaepPrivateDecryptingKey, encrypted: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let hash = if algorithm == KeyManagement::RsaOaep { &OAEP_SHA1_MGF1SHA1 } else { &OAEP_SHA256_MGF1SHA256 };
    let mut buffer = Zeroizing::new(vec![0; key.min_output_size()]);
    let length = key.decrypt(hash, encrypted, &mut buffer, None).ok()?.len();
    buffer.truncate(length);
    Some(buffer)
}

/// RFC 7518 section 4.6: the agreed key is the content encryption key itself, or wraps it.
fn ecdh(
    algorithm: KeyManagement,
    key: &aws_lc_rs::agreement::PrivateKey,
    header: &Header,
    enc: ContentEncryption,
    encrypted: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let epk = header.epk.as_ref().filter(|epk| epk.kty == "EC" && epk.crv == "P-256")?;
    let (x, y) = (decode(&epk.x).ok()?, decode(&epk.y).ok()?);
    if x.len() != 32 || y.len() != 32 {
        return None;
    }
    let point = [&[4u8][..], &x, &y].concat();
    let party = |party: &Option<String>| decode(party.as_deref().unwrap_or_default()).ok();
    let (apu, apv) = (party(&header.apu)?, party(&header.apv)?);
    let parties = Parties { apu: &apu, apv: &apv };
    let (cipher, length) = match algorithm {
        KeyManagement::EcdhEsA128Kw => (&AES_128, 16),
        KeyManagement::EcdhEsA256Kw => (&AES_256, 32),
        // RFC 7516 section 5.2: no key is sent where one is agreed upon.
        _ if !encrypted.is_empty() => return None,
        _ => return agree(key, (Curve::P256, &point), enc.name(), parties, enc.key_length()),
    };
    if encrypted.len() != enc.key_length() + 8 {
        return None;
    }
    let wrapping = agree(key, (Curve::P256, &point), algorithm.name(), parties, length)?;
    let mut cek = Zeroizing::new(vec![0; enc.key_length()]);
    let kek = AesKek::new(cipher, &wrapping).ok()?;
    let length = kek.unwrap(encrypted, &mut cek).ok()?.len();
    (length == cek.len()).then_some(cek)
}
