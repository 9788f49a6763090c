use std::time::Duration;

use axum::http::{HeaderMap, header};
use jiff::{Timestamp, fmt::rfc2822};

use super::text;

/// For how long an answer may be kept from now on (RFC 9111 section 4.2.1); none where its headers don't say. Whoever keeps it keeps it
/// for itself, so `private` and `s-maxage` are not for it.
pub(super) fn of(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let directives = || {
        let lines = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
        lines.flat_map(|line| line.split(',')).map(|directive| directive.trim().to_ascii_lowercase())
    };
    let names = |name: &str| directives().any(|directive| directive.split('=').next() == Some(name));
    if names("no-store") || names("no-cache") {
        return Some(Duration::ZERO);
    }
    let age = text(headers, &header::AGE).and_then(seconds).unwrap_or_default();
    let max_age = directives().find_map(|directive| directive.strip_prefix("max-age=").map(str::to_owned));
    match max_age {
        // Section 4.2.1: what is not valid is stale.
        Some(max_age) => Some(seconds(max_age.trim_matches('"')).unwrap_or_default().saturating_sub(age)),
        None => {
            let expires = text(headers, &header::EXPIRES)?;
            let date = text(headers, &header::DATE).and_then(instant).unwrap_or(now);
            let lifetime = instant(expires).map(|expires| expires.duration_since(date)).unwrap_or_default();
            Some(Duration::try_from(lifetime).unwrap_or_default().saturating_sub(age))
        }
    }
}

fn seconds(text: &str) -> Option<Duration> {
    let text = text.trim();
    // What does not fit is very long (RFC 9111 section 1.2.2).
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| Duration::from_secs(text.parse().unwrap_or(u64::from(u32::MAX))))
}

/// An HTTP-date in the form that is to be sent (RFC 9110 section 5.6.7).
fn instant(text: &str) -> Option<Timestamp> {
    Some(rfc2822::parse(text).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::{HeaderMap, HeaderName};
    use jiff::Timestamp;

    use super::of;

    #[test]
    fn rfc9111_4_2_1_the_freshness_lifetime_is_that_of_max_age_or_expires_less_the_age() {
        let date = ("date", "Tue, 24 Nov 2026 10:00:00 GMT");
        for (headers, want) in [
            (&[][..], None),
            (&[("cache-control", "public")], None),
            (&[("cache-control", "max-age=60")], Some(60)),
            (&[("cache-control", "public, Max-Age=60"), ("expires", "0")], Some(60)),
            (&[("cache-control", "max-age=60"), ("age", "50")], Some(10)),
            (&[("cache-control", "max-age=60"), ("age", "70")], Some(0)),
            (&[("cache-control", "max-age=-1")], Some(0)),
            (&[("cache-control", "max-age=soon")], Some(0)),
            (&[("cache-control", "max-age=99999999999999999999999")], Some(u64::from(u32::MAX))),
            (&[("cache-control", "s-maxage=5")], None),
            (&[("cache-control", "max-age=60, no-store")], Some(0)),
            (&[("cache-control", "max-age=60"), ("cache-control", "no-cache")], Some(0)),
            (&[("cache-control", "no-cache=\"set-cookie\"")], Some(0)),
            (&[date, ("expires", "Tue, 24 Nov 2026 10:01:30 GMT")], Some(90)),
            (&[date, ("expires", "Tue, 24 Nov 2026 09:00:00 GMT")], Some(0)),
            (&[date, ("expires", "0")], Some(0)),
            (&[("expires", "Thu, 01 Jan 1970 00:01:00 GMT")], Some(60)),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(HeaderName::from_static(name), value.parse().unwrap());
            }
            assert_eq!(of(&map, Timestamp::UNIX_EPOCH), want.map(Duration::from_secs), "{headers:?}");
        }
    }
}
