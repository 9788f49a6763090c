use jiff::Timestamp;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// So many seconds as kubectl writes ages: two units at the most, and only one where the second says little.
pub fn span(seconds: i64) -> String {
    let seconds = seconds.saturating_abs();
    let (days, hours, minutes) = (seconds / DAY, seconds / HOUR, seconds / MINUTE);
    let two = |whole: i64, unit: char, rest: i64, small: char| match rest {
        0 => format!("{whole}{unit}"),
        rest => format!("{whole}{unit}{rest}{small}"),
    };
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => two(minutes, 'm', seconds % MINUTE, 's'),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, 'h', minutes % 60, 'm'),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, 'd', hours % 24, 'h'),
        _ if days < 730 => format!("{days}d"),
        _ => two(days / 365, 'y', days % 365, 'd'),
    }
}

/// `3d ago`, `in 5m`, `now`.
pub fn relative(at: Timestamp, now: Timestamp) -> String {
    match at.as_second() - now.as_second() {
        0 => "now".to_owned(),
        left if left > 0 => format!("in {}", span(left)),
        gone => format!("{} ago", span(gone)),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{relative, span};

    #[test]
    fn spans_read_as_the_ages_that_kubectl_prints() {
        for (seconds, text) in [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (150, "2m30s"),
            (601, "10m"),
            (3 * 3600, "3h"),
            (3 * 3600 + 60, "3h1m"),
            (9 * 3600 + 1800, "9h"),
            (2 * 86_400 + 3600, "2d1h"),
            (87 * 86_400 + 5, "87d"),
            (800 * 86_400, "2y70d"),
            (-90, "90s"),
        ] {
            assert_eq!(span(seconds), text, "{seconds}");
        }
        assert!(!span(i64::MIN).is_empty());
    }

    #[test]
    fn what_is_past_and_what_is_to_come() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(relative(at(0), at(300)), "5m ago");
        assert_eq!(relative(at(300), at(0)), "in 5m");
        assert_eq!(relative(at(5), at(5)), "now");
        assert!(relative(Timestamp::MAX, Timestamp::MIN).starts_with("in "));
    }
}
