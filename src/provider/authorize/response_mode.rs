//! OAuth 2.0 Multiple Response Type Encoding Practices sections 2.1 and 5, Form Post Response Mode: how the answer travels, errors
//! included. Each response type has its default, and what holds a token never travels in a query: it would stand in logs and in the
//! `Referer` of what comes next.

use crate::provider::{ErrorCode, OAuthError, Params};

/// How an answer travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponseMode {
    /// In the query of the redirect URI.
    Query,
    /// In its fragment, which stays in the browser.
    Fragment,
    /// In the body of a POST to it.
    FormPost,
}

impl ResponseMode {
    /// All of them, in the order of metadata.
    pub(crate) const ALL: [Self; 3] = [Self::Query, Self::Fragment, Self::FormPost];

    /// The registered name.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "form_post",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == name)
    }

    /// The default of a `response_type`, served or not: the fragment for what would bring a token, the query for all else.
    fn default_of(response_type: &str) -> Self {
        let is_token = |word: &str| matches!(word, "id_token" | "token");
        let words = || response_type.split(' ').filter(|word| !word.is_empty());
        let is_known = words().all(|word| is_token(word) || matches!(word, "code" | "none"));
        if is_known && words().any(is_token) { Self::Fragment } else { Self::Query }
    }

    /// How the request is answered, with an error too; where what it asks for can't be, the default way.
    pub(super) fn of(params: &Params) -> Self {
        check(params).unwrap_or_else(|_| default(params))
    }
}

fn default(params: &Params) -> ResponseMode {
    ResponseMode::default_of(params.get("response_type").unwrap_or_default())
}

pub(super) fn check(params: &Params) -> Result<ResponseMode, OAuthError> {
    let refuse = |description: &'static str| Err(OAuthError::new(ErrorCode::InvalidRequest, description));
    let default = default(params);
    match params.get("response_mode").map(ResponseMode::named) {
        None => Ok(default),
        Some(None) => refuse("response_mode must be query, fragment or form_post"),
        Some(Some(ResponseMode::Query)) if default == ResponseMode::Fragment => {
            refuse("response_mode=query is not for a response_type with id_token or token")
        }
        Some(Some(mode)) => Ok(mode),
    }
}

#[cfg(test)]
mod tests {
    use super::ResponseMode;
    use crate::provider::{Params, testing::encode};

    #[test]
    fn oauth_multiple_response_types_2_1_each_type_has_its_default_and_an_error_goes_the_same_way() {
        for (response_type, response_mode, want) in [
            ("code", "", "query"),
            ("none", "", "query"),
            ("", "", "query"),
            ("code id_token", "", "fragment"),
            ("id_token  code", "", "fragment"),
            ("token", "", "fragment"),
            ("id_token", "", "fragment"),
            ("device", "", "query"),
            ("device token", "", "query"),
            ("code", "fragment", "fragment"),
            ("code", "form_post", "form_post"),
            ("id_token", "form_post", "form_post"),
            ("code token", "query", "fragment"),
            ("code token", "smoke", "fragment"),
            ("code", "smoke", "query"),
        ] {
            let form = encode(&[("response_type", response_type), ("response_mode", response_mode)]);
            let mode = ResponseMode::of(&Params::parse(form.as_bytes()).unwrap());
            assert_eq!(mode.as_str(), want, "{response_type} {response_mode}");
        }
    }
}
