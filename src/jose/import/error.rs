use std::fmt;

use super::KeyKind;
use crate::jose::KeyAlgorithm;

/// Why a key of somebody else is not taken: a part of a sentence after its place, which shows no part of the key.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
pub enum ImportError {
    /// Longer than [`super::MAX_LENGTH`].
    #[error("is longer than 64 KiB")]
    TooLong,
    /// Not PEM, or not one usable key in it.
    #[error("{0}")]
    Pem(&'static str),
    /// Not a JWK.
    #[error("is not a JWK (RFC 7517): {0}")]
    NotJwk(&'static str),
    /// The JWK is not a private key that is kept here.
    #[error("is a JWK that can't be used: {0}")]
    Jwk(&'static str),
    /// A member that the key type needs is not there.
    #[error("is a JWK without the member {0}, which a private key of its type needs")]
    Missing(&'static str),
    /// A member is not what it should be.
    #[error("is a JWK whose member {0} is not {1}")]
    Member(&'static str, &'static str),
    /// The modulus is too short to be safe, or too long for the library.
    #[error("is an RSA key that has not 2048 to 8192 bits")]
    RsaSize,
    /// The parts are those of different keys, or no key's at all.
    #[error("is no key: its parts contradict each other")]
    Inconsistent,
    /// A sound key of a type that the algorithm has no use for.
    #[error("is {kind}, {}", Fitting { kind: *kind, algorithm: *algorithm })]
    Unfit {
        /// What it is.
        kind: KeyKind,
        /// What it should be for.
        algorithm: KeyAlgorithm,
    },
    /// The JWK says of itself that it is for something else.
    #[error("is a JWK whose own {member} {}, which contradicts {algorithm} with use {}", found_text(*found), algorithm.usage())]
    Contradiction {
        /// `alg`, `use` or `key_ops`.
        member: &'static str,
        /// Its value, where it is a registered one.
        found: Option<&'static str>,
        /// What it should be for.
        algorithm: KeyAlgorithm,
    },
    /// The cryptographic library refused to work.
    #[error("can't be taken over: the cryptographic library failed")]
    Library,
}

fn found_text(found: Option<&'static str>) -> Shown {
    Shown(found)
}

struct Shown(Option<&'static str>);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(value) => write!(f, "is {value}"),
            None => f.write_str("is for something else"),
        }
    }
}

/// Which algorithms a key fits, among those of the use that was asked for.
struct Fitting {
    kind: KeyKind,
    algorithm: KeyAlgorithm,
}

impl fmt::Display for Fitting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usage = self.algorithm.usage();
        let fits = |other: &KeyAlgorithm| other.usage() == usage && self.kind.fits(*other);
        let names: Vec<_> = KeyAlgorithm::all().filter(fits).map(KeyAlgorithm::resource_name).collect();
        match names.split_last() {
            None => write!(f, "which fits no algorithm of use {usage}")?,
            Some((only, [])) => write!(f, "which fits {only}")?,
            Some((last, others)) => write!(f, "which fits {} or {last}", others.join(", "))?,
        }
        write!(f, " and not {}", self.algorithm)
    }
}
