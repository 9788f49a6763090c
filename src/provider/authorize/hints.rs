//! OpenID Connect Core section 3.1.2.1: `login_hint` fills the form in; `ui_locales` chooses the language, `display` the layout (see
//! [`crate::provider::pages::Display`]). None is ever an error. `acr_values`, and a client's `default_acr_values`, are voluntary there, and
//! there is one context class to give, so neither has a say in it ([`super::acr`]); the ID token says which it was.

use crate::provider::Params;

/// Longer hints are of no use to a form.
const MAX_LENGTH: usize = 256;

pub(super) fn login_hint(params: &Params) -> Option<String> {
    params.get("login_hint").filter(|hint| hint.len() <= MAX_LENGTH).map(str::to_owned)
}

pub(super) fn ui_locales(params: &Params) -> Option<String> {
    params.get("ui_locales").filter(|locales| locales.len() <= MAX_LENGTH).map(str::to_owned)
}
