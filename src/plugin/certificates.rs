use std::{fs, io, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use rustls_pki_types::{CertificateDer, pem::PemObject};

use super::PluginError;

/// The certificates of a PEM file, and nothing else that stands in it: what is printed must hold no private key.
///
/// # Errors
/// The file can't be read, or holds no certificate.
pub fn read(option: &'static str, file: &Path) -> Result<String, PluginError> {
    let failed = |source| PluginError::File { option, path: file.display().to_string(), source };
    let bytes = fs::read(file).map_err(failed)?;
    only(&bytes).ok_or_else(|| failed(io::Error::new(io::ErrorKind::InvalidData, "it holds no certificate (PEM)")))
}

/// The certificates of PEM text; none where there are none, or one that is broken.
pub fn only(pem: &[u8]) -> Option<String> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?;
    (!certificates.is_empty()).then(|| encode(&certificates))
}

/// Certificates (DER) as PEM.
pub fn encode(certificates: &[impl AsRef<[u8]>]) -> String {
    let mut text = String::new();
    for certificate in certificates {
        let encoded = STANDARD.encode(certificate);
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        for (at, c) in encoded.char_indices() {
            if at > 0 && at % 64 == 0 {
                text.push('\n');
            }
            text.push(c);
        }
        text.push_str("\n-----END CERTIFICATE-----\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::only;

    #[test]
    fn a_private_key_that_stands_beside_the_certificate_is_left_out() {
        let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        let (certificate, key) = (made.cert.pem().replace("\r\n", "\n"), made.signing_key.serialize_pem());
        assert_eq!(only(format!("{key}\n{certificate}").as_bytes()).as_deref(), Some(&*certificate));
        assert_eq!(only(key.as_bytes()), None);
        assert_eq!(only(b""), None);
        assert_eq!(only(b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"), None);
    }
}
