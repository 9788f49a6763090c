use std::fmt;

use aws_lc_rs::digest;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{
    ContentEncryption, DecryptionFailed,
    content::Sealed,
    decrypt::{decode, header, parts},
    encrypt::assemble,
};
use crate::jose::Error;

/// A secret that two share and encrypt with (`dir`, RFC 7518 section 4.5). The key is made of a client's secret as OpenID Connect Core section
/// 10.2 has it: the left part of its SHA-256, of its SHA-512 where more than 384 bits are needed.
#[derive(Clone, Copy)]
pub struct DirectKey<'a>(&'a [u8]);

/// The value of `alg`.
const DIR: &str = "dir";

impl<'a> DirectKey<'a> {
    /// Of the octets of a client's secret.
    pub const fn of_secret(secret: &'a [u8]) -> Self {
        Self(secret)
    }

    /// Encrypts as a compact JWE without an encrypted key; `cty` says what the content is, `JWT` for a nested token.
    ///
    /// # Errors
    /// [`Error::Crypto`] where the library fails.
    pub fn encrypt(&self, enc: ContentEncryption, cty: Option<&str>, plaintext: &[u8]) -> Result<String, Error> {
        let mut header = Map::new();
        header.insert("alg".into(), DIR.into());
        header.insert("enc".into(), enc.name().into());
        header.extend(cty.map(|cty| ("cty".to_owned(), Value::from(cty))));
        assemble(header, enc, &self.content_key(enc), &[], plaintext)
    }

    /// Decrypts a compact JWE whose `alg` is `dir`. `zip` and `crit` are refused, as by [`super::DecryptionKey::decrypt`].
    ///
    /// # Errors
    /// [`DecryptionFailed`], whatever is wrong with it.
    pub fn decrypt(&self, token: &str) -> Result<Zeroizing<Vec<u8>>, DecryptionFailed> {
        let [protected, encrypted_key, iv, ciphertext, tag] = parts(token)?;
        let header = header(protected)?;
        // RFC 7516 section 5.2, step 10: no key is sent along.
        if header.has_extension() || header.alg != DIR || !encrypted_key.is_empty() {
            return Err(DecryptionFailed);
        }
        let enc: ContentEncryption = header.enc.parse()?;
        let sealed = Sealed { iv: decode(iv)?, ciphertext: decode(ciphertext)?, tag: decode(tag)? };
        enc.open(&self.content_key(enc), sealed, protected.as_bytes()).map(Zeroizing::new)
    }

    fn content_key(&self, enc: ContentEncryption) -> Zeroizing<Vec<u8>> {
        let length = enc.key_length();
        let hash = digest::digest(if length <= 32 { &digest::SHA256 } else { &digest::SHA512 }, self.0);
        Zeroizing::new(hash.as_ref().iter().take(length).copied().collect())
    }
}

impl fmt::Debug for DirectKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DirectKey(***)")
    }
}

/// True for a JWE that is encrypted with a shared secret: it names no key, so who has sent it must be known otherwise.
pub fn is_direct(token: &str) -> bool {
    parts(token).and_then(|[protected, ..]| header(protected)).is_ok_and(|header| header.alg == DIR)
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::{ContentEncryption, DecryptionFailed, DirectKey};

    const SECRET: &[u8] = b"a secret of some forty-eight octets, more or less";

    #[test]
    fn oidc_10_2_the_key_is_the_left_part_of_the_hash_of_the_secret() {
        // printf '%s' "$SECRET" | sha256sum, and sha512sum.
        let key = DirectKey::of_secret(b"abc");
        let hex = |enc| key.content_key(enc).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex(ContentEncryption::A128Gcm), sha256[..32]);
        assert_eq!(hex(ContentEncryption::A256Gcm), sha256);
        assert_eq!(hex(ContentEncryption::A128CbcHs256), sha256);
        assert_eq!(
            hex(ContentEncryption::A256CbcHs512),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        );
    }

    #[test]
    fn rfc_7518_4_5_what_is_encrypted_is_decrypted_by_the_same_secret_only_and_has_no_encrypted_key() {
        let (own, stranger) = (DirectKey::of_secret(SECRET), DirectKey::of_secret(&SECRET[1..]));
        for enc in ContentEncryption::ALL {
            let token = own.encrypt(enc, Some("JWT"), b"content").unwrap();
            assert_eq!(own.decrypt(&token).unwrap().as_slice(), b"content", "{enc}");
            assert_eq!(stranger.decrypt(&token), Err(DecryptionFailed));
            let parts: Vec<_> = token.split('.').collect();
            assert_eq!((parts.len(), parts[1]), (5, ""));
            let header: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[0]).unwrap()).unwrap();
            assert_eq!(header, serde_json::json!({"alg": "dir", "enc": enc.name(), "cty": "JWT"}));
            let with_key = token.replacen("..", ".AAAA.", 1);
            assert_eq!(own.decrypt(&with_key), Err(DecryptionFailed), "RFC 7516 section 5.2");
            for changed in [format!("{token}AA"), token.replacen('.', "A.", 1), token[1..].to_owned(), String::new()] {
                assert_eq!(own.decrypt(&changed), Err(DecryptionFailed));
            }
        }
        assert_eq!(format!("{own:?}"), "DirectKey(***)");
    }
}
