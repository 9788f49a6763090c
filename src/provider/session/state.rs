use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use url::Url;

use crate::{
    realm::Client,
    secret::{NoEntropy, random},
};

/// `session_state` for a client's answer at `redirect_uri` (Session Management section 2): a salted hash of the client, the origin and the
/// browser state (empty where nobody is signed in), a dot, and the salt; without a space.
pub(crate) fn session_state(browser_state: &str, client: &Client, redirect_uri: &str) -> Result<String, NoEntropy> {
    let salt = random::<16>()?;
    // As the script of the page computes it.
    let text = format!("{} {} {browser_state} {salt}", client.id.as_str(), origin(redirect_uri));
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    Ok(format!("{}.{salt}", URL_SAFE_NO_PAD.encode(hash)))
}

/// As browsers write it (RFC 6454 section 6.2). That of an application without web pages is `null`, which the page never answers.
fn origin(uri: &str) -> String {
    Url::parse(uri).map_or_else(|_| "null".to_owned(), |url| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn the_origin_is_written_as_browsers_write_it() {
        for (uri, want) in [
            ("https://app.example/callback?x=1", "https://app.example"),
            ("https://APP.example:443/", "https://app.example"),
            ("http://127.0.0.1:49152/cb", "http://127.0.0.1:49152"),
            ("http://[::1]:7/cb", "http://[::1]:7"),
            ("https://b\u{fc}cher.example/", "https://xn--bcher-kva.example"),
            ("com.example.app:/cb", "null"),
            ("not a URI", "null"),
        ] {
            assert_eq!(origin(uri), want, "{uri}");
        }
    }
}
