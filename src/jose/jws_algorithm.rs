use std::{fmt, str::FromStr};

use aws_lc_rs::{digest, hmac};

use super::{Algorithm, UnknownAlgorithm};

/// How a JWT is signed, authenticated, or not (RFC 7518 section 3.1), by the name that its header has. Ed25519 has two: `EdDSA`
/// (RFC 8037) and `Ed25519` (RFC 9864).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum JwsAlgorithm {
    /// A signature under its usual name; Ed25519 is `EdDSA`.
    Signature(Algorithm),
    /// Ed25519 under its own name.
    Ed25519,
    /// A code by a shared secret.
    Hmac(HmacAlgorithm),
    /// Nothing at all.
    None,
}

/// A message authentication code (RFC 7518 section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum HmacAlgorithm {
    Hs256,
    Hs384,
    Hs512,
}

impl HmacAlgorithm {
    /// Every algorithm, in the order in which metadata lists them.
    pub const ALL: [Self; 3] = [Self::Hs256, Self::Hs384, Self::Hs512];

    /// The value of `alg`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
        }
    }

    /// The least number of bytes that a secret must have (RFC 7518 section 3.2).
    pub const fn min_key_length(self) -> usize {
        match self {
            Self::Hs256 => 32,
            Self::Hs384 => 48,
            Self::Hs512 => 64,
        }
    }

    /// The library's algorithm.
    pub fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Hs256 => hmac::HMAC_SHA256,
            Self::Hs384 => hmac::HMAC_SHA384,
            Self::Hs512 => hmac::HMAC_SHA512,
        }
    }
}

impl fmt::Display for HmacAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl JwsAlgorithm {
    /// The value of `alg` in a JWS header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Signature(algorithm) => algorithm.jws_name(),
            Self::Ed25519 => "Ed25519",
            Self::Hmac(algorithm) => algorithm.name(),
            Self::None => "none",
        }
    }

    /// What signs; none where nothing does, or a shared secret takes its place.
    pub fn signature(self) -> Option<Algorithm> {
        match self {
            Self::Signature(algorithm) => Some(algorithm),
            Self::Ed25519 => Some(Algorithm::Ed25519),
            Self::Hmac(_) | Self::None => None,
        }
    }

    /// The hash of `at_hash`, `c_hash` and `s_hash` (OpenID Connect Core section 3.1.3.6). Where nothing signs, SHA-256.
    pub fn hash(self) -> &'static digest::Algorithm {
        match self {
            Self::Signature(algorithm) => algorithm.hash(),
            Self::Ed25519 | Self::Hmac(HmacAlgorithm::Hs512) => &digest::SHA512,
            Self::Hmac(HmacAlgorithm::Hs384) => &digest::SHA384,
            Self::Hmac(HmacAlgorithm::Hs256) | Self::None => &digest::SHA256,
        }
    }
}

impl From<Algorithm> for JwsAlgorithm {
    fn from(algorithm: Algorithm) -> Self {
        Self::Signature(algorithm)
    }
}

impl FromStr for JwsAlgorithm {
    type Err = UnknownAlgorithm;

    /// Accepts every name of a JWS header, also `none`.
    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        match name {
            "none" => Ok(Self::None),
            "Ed25519" => Ok(Self::Ed25519),
            _ => match HmacAlgorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name) {
                Some(algorithm) => Ok(Self::Hmac(algorithm)),
                None => name.parse().map(Self::Signature),
            },
        }
    }
}

impl fmt::Display for JwsAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::JwsAlgorithm;

    #[test]
    fn each_name_stands_for_itself() {
        for name in ["none", "EdDSA", "Ed25519", "HS256", "HS384", "HS512", "RS256", "PS512", "ES384"] {
            assert_eq!(name.parse::<JwsAlgorithm>().map(JwsAlgorithm::name), Ok(name));
        }
        for name in ["None", "NONE", "hs256", "dir", ""] {
            assert!(name.parse::<JwsAlgorithm>().is_err(), "{name}");
        }
    }
}
