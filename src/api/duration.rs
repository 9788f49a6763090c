use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::schema::string;

/// Why a text is no [`Duration`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Not whole numbers with units.
    #[error("`{0}` is no duration: write whole numbers with the units d, h, m and s, such as 90s, 10m, 1h30m or 30d")]
    Syntax(String),
    /// Nothing, where one second is the least.
    #[error("`{0}` is too short: a duration is one second or more")]
    TooShort(String),
}

/// A span of time of one second or more, written as in Go with `d` for 24 hours: `90s`, `10m`, `1h30m`, `30d`.
/// At most four numbers of at most five digits, so it is bounded by 400,000 days.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(std::time::Duration);

/// The same as [`Duration`], and `0s` is one too.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DurationOrZero(std::time::Duration);

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const MAX_DIGITS: usize = 5;
const MAX_NUMBERS: usize = 4;

impl Duration {
    /// So many seconds; none are made one.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(std::time::Duration::from_secs(if seconds == 0 { 1 } else { seconds }))
    }

    /// So many minutes.
    pub const fn from_mins(minutes: u64) -> Self {
        Self::from_secs(minutes.saturating_mul(MINUTE))
    }

    /// So many hours.
    pub const fn from_hours(hours: u64) -> Self {
        Self::from_secs(hours.saturating_mul(HOUR))
    }

    /// So many days of 24 hours.
    pub const fn from_days(days: u64) -> Self {
        Self::from_secs(days.saturating_mul(DAY))
    }

    /// As the standard library has it.
    pub const fn as_std(self) -> std::time::Duration {
        self.0
    }

    /// In whole seconds, which is all there is.
    pub const fn as_secs(self) -> u64 {
        self.0.as_secs()
    }
}

impl DurationOrZero {
    /// No time at all.
    pub const ZERO: Self = Self(std::time::Duration::ZERO);

    /// So many seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(std::time::Duration::from_secs(seconds))
    }

    /// As the standard library has it.
    pub const fn as_std(self) -> std::time::Duration {
        self.0
    }

    /// In whole seconds, which is all there is.
    pub const fn as_secs(self) -> u64 {
        self.0.as_secs()
    }
}

/// Whole seconds of a text such as `1h30m`, `None` where it is none.
fn seconds(text: &str) -> Option<u64> {
    let (mut rest, mut total, mut numbers) = (text, 0_u64, 0);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at_checked(digits)?;
        let unit = match tail.bytes().next()? {
            b'd' => DAY,
            b'h' => HOUR,
            b'm' => MINUTE,
            b's' => 1,
            _ => return None,
        };
        numbers += 1;
        if !(1..=MAX_DIGITS).contains(&digits) || numbers > MAX_NUMBERS {
            return None;
        }
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(unit)?)?;
        rest = tail.get(1..)?;
    }
    (numbers > 0).then_some(total)
}

impl FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match seconds(text) {
            None => Err(DurationError::Syntax(text.chars().take(32).collect())),
            Some(0) => Err(DurationError::TooShort(text.into())),
            Some(seconds) => Ok(Self::from_secs(seconds)),
        }
    }
}

impl FromStr for DurationOrZero {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        seconds(text).map(Self::from_secs).ok_or_else(|| DurationError::Syntax(text.chars().take(32).collect()))
    }
}

fn write(f: &mut fmt::Formatter<'_>, duration: std::time::Duration) -> fmt::Result {
    let mut rest = duration.as_secs();
    if rest == 0 {
        return f.write_str("0s");
    }
    for (unit, name) in [(DAY, 'd'), (HOUR, 'h'), (MINUTE, 'm'), (1, 's')] {
        if rest >= unit {
            write!(f, "{}{name}", rest / unit)?;
            rest %= unit;
        }
    }
    Ok(())
}

/// What both kinds share: their text is their form on the wire, and their schema differs in one rule.
macro_rules! as_text {
    ($($name:ident: $rules:expr;)*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write(f, self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write(f, self.0)
            }
        }

        impl From<$name> for std::time::Duration {
            fn from(duration: $name) -> Self {
                duration.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                string(2, 24, $rules)
            }
        }
    )*};
}

const SYNTAX: (&str, &str) = (
    "self.matches('^([0-9]{1,5}[dhms]){1,4}$')",
    "must be a duration in whole numbers with the units d, h, m and s, such as 90s, 10m, 1h30m or 30d",
);

as_text! {
    Duration: &[SYNTAX, ("self.matches('[1-9]')", "must be one second or more")];
    DurationOrZero: &[SYNTAX];
}

#[cfg(test)]
mod tests {
    use super::{Duration, DurationError, DurationOrZero};

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, seconds) in
            [("1s", 1), ("90s", 90), ("10m", 600), ("1h30m", 5400), ("30d", 2_592_000), ("1d1h1m1s", 90_061)]
        {
            assert_eq!(text.parse::<Duration>().map(Duration::as_secs), Ok(seconds), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_a_sentence() {
        for text in ["", "10", "m", "-1s", "1.5h", "500ms", "1w", "1 h", "123456s", "1s1s1s1s1s", "10м", "1h "] {
            assert!(matches!(text.parse::<Duration>(), Err(DurationError::Syntax(_))), "{text}");
        }
        assert_eq!("0s".parse::<Duration>(), Err(DurationError::TooShort("0s".into())));
        assert_eq!("0s".parse::<DurationOrZero>(), Ok(DurationOrZero::ZERO));
    }

    #[test]
    fn the_shortest_writing_reads_back_the_same() {
        for (text, shortest) in [("90s", "1m30s"), ("24h", "1d"), ("7d", "7d"), ("60m", "1h")] {
            let duration: Duration = text.parse().unwrap();
            assert_eq!(duration.to_string(), shortest);
            assert_eq!(shortest.parse(), Ok(duration));
        }
    }
}
