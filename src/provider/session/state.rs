use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use url::Url;

use crate::{
    account::session::Session,
    realm::Client,
    secret::{NoEntropy, random},
};

/// `session_state` for a client's answer at `redirect_uri` (Session Management section 3): a salted hash of the client, the origin and the
/// browser state, a dot, and the salt; without a space. None where the redirect URI is no web page, and so has no origin that could ask.
pub(crate) fn session_state(
    session: &Session,
    client: &Client,
    redirect_uri: &str,
) -> Result<Option<String>, NoEntropy> {
    let Some(origin) = origin(redirect_uri) else { return Ok(None) };
    let salt = random::<16>()?;
    // As the script of the page computes it.
    let text = format!("{} {origin} {} {salt}", client.id.as_str(), session.browser_state());
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    Ok(Some(format!("{}.{salt}", URL_SAFE_NO_PAD.encode(hash))))
}

/// As browsers write it (RFC 6454 section 6.2).
fn origin(uri: &str) -> Option<String> {
    let origin = Url::parse(uri).ok()?.origin();
    origin.is_tuple().then(|| origin.ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn the_origin_is_written_as_browsers_write_it() {
        for (uri, want) in [
            ("https://app.example/callback?x=1", Some("https://app.example")),
            ("https://APP.example:443/", Some("https://app.example")),
            ("http://127.0.0.1:49152/cb", Some("http://127.0.0.1:49152")),
            ("http://[::1]:7/cb", Some("http://[::1]:7")),
            ("https://b\u{fc}cher.example/", Some("https://xn--bcher-kva.example")),
            ("com.example.app:/cb", None),
            ("not a URI", None),
        ] {
            assert_eq!(origin(uri).as_deref(), want, "{uri}");
        }
    }
}
