use aws_lc_rs::{
    rsa,
    signature::{EcdsaKeyPair, Ed25519KeyPair},
};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};
use zeroize::Zeroize;

use super::{CURVES, ImportError, ImportedKey, of_curve, of_ed25519, of_rsa};

/// Reads the one private key of a PEM text.
pub(super) fn read(text: &[u8]) -> Result<ImportedKey, ImportError> {
    let has = |words: &[u8]| text.windows(words.len()).any(|window| window == words);
    // PKCS #8 (`ENCRYPTED PRIVATE KEY`, RFC 7468 section 11) and the older `Proc-Type: 4,ENCRYPTED`.
    if has(b"BEGIN ENCRYPTED PRIVATE KEY") || has(b"Proc-Type:") {
        return Err(ImportError::Pem("is encrypted with a passphrase: a Secret must hold the key without one"));
    }
    let mut keys = PrivateKeyDer::pem_slice_iter(text);
    let none = ImportError::Pem("holds no private key in PEM form (PRIVATE KEY, EC PRIVATE KEY or RSA PRIVATE KEY)");
    let broken = ImportError::Pem("is broken: a section in PEM form has no end, or is not base64");
    let mut first = keys.next().ok_or(none)?.map_err(|_| broken)?;
    let key = match keys.next() {
        None => of_der(&first),
        Some(Err(_)) => Err(broken),
        Some(Ok(mut second)) => {
            second.zeroize();
            Err(ImportError::Pem("holds more than one private key"))
        }
    };
    first.zeroize();
    key
}

fn of_der(der: &PrivateKeyDer<'_>) -> Result<ImportedKey, ImportError> {
    let bytes = der.secret_der();
    let is_pkcs8 = matches!(der, PrivateKeyDer::Pkcs8(_));
    if is_pkcs8 || matches!(der, PrivateKeyDer::Pkcs1(_)) {
        let pair = if is_pkcs8 { rsa::KeyPair::from_pkcs8(bytes) } else { rsa::KeyPair::from_der(bytes) };
        match pair {
            Ok(pair) => return of_rsa(&pair),
            Err(error) if is_size(&error) => return Err(ImportError::RsaSize),
            Err(_) if !is_pkcs8 => return Err(ImportError::Inconsistent),
            Err(_) => {}
        }
    }
    if let Some((kind, pair)) = CURVES
        .into_iter()
        .find_map(|(kind, curve)| Some((kind, EcdsaKeyPair::from_private_key_der(curve, bytes).ok()?)))
    {
        return of_curve(kind, &pair);
    }
    match Ed25519KeyPair::from_pkcs8_maybe_unchecked(bytes) {
        Ok(pair) if is_pkcs8 => of_ed25519(&pair),
        _ => Err(ImportError::Pem(
            "holds no sound private key of a type that is used here: RSA, Ed25519, or an EC key on P-256, P-384 or P-521",
        )),
    }
}

/// True where an RSA key is too short or too long, and nothing else is wrong with it.
pub(super) fn is_size(error: &aws_lc_rs::error::KeyRejected) -> bool {
    matches!(error.to_string().as_str(), "TooSmall" | "TooLarge")
}
