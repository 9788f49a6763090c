//! In which language a claim is given, and under which name (OpenID Connect Core sections 5.2 and 5.5.2).
//!
//! - `name` is given as it is known in no particular language. Where `claims_locales` asks for one language and the claim is known in it,
//!   that is given in its place, without a tag, as section 5.2 recommends for who wants one language only. Where it asks for several, each
//!   in which the claim is known stands beside it as `name#de`.
//! - `name#de`, asked for one by one, is given under that name in this language or one that is more specific (`de-CH`); failing those under
//!   its own name in a less specific one.

use serde_json::{Map, Value};

use crate::realm::{canonical_tag, is_within, nearest, split_tag, tagged};

/// More languages than this are not looked at.
const MAX_LOCALES: usize = 8;

/// Of what is known, in every language, what is wanted; nothing that is null or an empty string (section 5.3.2).
pub(super) fn choose(known: &Map<String, Value>, wanted: &[&str], locales: Option<&str>) -> Map<String, Value> {
    let locales: Vec<String> =
        locales.unwrap_or_default().split_ascii_whitespace().take(MAX_LOCALES).filter_map(canonical_tag).collect();
    let mut chosen = Map::new();
    let mut give = |name: &str, from: &str| {
        let value = known.get(from).filter(|value| !value.is_null() && value.as_str() != Some(""));
        chosen.extend(value.map(|value| (name.to_owned(), value.clone())));
    };
    for name in wanted {
        let (base, tag) = split_tag(name);
        let tags = tags(known, base);
        let named = |tag: &str| tagged(base, Some(tag)).into_owned();
        match (tag, locales.as_slice()) {
            (Some(_), _) if known.contains_key(*name) => give(name, name),
            (Some(tag), _) => {
                if let Some(found) = nearest(tag, &tags) {
                    let shown = if is_within(found, tag) { named(tag) } else { named(found) };
                    give(&shown, &named(found));
                }
            }
            (None, [one]) => match nearest(one, &tags) {
                Some(found) => give(base, &named(found)),
                None => give(base, base),
            },
            (None, several) => {
                give(base, base);
                for found in several.iter().filter_map(|locale| nearest(locale, &tags)) {
                    give(&named(found), &named(found));
                }
            }
        }
    }
    chosen
}

/// The languages in which a claim is known.
fn tags<'k>(known: &'k Map<String, Value>, base: &str) -> Vec<&'k str> {
    let of_base = |name: &'k String| {
        let (known, tag) = split_tag(name);
        tag.filter(|_| known == base)
    };
    known.keys().filter_map(of_base).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::choose;

    fn given(wanted: &[&str], locales: Option<&str>) -> Value {
        let known = json!({
            "name": "Hanako", "name#ja-Hani-JP": "\u{82b1}\u{5b50}", "name#ja-Kana-JP": "\u{30cf}\u{30ca}\u{30b3}",
            "name#de-CH": "H\u{e4}nni", "website": "https://a.example", "website#de": "https://a.example/de",
            "nickname#fr": "Fleur", "gender": "", "zoneinfo": null,
        });
        choose(known.as_object().unwrap(), wanted, locales).into()
    }

    #[test]
    fn core_5_2_without_a_wish_there_is_no_tag() {
        let wanted = ["name", "website", "nickname", "gender", "zoneinfo", "missing"];
        for locales in [None, Some(""), Some("- ?? 1")] {
            assert_eq!(
                given(&wanted, locales),
                json!({"name": "Hanako", "website": "https://a.example"}),
                "{locales:?}"
            );
        }
    }

    #[test]
    fn core_5_2_one_language_comes_without_a_tag() {
        let wanted = ["name", "website", "nickname"];
        assert_eq!(given(&wanted, Some("de")), json!({"name": "H\u{e4}nni", "website": "https://a.example/de"}));
        assert_eq!(given(&wanted, Some("JA-kana-jp"))["name"], "\u{30cf}\u{30ca}\u{30b3}");
        assert_eq!(
            given(&wanted, Some("fr")),
            json!({"name": "Hanako", "website": "https://a.example", "nickname": "Fleur"})
        );
    }

    #[test]
    fn core_5_2_several_languages_come_with_their_tags_beside_the_claim_without() {
        assert_eq!(
            given(&["name", "website"], Some("de fr ja-Kana-JP")),
            json!({
                "name": "Hanako", "name#de-CH": "H\u{e4}nni", "name#ja-Kana-JP": "\u{30cf}\u{30ca}\u{30b3}",
                "website": "https://a.example", "website#de": "https://a.example/de",
            })
        );
    }

    #[test]
    fn core_5_5_2_a_claim_in_a_language_is_given_in_that_language_or_not_at_all() {
        for (wanted, want) in [
            ("name#ja-Kana-JP", json!({"name#ja-Kana-JP": "\u{30cf}\u{30ca}\u{30b3}"})),
            ("name#ja", json!({"name#ja": "\u{82b1}\u{5b50}"})),
            ("name#de", json!({"name#de": "H\u{e4}nni"})),
            ("website#de-AT", json!({"website#de": "https://a.example/de"})),
            ("website#fr", json!({})),
            ("missing#de", json!({})),
        ] {
            assert_eq!(given(&[wanted], Some("fr")), want, "{wanted}");
        }
    }
}
