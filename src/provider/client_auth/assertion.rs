use std::{borrow::Cow, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use super::Refusal;
use crate::jose::Compact;

/// Clocks may differ by so many seconds.
const LEEWAY: i64 = 30;

/// The claims of an assertion (RFC 7523 section 3).
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) sub: String,
    aud: Audience,
    exp: Seconds,
    nbf: Option<Seconds>,
    iat: Option<Seconds>,
    pub(super) jti: Option<String>,
}

/// RFC 7519 section 4.1.3.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// A NumericDate, its fraction dropped (RFC 7519 section 2).
#[derive(Debug, Clone, Copy)]
struct Seconds(i64);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // `as` saturates, and a number that is none becomes the epoch: long ago.
        f64::deserialize(deserializer).map(|number| Self(number.floor() as i64))
    }
}

/// `iss` of an assertion that is not verified yet.
pub(super) fn issuer(assertion: &str) -> Result<String, Refusal> {
    #[derive(Deserialize)]
    struct Peek {
        iss: String,
    }
    Ok(Compact::parse(assertion)?.claims_unverified::<Peek>()?.iss)
}

/// `sub` of an assertion that is not verified yet.
pub(super) fn subject(assertion: &str) -> Result<String, Refusal> {
    #[derive(Deserialize)]
    struct Peek {
        sub: String,
    }
    Ok(Compact::parse(assertion)?.claims_unverified::<Peek>()?.sub)
}

/// The header's `typ`: where it is there, it says JWT, so that a token made for another purpose is none (RFC 8725 section 3.11).
pub(super) fn check_type(assertion: &str) -> Result<(), Refusal> {
    let compact = Compact::parse(assertion)?;
    let typ = compact.typ().map(|typ| Cow::Owned(typ.to_ascii_lowercase())).unwrap_or(Cow::Borrowed("jwt"));
    match typ.strip_prefix("application/").unwrap_or(&typ) {
        "jwt" | "client-authentication+jwt" => Ok(()),
        _ => Err(Refusal::claim("typ", "it is a token of another kind")),
    }
}

impl Claims {
    /// It must be meant for us (RFC 7523 section 3, rule 3): one of its audiences satisfies `is_us`.
    pub(super) fn check_audience(&self, is_us: impl Fn(&str) -> bool) -> Result<(), Refusal> {
        let ours = match &self.aud {
            Audience::One(audience) => is_us(audience),
            Audience::Many(audiences) => audiences.iter().any(|audience| is_us(audience)),
        };
        ours.then_some(()).ok_or(Refusal::claim("aud", "it is meant for somebody else"))
    }

    /// It must be meant for us and for nobody else.
    pub(super) fn check_sole_audience(&self, us: &str) -> Result<(), Refusal> {
        let is_sole = match &self.aud {
            Audience::One(audience) => audience == us,
            Audience::Many(audiences) => matches!(audiences.as_slice(), [audience] if audience == us),
        };
        is_sole.then_some(()).ok_or(Refusal::claim("aud", "it is not the issuer alone"))
    }

    /// It has not expired and has begun (rules 4 to 6).
    pub(super) fn check_times(&self, now: Timestamp) -> Result<(), Refusal> {
        let now = now.as_second();
        if self.exp.0 <= now {
            return Err(Refusal::claim("exp", "it has expired"));
        }
        if self.nbf.is_some_and(|nbf| nbf.0 > now + LEEWAY) {
            return Err(Refusal::claim("nbf", "it is not valid yet"));
        }
        if self.iat.is_some_and(|iat| iat.0 > now + LEEWAY) {
            return Err(Refusal::claim("iat", "it was issued in the future"));
        }
        Ok(())
    }

    /// It ends within `bound` from now (rule 4).
    pub(super) fn check_lifetime(&self, bound: Duration, now: Timestamp) -> Result<(), Refusal> {
        let latest = now.as_second().saturating_add_unsigned(bound.as_secs()) + LEEWAY;
        (self.exp.0 <= latest).then_some(()).ok_or(Refusal::claim("exp", "it is unreasonably far away"))
    }

    /// It was issued within `bound` before now, and says so.
    pub(super) fn check_age(&self, bound: Duration, now: Timestamp) -> Result<(), Refusal> {
        let iat = self.iat.ok_or(Refusal::claim("iat", "it is missing, and there is no jti"))?;
        let oldest = now.as_second().saturating_sub_unsigned(bound.as_secs());
        (iat.0 >= oldest).then_some(()).ok_or(Refusal::claim("iat", "it is too old for a token without jti"))
    }

    /// When it ends.
    pub(super) fn expires_at(&self) -> Timestamp {
        Timestamp::from_second(self.exp.0).unwrap_or(Timestamp::MAX)
    }
}
