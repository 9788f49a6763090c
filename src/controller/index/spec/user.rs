use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Problems, realm_name};
use crate::{
    api,
    controller::source::FieldProblem,
    realm::{ObjectName, Subject, canonical_tag, tagged},
};

/// A User's spec.
#[derive(Debug)]
pub struct UserSpec {
    /// Its Realm.
    pub realm: ObjectName,
    /// What the person types to sign in.
    pub username: Arc<str>,
    /// `spec.subject`; none: derived.
    pub subject: Option<Subject>,
    /// Whether the person can sign in.
    pub enabled: bool,
    /// Standard claims under their claim names.
    pub profile: Map<String, Value>,
    /// Whatever else is known.
    pub attributes: Map<String, Value>,
    /// The Secret with the password, in the User's namespace.
    pub password_secret: Option<Arc<str>>,
}

impl TryFrom<&api::User> for UserSpec {
    type Error = Vec<FieldProblem>;

    fn try_from(user: &api::User) -> Result<Self, Self::Error> {
        let mut problems = Problems::default();
        let spec = &user.spec;
        let username = spec.username.as_deref().or(user.metadata.name.as_deref()).unwrap_or_default();
        if username.is_empty() || username.chars().any(|c| c.is_whitespace() || c.is_control()) {
            problems.push("spec.username", "it must hold no spaces and no control characters, and not be empty");
        }
        let subject = spec.subject.as_deref();
        if subject
            .is_some_and(|text| text.is_empty() || text.len() > 255 || !text.bytes().all(|b| b.is_ascii_graphic()))
        {
            problems
                .push("spec.subject", "it must be 1 to 255 visible ASCII characters (OpenID Connect Core section 2)");
        }
        let profile = profile(&spec.profile, spec.email.as_ref(), &mut problems);
        problems.finish(Self {
            realm: realm_name(&spec.realm_ref, user.metadata.namespace.as_deref()),
            username: username.into(),
            subject: subject.map(Subject::new),
            enabled: spec.enabled,
            profile,
            attributes: attributes(&spec.attributes),
            password_secret: spec.password_secret_ref.as_ref().map(|reference| reference.name.as_str().into()),
        })
    }
}

fn attributes(attributes: &BTreeMap<String, Vec<String>>) -> Map<String, Value> {
    attributes.iter().map(|(name, values)| (name.clone(), values.clone().into())).collect()
}

/// The claims of OpenID Connect Core section 5.1; one that is not known is left out.
fn profile(profile: &api::Profile, email: Option<&api::Email>, problems: &mut Problems) -> Map<String, Value> {
    let mut claims = texts(&[
        ("name", &profile.name),
        ("given_name", &profile.given_name),
        ("family_name", &profile.family_name),
        ("middle_name", &profile.middle_name),
        ("nickname", &profile.nickname),
        ("preferred_username", &profile.preferred_username),
        ("profile", &profile.profile),
        ("picture", &profile.picture),
        ("website", &profile.website),
        ("gender", &profile.gender),
        ("birthdate", &profile.birthdate),
        ("zoneinfo", &profile.zoneinfo),
        ("locale", &profile.locale),
        ("phone_number", &profile.phone_number),
    ]);
    if let Some(number) = &profile.phone_number {
        let is_verified = profile.phone_number_verified && is_e164(number);
        claims.insert("phone_number_verified".into(), is_verified.into());
    }
    if let Some(text) = &profile.updated_at
        && let Some(at) = problems.take("spec.profile.updatedAt", text.parse::<Timestamp>())
    {
        claims.insert("updated_at".into(), at.as_second().into());
    }
    if let Some(email) = email {
        claims.insert("email".into(), email.address.as_str().into());
        claims.insert("email_verified".into(), email.verified.into());
    }
    let address = profile.address.as_ref().map(address).unwrap_or_default();
    if !address.is_empty() {
        claims.insert("address".into(), address.into());
    }
    for (at, localized) in profile.localized.iter().enumerate() {
        match canonical_tag(&localized.locale) {
            Some(tag) => claims.extend(in_language(localized, &tag)),
            None => problems.push(format!("spec.profile.localized[{at}].locale"), "it is no language tag (BCP 47)"),
        }
    }
    claims
}

/// The claims of OpenID Connect Core section 5.2, each with its language: `name#de`.
fn in_language(profile: &api::LocalizedProfile, tag: &str) -> Map<String, Value> {
    let mut claims = texts(&[
        ("name", &profile.name),
        ("given_name", &profile.given_name),
        ("family_name", &profile.family_name),
        ("middle_name", &profile.middle_name),
        ("nickname", &profile.nickname),
        ("profile", &profile.profile),
        ("website", &profile.website),
        ("gender", &profile.gender),
    ]);
    let address = profile.address.as_ref().map(address).unwrap_or_default();
    if !address.is_empty() {
        claims.insert("address".into(), address.into());
    }
    claims.into_iter().map(|(name, value)| (tagged(&name, Some(tag)).into_owned(), value)).collect()
}

