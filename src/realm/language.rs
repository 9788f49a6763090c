//! Claims in a language: `name#de` (OpenID Connect Core section 5.2, BCP 47).

use std::borrow::Cow;

/// The name of a claim without its language, and the language where it has one: `name#de` is `name` in `de`.
pub fn split_tag(claim: &str) -> (&str, Option<&str>) {
    match claim.split_once('#') {
        Some((base, tag)) => (base, Some(tag)),
        None => (claim, None),
    }
}

/// A language tag as the registry spells it (RFC 5646 section 2.1.1): language in lower case, script with a capital, region in capitals,
/// hyphens between. None for what is no tag.
pub fn canonical_tag(tag: &str) -> Option<String> {
    let mut canonical = String::with_capacity(tag.len());
    let mut is_extension = false;
    for (at, subtag) in tag.split(['-', '_']).enumerate() {
        let is_well_formed = (1..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_well_formed || tag.len() > MAX_TAG_LENGTH {
            return None;
        }
        let mut subtag = subtag.to_ascii_lowercase();
        if at > 0 {
            canonical.push('-');
            match subtag.len() {
                2 if !is_extension => subtag.make_ascii_uppercase(),
                4 if !is_extension => subtag = capitalized(&subtag),
                _ => {}
            }
        } else if !subtag.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return None;
        }
        // What follows a single letter is an extension, and stays in lower case.
        is_extension |= subtag.len() == 1;
        canonical.push_str(&subtag);
    }
    Some(canonical)
}

/// Longer tags are none.
const MAX_TAG_LENGTH: usize = 64;

fn capitalized(subtag: &str) -> String {
    let mut letters = subtag.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// Of the tags that there are, the one for who wants `wanted`: the same; else a more specific one (`de-CH` for `de`, as section 5.2
/// advises); else the nearest that is less specific (RFC 4647 section 3.4). Another script is another language.
pub fn nearest<'h>(wanted: &str, have: &[&'h str]) -> Option<&'h str> {
    let same = |tag: &str| have.iter().copied().find(|known| known.eq_ignore_ascii_case(tag));
    let more_specific = || have.iter().copied().find(|known| is_within(known, wanted));
    let less_specific = || {
        let mut ends = wanted.rmatch_indices('-').map(|(end, _)| end);
        ends.find_map(|end| same(wanted.get(..end)?))
    };
    same(wanted).or_else(more_specific).or_else(less_specific)
}

/// True where `tag` is `range`, or says more than it (RFC 4647 section 3.3.1).
pub fn is_within(tag: &str, range: &str) -> bool {
    match (tag.get(..range.len()), tag.get(range.len()..)) {
        (Some(start), Some(rest)) => start.eq_ignore_ascii_case(range) && (rest.is_empty() || rest.starts_with('-')),
        _ => false,
    }
}

/// The name of a claim in a language.
pub fn tagged<'n>(base: &'n str, tag: Option<&str>) -> Cow<'n, str> {
    tag.map_or(Cow::Borrowed(base), |tag| Cow::Owned(format!("{base}#{tag}")))
}

#[cfg(test)]
mod tests {
    use super::{canonical_tag, nearest, split_tag};

    #[test]
    fn core_5_2_a_tag_is_spelled_as_the_registry_has_it() {
        for (written, want) in [
            ("DE", "de"),
            ("JA-kana-jp", "ja-Kana-JP"),
            ("fr_ca", "fr-CA"),
            ("de-ch-1996", "de-CH-1996"),
            ("en-X-US", "en-x-us"),
        ] {
            assert_eq!(canonical_tag(written).as_deref(), Some(want));
        }
        for none in ["", "-", "de-", "1a", "d\u{e9}", "abcdefghi", &"a-".repeat(40)] {
            assert_eq!(canonical_tag(none), None, "{none}");
        }
        assert_eq!(split_tag("family_name#ja-Kana-JP"), ("family_name", Some("ja-Kana-JP")));
        assert_eq!(split_tag("family_name"), ("family_name", None));
    }

    #[test]
    fn core_5_2_the_nearest_language_is_found_and_another_script_is_none() {
        for (wanted, have, want) in [
            ("de", &["fr", "de"][..], Some("de")),
            ("DE", &["de"], Some("de")),
            ("de", &["fr", "de-CH"], Some("de-CH")),
            ("de", &["de-CH", "de"], Some("de")),
            ("de-AT", &["de-CH", "de"], Some("de")),
            ("de-AT", &["de-CH"], None),
            ("de", &["den"], None),
            ("ja-Kana-JP", &["ja-Hani-JP"], None),
            ("ja-Kana-JP", &["ja-Hani-JP", "ja-Kana"], Some("ja-Kana")),
            ("d", &["de"], None),
        ] {
            assert_eq!(nearest(wanted, have), want, "{wanted} {have:?}");
        }
    }
}
