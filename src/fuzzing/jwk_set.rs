use serde_json::Value;

use crate::jose::{KeyManagement, foreign::ForeignKeys, jwe::ContentEncryption};

/// The public keys of somebody else (RFC 7517 section 5): any of them can be asked to verify, and to encrypt.
pub(super) fn run(data: &[u8]) -> bool {
    let Ok(keys) = ForeignKeys::parse(data) else { return false };
    for algorithm in KeyManagement::ALL {
        let Some(key) = keys.encryption_key(algorithm) else { continue };
        for enc in ContentEncryption::ALL {
            if let Ok(token) = key.encrypt(enc, Some("JWT"), b"content") {
                assert_eq!(token.split('.').count(), 5);
            }
        }
    }
    for token in [
        include_str!("../../fuzz/seeds/jwt/signed-hint-eddsa"),
        include_str!("../../fuzz/seeds/jwt/signed-hint-es256"),
        include_str!("../../fuzz/seeds/jwt/signed-hint-es512"),
        include_str!("../../fuzz/seeds/jwt/signed-hint-ps384"),
        include_str!("../../fuzz/seeds/jwt/signed-hint-rs512"),
    ] {
        let verified = keys.verify::<Value>(token);
        assert!(verified.is_err() || !keys.is_empty(), "no key has signed it");
    }
    !keys.is_empty()
}
