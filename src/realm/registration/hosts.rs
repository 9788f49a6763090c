/// Whether one of the patterns is the host, or is `*.` and a host that it stands below.
pub fn allows_host(patterns: &[String], host: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_prefix('*') {
        Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
        None => pattern == host,
    })
}

#[cfg(test)]
mod tests {
    use super::allows_host;

    #[test]
    fn a_pattern_is_a_host_or_all_below_one() {
        let patterns = ["*.example.com".to_owned(), "b.org".to_owned()];
        for (host, want) in [
            ("a.example.com", true),
            ("x.y.example.com", true),
            ("example.com", false),
            ("badexample.com", false),
            ("b.org", true),
            ("a.b.org", false),
        ] {
            assert_eq!(allows_host(&patterns, host), want, "{host}");
        }
    }
}
