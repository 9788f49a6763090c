use aws_lc_rs::{
    agreement::{self, ECDH_P256, ECDH_P384, ECDH_P521, PrivateKey, UnparsedPublicKey, X25519},
    kdf::{SskdfDigestAlgorithmId, get_sskdf_digest_algorithm, sskdf_digest},
};
use zeroize::Zeroizing;

/// Whom a key is derived for, as the header has it, decoded (RFC 7518 section 4.6.1).
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Parties<'a> {
    pub(super) apu: &'a [u8],
    pub(super) apv: &'a [u8],
}

/// A curve that two keys can meet on (RFC 7518 section 6.2.1.1, RFC 8037 section 2).
#[derive(Debug, Clone, Copy)]
pub(super) struct Curve {
    /// `crv`.
    pub(super) name: &'static str,
    pub(super) algorithm: &'static agreement::Algorithm,
    /// The length of a coordinate.
    pub(super) width: usize,
}

impl Curve {
    pub(super) const P256: Self = Self { name: "P-256", algorithm: &ECDH_P256, width: 32 };

    const ALL: [Self; 4] = [
        Self::P256,
        Self { name: "P-384", algorithm: &ECDH_P384, width: 48 },
        Self { name: "P-521", algorithm: &ECDH_P521, width: 66 },
        Self { name: "X25519", algorithm: &X25519, width: 32 },
    ];

    /// The curve of this `crv`.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|curve| curve.name == name)
    }
}

/// ECDH, and the Concat KDF over the secret (RFC 7518 section 4.6.2); `name` is that of the algorithm that the key is for. None for a point
/// that is not on the curve.
pub(super) fn agree(
    private: &PrivateKey,
    (curve, point): (Curve, &[u8]),
    name: &str,
    parties: Parties<'_>,
    length: usize,
) -> Option<Zeroizing<Vec<u8>>> {
    let peer = UnparsedPublicKey::new(curve.algorithm, point);
    agreement::agree(private, peer, (), |secret| concat_kdf(secret, name, parties, length).ok_or(())).ok()
}

/// The Concat KDF of NIST SP 800-56A section 5.8.1 with SHA-256; `length` in bytes.
pub(super) fn concat_kdf(secret: &[u8], name: &str, parties: Parties<'_>, length: usize) -> Option<Zeroizing<Vec<u8>>> {
    let mut info = Vec::new();
    for part in [name.as_bytes(), parties.apu, parties.apv] {
        info.extend_from_slice(&u32::try_from(part.len()).ok()?.to_be_bytes());
        info.extend_from_slice(part);
    }
    info.extend_from_slice(&u32::try_from(length.checked_mul(8)?).ok()?.to_be_bytes());
    let mut key = Zeroizing::new(vec![0; length]);
    let algorithm = get_sskdf_digest_algorithm(SskdfDigestAlgorithmId::Sha256)?;
    sskdf_digest(algorithm, secret, &info, &mut key).ok()?;
    Some(key)
}