/// E.164, with what people write between the digits, and an extension as RFC 3966 has it (OpenID Connect Core section 5.1).
fn is_e164(number: &str) -> bool {
    let (number, extension) = number.split_once(";ext=").map_or((number, None), |(number, ext)| (number, Some(ext)));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(written) = number.strip_prefix('+') else { return false };
    let digits: String = written.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
    is_digits(&digits) && digits.len() <= 15 && !digits.starts_with('0') && extension.is_none_or(is_digits)
}

fn address(address: &api::Address) -> Map<String, Value> {
    texts(&[
        ("formatted", &address.formatted),
        ("street_address", &address.street_address),
        ("locality", &address.locality),
        ("region", &address.region),
        ("postal_code", &address.postal_code),
        ("country", &address.country),
    ])
}

fn texts(pairs: &[(&str, &Option<String>)]) -> Map<String, Value> {
    let given = |value: &'_ Option<String>| value.clone().filter(|text| !text.is_empty());
    let known = |(name, value): &(&str, &Option<String>)| Some(((*name).to_owned(), given(value)?.into()));
    pairs.iter().filter_map(known).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::UserSpec;
    use crate::api;

    fn parse(spec: Value) -> Result<UserSpec, Vec<String>> {
        let user = api::User::new("ada", serde_json::from_value(spec).unwrap());
        UserSpec::try_from(&user).map_err(|problems| problems.into_iter().map(|problem| problem.field).collect())
    }

    #[test]
    fn what_is_known_stands_under_the_names_of_the_claims() {
        let spec = parse(json!({
            "realmRef": {"name": "staff", "namespace": "identity"},
            "profile": {"givenName": "Ada", "phoneNumber": "+44 20", "address": {"streetAddress": "12 St"}},
            "email": {"address": "ada@example.com"},
            "attributes": {"department": ["maths"]},
        }))
        .unwrap();
        assert_eq!((&*spec.username, &*spec.realm.namespace), ("ada", "identity"));
        assert_eq!(
            Value::Object(spec.profile),
            json!({
                "given_name": "Ada", "phone_number": "+44 20", "phone_number_verified": false,
                "email": "ada@example.com", "email_verified": false, "address": {"street_address": "12 St"},
            })
        );
        assert_eq!(Value::Object(spec.attributes), json!({"department": ["maths"]}));
    }

    #[test]
    fn core_5_2_what_is_known_in_a_language_stands_under_its_tag() {
        let spec = parse(json!({
            "realmRef": {"name": "staff"},
            "profile": {"name": "Ada", "localized": [
                {"locale": "de", "name": "Ada von Lovelace", "address": {"country": "Deutschland", "region": ""}},
                {"locale": "JA_kana-jp", "familyName": "\u{30e9}", "website": "https://a.example/ja"},
            ]},
        }))
        .unwrap();
        assert_eq!(
            Value::Object(spec.profile),
            json!({
                "name": "Ada", "name#de": "Ada von Lovelace", "address#de": {"country": "Deutschland"},
                "family_name#ja-Kana-JP": "\u{30e9}", "website#ja-Kana-JP": "https://a.example/ja",
            })
        );
        let wrong =
            json!({"realmRef": {"name": "a"}, "profile": {"updatedAt": "yesterday", "localized": [{"locale": "1"}]}});
        assert_eq!(parse(wrong).unwrap_err(), ["spec.profile.updatedAt", "spec.profile.localized[0].locale"]);
    }

    #[test]
    fn core_5_1_updated_at_is_a_number_and_a_verified_number_is_e164() {
        let claims = |profile: Value| parse(json!({"realmRef": {"name": "a"}, "profile": profile})).unwrap().profile;
        assert_eq!(claims(json!({"updatedAt": "2026-01-01T01:00:00+01:00"}))["updated_at"], json!(1_767_225_600));
        for (number, is_told) in [
            ("+1 (425) 555-1212", true),
            ("+442079460000;ext=5678", true),
            ("+44 20 ext 5", false),
            ("020 7946 0000", false),
            ("+1234567890123456", false),
            ("+", false),
            ("+44;ext=", false),
        ] {
            let claims = claims(json!({"phoneNumber": number, "phoneNumberVerified": true}));
            assert_eq!(claims["phone_number_verified"], json!(is_told), "{number}");
        }
    }

    #[test]
    fn a_name_that_can_not_be_typed_is_refused() {
        let problems = parse(json!({"realmRef": {"name": "a"}, "username": "a b", "subject": "é"})).unwrap_err();
        assert_eq!(problems, ["spec.username", "spec.subject"]);
    }
}
