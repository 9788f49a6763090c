//! Who asks, as a person is shown it: name, logo and links in the language of the page (OpenID Connect Registration sections 2 and 2.1),
//! and where the answer goes.

use std::sync::Arc;

use url::Url;

use super::{Texts, origin_in_policy};
use crate::realm::{Client, Issuer};

/// A client on a page.
pub(crate) struct Asker<'a> {
    pub(crate) name: Arc<str>,
    /// Where a person goes back to.
    pub(crate) host: &'a str,
    logo: Option<Url>,
    links: Vec<Link>,
}

/// A link to something that the client wants people to be able to read.
pub(crate) struct Link {
    pub(crate) href: String,
    pub(crate) label: &'static str,
}

impl<'a> Asker<'a> {
    /// The client as it is shown; `redirect_uri` is the one that the answer goes to.
    pub(crate) fn new(client: &'a Client, redirect_uri: &'a str, issuer: &Issuer, texts: &Texts) -> Self {
        let registered = client.redirect_uris.iter().find(|known| known.matches(redirect_uri));
        // A private-use URI has no host: its scheme is what tells the application.
        let host = registered.and_then(|known| known.host()).or_else(|| redirect_uri.split(':').next());
        let shown = client.presentation.in_language(texts.lang);
        let links = [
            (&shown.home, texts.client_home),
            (&shown.policy, texts.client_policy),
            (&shown.terms, texts.client_terms),
        ];
        let link = |(uri, label): (&Option<Arc<str>>, _)| Some(Link { href: web(uri.as_deref()?)?.into(), label });
        Self {
            name: name_of(client, texts),
            host: host.unwrap_or_default(),
            logo: shown
                .logo
                .as_deref()
                .and_then(web)
                .filter(|logo| (logo.scheme() == "https" || !issuer.is_secure()) && origin_in_policy(logo).is_some()),
            links: links.into_iter().filter_map(link).collect(),
        }
    }

    /// The one origin that the page may load an image from.
    pub(super) fn logo_origin(&self) -> Option<String> {
        self.logo.as_ref().and_then(origin_in_policy)
    }

    pub(super) fn logo(&self) -> Option<&str> {
        self.logo.as_ref().map(Url::as_str)
    }

    pub(super) fn links(&self) -> &[Link] {
        &self.links
    }
}

/// The name of a client in the language of a page.
pub(crate) fn name_of(client: &Client, texts: &Texts) -> Arc<str> {
    let shown = client.presentation.in_language(texts.lang).name.filter(|name| !name.trim().is_empty());
    shown.unwrap_or_else(|| client.display_name.clone())
}

/// Only what a browser opens as a page of the web: no script, no data, no credentials in the address.
fn web(uri: &str) -> Option<Url> {
    let url = Url::parse(uri).ok().filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host())?;
    (url.username().is_empty() && url.password().is_none()).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::web;

    #[test]
    fn only_addresses_of_the_web_become_links() {
        for uri in ["https://app.example/terms?v=1#s", "http://app.example"] {
            assert!(web(uri).is_some(), "{uri}");
        }
        for uri in [
            "javascript:alert(1)",
            "data:text/html,x",
            "//app.example",
            "/terms",
            "ftp://app.example",
            "https://u:p@app.example/",
            "",
            "mailto:a@b",
        ] {
            assert!(web(uri).is_none(), "{uri}");
        }
    }
}
