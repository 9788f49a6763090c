use super::{de::DE, en::EN, own::OwnTexts};

/// A sentence with one name in it: what stands before it and what after.
pub(crate) type Around = (&'static str, &'static str);

/// Every word that a person reads, in one language. A translation is one more value of this type, listed in [`ALL`]: the compiler says
/// what is missing.
#[derive(Debug)]
pub(crate) struct Texts {
    /// BCP 47 tag, for `lang` and for negotiation.
    pub(crate) lang: &'static str,

    pub(crate) sign_in: &'static str,
    pub(crate) to_continue_to: Around,
    pub(crate) username: &'static str,
    pub(crate) password: &'static str,
    pub(crate) cancel: Around,
    pub(crate) credentials_wrong: &'static str,
    pub(crate) credentials_missing: &'static str,
    pub(crate) locked_minutes: Around,
    pub(crate) locked_one_minute: &'static str,
    pub(crate) overloaded: &'static str,

    pub(crate) choose_account: &'static str,
    pub(crate) signed_in_as: Around,
    pub(crate) continue_as: Around,
    pub(crate) use_another_account: &'static str,

    pub(crate) client_home: &'static str,
    pub(crate) client_policy: &'static str,
    pub(crate) client_terms: &'static str,

    pub(crate) consent: Around,
    pub(crate) consent_list: Around,
    pub(crate) consent_at: Around,
    pub(crate) not_you: &'static str,
    pub(crate) consent_allow: &'static str,
    pub(crate) consent_deny: &'static str,
    pub(crate) consent_goes_to: Around,
    /// Standard scopes by name; a realm's own have the description of the Realm.
    pub(crate) scopes: &'static [(&'static str, &'static str)],
    /// Standard claims by name, for a client that asks for one alone.
    pub(crate) claims: &'static [(&'static str, &'static str)],
    /// Another claim, by its name.
    pub(crate) claim: Around,

    pub(crate) sign_out: &'static str,
    pub(crate) sign_out_question: Around,
    pub(crate) sign_out_asked_by: Around,
    pub(crate) stay_signed_in: &'static str,
    pub(crate) signed_out: Notice,
    pub(crate) signing_out: Notice,
    pub(crate) still_signed_in: Notice,

    pub(crate) returning_to: Around,
    pub(crate) go_on: &'static str,
    pub(crate) back_to: Around,
    pub(crate) try_again: &'static str,
    pub(crate) details: &'static str,

    /// The person's own page.
    pub(crate) own: &'static OwnTexts,

    pub(crate) bad_request: Notice,
    pub(crate) bad_sign_out: Notice,
    pub(crate) expired: Notice,
    pub(crate) no_cookies: Notice,
    pub(crate) nothing_under_way: Notice,
    pub(crate) form_outdated: Notice,
    pub(crate) passwords_disabled: Notice,
    pub(crate) unavailable: Notice,
    pub(crate) failed: Notice,
}

/// A page that only tells something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Notice {
    pub(crate) title: &'static str,
    pub(crate) text: &'static str,
}

static ALL: [&Texts; 2] = [&EN, &DE];

/// The tags of all languages, for `ui_locales_supported`.
pub(crate) const LANGUAGES: &[&str] = &["en", "de"];

impl Texts {
    /// The first language that there is of `ui_locales` (OpenID Connect Core section 3.1.2.1), then of `Accept-Language` (RFC 9110
    /// section 12.5.4); else English.
    pub(crate) fn negotiate(ui_locales: Option<&str>, accept_language: Option<&str>) -> &'static Self {
        let asked = ui_locales.unwrap_or_default().split_ascii_whitespace().map(str::to_owned);
        asked.chain(preferred(accept_language.unwrap_or_default())).find_map(|tag| Self::find(&tag)).unwrap_or(&EN)
    }

    fn find(tag: &str) -> Option<&'static Self> {
        // `de-CH` gets German (RFC 4647 section 3.4).
        let primary = tag.split('-').next().unwrap_or(tag);
        ALL.into_iter().find(|texts| texts.lang.eq_ignore_ascii_case(primary))
    }
}

/// The tags of `Accept-Language`, the most wanted first.
fn preferred(header: &str) -> Vec<String> {
    let mut weighted: Vec<(f32, &str)> = header
        .split(',')
        .take(32)
        .filter_map(|item| {
            let (tag, weight) = item.split_once(';').unwrap_or((item, "q=1"));
            let weight = weight.trim().strip_prefix("q=")?.parse::<f32>().ok()?;
            (weight > 0.0 && weight <= 1.0).then_some((weight, tag.trim()))
        })
        .collect();
    weighted.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    weighted.into_iter().map(|(_, tag)| tag.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::{ALL, LANGUAGES, Texts};
    use crate::realm::STANDARD_SCOPES;

    #[test]
    fn the_language_is_that_of_ui_locales_then_of_the_browser_then_english() {
        for (ui_locales, accept_language, want) in [
            (None, None, "en"),
            (Some("fr de-CH en"), Some("en"), "de"),
            (Some("fr"), Some("fr;q=0.9, de;q=0.8, en;q=0.7"), "de"),
            (None, Some("de;q=0.5, en-GB"), "en"),
            (None, Some("de;q=0, *"), "en"),
            (Some("DE"), None, "de"),
            (Some(""), Some(";;q=,,\u{1F600}"), "en"),
        ] {
            assert_eq!(Texts::negotiate(ui_locales, accept_language).lang, want, "{ui_locales:?} {accept_language:?}");
        }
    }

    #[test]
    fn every_language_describes_every_standard_scope_and_claim() {
        for texts in ALL {
            let described: Vec<_> = texts.scopes.iter().map(|(name, _)| *name).collect();
            assert_eq!(described, STANDARD_SCOPES.map(|(name, _)| name), "{}", texts.lang);
        }
        let standard = STANDARD_SCOPES.iter().flat_map(|(_, claims)| claims.iter().copied());
        let standard: Vec<_> = standard.filter(|claim| *claim != "sub").collect();
        for texts in ALL {
            let described: Vec<_> = texts.claims.iter().map(|(name, _)| *name).collect();
            assert_eq!(described, standard, "{}", texts.lang);
        }
        assert_eq!(ALL.map(|texts| texts.lang).as_slice(), LANGUAGES);
    }
}
