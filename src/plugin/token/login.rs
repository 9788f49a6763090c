//! The code flow of a native application (RFC 8252) with PKCE, `state` and `nonce`.

use std::process::{Command, Stdio};

use url::Url;

use super::{Provider, Refusal, TokenError, loopback::Outcome, pkce::Pkce, provider::Wish};
use crate::{
    provider::Params,
    secret::{Secret, unguessable},
};

/// A sign-in under way.
#[derive(Debug)]
pub struct Attempt {
    /// What the browser opens.
    pub url: Url,
    /// The code's proof key.
    pub pkce: Pkce,
    /// Comes back in the ID token.
    pub nonce: Secret,
    state: Secret,
    issuer: String,
    says_iss: bool,
}

impl Attempt {
    /// An authorization request, every value of it fresh.
    ///
    /// # Errors
    /// The provider has no code flow; no random numbers.
    pub fn new(provider: &Provider, wish: &Wish, redirect_uri: &str) -> Result<Self, TokenError> {
        let endpoint = provider.authorization_endpoint()?;
        Self::at(endpoint, provider.issuer.as_str(), provider.says_iss(), wish, redirect_uri)
    }

    fn at(endpoint: &Url, issuer: &str, says_iss: bool, wish: &Wish, redirect_uri: &str) -> Result<Self, TokenError> {
        let (pkce, state, nonce) = (Pkce::new()?, unguessable()?, unguessable()?);
        let mut url = endpoint.clone();
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("scope", &wish.scope)
            .append_pair("state", &state)
            .append_pair("nonce", &nonce)
            .append_pair("code_challenge", &pkce.challenge)
            .append_pair("code_challenge_method", "S256");
        query.extend_pairs(wish.client_id.iter().map(|id| ("client_id", id)));
        query.extend_pairs(wish.resources.iter().map(|resource| ("resource", resource)));
        drop(query);
        let (state, nonce) = (Secret::new(state), Secret::new(nonce));
        Ok(Self { url, pkce, nonce, state, issuer: issuer.to_owned(), says_iss })
    }

    /// What decides about an answer, apart from the rest.
    pub fn expectation(&self) -> Expectation {
        Expectation { state: self.state.clone(), issuer: self.issuer.clone(), says_iss: self.says_iss }
    }
}

/// Tells the answer to a request from what else comes to the port.
#[derive(Debug, Clone)]
pub struct Expectation {
    state: Secret,
    issuer: String,
    says_iss: bool,
}

impl Expectation {
    /// The code or the error of an authorization response (RFC 6749 sections 4.1.2 and 4.1.2.1, RFC 9207 section 2.4). None: the query
    /// has not the `state` of this request, so it is no answer to it.
    pub fn read(&self, query: &str) -> Option<Outcome> {
        let params = Params::parse(query.as_bytes()).ok()?;
        if Secret::new(params.get("state")?) != self.state {
            return None;
        }
        match params.get("iss") {
            Some(issuer) if issuer != self.issuer => {
                return Some(Err(TokenError::Response("it is of another provider (iss)")));
            }
            None if self.says_iss => {
                return Some(Err(TokenError::Response("it does not say whom it is from (iss)")));
            }
            _ => {}
        }
        if let Some(error) = params.get("error") {
            let description = params.get("error_description").unwrap_or_default();
            return Some(Err(TokenError::Refused(Refusal::new(error, description))));
        }
        let code = params.get("code").map(Secret::new);
        Some(code.ok_or(TokenError::Response("it holds neither a code nor an error")))
    }
}

/// Opens the person's browser; whether one came up nobody can tell, so the address is printed too.
pub fn open(url: &Url) {
    let (program, arguments): (&str, &[&str]) = match std::env::consts::OS {
        "macos" => ("open", &[]),
        // `start` would take each `&` for the end of the command.
        "windows" => ("rundll32", &["url.dll,FileProtocolHandler"]),
        _ => ("xdg-open", &[]),
    };
    let mut command = Command::new(program);
    command.args(arguments).arg(url.as_str()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Ok(mut child) = command.spawn() {
        // It may stay for as long as the browser does.
        std::thread::spawn(move || child.wait());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use url::Url;

    use super::{Attempt, Wish};

    fn attempt() -> Attempt {
        let endpoint = Url::parse("https://id.example/staff/authorize?tenant=1").unwrap();
        let wish = Wish {
            client_id: Some("kubectl".into()),
            scope: "openid email".into(),
            resources: vec!["https://a".into(), "https://b".into()],
        };
        Attempt::at(&endpoint, "https://id.example/staff", true, &wish, "http://127.0.0.1:7/callback").unwrap()
    }

    #[test]
    fn the_request_has_all_that_a_native_application_must_send_and_no_two_are_alike() {
        let attempt = attempt();
        let query: BTreeMap<_, _> = attempt.url.query_pairs().into_owned().collect();
        for (name, value) in [
            ("tenant", "1"),
            ("response_type", "code"),
            ("client_id", "kubectl"),
            ("redirect_uri", "http://127.0.0.1:7/callback"),
            ("scope", "openid email"),
            ("code_challenge", &attempt.pkce.challenge),
            ("code_challenge_method", "S256"),
        ] {
            assert_eq!(query.get(name).map(String::as_str), Some(value), "{name}");
        }
        let resources = attempt.url.query_pairs().filter(|(name, _)| name == "resource").count();
        assert_eq!((resources, query["state"].len(), query["nonce"].len()), (2, 43, 43));
        let other: BTreeMap<_, _> = self::attempt().url.query_pairs().into_owned().collect();
        assert!(["state", "nonce", "code_challenge"].iter().all(|name| query[*name] != other[*name]));
        assert!(!attempt.url.as_str().contains(attempt.pkce.verifier.expose_str().unwrap()));
    }

    #[test]
    fn an_answer_is_one_only_with_the_state_and_is_believed_only_with_the_issuer() {
        let attempt = attempt();
        let state = attempt.state.expose_str().unwrap();
        let expectation = attempt.expectation();
        let iss = "iss=https%3A%2F%2Fid.example%2Fstaff";
        let code = expectation.read(&format!("code=c%2B1&state={state}&{iss}")).unwrap().unwrap();
        assert_eq!(code.expose(), b"c+1");
        for stray in [
            "",
            "code=c",
            &format!("code=c&state=x&{iss}"),
            &format!("code=c&state={state}&state={state}"),
            "state=%zz",
        ] {
            assert!(expectation.read(stray).is_none(), "{stray}");
        }
        for (query, why) in [
            (format!("code=c&state={state}"), "whom it is from"),
            (format!("code=c&state={state}&iss=https%3A%2F%2Fevil.example"), "another provider"),
            (format!("state={state}&{iss}"), "neither"),
            (format!("error=access_denied&error_description=not+you&state={state}&{iss}"), "access_denied: not you"),
        ] {
            let error = expectation.read(&query).unwrap().unwrap_err().to_string();
            assert!(error.contains(why), "{query}: {error}");
        }
    }

    #[test]
    fn debug_shows_neither_state_nor_verifier() {
        let attempt = attempt();
        let shown = format!("{:?}", attempt.expectation());
        assert!(!shown.contains(attempt.state.expose_str().unwrap()));
    }
}
