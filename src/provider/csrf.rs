//! A token in each form: a keyed hash of what the form is for, under a secret that only this browser's cookie holds. Another site can
//! neither read the page nor compute it, and one form's token fits no other.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// The token of the form that `purpose` names, part by part.
pub(crate) fn token(secret: &str, purpose: &[&str]) -> String {
    URL_SAFE_NO_PAD.encode(hmac::sign(&key(secret), &message(purpose)))
}

/// True where `presented` is that form's token; takes the same time for any that is not.
pub(crate) fn is_valid(secret: &str, purpose: &[&str], presented: Option<&str>) -> bool {
    let presented = presented.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()).unwrap_or_default();
    hmac::verify(&key(secret), &message(purpose), &presented).is_ok()
}

fn key(secret: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())
}

fn message(purpose: &[&str]) -> Vec<u8> {
    purpose.iter().flat_map(|part| part.bytes().chain([0])).collect()
}

#[cfg(test)]
mod tests {
    use super::{is_valid, token};

    #[test]
    fn a_token_fits_its_own_form_and_browser_only() {
        let of = token("secret", &["login", "a"]);
        assert!(is_valid("secret", &["login", "a"], Some(&of)));
        assert!(!is_valid("other", &["login", "a"], Some(&of)));
        assert!(!is_valid("secret", &["login", "b"], Some(&of)));
        assert!(!is_valid("secret", &["logina"], Some(&of)));
        for presented in [None, Some(""), Some("x"), Some("é")] {
            assert!(!is_valid("secret", &["login", "a"], presented));
        }
    }
}
