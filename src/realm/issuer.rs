use std::{fmt, sync::Arc};

use url::{Host, Url};

/// An issuer identifier (OpenID Connect Discovery section 3, RFC 8414 section 2): `https` (`http` only for loopback), no
/// query, no fragment, no trailing slash.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Issuer {
    text: Arc<str>,
    authority: Arc<str>,
    path: Arc<str>,
    secure: bool,
}

/// Why a text is no issuer identifier.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct InvalidIssuer(pub &'static str);

impl Issuer {
    /// Parses and normalises an issuer. `http` is accepted for `localhost`, `*.localhost` and loopback addresses.
    ///
    /// # Errors
    /// A sentence that says what to mend.
    pub fn parse(text: &str) -> Result<Self, InvalidIssuer> {
        let url = Url::parse(text)
            .map_err(|_| InvalidIssuer("it must be an absolute URL such as https://id.example.com/staff"))?;
        let host = url.host().ok_or(InvalidIssuer("it must have a host"))?;
        let secure = match url.scheme() {
            "https" => true,
            "http" if is_loopback(&host) => false,
            "http" => return Err(InvalidIssuer("it must use https (http is for loopback hosts only)")),
            _ => return Err(InvalidIssuer("it must use https")),
        };
        if url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidIssuer("it must have neither query nor fragment"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidIssuer("it must have no user information"));
        }
        let path = url.path().trim_end_matches('/');
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_string(),
        };
        Ok(Self {
            text: format!("{}://{authority}{path}", url.scheme()).into(),
            authority: authority.into(),
            path: path.into(),
            secure,
        })
    }

    /// The identifier as it stands in `iss`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The identifier, shared.
    pub fn shared(&self) -> Arc<str> {
        self.text.clone()
    }

    /// Host in lower case, with the port where it is not the scheme's default: what a `Host` header must be.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The path without a trailing slash; empty for a bare host.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// True for https: cookies are `Secure` and carry the prefix `__Host-`.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// An endpoint below the issuer: `path` starts with a slash.
    pub fn endpoint(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::Issuer;

    #[test]
    fn an_issuer_is_normalised() {
        for (text, normal, authority, path) in [
            ("https://ID.example.com:443/staff/", "https://id.example.com/staff", "id.example.com", "/staff"),
            ("https://id.example.com", "https://id.example.com", "id.example.com", ""),
            ("http://localhost:8080/realms/a", "http://localhost:8080/realms/a", "localhost:8080", "/realms/a"),
            ("http://[::1]:8080", "http://[::1]:8080", "[::1]:8080", ""),
        ] {
            let issuer = Issuer::parse(text).unwrap();
            assert_eq!((issuer.as_str(), issuer.authority(), issuer.path()), (normal, authority, path));
        }
    }

    #[test]
    fn what_is_no_issuer_is_refused_with_a_reason() {
        for text in [
            "staff",
            "http://id.example.com",
            "ftp://x",
            "https://x/?a",
            "https://x/#f",
            "https://u:p@x/",
            "https://u@x",
        ] {
            assert!(Issuer::parse(text).is_err(), "{text}");
        }
    }
}
