use serde_json::{Number, Value};

/// What a plain scalar stands for. `kubectl` reads YAML 1.1, where `yes`, `on` and `0755` are no strings, and hands JSON to the
/// API server; what is read differently here would be valid in a directory and not in a cluster, so it is read the same.
///
/// # Errors
/// A sentence, for an infinity or a NaN, which JSON doesn't have.
pub(super) fn plain(text: &str) -> Result<Value, &'static str> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "true" | "True" | "TRUE" => {
            return Ok(Value::Bool(true));
        }
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "false" | "False" | "FALSE" => {
            return Ok(Value::Bool(false));
        }
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf" | "-.INF" | ".nan" | ".NaN"
        | ".NAN" => {
            return Err("infinities and NaN have no place in a resource");
        }
        _ => {}
    }
    Ok(number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number))
}

/// A number, if the text is one.
pub(super) fn number(text: &str) -> Option<Number> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return None;
    }
    let text = text.replace('_', "");
    integer(&text).or_else(|| float(&text))
}

fn integer(text: &str) -> Option<Number> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match digits.get(..2) {
        Some("0x" | "0X") => (16, digits.get(2..)?),
        Some("0b" | "0B") => (2, digits.get(2..)?),
        Some("0o" | "0O") => (8, digits.get(2..)?),
        Some(two) if two.starts_with('0') && digits.bytes().all(|digit| matches!(digit, b'0'..=b'7')) => (8, digits),
        _ => (10, digits),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    if !negative {
        return Some(Number::from(magnitude));
    }
    0_i64.checked_sub_unsigned(magnitude).map(Number::from)
}

fn float(text: &str) -> Option<Number> {
    let shape = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    let float: f64 = if shape { text.parse().ok()? } else { return None };
    // JSON in Go writes 1.0 as 1, so it counts as a whole number.
    if float.fract() == 0.0 && float.abs() < 1e15 { Some(Number::from(float as i64)) } else { Number::from_f64(float) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::plain;

    /// The right-hand sides are what kubectl 1.36 makes of the left-hand sides.
    #[test]
    fn plain_scalars_are_read_as_kubectl_reads_them() {
        for (text, value) in [
            ("y", json!(true)),
            ("Yes", json!(true)),
            ("ON", json!(true)),
            ("TRUE", json!(true)),
            ("yEs", json!("yEs")),
            ("n", json!(false)),
            ("No", json!(false)),
            ("off", json!(false)),
            ("~", Value::Null),
            ("NULL", Value::Null),
            ("nULL", json!("nULL")),
            ("", Value::Null),
            ("0755", json!(493)),
            ("0o755", json!(493)),
            ("0x1F", json!(31)),
            ("0b11", json!(3)),
            ("1_000", json!(1000)),
            ("1e3", json!(1000)),
            ("1.5", json!(1.5)),
            (".5", json!(0.5)),
            ("-.5", json!(-0.5)),
            ("+.5", json!(0.5)),
            ("+1", json!(1)),
            ("-1", json!(-1)),
            ("1.", json!(1)),
            ("1e400", json!("1e400")),
            ("1815-12-10", json!("1815-12-10")),
            ("1:30", json!("1:30")),
            ("08", json!(8)),
            ("0x", json!("0x")),
            ("1__0", json!(10)),
            ("_1", json!("_1")),
            ("0b2", json!("0b2")),
            ("0o9", json!("0o9")),
            ("190:20:30", json!("190:20:30")),
            ("1_0.5", json!(10.5)),
            ("1.0", json!(1)),
            ("-0", json!(0)),
            ("1E5", json!(100_000)),
            ("-", json!("-")),
            (".", json!(".")),
            ("1.2.3", json!("1.2.3")),
            ("10m", json!("10m")),
            ("+", json!("+")),
            ("1-2", json!("1-2")),
            ("e", json!("e")),
        ] {
            assert_eq!(plain(text), Ok(value), "{text}");
        }
        assert!(plain("-.inf").is_err() && plain(".nan").is_err());
    }
}
