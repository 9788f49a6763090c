//! The answer to the client (RFC 6749 sections 4.1.2, 4.1.2.1, 4.2.2 and 4.2.2.1, Form Post Response Mode section 2). Each has the `state`
//! of the request, `session_state` (OpenID Connect Session Management section 2) and, by RFC 9207 section 2, `iss`.

use axum::{body::Body, http::Response};

use super::{ResponseMode, issue::Issued};
use crate::{
    provider::{
        OAuthError,
        pages::{self, FormPostPage},
        visit::{Visit, see_other, with_error},
    },
    realm::Client,
};

/// Where an answer goes and how: a redirect URI that was found among the client's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReplyTo {
    pub(crate) redirect_uri: String,
    pub(crate) mode: ResponseMode,
    pub(crate) state: Option<String>,
}

impl ReplyTo {
    /// What was asked for.
    pub(super) fn issued(&self, visit: &Visit<'_>, client: &Client, issued: &Issued) -> Response<Body> {
        self.send(visit, client, &issued.parameters())
    }

    /// An error, which has the state of the session too: the client learns from it when somebody signs in.
    pub(crate) fn error(&self, visit: &Visit<'_>, client: &Client, error: OAuthError) -> Response<Body> {
        let parameters = [("error", error.code.as_str()), ("error_description", &*error.description)];
        let response = self.send(visit, client, &parameters);
        with_error(response, error)
    }

    fn send(&self, visit: &Visit<'_>, client: &Client, parameters: &[(&'static str, &str)]) -> Response<Body> {
        let session_state = visit.session_state(client, &self.redirect_uri);
        let mut parameters = parameters.to_vec();
        parameters.extend(session_state.as_deref().map(|state| ("session_state", state)));
        parameters.extend(self.state.as_deref().map(|state| ("state", state)));
        parameters.push(("iss", visit.realm().issuer.as_str()));
        match self.mode {
            ResponseMode::Query => see_other(&with_query(&self.redirect_uri, &parameters)),
            ResponseMode::Fragment => see_other(&with_fragment(&self.redirect_uri, &parameters)),
            ResponseMode::FormPost => {
                let frame = visit.frame();
                let page = FormPostPage::new(frame, &client.display_name, &self.redirect_uri, &parameters);
                pages::form_post(&page)
            }
        }
    }
}

/// Adds parameters to the query that a redirect URI may have (RFC 6749 section 3.1.2); the rest stays byte for byte.
pub(crate) fn with_query(uri: &str, parameters: &[(&str, &str)]) -> String {
    if parameters.is_empty() {
        return ascii(uri);
    }
    let joint = match uri.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some((_, query)) if query.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{}{joint}{}", ascii(uri), encoded(parameters))
}

/// Gives a redirect URI, which has no fragment of its own (RFC 6749 section 3.1.2), one of parameters in the same encoding (section
/// 4.2.2).
fn with_fragment(uri: &str, parameters: &[(&str, &str)]) -> String {
    format!("{}#{}", ascii(uri), encoded(parameters))
}

fn encoded(parameters: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
}

/// A header holds ASCII only.
fn ascii(uri: &str) -> String {
    uri.chars().map(|c| if c.is_ascii() { c.to_string() } else { percent_encoded(c) }).collect()
}

fn percent_encoded(c: char) -> String {
    c.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{with_fragment, with_query};

    #[test]
    fn parameters_join_the_query_that_is_there() {
        for (uri, want) in [
            ("https://a/cb", "https://a/cb?code=x+y"),
            ("https://a/cb?", "https://a/cb?code=x+y"),
            ("https://a/cb?t=1", "https://a/cb?t=1&code=x+y"),
            ("com.example.app:/cb", "com.example.app:/cb?code=x+y"),
            ("https://a/é", "https://a/%C3%A9?code=x+y"),
        ] {
            assert_eq!(with_query(uri, &[("code", "x y")]), want);
            assert!(want.starts_with(with_query(uri, &[]).as_str()), "nothing to add, nothing added");
        }
    }

    #[test]
    fn rfc6749_4_2_2_a_fragment_follows_the_query_that_is_there() {
        for (uri, want) in [
            ("https://a/cb", "https://a/cb#id_token=x+y&state=%23%26"),
            ("https://a/cb?t=1", "https://a/cb?t=1#id_token=x+y&state=%23%26"),
            ("https://a/é", "https://a/%C3%A9#id_token=x+y&state=%23%26"),
        ] {
            assert_eq!(with_fragment(uri, &[("id_token", "x y"), ("state", "#&")]), want);
        }
    }
}
