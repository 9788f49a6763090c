use std::{borrow::Cow, fmt};

use aws_lc_rs::{
    rsa::{self, KeyPairComponents},
    signature::{EcdsaKeyPair, Ed25519KeyPair, RsaPublicKeyComponents},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, Visitor},
};
use zeroize::Zeroizing;

use super::{CURVES, ImportError, ImportedKey, KeyKind, Stated, StatedAlgorithm, of_curve, of_ed25519, of_rsa, pem};
use crate::jose::KeyAlgorithm;

/// The members that are looked at; others (`kid`, `x5c`, …) are passed over, as RFC 7517 section 4 asks.
const MEMBERS: [&str; 17] =
    ["kty", "alg", "use", "key_ops", "crv", "x", "y", "d", "n", "e", "p", "q", "dp", "dq", "qi", "oth", "keys"];

/// A JWK as it is written. A value that is no text is an error that names its member.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    kty: Option<Cow<'a, str>>,
    #[serde(borrow)]
    alg: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "use")]
    usage: Option<Cow<'a, str>>,
    #[serde(borrow)]
    key_ops: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow)]
    crv: Option<Cow<'a, str>>,
    x: Option<Part>,
    y: Option<Part>,
    d: Option<Part>,
    n: Option<Part>,
    e: Option<Part>,
    p: Option<Part>,
    q: Option<Part>,
    dp: Option<Part>,
    dq: Option<Part>,
    qi: Option<Part>,
    oth: Option<IgnoredAny>,
    keys: Option<IgnoredAny>,
}

/// A number or a string of octets: base64url without padding (RFC 7518 sections 2, 6.2 and 6.3), wiped when it is dropped.
struct Part(Zeroizing<Vec<u8>>);

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Base64Url;
        impl Visitor<'_> for Base64Url {
            type Value = Part;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("base64url")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Part, E> {
                let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| E::custom("not base64url"))?;
                Ok(Part(Zeroizing::new(bytes)))
            }
        }
        deserializer.deserialize_str(Base64Url)
    }
}

/// Reads a JWK with a private key.
pub(super) fn read(text: &[u8]) -> Result<ImportedKey, ImportError> {
    let members = parse(text)?;
    if members.keys.is_some() {
        return Err(ImportError::NotJwk("it is a JWK Set, and one key is needed"));
    }
    let stated = members.stated();
    let kty = members.kty.as_deref().ok_or(ImportError::NotJwk("it has no member kty"))?;
    let key = match kty {
        "EC" => members.ec(),
        "RSA" => members.rsa(),
        "OKP" => members.okp(),
        "oct" => Err(ImportError::Jwk("it is a symmetric key (kty oct)")),
        _ => Err(ImportError::Jwk("its kty is not EC, RSA or OKP")),
    }?;
    Ok(ImportedKey { stated, ..key })
}

/// The library's messages quote what they have read: nothing of them is passed on but the member's name.
fn parse(text: &[u8]) -> Result<Members<'_>, ImportError> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let members = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let name = path.split(['[', '.']).next().unwrap_or_default();
        let member = MEMBERS.into_iter().find(|member| *member == name);
        match (error.inner().classify(), member) {
            (serde_json::error::Category::Data, Some(name @ ("kty" | "alg" | "use" | "crv"))) => {
                ImportError::Member(name, "a text, once")
            }
            (serde_json::error::Category::Data, Some("key_ops")) => {
                ImportError::Member("key_ops", "a list of texts, once")
            }
            (serde_json::error::Category::Data, Some(name)) => {
                ImportError::Member(name, "a text in base64url without padding, once")
            }
            (serde_json::error::Category::Data, None) => {
                ImportError::NotJwk("it is no JSON object, or has a member twice")
            }
            _ => ImportError::NotJwk("it is not JSON"),
        }
    })?;
    json.end().map_err(|_| ImportError::NotJwk("something follows the JSON object"))?;
    Ok(members)
}

