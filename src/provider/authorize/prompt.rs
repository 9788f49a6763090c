//! OpenID Connect Core section 3.1.2.1, `prompt`: a list of `none` (and then nothing else), `login`, `consent`, `select_account`. Core
//! leaves it to the provider whether a value that is not known is an error or passed over. It is an error: the client relies on something
//! that would not happen, and Initiating User Registration via OpenID Connect section 4.1 asks for it, by this code and with the value
//! named; `create`, which nobody here can do, is such a value.

use crate::provider::{ErrorCode, OAuthError, Params};

/// What the client wants a person to be asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Prompt {
    pub(crate) none: bool,
    pub(crate) login: bool,
    pub(crate) consent: bool,
    pub(crate) select_account: bool,
}

pub(super) fn check(params: &Params) -> Result<Prompt, OAuthError> {
    let refuse = |description: &'static str| Err(OAuthError::new(ErrorCode::InvalidRequest, description));
    let mut prompt = Prompt::default();
    for value in params.get("prompt").unwrap_or_default().split(' ').filter(|value| !value.is_empty()) {
        match value {
            "none" => prompt.none = true,
            "login" => prompt.login = true,
            "consent" => prompt.consent = true,
            "select_account" => prompt.select_account = true,
            unknown => {
                let description = format!("prompt must be none, login, consent or select_account, not {unknown:.32}");
                return Err(OAuthError::new(ErrorCode::InvalidRequest, description));
            }
        }
    }
    match prompt.none && prompt != (Prompt { none: true, ..Prompt::default() }) {
        true => refuse("prompt=none can't stand together with another prompt"),
        false => Ok(prompt),
    }
}
