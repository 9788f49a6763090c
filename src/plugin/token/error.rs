use std::{io, path::PathBuf};

use crate::{realm::InvalidIssuer, secret::NoEntropy};

/// Why there is no token; holds no token, no code and no verifier.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The issuer's text.
    #[error("the issuer: {0}")]
    Issuer(#[from] InvalidIssuer),
    /// A file that was named on the command line, or that the way of authentication needs.
    #[error("{path} can't be read: {error}")]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file of `--certificate-authority`.
    #[error("{0} holds no certificate in PEM")]
    CertificateAuthority(PathBuf),
    /// The file of the projected token.
    #[error("{0} holds no ServiceAccount token")]
    ServiceAccountToken(PathBuf),
    /// No answer.
    #[error("the provider can't be reached: {0}")]
    Unreachable(String),
    /// An answer that is none of those that the standard has.
    #[error("{0}")]
    Answer(String),
    /// The metadata are not those of the issuer, or lack what is needed (OpenID Connect Discovery section 4.3).
    #[error("the provider's metadata: {0}")]
    Metadata(String),
    /// An error of the token endpoint, the revocation endpoint or the authorization response.
    #[error("the provider refused: {0}")]
    Refused(Refusal),
    /// The authorization response can't be trusted.
    #[error("the answer of the sign-in is refused: {0}")]
    Response(&'static str),
    /// The ID token can't be trusted (OpenID Connect Core section 3.1.3.7).
    #[error("the ID token is refused: {0}")]
    IdToken(&'static str),
    /// Asked for an ID token, and got none.
    #[error("the provider gave no ID token: ask for the scope openid (--scope)")]
    NoIdToken,
    /// The port of `--listen-port` is taken, or there is no loopback interface.
    #[error("can't listen on 127.0.0.1:{port}: {error}")]
    Listen {
        /// 0: any.
        port: u16,
        /// Why.
        error: io::Error,
    },
    /// Nobody has signed in.
    #[error("nobody has signed in within {0} seconds (--login-timeout)")]
    TimedOut(u64),
    /// The cache.
    #[error("the cache: {path}: {error}")]
    Cache {
        /// Where.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Another process holds the cache entry for too long.
    #[error("another process is getting this token and does not come to an end (--no-cache goes without it)")]
    Busy,
    /// `KUBERNETES_EXEC_INFO`.
    #[error("KUBERNETES_EXEC_INFO: {0}")]
    ExecInfo(String),
    /// No random numbers.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
}

/// An error as the provider says it (RFC 6749 sections 4.1.2.1 and 5.2), made fit to be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}{}{description}", if description.is_empty() { "" } else { ": " })]
pub struct Refusal {
    /// `error`.
    pub code: String,
    /// `error_description`; empty where there is none.
    pub description: String,
}

impl Refusal {
    /// Both come from elsewhere: what a terminal could take for a command is left out, and what is long is cut.
    pub fn new(code: &str, description: &str) -> Self {
        let fit = |text: &str, length| text.chars().filter(|c| !c.is_control()).take(length).collect();
        Self { code: fit(code, 64), description: fit(description, 300) }
    }
}

#[cfg(test)]
mod tests {
    use super::Refusal;

    #[test]
    fn what_the_provider_says_reaches_the_terminal_as_text_only() {
        let refusal = Refusal::new("access_denied\u{1b}[2J", &format!("no\r\n{}", "x".repeat(1000)));
        assert_eq!(refusal.code, "access_denied[2J");
        assert_eq!((refusal.description.len(), refusal.description.contains('\n')), (300, false));
        assert_eq!(Refusal::new("login_required", "").to_string(), "login_required");
        assert_eq!(Refusal::new("a", "b").to_string(), "a: b");
    }
}
