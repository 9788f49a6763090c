use std::{fmt, str::FromStr};

use aws_lc_rs::{
    aead::{self, Aad, LessSafeKey, Nonce, UnboundKey},
    cipher::{
        self, AES_128, AES_256, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey,
        PaddedBlockEncryptingKey, UnboundCipherKey,
    },
    constant_time, hmac,
    iv::FixedLength,
};

use super::DecryptionFailed;
use crate::jose::Error;

/// How the content of a JWE is encrypted (RFC 7518 section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum ContentEncryption {
    A128Gcm,
    A256Gcm,
    A128CbcHs256,
    A256CbcHs512,
}

/// Initialisation vector, ciphertext and authentication tag.
pub(super) struct Sealed {
    pub(super) iv: Vec<u8>,
    pub(super) ciphertext: Vec<u8>,
    pub(super) tag: Vec<u8>,
}

/// Both AES-GCM and HMAC of the composite algorithms with SHA-256.
const SHORT_TAG: usize = 16;
const GCM_IV: usize = 12;
const BLOCK: usize = 16;

impl ContentEncryption {
    /// Every algorithm, in the order in which metadata lists them.
    pub const ALL: [Self; 4] = [Self::A256Gcm, Self::A128Gcm, Self::A128CbcHs256, Self::A256CbcHs512];

    /// The value of `enc` in a JWE header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::A128Gcm => "A128GCM",
            Self::A256Gcm => "A256GCM",
            Self::A128CbcHs256 => "A128CBC-HS256",
            Self::A256CbcHs512 => "A256CBC-HS512",
        }
    }

    /// The length of the content encryption key in bytes.
    pub const fn key_length(self) -> usize {
        match self {
            Self::A128Gcm => 16,
            Self::A256Gcm | Self::A128CbcHs256 => 32,
            Self::A256CbcHs512 => 64,
        }
    }

    fn aead(self) -> Option<&'static aead::Algorithm> {
        match self {
            Self::A128Gcm => Some(&aead::AES_128_GCM),
            Self::A256Gcm => Some(&aead::AES_256_GCM),
            Self::A128CbcHs256 | Self::A256CbcHs512 => None,
        }
    }

    /// Decrypts, after the tag has been found right.
    pub(super) fn open(self, cek: &[u8], sealed: Sealed, aad: &[u8]) -> Result<Vec<u8>, DecryptionFailed> {
        match self.aead() {
            Some(algorithm) => open_gcm(algorithm, cek, sealed, aad),
            None => self.open_cbc(cek, sealed, aad),
        }
    }

    /// RFC 7518 section 5.2.2.2: the tag is compared in constant time, before anything is decrypted.
    fn open_cbc(self, cek: &[u8], sealed: Sealed, aad: &[u8]) -> Result<Vec<u8>, DecryptionFailed> {
        let Sealed { iv, mut ciphertext, tag } = sealed;
        let expected = self.tag(cek, &iv, &ciphertext, aad).ok_or(DecryptionFailed)?;
        constant_time::verify_slices_are_equal(&expected, &tag).map_err(|_| DecryptionFailed)?;
        if ciphertext.is_empty() || ciphertext.len() % BLOCK != 0 {
            return Err(DecryptionFailed);
        }
        let iv: [u8; BLOCK] = iv.try_into().map_err(|_| DecryptionFailed)?;
        let key = self.cbc_key(cek).ok_or(DecryptionFailed)?;
        let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).map_err(|_| DecryptionFailed)?;
        let context = DecryptionContext::Iv128(FixedLength::from(iv));
        let length = key.decrypt(&mut ciphertext, context).map_err(|_| DecryptionFailed)?.len();
        ciphertext.truncate(length);
        Ok(ciphertext)
    }

    /// RFC 7518 section 5.2.2.1: HMAC over AAD, IV, ciphertext and the length of the AAD in bits, cut to its first half.
    fn tag(self, cek: &[u8], iv: &[u8], ciphertext: &[u8], aad: &[u8]) -> Option<Vec<u8>> {
        let (mac_key, _) = cek.split_at_checked(cek.len() / 2)?;
        let algorithm = if self == Self::A128CbcHs256 { hmac::HMAC_SHA256 } else { hmac::HMAC_SHA512 };
        let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, mac_key));
        let bits = u64::try_from(aad.len()).ok()?.checked_mul(8)?;
        for part in [aad, iv, ciphertext, &bits.to_be_bytes()] {
            context.update(part);
        }
        let tag = context.sign();
        tag.as_ref().get(..mac_key.len()).map(<[u8]>::to_vec)
    }

    fn cbc_key(self, cek: &[u8]) -> Option<UnboundCipherKey> {
        let (_, key) = cek.split_at_checked(cek.len() / 2)?;
        let algorithm: &'static cipher::Algorithm = if self == Self::A128CbcHs256 { &AES_128 } else { &AES_256 };
        UnboundCipherKey::new(algorithm, key).ok()
    }

    /// Encrypts under an initialisation vector that is new each time.
    pub(super) fn seal(self, cek: &[u8], plaintext: &[u8], aad: &[u8]) -> Result<Sealed, Error> {
        let mut ciphertext = plaintext.to_vec();
        let Some(algorithm) = self.aead() else {
            let key = PaddedBlockEncryptingKey::cbc_pkcs7(self.cbc_key(cek).ok_or(Error::Crypto)?);
            let mut iv = [0; BLOCK];
            aws_lc_rs::rand::fill(&mut iv).map_err(|_| Error::Crypto)?;
            let context = EncryptionContext::Iv128(FixedLength::from(iv));
            let key = key.map_err(|_| Error::Crypto)?;
            key.less_safe_encrypt(&mut ciphertext, context).map_err(|_| Error::Crypto)?;
            let tag = self.tag(cek, &iv, &ciphertext, aad).ok_or(Error::Crypto)?;
            return Ok(Sealed { iv: iv.to_vec(), ciphertext, tag });
        };
        let key = LessSafeKey::new(UnboundKey::new(algorithm, cek).map_err(|_| Error::Crypto)?);
        let mut iv = [0; GCM_IV];
        aws_lc_rs::rand::fill(&mut iv).map_err(|_| Error::Crypto)?;
        let nonce = Nonce::assume_unique_for_key(iv);
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from(aad), &mut ciphertext).map_err(|_| Error::Crypto)?;
        Ok(Sealed { iv: iv.to_vec(), ciphertext, tag: tag.as_ref().to_vec() })
    }
}

/// RFC 7518 section 5.3: an IV of 96 bits and a tag of 128, no less.
fn open_gcm(
    algorithm: &'static aead::Algorithm,
    cek: &[u8],
    sealed: Sealed,
    aad: &[u8],
) -> Result<Vec<u8>, DecryptionFailed> {
    let Sealed { iv, mut ciphertext, tag } = sealed;
    if tag.len() != SHORT_TAG {
        return Err(DecryptionFailed);
    }
    let nonce = Nonce::try_assume_unique_for_key(&iv).map_err(|_| DecryptionFailed)?;
    let key = LessSafeKey::new(UnboundKey::new(algorithm, cek).map_err(|_| DecryptionFailed)?);
    ciphertext.extend_from_slice(&tag);
    let length = key.open_in_place(nonce, Aad::from(aad), &mut ciphertext).map_err(|_| DecryptionFailed)?.len();
    ciphertext.truncate(length);
    Ok(ciphertext)
}

impl FromStr for ContentEncryption {
    type Err = DecryptionFailed;

    fn from_str(name: &str) -> Result<Self, DecryptionFailed> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name).ok_or(DecryptionFailed)
    }
}

impl fmt::Display for ContentEncryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