impl Members<'_> {
    fn stated(&self) -> Stated {
        let known = |name: &str| {
            let is_named = |algorithm: &KeyAlgorithm| algorithm.jwk_name() == name || algorithm.resource_name() == name;
            KeyAlgorithm::all().find(is_named).map_or(StatedAlgorithm::Unknown, StatedAlgorithm::Known)
        };
        let usage = |usage: &str| ["sig", "enc"].into_iter().find(|known| *known == usage).unwrap_or_default();
        Stated {
            alg: self.alg.as_deref().map(known),
            usage: self.usage.as_deref().map(usage),
            operations: self.key_ops.as_ref().map(|operations| {
                const OPERATIONS: [&str; 5] = ["sign", "decrypt", "unwrapKey", "deriveKey", "deriveBits"];
                OPERATIONS.into_iter().filter(|known| operations.iter().any(|operation| operation == known)).collect()
            }),
        }
    }

    /// RFC 7518 section 6.2: each coordinate, and the private key, in the full width of the curve.
    fn ec(&self) -> Result<ImportedKey, ImportError> {
        let (kind, width) = match self.crv.as_deref().ok_or(ImportError::Missing("crv"))? {
            "P-256" => (KeyKind::P256, 32),
            "P-384" => (KeyKind::P384, 48),
            "P-521" => (KeyKind::P521, 66),
            "P-192" | "P-224" => {
                return Err(ImportError::Jwk("its curve is too weak: P-256, P-384 or P-521 is needed"));
            }
            _ => return Err(ImportError::Jwk("its curve is not P-256, P-384 or P-521")),
        };
        let octets = |name, part: &Option<Part>| {
            let bytes = present(name, part)?.to_vec();
            if bytes.len() == width {
                Ok(Zeroizing::new(bytes))
            } else {
                Err(ImportError::Member(name, "as long as its curve asks for"))
            }
        };
        let d = octets("d", &self.d)?;
        let (x, y) = (octets("x", &self.x)?, octets("y", &self.y)?);
        let point = [&[4u8][..], &x, &y].concat();
        let curve = CURVES.into_iter().find(|(other, _)| *other == kind).map(|(_, curve)| curve);
        let curve = curve.ok_or(ImportError::Library)?;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(curve, &d, &point);
        of_curve(kind, &pair.map_err(|_| ImportError::Inconsistent)?)
    }

    /// RFC 7518 section 6.3.
    fn rsa(&self) -> Result<ImportedKey, ImportError> {
        if self.oth.is_some() {
            return Err(ImportError::Jwk("it has more than two prime factors (oth)"));
        }
        let d = present("d", &self.d)?;
        if [&self.p, &self.q, &self.dp, &self.dq, &self.qi].iter().all(|part| part.is_none()) {
            return Err(ImportError::Jwk(
                "it lacks the prime factors (p, q, dp, dq, qi): let the tool that wrote it export them too",
            ));
        }
        // Some writers put a zero before the modulus; RFC 7518 section 6.3.1.1 says what to make of that.
        let (n, e) = (unsigned(present("n", &self.n)?), unsigned(present("e", &self.e)?));
        let components = KeyPairComponents {
            public_key: RsaPublicKeyComponents { n, e },
            d,
            p: present("p", &self.p)?,
            q: present("q", &self.q)?,
            dP: present("dp", &self.dp)?,
            dQ: present("dq", &self.dq)?,
            qInv: present("qi", &self.qi)?,
        };
        if !(256..=1024).contains(&n.len()) {
            return Err(ImportError::RsaSize);
        }
        let pair = rsa::KeyPair::from_components(&components);
        of_rsa(
            &pair
                .map_err(|error| if pem::is_size(&error) { ImportError::RsaSize } else { ImportError::Inconsistent })?,
        )
    }

    /// RFC 8037 section 2.
    fn okp(&self) -> Result<ImportedKey, ImportError> {
        match self.crv.as_deref().ok_or(ImportError::Missing("crv"))? {
            "Ed25519" => {}
            _ => return Err(ImportError::Jwk("its curve is not Ed25519")),
        }
        let (d, x) = (present("d", &self.d)?, present("x", &self.x)?);
        let pair = Ed25519KeyPair::from_seed_and_public_key(d, x).map_err(|_| ImportError::Inconsistent)?;
        of_ed25519(&pair)
    }
}

fn present<'p>(name: &'static str, part: &'p Option<Part>) -> Result<&'p [u8], ImportError> {
    match part {
        Some(part) if !part.0.is_empty() => Ok(&part.0),
        None if name == "d" => Err(ImportError::Jwk("it is a public key: the member d is missing")),
        _ => Err(ImportError::Missing(name)),
    }
}

fn unsigned(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}
